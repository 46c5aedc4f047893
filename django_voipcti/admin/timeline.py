"""A call drawn as a bar: which state it was in when, and who said so. Geometry only; the template writes the SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from ..enums import CallState
from ..models import Call, CallEvent

__all__ = ["Mark", "Segment", "Tick", "Timeline", "draw"]

#: The drawing's own units; the page scales it to its width.
WIDTH = 1000
_NARROWEST = 14.0
_LETTER = 7.0
#: Seconds between two ticks of the scale, the first that gives few enough of them.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of time in one state."""

    state: CallState
    x: float
    width: float
    seconds: float

    @property
    def middle(self) -> float:
        """Where its label is centred."""
        return round(self.x + self.width / 2, 1)

    @property
    def label(self) -> str:
        """The state's name, or nothing if it has no room."""
        text = str(self.state.label)
        return text if len(text) * _LETTER + 10 <= self.width else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One witness's word."""

    event: CallEvent
    x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A point of the time scale."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything that is drawn."""

    segments: tuple[Segment, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    width: int = WIDTH


def draw(call: Call, events: Sequence[CallEvent], *, now: datetime) -> Timeline | None:
    """Lay a call's events out in time; None if there is nothing to draw.

    Short states get a least width, so that a ring of a second shows beside an hour's talk; the scale bends with them.
    """
    steps = _steps(call, events)
    if not steps:
        return None
    begin, (last, final) = steps[0][0], steps[-1]
    end = last if final.is_final else max(now, last)
    bounds = [(moment - begin).total_seconds() for moment, _state in steps]
    spans = [
        (state, start, stop)
        for (_moment, state), start, stop in zip(
            steps, bounds, [*bounds[1:], (end - begin).total_seconds()], strict=True
        )
        if not state.is_final
    ]
    widths = _widths([stop - start for _state, start, stop in spans])
    segments, points, x = [], [(0.0, 0.0)], 0.0
    for (state, start, stop), width in zip(spans, widths, strict=True):
        segments.append(Segment(state=state, x=round(x, 1), width=round(width, 1), seconds=stop - start))
        x += width
        points.append((stop, x))
    total = (end - begin).total_seconds()
    return Timeline(
        segments=tuple(segments),
        marks=tuple(
            Mark(event=event, x=_place((event.occurred_at - begin).total_seconds(), points))
            # Those that changed the call are drawn last, on top of those that repeated it.
            for event in sorted(events, key=lambda event: event.effective)
        ),
        ticks=_ticks(total, points),
    )


def _steps(call: Call, events: Sequence[CallEvent]) -> list[tuple[datetime, CallState]]:
    """When which state began, in order: what was said of it, and what only the call knows.

    A call of the provider's history has one witness, who came after its end and told all of it.
    """
    told = [(event.occurred_at, CallState(event.state)) for event in events if event.effective and event.state]
    steps = list(told)
    # Somebody who told how the call was set up told when: the call's own start may differ from it by milliseconds.
    if told and all(state.is_talking or state.is_final for _moment, state in told) and call.started_at < min(told)[0]:
        steps.append((call.started_at, CallState.RINGING))
    if told and call.answered_at and not any(state.is_talking for _moment, state in told):
        steps.append((call.answered_at, CallState.CONNECTED))
    return sorted(steps, key=lambda step: step[0])


def _widths(lengths: Sequence[float]) -> list[float]:
    """Share the width out in proportion, but give nobody less than the narrowest."""
    total = sum(lengths)
    if not lengths:
        return []
    if total <= 0:
        return [WIDTH / len(lengths)] * len(lengths)
    narrow = {index for index, length in enumerate(lengths) if length / total * WIDTH < _NARROWEST}
    room = WIDTH - len(narrow) * _NARROWEST
    wide_total = sum(length for index, length in enumerate(lengths) if index not in narrow) or 1.0
    return [_NARROWEST if index in narrow else length / wide_total * room for index, length in enumerate(lengths)]


def _place(seconds: float, points: Sequence[tuple[float, float]]) -> float:
    """Where a moment stands on the bent scale."""
    for (from_time, from_x), (to_time, to_x) in pairwise(points):
        if seconds <= to_time:
            share = (seconds - from_time) / (to_time - from_time) if to_time > from_time else 1.0
            return round(from_x + max(0.0, share) * (to_x - from_x), 1)
    return round(points[-1][1], 1)


def _ticks(total: float, points: Sequence[tuple[float, float]]) -> tuple[Tick, ...]:
    step = next((step for step in _STEPS if total / step <= _MOST_TICKS), _STEPS[-1])
    ticks: list[Tick] = []
    for count in range(int(total // step) + 1):
        x = _place(count * step, points)
        if not ticks or x - ticks[-1].x > 40:
            minutes, seconds = divmod(count * step, 60)
            ticks.append(Tick(x=x, text=f"{minutes}:{seconds:02d}"))
    return tuple(ticks)
