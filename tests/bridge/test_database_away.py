"""PostgreSQL stops in mid-call: the bridge goes on listening, and writes everything in order when it is back."""

import signal

import psycopg
import pytest
from asgiref.sync import sync_to_async

from tests.bridge.sip_server import SipServer
from tests.bridge.test_translate import dialog
from tests.support.processes import ROOT, python
from tests.support.servers import Postgres, postgres_binaries

in_thread = sync_to_async(thread_sensitive=False)

ANA = "sip:601@pbx.example"


MAKE_LINE = """
import django; django.setup()
from django.contrib.auth import get_user_model
from django_voipcti.models import Line
line = Line(provider="default", account="601", user=get_user_model().objects.create(username="ana"))
line.set_secrets({"password": "secret"})
line.save()
"""


@pytest.fixture
def database():
    """A PostgreSQL of our own, to be stopped."""
    binaries = postgres_binaries()
    assert binaries is not None
    with Postgres(binaries) as server:
        with psycopg.connect(host=server.host, user=server.user, dbname="postgres", autocommit=True) as client:
            client.execute("CREATE DATABASE voipcti")
        yield server


@pytest.fixture
def environment(database, start_process):
    """Settings of programs on that database, which has its tables and one line."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.bridge.settings",
        "PYTHONPATH": str(ROOT),
        "VOIPCTI_TEST_DB": "postgres",
        "VOIPCTI_TEST_DB_HOST": database.host,
        "VOIPCTI_TEST_DB_NAME": "voipcti",
    }
    for program in (python("-m", "django", "migrate", "-v", "0"), python("-c", MAKE_LINE)):
        process = start_process(program, env=variables)
        assert process.wait() == 0, process.output
    return variables


def ask(database, query):
    """Rows of a query, without Django, whose connection belongs to another database."""
    with psycopg.connect(host=database.host, user=database.user, dbname="voipcti") as client:
        return client.execute(query).fetchall()


async def test_what_is_heard_while_the_database_is_stopped_is_written_in_order(
    database, environment, start_process, aeventually
):
    async with SipServer(passwords={"601": "secret"}) as server:
        bridge = start_process(
            python("-m", "django", "voipcti_bridge"), env=environment | {"VOIPCTI_TEST_SIP_URL": server.url}
        )
        await aeventually(lambda: server.live(ANA))
        await aeventually(lambda: ask(database, "SELECT 1 FROM django_voipcti_line WHERE status = 'READY'"))
        await server.notify(ANA, dialog("c0", "early"))
        await aeventually(lambda: ask(database, "SELECT 1 FROM django_voipcti_callevent"))

        await in_thread(database._process.stop)()
        calls = [f"c{number}" for number in range(20)]
        for state in ("early", "confirmed", "terminated"):
            await server.notify(ANA, *(dialog(call, state) for call in calls))
        await aeventually(lambda: "The database is away" in bridge.output)
        assert bridge.returncode is None
        await in_thread(database._process.start)()

        await aeventually(lambda: ask(database, "SELECT count(*) FROM django_voipcti_callevent") == [(60,)])
        for call in calls:
            states = ask(
                database,
                "SELECT event.state FROM django_voipcti_callevent event JOIN django_voipcti_call call"
                f" ON call.id = event.call_id WHERE call.external_id = '{call}' AND effective ORDER BY event.id",
            )
            assert [state for (state,) in states] == ["RINGING", "CONNECTED", "HANGUP"]
        await aeventually(lambda: "The database is back" in bridge.output)
        bridge.send_signal(signal.SIGTERM)
        assert await in_thread(bridge.wait)() == 0, bridge.output


async def test_a_bridge_that_must_stop_while_the_database_is_away_does_stop_and_says_what_is_left(
    database, environment, start_process, aeventually
):
    async with SipServer(passwords={"601": "secret"}) as server:
        bridge = start_process(
            python("-m", "django", "voipcti_bridge", "--drain-seconds", "0"),
            env=environment | {"VOIPCTI_TEST_SIP_URL": server.url},
        )
        await aeventually(lambda: server.live(ANA))
        await in_thread(database._process.stop)()
        await server.notify(ANA, dialog("c1", "early"))
        await aeventually(lambda: "The database is away" in bridge.output)
        bridge.send_signal(signal.SIGTERM)
        assert await in_thread(bridge.wait)() == 3, bridge.output
        assert "1 call updates were left unfinished" in bridge.output
        assert not server.live(ANA)
        await in_thread(database._process.start)()
