"""The page's socket, driven as a browser drives it: through the host's ASGI application, a session and a real Valkey.

Every test speaks the protocol of docs/reference/messages.
"""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client, override_settings
from django.utils.translation import get_language

from django_voipcti import context_blocks, journal, nodes, realtime
from django_voipcti.consumers import PageConsumer
from django_voipcti.enums import Direction, LineStatus, SessionEvent
from django_voipcti.events import Party
from django_voipcti.exceptions import CommandRefused
from django_voipcti.models import (
    Call,
    CallCommand,
    CallEvent,
    CallOutcome,
    DoNotCallNumber,
    Line,
    MissedCall,
    Team,
    UserPreferences,
)
from django_voipcti.providers import providers
from django_voipcti.providers.dummy import CODE, NEEDS_CODE, WRONG
from django_voipcti.redaction import PhoneNumber
from tests.asgi import application
from tests.journal.conftest import said
from tests.support.protocol import validator
from tests.testapp.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)

FROM_SERVER = validator("server")
ORIGIN = (b"origin", b"https://crm.example")
DUMMY = "django_voipcti.providers.dummy.DummyProvider"
record = sync_to_async(journal.record)


@sync_to_async
def tell_again(events):
    """Publish events that are recorded, as a delivery does that comes late or twice."""
    for event in CallEvent.objects.select_related("call__line").filter(pk__in=[event.pk for event in events]):
        realtime.publish([realtime.Told(event=event, call=event.call, previous=None)])


def make_line(user, account="601", **values):
    line = Line(
        provider="default",
        account=account,
        extension=account,
        label=user.username.title(),
        user=user,
        region="GB",
        **{"status": LineStatus.READY, **values},
    )
    line.set_secrets({"token": "very-secret"})
    line.save()
    return line


@pytest.fixture
def ana(db):
    return get_user_model().objects.create_user("ana", password="x", first_name="Ana", last_name="Diaz")


@pytest.fixture
def line(ana):
    return make_line(ana)


@pytest.fixture
def ben(db):
    user = get_user_model().objects.create_user("ben", password="x")
    make_line(user, "602")
    return user


def signed_in(user):
    """The headers of a browser in which `user` is signed in."""
    client = Client()
    client.force_login(user)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    return [ORIGIN, (b"cookie", f"{django_settings.SESSION_COOKIE_NAME}={cookie}".encode())]


class Page:
    """One end of an open socket."""

    def __init__(self, socket):
        self.socket = socket
        self.snapshot = None
        self._refs = iter(range(1, 10_000))

    async def hear(self):
        message = await self.socket.receive_json_from(timeout=5)
        FROM_SERVER.validate(message)
        return message

    async def say(self, text):
        await self.socket.send_to(text_data=text)

    async def ask(self, action, **fields):
        """Send an action and return its answer, and what was told before it."""
        ref = str(next(self._refs))
        await self.socket.send_json_to({"action": action, "ref": ref, **fields})
        told = []
        while (message := await self.hear()).get("ref") != ref:
            told.append(message)
        return message, told

    async def refusal(self, action, **fields):
        """Name and code with which an action is refused; the message must be a sentence."""
        reply, _told = await self.ask(action, **fields)
        assert reply["ok"] is False
        assert (set(reply), set(reply["error"])) == ({"v", "type", "ref", "ok", "error"}, {"name", "code", "message"})
        assert reply["error"]["message"].rstrip().endswith(".")
        return reply["error"]["name"], reply["error"]["code"]

    async def is_alive(self):
        reply, _told = await self.ask("ping")
        return reply == {"v": 1, "type": "pong", "ref": reply["ref"]}


@asynccontextmanager
async def opened(user, *, query="", app=application):
    """A page of `user` that has its snapshot."""
    headers = await sync_to_async(signed_in)(user)
    socket = WebsocketCommunicator(app, f"/ws/voipcti/{query}", headers=headers)
    connected, _protocol = await socket.connect(timeout=5)
    assert connected
    page = Page(socket)
    page.snapshot = await page.hear()
    try:
        yield page
    finally:
        await socket.disconnect()


class FakeClock:
    """Seconds that pass only when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


# --- who may connect --------------------------------------------------------------------------------------------------


async def closing(socket):
    """The close message of a socket that is let in first, so that the browser can show code and reason."""
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(5))["type"] == "websocket.accept"
    return await socket.receive_output(5)


async def test_without_a_session_the_socket_closes_with_a_code_that_the_page_understands():
    message = await closing(WebsocketCommunicator(application, "/ws/voipcti/", headers=[ORIGIN]))
    assert message == {"type": "websocket.close", "code": 4401, "reason": "not signed in"}


async def test_what_an_anonymous_page_says_before_the_close_arrives_is_not_answered():
    socket = WebsocketCommunicator(application, "/ws/voipcti/", headers=[ORIGIN])
    await closing(socket)
    await socket.send_json_to({"action": "ping", "ref": "1"})
    assert await socket.receive_nothing()
    await socket.disconnect()


@override_settings(ALLOWED_HOSTS=["crm.example"])
async def test_a_page_of_another_site_is_not_let_in_even_with_the_cookie(ana):
    from channels.auth import AuthMiddlewareStack
    from channels.routing import URLRouter

    from django_voipcti.routing import websocket_urlpatterns

    # Without the origin check that a host should put around its router.
    bare = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
    cookie = (await sync_to_async(signed_in)(ana))[1]
    foreign = WebsocketCommunicator(bare, "/ws/voipcti/", headers=[(b"origin", b"https://evil.example"), cookie])
    assert (await foreign.connect())[0] is False
    own = WebsocketCommunicator(bare, "/ws/voipcti/", headers=[ORIGIN, cookie])
    assert (await own.connect())[0] is True
    await own.disconnect()


async def test_a_page_whose_user_signed_out_elsewhere_is_closed_at_a_later_heartbeat(ana, line):
    clock = FakeClock()
    headers = await sync_to_async(signed_in)(ana)
    socket = WebsocketCommunicator(with_clock(clock), "/ws/voipcti/", headers=headers)
    await socket.connect()
    page = Page(socket)
    await page.hear()
    assert await page.is_alive()
    await sync_to_async(ana.set_password)("changed")
    await ana.asave()
    assert await page.is_alive()
    clock.now += 61
    await socket.send_json_to({"action": "ping", "ref": "9"})
    assert (await socket.receive_output(5)) == {"type": "websocket.close", "code": 4401, "reason": "signed out"}
    await socket.disconnect()


def with_clock(clock):
    from channels.auth import AuthMiddlewareStack

    return AuthMiddlewareStack(PageConsumer.as_asgi(clock=clock))


# --- snapshot, live events, replay ------------------------------------------------------------------------------------


async def test_a_page_first_gets_its_lines_and_live_calls(ana, line):
    await record([said("RINGING", 0), said("RINGING", 1, call="over"), said("HANGUP", 2, call="over")])
    async with opened(ana) as page:
        newest = await CallEvent.objects.order_by("-id").afirst()
        assert (page.snapshot["v"], page.snapshot["type"]) == (1, "snapshot")
        assert page.snapshot["last_event_id"] == newest.pk
        assert [shown["id"] for shown in page.snapshot["lines"]] == [str(line.pk)]
        assert [call["status"] for call in page.snapshot["calls"]] == ["RINGING"]
        assert "very-secret" not in json.dumps(page.snapshot)


async def test_events_arrive_as_they_happen(ana, line):
    async with opened(ana) as page:
        await record([said("RINGING", 0)])
        await record([said("CONNECTED", 3)])
        first, second = await page.hear(), await page.hear()
        assert [first["name"], second["name"]] == ["RINGING", "CONNECTED"]
        assert first["id"] < second["id"]
        assert first["call"]["id"] == second["call"]["id"] == str((await Call.objects.aget()).pk)


async def test_nobody_gets_the_calls_of_others(ana, line, ben):
    async with opened(ana) as page, opened(ben) as other:
        await record([said("RINGING", 0, line="602")])
        assert (await other.hear())["name"] == "RINGING"
        assert await page.socket.receive_nothing()


async def test_an_event_that_the_snapshot_covers_is_not_told_again(ana, line):
    [event] = await record([said("RINGING", 0)])
    async with opened(ana) as page:
        # As if it had been committed before the snapshot was taken and delivered after it.
        await tell_again([event])
        assert await page.socket.receive_nothing(0.2)
        assert page.snapshot["last_event_id"] == event.pk


async def test_a_page_that_comes_back_gets_what_it_missed_in_order_and_once(ana, line):
    await record([said("RINGING", 0)])
    async with opened(ana) as page:
        seen = page.snapshot["last_event_id"]
    events = await record([said("CONNECTED", 3), said("ON_HOLD", 5), said("HANGUP", 9)])
    async with opened(ana) as page:
        reply, missed = await page.ask("hello", last_event_id=seen)
        assert [message["name"] for message in missed] == ["CONNECTED", "ON_HOLD", "HANGUP"]
        assert reply["data"]["replayed"] == 3
        await tell_again(events)
        again, repeated = await page.ask("hello", last_event_id=seen)
        assert (again["ok"], repeated) == (True, [])


async def test_events_during_the_replay_are_told_once_and_after_it(ana, line):
    """Replay and live delivery overlap: the same event waits in the channel layer while the replay reads it."""
    [seen] = await record([said("RINGING", 0, call="before")])
    async with opened(ana) as page:
        events = await record([said("RINGING", 0), said("CONNECTED", 2)])
        reply, before = await page.ask("hello", last_event_id=seen.pk)
        after = []
        while not await page.socket.receive_nothing(0.2):
            after.append(await page.hear())
        ids = [message["id"] for message in before + after]
        assert ids == [event.pk for event in events]
        assert reply["ok"] is True


async def test_the_greeting_tells_time_and_user(ana, line):
    async with opened(ana) as page:
        reply, _told = await page.ask("hello")
        assert reply["data"]["user"] == {"id": str(ana.pk), "name": "Ana Diaz"}
        assert reply["data"]["now"].endswith("+00:00")
        assert reply["data"]["replayed"] == 0


async def test_session_events_reach_every_page_of_the_user(ana, line):
    async with opened(ana) as one, opened(ana) as other:
        await sync_to_async(realtime.tell_user)(ana.pk, SessionEvent.INFO, "Nobody took the call in time.")
        assert (await one.hear())["message"] == (await other.hear())["message"] == "Nobody took the call in time."


def refuse_in_the_language_of_the_page(**_request):
    raise CommandRefused(f"In {get_language()}.", code="policy")


@pytest.mark.parametrize(("query", "language"), [("?language=de", "de"), ("?language=xx", "en"), ("", "en")])
async def test_a_page_is_addressed_in_the_language_that_it_names(ana, line, query, language):
    policy = {**django_settings.VOIPCTI, "CALL_POLICY": refuse_in_the_language_of_the_page}
    with override_settings(VOIPCTI=policy):
        async with opened(ana, query=query) as page:
            reply, _told = await page.ask("call", number="020 7946 0018")
    assert reply["error"]["message"] == f"In {language}."


async def test_a_call_that_is_dismissed_on_one_page_is_dismissed_on_all_pages_of_the_user(ana, line, ben):
    async with opened(ana) as desk, opened(ana) as laptop, opened(ben) as other:
        reply, told = await desk.ask("dismiss", call="815")
        assert (reply["ok"], reply["data"]) == (True, {})
        heard = told[0] if told else await desk.hear()
        assert heard == await laptop.hear() == {"v": 1, "type": "dismissed", "call": "815"}
        assert await other.socket.receive_nothing()


# --- notes ------------------------------------------------------------------------------------------------------------


async def test_a_draft_is_told_to_the_authors_other_pages_alone(ana, line, ben):
    await record([said("RINGING", 0)])
    call = str((await Call.objects.aget()).pk)
    async with opened(ana) as desk, opened(ana) as laptop, opened(ben) as other:
        reply, _told = await desk.ask("draft", call=call, text="Wants the", outcome="", followUpOn="")
        assert reply["data"]["note"]["draft"]["text"] == "Wants the"
        heard = await laptop.hear()
        assert (heard["type"], heard["calls"], heard["note"]) == ("note", [call], reply["data"]["note"])
        assert await other.socket.receive_nothing()
    async with opened(ana) as later:
        reply, _told = await later.ask("drafts")
        [draft] = reply["data"]["drafts"]
        assert (draft["call"]["id"], draft["note"]["draft"]["text"]) == (call, "Wants the")
        again, _told = await later.ask("drafts")
        assert len(base64.b64decode(reply["data"]["key"])) == 32
        assert again["data"]["key"] == reply["data"]["key"]
        reply, _told = await later.ask("discard_draft", call=call)
        assert (reply["data"]["note"]["id"], reply["data"]["note"]["draft"]) == ("", None)
    async with opened(ben) as other:
        theirs, _told = await other.ask("drafts")
        assert theirs["data"]["drafts"] == []
        assert theirs["data"]["key"] != again["data"]["key"]


async def test_what_is_saved_is_told_to_all_who_had_a_part_in_the_conversation_without_the_draft(ana, line, ben):
    legs = [said("RINGING", 0, line=account, call=account, conversation_id="one") for account in ("601", "602")]
    await record(legs)
    mine, others = [str(pk) async for pk in Call.objects.order_by("line").values_list("pk", flat=True)]
    outcome = await CallOutcome.objects.acreate(name="Call again", asks_for_date=True)
    async with opened(ana) as page, opened(ben) as other:
        fields = {"text": "Friday.", "outcome": str(outcome.pk), "followUpOn": "2026-12-01"}
        reply, _told = await page.ask("note", call=mine, **fields)
        assert reply["ok"]
        heard = await other.hear()
        assert sorted(heard["calls"]) == sorted([mine, others])
        assert (heard["note"]["text"], heard["note"]["author"]["name"]) == ("Friday.", "Ana Diaz")
        assert heard["note"]["outcome"] == {"id": str(outcome.pk), "label": "Call again", "asksForDate": True}
        reply, _told = await other.ask("notes", call=others)
        assert [note["text"] for note in reply["data"]["notes"]] == ["Friday."]
        assert [each["label"] for each in reply["data"]["outcomes"]] == ["Call again"]
        await page.ask("draft", call=mine, text="Saturday", outcome="", followUpOn="")
        reply, _told = await page.ask("outcome", call=mine, outcome="")
        assert (reply["data"]["note"]["outcome"], reply["data"]["note"]["draft"]["text"]) == (None, "Saturday")
        assert (await other.hear())["note"]["draft"] is None


async def test_notes_are_refused_with_a_reason(ana, line, ben):
    await record([said("RINGING", 0)])
    call = str((await Call.objects.aget()).pk)
    async with opened(ben) as other, opened(ana) as page:
        for action, fields in (("notes", {}), ("draft", {"text": "x"}), ("note", {"text": "x"}), ("discard_draft", {})):
            assert await other.refusal(action, call=call, **fields) == ("ERROR", "unknown_call")
        assert await page.refusal("note", call=call, text="x" * 4001) == ("ERROR", "invalid_argument")
        assert await page.refusal("note", call=call, text="", outcome="4711") == ("ERROR", "unknown_outcome")


# --- preferences ------------------------------------------------------------------------------------------------------

DEFAULTS = {
    "popOn": "ring",
    "ringTone": False,
    "notifications": False,
    "openRecord": False,
    "doNotDisturb": False,
}


async def test_what_a_user_chooses_is_kept_and_told_to_all_his_pages(ana, line, ben):
    async with opened(ana) as desk, opened(ana) as laptop, opened(ben) as other:
        assert (await desk.ask("hello"))[0]["data"]["preferences"] == DEFAULTS
        reply, _told = await desk.ask("preferences", doNotDisturb=True, popOn="answer")
        chosen = {**DEFAULTS, "doNotDisturb": True, "popOn": "answer"}
        assert reply["data"]["preferences"] == chosen
        assert await laptop.hear() == {"v": 1, "type": "preferences", "preferences": chosen}
        await laptop.ask("preferences", doNotDisturb=False)
        assert (await other.ask("hello"))[0]["data"]["preferences"] == DEFAULTS
    async with opened(ana) as later:
        assert (await later.ask("hello"))[0]["data"]["preferences"] == {**DEFAULTS, "popOn": "answer"}
    assert await UserPreferences.objects.acount() == 1


@pytest.mark.parametrize("choice", [{"popOn": "never"}, {"popOn": True}, {"ringTone": "yes"}, {"openRecord": 1}])
async def test_what_cannot_be_chosen_is_refused_and_changes_nothing(ana, line, choice):
    async with opened(ana) as page:
        assert await page.refusal("preferences", **choice) == ("ERROR", "invalid_argument")
    assert await UserPreferences.objects.acount() == 0


# --- actions ----------------------------------------------------------------------------------------------------------


async def test_a_click_becomes_a_command(ana, line):
    async with opened(ana) as page:
        reply, _told = await page.ask("call", number="020 7946 0018")
        command = await CallCommand.objects.select_related("call").aget()
        assert reply["ok"] is True
        assert set(reply) == {"v", "type", "ref", "ok", "data"}
        assert reply["data"] == {"call": str(command.call_id), "command": str(command.pk)}
        assert command.arguments == {"number": "+442079460018"}


async def test_a_click_can_name_the_line(ana, line):
    second = await sync_to_async(make_line)(ana, "611")
    async with opened(ana) as page:
        await page.ask("call", number="020 7946 0018", line=str(second.pk))
    assert (await CallCommand.objects.aget()).line_id == second.pk


async def test_a_line_of_somebody_else_is_not_there(ana, line, ben):
    other = await Line.objects.aget(user=ben)
    async with opened(ana) as page:
        assert await page.refusal("call", number="020 7946 0018", line=str(other.pk)) == ("ERROR", "no_line")
        assert await page.refusal("call", number="020 7946 0018", line="x") == ("ERROR", "no_line")


@pytest.mark.parametrize(
    ("states", "action", "fields", "written"),
    [
        (["RINGING"], "answer", {}, ("answer", {})),
        (["RINGING"], "terminate", {}, ("hang_up", {})),
        (["RINGING", "CONNECTED"], "hold", {}, ("hold", {})),
        (["RINGING", "CONNECTED", "ON_HOLD"], "resume", {}, ("resume", {})),
        (["RINGING", "CONNECTED"], "transfer", {"number": "602"}, ("transfer", {"number": "602"})),
        (["RINGING", "CONNECTED"], "terminate", {}, ("hang_up", {})),
    ],
)
async def test_each_action_on_a_call_becomes_a_command(ana, line, states, action, fields, written):
    await record([said(state, moment) for moment, state in enumerate(states)])
    call = await Call.objects.aget()
    async with opened(ana) as page:
        reply, _told = await page.ask(action, call=str(call.pk), **fields)
        assert reply["data"]["call"] == str(call.pk)
    command = await CallCommand.objects.aget()
    assert (command.action, command.arguments) == written


async def test_a_call_is_transferred_after_asking(ana, line):
    await record([said("RINGING", 0), said("CONNECTED", 1)])
    held = await Call.objects.aget()
    async with opened(ana) as page:
        reply, _told = await page.ask("consult", call=str(held.pk), number="602")
        consultation = reply["data"]["call"]
        assert await page.refusal("complete_transfer", call=str(held.pk)) == ("INFO", "not_answered")
        await record([replace(said("CONNECTED", 2, call="second"), call=int(consultation))])
        event = await page.hear()
        assert event["name"] == "CONNECTED"
        assert (event["call"]["id"], event["call"]["consultationOf"]) == (consultation, str(held.pk))
        reply, _told = await page.ask("complete_transfer", call=consultation)
        assert reply["data"]["call"] == str(held.pk)
        reply, _told = await page.ask("return_to_call", call=consultation)
        assert reply["data"]["call"] == str(held.pk)


async def test_what_speaks_against_a_call_is_asked_first_and_kept_when_it_is_confirmed(ana, line):
    await DoNotCallNumber.objects.acreate(pattern="+442079460018")
    async with opened(ana) as page:
        reply, _told = await page.ask("call", number="020 7946 0018")
        question = reply["error"]["confirm"]
        assert (question["number"], question["needsReason"]) == ("+44 20 7946 0018", True)
        said = {"number": "020 7946 0018", "confirm": question["token"]}
        assert await page.refusal("call", **said) == ("INFO", "reason_needed")
        reply, _told = await page.ask("call", **said, reason="She asked for it.")
        command = await CallCommand.objects.aget(pk=reply["data"]["command"])
    assert (command.overridden, command.reason) == (["do_not_call"], "She asked for it.")


async def test_blocks_of_the_host_come_one_by_one_and_only_about_records_that_may_be_viewed(ana, line, register):
    await sync_to_async(register)(Contact, numbers=["phone"], label="name")
    contact = await Contact.objects.acreate(name="Ada", phone="+442079460018")
    await record([said("RINGING", 0, number="+442079460018")])
    call = await Call.objects.aget()
    context_blocks.register(Contact, "name", title="Name")(lambda record, *, user, call: f"{record.name} for {user}")
    wanted = {"call": str(call.pk), "model": "testapp.contact", "objectId": str(contact.pk)}
    try:
        async with opened(ana) as page:
            assert await page.refusal("blocks", **wanted) == ("ERROR", "unknown_record")
            permission = await Permission.objects.aget(codename="view_contact")
            await ana.user_permissions.aadd(permission)
            reply, told = await page.ask("blocks", **wanted)
            assert reply["data"] == {"blocks": 1}
            assert [(block["state"], block["text"]) for block in told] == [("loading", ""), ("ready", "Ada for ana")]
            assert await page.refusal("blocks", **{**wanted, "call": "0"}) == ("ERROR", "unknown_call")
    finally:
        context_blocks.unregister("name")


async def test_answer_without_a_call_means_the_one_that_rings(ana, line):
    await record([said("RINGING", 0)])
    async with opened(ana) as page:
        reply, _told = await page.ask("answer")
        assert reply["data"]["call"] == str((await Call.objects.aget()).pk)


@pytest.mark.parametrize(
    ("action", "fields", "refusal"),
    [
        ("call", {"number": "hello"}, ("ERROR", "invalid_number")),
        ("call", {"number": "  "}, ("ERROR", "empty_number")),
        ("call", {"number": "601"}, ("ERROR", "own_number")),
        ("answer", {}, ("INFO", "nothing_rings")),
        ("answer", {"call": "12345678"}, ("ERROR", "unknown_call")),
        ("hold", {"call": "no such id"}, ("ERROR", "unknown_call")),
        ("terminate", {"call": "9" * 60}, ("ERROR", "unknown_call")),
        ("transfer", {"call": "1", "number": ""}, ("ERROR", "unknown_call")),
        ("login", {"email": "ana@crm.example", "password": WRONG}, ("ERROR", "authentication_failed")),
        ("login", {"apiKey": WRONG}, ("ERROR", "authentication_failed")),
        ("login", {}, ("ERROR", "empty_credentials")),
        ("two_factor_auth", {"code": "000000", "nonce": "x"}, ("ERROR", "authentication_failed")),
        ("subscribe", {"node": "user"}, ("ERROR", "invalid_node")),
        ("subscribe", {"node": "planet:9"}, ("ERROR", "invalid_node")),
        ("subscribe", {"node": "queue:"}, ("ERROR", "invalid_node")),
        ("subscribe", {"node": "queue:70001"}, ("ERROR", "not_allowed")),
        ("subscribe", {"node": "ivr:70001"}, ("ERROR", "not_allowed")),
        ("subscribe", {"node": "conf:70001"}, ("ERROR", "not_allowed")),
        ("subscribe", {"node": "user:602"}, ("ERROR", "not_allowed")),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_reason(ana, line, ben, action, fields, refusal):
    async with opened(ana) as page:
        assert await page.refusal(action, **fields) == refusal
        assert await page.is_alive()
    assert await CallCommand.objects.acount() == 0


async def test_the_call_of_somebody_else_is_not_there(ana, line, ben):
    await record([said("RINGING", 0, line="602")])
    call = await Call.objects.aget()
    async with opened(ana) as page:
        for action, fields in [("answer", {}), ("terminate", {}), ("transfer", {"number": "603"})]:
            assert await page.refusal(action, call=str(call.pk), **fields) == ("ERROR", "unknown_call")


async def test_an_action_in_the_wrong_state_is_told_as_information(ana, line):
    await record([said("RINGING", 0)])
    call = await Call.objects.aget()
    async with opened(ana) as page:
        assert await page.refusal("hold", call=str(call.pk)) == ("INFO", "wrong_state")


# --- the telephone account --------------------------------------------------------------------------------------------


async def test_logging_a_line_in_by_password(ana):
    async with opened(ana) as page:
        assert page.snapshot["lines"] == []
        reply, _told = await page.ask("login", email="ana@crm.example", password="good")
        line = await Line.objects.aget()
        assert (reply["data"]["secondFactor"], reply["data"]["line"]["id"]) == (False, str(line.pk))
        assert line.user_id == ana.pk


async def test_a_second_factor_is_asked_for_on_this_page_alone(ana):
    async with opened(ana) as page, opened(ana) as other:
        reply, told = await page.ask("login", email="ana@crm.example", password=NEEDS_CODE)
        [event] = told
        assert (event["name"], event["nonce"]) == ("TWO_FACTOR_AUTH", reply["data"]["nonce"])
        reply, _told = await page.ask("two_factor_auth", code=CODE, nonce=event["nonce"])
        assert reply["data"]["line"]["id"] == str((await Line.objects.aget()).pk)
        assert await other.is_alive()


async def test_logging_out_is_told_to_every_page(ana, line):
    async with opened(ana) as page, opened(ana) as other:
        reply, told = await page.ask("logout")
        assert reply["data"] == {"lines": [str(line.pk)]}
        heard = told or [await page.hear()]
        assert [(message["name"], message["line"]["status"]) for message in heard] == [("LOGGED_OUT", "LOGGED_OUT")]
        assert (await other.hear())["name"] == "LOGGED_OUT"


async def test_colleagues_are_those_of_the_provider_without_oneself(ana, line):
    colleagues = {"601": "Ana", "602": "Ben", "603": "Cy"}
    options = {"default": {"BACKEND": DUMMY, "OPTIONS": {"colleagues": colleagues}}}
    with override_settings(VOIPCTI={"PROVIDERS": options}):
        async with opened(ana) as page:
            reply, _told = await page.ask("colleagues")
    assert [(one["name"], one["extension"]) for one in reply["data"]["colleagues"]] == [("Ben", "602"), ("Cy", "603")]


async def test_colleagues_that_the_provider_cannot_list_are_refused(ana, line):
    options = {
        "default": {
            "BACKEND": DUMMY,
            "OPTIONS": {"without": ["supports_directory"]},
        }
    }
    with override_settings(VOIPCTI={"PROVIDERS": options}):
        async with opened(ana) as page:
            assert await page.refusal("colleagues") == ("INFO", "unsupported")


async def test_a_supervisor_can_watch_another_line(ana, line, ben):
    watch = await Permission.objects.aget(codename="watch_lines")
    await ana.user_permissions.aadd(watch)
    async with opened(ana) as page:
        reply, told = await page.ask("subscribe", node="user:602")
        bens = await Line.objects.aget(account="602")
        assert reply["data"] == {"uri": "user:602", "line": str(bens.pk), "calls": []}
        assert [(message["name"], message["uri"]) for message in told] == [("SUBSCRIBED", "user:602")]
        await page.ask("subscribe", node="user:602")
        await record([said("RINGING", 0, line="602")])
        assert (await page.hear())["name"] == "RINGING"
        assert await page.socket.receive_nothing()


@pytest.mark.parametrize("direction", ["INBOUND", "OUTBOUND"])
async def test_who_watches_others_sees_their_callers_numbers_by_permission_only(ana, line, ben, direction):
    await ana.user_permissions.aadd(await Permission.objects.aget(codename="watch_lines"))
    other = Party(number=PhoneNumber("+442079460123"), name="Bob 020 7946 0123")
    facts = {"line": "602", "direction": Direction[direction], "other": other, "cause": "rang at 02079460123"}
    await record([said("RINGING", 0, **facts)])
    call = await Call.objects.aget()
    async with opened(ana) as page, opened(ben) as own:
        _reply, told = await page.ask("subscribe", node="user:602")
        await record([said("CONNECTED", 4, **facts)])
        told += [await page.hear(), await page.ask("notes", call=str(call.pk))]
        assert "7946" not in json.dumps(told)
        heard = told[2]["call"]
        end = "source" if direction == "INBOUND" else "destination"
        assert (heard[end], heard["e164"], heard["number"]) == ("+44*******123", "", "*** **** *123")
        assert heard["name"] == "Bob *** **** *123"
        assert (await own.hear())["call"]["e164"] == "+442079460123"
    await ana.user_permissions.aadd(await Permission.objects.aget(codename="view_full_number"))
    async with opened(await get_user_model().objects.aget(pk=ana.pk)) as page:
        _reply, [_subscribed, event] = await page.ask("subscribe", node="user:602")
        assert event["call"]["e164"] == "+442079460123"


async def test_who_begins_to_watch_is_told_the_calls_of_now(ana, line, ben):
    await ana.user_permissions.aadd(await Permission.objects.aget(codename="watch_lines"))
    over = [said("RINGING", 0, line="602", call="over"), said("HANGUP", 3, line="602", call="over")]
    await record([*over, said("RINGING", 5, line="602"), said("CONNECTED", 8, line="602")])
    call = await Call.objects.aget(external_id="c1")
    async with opened(ana) as page:
        reply, told = await page.ask("subscribe", node="user:602")
        assert reply["data"]["calls"] == [str(call.pk)]
        subscribed, event = told
        newest = await CallEvent.objects.filter(call=call).alatest("pk")
        assert (subscribed["name"], event["name"], event["id"]) == ("SUBSCRIBED", "CONNECTED", newest.pk)
        assert event["call"]["id"] == str(call.pk)


async def test_a_supervisor_can_watch_a_queue_whose_calls_are_shown_and_not_kept(ana, line):
    await ana.user_permissions.aadd(await Permission.objects.aget(codename="watch_lines"))
    async with opened(ana) as page:
        reply, told = await page.ask("subscribe", node="queue:70001")
        queue = await Line.objects.aget(account="queue-70001")
        assert (queue.via_id, queue.user_id, reply["data"]["line"]) == (line.pk, None, str(queue.pk))
        assert [(message["name"], message["uri"]) for message in told] == [("SUBSCRIBED", "queue:70001")]
        for state in ("RINGING", "CONNECTED", "HANGUP"):
            await record([said(state, 0, line="queue-70001")])
            event = await page.hear()
            assert (event["name"], event["call"]["line"]) == (state, str(queue.pk))
        assert not await Call.objects.aexists()
        await record([said("HANGUP", 9, line="queue-70001", key="late")])
        assert await page.socket.receive_nothing()
        assert not await Call.objects.aexists()


async def test_a_caller_in_a_queue_is_not_answered_and_not_missed_by_it(ana, line):
    await ana.user_permissions.aadd(await Permission.objects.aget(codename="watch_lines"))
    await sync_to_async(nodes.watched)(ana, "queue", "70001")
    of_queue = {"line": "queue-70001", "conversation_id": "c1"}
    await record([said("CONNECTED", 0, call="q1", **of_queue), said("RINGING", 1, conversation_id="c1")])
    await record([said("HANGUP", 9, conversation_id="c1"), said("HANGUP", 9, call="q1", **of_queue)])
    call = await Call.objects.aget()
    assert (call.line_id, call.end_reason) == (line.pk, "missed")
    assert await MissedCall.objects.acount() == 1


async def test_a_provider_without_queues_says_so(ana, line):
    await ana.user_permissions.aadd(await Permission.objects.aget(codename="watch_lines"))
    without = {"default": {"BACKEND": DUMMY, "OPTIONS": {"without": ["supports_nodes"]}}}
    with override_settings(VOIPCTI={"PROVIDERS": without}):
        async with opened(ana) as page:
            assert await page.refusal("subscribe", node="queue:70001") == ("INFO", "unsupported")


async def test_a_lead_watches_his_team_until_he_leads_it_no_more(ana, line, ben):
    team = await Team.objects.acreate(name="Sales")
    await team.members.aadd(ben)
    clock = FakeClock()
    headers = await sync_to_async(signed_in)(ana)
    page = Page(WebsocketCommunicator(with_clock(clock), "/ws/voipcti/", headers=headers))
    await page.socket.connect()
    await page.hear()
    assert await page.refusal("subscribe", node="user:602") == ("ERROR", "not_allowed")
    await team.leads.aadd(ana)
    assert (await page.ask("subscribe", node="user:602"))[0]["ok"]
    clock.now += 61
    assert await page.is_alive()
    await record([said("RINGING", 0, line="602")])
    assert (await page.hear())["name"] == "RINGING"
    await team.leads.aremove(ana)
    clock.now += 61
    assert await page.is_alive()
    await record([said("HANGUP", 9, line="602")])
    assert await page.socket.receive_nothing()
    await page.socket.disconnect()


async def test_subscribing_to_oneself_brings_no_event_twice(ana, line):
    async with opened(ana) as page:
        await page.ask("subscribe", node="user:601")
        await record([said("RINGING", 0)])
        assert (await page.hear())["name"] == "RINGING"
        assert await page.socket.receive_nothing()


# --- hostile and broken pages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (" ", "malformed"),
        ("{", "malformed"),
        ("[]", "malformed"),
        ("null", "malformed"),
        ("[" * 9000, "malformed"),
        ('{"action": "ping", "ref": 7}', "malformed"),
        ('{"action": "ping", "ref": "%s"}' % ("x" * 65), "malformed"),
        ("{}", "unknown_action"),
        ('{"action": "fly"}', "unknown_action"),
        ('{"action": ["ping"]}', "unknown_action"),
        ('{"action": "__class__"}', "unknown_action"),
        ('{"action": "call"}', "missing_argument"),
        ('{"action": "call", "number": null}', "missing_argument"),
        ('{"action": "call", "number": 5}', "invalid_argument"),
        ('{"action": "call", "number": {"$ne": ""}}', "invalid_argument"),
        ('{"action": "call", "number": "%s"}' % ("1" * 513), "invalid_argument"),
        ('{"action": "hold", "call": "1\\u0000"}', "invalid_argument"),
        ('{"action": "hello", "last_event_id": true}', "invalid_argument"),
        ('{"action": "hello", "last_event_id": -1}', "invalid_argument"),
        ('{"action": "hello", "last_event_id": 9223372036854775808}', "invalid_argument"),
        ('{"action": "hello", "last_event_id": 1.5}', "invalid_argument"),
        ('{"action": "ping", "padding": "%s"}' % ("é" * 8200), "too_large"),
    ],
)
async def test_nonsense_is_refused_with_the_reason_and_disturbs_nobody(ana, line, ben, text, code):
    async with opened(ana) as page, opened(ben) as other:
        await page.say(text)
        reply = await page.hear()
        assert (reply["type"], reply["ok"], reply["error"]["name"], reply["error"]["code"]) == (
            "reply",
            False,
            "ERROR",
            code,
        )
        assert reply["error"]["message"].endswith(".")
        assert await page.is_alive()
        assert await other.is_alive()


async def test_binary_messages_are_refused(ana, line):
    async with opened(ana) as page:
        await page.socket.send_to(bytes_data=b"\x00\x01")
        assert (await page.hear())["error"]["code"] == "malformed"
        assert await page.is_alive()


async def test_a_defect_of_ours_ends_neither_the_connection_nor_tells_its_details(ana, line, caplog):
    broken = {"default": {"BACKEND": DUMMY, "OPTIONS": {"colleagues": 7}}}
    with override_settings(VOIPCTI={"PROVIDERS": broken}):
        async with opened(ana) as page:
            assert await page.refusal("colleagues") == ("ERROR", "internal")
            assert await page.is_alive()
    assert "page action failed" in caplog.text


async def test_a_page_that_talks_too_much_is_told_so_then_closed(ana, line):
    clock = FakeClock()
    settings = {**django_settings.VOIPCTI, "SOCKET_MESSAGES_PER_SECOND": 0.5}
    with override_settings(VOIPCTI=settings):
        headers = await sync_to_async(signed_in)(ana)
        socket = WebsocketCommunicator(with_clock(clock), "/ws/voipcti/", headers=headers)
        await socket.connect()
        page = Page(socket)
        await page.hear()
        for _number in range(5):
            assert await page.is_alive()
        for _number in range(5):
            await page.say('{"action": "ping"}')
            assert (await page.hear())["error"]["code"] == "rate_limited"
        clock.now += 2
        assert await page.is_alive()
        for _number in range(5):
            await page.say('{"action": "ping"}')
            await page.hear()
        await page.say('{"action": "ping"}')
        assert (await socket.receive_output(5))["code"] == 4429
        await socket.disconnect()


async def test_a_slow_provider_holds_up_neither_events_nor_other_actions(ana, line):
    """The fifth request to a distant server waits for nobody: it is refused while four are under way."""
    release = asyncio.Event()

    class Slow(type(providers["default"])):
        async def login_with_key(self, *, api_key):
            await release.wait()
            return await super().login_with_key(api_key=api_key)

    previous = providers["default"]
    providers["default"] = Slow("default", {})
    try:
        async with opened(ana) as page:
            for ref in "abcd":
                await page.say(json.dumps({"action": "login", "ref": ref, "apiKey": "k"}))
            assert await page.refusal("login", apiKey="k") == ("ERROR", "busy")
            await record([said("RINGING", 0)])
            assert (await page.hear())["name"] == "RINGING"
            assert await page.is_alive()
            release.set()
            answered = {(await page.hear())["ref"] for _number in range(4)}
            assert answered == set("abcd")
    finally:
        providers["default"] = previous


async def test_a_page_that_leaves_is_forgotten_by_the_channel_layer(ana, line):
    async with opened(ana) as page:
        assert await page.is_alive()
    layer = get_channel_layer()
    assert not [group for group, channels in layer.groups.items() if channels and "user" in group]
