"""The way of a call to the screens: noted beside the pop, written by a thread of its own, lost rather than awaited."""

from dataclasses import replace
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission
from django.test import override_settings

from django_voipcti import journal, trace
from django_voipcti.calllog.person import Person, erase, export
from django_voipcti.calllog.retention import purge_traces
from django_voipcti.enums import Direction
from django_voipcti.models import Call, CallTrace, PageOutcome, PopRule, TraceStep
from django_voipcti.redaction import PhoneNumber
from tests.journal.conftest import at, said
from tests.test_consumers import ana, ben, line, opened  # noqa: F401  fixtures, and the end of a socket
from tests.testapp.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+442079460123"
record = sync_to_async(journal.record)


@pytest.fixture(autouse=True)
def traced(settings):
    settings.VOIPCTI = {**settings.VOIPCTI, "TRACE_POPS": True}


def steps():
    """What is written, in order: step, user name, facts."""
    trace.written()
    return [
        (step.step, step.user.get_username() if step.user else "", step.facts)
        for step in CallTrace.objects.select_related("user").order_by("at", "pk")
    ]


asteps = sync_to_async(steps)


def test_who_was_told_and_why_is_written_with_the_candidates_and_the_rule(line):  # noqa: F811
    Contact.objects.create(name="Ada", phone="020 7946 0123")
    rule = PopRule.objects.create(name="Quiet", action="silent", direction="INBOUND")
    journal.record([said("RINGING", 0, number=NUMBER)])
    [(step, user, facts)] = steps()
    assert (step, user) == (TraceStep.TOLD, "ana")
    assert (facts["found"], facts["action"], facts["rule"], facts["region"]) == (1, "silent", rule.pk, "GB")
    assert facts["reason"] == "Rule “Quiet”."
    assert [candidate[3] for candidate in facts["candidates"]] == ["Ada"]


def test_what_cannot_pop_is_not_noted(line):  # noqa: F811
    journal.record([said("RINGING", 0, number=NUMBER), said("CONNECTED", 3), said("HANGUP", 9)])
    assert [step for step, _user, _facts in steps()] == [TraceStep.TOLD]


def test_a_host_can_do_without(settings, line):  # noqa: F811
    settings.VOIPCTI = {**settings.VOIPCTI, "TRACE_POPS": False}
    journal.record([said("RINGING", 0, number=NUMBER)])
    assert steps() == []


async def test_each_page_that_gets_it_is_noted_and_what_it_says_that_it_showed(ana, line):  # noqa: F811
    async with opened(ana) as page, opened(ana) as laptop:
        await record([said("RINGING", 0, number=NUMBER)])
        call = (await page.hear())["call"]["id"]
        await laptop.hear()
        reply, _told = await page.ask("shown", call=call, how="shown", hidden=True, after=14)
        assert reply["ok"]
        found = await asteps()
    assert [step for step, _user, _facts in found] == ["told", "delivered", "delivered", "shown"]
    assert {user for _step, user, _facts in found} == {"ana"}
    assert found[1][2] == {"way": "live", "own": True}
    assert found[3][2] == {"outcome": "shown", "hidden": True, "after": 14}
    sockets = {step.socket async for step in CallTrace.objects.filter(step=TraceStep.DELIVERED)}
    assert len(sockets) == 2
    assert (await CallTrace.objects.aget(step=TraceStep.SHOWN)).socket in sockets


async def test_who_watches_the_line_is_told_apart(ana, line, ben):  # noqa: F811
    await sync_to_async(ben.user_permissions.add)(await Permission.objects.aget(codename="watch_lines"))
    async with opened(ben) as page:
        await page.ask("subscribe", node="user:601")
        await record([said("RINGING", 0, number=NUMBER)])
        await page.hear()
        found = await asteps()
    assert found[1] == (TraceStep.DELIVERED, "ben", {"way": "live", "own": False})


async def test_a_page_that_is_opened_while_it_rings_finds_the_call(ana, line):  # noqa: F811
    await record([said("RINGING", 0, number=NUMBER)])
    async with opened(ana):
        found = await asteps()
    assert found[1] == (TraceStep.DELIVERED, "ana", {"way": "snapshot", "own": True})


async def test_a_page_speaks_only_of_calls_that_it_was_told_of_and_not_without_end(ana, line, ben):  # noqa: F811
    await record([said("RINGING", 0, number=NUMBER)])
    call = str((await Call.objects.aget()).pk)
    async with opened(ben) as stranger:
        for number in (call, "0", "not a call"):
            assert (await stranger.ask("shown", call=number, how="shown"))[0]["ok"]
        assert await stranger.refusal("shown", call=call, how="loudly") == ("ERROR", "invalid_argument")
    async with opened(ana) as page:
        for _word in range(12):
            await page.ask("shown", call=call, how="folded", after=10**9)
    shown = [facts for step, _user, facts in await asteps() if step == TraceStep.SHOWN]
    assert len(shown) == 8
    assert shown[0]["after"] == 3_600_000


def test_a_channel_layer_that_is_away_is_noted(line, free_port, caplog):  # noqa: F811
    away = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [f"redis://127.0.0.1:{free_port}"]},
        }
    }
    with override_settings(CHANNEL_LAYERS=away):
        journal.record([said("RINGING", 0, number=NUMBER)])
    found = steps()
    assert [step for step, _user, _facts in found] == [TraceStep.LOST, TraceStep.LOST, TraceStep.TOLD]
    assert found[0][2]["problem"].endswith("Error")


def test_notes_about_a_call_that_is_gone_are_left_out_and_the_others_stay(line):  # noqa: F811
    [event] = journal.record([said("RINGING", 0, number=NUMBER)])
    page = trace.Deliveries(line.user_id)
    page.sent("RINGING", str(event.call_id + 1), way="live", is_own=True)
    page.sent("RINGING", str(event.call_id), way="live", is_own=True)
    assert [step for step, _user, _facts in steps()] == [TraceStep.TOLD, TraceStep.DELIVERED]


def test_a_call_that_turns_out_to_be_another_ones_leg_hands_its_way_over(line):  # noqa: F811
    clicked = journal.open_call(line, PhoneNumber(NUMBER), now=at(0))
    journal.record([said("INITIAL", 1, call="c1", number="+442079460999", direction=Direction.OUTBOUND)])
    trace.written()
    answer = replace(said("ACCEPTED", 2, call="c1", direction=Direction.OUTBOUND), call=clicked.pk)
    journal.record([answer])
    assert set(CallTrace.objects.values_list("call", flat=True)) == {clicked.pk}


def test_the_way_goes_with_the_call_is_exported_and_erased(line):  # noqa: F811
    journal.record([said("RINGING", 0, number=NUMBER), said("HANGUP", 9)])
    assert len(steps()) == 1
    person = Person(number=NUMBER, region="GB")
    assert [row["step"] for kind, row in export(person) if kind == "call_trace"] == ["told"]
    erase(person)
    assert not CallTrace.objects.exists()


def test_it_is_kept_for_some_days(settings, line):  # noqa: F811
    journal.record([said("RINGING", 0, number=NUMBER)])
    steps()
    now = CallTrace.objects.get().at
    settings.VOIPCTI = {**settings.VOIPCTI, "TRACE_DAYS": 2}
    assert list(purge_traces(now + timedelta(days=1))) == []
    assert list(purge_traces(now + timedelta(days=3))) == [1]


def test_every_outcome_has_words():
    assert all(str(outcome.label) for outcome in PageOutcome)
