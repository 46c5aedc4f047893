"""What calls amount to, worked out in the database from the calls themselves.

A *conversation* is all legs with one id; it is counted once, on the day on which its first leg began, when its last leg
is over. What came of it, and to which lines it belongs:

- between colleagues only: ``INTERNAL``, and belongs to the line that called;
- begun by a line of ours: ``REACHED`` if somebody outside answered, else ``NOT_REACHED``; belongs to that line;
- begun outside: ``ANSWERED`` belongs to the line that picked up first, whoever it was passed on to; ``ELSEWHERE`` if
  somebody picked up who is no line of ours; ``MISSED`` if it rang out; ``TURNED_AWAY`` if no telephone let it ring out
  (busy, declined, failed). These three belong to every line at which it rang.

This is SQL of our own, because the ORM cannot sum up what window functions say; the parts in which databases differ
are made by Django's backends.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connections
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from ..enums import LIVE_STATES, Direction, EndReason, Outcome
from ..models import Call
from ..models.figures import HOURS, STEPS

__all__ = ["LINE_MEASURES", "Tally", "conversations", "line_days", "midnight"]

#: Legs that begin this long before or after a day may belong to a conversation of the day.
_AROUND = timedelta(days=1)

_MILLISECOND = timedelta(milliseconds=1)

#: The columns of ``LineFigures`` that add up.
LINE_MEASURES = ("taken", "elsewhere", "placed", "internal", "rang_ms", "talked", "talk_ms")


@dataclass(slots=True)
class Tally:
    """Some conversations, added up."""

    calls: int = 0
    waited_ms: int = 0
    """From the first ring to the answer; to the end for those who gave up."""
    within: list[int] = field(default_factory=lambda: [0] * len(STEPS))
    """How many were answered within each of ``STEPS``."""
    hours: list[int] = field(default_factory=lambda: [0] * len(HOURS))
    """How many began in each hour of the day."""

    def __iadd__(self, other: "Tally") -> "Tally":
        self.calls += other.calls
        self.waited_ms += other.waited_ms
        self.within = [mine + its for mine, its in zip(self.within, other.within, strict=True)]
        self.hours = [mine + its for mine, its in zip(self.hours, other.hours, strict=True)]
        return self


def midnight(day: date) -> datetime:
    """When a day of the project's time zone begins."""
    return timezone.make_aware(datetime.combine(day, time()), timezone.get_default_timezone())


def conversations(since: date, until: date) -> dict[tuple[date, Outcome, frozenset[int]], Tally]:
    """Conversations of some days (both included) by day, outcome and the lines to which they belong. One query."""
    connection = connections[Call.objects.db]
    sql, parameters = _statement(connection, since, until)
    found: dict[tuple[date, Outcome, frozenset[int]], Tally] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for day, outcome, lines, calls, waited, *counts in cursor.fetchall():
            # The lines come in any order and as often as they rang: several rows of the answer may be one of ours.
            key = (
                _as_date(day),
                Outcome(outcome),
                frozenset(int(line) for line in str(lines or "").split(",") if line),
            )
            row = Tally(calls, int(waited), [*counts[: len(STEPS)]], [*counts[len(STEPS) :]])
            if key in found:
                found[key] += row
            else:
                found[key] = row
    return found


def line_days(since: date, until: date, lines: Collection[int] | None = None) -> Iterator[dict[str, Any]]:
    """What each line did on each of some days, as rows with ``day``, ``line`` and ``LINE_MEASURES``. One query."""
    legs = Call.objects.exclude(state__in=LIVE_STATES).order_by()
    legs = legs.filter(started_at__gte=midnight(since), started_at__lt=midnight(until + timedelta(days=1)))
    if lines is not None:
        legs = legs.filter(line__in=lines)
    outside = Q(other_line=None)
    inbound, outbound = outside & Q(direction=Direction.INBOUND), outside & Q(direction=Direction.OUTBOUND)
    answered = Q(answered_at__isnull=False)
    measures = {
        "taken": Count("pk", filter=inbound & answered),
        "elsewhere": Count("pk", filter=inbound & ~answered & Q(end_reason=EndReason.ANSWERED_ELSEWHERE)),
        "placed": Count("pk", filter=outbound),
        "internal": Count("pk", filter=~outside),
        "rang": Sum(_between("started_at", "answered_at"), filter=inbound & answered),
        "talked": Count("pk", filter=outside & answered),
        "talk": Sum(_between("answered_at", "ended_at"), filter=outside & answered & Q(ended_at__gte=F("answered_at"))),
    }
    days: Any = legs.values("line", day=TruncDate("started_at", tzinfo=timezone.get_default_timezone()))
    for row in days.annotate(**measures):
        row["rang_ms"] = _milliseconds(row.pop("rang"))
        row["talk_ms"] = _milliseconds(row.pop("talk"))
        yield row


def _between(start: str, end: str) -> Any:
    return ExpressionWrapper(F(end) - F(start), output_field=DurationField())


def _milliseconds(duration: timedelta | None) -> int:
    return round(duration / _MILLISECOND) if duration else 0


def _as_date(value: Any) -> date:
    """SQLite has no dates: its functions answer with text."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def _statement(connection: Any, since: date, until: date) -> tuple[str, list[Any]]:
    # Long because it is one statement, which is read best from its top to its end.
    zone, operations = timezone.get_default_timezone_name(), connection.ops
    day, day_parameters = operations.datetime_cast_date_sql("started_at", (), zone)
    hour, hour_parameters = operations.datetime_extract_sql("hour", "started_at", (), zone)
    postgres = connection.vendor == "postgresql"
    joined = "STRING_AGG({}::text, ',')" if postgres else "GROUP_CONCAT({})"
    rang_at = joined.format("CASE WHEN direction = 'INBOUND' THEN line_id END")
    own_id = "id::text" if postgres else "id"
    names = {
        "table": operations.quote_name(Call._meta.db_table),
        "own_id": own_id,
        "rang_at": rang_at,
        "joined_line": "answered_by::text" if postgres else "answered_by",
        "first_line": "first_line::text" if postgres else "first_line",
        "day": day,
        "hour": hour,
        "waited": _waited(postgres),
        "within": _comma(f"SUM(CASE WHEN outcome = 'answered' AND waited <= {step * 1000} THEN 1 ELSE 0 END)"
                         for step in STEPS),
        "hours": _comma(f"SUM(CASE WHEN hour = {each} THEN 1 ELSE 0 END)" for each in HOURS),
    }  # fmt: skip
    live = sorted(LIVE_STATES)
    # Nothing that a person wrote is put into the text: names of columns, numbers and what Django made.
    statement = """
        WITH legs AS (
            SELECT id, provider, line_id, direction, started_at, answered_at, ended_at, end_reason,
                CASE WHEN conversation_id = '' THEN '#' || {own_id} ELSE conversation_id END AS conversation,
                CASE WHEN state IN ({live}) THEN 1 ELSE 0 END AS live,
                CASE WHEN other_line_id IS NULL THEN 1 ELSE 0 END AS outside
            FROM {table} WHERE started_at >= %s AND started_at < %s
        ), ranked AS (
            SELECT legs.*,
                ROW_NUMBER() OVER (
                    PARTITION BY provider, conversation
                    ORDER BY outside DESC, CASE WHEN outside = 0 AND direction = 'OUTBOUND' THEN 0 ELSE 1 END,
                        started_at, id
                ) AS nth,
                ROW_NUMBER() OVER (
                    PARTITION BY provider, conversation
                    ORDER BY CASE WHEN direction = 'INBOUND' AND answered_at IS NOT NULL THEN 0 ELSE 1 END,
                        answered_at, id
                ) AS nth_answer
            FROM legs
        ), conversations AS (
            SELECT MIN(started_at) AS started_at, MAX(ended_at) AS ended_at, MAX(outside) AS outside,
                MAX(CASE WHEN nth = 1 THEN direction END) AS direction,
                MAX(CASE WHEN nth = 1 THEN line_id END) AS first_line,
                MAX(CASE WHEN nth_answer = 1 AND direction = 'INBOUND' AND answered_at IS NOT NULL
                    THEN line_id END) AS answered_by,
                MIN(CASE WHEN direction = 'INBOUND' THEN answered_at END) AS picked_up_at,
                MIN(CASE WHEN direction = 'OUTBOUND' AND outside = 1 THEN answered_at END) AS reached_at,
                MAX(CASE WHEN answered_at IS NOT NULL OR end_reason = 'answered_elsewhere' THEN 1 ELSE 0 END)
                    AS elsewhere,
                MAX(CASE WHEN outside = 1 AND end_reason = 'missed' THEN 1 ELSE 0 END) AS missed,
                {rang_at} AS rang_at
            FROM ranked GROUP BY provider, conversation
            HAVING MAX(live) = 0 AND MIN(started_at) >= %s AND MIN(started_at) < %s
        ), told AS (
            SELECT conversations.*,
                CASE WHEN outside = 0 THEN 'internal'
                    WHEN direction = 'OUTBOUND' AND reached_at IS NOT NULL THEN 'reached'
                    WHEN direction = 'OUTBOUND' THEN 'not_reached'
                    WHEN picked_up_at IS NOT NULL THEN 'answered'
                    WHEN elsewhere = 1 THEN 'elsewhere'
                    WHEN missed = 1 THEN 'missed'
                    ELSE 'turned_away' END AS outcome
            FROM conversations
        ), figures AS (
            SELECT {day} AS day, {hour} AS hour, outcome, {waited} AS waited,
                CASE WHEN outcome = 'answered' THEN {joined_line}
                    WHEN outcome IN ('internal', 'reached', 'not_reached') THEN {first_line}
                    ELSE rang_at END AS audience
            FROM told
        )
        SELECT day, outcome, audience, COUNT(*), SUM(waited), {within}, {hours}
        FROM figures GROUP BY day, outcome, audience
    """.format(live=_comma("%s" for _state in live), **names)  # noqa: S608
    begin, end = midnight(since), midnight(until + timedelta(days=1))
    moments = [operations.adapt_datetimefield_value(each) for each in (begin - _AROUND, end + _AROUND, begin, end)]
    return statement, [*live, *moments, *day_parameters, *hour_parameters]


def _waited(postgres: bool) -> str:
    """Milliseconds from the first ring to the answer, or to the end for those who gave up."""

    def since_start(moment: str) -> str:
        if postgres:
            return f"ROUND(EXTRACT(EPOCH FROM ({moment} - started_at)) * 1000)"
        return f"ROUND(django_timestamp_diff({moment}, started_at) / 1000.0)"

    return (
        f"CASE outcome WHEN 'answered' THEN {since_start('picked_up_at')} "
        f"WHEN 'missed' THEN {since_start('ended_at')} WHEN 'reached' THEN {since_start('reached_at')} ELSE 0 END"
    )


def _comma(pieces: Iterable[str]) -> str:
    return ", ".join(pieces)
