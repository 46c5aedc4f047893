"""Webhooks as a receiver sees them."""

import base64
import re

import pytest

from tests.simulator.conftest import ANA, BEN, CALLER, CHRIS

SAMPLE = {
    "id", "event_time", "event_name", "call_id", "root_call_id", "state", "start_time", "connected_at", "duration",
    "context", "destination", "src", "src_id", "src_name", "src_hash", "dst", "dst_id", "dst_name",
}  # fmt: skip


@pytest.fixture
def hooked(simulator, receiver):
    """The simulator, with the receiver as its target."""
    simulator.scenario.webhooks.append(receiver.target())
    return simulator


async def test_an_answered_call(hooked, receiver, aeventually):
    hooked.engine.call_from_outside(CALLER, "442079460601", name="Jo")
    hooked.engine.phone(ANA).answer()
    hooked.engine.phone(ANA).hang_up()
    await aeventually(lambda: len(receiver.bodies) == 4)
    assert receiver.names == ["call.initial", "call.ringing", "call.connected", "call.hangup"]
    assert [body["state"] for body in receiver.bodies] == ["INITIAL", "RINGING", "CONNECTED", "HANGUP"]
    assert all(body.keys() >= SAMPLE for body in receiver.bodies)
    last = receiver.bodies[-1]
    assert (last["t_cause"], last["terminated_by"]) == ("Normal Clearing", "callee")
    assert (last["src"], last["src_id"], last["src_name"]) == (CALLER, "0", "Jo")
    assert (last["dst"], last["dst_id"], last["destination"]) == ("442079460601", str(ANA), "in")
    assert last["call_id"] == last["root_call_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", last["connected_at"])
    assert "final" not in last
    assert len({body["id"] for body in receiver.bodies}) == 4
    assert all(re.fullmatch(r"sim01\.[0-9a-f]{14}\.\d{8}", body["id"]) for body in receiver.bodies)


async def test_a_ring_group_that_one_answers(hooked, receiver, aeventually):
    hooked.engine.call_from_outside(CALLER, "700")
    hooked.engine.phone(BEN).answer()
    hooked.engine.phone(BEN).hang_up()
    await aeventually(lambda: "call.hangup" in receiver.names)
    missed = [body for body in receiver.bodies if body["event_name"] == "call.missed"]
    assert [(body["dst_id"], body["final"]) for body in missed] == [(str(ANA), False), (str(CHRIS), False)]
    assert len({body["root_call_id"] for body in receiver.bodies}) == 1
    assert len({body["call_id"] for body in receiver.bodies}) == 3
    assert {body["context"] for body in receiver.bodies} == {"RG-70001"}
    assert receiver.bodies[0]["src_name"] == f"Sales | {CALLER}"


async def test_an_abandoned_ring_group(hooked, receiver, aeventually):
    hooked.engine.hang_up(hooked.engine.call_from_outside(CALLER, "700"))
    await aeventually(lambda: receiver.names.count("call.missed") == 3)
    missed = [body for body in receiver.bodies if body["event_name"] == "call.missed"]
    assert [body["final"] for body in missed] == [False, False, True]
    assert {(body["terminated_by"], body["connected_at"]) for body in missed} == {("caller", None)}
    assert "call.hangup" not in receiver.names


async def test_missed_in_the_second_in_which_it_rings(hooked, receiver, aeventually):
    hooked.platform.behaviour.missed_at_ring = True
    hooked.engine.call_from_outside(CALLER, "700")
    await aeventually(lambda: receiver.names.count("call.missed") == 3)
    assert {body["final"] for body in receiver.bodies if body["event_name"] == "call.missed"} == {False}


async def test_a_click_to_call(hooked, receiver, aeventually):
    hooked.engine.place_call(ANA, "447700900999")
    hooked.engine.phone(ANA).answer()
    await aeventually(lambda: hooked.engine.outside_calls)
    hooked.engine.answer(hooked.engine.outside_calls[0])
    hooked.engine.phone(ANA).hang_up()
    await aeventually(lambda: len(receiver.bodies) == 4)
    assert receiver.names == ["call.initial", "call.ringing", "call.connected", "call.hangup"]
    assert {(body["destination"], body["src_id"]) for body in receiver.bodies} == {("out", str(ANA))}


async def test_hold_is_silent_unless_it_has_a_name(hooked, receiver, aeventually):
    hooked.engine.call_from_outside(CALLER, "601")
    phone = hooked.engine.phone(ANA)
    phone.answer()
    phone.hold()
    phone.resume()
    hooked.platform.behaviour.on_hold_event = "call.on_hold"
    phone.hold()
    await aeventually(lambda: len(receiver.bodies) == 4)
    assert (receiver.names[-1], receiver.bodies[-1]["state"]) == ("call.on_hold", "ON_HOLD")


async def test_final_on_hangup_is_a_switch(hooked, receiver, aeventually):
    hooked.platform.behaviour.final_on_hangup = True
    hooked.engine.call_from_outside(CALLER, "601")
    hooked.engine.phone(ANA).answer()
    hooked.engine.phone(ANA).hang_up()
    await aeventually(lambda: len(receiver.bodies) == 4)
    assert receiver.bodies[-1]["final"] is True


async def test_credentials_of_the_address_arrive_as_basic(simulator, receiver, aeventually):
    simulator.scenario.webhooks.append(receiver.target(credentials="hook:s%40cret"))
    simulator.engine.call_from_outside(CALLER, "601")
    await aeventually(lambda: receiver.requests)
    expected = base64.b64encode(b"hook:s@cret").decode()
    assert receiver.requests[0].headers["Authorization"] == f"Basic {expected}"
    assert receiver.requests[0].content_type == "application/json"


@pytest.mark.parametrize(
    ("events", "names"),
    [(("call.ringing",), ["call.ringing"]), (("call.*",), ["call.initial", "call.ringing"]), (("sms.received",), [])],
)
async def test_a_target_gets_what_it_asked_for(simulator, receiver, aeventually, events, names):
    simulator.scenario.webhooks.append(receiver.target(*events))
    simulator.scenario.webhooks.append(receiver.target("call.hangup", "call.missed"))
    simulator.engine.hang_up(simulator.engine.call_from_outside(CALLER, "601"))
    wanted = sorted([*names, *(["call.missed"] * (1 + ("call.*" in events)))])
    await aeventually(lambda: sorted(receiver.names) == wanted)


class TestTrouble:
    async def test_again_after_an_answer_other_than_2xx(self, hooked, receiver, aeventually):
        receiver.statuses = [500, 404]
        hooked.scenario.webhooks[0].events = ["call.ringing"]
        hooked.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: len(receiver.bodies) == 3)
        assert len({body["id"] for body in receiver.bodies}) == 1
        await aeventually(lambda: [item.status for item in hooked.webhooks.deliveries] == [200])

    async def test_not_again_if_switched_off(self, hooked, receiver, aeventually):
        hooked.platform.behaviour.webhook_retries = 0
        receiver.statuses = [500]
        hooked.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: len(hooked.webhooks.deliveries) == 2)
        assert [(item.attempts, item.status) for item in hooked.webhooks.deliveries] == [(1, 500), (1, 200)]

    async def test_nobody_listens(self, simulator, free_port, aeventually):
        from django_voipcti.simulator import WebhookTarget

        simulator.scenario.webhooks.append(WebhookTarget(url=f"http://127.0.0.1:{free_port}/"))
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: [item.attempts for item in simulator.webhooks.deliveries] == [3, 3])
        assert [item.status for item in simulator.webhooks.deliveries] == [0, 0]

    async def test_copies(self, hooked, receiver, aeventually):
        hooked.faults.webhook_copies = 1
        hooked.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: len(receiver.bodies) == 4)
        assert receiver.bodies[0] == receiver.bodies[1]

    async def test_pairs_the_second_one_first(self, hooked, receiver, aeventually):
        hooked.faults.webhook_reorder = True
        hooked.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: len(receiver.bodies) == 2)
        assert receiver.names == ["call.ringing", "call.initial"]

    async def test_lost_ones(self, hooked, receiver, aeventually):
        hooked.faults.webhook_lose = 1
        hooked.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: receiver.bodies)
        assert receiver.names == ["call.ringing"]
