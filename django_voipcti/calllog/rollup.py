"""Rolling days up, so that a dashboard of a year reads some thousand rows instead of all calls.

A day is rolled up when it is over, and again whenever the journal has written about it since. Doing so twice, late or
in another order leaves the same. Days whose calls retention has deleted keep the figures that they had.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from ..enums import Outcome
from ..models import Call, CallFigures, LineFigures, LineSet, RolledDay
from ..models.figures import HOURS, STEPS, own_day
from . import figures

__all__ = ["BATCH", "due", "roll"]

#: Days that are worked out in one statement.
BATCH = 7

#: A day that was rolled up so soon after its end is looked at again by a later run: what was being written at midnight
#: could not know yet that the day has a roll-up.
_YOUNG = timedelta(hours=1)

_INSERTED_AT_ONCE = 500


def due(now: datetime, *, anew: bool = False) -> list[date]:
    """Days that are over and whose roll-up is missing or no longer right, oldest first.

    Args:
        anew: all days, except those whose calls are deleted.
    """
    first = Call.objects.order_by("started_at").values_list("started_at", flat=True).first()
    if first is None:
        return []
    today, day = own_day(now), own_day(first)
    closed = set(RolledDay.objects.filter(closed=True).values_list("day", flat=True))
    settled = set() if anew else _settled()
    days = [day + timedelta(days=each) for each in range((today - day).days)]
    return [day for day in days if day not in closed and day not in settled]


def roll(days: Sequence[date], now: datetime) -> Iterator[int]:
    """Work the figures of these days out and store them; yield how many days each step did. A step is a transaction."""
    zone = timezone.get_default_timezone_name()
    # First of all and for itself: from here on the journal marks what it writes about these days.
    RolledDay.objects.bulk_create([RolledDay(day=day, zone=zone) for day in days], ignore_conflicts=True)
    for some in _runs(sorted(days)):
        with transaction.atomic():
            _roll(some, zone, now)
        yield len(some)


def _settled() -> set[date]:
    """Days whose roll-up stands."""
    clean = RolledDay.objects.clean().values_list("day", "rolled_at", "closed")
    return {
        day
        for day, rolled_at, closed in clean
        if closed or (rolled_at and rolled_at >= figures.midnight(day + timedelta(days=1)) + _YOUNG)
    }


def _runs(days: Sequence[date]) -> Iterator[list[date]]:
    """Days that follow each other, a batch at most."""
    run: list[date] = []
    for day in days:
        if run and (len(run) == BATCH or day != run[-1] + timedelta(days=1)):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _roll(days: Sequence[date], zone: str, now: datetime) -> None:
    # Whoever writes about these days waits for us, then marks them again; whoever did so before, we see.
    locked = RolledDay.objects.select_for_update().filter(day__in=days, closed=False).order_by("day")
    days = [each.day for each in locked]
    if not days:
        return
    for model in (CallFigures, LineFigures):
        model._default_manager.filter(day__in=days).delete()
    found = {key: tally for key, tally in figures.conversations(days[0], days[-1]).items() if key[0] in set(days)}
    sets = _line_sets({lines for _day, _outcome, lines in found})
    totals: dict[tuple[date, Outcome], figures.Tally] = {}
    for (day, outcome, _lines), tally in found.items():
        totals.setdefault((day, outcome), figures.Tally())
        totals[day, outcome] += tally
    rows = [_row(day, outcome, sets[lines], tally) for (day, outcome, lines), tally in found.items()]
    rows += [_row(day, outcome, None, tally) for (day, outcome), tally in totals.items()]
    CallFigures._default_manager.bulk_create(rows, batch_size=_INSERTED_AT_ONCE)
    of_lines = [row for row in figures.line_days(days[0], days[-1]) if row["day"] in set(days)]
    LineFigures._default_manager.bulk_create(
        [LineFigures(**{**row, "line": None, "line_id": row["line"]}) for row in of_lines],
        batch_size=_INSERTED_AT_ONCE,
    )
    RolledDay.objects.filter(day__in=days).update(dirty=False, zone=zone, rolled_at=now)


def _row(day: date, outcome: Outcome, audience: int | None, tally: figures.Tally) -> CallFigures:
    return CallFigures(
        day=day,
        outcome=outcome,
        audience_id=audience,
        calls=tally.calls,
        waited_ms=tally.waited_ms,
        **{f"within_{step}": count for step, count in zip(STEPS, tally.within, strict=True)},
        **{f"hour_{hour}": count for hour, count in zip(HOURS, tally.hours, strict=True)},
    )


def _line_sets(wanted: set[frozenset[int]]) -> dict[frozenset[int], int]:
    """The primary keys of these sets of lines; those that are not there yet are made."""
    keys = {LineSet.key_of(lines): lines for lines in wanted}
    known = set(LineSet.objects.filter(key__in=keys).values_list("key", flat=True))
    LineSet.objects.bulk_create([LineSet(key=key) for key in keys if key not in known], ignore_conflicts=True)
    stored = dict(LineSet.objects.filter(key__in=keys).values_list("key", "pk"))
    member = LineSet.lines.through
    new = [(stored[key], lines) for key, lines in keys.items() if key not in known]
    members = [member(lineset_id=pk, line_id=line) for pk, lines in new for line in lines]
    member._default_manager.bulk_create(members, ignore_conflicts=True)
    return {lines: stored[key] for key, lines in keys.items()}
