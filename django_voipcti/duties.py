"""Missed calls become duties, and conversations close them.

The journal names the calls that a batch wrote, after commit; everything here is worked out from what stands in the
database then, so doing it twice, late or in another order leaves the same. :func:`sweep` finds what a process that was
killed between commit and this left undone.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, Q
from django.utils import timezone

from . import signals
from .conf import app_settings
from .enums import Direction, EndReason
from .models import Call, MissedCall

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = ["Tries", "concerns", "rang_at", "settle", "sweep", "tell_late", "tries"]

_SWEEP_BACK = timedelta(days=1)
_SWEEP_BATCH = 500


def concerns(call: Call) -> bool:
    """Whether what was written about ``call`` can open or close a duty."""
    return call.answered_at is not None or (call.direction == Direction.INBOUND and not call.is_live)


def settle(calls: Collection[int]) -> None:
    """Open and close the duties that follow from ``calls`` (primary keys). A fixed number of queries, and one for each
    duty that closes."""
    with transaction.atomic():
        touched = list(Call.objects.filter(pk__in=calls))
        waiting = _open_or_withdraw(touched)
        answered = [call for call in touched if call.answered_at is not None]
        if answered:
            waiting |= {each.pk: each for each in _candidates(answered)}
        _close(waiting.values())


def sweep() -> int:
    """Settle missed calls of the last day without a duty, and open duties; return how many were looked at."""
    since = timezone.now() - _SWEEP_BACK
    known = MissedCall.objects.filter(provider=OuterRef("provider"), conversation_id=OuterRef("conversation_id"))
    missed = Call.objects.missed().filter(_reachable(), ~Exists(known), other_line=None, started_at__gte=since)
    looked_at = sorted(
        {*missed.values_list("pk", flat=True)}
        | {*MissedCall.objects.open().filter(missed_at__gte=since).values_list("call_id", flat=True)}
    )
    for start in range(0, len(looked_at), _SWEEP_BATCH):
        settle(looked_at[start : start + _SWEEP_BATCH])
    return len(looked_at)


def tell_late() -> int:
    """Send ``callback_overdue`` for each duty past its deadline, once; return for how many."""
    now, told = timezone.now(), 0
    late = MissedCall.objects.late(now).filter(late_told_at=None)
    for missed in late.select_related("call__line").order_by("due_at"):
        if MissedCall.objects.open().filter(pk=missed.pk, late_told_at=None).update(late_told_at=now):
            missed.late_told_at = now
            signals.callback_overdue.send_robust(sender=MissedCall, missed=missed)
            told += 1
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often a caller tried in vain before somebody talked to him, or until now."""

    count: int
    first_at: datetime


def tries(duties: Collection[MissedCall], user: "AnyUser") -> dict[int, Tries]:
    """The tries that each of ``duties`` is one of, by primary key, as far as ``user`` may see them. One query.

    One talk closes all that a caller waits for, so tries that belong together were closed at the same moment, or not
    yet.
    """
    ends = {duty.closed_at for duty in duties}
    ended = Q(closed_at__in=ends - {None}) | (Q(closed_at=None) if None in ends else Q(pk__in=()))
    groups = (
        MissedCall.objects.visible_to(user)
        .filter(ended, _same_party([duty.call for duty in duties], "call__"))
        .order_by()
        .values_list("closed_at", "call__other_e164", "call__contact_type", "call__contact_id")
        .annotate(count=Count("pk"), first_at=Min("missed_at"))
    )
    found = list(groups)
    told = {}
    for duty in duties:
        number, contact = duty.call.other_e164, (duty.call.contact_type_id, duty.call.contact_id)
        mine = [
            (count, first_at)
            for closed_at, e164, kind, key, count, first_at in found
            if closed_at == duty.closed_at
            and ((number and e164 == number) or (kind is not None and (kind, key) == contact))
        ]
        told[duty.pk] = Tries(
            count=sum(count for count, _first_at in mine),
            first_at=min((first_at for _count, first_at in mine), default=duty.missed_at),
        )
    return told


def rang_at(duties: Collection[MissedCall], user: "AnyUser") -> dict[int, list[Call]]:
    """The legs of the conversation of each of ``duties`` that ``user`` may see, by primary key, with lines and users.
    One query."""
    named = {duty.conversation_id for duty in duties}
    legs = Call.objects.visible_to(user).filter(conversation_id__in=named, direction=Direction.INBOUND)
    found: dict[tuple[str, str], list[Call]] = {}
    for leg in legs.select_related("line__user").order_by("started_at", "pk"):
        found.setdefault((leg.provider, leg.conversation_id), []).append(leg)
    return {duty.pk: found.get((duty.provider, duty.conversation_id), []) for duty in duties}


def _reachable() -> Q:
    """Calls whose caller somebody could call back: a withheld number is nobody's work."""
    return ~Q(other_e164="") | Q(contact_type__isnull=False)


def _open_or_withdraw(touched: Iterable[Call]) -> dict[int, MissedCall]:
    """Make the duties of conversations that were missed, remove those of the others; return the open ones."""
    named = {(call.provider, call.conversation_id) for call in touched if call.conversation_id}
    if not named:
        return {}
    names = {conversation for _alias, conversation in named}
    groups: dict[tuple[str, str], list[Call]] = {key: [] for key in named}
    for leg in Call.objects.filter(conversation_id__in=names).order_by("started_at", "pk"):
        groups.get((leg.provider, leg.conversation_id), []).append(leg)
    missed = [duty for key, legs in groups.items() if (duty := _duty(legs)) is not None]
    MissedCall.objects.bulk_create(missed, ignore_conflicts=True)
    wanted = {(duty.provider, duty.conversation_id) for duty in missed}
    aliases = {alias for alias, _conversation in named}
    stored = MissedCall.objects.filter(provider__in=aliases, conversation_id__in=names).select_related("call")
    mine = [duty for duty in stored if (duty.provider, duty.conversation_id) in groups]
    withdrawn = [duty.pk for duty in mine if (duty.provider, duty.conversation_id) not in wanted]
    if withdrawn:
        MissedCall.objects.filter(pk__in=withdrawn).delete()
    return {duty.pk: duty for duty in mine if duty.closed_at is None and duty.pk not in withdrawn}


def _duty(legs: Sequence[Call]) -> MissedCall | None:
    """The duty that a conversation leaves; None if it leaves none.

    A colleague's call is none: whom he could not reach he sees himself, and a conversation of his with somebody else
    would close it.
    """
    if any(leg.is_live or leg.answered_at is not None for leg in legs):
        return None
    missed = [leg for leg in legs if leg.end_reason == EndReason.MISSED and leg.other_line_id is None]
    call = next((leg for leg in missed if leg.other_e164 or leg.contact_type_id is not None), None)
    if call is None:
        return None
    missed_at = max(leg.ended_at or leg.started_at for leg in missed)
    if missed_at < timezone.now() - timedelta(days=app_settings.missed_call_days):
        return None
    limit = app_settings.callback_deadline
    return MissedCall(
        provider=call.provider,
        conversation_id=call.conversation_id,
        call=call,
        missed_at=missed_at,
        due_at=None if limit is None else missed_at + timedelta(seconds=limit),
    )


def _same_party(calls: Iterable[Call], prefix: str = "") -> Q:
    """Rows whose other party is one of those of ``calls``, by record or by number."""
    numbers = {call.other_e164 for call in calls} - {""}
    contacts: dict[int, set[str]] = {}
    for call in calls:
        if call.contact_type_id is not None:
            contacts.setdefault(call.contact_type_id, set()).add(call.contact_id)
    same = Q(**{f"{prefix}other_e164__in": numbers})
    for kind, keys in contacts.items():
        same |= Q(**{f"{prefix}contact_type": kind, f"{prefix}contact_id__in": keys})
    return same


def _candidates(answered: Sequence[Call]) -> Iterable[MissedCall]:
    newest = max(call.answered_at for call in answered if call.answered_at is not None)
    duties = MissedCall.objects.open().filter(_same_party(answered, "call__"), missed_at__lt=newest)
    return duties.select_related("call")


def _close(waiting: Collection[MissedCall]) -> None:
    """Close each duty whose caller somebody has talked to since."""
    if not waiting:
        return
    since = min(duty.missed_at for duty in waiting)
    talks = Call.objects.filter(_same_party([duty.call for duty in waiting]), answered_at__gt=since)
    later = list(talks.select_related("line").order_by("answered_at", "pk"))
    for duty in waiting:
        talk = next((each for each in later if _closes(each, duty)), None)
        if talk is not None:
            MissedCall.objects.open().filter(pk=duty.pk).update(
                closed_at=talk.answered_at, closed_by_call=talk, closed_by=talk.line.user_id
            )


def _closes(talk: Call, duty: MissedCall) -> bool:
    if talk.answered_at is None or talk.answered_at <= duty.missed_at:
        return False
    by_number = bool(talk.other_e164) and talk.other_e164 == duty.call.other_e164
    who, whom = (talk.contact_type_id, talk.contact_id), (duty.call.contact_type_id, duty.call.contact_id)
    return by_number or (talk.contact_type_id is not None and who == whom)
