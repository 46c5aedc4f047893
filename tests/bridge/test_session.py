"""One line: how it begins, what it says about itself, what its provider can do to it, and what it catches up on."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from django_voipcti.bridge.database import Database
from django_voipcti.bridge.hub import ConnectionHub
from django_voipcti.bridge.leases import HeldLine
from django_voipcti.bridge.session import LineSession
from django_voipcti.bridge.status import StatusBoard
from django_voipcti.bridge.writer import JournalWriter
from django_voipcti.enums import CallState, Direction, EndReason, LineStatus, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.exceptions import AuthenticationFailed, ProviderUnavailable
from django_voipcti.models import Call, Line
from django_voipcti.providers.dummy import DummyProvider
from django_voipcti.redaction import PhoneNumber
from tests.bridge.pbx import PbxProvider
from tests.bridge.sip_server import SipServer
from tests.bridge.test_translate import dialog

pytestmark = pytest.mark.django_db(transaction=True)

ANA = "sip:601@pbx.example"


class Attentive(PbxProvider):
    """Asks after its credentials all the time."""

    keep_alive_interval = 0.02


class Moody(PbxProvider):
    """Cannot say at first how to connect, then can."""

    errors = ()

    async def sip_profile(self, account):
        if self.errors:
            self.errors, error = self.errors[1:], self.errors[0]
            raise error
        return await super().sip_profile(account)


class Defective(PbxProvider):
    """Trips over one dialog."""

    def identify_dialog(self, account, dialog):
        if dialog.id == "trap":
            raise KeyError("defect")
        return super().identify_dialog(account, dialog)


class Office:
    """The parts of a bridge around one session."""

    def __init__(self):
        self.database = Database()
        self.writer = JournalWriter(spool_limit=100)
        self.board = StatusBoard(self.database)
        self.hub = ConnectionHub(room=self.writer.room)
        self.sessions = []
        self.writer.start()
        self.task = asyncio.create_task(self.board.run())

    def open(self, line, provider, *, unseen_since=None):
        held = HeldLine(pk=line.pk, provider="default", fingerprint="1", unseen_since=unseen_since)
        session = LineSession(
            held, provider=provider, hub=self.hub, writer=self.writer, board=self.board, database=self.database
        )
        session.start()
        self.sessions.append(session)
        return session

    async def close(self):
        for session in self.sessions:
            await session.stop("over")
        await self.board.written()
        self.task.cancel()
        self.writer.stop()
        await asyncio.wrap_future(self.writer.finished)
        self.database.close(5)


@pytest.fixture
async def office():
    parts = Office()
    yield parts
    await parts.close()


@pytest.fixture
async def server():
    async with SipServer(passwords={"601": "secret"}) as running:
        yield running


@pytest.fixture
async def line():
    return await sync_to_async(make_line)()


def make_line():
    line = Line(provider="default", account="601", extension="601")
    line.set_secrets({"password": "secret"})
    line.save()
    return line


@pytest.fixture
def stands(aeventually):
    """Return `await stands(line, status)`: wait for the stored status, return its sentence."""

    async def wait(line, status):
        async def reached():
            await line.arefresh_from_db()
            return line.status == status

        await aeventually(reached, describe=f"the line is {status}")
        return line.status_text

    return wait


async def test_a_line_of_a_provider_without_sip_is_ready_when_its_credentials_are_accepted(office, line, stands):
    provider = DummyProvider("default", {})
    office.open(line, provider)
    await stands(line, LineStatus.READY)
    assert [asked.action for asked in provider.commands] == ["keep_alive"]


async def test_a_line_whose_credentials_are_refused_says_so_and_does_not_try_again(office, line, stands):
    provider = DummyProvider("default", {})
    provider.fail("keep_alive", AuthenticationFailed("Your key has expired. Log in again."))
    office.open(line, provider)
    assert await stands(line, LineStatus.ERROR) == "Your key has expired. Log in again."
    assert len(provider.commands) == 1


async def test_a_provider_that_is_away_is_asked_again(office, line, stands, server):
    provider = Moody("default", {"url": server.url})
    provider.errors = (ProviderUnavailable("The provider is down for maintenance."),)
    office.open(line, provider)
    assert await stands(line, LineStatus.ERROR) == "The provider is down for maintenance."
    await stands(line, LineStatus.READY)


async def test_a_defect_of_the_provider_is_a_line_in_error_not_the_end(office, line, stands, server, caplog):
    provider = Moody("default", {"url": server.url})
    provider.errors = (KeyError("defect"),)
    office.open(line, provider)
    await stands(line, LineStatus.READY)
    assert "cannot begin" in caplog.text


async def test_secrets_that_cannot_be_decrypted_name_the_setting_to_mend(office, line, stands):
    await Line.objects.filter(pk=line.pk).aupdate(secrets="written with another key")
    office.open(line, DummyProvider("default", {}))
    assert "CREDENTIAL_KEYS" in await stands(line, LineStatus.ERROR)


async def test_a_line_that_is_deleted_meanwhile_harms_nobody(office, line, aeventually, caplog):
    caplog.set_level("INFO")
    await Line.objects.filter(pk=line.pk).adelete()
    session = office.open(line, DummyProvider("default", {}))
    await aeventually(lambda: "was deleted" in caplog.text)
    assert not session.failed


async def test_credentials_that_die_while_calls_flow_show_and_calls_go_on(office, line, stands, server, aeventually):
    provider = Attentive("default", {"url": server.url})
    office.open(line, provider)
    await stands(line, LineStatus.READY)
    provider.fail("keep_alive", ProviderUnavailable("later"), AuthenticationFailed("Log in again."))
    assert await stands(line, LineStatus.ERROR) == "Log in again."
    await server.notify(ANA, dialog("c1", "early"))
    await aeventually(lambda: Call.objects.aexists())
    server.cut()
    await aeventually(lambda: server.live(ANA))
    await line.arefresh_from_db()
    assert line.status != LineStatus.READY


async def test_a_dialog_that_the_provider_trips_over_costs_no_other(office, line, stands, server, aeventually, caplog):
    office.open(line, Defective("default", {"url": server.url}))
    await stands(line, LineStatus.READY)
    await server.notify(ANA, dialog("trap", "early"), dialog("c1", "early"))
    assert await aeventually(lambda: "a dialog was left out" in caplog.text)
    await aeventually(lambda: Call.objects.filter(external_id="c1").aexists())
    assert server.accepted == 1


async def test_hostile_documents_are_left_out(office, line, stands, server, aeventually, caplog):
    office.open(line, PbxProvider("default", {"url": server.url}))
    await stands(line, LineStatus.READY)
    await server.notify(ANA, "<dialog>" * 50)
    await aeventually(lambda: "nested too deeply" in caplog.text)
    await server.notify(ANA, dialog("c1", "early"))
    await aeventually(lambda: Call.objects.filter(external_id="c1").aexists())


def ended_call(*, began, external_id="missed-meanwhile"):
    return CallUpdate(
        provider="default",
        account="601",
        external_id=external_id,
        source=Source.CDR,
        observed_at=timezone.now(),
        state=CallState.HANGUP,
        direction=Direction.INBOUND,
        other=Party(number=PhoneNumber("+442079460123")),
        started_at=began,
        ended_at=began + timedelta(seconds=20),
        end_reason=EndReason.MISSED,
    )


async def test_calls_that_nobody_saw_come_from_the_history(office, line, stands, server, aeventually):
    provider = PbxProvider("default", {"url": server.url})
    since = timezone.now() - timedelta(minutes=10)
    provider.past = [
        ended_call(began=since + timedelta(minutes=1)),
        ended_call(began=since - timedelta(days=1), external_id="long-ago"),
    ]
    provider.fail("history", ProviderUnavailable("not now"))
    office.open(line, provider, unseen_since=since)
    await aeventually(lambda: Call.objects.aexists())
    call = await Call.objects.aget()
    assert (call.external_id, call.end_reason, call.state) == ("missed-meanwhile", EndReason.MISSED, CallState.HANGUP)


async def test_without_a_gap_the_provider_is_not_asked_for_history(office, line, stands, server):
    provider = PbxProvider("default", {"url": server.url})
    office.open(line, provider)
    await stands(line, LineStatus.READY)
    assert "history" not in [asked.action for asked in provider.commands]


async def test_after_a_lost_connection_the_history_is_asked(office, line, stands, server, aeventually):
    provider = PbxProvider("default", {"url": server.url})
    office.open(line, provider)
    await stands(line, LineStatus.READY)
    server.cut()
    await aeventually(lambda: "history" in [asked.action for asked in provider.commands])


async def test_stopping_says_why(office, line, stands, server):
    session = office.open(line, PbxProvider("default", {"url": server.url}))
    await stands(line, LineStatus.READY)
    await session.stop("The line was disabled.")
    assert await stands(line, LineStatus.LOGGED_OUT) == "The line was disabled."
    assert not server.live()
