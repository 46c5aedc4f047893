"""A telephone system's years: calls of conversations, what was said of them, and what people wrote about some."""

from typing import Any

__all__ = ["LINES", "TEAMS", "YEARS", "fill", "fill_events", "fill_notes"]

LINES, TEAMS, YEARS = 100, 5, 3

#: Two in five conversations are placed by one line; the others ring at three, and one in seven of these is missed.
_CALLS = """
    INSERT INTO django_voipcti_call ({columns})
    SELECT {values}
    FROM (
        SELECT number, random() AS kind, random() AS luck, floor(random() * {lines})::int AS first,
            floor(random() * 3)::int AS taker, ceil(random() * 30) * interval '1 second' AS wait,
            ceil(random() * random() * 900) * interval '1 second' AS talk,
            floor(random() * random() * 40000)::int AS who, floor(random() * 6)::int AS queue,
            date_trunc('day', now()) - (number::bigint * {days} / {conversations} + 1) * interval '1 day'
                + (8 + random() * 10) * interval '1 hour' AS start
        FROM generate_series(0, {conversations} - 1) AS number
    ) AS conversation
    CROSS JOIN LATERAL generate_series(0, CASE WHEN kind < 0.4 THEN 0 ELSE 2 END) AS leg
    CROSS JOIN LATERAL (
        SELECT kind < 0.4 AS outbound,
            CASE WHEN kind < 0.4 THEN luck < 0.75 ELSE luck < 0.86 AND leg = taker END AS taken
    ) AS told
"""
#: Three in four callers are records of the host.
_COLUMNS = {
    "line_id": "{first_line} + (first + leg * 7) % {lines}",
    "provider": "'default'",
    "external_id": "number || '-' || leg",
    "conversation_id": "'c' || number",
    "direction": "CASE WHEN outbound THEN 'OUTBOUND' ELSE 'INBOUND' END",
    "state": "'HANGUP'",
    "end_reason": "CASE WHEN taken THEN 'completed' "
    "WHEN outbound THEN CASE WHEN luck < 0.9 THEN 'no_answer' WHEN luck < 0.97 THEN 'busy' ELSE 'failed' END "
    "WHEN luck < 0.86 THEN 'answered_elsewhere' ELSE 'missed' END",
    "context": "CASE WHEN outbound OR queue > 3 THEN '' ELSE 'Queue ' || queue END",
    "other_number": "'+49301' || lpad(who::text, 6, '0')",
    "other_e164": "'+49301' || lpad(who::text, 6, '0')",
    "contact_type_id": "CASE WHEN who % 4 > 0 THEN {content_type} END",
    "contact_id": "CASE WHEN who % 4 > 0 THEN who::text ELSE '' END",
    "contact_label": "CASE WHEN who % 4 > 0 THEN "
    "(array['Ada','Grace','Alan','Edsger','Barbara','Niklaus','Radia','Ken'])[1 + who % 8]"
    " || ' Person' || who / 8 ELSE '' END",
    "contact_company": "CASE WHEN who % 4 > 0 THEN 'Company' || who / 40 ELSE '' END",
    "state_at": "start + wait",
    "created_at": "start",
    "started_at": "start",
    "answered_at": "CASE WHEN taken THEN start + wait END",
    "ended_at": "start + wait + CASE WHEN taken THEN talk ELSE interval '0' END",
}

_EVENTS = """
    INSERT INTO django_voipcti_callevent
        (call_id, line_id, state, effective, source, occurred_at, recorded_at, key, raw)
    SELECT id, line_id,
        CASE step WHEN 0 THEN 'RINGING' WHEN 1 THEN 'RINGING' WHEN 2 THEN
            CASE WHEN answered_at IS NULL THEN 'RINGING' ELSE 'CONNECTED' END ELSE 'HANGUP' END,
        step <> 1, 'sip',
        CASE step WHEN 0 THEN started_at WHEN 1 THEN started_at WHEN 2 THEN state_at ELSE ended_at END,
        CASE step WHEN 0 THEN started_at WHEN 1 THEN started_at WHEN 2 THEN state_at ELSE ended_at END,
        id || ':' || step, '{{}}'
    FROM django_voipcti_call CROSS JOIN generate_series(0, 3) AS step
"""

_NOTES = """
    INSERT INTO django_voipcti_callnote
        (call_id, author_id, text, created_at, saved_at, draft_text, version)
    SELECT call.id, line.user_id,
        (array['Wants an offer','Asks for the invoice','Complains about delivery','Will call again','Wrong number'])
            [1 + call.id % 5] || ' by number' || call.id % 5000,
        call.started_at, call.ended_at, '', call.id
    FROM django_voipcti_call AS call JOIN django_voipcti_line AS line ON line.id = call.line_id
    WHERE call.answered_at IS NOT NULL AND call.id % 20 = 0
"""


def fill(calls: int) -> None:
    """Make lines, teams and calls; indexes are built when the rows are there."""
    from django.contrib.auth import get_user_model
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection

    from django_voipcti.models import Call, Line, Team
    from tests.testapp.models import Contact

    users = get_user_model().objects.bulk_create([get_user_model()(username=f"agent{n}") for n in range(LINES)])
    lines = Line.objects.bulk_create(
        [Line(provider="default", account=str(n), label=f"Agent {n}", user=user) for n, user in enumerate(users)]
    )
    for number in range(TEAMS):
        team = Team.objects.create(name=f"Team {number}")
        team.members.set(users[number::TEAMS])
        team.leads.set(users[number : number + 1])
    facts = {
        "lines": LINES,
        "first_line": lines[0].pk,
        "content_type": ContentType.objects.get_for_model(Contact).pk,
        "days": YEARS * 365,
        "conversations": round(calls / 2.2),
    }
    columns: dict[str, str] = {}
    for field in Call._meta.concrete_fields:
        if field.column in _COLUMNS:
            columns[field.column] = _COLUMNS[field.column].format(**facts)
        elif not field.null and not field.primary_key:
            default: Any = field.get_db_prep_save(field.get_default(), connection)
            columns[field.column] = connection.ops.compose_sql("%s", [default])
    with connection.schema_editor(atomic=False) as editor, connection.cursor() as cursor:
        for index in Call._meta.indexes:
            editor.remove_index(Call, index)
        cursor.execute("SET session_replication_role = replica")  # the keys are right, nobody need check them
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(_CALLS.format(columns=", ".join(columns), values=", ".join(columns.values()), **facts))
        for index in Call._meta.indexes:
            editor.add_index(Call, index)
    _vacuum("call")


def fill_events() -> None:
    """Four events for each call: who said what when."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_EVENTS.format())
    _vacuum("callevent")


def fill_notes() -> None:
    """A note on one in twenty answered calls, and the full text indexes, which migrations make."""
    from importlib import import_module

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_NOTES)
    with connection.schema_editor() as editor:
        for migration in ("0010_notes", "0011_call_log"):
            import_module(f"django_voipcti.migrations.{migration}").index_words(None, editor)
    _vacuum("call")
    _vacuum("callnote")


def _vacuum(table: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE django_voipcti_{table}")
