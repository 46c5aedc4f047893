"""Numbers, addresses and secrets may be printed by accident; then they show no more than is needed."""

import copy
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_voipcti.redaction import PhoneNumber, Secret, SipAddress, mask_digits, mask_number


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+447700900123", "+44*******123"),
        ("07700900123", "********123"),
        ("+44 7700 900 123", "+44 **** *** 123"),
        ("+123456", "+***456"),
        ("123456", "***456"),
        ("12345", "*****"),
        ("601", "***"),
        ("#123", "#***"),
        ("", ""),
    ],
)
def test_numbers_show_their_country_and_their_end(number, masked):
    assert mask_number(number) == masked
    assert repr(PhoneNumber(number)) == f"<{masked}>"


@given(st.from_regex(r"\+?[0-9]{1,20}", fullmatch=True))
def test_never_more_than_five_digits_and_never_most_of_them_are_shown(number):
    shown = sum(character.isdigit() for character in mask_number(number))
    assert shown <= 5
    assert shown <= sum(character.isdigit() for character in number) * 2 / 3


def test_long_runs_of_digits_are_masked_in_free_text():
    assert mask_digits("call 447700900123 failed with 404 for user 601") == (
        "call *********123 failed with 404 for user 601"
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("call 020 7946 0123 back", "call *** **** *123 back"),
        ("+44 (0)20 7946-0123", "+44 (*)** ****-*123"),
        ("(020) 7946.0123, 030/123 456", "(***) ****.*123, ***/*** 456"),
        ("at 2026-11-26 10:15:00 and 2026-11-26T10:15:00", "at 2026-11-26 10:15:00 and 2026-11-26T10:15:00"),
        ("from 192.168.100.200 port 5060", "from 192.168.100.200 port 5060"),
        ("26 of 601 in 12 34", "26 of 601 in 12 34"),
    ],
)
def test_numbers_in_groups_are_masked_and_dates_and_addresses_are_not(text, masked):
    assert mask_digits(text) == masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sip:447700900123@pbx.example.test", "<sip:*********123@pbx.example.test>"),
        ("sip:601@pbx.example.test", "<sip:601@pbx.example.test>"),
        ("tel:447700900123", "<tel:*********123>"),
    ],
)
def test_addresses_show_their_host(address, shown):
    assert repr(SipAddress(address)) == shown


def test_a_secret_says_only_that_there_is_one():
    assert repr(Secret("hunter2-hunter2")) == "<secret>"
    assert repr(Secret("")) == "<no secret>"
    assert f"{Secret('hunter2')!r} {[Secret('hunter2')]}" == "<secret> [<secret>]"


def test_logged_as_told_nothing_is_shown(caplog):
    logging.getLogger("test").error("%r %r", PhoneNumber("+447700900123"), Secret("hunter2"))
    assert caplog.messages == ["<+44*******123> <secret>"]


@pytest.mark.parametrize("kind", [PhoneNumber, SipAddress, Secret])
def test_they_are_texts_to_everything_else(kind):
    value = kind("447700900123")
    assert value == "447700900123"
    assert {value: 1}["447700900123"] == 1
    assert type(pickle.loads(pickle.dumps(value))) is kind
    assert type(copy.deepcopy(value)) is kind
