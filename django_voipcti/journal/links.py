"""What turns out after a call was recorded: its record, what directories answered, and that two calls were one.

Each function locks the lines of the calls first, as recording does: whatever is recorded at the same moment is written
before or after, never over it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from .. import duties
from ..models import Call, Line
from ..phonebook import Match
from .merge import same_number
from .parties import set_contact

__all__ = ["join", "legs_of", "link", "note_directory"]

_CONTACT = ["contact_type", "contact_id", "contact_label", "contact_company", "contact_url", "contact_confidence"]


def link(found: Mapping[int, Sequence[Match]], *, only_unlinked: bool = False) -> list[Call]:
    """Link calls (primary keys) to the first of what was found for each, or to nothing; return those that changed.

    A fixed number of queries. Calls with colleagues stay as they are; so do linked ones if ``only_unlinked``.
    """
    with transaction.atomic():
        changed = []
        for call in _locked(found):
            if only_unlinked and call.contact_type_id is not None:
                continue
            before = _written(call)
            set_contact(call, found[call.pk])
            if _written(call) != before:
                changed.append(call)
        Call.objects.bulk_update(changed, [*_CONTACT, "matches"], batch_size=200)
        concerned = [call.pk for call in changed if duties.concerns(call)]
        if concerned:
            # A conversation with the same record on another number may be the call back that was owed.
            transaction.on_commit(lambda: duties.settle(concerned), robust=True)
        return changed


def note_directory(calls: Collection[int], entries: Sequence[Mapping[str, str]]) -> list[Call]:
    """Keep what outside directories answered about calls (primary keys); return those that changed.

    Where nobody else names the other party, the first answer does from now on.
    """
    with transaction.atomic():
        changed = []
        for call in _locked(calls):
            new = [dict(entry) for entry in entries if entry not in call.directory]
            if not new:
                continue
            call.directory = [*call.directory, *new]
            if not call.contact_label and _is_nameless(call):
                call.other_name = new[0]["label"][:190]
            changed.append(call)
        Call.objects.bulk_update(changed, ["directory", "other_name"])
        return changed


def legs_of(*calls: Call) -> "QuerySet[Call]":
    """Every leg of the conversations of ``calls``, and those themselves."""
    named = Q(pk__in=[call.pk for call in calls])
    for call in calls:
        if call.conversation_id:
            named |= Q(provider=call.provider, conversation_id=call.conversation_id)
    return Call.objects.filter(named)


def join(call: Call, other: Call) -> None:
    """Make one conversation of two, with all their legs: the parties were connected with each other.

    The lines of :func:`legs_of` both must be locked.
    """
    together = call.conversation_id or other.conversation_id or f"call-{call.pk}"
    legs_of(call, other).update(conversation_id=together)


def _locked(keys: Collection[int] | Mapping[int, Any]) -> list[Call]:
    """The calls with somebody outside among these, and their lines, held until the end of the transaction."""
    calls = Call.objects.filter(pk__in=list(keys), other_line=None)
    lines = Line.objects.locked(Q(pk__in=set(calls.values_list("line", flat=True))))
    by_pk = {line.pk: line for line in lines}
    found = list(calls.order_by("pk"))
    for call in found:
        call.line = by_pk[call.line_id]
    return found


def _written(call: Call) -> tuple[Any, ...]:
    return (call.contact_type_id, *(getattr(call, name) for name in _CONTACT[1:]), call.matches)


def _is_nameless(call: Call) -> bool:
    """Whether the provider sent no name, or the number in its place."""
    return not call.other_name or same_number(call.other_name, call.other_number)
