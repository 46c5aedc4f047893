"""Webhooks: whose secret is right, which delivery it is, and what it says about whose call."""

import base64
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from django_voipcti.enums import CallState, Direction, EndReason, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.exceptions import WebhookRejected
from django_voipcti.providers.voipstudio import mapping, webhooks
from django_voipcti.redaction import PhoneNumber, Secret
from tests.providers.voipstudio.service import PAYLOADS, webhook

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANA = Party(number=PhoneNumber("+442079460000"), name="Ana Ruiz", account="200341")
MARY = Party(number=PhoneNumber("+447700900123"), name="Mary Poppins")
SECRET = Secret("pass-0123456789abcdef")


def at(minute, second):
    return datetime(2026, 1, 1, 10, minute, second, tzinfo=UTC)


def parse(body, zone=UTC):
    return webhooks.parse(body, provider="default", zone=zone, received_at=NOW)


def changed(name, **values):
    return json.dumps({**json.loads(webhook(name)), **values}).encode()


def basic(pair):
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


# --- is it authentic? ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        (basic("anybody:pass-0123456789abcdef"), SECRET),
        (basic("crm:pass-0123456789abcdef"), Secret("crm:pass-0123456789abcdef")),
        (basic("crm:with:colon"), Secret("crm:with:colon")),
        ({"authorization": "bearer pass-0123456789abcdef"}, SECRET),
        ({"authorization": basic("x:pässwort")["authorization"]}, Secret("pässwort")),
    ],
)
def test_who_knows_the_secret_is_heard(headers, secret):
    webhooks.authenticate(headers, secrets=[Secret("another"), secret])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Basic"},
        {"authorization": "Basic ***"},
        {"authorization": "Basic é"},
        {"authorization": "Digest pass-0123456789abcdef"},
        {"authorization": "Bearer pass-0123456789abcde"},
        basic("pass-0123456789abcdef"),
        basic("pass-0123456789abcdef:"),
        basic("crm:pass-0123456789abcdef "),
        {"x-secret": "pass-0123456789abcdef"},
    ],
)
def test_who_does_not_is_refused(headers):
    with pytest.raises(WebhookRejected) as caught:
        webhooks.authenticate(headers, secrets=[SECRET])
    assert caught.value.status == 401
    assert SECRET not in str(caught.value)


def test_user_and_password_must_both_match_where_both_are_set():
    with pytest.raises(WebhookRejected):
        webhooks.authenticate(basic("other:pass-0123456789abcdef"), secrets=[Secret("crm:pass-0123456789abcdef")])


def test_without_a_secret_nobody_is_heard():
    for headers in ({}, basic(":"), {"authorization": "Bearer "}):
        with pytest.raises(WebhookRejected):
            webhooks.authenticate(headers, secrets=[])


# --- which is it? -------------------------------------------------------------------------------------------------


def test_a_delivery_is_known_by_its_id():
    assert webhooks.delivery_id(webhook("inbound_ringing")) == "sim01.65a1b2c3d4e5f6.00000002"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"{", b'{"id": null}', b'{"id": "' + b"x" * 81 + b'"}'])
def test_a_delivery_without_a_usable_id_is_known_by_its_body(body):
    assert webhooks.delivery_id(body).startswith("sha256:")
    assert webhooks.delivery_id(body) == webhooks.delivery_id(body)
    assert webhooks.delivery_id(body) != webhooks.delivery_id(body + b" ")


# --- what does it say? --------------------------------------------------------------------------------------------


def test_an_inbound_call_that_rings():
    (update,) = parse(webhook("inbound_ringing"))
    assert update == CallUpdate(
        provider="default",
        account="200341",
        external_id="139000002",
        conversation_id="139000000",
        source=Source.WEBHOOK,
        observed_at=NOW,
        occurred_at=at(0, 1),
        state=CallState.RINGING,
        direction=Direction.INBOUND,
        own=ANA,
        other=MARY,
        started_at=at(0, 0),
        key="sim01.65a1b2c3d4e5f6.00000002",
        raw=json.loads(webhook("inbound_ringing")),
    )


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("inbound_ringing", CallState.RINGING, None),
        ("inbound_connected", CallState.CONNECTED, None),
        ("inbound_on_hold", CallState.ON_HOLD, None),
        ("inbound_hangup", CallState.HANGUP, EndReason.COMPLETED),
        ("missed_final", CallState.HANGUP, EndReason.MISSED),
        ("missed_leg", CallState.HANGUP, None),
        ("missed_leg_same_second", None, None),
        ("missed_elsewhere", CallState.HANGUP, EndReason.ANSWERED_ELSEWHERE),
        ("outbound_ringing", CallState.RINGING, None),
        ("outbound_busy", CallState.HANGUP, EndReason.BUSY),
        ("outbound_given_up", CallState.HANGUP, EndReason.CANCELLED),
        ("withheld_ringing", CallState.RINGING, None),
        ("state_change_without_name", CallState.RINGING, None),
        ("recording_ready", None, None),
    ],
)
def test_the_state_and_reason_of_each_delivery(name, state, reason):
    (update,) = parse(webhook(name))
    assert (update.state, update.end_reason) == (state, reason)
    assert (update.ended_at is not None) is (state is CallState.HANGUP)


def test_an_answered_call_keeps_its_times_and_its_cause():
    (update,) = parse(webhook("inbound_hangup"))
    assert (update.started_at, update.answered_at, update.ended_at) == (at(0, 0), at(0, 5), at(1, 5))
    assert update.cause == "Normal Clearing"


def test_an_outbound_call_belongs_to_its_caller():
    (update,) = parse(webhook("outbound_ringing"))
    assert (update.account, update.direction) == ("200341", Direction.OUTBOUND)
    assert update.other == Party(number=PhoneNumber("+447700900456"))


def test_an_internal_call_of_one_id_is_a_call_of_both_ends():
    callees, callers = parse(webhook("internal_connected"))
    assert (callers.account, callers.direction) == ("200342", Direction.OUTBOUND)
    assert (callees.account, callees.direction) == ("200341", Direction.INBOUND)
    assert callers.external_id == callees.external_id == "139000020"
    assert (callers.own, callers.other) == (callees.other, callees.own)
    assert callers.key == callees.key == "sim01.65a1b2c3d4e5f6.00000013"


@pytest.mark.parametrize(
    ("destination", "account", "direction"),
    [("in", "200341", Direction.INBOUND), ("out", "200342", Direction.OUTBOUND)],
)
def test_where_each_end_has_its_leg_a_delivery_is_about_one(destination, account, direction):
    (update,) = parse(changed("internal_connected", destination=destination))
    assert (update.account, update.direction) == (account, direction)


def test_a_withheld_number_is_empty():
    (update,) = parse(webhook("withheld_ringing"))
    assert update.other == Party()


def test_the_ring_group_is_the_context_and_not_the_callers_name():
    (update,) = parse(webhook("missed_final"))
    assert (update.context, update.other.name) == ("RG-70001", "")


def test_a_recording_is_known_by_its_user():
    (update,) = parse(webhook("recording_ready"))
    assert (update.account, update.external_id, update.recording) == ("200341", "139000002", "555001")
    assert (update.direction, update.own, update.other) == (None, Party(account="200341"), Party())


def test_a_recording_of_a_call_between_colleagues_is_its_users():
    (update,) = parse(changed("recording_ready", src_id="200342", dst_id="200341"))
    assert (update.account, update.direction, update.other.account) == ("200341", Direction.INBOUND, "200342")


def test_an_invite_on_its_way_to_a_phone_rings_nowhere_yet():
    assert parse(webhook("inbound_initial")) == []
    assert [update.state for update in parse(changed("outbound_ringing", state="INITIAL"))] == [CallState.INITIAL]


@pytest.mark.parametrize("name", ["sms_received", "wrap_up"])
def test_what_is_no_call_says_nothing(name):
    assert parse((PAYLOADS / f"{name}.json").read_bytes()) == []


def test_without_final_a_missed_leg_leaves_the_reason_to_the_other_legs():
    (update,) = parse(changed("missed_leg", final=None))
    assert (update.state, update.end_reason) == (CallState.HANGUP, None)
    (update,) = parse(changed("missed_leg", final="yes"))
    assert update.end_reason is None


def test_the_name_of_the_event_tells_the_state_where_the_state_does_not():
    (update,) = parse(changed("inbound_connected", state=None))
    assert update.state is CallState.CONNECTED


def test_a_failed_call_could_not_be_set_up():
    (update,) = parse(changed("outbound_ringing", state="FAILED", event_name="call.state_change"))
    assert (update.state, update.end_reason) == (CallState.CANCEL, EndReason.FAILED)


def test_an_unknown_state_is_kept_without_a_guess(caplog):
    mapping.note_unknown.cache_clear()
    (update,) = parse(changed("inbound_ringing", state="PONDERING", event_name="call.pondering"))
    assert update.state is None
    assert update.raw["state"] == "PONDERING"
    assert "PONDERING" in caplog.text


def test_a_call_that_was_transferred_says_so():
    (update,) = parse(changed("inbound_hangup", t_cause="Blind Transfer"))
    assert update.end_reason is EndReason.TRANSFERRED


def test_text_dates_are_in_the_configured_zone():
    (update,) = parse(webhook("inbound_ringing"), ZoneInfo("Europe/Madrid"))
    assert update.occurred_at == datetime(2026, 1, 1, 9, 0, 1, tzinfo=UTC)


def test_a_call_without_users_of_the_account_concerns_nobody():
    assert parse(changed("inbound_ringing", dst_id="0")) == []
    assert parse(changed("inbound_ringing", call_id=None)) == []
