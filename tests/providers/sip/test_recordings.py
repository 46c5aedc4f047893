"""What real servers told a watcher, as recorded: which calls it comes to in the call log.

Asterisk cannot be had where these tests run; its recordings stand for it. It shows one element for each extension, says
nothing of an outgoing call but that there is one, and leaves both ends out once a call is answered.
"""

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_voipcti import control, journal
from django_voipcti.bridge.translate import LineTranslator
from django_voipcti.enums import CallState, Direction, EndReason, LineStatus
from django_voipcti.models import Call, Line
from django_voipcti.redaction import PhoneNumber
from django_voipcti.sip.dialoginfo import Dialog, Participant
from django_voipcti.sip.messages import Request, parse_message
from django_voipcti.testing import Reports
from tests.providers.sip.wire import SipWire
from tests.sip.transcripts import FOLDER, Frame, read

pytestmark = pytest.mark.django_db

JANE = "+442071234567"
LEG = Dialog(id="1001", state="early", remote=Participant(identity_uri="sip:cti@pbx.test"))
INBOUND, OUTBOUND = Direction.INBOUND, Direction.OUTBOUND
ANSWERED = ["RINGING", "CONNECTED", "HANGUP"]


class Replay:
    """A bridge that watches lines 1001 and 1002, and hears what a recorded server said."""

    def __init__(self, make_provider):
        self._make_provider = make_provider
        self.now = timezone.now()
        self.lines = {user: make_line(user) for user in ("1001", "1002")}
        self.begin()

    def begin(self):
        """Start the bridge, also in the middle."""
        self.provider = self._make_provider(server_shows_hold=True)
        self.translators = {user: self._translator(line) for user, line in self.lines.items()}

    def _translator(self, line):
        live = Call.objects.live().filter(line=line).exclude(external_id=None)
        return LineTranslator(
            alias="default",
            account=line.as_account(),
            identify=self.provider.identify_dialog,
            read_party=self.provider.read_party,
            watch=(line.account,),
            known={call.external_id: CallState(call.state) for call in live},
        )

    def hear(self, stem, *, on_progress=lambda: None):
        """Play a transcript; `on_progress` is called when a phone tells that whom it called has answered."""
        begun = self.now
        for frame in read(FOLDER / f"{stem}.txt"):
            message = parse_message(frame.data) if isinstance(frame, Frame) else None
            if not isinstance(message, Request):
                continue
            self.now = begun + timedelta(seconds=frame.at)
            if frame.sent and message.method == "SUBSCRIBE" and message.to.tag is None:
                self.translators[message.to.uri.user].subscribed(message.to.uri.user)
            elif not frame.sent and message.method == "NOTIFY":
                if message.event.package == "dialog":
                    self._notify(message)
                elif message.body.startswith(b"SIP/2.0 200"):
                    on_progress()

    def _notify(self, message):
        user = message.from_.uri.user
        said = self.translators[user].notify(user, message.body, subscription=message.call_id, now=self.now)
        journal.record(said.updates)

    def told(self, user):
        """Each call of a line: direction, number, name, end reason, and the events that its pages were told."""
        return [
            (call.direction, call.other_e164 or call.other_number, call.other_name, call.end_reason, states(call))
            for call in Call.objects.filter(line=self.lines[user]).order_by("pk")
        ]


def states(call):
    return [event.state for event in call.events.order_by("pk")]


def make_line(user):
    owner = get_user_model().objects.create_user(f"agent-{user}")
    line = Line(provider="default", account=user, extension=user, region="GB", user=owner, status=LineStatus.READY)
    line.set_secrets({"password": "unused: nobody connects"})
    line.save()
    return line


@pytest.fixture
def replay(make_provider):
    return Replay(make_provider)


class TestAsterisk:
    """Versions 16 and 22."""

    @pytest.mark.parametrize("version", ["ast16", "ast22"])
    def test_a_call_that_rings_in(self, replay, version):
        replay.hear(f"{version}_01_incoming_call")
        assert replay.told("1001") == [(INBOUND, JANE, "Jane Caller", EndReason.COMPLETED, ANSWERED)]

    @pytest.mark.parametrize("version", ["ast16", "ast22"])
    def test_held_by_the_other_side(self, replay, version):
        replay.hear(f"{version}_02b_hold_by_the_other_side")
        ((*_facts, events),) = replay.told("1001")
        assert events == ["RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP"]

    def test_given_up_and_declined(self, replay):
        replay.hear("ast22_03_cancel_and_reject")
        assert replay.told("1001") == [(INBOUND, JANE, "Jane Caller", EndReason.MISSED, ["RINGING", "HANGUP"])] * 2

    def test_outgoing_calls_and_a_second_caller(self, replay):
        replay.hear("ast22_09_outgoing_and_two_calls")
        dialled = (OUTBOUND, "", "", EndReason.COMPLETED, ["CONNECTED", "HANGUP"])
        gave_up = (INBOUND, JANE, "Jane Caller", EndReason.MISSED, ["RINGING", "HANGUP"])
        assert replay.told("1001") == [dialled, gave_up, dialled, gave_up]
        assert replay.told("1002") == [(INBOUND, "1001", "Phone 1001", EndReason.COMPLETED, ANSWERED)]

    @pytest.mark.parametrize("version", ["ast16", "ast22"])
    @pytest.mark.parametrize("restarted", [False, True])
    def test_a_click_goes_on_in_the_dialog_of_our_own_leg(self, replay, version, restarted):
        line = replay.lines["1001"]
        call = control.place_call(line.user, "1002").call

        def taken_over():
            reports = asyncio.run(click(replay.provider, line.as_account(), call.pk))
            journal.record([dataclasses.replace(update, observed_at=replay.now) for update in reports.updates])
            if restarted:
                replay.begin()

        replay.hear(f"{version}_06_sip_3pcc_refer", on_progress=taken_over)
        events = ["INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "HANGUP"]
        assert replay.told("1001") == [(OUTBOUND, "1002", "1002", EndReason.COMPLETED, events)]
        assert replay.told("1002") == [(INBOUND, "1001", "Phone 1001", EndReason.COMPLETED, ANSWERED)]


async def click(provider, account, call):
    """A click that goes well, on a wire of its own."""
    wire, reports, number = SipWire(), Reports(), PhoneNumber("1002")
    task = asyncio.ensure_future(provider.place_call(account, call=call, number=number, report=reports, sip=wire))
    invite = await wire.pick_up()
    wire.answer(await wire.expect("REFER"), 202)
    provider.identify_dialog(account, LEG)
    wire.tell(invite, "SIP/2.0 180 Ringing")
    wire.tell(invite, "SIP/2.0 200 OK", "terminated;reason=noresource")
    await task
    return reports


class TestKamailio:
    """Version 5.6, with baresip phones."""

    def test_a_call_that_rings_in(self, replay):
        replay.hear("01_basic_call")
        assert replay.told("1001") == [(INBOUND, JANE, "", EndReason.COMPLETED, ANSWERED)]

    def test_an_internal_call(self, replay):
        replay.hear("09_internal_1001_to_1002")
        assert replay.told("1001") == [
            (OUTBOUND, "1002", "1002", EndReason.COMPLETED, ["ACCEPTED", "RINGING", "CONNECTED", "HANGUP"])
        ]
        assert replay.told("1002") == [(INBOUND, "1001", "1001", EndReason.COMPLETED, ANSWERED)]

    def test_thirty_calls_one_after_the_other(self, replay):
        replay.hear("15_latency")
        assert replay.told("1001") == [(INBOUND, JANE, "", EndReason.MISSED, ["RINGING", "HANGUP"])] * 30

    def test_our_own_leg_is_no_call(self, replay):
        replay.hear("23_click_to_dial_as_cti_user")
        events = ["ACCEPTED", "RINGING", "CONNECTED", "HANGUP"]
        assert replay.told("1001") == [(OUTBOUND, "1002", "1002", EndReason.COMPLETED, events)]
