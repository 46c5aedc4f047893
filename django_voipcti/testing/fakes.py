"""Stand-ins for what surrounds a provider or a host's code: time, the bridge, a call on a line."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from django_voipcti import journal
from django_voipcti.enums import CallState, Direction, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.models import Call, Line
from django_voipcti.redaction import PhoneNumber

__all__ = ["FakeClock", "Reports", "play"]


class FakeClock:
    """A clock that goes only when it is told to. Calling it gives seconds, ``now()`` an aware time."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._seconds = 0.0

    def __call__(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        """The time that belongs to the seconds."""
        return self._start + timedelta(seconds=self._seconds)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` go by; time does not run backwards."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._seconds += seconds


class Reports:
    """Collects what a provider reports while it carries out a command; pass it as ``report``."""

    def __init__(self) -> None:
        self.updates: list[CallUpdate] = []
        self.first = asyncio.Event()

    async def __call__(self, update: CallUpdate) -> None:
        self.updates.append(update)
        self.first.set()

    @property
    def states(self) -> list[CallState | None]:
        """The reported states, in order."""
        return [update.state for update in self.updates]


_calls = count(1)


def play(line: Line, *states: CallState, number: str = "+447700900123", **details: Any) -> Call:
    """Let ``line`` have a call that goes through ``states``; return it as it is recorded then.

    Args:
        number: the other party's.
        details: further fields of :class:`CallUpdate`, e.g. ``direction`` (inbound by default) or ``external_id``.
    """
    details.setdefault("external_id", f"played-{next(_calls)}")
    details.setdefault("direction", Direction.INBOUND)
    details.setdefault("other", Party(number=PhoneNumber(number)))
    started = timezone.now()
    journal.record(
        [
            CallUpdate(
                provider=line.provider,
                account=line.account,
                source=Source.WEBHOOK,
                observed_at=started + timedelta(milliseconds=step),
                occurred_at=started + timedelta(milliseconds=step),
                state=state,
                **details,
            )
            for step, state in enumerate(states)
        ]
    )
    return Call.objects.get(line=line, external_id=details["external_id"])
