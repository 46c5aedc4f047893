"""The stand-ins that the package offers to hosts."""

from datetime import UTC, datetime

import pytest

from django_voipcti import testing
from django_voipcti.enums import CallState, Direction, EndReason
from django_voipcti.models import Line
from django_voipcti.providers import providers
from django_voipcti.testing import FakeClock, Reports, play


def test_everything_that_is_announced_is_there():
    assert [name for name in testing.__all__ if not hasattr(testing, name)] == []
    assert not hasattr(testing, "Simulator")


def test_the_clock_goes_only_when_it_is_told_to():
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock() == clock() == 0.0
    clock.advance(1.5)
    assert clock() == 1.5
    assert clock.now() == datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    with pytest.raises(ValueError):
        clock.advance(-1)


async def test_reports_are_kept_in_order():
    reports = Reports()
    assert not reports.first.is_set()
    for state in (CallState.INITIAL, CallState.ACCEPTED):
        await reports(providers["default"].update(account="1", external_id="1", state=state))
    assert reports.states == [CallState.INITIAL, CallState.ACCEPTED]
    assert reports.first.is_set()


@pytest.fixture
def line(db, django_user_model):
    user = django_user_model.objects.create_user("ana")
    return Line.objects.create(provider="default", account="1001", extension="1001", label="Ana", user=user)


def test_a_line_has_a_call(line):
    call = play(line, CallState.RINGING, CallState.CONNECTED, CallState.HANGUP, number="+447700900456")
    assert (call.direction, call.state, call.end_reason) == (Direction.INBOUND, CallState.HANGUP, EndReason.COMPLETED)
    assert call.other_number == "+447700900456"


def test_a_call_can_be_played_on(line):
    call = play(line, CallState.RINGING)
    assert play(line, CallState.HANGUP, external_id=call.external_id).pk == call.pk
    assert play(line, CallState.RINGING).pk != call.pk


def test_details_of_the_call_can_be_given(line):
    call = play(line, CallState.RINGING, direction=Direction.OUTBOUND, context="RG-70001")
    assert (call.direction, call.context) == (Direction.OUTBOUND, "RG-70001")
