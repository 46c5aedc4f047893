"""The only writer of calls: takes call updates from any source and keeps one true record of each call.

:func:`record` works on a batch in one transaction, with a number of queries that does not grow with the batch. Which
state a call is in is decided by :mod:`django_voipcti.lifecycle`; how witnesses are merged by ``merge``; which call an
update is about by ``batch``; who the other party is by ``parties``, and what turns out later by ``links``.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from .. import duties, outside, realtime, signals
from ..enums import CallState, Direction
from ..events import CallUpdate, Party
from ..models import Call, CallEvent, Line, RolledDay
from ..redaction import PhoneNumber
from .batch import Batch
from .links import join, legs_of, link, note_directory
from .parties import identify

__all__ = ["join", "legs_of", "link", "note_directory", "open_call", "record"]

logger = logging.getLogger(__name__)


def open_call(line: Line, number: PhoneNumber, *, now: datetime, consultation_of: Call | None = None) -> Call:
    """Write down a call that a user has just asked for, in state ``REQUESTED``, with the other party looked up.

    Not told to pages: the click is answered by reference, and ``INITIAL`` follows when the provider has it.

    Args:
        consultation_of: the call about whose transfer the new one asks.
    """
    batch = Batch([line], now)
    change = batch.new_call(
        line, direction=Direction.OUTBOUND, state=CallState.REQUESTED, other=Party(number=number), when=now
    )
    strangers = identify([change])
    change.call.consultation_of = consultation_of
    change.call.save()
    _ask_outside(strangers)
    return change.call


def record(updates: Sequence[CallUpdate], *, tell_pages: bool = True) -> list[CallEvent]:
    """Merge ``updates``, in their order, into the record; return the events that changed a call.

    One transaction. Repeated, late and disordered updates leave the same record as the ordered stream. Updates for
    lines that are not ours are logged and left out. Pages and host signals are told after commit; pages only if
    ``tell_pages``, which an import of old calls leaves out.
    """
    with transaction.atomic():
        lines = _lock_lines(updates)
        batch = Batch(lines.values(), timezone.now())
        batch.load(updates)
        for update in updates:
            line = lines.get((update.provider, update.account))
            if line is None:
                logger.warning(
                    "a call update for an unknown line of provider %s was left out",
                    update.provider,
                    extra={"action": "journal.unknown_line"},
                )
                continue
            batch.apply(line, update)
        told = [change for change in batch.save() if not _is_past(change)]
        RolledDay.objects.touch((call.started_at for call in batch.written), timezone.now())
        if told:
            transaction.on_commit(lambda: _announce(told, tell_pages))
        kept = [call for call in batch.written if not call.line.is_node]
        if tell_pages:
            _ask_outside([call for call in batch.strangers if not call.line.is_node])
        concerned = [call.pk for call in kept if duties.concerns(call)]
        if concerned:
            # After the pages, since nobody waits for it; robust, since the record is committed whatever becomes of it.
            transaction.on_commit(lambda: duties.settle(concerned), robust=True)
        over = [call.pk for call in batch.written if call.line.is_node and not call.is_live]
        if over:
            # The same conversation is kept as the calls of those who talked, and must not be counted twice.
            Call.objects.filter(pk__in=over).delete()
    return [change.event for change in told]


def _is_past(change: realtime.Told) -> bool:
    """Whether this is about a node's call that was over, hence no longer kept, when it was told of."""
    return change.call.line.is_node and change.previous is None and not change.call.is_live


def _ask_outside(strangers: Sequence[Call]) -> None:
    """Ask outside directories, once the call is committed and told."""
    if strangers:
        transaction.on_commit(lambda: outside.ask(strangers, note_directory), robust=True)


def _announce(told: Sequence[realtime.Told], tell_pages: bool) -> None:
    """Tell pages and the host what happened. Neither may harm the other, nor the record, which is committed."""
    if tell_pages:
        realtime.publish(told)
    for change in told:
        signals.call_changed.send_robust(sender=Call, call=change.call, event=change.event, previous=change.previous)


def _lock_lines(updates: Iterable[CallUpdate]) -> dict[tuple[str, str], Line]:
    """Lock every line of every user concerned."""
    accounts: dict[str, set[str]] = {}
    for update in updates:
        accounts.setdefault(update.provider, set()).add(update.account)
    named = Q(pk__in=())
    for provider, keys in accounts.items():
        named |= Q(provider=provider, account__in=keys)
    return {(line.provider, line.account): line for line in Line.objects.locked(named)}
