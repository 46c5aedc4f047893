"""VoIPstudio's words and ours, the odd ones included."""

import logging
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_voipcti.enums import CallState, Direction, EndReason
from django_voipcti.events import Party
from django_voipcti.providers.voipstudio import mapping
from django_voipcti.redaction import PhoneNumber

MADRID = ZoneInfo("Europe/Madrid")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.text(), children, max_size=2),
    max_leaves=3,
)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("447700900123", "+447700900123"),
        ("+447700900123", "+447700900123"),
        ("00447700900123", "+447700900123"),
        ("34612345678", "+34612345678"),
        ('"Mary Poppins" <+447700900123>', "+447700900123"),
        ("sip:447700900123@acme.sip.example.test", "+447700900123"),
        ("(0)7700 900-123", "07700900123"),
        ("07700900123", "07700900123"),
        ("1001", "1001"),
        ("601", "601"),
        ("#123", "#123"),
        ("*97", "*97"),
        (1001, "1001"),
        ("999999999999", "999999999999"),  # no country has this code: shown as it came
        ("", ""),
        (None, ""),
        ("anonymous", ""),
        ("Unknown", ""),
        ("+", ""),
        ("9" * 33, ""),
        (["447700900123"], ""),
        (True, ""),
    ],
)
def test_numbers_get_the_plus_that_the_platform_leaves_out(sent, shown):
    assert mapping.phone_number(sent) == shown


@given(ANYTHING)
def test_nothing_that_is_sent_as_a_number_name_id_or_date_does_harm(value):
    assert isinstance(mapping.phone_number(value), PhoneNumber)
    assert isinstance(mapping.display_name(value), str)
    assert isinstance(mapping.identifier(value), str)
    moment = mapping.moment(value, UTC)
    assert moment is None or moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Ana Ruiz", "Ana Ruiz"),
        ('"Mary Poppins" <+447700900123>', "Mary Poppins"),
        ("Mary <447700900123>", "Mary"),
        ('"+447700900123" <+447700900123>', ""),
        ("<447700900123>", ""),
        ("Shop | 07700900123", ""),
        ("Shop | Mary", "Mary"),
        ("447700900123", ""),
        ("anonymous", ""),
        (None, ""),
    ],
)
def test_names_are_persons_names(sent, shown):
    assert mapping.display_name(sent) == shown


@pytest.mark.parametrize(
    ("sent", "read"),
    [("200341", "200341"), (200341, "200341"), (200341.0, "200341"), ("0", ""), (0, ""), ("", ""), (None, "")],
)
def test_ids_are_text_and_nobody_is_empty(sent, read):
    assert mapping.identifier(sent) == read


def test_an_id_that_is_too_long_to_be_one_is_none():
    assert mapping.identifier("9" * 65) == ""


@pytest.mark.parametrize(
    ("sent", "read"),
    [("RG-70001", "RG-70001"), ("IVR", "IVR"), ("LOCAL_USER", ""), ("User", ""), ("ENDPOINT", ""), (None, "")],
)
def test_only_queues_groups_and_menus_are_a_context(sent, read):
    assert mapping.context(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2026-01-01 10:00:13", datetime(2026, 1, 1, 9, 0, 13, tzinfo=UTC)),
        ("2026-07-01 10:00:13", datetime(2026, 7, 1, 8, 0, 13, tzinfo=UTC)),
        ("2026-01-01T10:00:13+00:00", datetime(2026, 1, 1, 10, 0, 13, tzinfo=UTC)),
        (1767225600, datetime(2026, 1, 1, tzinfo=UTC)),
        ("1767225600", datetime(2026, 1, 1, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("soon", None),
        (10**30, None),
        (0, None),
        ("", None),
        (None, None),
    ],
)
def test_dates_are_unix_seconds_or_text_without_a_zone(sent, read):
    assert mapping.moment(sent, MADRID) == read


def test_filters_take_dates_in_the_platforms_zone():
    assert mapping.date_text(datetime(2026, 7, 1, 8, 0, 13, tzinfo=UTC), MADRID) == "2026-07-01 10:00:13"


def test_the_name_of_an_outside_callee_is_a_tariff_zone():
    row = {"src": "442079460000", "src_id": "200341", "src_name": "Ana", "dst": "447700900123", "dst_id": "0"}
    caller, callee = mapping.parties({**row, "dst_name": "United Kingdom Mobile"})
    assert caller == Party(number=PhoneNumber("+442079460000"), name="Ana", account="200341")
    assert callee == Party(number=PhoneNumber("+447700900123"))


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"state": "RINGING"}, CallState.RINGING),
        ({"state": "on_hold"}, CallState.ON_HOLD),
        ({"state": 1, "connected_at": 1767225600}, CallState.CONNECTED),
        ({"state": 1, "connected_at": None}, CallState.RINGING),
        ({}, CallState.RINGING),
    ],
)
def test_the_state_of_a_live_call_is_told_in_any_case(row, state):
    assert mapping.live_state(row, UTC) is state


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("User Busy", EndReason.BUSY),
        ("USER_BUSY", EndReason.BUSY),
        ("No Answer", EndReason.NO_ANSWER),
        ("Call completed elsewhere", EndReason.ANSWERED_ELSEWHERE),
        ("ORIGINATOR_CANCEL", EndReason.CANCELLED),
        ("Normal Clearing", None),
        ("", None),
    ],
)
def test_causes(cause, reason):
    assert mapping.cause_reason(cause) is reason


def test_unknown_words_are_logged_once_without_numbers(caplog):
    mapping.note_unknown.cache_clear()
    for _ in range(3):
        assert mapping.cause_reason("Moon in wrong phase for 447700900123") is None
        assert mapping.cdr_reason("MOONSTRUCK") is None
    assert len(caplog.records) == 2
    assert caplog.records[0].levelno == logging.WARNING
    assert "moon in wrong phase" in caplog.text
    assert "447700900123" not in caplog.text


@pytest.mark.parametrize(
    ("direction", "cause", "whole", "gave_up", "reason"),
    [
        # Inbound: only the whole call tells a missed one from one that a colleague took.
        (Direction.INBOUND, EndReason.NO_ANSWER, True, False, EndReason.MISSED),
        (Direction.INBOUND, EndReason.CANCELLED, True, True, EndReason.MISSED),
        (Direction.INBOUND, EndReason.ANSWERED_ELSEWHERE, True, True, EndReason.MISSED),
        (Direction.INBOUND, EndReason.NO_ANSWER, False, True, None),
        (Direction.INBOUND, EndReason.NO_ANSWER, None, True, None),
        (Direction.INBOUND, EndReason.ANSWERED_ELSEWHERE, False, False, EndReason.ANSWERED_ELSEWHERE),
        (Direction.INBOUND, EndReason.DECLINED, False, False, EndReason.DECLINED),
        (Direction.INBOUND, EndReason.BUSY, True, False, EndReason.BUSY),
        # Outbound: the cause, else who ended it.
        (Direction.OUTBOUND, EndReason.BUSY, None, False, EndReason.BUSY),
        (Direction.OUTBOUND, EndReason.NO_ANSWER, None, True, EndReason.NO_ANSWER),
        (Direction.OUTBOUND, None, None, True, EndReason.CANCELLED),
        (Direction.OUTBOUND, None, None, False, None),
    ],
)
def test_why_a_call_was_never_answered(direction, cause, whole, gave_up, reason):
    assert mapping.unanswered_reason(direction, cause=cause, whole_call_over=whole, caller_gave_up=gave_up) is reason


def test_a_refusal_without_a_row_means_that_the_own_phone_declined():
    assert mapping.place_failure(418) is EndReason.DECLINED
    assert mapping.place_failure(None) is EndReason.DECLINED
