"""The timer queue, and how long each timer runs on which transport."""

import pytest

from django_voipcti.sip.timers import Timer, TimerQueue, Timing


def test_timers_run_in_their_order_and_once() -> None:
    queue, seen = TimerQueue(), []
    queue.set("late", 2.0, lambda now: seen.append(("late", now)))
    queue.set("early", 1.0, lambda now: seen.append(("early", now)))
    queue.set("future", 9.0, lambda now: seen.append(("future", now)))
    queue.run(3.0)
    assert seen == [("early", 3.0), ("late", 3.0)]
    assert (queue.next(), len(queue)) == (9.0, 1)


def test_setting_a_timer_again_moves_it() -> None:
    queue, seen = TimerQueue(), []
    queue.set("a", 1.0, lambda _: seen.append("first"))
    queue.set("a", 5.0, lambda _: seen.append("second"))
    queue.run(4.0)
    assert seen == []
    assert queue.next() == 5.0
    queue.run(5.0)
    assert seen == ["second"]


def test_a_cancelled_timer_never_runs() -> None:
    queue = TimerQueue()
    queue.set("a", 1.0, lambda _: pytest.fail("it ran"))
    assert "a" in queue
    queue.cancel("a")
    queue.cancel("never set")
    assert "a" not in queue
    queue.run(2.0)
    assert queue.next() is None


def test_a_callback_may_set_a_timer_that_is_due_already() -> None:
    queue, seen = TimerQueue(), []
    queue.set("a", 1.0, lambda _: queue.set("b", 0.5, lambda _: seen.append("b")))
    queue.run(1.0)
    assert seen == ["b"]


def test_moved_timers_do_not_pile_up() -> None:
    queue = TimerQueue()
    for number in range(10_000):
        queue.set("refresh", float(number), lambda _: None)
    assert len(queue._heap) < 100
    assert queue.next() == 9_999.0


@pytest.mark.parametrize(
    ("timer", "reliable", "unreliable"),
    [
        (Timer.A, None, 0.5),
        (Timer.B, 32.0, 32.0),
        (Timer.D, 0.0, 32.0),
        (Timer.E, None, 0.5),
        (Timer.F, 32.0, 32.0),
        (Timer.G, None, 0.5),
        (Timer.H, 32.0, 32.0),
        (Timer.I, 0.0, 5.0),
        (Timer.J, 0.0, 32.0),
        (Timer.K, 0.0, 5.0),
        (Timer.L, 32.0, 32.0),
        (Timer.M, 32.0, 32.0),
        (Timer.N, 32.0, 32.0),
    ],
)
def test_durations_are_those_of_table_4(timer: Timer, reliable: float | None, unreliable: float | None) -> None:
    assert Timing(reliable=True).delay(timer) == reliable
    assert Timing(reliable=False).delay(timer) == unreliable
