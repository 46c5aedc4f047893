"""The engine: what phones and outside parties can do, and what observers see of it."""

import pytest

from django_voipcti.simulator import Change, EngineError, LegState, OutsideScript, PhoneScript
from tests.simulator.conftest import ANA, BEN, CALLER, CHRIS

HANDS_FREE = PhoneScript(pick_up_after=1, answer_after=2)


@pytest.fixture
def seen(engine):
    """What observers are told, as (call id, owner, change)."""
    changes = []
    engine.observers.append(lambda leg, change: changes.append((leg.id, leg.owner, change)))
    return changes


@pytest.fixture
def ended(engine):
    """Legs in the order in which they ended."""
    legs = []
    engine.observers.append(lambda leg, change: legs.append(leg) if change is Change.ENDED else None)
    return legs


def changes_of(seen, owner):
    return [change.value for _, who, change in seen if who == str(owner)]


class TestInbound:
    def test_a_call_rings_is_answered_held_resumed_and_ends(self, engine, seen, ended, clock):
        call = engine.call_from_outside(CALLER, "601", name="Jo")
        phone = engine.phone(ANA)
        clock.advance(5)
        phone.answer()
        phone.hold()
        phone.resume()
        clock.advance(60)
        phone.hang_up()
        assert changes_of(seen, ANA) == ["initial", "ringing", "connected", "on_hold", "resumed", "ended"]
        [leg] = ended
        assert (leg.id, leg.conversation.id, leg.cause, leg.terminated_by) == (1000, 1000, "Normal Clearing", "callee")
        assert (leg.connected_at - leg.start_time, leg.talk_seconds(0)) == (5, 60)
        assert call.state == "ended"
        assert engine.legs() == []

    def test_a_number_of_the_account_rings_its_user(self, engine):
        engine.call_from_outside(CALLER, "442079460602")
        [leg] = engine.legs(BEN)
        assert leg.conversation.dialled == "442079460602"

    def test_a_foreign_number_rings_nobody(self, engine):
        with pytest.raises(EngineError, match="not one of this account"):
            engine.call_from_outside(CALLER, "447700900999")

    def test_nobody_answers_in_time(self, engine, ended, clock):
        engine.call_from_outside(CALLER, "601")
        clock.advance(29.9)
        assert ended == []
        clock.advance(0.2)
        [leg] = ended
        assert (leg.cause, leg.final, leg.missed, leg.terminated_by) == ("No Answer", True, True, "callee")

    def test_the_caller_gives_up(self, engine, ended):
        engine.hang_up(engine.call_from_outside(CALLER, "601"))
        [leg] = ended
        assert (leg.cause, leg.final, leg.terminated_by) == ("No Answer", True, "caller")

    def test_the_user_declines(self, engine, ended):
        engine.call_from_outside(CALLER, "601")
        engine.phone(ANA).decline()
        assert ended[0].cause == "Call Rejected"

    @pytest.mark.parametrize(
        ("prepare", "cause"),
        [
            (lambda phone: phone.unregister(), "Subscriber Absent"),
            (lambda phone: setattr(phone.user, "dnd", True), "User Busy"),
        ],
    )
    def test_a_phone_that_cannot_ring_is_missed_without_ringing(self, engine, seen, ended, prepare, cause):
        prepare(engine.phone(ANA))
        call = engine.call_from_outside(CALLER, "601")
        assert changes_of(seen, ANA) == ["initial", "ended"]
        assert (ended[0].cause, call.state) == (cause, "ended")

    def test_a_second_call_rings_only_with_call_waiting(self, engine):
        phone = engine.phone(ANA)
        engine.call_from_outside(CALLER, "601")
        engine.call_from_outside("447700900124", "601")
        assert len(phone.legs) == 2
        phone.call_waiting = False
        engine.call_from_outside("447700900125", "601")
        assert len(phone.legs) == 2

    def test_a_scripted_phone_answers_and_hangs_up(self, engine, seen, clock):
        engine.phone(ANA).script = PhoneScript(answer_after=2, hang_up_after=10)
        engine.call_from_outside(CALLER, "601")
        clock.advance(2)
        assert engine.legs(ANA)[0].state is LegState.CONNECTED
        clock.advance(10)
        assert changes_of(seen, ANA)[-1] == "ended"

    def test_a_scripted_phone_declines(self, engine, ended, clock):
        engine.phone(ANA).script = PhoneScript(decline_after=3)
        engine.call_from_outside(CALLER, "601")
        clock.advance(3)
        assert ended[0].cause == "Call Rejected"


class TestRingGroup:
    def test_one_leg_rings_per_member_and_all_share_the_root_id(self, engine):
        call = engine.call_from_outside(CALLER, "442079460000")
        legs = [leg for leg in engine.legs() if leg.owner.isdigit()]
        assert [leg.owner for leg in legs] == [str(ANA), str(BEN), str(CHRIS)]
        assert len({leg.id for leg in legs} | {call.conversation.id}) == 4
        assert {leg.conversation.id for leg in legs} == {call.conversation.id}
        assert {leg.context for leg in legs} == {"RG-70001"}

    def test_one_answers_and_the_others_end_as_answered_elsewhere(self, engine, ended):
        engine.call_from_outside(CALLER, "700")
        engine.phone(BEN).answer()
        assert [(leg.owner, leg.elsewhere, leg.final) for leg in ended] == [
            (str(ANA), True, False),
            (str(CHRIS), True, False),
        ]
        assert [leg.owner for leg in engine.legs()] == ["queue-70001", str(BEN)]
        assert {leg.state for leg in engine.legs()} == {LegState.CONNECTED}

    def test_an_abandoned_call_is_final_on_its_last_leg_only(self, engine, ended):
        engine.hang_up(engine.call_from_outside(CALLER, "700"))
        members = [leg for leg in ended if leg.owner.isdigit()]
        assert [leg.final for leg in members] == [False, False, True]
        assert {leg.terminated_by for leg in members} == {"caller"}

    def test_it_rings_on_until_the_last_member_declines(self, engine, ended):
        call = engine.call_from_outside(CALLER, "700")
        engine.phone(ANA).decline()
        engine.phone(BEN).decline()
        assert call.live
        engine.phone(CHRIS).decline()
        assert not call.live
        assert [leg.final for leg in ended if leg.owner.isdigit()] == [False, False, True]

    def test_members_who_left_or_are_offline_do_not_ring(self, engine):
        engine.scenario.groups[0].away.add(ANA)
        engine.phone(BEN).unregister()
        engine.call_from_outside(CALLER, "700")
        assert [leg.owner for leg in engine.legs() if leg.owner.isdigit()] == [str(CHRIS)]

    def test_busy_members_are_skipped_if_the_group_says_so(self, engine):
        engine.scenario.groups[0].skip_busy = True
        engine.call_from_outside(CALLER, "601")
        engine.call_from_outside(CALLER, "700")
        assert len(engine.legs(ANA)) == 1

    def test_it_stops_after_its_ring_time(self, engine, clock):
        call = engine.call_from_outside(CALLER, "700")
        clock.advance(30)
        assert not call.live


class TestClickToCall:
    def test_the_own_phone_rings_first_then_the_number(self, engine, seen, clock):
        request = engine.place_call(ANA, "447700900999")
        assert request.outcome == ""
        assert engine.outside_calls == []
        engine.phone(ANA).answer()
        assert request.outcome == "picked_up"
        assert request.leg.state is LegState.RINGING
        clock.advance(1)
        [callee] = engine.outside_calls
        engine.answer(callee)
        engine.hang_up(callee)
        assert changes_of(seen, ANA) == ["initial", "ringing", "connected", "ended"]

    @pytest.mark.parametrize(
        ("react", "outcome"),
        [
            (lambda engine, clock: engine.phone(ANA).decline(), "declined"),
            (lambda engine, clock: engine.phone(ANA).hang_up(), "declined"),
            (lambda engine, clock: clock.advance(30), "unanswered"),
        ],
    )
    def test_the_own_phone_is_not_picked_up(self, engine, clock, react, outcome):
        request = engine.place_call(ANA, "447700900999")
        react(engine, clock)
        assert request.outcome == outcome
        assert engine.legs() == []

    def test_an_unregistered_phone_takes_ten_seconds(self, engine, clock, seen):
        engine.phone(ANA).unregister()
        request = engine.place_call(ANA, "447700900999")
        clock.advance(9.9)
        assert request.outcome == ""
        clock.advance(0.1)
        assert request.outcome == "unregistered"
        assert seen == []

    @pytest.mark.parametrize("to", ["", "12", "601", "0044770", "+447700900999", "44 7700", "6020", "9" * 18, "abc"])
    def test_bad_numbers_are_refused_at_once(self, engine, to):
        with pytest.raises(EngineError) as caught:
            engine.place_call(ANA, to)
        assert caught.value.field == "to"

    def test_a_foreign_caller_id_is_refused(self, engine):
        with pytest.raises(EngineError) as caught:
            engine.place_call(ANA, "447700900999", caller_id="441111111111")
        assert caught.value.field == "caller_id"

    @pytest.mark.parametrize(
        ("script", "cause"),
        [
            (OutsideScript(busy_after=1), "User Busy"),
            (OutsideScript(decline_after=1), "Call Rejected"),
            (OutsideScript(unreachable_after=1), "No Route To Destination"),
            (OutsideScript(), "No Answer"),
        ],
    )
    def test_the_callee_does_not_answer(self, engine, ended, clock, script, cause):
        engine.scenario.outside["447700900999"] = script
        engine.place_call(ANA, "447700900999")
        engine.phone(ANA).answer()
        clock.advance(61)
        [leg] = ended
        assert (leg.cause, leg.connected_at, leg.terminated_by) == (cause, None, "callee")

    def test_the_user_hangs_up_before_the_callee_answers(self, engine, ended, clock):
        engine.place_call(ANA, "447700900999")
        engine.phone(ANA).answer()
        clock.advance(1)
        engine.phone(ANA).hang_up()
        assert (ended[0].cause, ended[0].terminated_by) == ("Originator Cancel", "caller")
        assert engine.outside_calls == []

    def test_the_user_hangs_up_before_the_number_was_even_rung(self, engine, clock):
        engine.place_call(ANA, "447700900999")
        engine.phone(ANA).answer()
        engine.phone(ANA).hang_up()
        clock.advance(10)
        assert engine.outside_calls == []
        assert engine.legs() == []

    def test_hands_free_phones_and_outside_numbers(self, engine, clock, seen):
        engine.phone(ANA).script = HANDS_FREE
        engine.scenario.outside["*"] = OutsideScript(answer_after=3, hang_up_after=5)
        engine.place_call(ANA, "447700900999")
        clock.advance(20)
        assert changes_of(seen, ANA) == ["initial", "ringing", "connected", "ended"]

    def test_the_test_number_answers_by_itself(self, engine, clock):
        engine.place_call(ANA, "#123")
        engine.phone(ANA).answer()
        clock.advance(1)
        assert (engine.legs(ANA)[0].state, engine.legs(ANA)[0].context) == (LegState.CONNECTED, "TEST_CALL")


class TestColleagues:
    def test_each_has_a_dialog_of_his_own(self, engine, seen):
        engine.dial(ANA, "602")
        engine.phone(BEN).answer()
        [mine], [theirs] = engine.legs(ANA), engine.legs(BEN)
        assert (mine.incoming, theirs.incoming) == (False, True)
        assert mine.id != theirs.id
        assert mine.conversation is theirs.conversation
        assert (mine.other.name, theirs.other.name) == ("Ben Okafor", "Ana Ruiz")
        engine.phone(BEN).hang_up()
        assert changes_of(seen, ANA) == changes_of(seen, BEN) == ["initial", "ringing", "connected", "ended"]

    def test_they_may_share_one_call_id(self, engine):
        engine.behaviour.shared_call_ids = True
        engine.dial(ANA, "602")
        assert [leg.dialog_id for leg in engine.legs()] == ["1000-1", "1000-2"]
        engine.phone(BEN).answer()
        engine.phone(BEN).transfer("603")
        assert [leg.dialog_id for leg in engine.legs()] == ["1000-1", "1000-3"]

    def test_the_caller_hears_why_it_failed(self, engine, ended):
        engine.phone(BEN).unregister()
        engine.dial(ANA, "602")
        assert {leg.owner: leg.cause for leg in ended} == {
            str(ANA): "Subscriber Absent",
            str(BEN): "Subscriber Absent",
        }


class TestTransfer:
    def test_an_outside_caller_is_put_through(self, engine, seen, ended):
        call = engine.call_from_outside(CALLER, "601")
        engine.phone(ANA).answer()
        engine.phone(ANA).transfer("602")
        assert (ended[0].owner, ended[0].cause) == (str(ANA), "Blind Transfer")
        [leg] = engine.legs()
        assert (leg.owner, leg.other.number, leg.state) == (str(BEN), CALLER, LegState.RINGING)
        engine.phone(BEN).answer()
        engine.hang_up(call)
        assert changes_of(seen, BEN) == ["initial", "ringing", "connected", "ended"]
        assert {leg.conversation.id for leg in ended} == {1000}

    def test_a_colleague_is_put_through_and_sees_who_he_talks_to_now(self, engine, seen):
        engine.dial(ANA, "602")
        engine.phone(BEN).answer()
        engine.phone(ANA).transfer("603")
        assert changes_of(seen, BEN)[-1] == "updated"
        assert engine.legs(BEN)[0].other.name == "Chris Lindqvist"
        engine.phone(CHRIS).answer()
        engine.phone(CHRIS).hang_up()
        assert engine.legs() == []

    def test_nobody_there_ends_the_call(self, engine, clock):
        call = engine.call_from_outside(CALLER, "601")
        engine.phone(ANA).answer()
        engine.phone(ANA).transfer("602")
        clock.advance(31)
        assert not call.live

    def test_to_a_ring_group_and_to_an_outside_number(self, engine, clock):
        engine.call_from_outside(CALLER, "601")
        engine.phone(ANA).answer()
        engine.phone(ANA).transfer("700")
        engine.phone(BEN).answer()
        engine.phone(BEN).transfer("447700900888")
        assert engine.legs() == []
        assert [call.party.number for call in engine.outside_calls] == [CALLER, "447700900888"]
        engine.answer(engine.outside_calls[1])
        engine.hang_up(engine.outside_calls[0])
        assert engine.outside_calls == []

    @pytest.mark.parametrize("to", ["601", "6099", ""])
    def test_bad_targets_leave_the_call_as_it_is(self, engine, to):
        engine.call_from_outside(CALLER, "601")
        engine.phone(ANA).answer()
        with pytest.raises(EngineError) as caught:
            engine.phone(ANA).transfer(to)
        assert caught.value.field == "dst"
        assert engine.legs(ANA)[0].state is LegState.CONNECTED

    def test_a_ringing_call_cannot_be_transferred(self, engine):
        engine.call_from_outside(CALLER, "601")
        with pytest.raises(EngineError, match="not connected"):
            engine.transfer(engine.legs(ANA)[0], "602")


class TestMenu:
    def test_a_menu_answers_and_passes_the_caller_on(self, engine, seen):
        call = engine.call_from_outside(CALLER, "442079460100")
        assert changes_of(seen, "ivr-81001") == ["initial", "ringing", "connected"]
        engine.press(call, "2")
        engine.phone(CHRIS).answer()
        assert changes_of(seen, "ivr-81001")[-1] == "ended"
        assert engine.legs(CHRIS)[0].state is LegState.CONNECTED

    def test_a_digit_that_means_nothing(self, engine):
        call = engine.call_from_outside(CALLER, "800")
        with pytest.raises(EngineError, match="digit"):
            engine.press(call, "9")


class TestWrongMoment:
    @pytest.mark.parametrize("action", ["answer", "decline", "hold", "resume", "hang_up"])
    def test_a_phone_without_calls(self, engine, action):
        with pytest.raises(EngineError, match="no call that fits"):
            getattr(engine.phone(ANA), action)()

    def test_what_does_not_fit_the_state(self, engine):
        engine.call_from_outside(CALLER, "601")
        [leg] = engine.legs(ANA)
        for action in (engine.hold, engine.resume):
            with pytest.raises(EngineError):
                action(leg)
        engine.phone(ANA).answer()
        with pytest.raises(EngineError):
            engine.answer(leg)
        engine.phone(ANA).hang_up()
        with pytest.raises(EngineError, match="over"):
            engine.hang_up(leg)

    def test_a_click_to_call_is_picked_up_once(self, engine):
        request = engine.place_call(ANA, "447700900999")
        engine.pick_up(request)
        with pytest.raises(EngineError, match="No click-to-call"):
            engine.pick_up(request)


class TestHousekeeping:
    def test_forgotten_calls_say_no_more(self, engine, seen, clock):
        engine.call_from_outside(CALLER, "700")
        engine.place_call(BEN, "447700900999")
        before = list(seen)
        engine.forget_calls()
        clock.advance(120)
        assert seen == before
        assert engine.legs() == []
        assert engine.phone(BEN).request is None

    def test_ids_of_a_later_run_are_higher(self, engine, clock):
        from django_voipcti.simulator import Engine, demo_scenario

        first = Engine(demo_scenario(), clock=clock).call_from_outside(CALLER, "601").conversation.id
        clock.advance(60)
        second = Engine(demo_scenario(), clock=clock).call_from_outside(CALLER, "601").conversation.id
        assert 10**9 <= first < second < 10**10

    def test_time_is_scaled(self, clock):
        from django_voipcti.simulator import Engine, demo_scenario

        engine = Engine(demo_scenario(), clock=clock, time_scale=0.01)
        call = engine.call_from_outside(CALLER, "601")
        clock.advance(0.3)
        assert not call.live

    def test_a_phone_is_found_by_id_extension_and_address(self, engine):
        assert engine.phone("601") is engine.phone(ANA) is engine.phone("ana@example.test")
        with pytest.raises(KeyError):
            engine.phone("nobody")
