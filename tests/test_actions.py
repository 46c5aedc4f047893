"""Reading what a page says. How refusals travel is tested in tests/test_consumers.py."""

import pytest

from django_voipcti.actions import ACTIONS, TokenBucket, decode, parse, ref_of
from django_voipcti.consumers import PageConsumer
from django_voipcti.exceptions import CommandRefused
from django_voipcti.redaction import Secret


def test_an_action_is_read_with_its_arguments():
    content = decode('{"action": "transfer", "ref": "7", "call": "815", "number": "602", "colour": "red"}')
    assert ref_of(content) == "7"
    assert parse(content) == (ACTIONS["transfer"], {"call": "815", "number": "602"})


def test_optional_fields_may_be_missing_or_null():
    assert parse({"action": "answer"}) == (ACTIONS["answer"], {})
    assert parse({"action": "answer", "call": None}) == (ACTIONS["answer"], {})


def test_a_message_without_a_mark_has_an_empty_one():
    assert ref_of({"action": "ping"}) == ""


def test_secrets_are_masked_from_here_on():
    _action, arguments = parse({"action": "login", "email": "ana@crm.example", "password": "hunter2"})
    assert isinstance(arguments["password"], Secret)
    assert "hunter2" not in repr(arguments)
    _action, arguments = parse({"action": "two_factor_auth", "code": "123456", "nonce": "8c1f"})
    assert "123456" not in repr(arguments)
    assert "8c1f" not in repr(arguments)


def test_a_refusal_names_the_field():
    with pytest.raises(CommandRefused, match="“number” is missing") as refusal:
        parse({"action": "call"})
    assert refusal.value.code == "missing_argument"


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_has_its_method(name):
    assert callable(getattr(PageConsumer, f"_do_{ACTIONS[name].method}"))


class TestTokenBucket:
    @pytest.fixture
    def clock(self):
        class Clock:
            now = 100.0

            def __call__(self):
                return self.now

        return Clock()

    def test_allows_a_burst_and_then_the_rate(self, clock):
        bucket = TokenBucket(rate=2, burst=3, clock=clock)
        assert [bucket.take() for _ in range(4)] == [True, True, True, False]
        clock.now += 0.5
        assert [bucket.take() for _ in range(2)] == [True, False]

    def test_saves_no_more_than_a_burst(self, clock):
        bucket = TokenBucket(rate=2, burst=3, clock=clock)
        clock.now += 3600
        assert [bucket.take() for _ in range(4)] == [True, True, True, False]
