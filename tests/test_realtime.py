"""What pages are sent: messages through a real Valkey, the snapshot, and the replay."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.test import override_settings

from django_voipcti import journal, realtime
from django_voipcti.enums import LineStatus, SessionEvent
from django_voipcti.models import CallEvent, Line
from tests.journal.conftest import said
from tests.testapp.models import Contact


@pytest.fixture
def ana(db):
    user = get_user_model().objects.create_user("ana", password="x")
    Line.objects.create(provider="default", account="601", extension="601", label="Ana", region="GB", user=user)
    return user


@asynccontextmanager
async def listening(group):
    """A channel in `group`; yields a function that waits for its next message."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)

    async def receive():
        return (await asyncio.wait_for(layer.receive(channel), 5))["message"]

    yield receive
    await layer.group_discard(group, channel)


@pytest.mark.django_db(transaction=True)
async def test_a_ringing_call_reaches_the_users_pages_with_the_callers_record(ana):
    await sync_to_async(Contact.objects.create)(name="Grace Hopper", phone="+44 (0) 20 7946 0123")
    async with listening(realtime.user_group(ana.pk)) as receive:
        await sync_to_async(journal.record)([said("RINGING", 0)])
        message = await receive()
    assert (message["v"], message["type"], message["name"]) == (1, "event", "RINGING")
    call = message["call"]
    assert call["contact"] == {
        "label": "Grace Hopper",
        "company": "",
        "url": call["contact"]["url"],
        "model": "testapp.contact",
        "objectId": call["matches"][0]["objectId"],
        "confidence": "exact",
    }
    assert (call["source"], call["destination"], call["status"]) == ("+442079460123", "601", "RINGING")
    assert [match["label"] for match in call["matches"]] == ["Grace Hopper"]


@pytest.mark.django_db(transaction=True)
async def test_those_who_watch_a_line_are_told_too(ana):
    line = await Line.objects.aget()
    async with listening(realtime.line_group(line.pk)) as receive:
        await sync_to_async(journal.record)([said("RINGING", 0)])
        assert (await receive())["name"] == "RINGING"


@pytest.mark.django_db(transaction=True)
async def test_a_bridge_publishes_through_its_own_loop_from_any_thread(ana):
    realtime.bind_loop(asyncio.get_running_loop())
    try:
        async with listening(realtime.user_group(ana.pk)) as receive:
            await asyncio.to_thread(realtime.tell_user, ana.pk, SessionEvent.INFO, "Hello.")
            assert (await receive())["message"] == "Hello."
    finally:
        realtime.bind_loop(None)


@pytest.mark.django_db(transaction=True)
async def test_the_state_of_a_line_is_told_without_its_secrets(ana):
    line = await Line.objects.aget()
    line.set_secrets({"token": "very-secret"})
    await sync_to_async(line.set_status)(LineStatus.ERROR, "Log in again.")
    async with listening(realtime.user_group(ana.pk)) as receive:
        await sync_to_async(realtime.publish_line_status)(line)
        message = await receive()
    assert (message["name"], message["message"], message["line"]["status"]) == ("ERROR", "Log in again.", "ERROR")
    assert "very-secret" not in str(message)


@pytest.mark.django_db(transaction=True)
async def test_a_channel_layer_that_is_away_costs_pages_time_but_not_the_record(ana, caplog, free_port):
    away = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [f"redis://127.0.0.1:{free_port}"]},
        }
    }
    with override_settings(CHANNEL_LAYERS=away):
        told = await sync_to_async(journal.record)([said("RINGING", 0)])
    assert len(told) == 1
    assert "replay" in caplog.text


def test_snapshot_and_replay_together_leave_no_gap(ana):
    journal.record([said("RINGING", 0)])
    snapshot = realtime.snapshot(ana)
    assert [call["status"] for call in snapshot["calls"]] == ["RINGING"]
    journal.record([said("CONNECTED", 3), said("HANGUP", 9)])
    missed = realtime.replay(ana, snapshot["last_event_id"])
    assert [message["name"] for message in missed] == ["CONNECTED", "HANGUP"]
    assert [message["call"]["status"] for message in missed] == ["CONNECTED", "HANGUP"]
    assert realtime.replay(ana, missed[-1]["id"]) == []
    assert realtime.snapshot(ana)["calls"] == []


def test_nobody_is_replayed_somebody_elses_calls(ana):
    journal.record([said("RINGING", 0)])
    stranger = get_user_model().objects.create_user("eve")
    assert realtime.replay(stranger, 0) == []
    assert realtime.snapshot(stranger)["calls"] == []


def test_a_page_that_was_away_for_long_is_not_drowned_in_events(ana, settings):
    settings.VOIPCTI = {**settings.VOIPCTI, "REPLAY_LIMIT": 3}
    journal.record([said("RINGING", number, call=f"c{number}") for number in range(4)])
    assert CallEvent.objects.count() == 4
    assert realtime.replay(ana, 0) == []


def test_a_call_from_a_known_party_shows_the_earlier_ones(ana):
    for number in range(5):
        journal.record([said("RINGING", number, call=f"c{number}"), said("HANGUP", number + 1, call=f"c{number}")])
    journal.record([said("RINGING", 30, call="now")])
    [call] = realtime.snapshot(ana)["calls"]
    assert [past["endReason"] for past in call["lastCalls"]] == ["missed"] * 3


def test_a_call_that_goes_on_with_the_same_party_is_none_of_the_last_ones(ana):
    journal.record([said("RINGING", 1, call="c1"), said("RINGING", 2, call="c2")])
    assert [call["lastCalls"] for call in realtime.snapshot(ana)["calls"]] == [[], []]
