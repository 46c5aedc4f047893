"""Delays between tries: spread out, growing, bounded, and fresh again after something that lasted."""

from itertools import islice

import pytest

from django_voipcti.bridge.backoff import Retries, delays


def chance_of(value: float):
    return lambda: value


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.999])
def test_the_first_delay_is_anywhere_between_nothing_and_first(chance):
    assert next(delays(first=4.0, chance=chance_of(chance))) == pytest.approx(4.0 * chance)


def test_later_delays_grow_by_the_factor_up_to_the_cap():
    longest = list(islice(delays(first=1.0, factor=2.0, cap=10.0, chance=chance_of(1.0)), 7))
    assert longest == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_later_delays_vary_over_their_upper_half():
    shortest = list(islice(delays(first=1.0, factor=2.0, cap=10.0, chance=chance_of(0.0)), 4))
    assert shortest == [0.0, 1.0, 2.0, 4.0]


def test_two_lines_that_lost_one_server_do_not_come_back_together():
    assert next(delays(first=10.0)) != next(delays(first=10.0))


def test_a_try_that_held_long_enough_starts_the_delays_anew():
    retries = Retries(first=1.0, factor=2.0, stable_after=30.0, chance=chance_of(1.0))
    assert [retries.next_delay() for _try in range(3)] == [1.0, 2.0, 4.0]
    assert retries.next_delay(held_for=30.0) == 1.0


def test_a_server_that_drops_every_new_connection_is_asked_more_and_more_rarely():
    retries = Retries(first=1.0, factor=2.0, stable_after=30.0, chance=chance_of(1.0))
    assert [retries.next_delay(held_for=29.0) for _try in range(4)] == [1.0, 2.0, 4.0, 8.0]


def test_the_other_side_may_ask_for_a_longer_delay():
    retries = Retries(first=1.0, chance=chance_of(0.5))
    assert retries.next_delay(at_least=17.0) == 17.0
