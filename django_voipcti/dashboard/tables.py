"""The dashboard's tables, and the few figures above them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import html
from ..calllog import report as reports
from ..calllog.figures import Tally
from ..calllog.report import Caller, Report
from ..enums import Outcome
from ..models import Line, Team
from ..models.figures import HOURS, STEPS
from ..phonebook import numbers
from ..redaction import mask_digits, mask_number

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["INBOUND", "Cell", "Table", "callers", "days", "heat", "per_line", "per_team", "tiles", "waiting"]

#: Outcomes of calls from outside.
INBOUND = (Outcome.ANSWERED, Outcome.MISSED, Outcome.TURNED_AWAY, Outcome.ELSEWHERE)

#: Days that are shown one by one, and week by week.
_DAILY, _WEEKLY = 62, 400

#: Steps of colour of the heat maps.
_SHADES = 9

#: Lines that are listed, the busiest first.
_MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as it is read, as it is drawn, and how dark a heat map paints it."""

    text: str
    value: float = 0
    shade: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, and the picture that is drawn from it."""

    name: str
    title: str
    head: list[str]
    rows: list[tuple[str, list[Cell]]]
    picture: str = ""
    """``bars``, ``stack`` or ``rows`` (bars that lie); empty: none. Heat maps are tables with coloured cells."""
    drawn: int = 0
    """How many of the columns are drawn; the colours are those of their place."""
    unit: str = ""
    """What the picture's axis counts, where that is not calls."""
    folded: bool = False
    """Whether the table is behind its picture until it is asked for."""
    note: str = ""


def tiles(report: Report, within: int) -> list[tuple[str, str, str]]:
    """Title, figure, what it consists of."""
    inbound, answered = report.inbound, report.total(Outcome.ANSWERED)
    missed, placed = report.total(Outcome.MISSED), report.total(Outcome.REACHED, Outcome.NOT_REACHED)
    work = report.work_of(report.work)
    level = reports.service_level(report.totals, within)
    other = report.total(Outcome.TURNED_AWAY, Outcome.ELSEWHERE).calls
    return [
        (
            _("Calls from outside"),
            _count(inbound.calls),
            _("%(count)s turned away or elsewhere") % {"count": _count(other)},
        ),
        (_("Answered"), _count(answered.calls), _percent(answered.calls, inbound.calls)),
        (_("Missed"), _count(missed.calls), _percent(missed.calls, inbound.calls)),
        (
            _("Service level"),
            _share(level),
            _("answered within %(seconds)d s") % {"seconds": within},
        ),
        (
            _("Waiting time"),
            _duration(_average(answered.waited_ms, answered.calls)),
            _("until answered; missed: %(time)s") % {"time": _duration(_average(missed.waited_ms, missed.calls))},
        ),
        (
            _("Talk time"),
            _duration(work.talk_ms),
            _("%(time)s on average") % {"time": _duration(_average(work.talk_ms, work.talked))},
        ),
        (
            _("Calls to outside"),
            _count(placed.calls),
            _("%(share)s reached") % {"share": _percent(report.total(Outcome.REACHED).calls, placed.calls)},
        ),
        (_("Between colleagues"), _count(report.total(Outcome.INTERNAL).calls), ""),
    ]


def days(report: Report) -> Table:
    """One row a day; a week or a month where days would be too many to see."""
    length = (report.until - report.since).days + 1
    step = "day" if length <= _DAILY else "week" if length <= _WEEKLY else "month"
    rows: dict[date, dict[Outcome, int]] = {}
    for each in range(length):
        day = report.since + timedelta(days=each)
        row = rows.setdefault(_first_of(day, step), dict.fromkeys(Outcome, 0))
        for outcome, calls in report.by_day.get(day, {}).items():
            row[outcome] += calls
    shown = [Outcome.ANSWERED, Outcome.MISSED, Outcome.TURNED_AWAY, Outcome.ELSEWHERE]
    titles = {"day": _("Calls by day"), "week": _("Calls by week"), "month": _("Calls by month")}
    heads = {"day": _("Day"), "week": _("Week from"), "month": _("Month")}
    form = "YEAR_MONTH_FORMAT" if step == "month" else "SHORT_DATE_FORMAT"
    return Table(
        name="days",
        title=titles[step],
        head=[heads[step], *[str(each.label).capitalize() for each in shown], _("To outside")],
        rows=[
            (
                date_format(max(first, report.since), form),
                [
                    *[_counted(row[outcome]) for outcome in shown],
                    _counted(row[Outcome.REACHED] + row[Outcome.NOT_REACHED]),
                ],
            )
            for first, row in rows.items()
        ],
        picture="stack",
        drawn=5,
        folded=True,
    )


def heat(report: Report, name: str, title: str, *outcomes: Outcome) -> Table:
    grid = report.hours_of(*outcomes)
    most = max(map(max, grid))
    used = [hour for hour in HOURS if any(day[hour] for day in grid)]
    hours = range(min([8, *used]), max([17, *used]) + 1)
    rows = [
        (
            str(WEEKDAYS[day]),
            [Cell(_count(grid[day][hour]), grid[day][hour], _shade(grid[day][hour], most)) for hour in hours],
        )
        for day in range(7)
    ]
    return Table(name=name, title=title, head=[_("Weekday"), *[str(hour) for hour in hours]], rows=rows)


def waiting(report: Report) -> Table:
    answered = report.total(Outcome.ANSWERED)
    limits = [0, *answered.within, answered.calls]
    labels = [
        *[
            _("up to %(most)d s") % {"most": most}
            if not least
            else _("%(least)d to %(most)d s") % {"least": least, "most": most}
            for least, most in zip((0, *STEPS), STEPS, strict=False)
        ],
        _("longer than %(least)d s") % {"least": STEPS[-1]},
    ]
    rows = []
    for label, before, upto in zip(labels, limits, limits[1:], strict=False):
        rows.append((label, [_counted(upto - before), _share_cell(upto, answered.calls)]))
    head = [_("Waited"), _("Answered calls"), _("So far")]
    return Table(
        name="waiting",
        title=_("How long callers waited for an answer"),
        head=head,
        rows=rows,
        picture="bars",
        drawn=1,
        folded=True,
    )


def per_line(report: Report, within: int) -> Table:
    pks = set(report.work) | {pk for audience in report.by_audience for pk in audience}
    if report.lines is not None:
        pks &= report.lines
    busiest = sorted(pks, key=lambda pk: -report.work_of([pk]).talk_ms)
    names = Line.objects.in_bulk(busiest[:_MOST_LINES])
    rows = [(str(names[pk]), _row(report, [pk], within)) for pk in busiest if pk in names]
    left_out = len(busiest) - len(rows)
    text = ngettext("%(count)d more line is left out.", "%(count)d more lines are left out.", left_out)
    return Table(
        name="lines",
        title=_("By line"),
        head=[_("Line"), *_work_head(within)],
        rows=rows,
        picture="rows",
        drawn=1,
        unit=_("Talk time in minutes"),
        note=text % {"count": left_out} if left_out else "",
    )


def per_team(report: Report, teams: Any, within: int) -> Table | None:
    rows = []
    for team, pks in _lines_of(teams).items():
        mine = pks if report.lines is None else pks & report.lines
        if mine:
            rows.append((str(team), _row(report, mine, within)))
    if not rows:
        return None
    head = [_("Team"), *_work_head(within)]
    return Table(
        name="teams", title=_("By team"), head=head, rows=rows, picture="rows", drawn=1, unit=_("Talk time in minutes")
    )


def _lines_of(teams: Any) -> dict[Team, set[int]]:
    found: dict[Team, set[int]] = {}
    for team in teams.prefetch_related("members__voipcti_lines"):
        found[team] = {line.pk for member in team.members.all() for line in member.voipcti_lines.all()}
    return found


def _work_head(within: int) -> list[str]:
    return [
        _("Talk time"),
        _("On average"),
        _("Answered"),
        _("Missed"),
        _("Colleague took it"),
        _("Waiting time"),
        _("Within %(seconds)d s") % {"seconds": within},
        _("To outside"),
    ]


def _row(report: Report, pks: Collection[int], within: int) -> list[Cell]:
    work, outcomes = report.work_of(pks), report.of(pks)
    answered, missed = outcomes.get(Outcome.ANSWERED, Tally()), outcomes.get(Outcome.MISSED, Tally())
    average = _average(work.talk_ms, work.talked)
    return [
        # Minutes: a picture of milliseconds has no axis that can be read.
        Cell(_duration(work.talk_ms), round(work.talk_ms / 60_000, 1)),
        Cell(_duration(average), average or 0),
        _counted(answered.calls),
        _counted(missed.calls),
        _counted(work.elsewhere),
        Cell(_duration(_average(answered.waited_ms, answered.calls))),
        Cell(_share(reports.service_level(outcomes, within))),
        _counted(work.placed),
    ]


def callers(callers: Iterable[Caller], user: "AnyUser") -> Table:
    full = user.has_perm(html.FULL_NUMBERS)
    rows = []
    for caller in callers:
        call = caller.call
        number = numbers.display(call.other_e164, call.line.effective_region)
        shown = number if full or call.line.user_id == user.pk else mask_number(number)
        name = call.known_name if full else mask_digits(call.known_name)
        who = f"{name} · {shown}" if name else shown
        rows.append(
            (who, [_counted(caller.calls), _counted(caller.answered), _counted(caller.calls - caller.answered)])
        )
    head = [_("Caller"), _("Calls"), _("Answered"), _("Not answered")]
    title = _("Top callers of the last %(days)d days of this range") % {"days": reports.CALLER_DAYS}
    return Table(name="callers", title=title, head=head, rows=rows, picture="rows", drawn=1)


def _first_of(day: date, step: str) -> date:
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def _shade(value: int, most: int) -> int:
    """0 for nothing, then a step of colour."""
    return 0 if not value else 1 + (value * _SHADES - 1) // most


def _average(total: int, count: int) -> int | None:
    return round(total / count) if count else None


def _duration(milliseconds: int | None) -> str:
    return "–" if milliseconds is None else html.format_duration(timedelta(milliseconds=round(milliseconds, -3)))


def _count(value: int) -> str:
    return number_format(value, use_l10n=True, force_grouping=True)


def _counted(value: int) -> Cell:
    return Cell(_count(value), value)


def _share(share: float | None) -> str:
    return "–" if share is None else f"{number_format(100 * share, decimal_pos=0)} %"


def _percent(part: int, whole: int) -> str:
    return _share(part / whole if whole else None)


def _share_cell(part: int, whole: int) -> Cell:
    return Cell(_percent(part, whole), part)
