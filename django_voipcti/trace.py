"""The way of a call to the screens, noted while it goes on and written afterwards: "why did it (not) pop?".

Nobody waits for this. What is noted lies in memory for a quarter of a second; a thread of its own then writes all of
it in one transaction. If the database is away or slow, notes are lost and the pop is not: a trace helps to understand,
it is no record. :mod:`django_voipcti.realtime` notes what was handed to the channel layer, each connection what it has
sent and what its page says that it showed.
"""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import connections, router, transaction
from django.utils import timezone

from .conf import app_settings
from .enums import CallState
from .models import Call, CallTrace, PageOutcome, TraceStep

if TYPE_CHECKING:
    from .briefing import Briefing

__all__ = ["TRACED", "Deliveries", "lost", "told", "written"]

logger = logging.getLogger(__name__)

#: Events with which a call can appear on a screen.
TRACED = frozenset({CallState.INITIAL.value, CallState.RINGING.value})

#: Seconds for which notes are gathered.
_PAUSE = 0.25
#: Notes that wait at most; the database must be away when there are more.
_MOST_WAITING = 20_000
#: Records that a number matched, as they are kept.
_MOST_CANDIDATES = 10
#: Calls of which one connection knows that it may say what it showed, and how often it may for each: tabs share it.
_MOST_CALLS = 200
_MOST_WORDS = 8


def told(call: Call, event: str, briefing: "Briefing | None") -> None:
    """The pages of the line's user, and those that watch the line, are being told. Lines must be at hand."""
    facts: dict[str, Any] = {"region": call.line.effective_region, "found": call.matches}
    if briefing is not None:
        facts["candidates"] = [match.packed() for match in briefing.matches[:_MOST_CANDIDATES]]
        if briefing.decision is not None:
            decision = briefing.decision
            facts |= {"action": decision.action.value, "reason": decision.reason, "rule": decision.rule_id}
    _note(call.pk, TraceStep.TOLD, event=event, user_id=call.line.user_id, facts=facts)


def lost(call_id: str, event: str, problem: BaseException) -> None:
    """The channel layer did not take what a group should have been told."""
    _note(int(call_id), TraceStep.LOST, event=event, facts={"problem": type(problem).__name__})


class Deliveries:
    """What one connection has been told of calls that may pop."""

    def __init__(self, user_id: Any) -> None:
        self.socket = uuid4().hex[:8]
        self._user_id = user_id
        self._words: OrderedDict[str, int] = OrderedDict()

    def sent(self, event: str, call: str, *, way: str, is_own: bool) -> None:
        """The connection has sent ``event`` of ``call``; ``way``: ``live``, ``replay`` or ``snapshot``."""
        if event not in TRACED:
            return
        self._words[call] = 0
        self._words.move_to_end(call)
        if len(self._words) > _MOST_CALLS:
            self._words.popitem(last=False)
        self._note(call, TraceStep.DELIVERED, event, {"way": way, "own": is_own})

    def shown(self, call: str, outcome: PageOutcome, *, is_hidden: bool, after: int) -> None:
        """The page says what it did with a call. Calls that it was not told of are passed over, and chatter is.

        Args:
            after: milliseconds from the message's arrival in the page until it was painted, by the page's clock.
        """
        words = self._words.get(call)
        if words is None or words >= _MOST_WORDS:
            return
        self._words[call] = words + 1
        self._note(call, TraceStep.SHOWN, "", {"outcome": outcome.value, "hidden": is_hidden, "after": after})

    def _note(self, call: str, step: TraceStep, event: str, facts: dict[str, Any]) -> None:
        _note(int(call), step, event=event, user_id=self._user_id, socket=self.socket, facts=facts)


def written(timeout: float = 10.0) -> None:
    """Return when everything that was noted so far is written, or lost."""
    _recorder.hurry(timeout)


def _note(call_id: int, step: TraceStep, **columns: Any) -> None:
    if app_settings.trace_pops:
        _recorder.add(CallTrace(call_id=call_id, step=step, at=timezone.now(), **columns))


class _Recorder:
    """Writes notes in a thread of its own, some at a time. At the end of the process what waits is written first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[CallTrace] = []
        self._pool: ThreadPoolExecutor | None = None
        self._work: Future[None] | None = None
        self._hurry = threading.Event()

    def add(self, row: CallTrace) -> None:
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                return
            self._waiting.append(row)
            if len(self._waiting) > 1:
                return  # the thread is on its way
            if self._pool is None:
                self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="voipcti-trace")
            self._work = self._pool.submit(self._write)

    def hurry(self, timeout: float) -> None:
        with self._lock:
            work = self._work
        if work is None:
            return
        self._hurry.set()
        try:
            work.result(timeout)
        finally:
            self._hurry.clear()

    def _write(self) -> None:
        self._hurry.wait(_PAUSE)
        with self._lock:
            rows, self._waiting = self._waiting, []
        try:
            _store(rows)
        # The host's database decides what it raises; a trace is worth no more than a line in the log.
        except Exception:
            logger.warning("%d steps of traces were lost", len(rows), exc_info=True, extra={"action": "trace.lost"})
        finally:
            connections.close_all()  # this thread's: nobody else looks after it


def _store(rows: Iterable[CallTrace]) -> None:
    with transaction.atomic(using=router.db_for_write(CallTrace)):
        # A call may be gone by now, or may have turned out to be part of another one.
        known = set(Call.objects.filter(pk__in={row.call_id for row in rows}).values_list("pk", flat=True))
        CallTrace.objects.bulk_create([row for row in rows if row.call_id in known], batch_size=500)


_recorder = _Recorder()
# Threads do not survive a fork, and whoever forks a process writes what waits in it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_recorder.__init__)  # type: ignore[misc]
