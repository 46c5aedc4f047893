"""Every figure of the dashboard against plain Python, from the roll-up, from the calls, and from both at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_voipcti.calllog import report as reports
from django_voipcti.calllog import rollup
from django_voipcti.enums import Outcome
from django_voipcti.models import CallFigures, Line, RolledDay
from tests.calllog import generated as made

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]

STORIES = made.Office().stories()
INBOUND = (Outcome.ANSWERED, Outcome.MISSED, Outcome.TURNED_AWAY, Outcome.ELSEWHERE)


@pytest.fixture
def pks(db, settings):
    """The lines of the office by account, with 200 conversations in their past."""
    settings.TIME_ZONE = "Europe/Berlin"
    lines = {account: Line.objects.create(provider="default", account=account, region="GB") for account in made.LINES}
    made.tell(STORIES)
    return {account: line.pk for account, line in lines.items()}


def roll_all():
    now = timezone.now()
    assert sum(rollup.roll(rollup.due(now), now)) > 0


def nothing():
    """All from the calls."""


def half():
    """Some days rolled up, one of them changed since."""
    now = timezone.now()
    days = rollup.due(now)
    list(rollup.roll([day for day in days if day.day % 2 and day <= made.LAST], now))
    RolledDay.objects.filter(day=made.FIRST + timedelta(days=2)).update(dirty=True)
    CallFigures.objects.filter(day=made.FIRST + timedelta(days=2)).update(calls=999)


def test_the_stories_are_of_every_kind():
    kinds = {story.outcome for story in STORIES}
    assert kinds == {*Outcome, None}
    assert len(STORIES) == 200
    assert len({story.day for story in STORIES}) > 15
    assert any(len(story.lines) > 2 for story in STORIES)


@pytest.mark.parametrize("rolled", [nothing, roll_all, half])
@pytest.mark.parametrize("accounts", [None, made.LINES, ("601",), ("602", "603"), ()])
@pytest.mark.parametrize("days", [(made.FIRST, made.LAST), (made.FIRST + timedelta(days=9), made.LAST - timedelta(5))])
def test_each_figure(pks, rolled, accounts, days):
    rolled()
    since, until = days
    found = reports.report(since, until, None if accounts is None else [pks[account] for account in accounts])
    mine = made.counted(STORIES, since, until, accounts)

    assert {outcome: shown(tally) for outcome, tally in found.totals.items()} == {
        outcome: shown(sums) for outcome, sums in made.sums_by_outcome(mine).items()
    }
    assert found.by_day == made.calls_by_day(mine)
    for outcomes in (INBOUND, (Outcome.MISSED,), (Outcome.REACHED, Outcome.NOT_REACHED)):
        assert found.hours_of(*outcomes) == made.grid(mine, *outcomes)
    inbound = [story for story in mine if story.is_inbound]
    assert found.inbound.calls == len(inbound)
    judged = [story for story in inbound if story.outcome != Outcome.ELSEWHERE]
    quick = [story for story in judged if story.outcome == Outcome.ANSWERED and story.waited <= 20]
    expected = len(quick) / len(judged) if judged else None
    assert reports.service_level(found.totals, 20) == expected

    everyone = made.LINES if accounts is None else accounts
    for group in [*[(account,) for account in everyone], everyone]:
        of_group = made.sums_by_outcome([story for story in mine if story.lines & set(group)])
        of = found.of([pks[account] for account in group])
        assert {key: shown(value) for key, value in of.items()} == {key: shown(it) for key, it in of_group.items()}
    for account in everyone:
        work = found.work_of([pks[account]])
        expected_work = made.work(STORIES, since, until, account)
        assert {name: getattr(work, name) for name in expected_work} == expected_work


def shown(sums):
    return (sums.calls, sums.waited_ms, list(sums.within))


@pytest.mark.parametrize("accounts", [None, ("601",), ("602", "603")])
def test_top_callers(pks, accounts):
    lines = None if accounts is None else [pks[account] for account in accounts]
    found = reports.top_callers(made.FIRST, made.LAST, lines)
    assert [(each.call.other_e164, each.calls, each.answered) for each in found] == made.callers(
        STORIES, made.FIRST, made.LAST, accounts
    )


def test_top_callers_of_a_long_range_are_those_of_its_last_days(pks):
    until = made.LAST + timedelta(days=20)
    since = until - timedelta(days=reports.CALLER_DAYS - 1)
    assert since > made.FIRST
    found = reports.top_callers(made.FIRST - timedelta(days=300), until, None)
    assert [(each.call.other_e164, each.calls) for each in found] == [
        entry[:2] for entry in made.callers(STORIES, since, until)
    ]


def test_a_rolled_up_range_costs_the_same_number_of_queries_however_long(pks, django_assert_num_queries):
    roll_all()
    with django_assert_num_queries(6):
        reports.report(made.FIRST, made.FIRST, None)
    with django_assert_num_queries(6):
        reports.report(made.FIRST, made.LAST, None)
