"""Events of one SIP session or subscription, for whoever waits for them."""

import asyncio
from collections import deque

from ..sip.events import SipEvent

__all__ = ["Listener"]


class Listener:
    """The events of one handle, in order, until its last one."""

    def __init__(self) -> None:
        self._events: deque[SipEvent] = deque()
        self._ended = False
        self._changed = asyncio.Event()

    def put(self, event: SipEvent, *, last: bool) -> None:
        """Add an event; ``last``: there will be none after it."""
        self._events.append(event)
        self._ended = last
        self._changed.set()

    def __aiter__(self) -> "Listener":
        return self

    async def __anext__(self) -> SipEvent:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()
