"""Bridge process, cloud provider and simulator together: both directions, every stage, and what goes wrong."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import override_settings

from django_voipcti import control, nodes
from django_voipcti.enums import CallState, CommandState, Direction, EndReason, LineStatus
from django_voipcti.models import Call, CallCommand, CallEvent, Line, MissedCall
from django_voipcti.providers import providers
from django_voipcti.redaction import Secret
from django_voipcti.simulator import Simulator, SimulatorSettings, Timings, demo_scenario
from tests.support.processes import django_environment, python

pytestmark = pytest.mark.django_db(transaction=True)

in_db = sync_to_async

ANA, BEN = 200341, 200342
LONDON = "442079460999"


@pytest.fixture
async def simulator():
    settings = SimulatorSettings(timings=Timings(unregistered=0.1))
    async with Simulator(settings, scenario=demo_scenario()) as running:
        yield running


@pytest.fixture
def in_settings(simulator):
    """This process and the bridge's speak with the same simulator."""
    backend = "django_voipcti.providers.voipstudio.VoipStudioProvider"
    options = {"api_url": simulator.rest_url, "sip_url": simulator.sip_url}
    with override_settings(VOIPCTI={"PROVIDERS": {"default": {"BACKEND": backend, "OPTIONS": options}}}):
        yield


@pytest.fixture
async def line(simulator, in_settings):
    """Ana's line, logged in."""
    return await log_in("ana@example.test")


async def log_in(email):
    provider = providers["default"]
    credentials = await provider.login(username=email, password=Secret("demo-password"))
    await provider.aclose()
    return await sync_to_async(make_line)(email, credentials)


def make_line(email, credentials):
    line = Line(provider="default", user=get_user_model().objects.create(username=email))
    line.set_credentials(credentials)
    line.save()
    return line


@pytest.fixture
async def start_bridge(simulator, start_process):
    """Return `start_bridge(*arguments)`: a bridge process on the simulator, ended with the test."""

    started = []

    def start(*arguments):
        process = start_process(
            python("-m", "django", "voipcti_bridge", *arguments),
            env=django_environment()
            | {
                "DJANGO_SETTINGS_MODULE": "tests.bridge.settings",
                "VOIPCTI_TEST_API_URL": simulator.rest_url,
                "VOIPCTI_TEST_SIP_URL": simulator.sip_url,
            },
        )
        started.append(process)
        return process

    yield start
    for process in started:
        # In a thread, since the server that the bridge says goodbye to runs in this loop.
        await in_db(process.stop)()


@pytest.fixture
def reaches(aeventually):
    """Return `await reaches(line, "RINGING", ...)`: the line's told states are these, in this order."""

    async def wait(line, *states):
        async def told():
            events = CallEvent.objects.told().filter(line=line).order_by("id")
            seen = [event.state async for event in events]
            assert seen == list(states)
            return True

        await aeventually(told, describe=f"the states {states}")

    return wait


@pytest.fixture
def is_ready(aeventually):
    """Return `await is_ready(line)`."""

    async def wait(line, status=LineStatus.READY):
        async def reached():
            await line.arefresh_from_db()
            return line.status == status

        await aeventually(reached, describe=f"{line} is {status}")

    return wait


async def ask(action, line, *arguments):
    return await sync_to_async(lambda: action(line.user, *arguments))()


async def test_an_inbound_call_answered_by_click_held_resumed_and_hung_up_by_the_phone(
    simulator, line, start_bridge, is_ready, reaches
):
    start_bridge()
    await is_ready(line)
    phone = simulator.engine.phone(ANA)
    simulator.engine.call_from_outside(LONDON, "601", name="Jane Caller")
    await reaches(line, "RINGING")
    call = await Call.objects.aget()
    assert (call.direction, call.other_number, call.other_name) == (Direction.INBOUND, f"+{LONDON}", "Jane Caller")
    await ask(control.answer, line)
    await reaches(line, "RINGING", "CONNECTED")
    phone.hold()
    await reaches(line, "RINGING", "CONNECTED", "ON_HOLD")
    phone.resume()
    await reaches(line, "RINGING", "CONNECTED", "ON_HOLD", "CONNECTED")
    phone.hang_up()
    await reaches(line, "RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP")
    await call.arefresh_from_db()
    assert call.end_reason == EndReason.COMPLETED


@pytest.mark.database_matrix
async def test_a_click_goes_through_every_stage_of_the_contract(
    simulator, line, start_bridge, is_ready, reaches, aeventually
):
    start_bridge()
    await is_ready(line)
    await ask(control.place_call, line, f"+{LONDON}")
    await reaches(line, "INITIAL")
    phone = simulator.engine.phone(ANA)
    simulator.engine.pick_up(await aeventually(lambda: phone.request))
    await reaches(line, "INITIAL", "ACCEPTED", "RINGING")
    (outside,) = simulator.engine.outside_calls
    simulator.engine.answer(outside)
    await reaches(line, "INITIAL", "ACCEPTED", "RINGING", "CONNECTED")
    call = await Call.objects.aget()
    await ask(control.hang_up, line, call.pk)
    await reaches(line, "INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "HANGUP")
    assert await Call.objects.acount() == 1

    async def done():
        return [command.state async for command in CallCommand.objects.all()] == [CommandState.SUCCEEDED] * 2

    await aeventually(done)


async def test_a_click_without_a_registered_phone_is_cancelled_with_its_cause(
    simulator, line, start_bridge, is_ready, reaches
):
    start_bridge()
    await is_ready(line)
    simulator.engine.phone(ANA).unregister()
    await ask(control.place_call, line, f"+{LONDON}")
    await reaches(line, "INITIAL", "CANCEL")
    call = await Call.objects.aget()
    assert (call.state, call.end_reason) == (CallState.CANCEL, EndReason.UNREACHABLE)
    assert "registered" in call.cause


async def test_a_call_that_came_and_went_while_no_bridge_ran_is_filled_in(
    simulator, line, start_bridge, is_ready, aeventually
):
    bridge = start_bridge("--name", "one")
    await is_ready(line)
    await sync_to_async(bridge.kill)()
    phone = simulator.engine.phone(ANA)
    simulator.engine.call_from_outside(LONDON, "601")
    phone.answer()
    phone.hang_up()
    start_bridge("--name", "two")

    async def filled_in():
        call = await Call.objects.afirst()
        return call is not None and call.state == CallState.HANGUP and call.answered_at is not None

    await aeventually(filled_in)
    call = await Call.objects.aget()
    assert (call.end_reason, call.other_number) == (EndReason.COMPLETED, f"+{LONDON}")
    assert call.talk_time is not None


@pytest.fixture
async def supervisor(line):
    """The user of the line, who may watch everybody."""
    user = line.user
    await user.user_permissions.aadd(await Permission.objects.aget(codename="watch_lines"))
    return user


async def test_a_queue_a_menu_and_a_room_are_watched_while_the_call_goes_through_them(
    simulator, line, supervisor, start_bridge, is_ready, aeventually
):
    """The supervisor's login watches them; what is kept are the calls of people."""
    start_bridge()
    await is_ready(line)
    seen = {}
    for kind, key, number in [("queue", "70001", "700"), ("ivr", "81001", "800"), ("conf", "91001", "900")]:
        node = await in_db(nodes.watched)(supervisor, kind, key)
        assert await in_db(nodes.watched)(supervisor, kind, key) == node
        await is_ready(node)
        simulator.engine.call_from_outside(LONDON, number, name="Jane Caller")
        call = await aeventually(lambda node=node: Call.objects.filter(line=node).afirst(), describe=f"{kind} is seen")
        seen[kind] = (call.direction, call.other_number, call.is_live)
        for outside in simulator.engine.outside_calls:
            simulator.engine.hang_up(outside)

        async def is_gone(node=node):
            return not await Call.objects.filter(line=node).aexists()

        await aeventually(is_gone, describe=f"the call of {kind} is over")
    assert seen == dict.fromkeys(("queue", "ivr", "conf"), (Direction.INBOUND, f"+{LONDON}", True))
    # The queue rang Ana's phone, which is a call that she missed: once, however many nodes saw it.
    assert [call.line_id async for call in Call.objects.all()] == [line.pk]
    assert await MissedCall.objects.acount() == 1


async def test_a_queue_that_the_account_may_not_watch_says_so(simulator, line, supervisor, start_bridge, is_ready):
    simulator.platform.behaviour.change({"watch_others": False})
    start_bridge()
    node = await in_db(nodes.watched)(supervisor, "queue", "70001")
    await is_ready(node, LineStatus.ERROR)
    await is_ready(line)
