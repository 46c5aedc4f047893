"""The bridge as a process: real SIP server, real database, real signals."""

import signal

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model

from django_voipcti.enums import CallState, Direction, EndReason, LineStatus
from django_voipcti.models import BridgeInstance, Call, CallEvent, Line, LineLease
from tests.bridge.sip_server import SipServer
from tests.bridge.test_translate import dialog
from tests.support.processes import django_environment, python

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

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

    def start(*arguments):
        process = start_process(
            python("-m", "django", "voipcti_bridge", *arguments),
            env=django_environment()
            | {"DJANGO_SETTINGS_MODULE": "tests.bridge.settings", "VOIPCTI_TEST_SIP_URL": server.url},
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
