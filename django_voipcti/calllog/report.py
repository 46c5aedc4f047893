"""The dashboard's figures for some days and some lines: from the roll-up, and from the calls where it says nothing yet.

Today, days that have changed since they were rolled up and days that never were are worked out from the calls; all
others are read from the roll-up. Which it was cannot be seen in the figures.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import Case, CharField, Count, F, Max, Q, Sum, Value, When
from django.db.models.functions import Cast, Concat, ExtractIsoWeekDay

from ..enums import LIVE_STATES, Direction, Outcome
from ..models import Call, CallFigures, LineFigures, LineSet, RolledDay
from ..models.figures import HOURS, STEPS
from . import figures
from .figures import LINE_MEASURES, Tally

__all__ = ["CALLER_DAYS", "Caller", "LineWork", "Report", "report", "top_callers"]

#: Top callers are those of the last so many days of a range: nothing about callers is rolled up, so that retention and
#: erasure need to know of no second place.
CALLER_DAYS = 31

#: Outcomes of calls from outside.
_INBOUND = (Outcome.ANSWERED, Outcome.MISSED, Outcome.TURNED_AWAY, Outcome.ELSEWHERE)


@dataclass(slots=True)
class LineWork:
    """What one line did, leg by leg: the sums of ``LineFigures``."""

    taken: int = 0
    elsewhere: int = 0
    placed: int = 0
    internal: int = 0
    rang_ms: int = 0
    talked: int = 0
    talk_ms: int = 0

    def __iadd__(self, other: "LineWork") -> "LineWork":
        for name in LINE_MEASURES:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


@dataclass(slots=True)
class Report:
    """Figures of some days (both included) for some lines, or for all (None)."""

    since: date
    until: date
    lines: frozenset[int] | None
    totals: dict[Outcome, Tally] = field(default_factory=dict)
    by_day: dict[date, dict[Outcome, int]] = field(default_factory=dict)
    by_hour: dict[Outcome, list[list[int]]] = field(default_factory=dict)
    """Seven weekdays from Monday, each with 24 hours."""
    by_audience: dict[frozenset[int], dict[Outcome, Tally]] = field(default_factory=dict)
    work: dict[int, LineWork] = field(default_factory=dict)
    live: list[date] = field(default_factory=list)
    """Days that had to be worked out from the calls."""

    def total(self, *outcomes: Outcome) -> Tally:
        """Some outcomes, added up."""
        return _added(self.totals.get(outcome) for outcome in outcomes)

    @property
    def inbound(self) -> Tally:
        """Conversations that somebody outside began."""
        return self.total(*_INBOUND)

    def of(self, lines: Collection[int]) -> dict[Outcome, Tally]:
        """The conversations that belong to any of these lines, each once."""
        among = set(lines)
        found: dict[Outcome, Tally] = {}
        for audience, outcomes in self.by_audience.items():
            if not among.isdisjoint(audience):
                for outcome, tally in outcomes.items():
                    found.setdefault(outcome, Tally())
                    found[outcome] += tally
        return found

    def work_of(self, lines: Iterable[int]) -> LineWork:
        """What these lines did together."""
        work = LineWork()
        for line in lines:
            work += self.work.get(line, LineWork())
        return work

    def hours_of(self, *outcomes: Outcome) -> list[list[int]]:
        """Conversations by weekday (from Monday) and hour."""
        grids = [self.by_hour[outcome] for outcome in outcomes if outcome in self.by_hour]
        return [[sum(grid[day][hour] for grid in grids) for hour in HOURS] for day in range(7)]


def service_level(tallies: dict[Outcome, Tally], within: int) -> float | None:
    """The share of calls from outside that were answered in so many seconds; None without any.

    Of those answered on another phone nobody here knows when, so they are left out.
    """
    answered = tallies.get(Outcome.ANSWERED, Tally())
    asked = answered.calls + sum(
        tallies[each].calls for each in (Outcome.MISSED, Outcome.TURNED_AWAY) if each in tallies
    )
    return answered.within[STEPS.index(within)] / asked if asked else None


def report(since: date, until: date, lines: Collection[int] | None) -> Report:
    """The figures of some days (both included) for some lines (primary keys), or for all (None)."""
    chosen = None if lines is None else frozenset(lines)
    made = Report(since, until, chosen)
    days = [since + timedelta(days=each) for each in range((until - since).days + 1)]
    clean = set(RolledDay.objects.clean().filter(day__range=(since, until)).values_list("day", flat=True))
    live = [day for day in days if day not in clean]
    made.live = live
    if clean:
        _add_rolled(made, live)
    for first, last in _runs(live):
        _add_live(made, first, last)
    return made


def top_callers(since: date, until: date, lines: Collection[int] | None, limit: int = 10) -> list["Caller"]:
    """Numbers outside that called most often, in the last :data:`CALLER_DAYS` of these days. Two queries.

    A conversation counts once, however many telephones rang; ended ones only.
    """
    begin = max(since, until - timedelta(days=CALLER_DAYS - 1))
    legs = Call.objects.exclude(state__in=LIVE_STATES).filter(
        started_at__gte=figures.midnight(begin),
        started_at__lt=figures.midnight(until + timedelta(days=1)),
        direction=Direction.INBOUND,
        other_line=None,
    )
    if lines is not None:
        legs = legs.filter(line__in=lines)
    own_name = Concat(Value("#"), Cast("pk", CharField()))
    conversation = Case(
        When(conversation_id="", then=own_name),
        default=Concat("provider", Value(":"), "conversation_id"),
    )
    rows = (
        legs.exclude(other_e164="")
        .order_by()
        .values("other_e164")
        .annotate(
            calls=Count(conversation, distinct=True),
            answered=Count(conversation, distinct=True, filter=Q(answered_at__isnull=False)),
            newest=Max("pk"),
        )
        .order_by("-calls", "other_e164")[:limit]
    )
    found = list(rows)
    newest = Call.objects.select_related("line").in_bulk([row["newest"] for row in found])
    return [Caller(newest[row["newest"]], row["calls"], row["answered"]) for row in found if row["newest"] in newest]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody outside who called."""

    call: Call
    """The newest call with this number: it says who that is."""
    calls: int
    answered: int
    """How many of these a line among the chosen ones took."""


def _add_rolled(made: Report, live: Sequence[date]) -> None:
    # Any: the type checker wants a row for each query to have one type.
    rows: Any = (
        CallFigures._default_manager.filter(day__range=(made.since, made.until)).exclude(day__in=live).order_by()
    )
    if made.lines is None:
        mine = rows.filter(audience=None)
        of_sets = rows.filter(audience__isnull=False)
    else:
        sets = LineSet.lines.through._default_manager.filter(line__in=made.lines).values("lineset_id")
        mine = of_sets = rows.filter(audience__in=sets)
    for row in mine.values("day", "outcome").annotate(**_sums()):
        outcome = Outcome(row["outcome"])
        _add_day(made, row["day"], outcome, _tally(row))
    hours = {f"h{hour}": Sum(f"hour_{hour}") for hour in HOURS}
    for row in mine.values("outcome", weekday=ExtractIsoWeekDay("day")).annotate(**hours):
        _add_hours(made, Outcome(row["outcome"]), row["weekday"], [row[f"h{hour}"] for hour in HOURS])
    by_set = list(of_sets.values("audience", "outcome").annotate(**_sums()))
    members: dict[int, set[int]] = {}
    pairs = LineSet.lines.through._default_manager.filter(lineset__in={row["audience"] for row in by_set})
    for audience, line in pairs.values_list("lineset_id", "line_id"):
        members.setdefault(audience, set()).add(line)
    for row in by_set:
        _add_audience(made, frozenset(members.get(row["audience"], ())), Outcome(row["outcome"]), _tally(row))
    worked: Any = (
        LineFigures._default_manager.filter(day__range=(made.since, made.until)).exclude(day__in=live).order_by()
    )
    if made.lines is not None:
        worked = worked.filter(line__in=made.lines)
    for row in worked.values("line").annotate(**{f"sum_{name}": Sum(name) for name in LINE_MEASURES}):
        _add_work(made, row["line"], LineWork(**{name: row[f"sum_{name}"] for name in LINE_MEASURES}))


def _add_live(made: Report, since: date, until: date) -> None:
    for (day, outcome, audience), tally in figures.conversations(since, until).items():
        if made.lines is not None and made.lines.isdisjoint(audience):
            continue
        _add_hours(made, outcome, day.isoweekday(), tally.hours)
        # As the roll-up is read: the hours stand apart.
        bare = Tally(tally.calls, tally.waited_ms, tally.within)
        _add_day(made, day, outcome, bare)
        _add_audience(made, audience, outcome, bare)
    for row in figures.line_days(since, until, made.lines):
        _add_work(made, row["line"], LineWork(**{name: row[name] for name in LINE_MEASURES}))


def _sums() -> dict[str, Any]:
    return {
        "sum_calls": Sum("calls"),
        "sum_waited": Sum("waited_ms"),
        **{f"w{step}": Sum(F(f"within_{step}")) for step in STEPS},
    }


def _tally(row: dict[str, Any]) -> Tally:
    return Tally(row["sum_calls"], int(row["sum_waited"]), [row[f"w{step}"] for step in STEPS])


def _add_day(made: Report, day: date, outcome: Outcome, tally: Tally) -> None:
    made.totals.setdefault(outcome, Tally())
    made.totals[outcome] += tally
    on_day = made.by_day.setdefault(day, {})
    on_day[outcome] = on_day.get(outcome, 0) + tally.calls


def _add_hours(made: Report, outcome: Outcome, weekday: int, hours: Sequence[int]) -> None:
    grid = made.by_hour.setdefault(outcome, [[0] * len(HOURS) for _day in range(7)])
    grid[weekday - 1] = [old + new for old, new in zip(grid[weekday - 1], hours, strict=True)]


def _add_audience(made: Report, audience: frozenset[int], outcome: Outcome, tally: Tally) -> None:
    outcomes = made.by_audience.setdefault(audience, {})
    outcomes.setdefault(outcome, Tally())
    outcomes[outcome] += tally


def _add_work(made: Report, line: int, work: LineWork) -> None:
    made.work.setdefault(line, LineWork())
    made.work[line] += work


def _added(tallies: Iterable[Tally | None]) -> Tally:
    total = Tally()
    for tally in tallies:
        if tally is not None:
            total += tally
    return total


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """First and last of each run of days that follow each other."""
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and day == runs[-1][1] + timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs
