"""Time for the simulator: the event loop's, or one that a test moves by hand."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "LoopClock", "ManualClock", "Timer"]


class Timer(Protocol):
    """Something that will happen, unless it is cancelled. Cancelling twice, or too late, does nothing."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What the engine needs to know of time."""

    def time(self) -> float:
        """Unix time in seconds."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` after ``seconds`` of this clock."""
        ...


class LoopClock:
    """The wall clock and the timers of the running event loop."""

    def time(self) -> float:
        return time.time()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, callback)


class _Entry:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """Stands still until :meth:`advance` is called; then the timers that are due run in their order."""

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self._count = itertools.count()
        self._queue: list[tuple[float, int, _Entry]] = []

    def time(self) -> float:
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        entry = _Entry(callback)
        heapq.heappush(self._queue, (self._now + seconds, next(self._count), entry))
        return entry

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        end = self._now + seconds
        while self._queue and self._queue[0][0] <= end:
            self._now, _, entry = heapq.heappop(self._queue)
            if entry.callback is not None:
                entry.callback()
        self._now = end
