"""Filters of the call log: quick ranges, a range of one's own, outcomes, people."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from django_voipcti import journal
from django_voipcti.models import Call
from tests.admin.conftest import LONDON, listed
from tests.journal.conftest import said

BERLIN = "Europe/Berlin"


@pytest.fixture
def started(line):
    """Return `started(moment)`: a missed call that began then."""

    def make(moment):
        number = Call.objects.count()
        journal.record([said("RINGING", 0, call=f"c{number}", number=LONDON)])
        Call.objects.filter(external_id=f"c{number}").update(started_at=moment, state="HANGUP", end_reason="missed")

    return make


def count(client, **query):
    return listed(client, "call", **query).count(">missed</span>")


class TestStart:
    def test_quick_ranges(self, boss_client, started):
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        started(midnight)
        started(midnight - timedelta(seconds=1))
        started(midnight - timedelta(days=6))
        started(midnight - timedelta(days=6, seconds=1))
        this_month = sum(
            moment >= midnight.replace(day=1) for moment in Call.objects.values_list("started_at", flat=True)
        )
        assert count(boss_client) == 4
        assert count(boss_client, start="today") == 1
        assert count(boss_client, start="week") == 3
        assert count(boss_client, start="month") == this_month

    def test_a_range_of_ones_own_includes_both_days(self, boss_client, started):
        for day in (9, 10, 11, 12, 13):
            started(datetime(2026, 3, day, 23, 59, tzinfo=timezone.get_current_timezone()))
        assert count(boss_client, since="2026-03-10", until="2026-03-12") == 3
        assert count(boss_client, since="2026-03-12") == 2
        assert count(boss_client, until="2026-03-09") == 1

    def test_days_begin_at_the_local_midnight(self, boss_client, started, settings):
        settings.TIME_ZONE = BERLIN
        with timezone.override(BERLIN):
            started(datetime(2026, 3, 10, 0, 30, tzinfo=timezone.get_current_timezone()))  # still the 9th in UTC
        assert count(boss_client, since="2026-03-10", until="2026-03-10") == 1
        assert count(boss_client, since="2026-03-09", until="2026-03-09") == 0

    def test_a_date_that_is_none_is_named_and_narrows_nothing(self, boss_client, started):
        started(timezone.now())
        page = listed(boss_client, "call", since="soon")
        assert "Enter a valid date." in page
        assert page.count(">missed</span>") == 1

    def test_it_keeps_the_other_filters(self, boss_client, started):
        started(timezone.now())
        page = listed(boss_client, "call", outcome="missed")
        assert "?outcome=missed&amp;start=today" in page
        assert '<input type="hidden" name="outcome" value="missed">' in page

    def test_an_unknown_quick_range_narrows_nothing(self, boss_client, started):
        started(timezone.now())
        assert count(boss_client, start="whenever") == 1


class TestOutcome:
    @pytest.mark.parametrize(
        ("facts", "outcome"),
        [
            ({"state": "RINGING"}, "live"),
            ({"state": "HANGUP", "end_reason": "missed"}, "missed"),
            ({"state": "HANGUP", "end_reason": "completed", "answered_at": timezone.now()}, "talked"),
            ({"state": "HANGUP", "end_reason": "no_answer", "direction": "OUTBOUND"}, "unreached"),
            ({"state": "CANCEL", "end_reason": "unreachable"}, "failed"),
        ],
    )
    def test_each_call_is_found_under_its_outcome_only(self, boss_client, line, facts, outcome):
        journal.record([said("RINGING", 0, number=LONDON)])
        Call.objects.update(**facts)
        address = f"/call/{Call.objects.get().pk}/change/"
        found = [
            word
            for word in ("live", "talked", "missed", "unreached", "failed")
            if address in listed(boss_client, "call", outcome=word)
        ]
        assert found == [outcome]


class TestAgent:
    def test_calls_of_one_users_lines(self, boss_client, agents):
        journal.record([said("RINGING", 0, line="601"), said("RINGING", 0, line="602", call="c2")])
        ben = agents[1].user
        page = listed(boss_client, "call", agent=ben.pk)
        assert page.count(">ringing</span>") == 1
        assert f"?agent={ben.pk}" in page

    def test_a_hundred_agents_are_not_a_list(self, boss_client, agents, django_user_model):
        from django_voipcti.models import Line

        for number in range(40):
            user = django_user_model.objects.create(username=f"agent-{number}")
            Line.objects.create(account=f"a{number}", user=user)
        assert "?agent=" not in listed(boss_client, "call")
