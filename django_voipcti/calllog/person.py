"""What is kept of one person (a number, or a record of the host): all of it as data, or erased."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q

from ..journal.erasure import forget_parties
from ..models import (
    Call,
    CallAccess,
    CallCommand,
    CallEvent,
    CallNote,
    CallTrace,
    IgnoredNumber,
    MissedCall,
    PhonebookChoice,
    WebhookDelivery,
)
from ..phonebook import numbers

__all__ = ["Person", "erase", "export"]

_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose traces are meant."""

    number: str = ""
    """In any spelling; empty if a record is meant."""
    record: models.Model | None = None
    region: str = ""
    """Country code by which a national number is read; empty: the settings'."""

    def calls(self) -> "models.QuerySet[Call]":
        """Calls with the person, and the other legs of those conversations: their witnesses name him too."""
        direct = Call.objects.filter(self._condition())
        shared = direct.exclude(conversation_id="").order_by()
        legs = self._condition()
        # Provider by provider: two of them may use one id for two conversations, and this decides what is erased.
        for alias in shared.values_list("provider", flat=True).distinct():
            legs |= Q(provider=alias, conversation_id__in=shared.filter(provider=alias).values("conversation_id"))
        return Call.objects.filter(legs).order_by("pk")

    def choices(self) -> "models.QuerySet[PhonebookChoice]":
        """What users have said about the number, or about who the record is."""
        if self.record is None:
            return PhonebookChoice.objects.filter(number__in=self.spellings())
        kind = ContentType.objects.get_for_model(self.record)
        return PhonebookChoice.objects.filter(content_type=kind, object_id=str(self.record.pk))

    def ignored(self) -> "models.QuerySet[IgnoredNumber]":
        """The number on the list of those that are left alone."""
        return IgnoredNumber.objects.filter(pattern__in=self.spellings())

    def deliveries(self) -> "models.QuerySet[WebhookDelivery]":
        """Webhooks as received that hold the number's digits. Reads the table: there is no index into bodies."""
        found = Q(pk__in=())
        for text in self.spellings():
            digits = text.lstrip("+")
            if len(digits) >= 6:
                found |= Q(body__contains=digits)
        return WebhookDelivery.objects.filter(found).order_by("pk")

    def spellings(self) -> list[str]:
        """The forms in which the number is stored."""
        if self.record is None:
            return [*numbers.search_keys(self.number, self.region), self.number]
        used = Call.objects.for_object(self.record).exclude(other_number="").order_by()
        return sorted({number for pair in used.values_list("other_number", "other_e164") for number in pair if number})

    def _condition(self) -> Q:
        if self.record is not None:
            kind = ContentType.objects.get_for_model(self.record)
            return Q(contact_type=kind, contact_id=str(self.record.pk))
        spellings = self.spellings()
        return Q(other_e164__in=spellings) | Q(other_number__in=spellings)


def export(person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything about ``person``, as (kind, columns), with constant memory."""
    calls = person.calls()
    keys = calls.order_by().values("pk")
    kinds: tuple[tuple[str, Any], ...] = (
        ("call", calls),
        ("call_event", CallEvent.objects.filter(call__in=keys).order_by("pk")),
        ("call_command", CallCommand.objects.filter(call__in=keys).order_by("pk")),
        ("call_trace", CallTrace.objects.filter(call__in=keys).order_by("pk")),
        ("call_access", CallAccess.objects.filter(call__in=keys).order_by("pk")),
        ("call_note", CallNote.objects.about(keys).order_by("pk")),
        ("missed_call", MissedCall.objects.filter(call__in=keys).order_by("pk")),
        ("learned_choice", person.choices()),
        ("ignored_number", person.ignored()),
        ("webhook_delivery", person.deliveries()),
    )
    for kind, rows in kinds:
        for row in rows.values().iterator(chunk_size=_BATCH):
            yield kind, row


def erase(person: Person) -> dict[str, int]:
    """Take ``person`` out of the record; return how many rows of each kind were changed or deleted.

    Live calls stay until they are over. Calls stay as figures: see ``journal.erasure``.
    """
    # What is found by the calls goes first: afterwards they tell nothing any more.
    deliveries, _details = person.deliveries().filter(processed_at__isnull=False).delete()
    choices, _details = person.choices().delete()
    ignored, _details = person.ignored().delete()
    keys = list(person.calls().filter(ended_at__isnull=False).values_list("pk", flat=True))
    calls = sum(forget_parties(keys[start : start + _BATCH]) for start in range(0, len(keys), _BATCH))
    return {
        "call": calls,
        "learned_choice": choices,
        "ignored_number": ignored,
        "webhook_delivery": deliveries,
    }
