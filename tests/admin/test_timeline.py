"""The geometry of a call's bar."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from django_voipcti.admin import timeline
from django_voipcti.models import Call, CallEvent

START = timezone.now().replace(microsecond=0)


def event(pk, state, seconds, *, effective=True):
    return CallEvent(
        pk=pk,
        state=state,
        source="sip",
        effective=effective,
        occurred_at=START + timedelta(seconds=seconds),
        recorded_at=START + timedelta(seconds=seconds),
    )


def draw(*events, now=0.0):
    drawing = timeline.draw(Call(started_at=START), events, now=START + timedelta(seconds=now))
    assert drawing is not None
    return drawing


def test_states_take_the_width_of_their_time():
    drawing = draw(event(1, "RINGING", 0), event(2, "CONNECTED", 25), event(3, "HANGUP", 100))
    assert [(part.state, part.x, part.width) for part in drawing.segments] == [
        ("RINGING", 0, 250),
        ("CONNECTED", 250, 750),
    ]


def test_a_moment_beside_an_hour_is_still_seen():
    ringing, talking = draw(event(1, "RINGING", 0), event(2, "CONNECTED", 1), event(3, "HANGUP", 3601)).segments
    assert ringing.width >= 10
    assert ringing.width + talking.width == pytest.approx(timeline.WIDTH)


def test_a_live_call_is_drawn_until_now():
    (ringing,) = draw(event(1, "RINGING", 0), now=8).segments
    assert ringing.seconds == 8
    assert ringing.width == timeline.WIDTH


def test_witnesses_stand_where_their_state_begins_and_the_effective_ones_on_top():
    drawing = draw(
        event(1, "RINGING", 0),
        event(2, "RINGING", 0, effective=False),
        event(3, "CONNECTED", 50),
        event(4, "HANGUP", 100),
    )
    assert [(mark.event.pk, mark.x) for mark in drawing.marks] == [(2, 0), (1, 0), (3, 500), (4, 1000)]


def test_events_that_came_in_disorder_are_drawn_in_order():
    drawing = draw(event(2, "HANGUP", 100), event(3, "CONNECTED", 50), event(1, "RINGING", 0))
    assert [part.state for part in drawing.segments] == ["RINGING", "CONNECTED"]


@pytest.mark.parametrize("seconds", [0.4, 3, 59, 61, 3600, 40_000])
def test_the_scale_has_a_readable_number_of_ticks(seconds):
    ticks = draw(event(1, "RINGING", 0), event(2, "HANGUP", seconds)).ticks
    assert 1 <= len(ticks) <= 10
    assert all(right.x - left.x > 40 for left, right in pairwise(ticks))


def test_a_call_that_ended_as_it_began_is_drawn():
    drawing = draw(event(1, "RINGING", 0), event(2, "HANGUP", 0))
    assert drawing.segments[0].width == timeline.WIDTH


def test_nothing_is_drawn_of_nothing():
    assert timeline.draw(Call(started_at=START), [], now=START) is None
    assert timeline.draw(Call(started_at=START), [event(1, "RINGING", 0, effective=False)], now=START) is None


def test_a_call_with_one_late_witness_is_drawn_from_what_it_knows():
    """As imported from the provider's history."""
    call = Call(started_at=START, answered_at=START + timedelta(seconds=10), ended_at=START + timedelta(seconds=40))
    drawing = timeline.draw(call, [event(1, "HANGUP", 40)], now=START)
    assert [(part.state, part.seconds) for part in drawing.segments] == [("RINGING", 10), ("CONNECTED", 30)]
    assert [mark.x for mark in drawing.marks] == [1000]


def test_what_was_said_of_the_stages_goes_before_what_the_call_knows():
    call = Call(started_at=START, answered_at=START + timedelta(seconds=9))
    drawing = timeline.draw(
        call, [event(1, "RINGING", 0), event(2, "CONNECTED", 10), event(3, "HANGUP", 40)], now=START
    )
    assert [part.seconds for part in drawing.segments] == [10, 30]


def test_a_call_that_began_a_moment_before_its_first_witness_does_not_ring_twice():
    call = Call(started_at=START - timedelta(milliseconds=40), answered_at=START + timedelta(seconds=10))
    said = [event(1, "INITIAL", 0), event(2, "RINGING", 5), event(3, "CONNECTED", 10), event(4, "HANGUP", 40)]
    assert [part.state for part in timeline.draw(call, said, now=START).segments] == ["INITIAL", "RINGING", "CONNECTED"]


def test_a_call_of_which_nothing_was_said_is_not_drawn():
    assert timeline.draw(Call(started_at=START), [], now=START) is None
