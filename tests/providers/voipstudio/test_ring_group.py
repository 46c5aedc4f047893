"""What a ring group's deliveries make of the record, in whatever order they come: one stream of events per member."""

import itertools
import json
from datetime import UTC, datetime

import pytest

from django_voipcti import journal
from django_voipcti.enums import CallState, EndReason
from django_voipcti.models import Call, Line
from django_voipcti.providers.voipstudio import webhooks
from tests.providers.voipstudio.service import webhook

ANA, BEN = "200341", "200342"
LEGS = {ANA: 139000101, BEN: 139000102}


def delivery(name, member, event, second, **values):
    return json.dumps(
        json.loads(webhook("inbound_ringing"))
        | {"id": name, "event_name": event, "state": event.partition(".")[2].upper()}
        | {"call_id": LEGS[member], "root_call_id": 139000100, "dst_id": member, "context": "RG-70001"}
        | {"start_time": "2026-01-01 10:00:00", "event_time": f"2026-01-01 10:00:{second:02}"}
        | values
    ).encode()


ANSWERED = {"connected_at": "2026-01-01 10:00:05"}
TAKEN_BY_BEN = [
    delivery("1", ANA, "call.ringing", 1),
    delivery("2", BEN, "call.ringing", 1),
    delivery("3", BEN, "call.connected", 5, **ANSWERED),
    delivery("4", ANA, "call.missed", 5, final=False, state="HANGUP", t_cause="No Answer"),
    delivery("5", BEN, "call.hangup", 30, **ANSWERED, t_cause="Normal Clearing", terminated_by="callee"),
]
ABANDONED = [
    delivery("1", ANA, "call.ringing", 1),
    delivery("2", BEN, "call.ringing", 1),
    delivery("3", ANA, "call.missed", 13, final=False, state="HANGUP", terminated_by="caller"),
    delivery("4", BEN, "call.missed", 13, final=True, state="HANGUP", terminated_by="caller"),
]


@pytest.fixture
def lines(db, django_user_model):
    for account in (ANA, BEN):
        user = django_user_model.objects.create_user(account)
        Line.objects.create(provider="default", account=account, extension=account[-2:], label=account, user=user)


def outcome(bodies):
    """State and reason of each member's call after these deliveries; leaves no calls behind."""
    received = datetime.now(tz=UTC)
    for body in bodies:
        journal.record(webhooks.parse(body, provider="default", zone=UTC, received_at=received))
    found = {call.line.account: (call.state, call.end_reason) for call in Call.objects.select_related("line")}
    Call.objects.all().delete()
    return found


def test_a_call_that_a_colleague_took_is_not_missed(lines):
    for order in itertools.permutations(TAKEN_BY_BEN):
        assert outcome(order) == {
            ANA: (CallState.HANGUP, EndReason.ANSWERED_ELSEWHERE),
            BEN: (CallState.HANGUP, EndReason.COMPLETED),
        }


def test_a_call_that_nobody_took_is_missed_by_all(lines):
    for order in itertools.permutations(ABANDONED):
        assert outcome(order) == dict.fromkeys((ANA, BEN), (CallState.HANGUP, EndReason.MISSED))


def test_deliveries_that_come_twice_change_nothing(lines):
    assert outcome(TAKEN_BY_BEN * 2) == outcome(TAKEN_BY_BEN)
