"""The day's roll-up: right after every change, however often and in whatever order it is made; kept when calls go."""

from datetime import date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_voipcti import tasks
from django_voipcti.calllog import report as reports
from django_voipcti.calllog import retention, rollup
from django_voipcti.enums import Outcome
from django_voipcti.journal.erasure import delete_calls
from django_voipcti.models import Call, CallFigures, LineFigures, LineSet, RolledDay
from tests.calllog import generated as made
from tests.calllog.test_report import STORIES, pks, roll_all  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]

DAY = made.FIRST + timedelta(days=3)


@pytest.fixture
def rolled(pks):  # noqa: F811
    """The generated past, with its roll-up."""
    roll_all()
    return pks


def stored():
    """All figures, in an order of their own."""
    return [
        sorted(map(repr, model._default_manager.values_list(*fields(model)))) for model in (CallFigures, LineFigures)
    ]


def fields(model):
    return [field.attname for field in model._meta.fields if field.name != "id"]


def new_call(name, *, account="601", day=DAY, answered=True):
    """One more conversation on a day long past, as a late import brings it."""
    start = datetime(day.year, day.month, day.day, 12, tzinfo=made.ZONE)
    leg = made.Leg(account, made.Direction.INBOUND, 0, 5.0 if answered else None, 60.0, None)
    outcome = Outcome.ANSWERED if answered else Outcome.MISSED
    made.tell([made.Story(name, start, (leg,), outcome, frozenset({account}), 5.0, made.CALLERS[0])])


def test_doing_it_twice_leaves_the_same(rolled):
    before, sets = stored(), LineSet.objects.count()
    list(rollup.roll(rollup.due(timezone.now(), anew=True), timezone.now()))
    assert stored() == before
    assert LineSet.objects.count() == sets


def test_days_in_any_order_and_one_by_one_leave_the_same(rolled):
    before = stored()
    for model in (CallFigures, LineFigures, RolledDay):
        model._default_manager.all().delete()
    for day in sorted(rollup.due(timezone.now()), reverse=True):
        list(rollup.roll([day], timezone.now()))
    assert stored() == before


def test_nothing_is_due_when_all_is_done(rolled, capsys):
    assert rollup.due(timezone.now()) == []
    call_command("voipcti_rollup")
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize("day", [DAY, made.LAST])
def test_what_the_journal_writes_about_a_day_makes_it_due(rolled, day):
    new_call("late", day=day)
    assert rollup.due(timezone.now()) == [day]
    shown = reports.report(day, day, None)
    assert len(shown.live) == 1
    assert tasks.roll_up() == 1
    again = reports.report(day, day, None)
    assert len(again.live) == 0
    assert again.totals == shown.totals
    assert again.work == shown.work


def test_a_call_near_midnight_makes_both_days_due(rolled):
    start = datetime(DAY.year, DAY.month, DAY.day, 23, 59, tzinfo=made.ZONE)
    leg = made.Leg("601", made.Direction.INBOUND, 0, 5.0, 60.0)
    made.tell([made.Story("night", start, (leg,), Outcome.ANSWERED, frozenset({"601"}), 5.0, made.CALLERS[0])])
    assert rollup.due(timezone.now()) == [DAY, DAY + timedelta(days=1)]


def test_what_is_written_about_today_asks_nothing_of_the_roll_up(rolled, django_assert_num_queries):
    noon = timezone.now().replace(hour=12)
    with django_assert_num_queries(0):
        RolledDay.objects.touch([noon], noon)


def test_the_figures_of_deleted_calls_stay(rolled, settings):
    settings.VOIPCTI = {**settings.VOIPCTI, "RETENTION_DAYS": 1}
    before = stored()
    for _batch in retention.purge(timezone.now()):
        pass
    assert not Call.objects.filter(ended_at__isnull=False).exists()
    list(rollup.roll(rollup.due(timezone.now(), anew=True), timezone.now()))
    new_call("forgotten")
    list(rollup.roll(rollup.due(timezone.now()), timezone.now()))
    assert stored() == before
    assert reports.report(made.FIRST, made.LAST, None).inbound.calls > 0


def test_deleting_a_call_of_a_day_without_figures_closes_nothing(pks):  # noqa: F811
    delete_calls([Call.objects.order_by("started_at").values_list("pk", flat=True)[0]])
    assert not RolledDay.objects.exists()
    roll_all()
    assert not RolledDay.objects.clean().filter(closed=True).exists()


def test_another_time_zone_makes_every_day_due(rolled, settings):
    settings.TIME_ZONE = "Asia/Kathmandu"
    assert len(rollup.due(timezone.now())) > 20
    assert len(reports.report(DAY, DAY, None).live) == 1


def test_today_is_never_rolled_up(pks):  # noqa: F811
    today = timezone.now().astimezone(made.ZONE).date()
    new_call("today", day=today)
    assert today not in rollup.due(timezone.now())
    roll_all()
    assert not RolledDay.objects.filter(day__gte=today).exists()


def test_a_day_that_was_rolled_up_right_after_its_end_is_looked_at_again(rolled):
    end = datetime(made.LAST.year, made.LAST.month, made.LAST.day, tzinfo=made.ZONE) + timedelta(days=1)
    RolledDay.objects.filter(day=made.LAST).update(rolled_at=end + timedelta(minutes=10))
    assert rollup.due(timezone.now()) == [made.LAST]
    list(rollup.roll([made.LAST], end + timedelta(minutes=70)))
    assert rollup.due(timezone.now()) == []


def test_the_command_says_what_it_did(pks, capsys):  # noqa: F811
    call_command("voipcti_rollup")
    said = capsys.readouterr()
    assert "days rolled up in" in said.out
    call_command("voipcti_rollup", "--all", "--no-progress")
    assert RolledDay.objects.filter(dirty=True).count() == 0


def test_without_calls_nothing_is_due(db):
    assert rollup.due(timezone.now()) == []
    found = reports.report(date(2025, 1, 1), date(2025, 1, 31), None)
    assert found.inbound.calls == 0
    assert reports.service_level(found.totals, 20) is None
