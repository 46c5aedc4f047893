"""The clock that tests move by hand."""

from django_voipcti.simulator import ManualClock


def test_timers_run_in_their_order_and_not_before_their_time():
    clock, done = ManualClock(start=100), []
    clock.call_later(2, lambda: done.append(("second", clock.time())))
    clock.call_later(1, lambda: done.append(("first", clock.time())))
    clock.advance(1.5)
    assert done == [("first", 101)]
    clock.advance(1)
    assert done == [("first", 101), ("second", 102)]
    assert clock.time() == 102.5


def test_a_timer_may_set_another_one():
    clock, done = ManualClock(), []
    clock.call_later(1, lambda: clock.call_later(1, lambda: done.append("late")))
    clock.advance(2)
    assert done == ["late"]


def test_cancelled_timers_do_not_run():
    clock, done = ManualClock(), []
    timer = clock.call_later(1, lambda: done.append("never"))
    timer.cancel()
    clock.advance(2)
    timer.cancel()
    assert done == []
