"""Nudges from other processes: "look at this line now". Their loss costs at most a second, so errors only slow us."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from channels.layers import get_channel_layer

from .. import realtime
from .backoff import Retries

__all__ = ["listen"]

logger = logging.getLogger(__name__)

_LEAVE_SECONDS = 1.0


async def listen(on_nudge: Callable[[int], None]) -> None:
    """Call ``on_nudge`` with the primary key of each line that another process points at, for ever."""
    layer = get_channel_layer()
    if layer is None:
        logger.warning("no channel layer is configured: commands are picked up by the sweep alone")
        await asyncio.Event().wait()
    retries = Retries(first=0.2, cap=10.0)
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        try:
            await _listen(layer, on_nudge)
        # The layer's client library decides what it raises when its server is away.
        except Exception as error:  # noqa: BLE001
            logger.warning(
                "nudges do not arrive (%s); commands are picked up by the sweep",
                error,
                extra={"action": "bridge.nudges"},
            )
        await asyncio.sleep(retries.next_delay(held_for=clock() - began))


async def _listen(layer: Any, on_nudge: Callable[[int], None]) -> None:
    channel = await layer.new_channel()
    await layer.group_add(realtime.BRIDGES_GROUP, channel)
    try:
        while True:
            message = await layer.receive(channel)
            if message.get("type") == realtime.NUDGE_MESSAGE:
                on_nudge(int(message["line"]))
    except asyncio.CancelledError:
        # Polite, but no reason to wait, nor to fail: an error here would hide that we were cancelled.
        with contextlib.suppress(Exception):
            await asyncio.wait_for(layer.group_discard(realtime.BRIDGES_GROUP, channel), _LEAVE_SECONDS)
        raise
