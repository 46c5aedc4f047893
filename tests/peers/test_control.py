"""Calls that phones made or took themselves, steered from the page as far as server and phone allow."""

import pytest

from django_voipcti import control
from django_voipcti.enums import CallState, Direction, EndReason
from django_voipcti.exceptions import CommandRefused
from tests.support.waiting import eventually

HANGUP = CallState.HANGUP

#: What a desk phone that obeys can be made to do.
OBEYING = {"phones_obey_events": True, "phones_obey_refer": True, "kamailio_rpc_url": ""}


class TestByTheServer:
    """Kamailio's JSON-RPC ends calls, whoever made them."""

    def test_an_answered_call_is_ended_on_both_sides(self, office):
        agent = office["1001"]
        caller = office.lab.caller("ended", "1001")
        eventually(lambda: agent.phone.is_ringing)
        agent.phone.answer()
        agent.saw("RINGING", "CONNECTED")
        agent.ask(control.hang_up)
        agent.saw("RINGING", "CONNECTED", "HANGUP")
        caller.finish()
        eventually(lambda: not agent.phone.is_talking)
        assert agent.call().end_reason == EndReason.COMPLETED

    def test_a_ringing_call_is_declined(self, office):
        agent = office["1001"]
        caller = office.lab.caller("refused-487", "1001")
        eventually(lambda: agent.phone.is_ringing)
        agent.saw("RINGING")
        agent.ask(control.hang_up)
        agent.saw("RINGING", "HANGUP")
        caller.finish()
        eventually(lambda: not agent.phone.is_ringing)
        assert agent.call().end_reason == EndReason.DECLINED

    def test_answering_and_holding_are_refused_with_a_sentence(self, office):
        agent = office["1001"]
        office.lab.caller("wait", "1001")
        agent.saw("RINGING")
        with pytest.raises(CommandRefused, match="pick up your phone"):
            agent.ask(control.answer)
        agent.phone.answer()
        agent.saw("RINGING", "CONNECTED")
        with pytest.raises(CommandRefused, match="press hold on your phone"):
            agent.ask(control.hold)


class TestByThePhone:
    """A desk phone that obeys ``talk``, ``hold`` and REFER."""

    @pytest.fixture
    def office(self, open_office):
        return open_office({"1003": "desk", "1002": "manual"}, options=OBEYING)

    @pytest.fixture
    def talking(self, office):
        """1002 called 1003, who answered from the page."""
        agent, colleague = office["1003"], office["1002"]
        colleague.phone.dial("1003")
        agent.saw("RINGING")
        agent.ask(control.answer)
        agent.saw("RINGING", "CONNECTED")
        assert agent.phone.is_talking
        return agent, colleague

    def test_a_call_is_answered_held_resumed_and_ended(self, talking):
        agent, colleague = talking
        agent.ask(control.hold)
        agent.saw("RINGING", "CONNECTED", "ON_HOLD")
        eventually(lambda: agent.phone.is_on_hold)
        agent.ask(control.resume)
        agent.saw("RINGING", "CONNECTED", "ON_HOLD", "CONNECTED")
        eventually(lambda: agent.phone.is_talking)
        agent.ask(control.hang_up)
        agent.saw("RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP")
        eventually(lambda: not colleague.phone.is_talking)
        assert agent.call().end_reason == EndReason.COMPLETED

    def test_a_call_is_transferred(self, office, talking):
        agent, colleague = talking
        office.lab.trunk("answer")
        agent.ask(control.transfer, "+442079460000")
        agent.saw("RINGING", "CONNECTED", "HANGUP")
        eventually(lambda: colleague.line.calls.filter(state=CallState.CONNECTED, other_e164="+442079460000").exists())
        colleague.phone.hang_up()

    def test_a_call_that_was_clicked_for_is_transferred(self, office):
        agent, colleague = office["1003"], office["1002"]
        agent.click("1002")
        agent.saw("INITIAL")
        eventually(lambda: agent.phone.is_ringing)
        agent.phone.answer()
        agent.saw("INITIAL", "ACCEPTED", "RINGING")
        colleague.phone.answer()
        agent.saw("INITIAL", "ACCEPTED", "RINGING", "CONNECTED")
        office.lab.trunk("answer")
        agent.ask(control.transfer, "+442079460000")
        agent.saw("INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "HANGUP")
        agent.ended(HANGUP, EndReason.TRANSFERRED, direction=Direction.OUTBOUND, other="1002", answered=True)
        eventually(lambda: not agent.phone.is_talking)
        eventually(lambda: colleague.line.calls.filter(state=CallState.CONNECTED, other_e164="+442079460000").exists())
        colleague.phone.hang_up()
        assert agent.line.calls.count() == 1, "neither our leg nor the transfer is a call of the agent's"

    def test_a_ringing_call_is_declined(self, office):
        agent, colleague = office["1003"], office["1002"]
        colleague.phone.dial("1003")
        agent.saw("RINGING")
        agent.ask(control.hang_up)
        agent.saw("RINGING", "HANGUP")
        assert agent.call().end_reason == EndReason.DECLINED

    def test_a_phone_that_does_not_obey_after_all_is_told_of(self, office):
        agent, colleague = office["1002"], office["1003"]
        agent.phone.dial("1003")
        eventually(lambda: colleague.phone.is_ringing)
        colleague.phone.answer()
        agent.saw("ACCEPTED", "RINGING", "CONNECTED")
        agent.ask(control.hold)
        eventually(lambda: any("cannot be steered from here (481" in text for text in agent.messages))
        assert agent.call().state == CallState.CONNECTED
        agent.ask(control.transfer, "+442079460000")
        eventually(lambda: any("cannot be steered from here (501" in text for text in agent.messages))
        agent.phone.hang_up()


def test_a_phone_that_nothing_can_steer(open_office):
    office = open_office({"1001": "manual"}, options={"kamailio_rpc_url": ""})
    agent = office["1001"]
    office.lab.caller("wait", "1001")
    agent.saw("RINGING")
    agent.ask(control.hang_up)
    eventually(lambda: any("put down the receiver" in text for text in agent.messages))
    assert agent.events == ["RINGING"]
