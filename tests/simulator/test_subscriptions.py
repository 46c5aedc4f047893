"""What a subscribed client is told of calls, in good weather and in bad."""

import pytest

from django_voipcti.simulator import ManualClock, Simulator
from tests.simulator.conftest import ANA, BEN, CALLER
from tests.simulator.sip_client import RawWatcher


class TestStory:
    async def test_an_inbound_call(self, simulator, watcher, aeventually):
        simulator.engine.call_from_outside(CALLER, "601", name='Jörg <Müller> & "Co"')
        phone = simulator.engine.phone(ANA)
        phone.answer()
        phone.hold()
        phone.resume()
        phone.hang_up()
        await aeventually(lambda: len(watcher.told) == 5)
        assert watcher.events() == ["RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP"]
        assert {item.direction for item in watcher.told} == {"receiver"}
        assert {item.remote_name for item in watcher.told} == {'Jörg <Müller> & "Co"'}
        assert {(item.local, item.remote) for item in watcher.told} == {(str(ANA), CALLER)}
        assert len({item.id for item in watcher.told}) == 1
        assert watcher.refused == []

    async def test_a_click_to_call_is_no_dialog_until_the_number_rings(self, simulator, watcher, aeventually):
        simulator.engine.place_call(ANA, "447700900999")
        simulator.engine.phone(ANA).answer()
        await aeventually(lambda: simulator.engine.outside_calls)
        simulator.engine.answer(simulator.engine.outside_calls[0])
        simulator.engine.phone(ANA).hang_up()
        await aeventually(lambda: len(watcher.told) == 3)
        assert watcher.events() == ["RINGING", "CONNECTED", "HANGUP"]
        assert {item.direction for item in watcher.told} == {"initiator"}

    async def test_a_click_to_call_that_is_declined_says_nothing(self, simulator, watcher, aeventually):
        simulator.engine.place_call(ANA, "447700900999")
        simulator.engine.phone(ANA).decline()
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: watcher.told)
        assert watcher.events() == ["RINGING"]

    async def test_it_may_be_a_dialog_in_a_state_that_nobody_maps(self, simulator, watcher, aeventually):
        simulator.platform.behaviour.initial_dialog_state = "trying"
        simulator.engine.place_call(ANA, "447700900999")
        await aeventually(lambda: watcher.told)
        assert [item.state for item in watcher.told] == ["trying"]

    async def test_a_callee_that_cannot_ring_ends_the_dialog(self, simulator, watcher, aeventually):
        simulator.engine.phone(BEN).unregister()
        simulator.engine.place_call(ANA, "602")
        simulator.engine.phone(ANA).answer()
        await aeventually(lambda: watcher.told)
        assert watcher.events() == ["HANGUP"]

    async def test_two_colleagues_each_get_their_own_dialog(self, simulator, watcher, watcher_of, aeventually):
        other = await watcher_of(BEN)
        await other.subscribe(str(BEN))
        simulator.engine.dial(ANA, "602")
        simulator.engine.phone(BEN).answer()
        await aeventually(lambda: len(watcher.told) == len(other.told) == 2)
        assert watcher.events() == other.events() == ["RINGING", "CONNECTED"]
        assert (watcher.told[0].remote, other.told[0].remote) == ("602", "601")
        assert watcher.told[0].id != other.told[0].id

    async def test_a_queue_can_be_watched(self, simulator, watcher_of, aeventually):
        watcher = await watcher_of(ANA)
        await watcher.subscribe("queue-70001")
        simulator.engine.call_from_outside(CALLER, "700")
        simulator.engine.phone(BEN).answer()
        simulator.engine.phone(BEN).hang_up()
        await aeventually(lambda: len(watcher.told) == 3)
        assert watcher.events() == ["RINGING", "CONNECTED", "HANGUP"]
        assert {item.local for item in watcher.told} == {"queue-70001"}

    async def test_a_withheld_number(self, simulator, watcher, aeventually):
        simulator.engine.call_from_outside("", "601")
        await aeventually(lambda: watcher.told)
        assert (watcher.told[0].remote, watcher.told[0].remote_name) == ("anonymous", "Anonymous")


class TestDocuments:
    async def test_a_full_document_lists_the_other_calls_too(self, simulator, watcher, aeventually):
        first = simulator.engine.call_from_outside(CALLER, "601")
        simulator.engine.call_from_outside("447700900124", "601")
        simulator.engine.hang_up(first)
        await aeventually(lambda: len(watcher.notifies) == 4)
        assert 'state="full"' in watcher.notifies[-1].body
        assert watcher.events()[-2:] == ["HANGUP", "RINGING"]

    async def test_a_partial_one_only_what_changed(self, simulator, watcher, aeventually):
        simulator.platform.behaviour.notify_form = "partial"
        simulator.engine.call_from_outside(CALLER, "601")
        simulator.engine.call_from_outside("447700900124", "601")
        await aeventually(lambda: len(watcher.notifies) == 3)
        assert 'state="partial"' in watcher.notifies[-1].body
        assert watcher.events() == ["RINGING", "RINGING"]

    async def test_versions_count_from_zero(self, simulator, watcher, aeventually):
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: len(watcher.notifies) == 2)
        assert ['version="0"' in watcher.notifies[0].body, 'version="1"' in watcher.notifies[1].body] == [True, True]

    async def test_the_direction_of_the_rfc(self, simulator, watcher, aeventually):
        simulator.platform.behaviour.direction_word = "recipient"
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: watcher.told)
        assert watcher.told[0].direction == "recipient"

    @pytest.mark.parametrize(("renders", "event"), [(True, "HANGUP"), (False, "ON_HOLD")])
    async def test_a_call_that_ends_on_hold(self, simulator, watcher, aeventually, renders, event):
        simulator.platform.behaviour.ended_on_hold_renders = renders
        call = simulator.engine.call_from_outside(CALLER, "601")
        simulator.engine.phone(ANA).answer()
        simulator.engine.phone(ANA).hold()
        simulator.engine.hang_up(call)
        await aeventually(lambda: len(watcher.told) == 4)
        assert (watcher.told[-1].state, watcher.events()[-1]) == ("terminated", event)


class TestFaults:
    async def test_repeated_documents_under_new_cseqs(self, simulator, watcher, aeventually):
        simulator.faults.notify_repeats = 2
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: len(watcher.notifies) == 4)
        assert watcher.events() == ["RINGING"] * 3
        assert watcher.refused == []

    async def test_copies_byte_for_byte(self, simulator, watcher, aeventually):
        simulator.faults.notify_copies = 1
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: watcher.refused)
        [(status, frame)] = watcher.refused
        assert (status, frame.text) == (500, watcher.notifies[-1].text)

    async def test_documents_in_pairs_the_second_one_first(self, simulator, watcher, aeventually):
        await aeventually(lambda: watcher.notifies)
        simulator.faults.notify_reorder = True
        simulator.engine.call_from_outside(CALLER, "601")
        simulator.engine.phone(ANA).answer()
        await aeventually(lambda: len(watcher.told) == 2)
        assert watcher.events() == ["CONNECTED", "RINGING"]
        assert watcher.refused == []

    async def test_lost_ones_leave_a_gap_in_the_versions(self, simulator, watcher, aeventually):
        await aeventually(lambda: watcher.notifies)
        simulator.faults.notify_lose = 1
        simulator.engine.call_from_outside(CALLER, "601")
        simulator.engine.phone(ANA).answer()
        await aeventually(lambda: watcher.told)
        assert watcher.events() == ["CONNECTED"]
        assert 'version="2"' in watcher.notifies[-1].body

    async def test_late_ones_come_in_their_order(self, simulator, watcher, aeventually):
        simulator.faults.notify_delay = 0.05
        simulator.engine.call_from_outside(CALLER, "601")
        simulator.engine.phone(ANA).answer()
        await aeventually(lambda: len(watcher.told) == 2)
        assert watcher.events() == ["RINGING", "CONNECTED"]

    async def test_an_end_that_is_never_told(self, simulator, watcher, aeventually):
        simulator.faults.no_terminated = True
        simulator.engine.hang_up(simulator.engine.call_from_outside(CALLER, "601"))
        simulator.engine.call_from_outside("447700900124", "601")
        await aeventually(lambda: len(watcher.told) == 2)
        assert watcher.events() == ["RINGING", "RINGING"]

    async def test_a_subscription_ended_by_the_platform(self, simulator, watcher, aeventually):
        [subscription] = simulator.sip.subscriptions
        simulator.sip.subscriptions.end(subscription, "deactivated", retry_after=5)
        await aeventually(lambda: watcher.subscriptions[0].state == "terminated")
        assert watcher.notifies[-1].one("Subscription-State") == "terminated;reason=deactivated;retry-after=5"

    async def test_a_watcher_that_refuses_a_notify_is_not_told_again(self, simulator, watcher, aeventually):
        watcher.answer_notifies = 481
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: len(simulator.sip.subscriptions) == 0)


async def test_a_watcher_that_never_answers_is_forgotten_after_32_seconds(aeventually):
    clock = ManualClock()
    async with Simulator(clock=clock) as simulator:
        domain = simulator.scenario.sip_domain
        async with RawWatcher(simulator.sip_url, str(ANA), f"sip-{ANA}-secret", domain, answer_notifies=0) as watcher:
            subscription, _ = await watcher.subscribe(str(ANA))
            await aeventually(lambda: subscription.notified)
            clock.advance(31)
            assert len(simulator.sip.subscriptions) == 1
            clock.advance(2)
            assert len(simulator.sip.subscriptions) == 0
