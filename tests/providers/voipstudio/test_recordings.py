"""Listing recordings: whose they are, which call they belong to, and users who may not list them."""

import json
from datetime import UTC, datetime

import httpx2
import pytest

from django_voipcti.enums import Source
from django_voipcti.events import CallUpdate
from django_voipcti.exceptions import AuthenticationFailed, ProviderUnavailable
from django_voipcti.providers.voipstudio import records
from tests.providers.voipstudio.service import ACCOUNT, answer

SINCE, UNTIL = datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 1, 1, 11, tzinfo=UTC)
ROW = {"id": 77, "call_id": 139000001, "user_id": 200341, "timestamp": "2026-01-01 10:00:05", "duration": 11}


async def listed(provider):
    return [update async for update in provider.recordings(ACCOUNT, since=SINCE, until=UNTIL)]


def test_a_recording_names_its_call_and_says_nothing_of_its_state():
    assert records.recording(ROW, provider="default", account="200341", now=SINCE) == CallUpdate(
        provider="default",
        account="200341",
        external_id="139000001",
        source=Source.CDR,
        observed_at=SINCE,
        recording="77",
        key="monitor:77",
        raw=ROW,
    )


@pytest.mark.parametrize("change", [{"user_id": 200342}, {"call_id": None}, {"id": None}])
def test_a_colleagues_recording_or_one_of_no_call_is_none(change):
    assert records.recording(ROW | change, provider="default", account="200341", now=SINCE) is None


async def test_recordings_are_asked_for_by_their_time(provider, service):
    service.reply("GET", "/monitors", httpx2.Response(200, json={"data": [ROW], "total": 1}))
    assert [update.recording for update in await listed(provider)] == ["77"]
    assert json.loads(service.sent[0].params["filter"]) == [
        {"property": "timestamp", "operator": "gte", "value": "2026-01-01 10:00:00"},
        {"property": "timestamp", "operator": "lt", "value": "2026-01-01 11:00:00"},
    ]


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_who_may_not_list_recordings_has_none(provider, service, status):
    service.reply("GET", "/monitors", answer(status, "error_validation"))
    assert await listed(provider) == []


@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationFailed), (503, ProviderUnavailable)])
async def test_other_trouble_is_told(provider, service, status, error):
    service.reply("GET", "/monitors", answer(status))
    with pytest.raises(error):
        await listed(provider)
