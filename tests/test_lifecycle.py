"""The state table is walked whole: every state, everything that a source may say there."""

import itertools

import pytest

from django_voipcti.enums import FINAL_STATES, CallState, Direction, EndReason
from django_voipcti.lifecycle import TRANSITIONS, advance, final_state, implied, infer_end_reason, more_precise

S = CallState
ORDER = [S.REQUESTED, S.INITIAL, S.ACCEPTED, S.RINGING]


def test_every_state_has_a_row():
    assert set(TRANSITIONS) == set(CallState)


@pytest.mark.parametrize("state", CallState)
@pytest.mark.parametrize("said", CallState)
def test_every_pair_is_decided(state, said):
    after = advance(state, said)
    if state in FINAL_STATES:
        assert after is state, "final states absorb"
    elif said in FINAL_STATES:
        assert after in FINAL_STATES, "an end is always believed"
    elif state in ORDER and said in ORDER:
        assert after is max(state, said, key=ORDER.index), "set-up only moves forward"
    elif state.is_talking and not said.is_talking:
        assert after is state, "talking never goes back to set-up"
    else:
        assert after is said


@pytest.mark.parametrize(
    ("state", "said"), list(itertools.permutations([S.CONNECTED, S.ON_HOLD])), ids=lambda state: state.value
)
def test_an_older_word_does_not_change_hold(state, said):
    assert advance(state, said, newer=False) is state
    assert advance(state, said, newer=True) is said


def test_a_call_that_was_connected_is_ended_even_if_the_source_says_cancelled():
    assert advance(S.CONNECTED, S.CANCEL) is S.HANGUP


def test_a_far_end_that_rings_implies_that_the_own_phone_was_picked_up():
    assert implied(S.INITIAL, S.RINGING) == (S.ACCEPTED,)
    assert implied(S.ACCEPTED, S.RINGING) == ()
    assert implied(S.REQUESTED, S.RINGING) == (), "an outbound call dialled on the phone has no INITIAL either"


@pytest.mark.parametrize(
    ("direction", "answered", "reason", "expected"),
    [
        (Direction.OUTBOUND, False, EndReason.BUSY, S.CANCEL),
        (Direction.OUTBOUND, False, EndReason.NO_ANSWER, S.HANGUP),
        (Direction.OUTBOUND, True, EndReason.BUSY, S.HANGUP),
        (Direction.INBOUND, False, EndReason.DECLINED, S.HANGUP),
    ],
)
def test_only_an_outbound_call_that_nobody_could_answer_is_cancelled(direction, answered, reason, expected):
    assert final_state(direction, answered=answered, said=S.HANGUP, reason=reason) is expected


@pytest.mark.parametrize(
    ("direction", "facts", "expected"),
    [
        (Direction.INBOUND, {"answered": True}, EndReason.COMPLETED),
        (Direction.OUTBOUND, {"answered": True}, EndReason.COMPLETED),
        (Direction.INBOUND, {"answered": True, "transferred_by_user": True}, EndReason.TRANSFERRED),
        (Direction.INBOUND, {"transferred_by_user": True}, EndReason.MISSED),
        (Direction.INBOUND, {}, EndReason.MISSED),
        (Direction.INBOUND, {"answered_elsewhere": True}, EndReason.ANSWERED_ELSEWHERE),
        (Direction.INBOUND, {"cancelled_by_user": True}, EndReason.DECLINED),
        (Direction.OUTBOUND, {}, EndReason.NO_ANSWER),
        (Direction.OUTBOUND, {"cancelled_by_user": True}, EndReason.CANCELLED),
    ],
)
def test_the_reason_of_an_end_that_nobody_explains(direction, facts, expected):
    known = {"answered": False} | facts
    assert infer_end_reason(direction, **known) is expected


def test_of_two_stated_reasons_the_more_precise_one_stands_in_either_order():
    for one, other in itertools.permutations(EndReason, 2):
        assert more_precise(one, other) is more_precise(other, one)
    assert more_precise(EndReason.UNKNOWN, EndReason.BUSY) is EndReason.BUSY
    assert more_precise(None, EndReason.BUSY) is EndReason.BUSY
    assert more_precise(None, None) is None
