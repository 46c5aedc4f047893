"""What the pop says about a contact beside his name: his deals, and the last note."""

from collections.abc import Iterator
from typing import Any

from django.utils.formats import date_format, number_format

from django_voipcti import context_blocks
from django_voipcti.context_blocks import Fact

from .models import Contact, Deal

NOTE_LENGTH = 140


@context_blocks.register("crm.Contact", "deals", title="Open deals")
def deals(contact: Contact, **_about: Any) -> Iterator[Fact]:
    """Deals that are neither won nor lost, the next to close first."""
    for deal in contact.deals.exclude(stage__in=[Deal.Stage.WON, Deal.Stage.LOST]):
        value = f"€ {number_format(deal.value, 0, force_grouping=True)}"
        due = f" · {date_format(deal.closes_on, 'j M')}" if deal.closes_on else ""
        yield Fact(label=deal.title, value=f"{value}{due}", url=contact.get_absolute_url())


@context_blocks.register("crm.Contact", "note", title="Last note", budget=0.5)
def note(contact: Contact, **_about: Any) -> str | None:
    """The newest note, shortened, with its author."""
    newest = contact.notes.select_related("author").first()
    if newest is None:
        return None
    text = newest.text if len(newest.text) <= NOTE_LENGTH else f"{newest.text[:NOTE_LENGTH].rstrip()}…"
    return f"{text}\n{newest.author.first_name}, {date_format(newest.created_at, 'j M')}" if newest.author else text
