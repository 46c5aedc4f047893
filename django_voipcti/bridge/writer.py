"""The journal's thread in the bridge: call updates in, one transaction for all that waits, in order, nothing dropped.

There is no timer. While a transaction runs, what arrives piles up and is the next batch; so an idle bridge writes at
once and a busy one in large batches. While the database is away the pile is the spool.
"""

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from django.db import connections

from .. import journal
from ..events import CallUpdate
from .backoff import Retries
from .database import is_away

__all__ = ["JournalWriter", "WriterEnded", "WriterState"]

logger = logging.getLogger(__name__)

#: Updates in one transaction. Larger ones gain nothing and hold the line rows longer.
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterState:
    """How the writer stands."""

    waiting: int = 0
    """Updates that are not written yet."""
    trouble: str = ""
    """Why the database refuses work; empty if it does not."""
    refused: int = 0
    """Updates that the journal could not take, each of which is in the log."""


@dataclass(slots=True)
class _Entry:
    """An update, or with ``written`` a mark between updates that is set when all before it is written."""

    update: CallUpdate | None = None
    written: "Future[None] | None" = field(default=None)


class WriterEnded(Exception):
    """The journal's thread has ended, so nothing is written any more."""


class JournalWriter:
    """Writes call updates through the journal, from a thread of its own.

    Args:
        record: takes a batch in one transaction; raises ``OperationalError`` or ``InterfaceError`` while the database
            is away.
        spool_limit: updates that may wait before :meth:`room` makes readers of sockets wait.
        on_change: called in the writer's thread when trouble begins or ends.
    """

    def __init__(
        self,
        *,
        spool_limit: int,
        record: Callable[[Sequence[CallUpdate]], object] = journal.record,
        on_change: Callable[[WriterState], object] = lambda state: None,
        retries: Callable[[], Retries] = lambda: Retries(first=0.2, cap=5.0),
    ) -> None:
        self._record = record
        self._spool_limit = spool_limit
        self._on_change = on_change
        self._new_retries = retries
        self._spool: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._ended = False
        self._trouble = ""
        self._refused = 0
        self._singly = 0
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._thread = threading.Thread(target=self._run, name="voipcti-journal", daemon=True)
        self.finished: Future[None] = Future()
        """Resolved when the thread has ended; with the exception if it died of one."""

    # --- for the event loop ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        # From here on nobody who waits for its end can cancel that.
        self.finished.set_running_or_notify_cancel()
        self._thread.start()

    @property
    def state(self) -> WriterState:
        """How the writer stands now."""
        with self._changed:
            return self._state()

    def submit(self, updates: Sequence[CallUpdate]) -> None:
        """Take ``updates`` over, in order. Never blocks; never refuses."""
        if not updates:
            return
        with self._changed:
            self._spool.extend(_Entry(update=update) for update in updates)
            self._changed.notify()

    async def written(self) -> None:
        """Return when everything that was submitted before this call is written. Raises :exc:`WriterEnded`."""
        mark: Future[None] = Future()
        with self._changed:
            if self._ended:
                raise WriterEnded
            self._spool.append(_Entry(written=mark))
            self._changed.notify()
        await asyncio.wrap_future(mark)

    async def room(self) -> None:
        """Return when the spool is below its limit: what a reader awaits before it reads on."""
        while True:
            with self._changed:
                if len(self._spool) < self._spool_limit:
                    return
                loop = asyncio.get_running_loop()
                waiter: asyncio.Future[None] = loop.create_future()
                self._waiters.append((loop, waiter))
            await waiter

    def stop(self) -> None:
        """Let the thread end as soon as nothing waits, or at once if the database is away."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    # --- in the thread --------------------------------------------------------------------------------------------

    def _state(self) -> WriterState:
        waiting = sum(entry.update is not None for entry in self._spool)
        return WriterState(waiting=waiting, trouble=self._trouble, refused=self._refused)

    def _run(self) -> None:
        try:
            retries = self._new_retries()
            while batch := self._next_batch():
                if self._write(batch):
                    retries = self._new_retries()
                elif self._stopped_within(retries.next_delay()):
                    break
        except BaseException as error:
            logger.exception("the journal's thread died", extra={"action": "bridge.writer.died"})
            self.finished.set_exception(error)
        else:
            self.finished.set_result(None)
        finally:
            connections.close_all()
            self._end()

    def _end(self) -> None:
        """Nothing is written any more: whoever waits for that must not wait for ever."""
        with self._changed:
            self._ended = True
            marks = [entry.written for entry in self._spool if entry.written is not None]
        for mark in marks:
            if mark.set_running_or_notify_cancel():
                mark.set_exception(WriterEnded())

    def _next_batch(self) -> list[_Entry]:
        """Wait for work and return it without taking it from the spool; empty when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._spool or self._stopping)
            size = 1 if self._singly else min(len(self._spool), _BATCH)
            return list(itertools.islice(self._spool, size))

    def _stopped_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._stopping, seconds)

    def _write(self, batch: Sequence[_Entry]) -> bool:
        """Try to write ``batch``; False if the database is away."""
        updates = [entry.update for entry in batch if entry.update is not None]
        try:
            if updates:
                self._record(updates)
        except Exception as error:  # noqa: BLE001  whatever one update does to the journal, the others must be written
            connections.close_all()
            if is_away(error):
                self._tell(str(error).strip() or type(error).__name__)
                return False
            if len(updates) > 1:
                # One of them is the reason; written one by one, the others do not suffer.
                self._singly = len(batch)
                return True
            self._refuse(updates[0], error)
        self._done(batch)
        return True

    def _refuse(self, update: CallUpdate, error: Exception) -> None:
        self._refused += 1
        logger.error(
            "the journal cannot take an update of call %s (%s): %r",
            update.external_id or update.call,
            update.state,
            error,
            exc_info=error,
            extra={"action": "bridge.writer.refused"},
        )

    def _done(self, batch: Sequence[_Entry]) -> None:
        with self._changed:
            for _entry in batch:
                self._spool.popleft()
            self._singly = max(self._singly - len(batch), 0)
            waiters, self._waiters = self._waiters, []
        for entry in batch:
            # Whoever waited may have been cancelled meanwhile: a line that was logged out, a page that went.
            if entry.written is not None and entry.written.set_running_or_notify_cancel():
                entry.written.set_result(None)
        for loop, waiter in waiters:
            loop.call_soon_threadsafe(_release, waiter)
        self._tell("")

    def _tell(self, trouble: str) -> None:
        """Note that trouble began or ended."""
        if bool(trouble) == bool(self._trouble):
            self._trouble = trouble
            return
        self._trouble = trouble
        state = self.state
        if trouble:
            logger.error(
                "the database is away, call updates wait in memory: %s", trouble, extra={"action": "bridge.writer.away"}
            )
        else:
            logger.warning("the database is back", extra={"action": "bridge.writer.back"})
        self._on_change(state)


def _release(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
