"""Nobody matched: what to offer then. A form for a new record, records to attach the number to, and earlier calls."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from ..models import Call, PhonebookEntry
from ..models.phonebook import EntryKind
from ..redaction import mask_digits
from . import numbers, store
from .lookup import Request, lookup_many
from .match import Match, shown_to
from .paths import Path
from .records import as_match
from .registry import Registration, registry

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

__all__ = ["BACKFILL", "CreateLink", "create_links", "link_batches", "suggest", "unlinked_calls"]

logger = logging.getLogger("django_voipcti.phonebook")

#: Records that the search as you type offers.
SUGGESTIONS = 10
_FEWEST_CHARACTERS = 2
#: Calls that are linked in one transaction.
BACKFILL = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLink:
    """The way to a form for a new record with the number filled in."""

    model: str
    """``app_label.model`` in lower case."""
    label: str
    """"New contact", in the active language."""
    url: str


def create_links(
    number: str, user: "AbstractBaseUser | AnonymousUser | None" = None, *, region: str = ""
) -> list[CreateLink]:
    """The forms for a new record with ``number`` filled in, for the models that were registered with ``create_url``.

    A URL name gets the number as the query parameter named like the first number field; a function of the number
    returns the whole address. Models that ``user`` may not add to are left out.
    """
    text = numbers.dial_string(number, region)
    links = []
    for registration in registry:
        options = registration.model._meta
        if not registration.create_url:
            continue
        if user is not None and not user.has_perm(f"{options.app_label}.add_{options.model_name}"):  # type: ignore[union-attr]
            continue
        label = _("New %(kind)s") % {"kind": options.verbose_name}
        try:
            url = _create_url(registration, text)
        except Exception as error:  # noqa: BLE001  the host's function may fail in any way; the call pops up none the less
            logger.error("No form for a new %s: %s: %s", options.label, type(error).__name__, mask_digits(str(error)))
            continue
        links.append(CreateLink(model=options.label_lower, label=label, url=url))
    return links


def suggest(
    text: str, user: "AbstractBaseUser | AnonymousUser | None" = None, *, limit: int = SUGGESTIONS
) -> list[Match]:
    """Records whose ``search`` fields hold every word of ``text``, for attaching a number as you type.

    One query per registered model, nothing below two characters. Records that ``user`` may not view are left out.
    """
    words = text.split()[:5]
    if len("".join(words)) < _FEWEST_CHARACTERS:
        return []
    found: list[Match] = []
    for registration in registry:
        fields = registration.search or _default_search(registration)
        if not fields:
            continue
        condition = Q()
        for word in words:
            condition &= Q(*((f"{field}__icontains", word) for field in fields), _connector=Q.OR)
        records = registration.model._default_manager.filter(condition)
        if registration.searchable is not None:
            records = registration.searchable(records)
        reason = _("Found by its name.")
        found += [as_match(registration, record, reason) for record in registration.load(records)[:limit]]
    if user is not None:
        found = [match for match in shown_to(user, found) if match.object_id]
    return found[:limit]


def unlinked_calls(number: str, *, region: str = "") -> "models.QuerySet[Call]":
    """Earlier calls of ``number`` that are linked to no record, newest first."""
    key = numbers.parse(number, region)
    calls = Call.objects.filter(contact_type=None, other_line=None).order_by("-id")
    if key.e164:
        return calls.filter(other_e164=key.e164)
    return calls.filter(other_e164="", other_number__in=numbers.search_keys(number, region))


def link_batches(number: str = "", *, region: str = "") -> Iterator[list[tuple[int, list[Match]]]]:
    """Earlier calls that can be linked to a record now, in batches of (primary key of the call, what was found).

    The journal writes; this only says what. Each batch has ``BACKFILL`` calls at most and costs a fixed number of
    queries.

    Args:
        number: only the calls of this number; empty: every call whose E.164 number stands in the index.
    """
    if number:
        calls = unlinked_calls(number, region=region)
    else:
        listed = (
            PhonebookEntry.objects.exclude(kind=EntryKind.OWN)
            .exclude(e164="")
            .filter(e164=models.OuterRef("other_e164"))
        )
        calls = (
            Call.objects.filter(contact_type=None, other_line=None)
            .exclude(other_e164="")
            .filter(models.Exists(listed.using(store.alias())))
            .order_by("-id")
        )
    before: int | None = None
    while True:
        page = calls if before is None else calls.filter(pk__lt=before)
        batch = list(page.select_related("line")[:BACKFILL])
        if not batch:
            return
        before = batch[-1].pk
        requests = {call.pk: Request.of(call) for call in batch}
        matches = lookup_many(set(requests.values()))
        linked = [(pk, matches[request]) for pk, request in requests.items() if matches[request]]
        if linked:
            yield linked


def _default_search(registration: Registration) -> Collection[str]:
    """The label's field, where the label is a text field of the model."""
    label = registration.label
    if not isinstance(label, Path) or len(label.steps) != 1:
        return ()
    try:
        field = registration.model._meta.get_field(label.steps[0])
    except FieldDoesNotExist:
        return ()
    return (field.name,) if isinstance(field, (models.CharField, models.TextField)) else ()


def _create_url(registration: Registration, number: str) -> str:
    target = registration.create_url
    if callable(target):
        return target(number)
    try:
        address = reverse(target)
    except NoReverseMatch:
        address = str(target)
    first = next((reader for reader in registration.numbers if isinstance(reader, Path)), None)
    name = first.steps[0] if first else "phone"
    return f"{address}{'&' if '?' in address else '?'}{urlencode({name: number})}"
