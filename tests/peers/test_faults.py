"""What must not lose a call: a server that crashes, a connection that is cut."""

from django_voipcti.enums import CallState, Direction, EndReason
from tests.peers.test_calls import FROM_JANE
from tests.support.waiting import eventually


def test_the_server_crashes_in_the_middle_of_a_call(office):
    agent = office["1001"]
    office.lab.caller("wait", "1001")
    eventually(lambda: agent.phone.is_ringing)
    agent.phone.answer()
    eventually(lambda: agent.events == ["RINGING", "CONNECTED"])
    office.lab.stop_server()
    eventually(lambda: "LOGGED_OUT" in office["1001"].statuses, 20)
    office.lab.start_server()
    eventually(office.is_ready, 30)
    agent.saw("RINGING", "CONNECTED", "HANGUP")
    agent.ended(CallState.HANGUP, EndReason.COMPLETED, **FROM_JANE, answered=True)


class TestTheConnectionIsCut:
    """The bridge loses its WebSocket while people talk."""

    def talking(self, office, scenario="wait"):
        agent = office["1001"]
        caller = office.lab.caller(scenario, "1001", milliseconds=300)
        eventually(lambda: agent.phone.is_ringing)
        agent.phone.answer()
        agent.saw("RINGING", "CONNECTED")
        return agent, caller

    def test_and_the_call_goes_on(self, office):
        agent, caller = self.talking(office)
        office.relay.cut()
        eventually(lambda: "LOGGED_OUT" in agent.statuses)
        office.relay.mend()
        eventually(office.is_ready, 20)
        agent.saw("RINGING", "CONNECTED")
        agent.phone.hang_up()
        caller.finish()
        agent.saw("RINGING", "CONNECTED", "HANGUP")
        agent.ended(CallState.HANGUP, EndReason.COMPLETED, **FROM_JANE, answered=True)

    def test_and_the_call_ends_meanwhile(self, office):
        agent, caller = self.talking(office, "call")
        office.relay.cut()
        eventually(lambda: "LOGGED_OUT" in agent.statuses)
        caller.finish()
        agent.saw("RINGING", "CONNECTED")
        office.relay.mend()
        agent.saw("RINGING", "CONNECTED", "HANGUP")
        agent.ended(CallState.HANGUP, EndReason.COMPLETED, **FROM_JANE, answered=True)

    def test_and_a_call_comes_and_goes_meanwhile(self, office):
        agent = office["1001"]
        office.relay.cut()
        eventually(lambda: "LOGGED_OUT" in agent.statuses)
        office.lab.caller("cancel", "1001", milliseconds=200).finish()
        office.relay.mend()
        agent.saw("HANGUP")
        agent.ended(CallState.HANGUP, EndReason.MISSED, **FROM_JANE, answered=False)

    def test_while_a_click_rings_the_own_phone(self, office):
        agent = office["1001"]
        agent.click("+442079460000")
        eventually(lambda: agent.phone.is_ringing)
        office.relay.cut()
        agent.saw("INITIAL", "CANCEL")
        out = {"direction": Direction.OUTBOUND, "other": "+442079460000"}
        assert "Try again" in agent.ended(CallState.CANCEL, EndReason.FAILED, **out, answered=False).cause
