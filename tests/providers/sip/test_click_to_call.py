"""Click-to-call by third-party call control, each message on the wire, each report to the journal."""

import asyncio
from dataclasses import replace

import pytest

from django_voipcti.enums import CallState, Direction, EndReason, Source
from django_voipcti.exceptions import PhoneNotRegistered, ProviderRejected, ProviderUnavailable
from django_voipcti.providers.sip.click_to_call import ClickToCall
from django_voipcti.redaction import PhoneNumber
from django_voipcti.sip.dialoginfo import Dialog
from django_voipcti.testing import Reports
from tests.providers.sip.wire import SipWire
from tests.sip.wire import CHALLENGE
from tests.support.waiting import aeventually

NUMBER = PhoneNumber("+442079460000")
INITIAL, ACCEPTED, RINGING, CONNECTED = (
    CallState.INITIAL,
    CallState.ACCEPTED,
    CallState.RINGING,
    CallState.CONNECTED,
)


@pytest.fixture
def reports():
    return Reports()


@pytest.fixture
def wire():
    return SipWire()


@pytest.fixture
def click(make_provider, account, wire, reports):
    """Return `click(**options)`: a click under way."""
    tasks = []

    def begin(**options):
        provider = make_provider(**options)
        work = provider.place_call(account, call=5, number=NUMBER, report=reports, sip=wire)
        tasks.append(asyncio.ensure_future(work))
        return tasks[-1]

    yield begin
    assert all(task.done() for task in tasks), "the test sees every click through"


async def test_the_whole_way(click, wire, reports):
    task = click()
    invite = await wire.expect("INVITE")
    assert invite.uri == "sip:1001@pbx.test"
    assert b"a=inactive" in invite.body
    assert reports.states == [INITIAL]
    wire.answer(invite, 180)
    wire.answer(invite, 200, ("Contact", "<sip:1001@192.0.2.7>"))
    await wire.expect("ACK")
    refer = await wire.expect("REFER")
    assert refer.headers.get("Refer-To") == "<sip:+442079460000@pbx.test>"
    assert refer.uri == "sip:1001@192.0.2.7"
    wire.answer(refer, 202)
    wire.tell(invite, "SIP/2.0 100 Trying")
    wire.tell(invite, "SIP/2.0 180 Ringing")
    wire.tell(invite, "SIP/2.0 200 OK", "terminated;reason=noresource")
    bye = await wire.expect("BYE")
    wire.answer(bye, 200)
    await task
    assert reports.states == [INITIAL, ACCEPTED, RINGING, CONNECTED]
    for update in reports.updates:
        assert (update.call, update.direction, update.source) == (5, Direction.OUTBOUND, Source.SIP)
        assert (update.provider, update.account, update.external_id) == ("default", "1001", "")


@pytest.mark.parametrize(
    ("status", "error", "reason", "words"),
    [
        (404, PhoneNotRegistered, EndReason.UNREACHABLE, "not registered"),
        (480, PhoneNotRegistered, EndReason.UNREACHABLE, "not registered"),
        (486, ProviderRejected, EndReason.BUSY, "Your phone is busy"),
        (603, ProviderRejected, EndReason.DECLINED, "You declined"),
        (408, ProviderRejected, EndReason.NO_ANSWER, "did not pick up"),
        (403, ProviderRejected, EndReason.REJECTED, "does not let us call your phone"),
        (500, ProviderRejected, EndReason.FAILED, "500 Server Internal Error"),
    ],
)
async def test_the_own_phone_cannot_be_had(click, wire, reports, status, error, reason, words):
    task = click()
    wire.answer(await wire.expect("INVITE"), status)
    await wire.expect("ACK")
    with pytest.raises(error, match=words) as caught:
        await task
    assert (caught.value.status, caught.value.end_reason) == (status, reason)
    assert reports.states == [INITIAL]
    wire.nothing()


async def test_a_forwarding_of_the_own_phone_is_not_followed(click, wire):
    task = click()
    wire.answer(await wire.expect("INVITE"), 302, ("Contact", "<sip:1002@pbx.test>"))
    await wire.expect("ACK")
    with pytest.raises(ProviderRejected, match="Switch the forwarding off"):
        await task
    wire.nothing()


async def test_the_own_phone_is_never_picked_up(click, wire):
    task = click(ring_time=20)
    invite = await wire.expect("INVITE")
    wire.answer(invite, 180)
    wire.tick(20)
    cancel = await wire.expect("CANCEL")
    wire.answer(cancel, 200)
    wire.answer(invite, 487)
    await wire.expect("ACK")
    with pytest.raises(ProviderRejected, match="did not pick up") as caught:
        await task
    assert caught.value.end_reason == EndReason.NO_ANSWER


@pytest.mark.parametrize(
    ("fragment", "reason"),
    [
        ("486 Busy Here", EndReason.BUSY),
        ("600 Busy Everywhere", EndReason.BUSY),
        ("603 Decline", EndReason.DECLINED),
        ("404 Not Found", EndReason.UNREACHABLE),
        ("480 Temporarily Unavailable", EndReason.NO_ANSWER),
        ("487 Request Terminated", EndReason.CANCELLED),
        ("403 Forbidden", EndReason.REJECTED),
        ("503 Service Unavailable", EndReason.FAILED),
    ],
)
async def test_the_number_cannot_be_had(click, wire, reports, fragment, reason):
    task = click()
    invite = await wire.pick_up()
    wire.answer(await wire.expect("REFER"), 202)
    wire.tell(invite, "SIP/2.0 180 Ringing")
    wire.tell(invite, f"SIP/2.0 {fragment}", "terminated;reason=noresource")
    await wire.expect("BYE")
    with pytest.raises(ProviderRejected) as caught:
        await task
    assert (caught.value.message, caught.value.end_reason) == (fragment, reason)
    assert reports.states == [INITIAL, ACCEPTED, RINGING]


@pytest.mark.parametrize("status", [405, 501, 603])
async def test_a_phone_that_takes_no_calls_over(click, wire, status):
    task = click()
    await wire.pick_up()
    wire.answer(await wire.expect("REFER"), status)
    await wire.expect("BYE")
    with pytest.raises(ProviderRejected, match=rf"REFER answered with {status}\). Dial on the phone") as caught:
        await task
    assert caught.value.status == status


class TestAPhoneThatDoesNotTell:
    """What became of the number must then be seen on the line."""

    @pytest.fixture
    def dialled(self):
        return asyncio.Event()

    @pytest.fixture
    async def task(self, account, wire, reports, dialled):
        click = ClickToCall(
            account,
            alias="default",
            call=5,
            phone="sip:1001@pbx.test",
            target="sip:4711@pbx.test",
            ring_time=10,
            auto_answer=False,
            patience=0.1,
            show_time=0.1,
            report=reports,
            sip=wire,
            dialled=dialled,
            own=lambda call_id: None,
            name=str,
        )
        return asyncio.ensure_future(click.run())

    @pytest.fixture
    async def invite(self, task, wire):
        invite = await wire.pick_up()
        wire.answer(await wire.expect("REFER"), 202)
        return invite

    def say_nothing(self, wire, invite):
        pass

    def end_our_leg(self, wire, invite):
        assert wire.ask("BYE", invite).status == 200

    def end_the_reports(self, wire, invite):
        wire.tell(invite, "SIP/2.0 100 Trying", "terminated;reason=noresource")

    @pytest.fixture(params=[say_nothing, end_our_leg, end_the_reports], ids=lambda way: way.__name__)
    def fall_silent(self, request, wire, invite):
        return lambda: request.param(self, wire, invite)

    async def test_and_dials(self, fall_silent, dialled, task, reports):
        dialled.set()
        fall_silent()
        await task
        assert reports.states == [INITIAL, ACCEPTED], "its dialog events tell the rest"

    async def test_and_does_nothing(self, fall_silent, task):
        fall_silent()
        with pytest.raises(ProviderUnavailable, match="did not place the call"):
            await task

    async def test_and_the_connection_is_lost(self, wire, invite, task):
        wire.lose()
        with pytest.raises(ProviderUnavailable, match="connection broke down"):
            await task

    async def test_and_the_connection_is_lost_when_it_has_dialled(self, wire, invite, dialled, task):
        dialled.set()
        wire.lose()
        await task


@pytest.mark.parametrize(
    ("direction", "key", "shown"),
    [("initiator", "1001", True), ("recipient", "1001", False), ("initiator", "1002", False)],
    ids=["begun by the phone", "taken by the phone", "on another line"],
)
async def test_what_the_line_shows_is_what_the_phone_has_begun(
    make_provider, account, wire, reports, direction, key, shown
):
    provider = make_provider()
    task = asyncio.ensure_future(provider.place_call(account, call=5, number=NUMBER, report=reports, sip=wire))
    invite = await wire.pick_up()
    wire.answer(await wire.expect("REFER"), 202)
    dialog = Dialog(id="d9", call_id="c9", direction=direction, state="early")
    provider.identify_dialog(replace(account, key=key), dialog)
    assert wire.ask("BYE", invite).status == 200
    if shown:
        await task
    else:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_call_that_the_phone_had_before_is_not_taken_for_the_click(make_provider, account, wire, reports):
    provider = make_provider()
    earlier = Dialog(id="d8", call_id="c8", direction="initiator", state="early")
    provider.identify_dialog(account, earlier)
    task = asyncio.ensure_future(provider.place_call(account, call=5, number=NUMBER, report=reports, sip=wire))
    invite = await wire.pick_up()
    wire.answer(await wire.expect("REFER"), 202)
    provider.identify_dialog(account, replace(earlier, state="confirmed"))
    wire.ask("BYE", invite)
    done, _pending = await asyncio.wait([task], timeout=0.05)
    assert not done
    task.cancel()


class TestTakenBack:
    """The user no longer wants the call."""

    async def test_while_the_own_phone_rings(self, click, wire):
        task = click()
        invite = await wire.expect("INVITE")
        wire.answer(invite, 180)
        task.cancel()
        cancel = await wire.expect("CANCEL")
        assert cancel.via.branch == invite.via.branch
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_before_the_server_has_said_anything(self, click, wire):
        task = click()
        invite = await wire.expect("INVITE")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        wire.nothing()
        wire.answer(invite, 100)
        await wire.expect("CANCEL")

    async def test_at_the_moment_at_which_it_is_picked_up(self, click, wire):
        task = click()
        invite = await wire.expect("INVITE")
        wire.answer(invite, 180)
        task.cancel()
        await wire.expect("CANCEL")
        wire.answer(invite, 200, ("Contact", "<sip:1001@192.0.2.7>"))
        assert [message.method for message in wire.messages()] == ["ACK", "BYE"]
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_after_it_was_picked_up(self, click, wire):
        task = click()
        await wire.pick_up()
        await wire.expect("REFER")
        task.cancel()
        await wire.expect("BYE")
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_receiver_is_put_down_before_the_number_is_called(click, wire, reports):
    task = click()
    invite = await wire.expect("INVITE")
    wire.answer(invite, 200, ("Contact", "<sip:1001@192.0.2.7>"))
    await wire.expect("ACK")
    # In the same turn of the loop: the click has not heard of the answer yet.
    assert wire.ask("BYE", invite).status == 200
    with pytest.raises(ProviderUnavailable, match="ended before the number was called") as caught:
        await task
    assert caught.value.end_reason == EndReason.CANCELLED
    assert reports.states == [INITIAL, ACCEPTED]
    wire.nothing()


class TestTheConnection:
    """Without it nothing can be placed."""

    async def test_is_not_there(self, make_provider, account, reports):
        with pytest.raises(ProviderUnavailable, match="not connected"):
            await make_provider().place_call(account, call=5, number=NUMBER, report=reports)
        assert reports.states == []

    async def test_is_lost_at_the_click(self, click, wire, reports):
        wire.connected = False
        with pytest.raises(ProviderUnavailable, match="not connected"):
            await click()
        assert reports.states == [INITIAL]

    async def test_is_lost_while_the_own_phone_rings(self, click, wire):
        task = click()
        wire.answer(await wire.expect("INVITE"), 180)
        wire.lose()
        with pytest.raises(ProviderUnavailable, match=r"could not be called \(connection-lost\)"):
            await task

    async def test_is_lost_while_the_number_rings(self, click, wire, reports):
        task = click()
        invite = await wire.pick_up()
        wire.answer(await wire.expect("REFER"), 202)
        wire.tell(invite, "SIP/2.0 180 Ringing")
        wire.lose()
        await task
        assert reports.states == [INITIAL, ACCEPTED, RINGING], "after the reconnect the line shows how it went on"

    async def test_wants_credentials_for_each_request(self, click, wire):
        task = click()
        wire.answer(await wire.expect("INVITE"), 407, ("Proxy-Authenticate", CHALLENGE))
        _ack, invite = wire.messages()
        assert 'username="cti"' in invite.headers.get("Proxy-Authorization")
        wire.answer(invite, 200, ("Contact", "<sip:1001@192.0.2.7>"))
        await wire.expect("ACK")
        refer = await wire.expect("REFER")
        wire.answer(refer, 401, ("WWW-Authenticate", CHALLENGE.replace("n1", "n2")))
        again = await wire.expect("REFER")
        assert 'username="cti"' in again.headers.get("Authorization")
        wire.answer(again, 202)
        wire.tell(invite, "SIP/2.0 200 OK", "terminated;reason=noresource")
        await wire.expect("BYE")
        await task

    async def test_has_credentials_that_the_server_refuses(self, click, wire):
        task = click()
        for nonce in ("n1", "n2"):
            invite = (await aeventually(wire.messages))[-1]
            wire.answer(invite, 407, ("Proxy-Authenticate", CHALLENGE.replace("n1", nonce)))
        with pytest.raises(ProviderRejected, match="refuses our user name or password"):
            await task

    async def test_leads_through_proxies_that_record_their_route_twice(self, click, wire):
        task = click()
        invite = await wire.expect("INVITE")
        routes = ("Record-Route", "<sip:pbx.test;r2=on;lr>"), ("Record-Route", "<sip:pbx.test;transport=ws;r2=on;lr>")
        wire.answer(invite, 200, ("Contact", "<sip:1001@192.0.2.7>"), *routes)
        ack = await wire.expect("ACK")
        expected = ["<sip:pbx.test;transport=ws;r2=on;lr>", "<sip:pbx.test;r2=on;lr>"]
        assert ack.headers.get_all("Route") == expected
        refer = await wire.expect("REFER")
        assert refer.headers.get_all("Route") == expected
        wire.answer(refer, 603)
        assert (await wire.expect("BYE")).headers.get_all("Route") == expected
        with pytest.raises(ProviderRejected):
            await task


@pytest.mark.parametrize("auto_answer", [True, False])
async def test_the_phone_is_asked_to_pick_up_by_itself_only_by_option(click, wire, auto_answer):
    task = click(auto_answer=auto_answer)
    invite = await wire.expect("INVITE")
    assert ("answer-after=0" in invite.headers.get("Call-Info", "")) is auto_answer
    assert ("Answer-Mode" in invite.headers) is auto_answer
    wire.answer(invite, 486)
    await wire.expect("ACK")
    with pytest.raises(ProviderRejected):
        await task


async def test_our_own_leg_is_never_a_call(make_provider, account, wire, reports):
    provider = make_provider()
    task = asyncio.ensure_future(provider.place_call(account, call=5, number=NUMBER, report=reports, sip=wire))
    invite = await wire.expect("INVITE")
    leg = Dialog(id="a1", call_id=invite.call_id, direction="recipient", state="early")
    assert provider.identify_dialog(account, leg) is None
    wire.answer(invite, 486)
    await wire.expect("ACK")
    with pytest.raises(ProviderRejected):
        await task
    assert provider.identify_dialog(account, leg) is None, "servers show ended dialogs for a while"
