"""Who has seen what: one row for each page opened, export made and recording played; kept for its own time."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from django_voipcti import journal
from django_voipcti.calllog import access, person, retention
from django_voipcti.journal.erasure import delete_calls
from django_voipcti.models import Call, CallAccess
from tests.calllog.story import LONDON
from tests.journal.conftest import said
from tests.settings import VOIPCTI

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]


@pytest.fixture
def call(line):
    journal.record([said("RINGING", 0, number=LONDON), said("HANGUP", 9)])
    return Call.objects.get()


def test_each_look_is_written_down(boss, call):
    access.note_view(boss, call)
    access.note_view(boss, call)
    rows = list(CallAccess.objects.values_list("kind", "user_name", "call", "calls"))
    assert rows == [("viewed", "boss", call.pk, 1)] * 2


def test_an_export_says_how_many_and_which_without_numbers(boss):
    entry = access.note_export(boss, calls=1240, detail="CSV, number +442079460123, " + "x" * 400)
    entry.refresh_from_db()
    assert (entry.kind, entry.calls, entry.call) == ("exported", 1240, None)
    assert "79460" not in entry.detail
    assert len(entry.detail) == 300


class TestPlays:
    def test_jumping_about_in_a_recording_is_the_same_play(self, boss, call):
        assert access.note_play(boss, call, from_start=True)
        assert access.note_play(boss, call, from_start=False) is None

    def test_from_the_start_it_is_played_again(self, boss, call):
        access.note_play(boss, call, from_start=True)
        assert access.note_play(boss, call, from_start=True)

    def test_nobody_slips_in_by_beginning_in_the_middle(self, boss, call, agents):
        access.note_play(agents[0].user, call, from_start=True)
        assert access.note_play(boss, call, from_start=False)

    def test_the_next_day_it_is_played_anew(self, boss, call):
        access.note_play(boss, call, from_start=True)
        CallAccess.objects.update(at=timezone.now() - timedelta(hours=2))
        assert access.note_play(boss, call, from_start=False)


def test_an_entry_outlives_the_call_and_the_user(boss, call):
    access.note_view(boss, call)
    delete_calls([call.pk])
    boss.delete()
    entry = CallAccess.objects.get()
    assert (entry.call, entry.user, entry.user_name) == (None, None, "boss")


def test_it_is_handed_out_with_what_is_kept_of_a_person(boss, call):
    access.note_view(boss, call)
    access.note_export(boss, calls=3)
    rows = [row for kind, row in person.export(person.Person(number=LONDON)) if kind == "call_access"]
    assert [(row["kind"], row["user_name"], row["call_id"]) for row in rows] == [("viewed", "boss", call.pk)]


@pytest.mark.parametrize(("days", "left"), [(30, 1), (None, 2), (0.5, 0)])
def test_it_is_kept_for_its_own_days(boss, call, days, left):
    for _look in range(2):
        access.note_view(boss, call)
    newer, older = CallAccess.objects.values_list("pk", flat=True)
    CallAccess.objects.filter(pk=newer).update(at=timezone.now() - timedelta(days=1))
    CallAccess.objects.filter(pk=older).update(at=timezone.now() - timedelta(days=31))
    with override_settings(VOIPCTI=VOIPCTI | {"ACCESS_LOG_DAYS": days}):
        assert list(retention.purge_access_log(timezone.now(), batch=1)) == [1] * (2 - left)
    assert CallAccess.objects.count() == left
    assert Call.objects.exists()
