"""The SIP provider: what it can do by its options, whom it watches, which dialog is a call, and what steers calls."""

import asyncio
from dataclasses import replace

import httpx2
import pytest
from django.core.exceptions import ImproperlyConfigured

from django_voipcti.enums import CallState, Direction
from django_voipcti.events import CallReference
from django_voipcti.exceptions import ProviderRejected, ProviderUnavailable, UnsupportedFeature
from django_voipcti.providers.base import DialogIdentity
from django_voipcti.providers.sip import SipProvider
from django_voipcti.redaction import PhoneNumber, Secret
from django_voipcti.sip.dialoginfo import Dialog, Participant
from django_voipcti.testing import Reports
from tests.providers.sip.wire import SipWire
from tests.sip.wire import CHALLENGE

CALL = CallReference(external_id="d1", conversation_id="c1", direction=Direction.INBOUND, state=CallState.CONNECTED)
#: As the record has it where the server shows no Call-ID.
NAMELESS = replace(CALL, external_id="1001~c5", conversation_id="1001~c5")
RPC = "http://127.0.0.1:8088/RPC"
CONTROL = ("supports_place", "supports_answer", "supports_hold", "supports_blind_transfer", "supports_hang_up")


@pytest.fixture
def wire():
    return SipWire()


@pytest.mark.parametrize(
    ("options", "can"),
    [
        ({}, {"supports_place", "supports_hang_up"}),
        ({"cti_user": "", "cti_password": ""}, set()),
        ({"cti_user": "", "cti_password": "", "kamailio_rpc_url": RPC}, {"supports_hang_up"}),
        ({"phones_obey_events": True}, {"supports_place", "supports_hang_up", "supports_answer", "supports_hold"}),
        ({"phones_obey_refer": True}, {"supports_place", "supports_hang_up", "supports_blind_transfer"}),
        ({"server_shows_hold": True}, {"supports_place", "supports_hang_up", "shows_hold"}),
    ],
)
def test_what_it_can_do_is_said_by_its_options(make_provider, options, can):
    flags = make_provider(**options).capabilities()
    assert {name for name in (*CONTROL, "shows_hold") if flags[name]} == can


class TestWatching:
    """Who connects, and whose dialogs are subscribed to."""

    async def test_the_cti_user_watches_every_line_over_one_connection(self, make_provider, account):
        provider = make_provider(expires=900)
        one, other = [await provider.sip_profile(replace(account, key=key)) for key in ("1001", "1002")]
        assert one.connection_key == other.connection_key
        assert (one.username, one.password, one.auth_username) == ("cti", Secret("cti-password"), "")
        assert (one.watch, other.watch) == (("sip:1001@pbx.test",), ("sip:1002@pbx.test",))
        assert one.expires == 900
        assert one.ssl_context is not None

    async def test_without_one_each_line_connects_by_itself(self, make_provider, account):
        provider = make_provider(cti_user="", cti_password="")
        account = replace(account, options={"auth_username": "a1001"})
        profile = await provider.sip_profile(account)
        assert (profile.username, profile.password) == ("1001", Secret("line-password"))
        assert profile.auth_username == "a1001"

    async def test_a_line_may_have_a_server_of_its_own(self, make_provider, account):
        profile = await make_provider().sip_profile(
            replace(account, options={"url": "ws://192.0.2.1:80", "domain": "other.test"})
        )
        assert (profile.url, profile.domain, profile.watch) == (
            "ws://192.0.2.1:80",
            "other.test",
            ("sip:1001@other.test",),
        )
        assert profile.ssl_context is None

    async def test_a_complete_address_stays_as_it_is(self, make_provider, account):
        profile = await make_provider().sip_profile(replace(account, key="sip:ana@elsewhere.test"))
        assert profile.watch == ("sip:ana@elsewhere.test",)

    async def test_no_name_can_reach_beyond_the_user_part(self, make_provider, account):
        profile = await make_provider().sip_profile(replace(account, key="a@evil.test>;x"))
        assert profile.watch == ("sip:a%40evil.test%3E;x@pbx.test",)

    async def test_nothing_is_watched_where_no_server_is_set(self, account):
        with pytest.raises(ImproperlyConfigured, match="No SIP server is set for this line"):
            await SipProvider("default", {}).sip_profile(account)


class TestDialogs:
    """Which call a dialog belongs to."""

    def test_a_call_is_named_by_its_dialog_and_its_conversation_by_call_id(self, make_provider, account):
        dialog = Dialog(id="d1", call_id="c1", direction="recipient", state="early")
        assert make_provider().identify_dialog(account, dialog) == DialogIdentity(
            external_id="d1", conversation_id="c1", once=True
        )

    def test_an_id_without_a_call_id_names_an_extension(self, make_provider, account):
        dialog = Dialog(id="1001", direction="recipient", state="early")
        assert make_provider().identify_dialog(account, dialog) == DialogIdentity(external_id="1001", once=False)

    @pytest.mark.parametrize("direction", ["initiator", "recipient"])
    def test_a_leg_of_another_bridge_is_known_by_the_cti_user(self, make_provider, account, direction):
        dialog = Dialog(
            id="d1",
            call_id="c1",
            direction=direction,
            state="early",
            remote=Participant(identity_uri="sip:cti@pbx.test"),
        )
        assert make_provider().identify_dialog(account, dialog) is None
        assert make_provider(cti_user="other").identify_dialog(account, dialog) is not None

    async def test_where_calls_have_no_call_id_a_click_goes_on_in_our_legs_dialog(self, make_provider, account, wire):
        provider, number, reports = make_provider(), PhoneNumber("1002"), Reports()
        leg = Dialog(id="1001", state="early", remote=Participant(identity_uri="sip:cti@pbx.test"))

        async def click(call, fragment):
            work = provider.place_call(account, call=call, number=number, report=reports, sip=wire)
            task = asyncio.ensure_future(work)
            invite = await wire.pick_up()
            assert provider.identify_dialog(account, leg) is None, "our leg, and no more"
            wire.answer(await wire.expect("REFER"), 202)
            wire.tell(invite, f"SIP/2.0 {fragment}", "terminated;reason=noresource")
            wire.answer(await wire.expect("BYE"), 200)
            await asyncio.wait([task])
            return task

        (await click(5, "200 OK")).result()
        assert [update.external_id for update in reports.updates] == ["", "", "1001~c5"], "known by name when connected"
        assert provider.identify_dialog(account, leg) == DialogIdentity(external_id="1001~c5", call=5)
        assert provider.identify_dialog(replace(account, key="1002"), leg) is None
        assert isinstance((await click(6, "486 Busy Here")).exception(), ProviderRejected)
        assert provider.identify_dialog(account, leg) is None

    def test_without_a_cti_user_nobody_is_taken_for_him(self, make_provider, account):
        dialog = Dialog(id="d1", call_id="c1", state="early", remote=Participant(identity_uri="sip:@pbx.test"))
        assert make_provider(cti_user="", cti_password="").identify_dialog(account, dialog) is not None

    def test_only_the_last_calls_are_remembered(self, make_provider, account):
        provider = make_provider()
        for number in range(1500):
            provider.identify_dialog(
                account, Dialog(id=f"d{number}", call_id="c", direction="initiator", state="early")
            )
        assert len(provider._dialled) == 1000


class TestByThePhone:
    """Requests outside of its dialogs: the phone obeys, or says no."""

    @pytest.fixture
    def provider(self, make_provider):
        return make_provider(phones_obey_events=True, phones_obey_refer=True)

    @pytest.mark.parametrize(("action", "event"), [("answer", "talk"), ("hold", "hold"), ("resume", "talk")])
    async def test_answer_hold_and_resume_are_events(self, provider, account, wire, action, event):
        task = asyncio.ensure_future(getattr(provider, action)(account, CALL, sip=wire))
        notify = await wire.expect("NOTIFY")
        assert notify.uri == "sip:1001@pbx.test"
        assert notify.headers.get("Event") == event
        assert notify.headers.get("Subscription-State") == "active"
        assert notify.to.tag is None, "outside of any dialog"
        wire.answer(notify, 200)
        await task

    async def test_a_transfer_is_a_refer_that_names_the_call(self, provider, account, wire):
        number = PhoneNumber("+442079460000")
        task = asyncio.ensure_future(provider.transfer(account, CALL, number=number, sip=wire))
        refer = await wire.expect("REFER")
        assert refer.headers.get("Refer-To") == "<sip:+442079460000@pbx.test>"
        assert refer.headers.get("Target-Dialog") == "c1"
        assert refer.headers.get("Refer-Sub") == "false"
        assert refer.call_id != "c1", "nothing is forged into a dialog of others"
        wire.answer(refer, 202)
        await task

    async def test_hanging_up_is_a_refer_to_end_the_call(self, provider, account, wire):
        task = asyncio.ensure_future(provider.hang_up(account, CALL, sip=wire))
        refer = await wire.expect("REFER")
        assert refer.headers.get("Refer-To") == "<sip:1001@pbx.test;method=BYE>"
        assert refer.headers.get("Target-Dialog") == "c1"
        wire.answer(refer, 202)
        await task

    @pytest.mark.parametrize("status", [481, 489, 501, 603])
    async def test_a_phone_that_does_not_obey(self, provider, account, wire, status):
        task = asyncio.ensure_future(provider.hold(account, CALL, sip=wire))
        wire.answer(await wire.expect("NOTIFY"), status)
        with pytest.raises(
            ProviderRejected, match=rf"cannot be steered from here \({status} .*Use it by hand"
        ) as caught:
            await task
        assert caught.value.status == status

    async def test_a_password_that_is_refused(self, provider, account, wire):
        task = asyncio.ensure_future(provider.hold(account, CALL, sip=wire))
        wire.answer(await wire.expect("NOTIFY"), 407, ("Proxy-Authenticate", CHALLENGE))
        wire.answer(await wire.expect("NOTIFY"), 407, ("Proxy-Authenticate", CHALLENGE.replace("n1", "n2")))
        with pytest.raises(ProviderRejected, match="refuses our user name or password"):
            await task

    async def test_a_phone_of_which_the_server_hears_nothing(self, provider, account, wire):
        task = asyncio.ensure_future(provider.hold(account, CALL, sip=wire))
        wire.answer(await wire.expect("NOTIFY"), 408)
        with pytest.raises(ProviderUnavailable, match="does not answer"):
            await task

    async def test_a_server_that_says_nothing(self, provider, account, wire, monkeypatch):
        monkeypatch.setattr("django_voipcti.providers.sip.provider._ANSWER_TIME", 0.05)
        with pytest.raises(ProviderUnavailable, match="does not answer"):
            await provider.hold(account, CALL, sip=wire)

    async def test_a_connection_that_is_lost(self, provider, account, wire):
        task = asyncio.ensure_future(provider.hold(account, CALL, sip=wire))
        await wire.expect("NOTIFY")
        wire.lose()
        with pytest.raises(ProviderUnavailable, match="does not answer"):
            await task

    @pytest.mark.parametrize("action", ["answer", "hold", "resume", "hang_up"])
    async def test_a_line_without_a_connection(self, provider, account, action):
        with pytest.raises(ProviderUnavailable, match="not connected"):
            await getattr(provider, action)(account, CALL)


class TestByTheServer:
    """Kamailio's JSON-RPC, which is preferred to the phone."""

    async def test_a_call_is_ended(self, make_provider, account, wire):
        asked = []

        def server(request):
            asked.append((str(request.url), request.content))
            return httpx2.Response(200, json={"error": {"code": 404, "message": "Dialog not found"}})

        provider = make_provider(kamailio_rpc_url=RPC, phones_obey_refer=True, transport=httpx2.MockTransport(server))
        await provider.hang_up(account, CALL, sip=wire)
        ((url, content),) = asked
        assert url == RPC
        assert b'"c1"' in content
        wire.nothing()

    async def test_a_call_of_a_server_that_gives_no_call_id_is_not_looked_for(self, make_provider, account, wire):
        def server(request):
            raise AssertionError("asked for any call")

        provider = make_provider(kamailio_rpc_url=RPC, transport=httpx2.MockTransport(server))
        with pytest.raises(ProviderRejected, match="put down the receiver"):
            await provider.hang_up(account, NAMELESS, sip=wire)


class TestWhatIsImpossible:
    """Answered with a sentence, and nothing is sent."""

    async def test_ending_the_phones_own_call(self, make_provider, account, wire):
        with pytest.raises(ProviderRejected, match="put down the receiver"):
            await make_provider().hang_up(account, CALL, sip=wire)
        wire.nothing()

    @pytest.mark.parametrize("action", ["answer", "hold", "resume"])
    async def test_answering_and_holding(self, make_provider, account, wire, action):
        with pytest.raises(UnsupportedFeature):
            await getattr(make_provider(), action)(account, CALL, sip=wire)
        wire.nothing()

    async def test_transferring(self, make_provider, account, wire):
        with pytest.raises(UnsupportedFeature):
            await make_provider().transfer(account, CALL, number=PhoneNumber("1002"), sip=wire)
        wire.nothing()

    @pytest.mark.parametrize("action", ["hang_up", "transfer"])
    async def test_naming_a_call_that_has_no_call_id(self, make_provider, account, wire, action):
        further = {"number": PhoneNumber("1002")} if action == "transfer" else {}
        with pytest.raises(ProviderRejected, match=r"Use it by hand|put down the receiver"):
            await getattr(make_provider(phones_obey_refer=True), action)(account, NAMELESS, sip=wire, **further)
        wire.nothing()
