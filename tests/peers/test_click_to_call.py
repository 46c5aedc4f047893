"""Click-to-call on real phones: every way in which it can go, as recorded and as told to the agent's pages."""

import pytest

from django_voipcti import control
from django_voipcti.enums import CallState, Direction, EndReason
from django_voipcti.models import Call
from tests.support.waiting import eventually

OUT = {"direction": Direction.OUTBOUND, "other": "+442079460000"}


def test_answered(office):
    agent = office["1001"]
    office.lab.trunk("answer", milliseconds=300)
    agent.click("020 7946 0000")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.answer()
    agent.saw("INITIAL", "ACCEPTED", "RINGING", "CONNECTED")
    agent.phone.hang_up()
    agent.saw("INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "HANGUP")
    agent.ended(CallState.HANGUP, EndReason.COMPLETED, **OUT, answered=True)


@pytest.mark.parametrize(
    ("scenario", "reason"), [("busy", EndReason.BUSY), ("decline", EndReason.DECLINED)], ids=["busy", "declined"]
)
def test_refused_by_the_number(office, scenario, reason):
    agent = office["1001"]
    office.lab.trunk(scenario, milliseconds=200)
    agent.click("+442079460000")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.answer()
    eventually(lambda: agent.events[-1:] == ["CANCEL"], 20)
    assert agent.events == ["INITIAL", "ACCEPTED", "RINGING", "CANCEL"]
    agent.ended(CallState.CANCEL, reason, **OUT, answered=False)
    eventually(lambda: not agent.phone.is_talking, describe="our leg is gone from the phone")


def test_a_number_that_does_not_exist(office):
    agent = office["1001"]
    agent.click("4711")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.answer()
    agent.saw("INITIAL", "ACCEPTED", "CANCEL")
    out = {"direction": Direction.OUTBOUND, "other": "4711"}
    assert agent.ended(CallState.CANCEL, EndReason.UNREACHABLE, **out, answered=False).cause == "404 Not Found"


def test_the_own_phone_is_not_registered(open_office):
    agent = open_office({"1001": None})["1001"]
    agent.click("+442079460000")
    agent.saw("INITIAL", "CANCEL")
    assert "not registered" in agent.ended(CallState.CANCEL, EndReason.UNREACHABLE, **OUT, answered=False).cause


def test_the_own_phone_is_never_picked_up(office):
    agent = office["1001"]
    agent.click("+442079460000")
    agent.saw("INITIAL", "CANCEL")
    agent.ended(CallState.CANCEL, EndReason.NO_ANSWER, **OUT, answered=False)
    eventually(lambda: not agent.phone.is_ringing)


def test_the_own_phone_declines(office):
    agent = office["1001"]
    agent.click("+442079460000")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.hang_up()
    agent.saw("INITIAL", "CANCEL")
    # This phone declines with 486.
    agent.ended(CallState.CANCEL, EndReason.BUSY, **OUT, answered=False)


def test_taken_back_while_the_own_phone_rings(office):
    agent = office["1001"]
    agent.click("+442079460000")
    eventually(lambda: agent.phone.is_ringing)
    agent.ask(control.hang_up)
    agent.saw("INITIAL", "CANCEL")
    agent.ended(CallState.CANCEL, EndReason.CANCELLED, **OUT, answered=False)
    eventually(lambda: not agent.phone.is_ringing)


def test_a_click_on_a_colleague_and_hung_up_from_the_page(office):
    ana, ben = office["1001"], office["1002"]
    ana.click("1002")
    eventually(lambda: ana.phone.is_ringing)
    ana.phone.answer()
    eventually(lambda: "CONNECTED" in ana.events and "CONNECTED" in ben.events)
    ana.ask(control.hang_up)
    eventually(lambda: ana.events[-1:] == ["HANGUP"] and ben.events[-1:] == ["HANGUP"], 20)
    # The caller's BYE is sent first; on loopback its answer may make the server forget the other (see docs/providers).
    eventually(lambda: not ana.phone.is_talking)
    assert Call.objects.count() == 2, "our own leg is not shown as a call"


def test_taken_back_at_the_moment_at_which_the_own_phone_is_picked_up(office):
    agent = office["1001"]
    office.lab.trunk("answer", milliseconds=5000)
    agent.click("+442079460000")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.answer()
    agent.ask(control.hang_up)
    eventually(lambda: agent.events[-1:] in (["CANCEL"], ["HANGUP"]), 20)
    assert agent.call().end_reason == EndReason.CANCELLED
    eventually(lambda: not agent.phone.is_talking and not agent.phone.calls().count("OUTGOING"))


def test_taken_back_while_the_number_rings(office):
    agent = office["1001"]
    office.lab.trunk("cancelled")
    agent.click("+442079460000")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.answer()
    agent.saw("INITIAL", "ACCEPTED", "RINGING")
    agent.ask(control.hang_up)
    agent.saw("INITIAL", "ACCEPTED", "RINGING", "CANCEL")
    agent.ended(CallState.CANCEL, EndReason.CANCELLED, **OUT, answered=False)
    eventually(lambda: not agent.phone.is_talking)


def test_picked_up_on_one_of_two_own_phones(office):
    agent = office["1001"]
    second = office.lab.phone("1001")
    office.lab.trunk("answer")
    agent.click("+442079460000")
    eventually(lambda: agent.phone.is_ringing and second.is_ringing)
    second.answer()
    agent.saw("INITIAL", "ACCEPTED", "RINGING", "CONNECTED")
    assert not agent.phone.is_ringing
    second.hang_up()
    agent.saw("INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "HANGUP")
    agent.ended(CallState.HANGUP, EndReason.COMPLETED, **OUT, answered=True)


def test_the_own_phone_forwards_its_calls(open_office):
    redirect = {"replies": {"INVITE": 302}, "headers": {"Contact": "<sip:1002@pbx.test>"}}
    office = open_office({"1001": "desk", "1002": "manual"}, desk=redirect)
    agent = office["1001"]
    agent.click("+442079460000")
    agent.saw("INITIAL", "CANCEL")
    assert "forwards its calls elsewhere" in agent.call().cause
    assert not office["1002"].phone.is_ringing


def test_the_own_phone_takes_no_calls_over(open_office):
    office = open_office({"1001": "desk"}, desk={"replies": {"REFER": 603}})
    agent = office["1001"]
    agent.click("+442079460000")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.answer()
    agent.saw("INITIAL", "ACCEPTED", "CANCEL")
    assert "does not take over calls (REFER answered with 603)" in agent.call().cause
    eventually(lambda: not agent.phone.is_talking, describe="our leg has ended")
    (invite,) = [request for request in agent.phone.received if request.method == "INVITE"]
    assert len(invite.record_routes) == 2, "the server stands between WebSocket and UDP, once on each side"


def test_transferred_by_the_phone(office):
    agent, colleague = office["1001"], office["1002"]
    agent.click("1002")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.answer()
    eventually(lambda: "CONNECTED" in agent.events and "CONNECTED" in colleague.events)
    office.lab.trunk("answer")
    agent.phone.transfer("+442079460000")
    agent.saw("INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "HANGUP")
    to_colleague = {"direction": Direction.OUTBOUND, "other": "1002"}
    agent.ended(CallState.HANGUP, EndReason.COMPLETED, **to_colleague, answered=True)
    eventually(lambda: colleague.line.calls.filter(state=CallState.CONNECTED, other_e164="+442079460000").exists())
    assert agent.phone.calls().count("ESTABLISHED") == 0
