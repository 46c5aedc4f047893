"""Timers without a clock: a queue ordered by the time that the caller passes in (RFC 3261, table 4)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from itertools import count

__all__ = ["Timer", "TimerQueue", "Timing"]


class Timer(Enum):
    """The lettered timers of RFC 3261 (A to K), RFC 6026 (L, M) and RFC 6665 (N)."""

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741 - the RFC's name
    J = "J"
    K = "K"
    L = "L"
    M = "M"
    N = "N"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Base values in seconds, and whether the transport delivers (17.1.1.1).

    On a reliable transport nothing is sent twice (A, E, G never run) and no late copy is awaited (D, I, J, K are 0).
    """

    #: Round-trip estimate.
    t1: float = 0.5
    #: Longest retransmission interval.
    t2: float = 4.0
    #: Longest life of a message in the network.
    t4: float = 5.0
    reliable: bool = True

    def delay(self, timer: Timer) -> float | None:
        """Seconds until the timer fires for the first time; ``None`` if it does not run on this transport."""
        if timer in (Timer.A, Timer.E, Timer.G):
            return None if self.reliable else self.t1
        if timer in (Timer.I, Timer.K):
            return 0.0 if self.reliable else self.t4
        if timer is Timer.D:
            return 0.0 if self.reliable else max(32.0, 64 * self.t1)
        if timer is Timer.J:
            return 0.0 if self.reliable else 64 * self.t1
        return 64 * self.t1


class TimerQueue:
    """Callbacks by key, each with its due time in seconds of the caller's clock. Setting a key again moves it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Hashable]] = []
        self._live: dict[Hashable, tuple[int, Callable[[float], None]]] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._live

    def set(self, key: Hashable, when: float, callback: Callable[[float], None]) -> None:
        """Call ``callback(now)`` when ``now`` reaches ``when``."""
        number = next(self._numbers)
        self._live[key] = (number, callback)
        heapq.heappush(self._heap, (when, number, key))
        if len(self._heap) > 64 + 2 * len(self._live):
            self._heap = [item for item in self._heap if self._is_live(item)]
            heapq.heapify(self._heap)

    def cancel(self, key: Hashable) -> None:
        """Forget the key, if it is set."""
        self._live.pop(key, None)

    def next(self) -> float | None:
        """The time of the earliest timer, or ``None``."""
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Call everything that is due, in order; a callback that sets a timer in the past is called as well."""
        while (when := self.next()) is not None and when <= now:
            key = heapq.heappop(self._heap)[2]
            callback = self._live.pop(key)[1]
            callback(now)

    def _is_live(self, item: tuple[float, int, Hashable]) -> bool:
        live = self._live.get(item[2])
        return live is not None and live[0] == item[1]
