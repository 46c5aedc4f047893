"""Calls as rows to take away: what stands in them, who sees what of it, and that their number costs no memory."""

import tracemalloc
import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from django_voipcti import journal, notes
from django_voipcti.calllog import export
from django_voipcti.models import Call, CallOutcome
from django_voipcti.notes import Content
from tests.calllog.story import LONDON, outbound, ring_group
from tests.journal.conftest import said
from tests.testapp.models import Company, Contact

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]


@pytest.fixture
def boss(db):
    return get_user_model().objects.create_superuser("boss", password="x")


def records(calls, user):
    """The rows as dictionaries."""
    headings = [column.heading for column in export.columns()]
    return [dict(zip(headings, row, strict=True)) for chunk in export.rows(calls, user) for row in chunk]


class TestRows:
    def test_a_conversation(self, agents, boss):
        company = Company.objects.create(name="Analytical Engines")
        Contact.objects.create(name="Ada Lovelace", phone=LONDON, company=company)
        ring_group("c1", answered_by="602")
        Call.objects.update(context="Sales")
        (row,) = records(Call.objects.conversations(), boss)
        started = row.pop("start")
        assert started == Call.objects.order_by("started_at").first().started_at
        assert row == {
            "direction": "inbound",
            "other party": "Ada Lovelace",
            "company": "Analytical Engines",
            "number": LONDON,
            "line": "602",
            "user": "ben",
            "queue or ring group": "Sales",
            "state": "ended",
            "end reason": "completed",
            "ring time": timedelta(seconds=5),
            "talk time": timedelta(seconds=15),
            "time on hold": timedelta(),
            "answered by": "ben",
            "lines": 3,
            "outcome": "",
            "notes": "",
        }

    def test_a_call_that_nobody_answered_has_no_talk(self, agents, boss):
        outbound("o1", answered=False)
        (row,) = records(Call.objects.all(), boss)
        assert (row["talk time"], row["time on hold"], row["answered by"], row["lines"]) == (None, None, "", 1)

    def test_newest_first_and_each_once_however_they_are_cut(self, agents, boss, monkeypatch):
        for number in range(7):
            ring_group(f"c{number}", begin=number // 3)
        monkeypatch.setattr(export, "CHUNK", 2)
        for calls in (Call.objects.all(), Call.objects.conversations()):
            found = [row["start"] for row in records(calls, boss)]
            assert found == sorted(found, reverse=True)
            assert len(found) == calls.count()

    def test_a_withheld_number_is_named_and_a_short_one_is_as_it_is(self, agents, boss):
        journal.record([said("RINGING", 0, number="anonymous"), said("RINGING", 5, call="c2", number="602")])
        assert [row["number"] for row in records(Call.objects.all(), boss)] == ["602", "withheld number"]

    def test_moments_are_those_of_the_users_zone_and_words_of_his_language(self, agents, boss):
        ring_group("c1")
        Call.objects.update(started_at=datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
        with timezone.override("Europe/Berlin"), translation.override("de"):
            rows = export.rows(Call.objects.conversations(), boss)
            first = next(rows)
        # What is active when the next rows are asked for is somebody else's.
        assert first[0][0].isoformat() == "2026-03-11T00:30:00+01:00"
        assert first[0][0].tzinfo == zoneinfo.ZoneInfo("Europe/Berlin")


@pytest.mark.django_db(transaction=True)
class TestNotes:
    def test_saved_ones_of_the_whole_conversation_with_their_authors(self, agents, boss):
        outcome = CallOutcome.objects.create(name="Order")
        ring_group("c1", answered_by="602")
        first, second = Call.objects.filter(line__account__in=["601", "602"]).order_by("line__account")
        notes.save(agents[1].user, second.pk, Content(text="Two armchairs", outcome=outcome))
        notes.save(agents[0].user, first.pk, Content(text="Asked for Ben"))
        notes.keep_draft(agents[2].user, Call.objects.get(line__account="603").pk, Content(text="half a dra"))
        (row,) = records(Call.objects.conversations(), boss)
        assert row["notes"] == "ben: Two armchairs\nana: Asked for Ben"
        assert row["outcome"] == "Order"


class TestPrivacy:
    @pytest.fixture
    def watcher(self, db):
        user = get_user_model().objects.create_user("watcher", password="x")
        user.user_permissions.set(Permission.objects.filter(codename__in=["watch_lines", "view_contact"]))
        return user

    @pytest.mark.django_db(transaction=True)
    def test_numbers_are_masked_wherever_they_stand(self, agents, watcher):
        ring_group("c1", answered_by="601")
        Call.objects.update(other_name="020 7946 0123")
        notes.save(agents[0].user, Call.objects.get(line=agents[0]).pk, Content(text="Or call 020 7946 0123"))
        (row,) = records(Call.objects.conversations(), watcher)
        assert row["number"] == "+44*******123"
        assert "7946" not in str(row)

    def test_a_record_that_may_not_be_viewed_is_a_known_contact(self, agents, watcher):
        Contact.objects.create(name="Ada Lovelace", phone=LONDON)
        ring_group("c1")
        assert {row["other party"] for row in records(Call.objects.all(), watcher)} == {"Ada Lovelace"}
        watcher = get_user_model().objects.get(pk=watcher.pk)
        watcher.user_permissions.remove(Permission.objects.get(codename="view_contact"))
        assert {row["other party"] for row in records(Call.objects.all(), watcher)} == {"Known contact"}
        assert set(Call.objects.values_list("contact_label", flat=True)) == {"Ada Lovelace"}


class TestCost:
    def test_queries_rise_with_the_chunks_only(self, agents, boss, monkeypatch):
        monkeypatch.setattr(export, "CHUNK", 10)
        for number in range(20):
            ring_group(f"c{number}", answered_by="601")
        with CaptureQueriesContext(connection) as queries:
            assert len(records(Call.objects.conversations(), boss)) == 20
        # Lines; three times calls, of which the last are none; twice notes.
        assert len(queries) <= 6

    def test_memory_does_not_rise_with_the_rows(self, line, boss, monkeypatch):
        monkeypatch.setattr(export, "CHUNK", 200)
        now = timezone.now()
        facts = {"line": line, "provider": "default", "direction": "INBOUND", "state": "HANGUP", "end_reason": "missed"}
        moments = {"state_at": now, "created_at": now, "ended_at": now}

        def made(first, last):
            Call.objects.bulk_create(
                Call(external_id=f"m{n}", started_at=now - timedelta(seconds=n), **facts, **moments)
                for n in range(first, last)
            )

        def peak():
            tracemalloc.start()
            try:
                assert sum(len(chunk) for chunk in export.rows(Call.objects.conversations(), boss)) > 0
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        made(0, 400)
        peak()
        few = peak()
        made(400, 4000)
        assert peak() < few * 1.5
