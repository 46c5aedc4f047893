"""Waiting: returns what the condition returned, keeps to its deadline, and says what it waited for."""

import pytest

from tests.support.waiting import ConditionNotMetError, aeventually, eventually


def test_returns_the_first_true_value():
    values = iter([0, None, "third"])
    assert eventually(lambda: next(values)) == "third"


def test_an_assertion_in_the_condition_means_not_yet():
    seen = []

    def grown_to_three():
        seen.append(1)
        assert len(seen) == 3
        return True

    assert eventually(grown_to_three) is True


def test_names_the_condition_and_its_last_value_when_the_deadline_passes():
    with pytest.raises(ConditionNotMetError, match=r"not true within 0 s: two lines \(last value: 0\)"):
        eventually(lambda: 0, 0, describe="two lines")


def test_other_exceptions_are_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        eventually(lambda: 1 / 0)


async def test_awaits_coroutine_conditions():
    values = iter([0, 7])

    async def next_value():
        return next(values)

    assert await aeventually(next_value) == 7


async def test_accepts_plain_conditions_in_coroutines_and_keeps_the_deadline():
    assert await aeventually(lambda: "yes") == "yes"
    with pytest.raises(ConditionNotMetError):
        await aeventually(lambda: False, 0)
