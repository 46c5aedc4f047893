"""REST rows as call updates: live calls and history."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from django_voipcti.enums import CallState, Direction, EndReason, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.providers.voipstudio import records
from django_voipcti.redaction import PhoneNumber
from tests.providers.voipstudio.service import payload

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
WHO = {"provider": "default", "account": "200341", "zone": UTC, "now": NOW}


def cdrs():
    rows = payload("cdrs_page_1")["data"] + payload("cdrs_page_2")["data"]
    return {row["id"]: row for row in rows}


def test_filters_are_anded_json():
    assert records.filters(("type", "eq", "M"), ("duration", "gte", "5")) == {
        "filter": '[{"property":"type","operator":"eq","value":"M"},'
        '{"property":"duration","operator":"gte","value":"5"}]'
    }


def test_a_live_inbound_call():
    row = payload("calls")["data"][0]
    assert records.live_call(row, **WHO) == CallUpdate(
        provider="default",
        account="200341",
        external_id="4100200300",
        source=Source.REST,
        observed_at=NOW,
        state=CallState.RINGING,
        direction=Direction.INBOUND,
        own=Party(number=PhoneNumber("+442079460000"), name="Ana Ruiz", account="200341"),
        other=Party(number=PhoneNumber("+447700900123"), name="Mary Poppins"),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        context="RG-70001",
        raw=row,
    )


def test_a_live_call_of_somebody_else_or_without_an_id_is_left_out():
    theirs = payload("calls")["data"][2]
    assert records.live_call(theirs, **WHO) is None
    assert records.live_call({**payload("calls")["data"][0], "id": None}, **WHO) is None


def test_an_answered_inbound_call_in_the_history():
    row = cdrs()[901]
    assert records.ended_call(row, **WHO) == CallUpdate(
        provider="default",
        account="200341",
        external_id="139000001",
        conversation_id="139000001",
        source=Source.CDR,
        observed_at=NOW,
        occurred_at=TEN + timedelta(seconds=30),
        state=CallState.HANGUP,
        direction=Direction.INBOUND,
        own=Party(number=PhoneNumber("+442079460000"), name="Ana Ruiz", account="200341"),
        other=Party(number=PhoneNumber("+447700900123")),
        started_at=TEN,
        answered_at=TEN + timedelta(seconds=10),
        ended_at=TEN + timedelta(seconds=30),
        end_reason=EndReason.COMPLETED,
        cause="Normal Clearing",
        raw=row,
    )


@pytest.mark.parametrize(
    ("row", "direction", "reason"),
    [
        (901, Direction.INBOUND, EndReason.COMPLETED),
        (902, Direction.INBOUND, None),  # one leg of a ring group: the others know whether it was missed
        (903, Direction.INBOUND, EndReason.MISSED),
        (904, Direction.OUTBOUND, EndReason.BUSY),
        (905, Direction.OUTBOUND, EndReason.NO_ANSWER),
    ],
)
def test_the_outcome_of_a_row(row, direction, reason):
    update = records.ended_call(cdrs()[row], **WHO)
    assert (update.direction, update.end_reason, update.state) == (direction, reason, CallState.HANGUP)
    assert (update.answered_at is not None) is (reason is EndReason.COMPLETED)


def test_a_colleagues_leg_of_an_internal_call_is_left_out():
    assert records.ended_call(cdrs()[905], **{**WHO, "account": "200342"}) is None


def test_without_a_user_the_ends_tell_whose_row_it_is():
    row = {**cdrs()[905], "user_id": None}
    update = records.ended_call(row, **{**WHO, "account": "200342"})
    assert (update.direction, update.end_reason) == (Direction.INBOUND, EndReason.MISSED)
    assert (update.own.account, update.other.account) == ("200342", "200341")
    assert records.ended_call(row, **{**WHO, "account": "200343"}) is None


def test_a_row_of_somebody_else_is_left_out():
    assert records.ended_call(cdrs()[906], **WHO) is None


def test_a_row_without_accounts_is_told_by_its_user_and_type():
    row = {**cdrs()[901], "src_id": None, "dst_id": None}
    assert records.ended_call(row, **WHO).direction is Direction.INBOUND
    assert records.ended_call({**row, "type": "O"}, **WHO).direction is Direction.OUTBOUND
    assert records.ended_call({**row, "type": "?"}, **WHO) is None
    assert records.ended_call({**row, "user_id": None}, **WHO) is None


def test_an_end_that_is_the_user_beats_a_type_that_contradicts_it():
    row = {**cdrs()[901], "type": "O"}
    assert records.ended_call(row, **WHO).direction is Direction.INBOUND


@pytest.mark.parametrize(
    ("destination", "directions"),
    [
        ("in", [None, Direction.INBOUND]),
        ("out", [Direction.OUTBOUND, None]),
        ("local", [Direction.OUTBOUND, Direction.INBOUND]),
        (None, [Direction.OUTBOUND, Direction.INBOUND]),
    ],
)
def test_a_live_call_between_colleagues_belongs_to_the_leg_that_it_is(destination, directions):
    row = {**payload("calls")["data"][0], "src_id": "200342", "dst_id": "200341", "destination": destination}
    updates = [records.live_call(row, **{**WHO, "account": account}) for account in ("200342", "200341")]
    assert [update and update.direction for update in updates] == directions


@pytest.mark.parametrize(
    ("ids", "external_id"),
    [
        ({"live_id": 5, "call_id": 6, "id": 7}, "5"),
        ({"live_id": None, "call_id": 6, "id": 7}, "6"),
        ({"live_id": 0, "call_id": None, "id": 7}, "cdr-7"),
    ],
)
def test_a_row_is_named_by_the_id_that_its_leg_had_live(ids, external_id):
    assert records.ended_call({**cdrs()[901], **ids}, **WHO).external_id == external_id


def test_a_row_without_any_id_is_left_out():
    assert records.ended_call({**cdrs()[901], "live_id": None, "call_id": None, "id": None}, **WHO) is None


def test_talk_time_tells_an_answer_where_the_disposition_does_not():
    row = {**cdrs()[901], "disposition": None}
    assert records.ended_call(row, **WHO).end_reason is EndReason.COMPLETED
    assert records.ended_call({**row, "billsec": 0}, **WHO).end_reason is EndReason.MISSED


def test_a_transferred_call_says_so():
    row = {**cdrs()[901], "t_cause": "Attended Transfer"}
    assert records.ended_call(row, **WHO).end_reason is EndReason.TRANSFERRED


def test_a_precise_cause_beats_a_vague_disposition():
    row = {**cdrs()[904], "disposition": "FAILED", "t_cause": "Unallocated number"}
    assert records.ended_call(row, **WHO).end_reason is EndReason.UNREACHABLE
    assert records.ended_call({**row, "t_cause": ""}, **WHO).end_reason is EndReason.FAILED


def test_a_row_of_nulls_says_little_and_does_no_harm():
    row = dict.fromkeys(cdrs()[901]) | {"id": 7, "user_id": 200341, "type": "I"}
    update = records.ended_call(row, **WHO)
    assert (update.external_id, update.started_at, update.ended_at) == ("cdr-7", None, None)
    assert json.dumps(update.raw)
