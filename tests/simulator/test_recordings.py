"""Recordings: the list, the file, the webhook."""

import pytest

from tests.simulator.conftest import ANA, BEN, CALLER, CHRIS


@pytest.fixture
async def recorded(simulator, aeventually):
    """A simulator that recorded one call of Ana's."""
    simulator.platform.behaviour.record_calls = True
    simulator.engine.call_from_outside(CALLER, "601")
    simulator.engine.phone(ANA).answer()
    simulator.engine.phone(ANA).hang_up()
    await aeventually(lambda: simulator.recordings.ready)
    return simulator


async def test_its_size_is_the_length_of_the_file(recorded, ana):
    [row] = (await ana.get("/monitors", sort="timestamp")).json()["data"]
    assert (row["caller"], row["called"], row["type"], row["user_id"]) == (CALLER, "601", "I", ANA)
    assert (await ana.get(f"/monitors/{row['id']}")).json()["data"] == row
    ana.headers["Range"] = "bytes=0-10"
    response = await ana.get(f"/monitors/{row['id']}.mp3")
    assert (response.status_code, len(response.content)) == (200, row["size"])
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert not {"Accept-Ranges", "Content-Disposition"} & set(response.headers)


async def test_others_do_not_see_it_but_the_supervisor_does(recorded, as_user):
    [recording] = recorded.recordings.ready
    assert (await as_user(BEN).get("/monitors")).json()["total"] == 0
    assert (await as_user(BEN).get(f"/monitors/{recording.id}.mp3")).status_code == 404
    assert (await as_user(CHRIS).get(f"/monitors/{recording.id}")).status_code == 200


async def test_a_webhook_announces_it(simulator, receiver, aeventually):
    simulator.platform.behaviour.record_calls = True
    simulator.scenario.webhooks.append(receiver.target("monitor.audio_ready"))
    simulator.engine.call_from_outside(CALLER, "601")
    simulator.engine.phone(ANA).answer()
    simulator.engine.phone(ANA).hang_up()
    await aeventually(lambda: receiver.bodies)
    [body] = receiver.bodies
    [recording] = simulator.recordings.ready
    assert (body["monitor_id"], body["size"]) == (recording.id, len(recording.content))
    assert (body["call_id"], body["user_id"]) == (recording.leg.id, ANA)
    assert "state" not in body


@pytest.mark.parametrize("answered", [True, False])
async def test_only_answered_calls_and_only_if_switched_on(simulator, aeventually, answered):
    simulator.platform.behaviour.record_calls = not answered
    call = simulator.engine.call_from_outside(CALLER, "601")
    if answered:
        simulator.engine.phone(ANA).answer()
    simulator.engine.hang_up(call)
    simulator.platform.behaviour.record_calls = True
    simulator.engine.call_from_outside(CALLER, "602")
    simulator.engine.phone(BEN).answer()
    simulator.engine.phone(BEN).hang_up()
    await aeventually(lambda: simulator.recordings.ready)
    assert [item.leg.owner for item in simulator.recordings.ready] == [str(BEN)]
