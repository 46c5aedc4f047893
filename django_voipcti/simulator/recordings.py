"""Recordings: a silent MP3 of the right length for each answered call of a user, once it is over."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from .calls import Change, Leg
from .resources import text_date
from .state import Platform
from .webhooks import Webhooks

__all__ = ["Recording", "Recordings"]

#: One frame of MPEG-1 layer III at 128 kbit/s and 44.1 kHz: 26 ms of silence.
_FRAME = b"\xff\xfb\x90\x64" + bytes(413)
_FRAMES_PER_SECOND = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A row of ``GET /monitors`` and its file."""

    id: int
    leg: Leg
    seconds: int

    @property
    def content(self) -> bytes:
        """An MP3 file; it is never empty."""
        return _FRAME * max(1, self.seconds * _FRAMES_PER_SECOND)


class Recordings:
    """Makes recordings when ``Behaviour.record_calls`` is on, some time after the call ended."""

    def __init__(self, platform: Platform, webhooks: Webhooks) -> None:
        self._platform = platform
        self._webhooks = webhooks
        self._next_id = int(platform.clock.time())
        self.ready: list[Recording] = []
        platform.engine.observers.append(self._leg_changed)
        platform.on_reset.append(self.ready.clear)

    def visible_to(self, user_id: int, *, all_users: bool) -> list[Recording]:
        """A user's own recordings, or everybody's."""
        return [item for item in self.ready if all_users or item.leg.owner == str(user_id)]

    def row(self, recording: Recording) -> dict[str, Any]:
        """The resource. ``size`` is the exact length of the file, which is how a client notices that it was cut."""
        leg = recording.leg
        source, destination = (leg.other, leg.party) if leg.incoming else (leg.party, leg.other)
        return {
            "id": recording.id,
            "call_id": leg.id,
            "timestamp": text_date(leg.connected_at, self._platform.zone),
            "caller": source.number,
            "called": destination.number,
            "duration": recording.seconds,
            "type": "I" if leg.incoming else "O",
            "size": len(recording.content),
            "user_id": int(leg.owner),
        }

    def _leg_changed(self, leg: Leg, change: Change) -> None:
        if change is not Change.ENDED or leg.connected_at is None or not leg.owner.isdigit():
            return
        if self._platform.behaviour.record_calls:
            engine = self._platform.engine
            engine.after(engine.timings.recording, partial(self._finish, leg))

    def _finish(self, leg: Leg) -> None:
        self._next_id += 1
        seconds = leg.talk_seconds(leg.ended_at or leg.start_time)
        recording = Recording(id=self._next_id, leg=leg, seconds=seconds)
        self.ready.append(recording)
        self._webhooks.recording_ready(leg, monitor_id=recording.id, size=len(recording.content))
