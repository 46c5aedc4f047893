"""An agent's page: the real consumer behind session and origin check, in a thread, since the tests here wait in theirs.

Every message that it is sent is held against the published schema.
"""

import asyncio
import threading
from concurrent.futures import Future
from itertools import count
from typing import Any

from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from tests.asgi import application
from tests.support.protocol import validator
from tests.support.waiting import eventually

__all__ = ["Page"]

_FROM_SERVER = validator("server")
#: Seconds until the library believes that the consumer is stuck, and ends it; no test takes that long.
_EVER = 3600.0


class Page:
    """Use as a context manager: a page is open inside. ``told`` grows by every event that it is sent."""

    def __init__(self, user: Any) -> None:
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        self._headers = [
            (b"origin", b"https://crm.example"),
            (b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()),
        ]
        self.told: list[dict[str, Any]] = []
        self.snapshot: dict[str, Any] = {}
        self._replies: dict[str, dict[str, Any]] = {}
        self._faults: list[str] = []
        self._refs = count(1)
        self._opened: Future[asyncio.AbstractEventLoop] = Future()
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> "Page":
        self._thread.start()
        self._loop = self._opened.result(10)
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        assert not self._faults, self._faults

    def ask(self, action: str, **fields: object) -> dict[str, Any]:
        """Send an action and wait for its reply."""
        ref = str(next(self._refs))
        message = {"action": action, "ref": ref, **fields}
        asyncio.run_coroutine_threadsafe(self._socket.send_json_to(message), self._loop).result(10)
        return eventually(lambda: self._replies.get(ref), describe=f"{action} is answered")

    def _live(self) -> None:
        try:
            asyncio.run(self._open())
        except Exception as error:
            if self._opened.done():
                self._faults.append(repr(error))
            else:
                self._opened.set_exception(error)

    async def _open(self) -> None:
        self._socket = WebsocketCommunicator(application, "/ws/voipcti/", headers=self._headers)
        connected, _protocol = await self._socket.connect(timeout=10)
        assert connected
        self.snapshot = await self._hear()
        self._opened.set_result(asyncio.get_running_loop())
        listening = asyncio.create_task(self._listen())
        await self._leave.wait()
        listening.cancel()
        await self._socket.disconnect(timeout=10)
        # The layer's own task goes on for ever otherwise.
        layer: Any = get_channel_layer()
        await layer.flush()

    async def _listen(self) -> None:
        while True:
            message = await self._hear()
            if "ref" in message:
                self._replies[message["ref"]] = message
            elif message["type"] == "event":
                self.told.append(message)

    async def _hear(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json_from(timeout=_EVER)
        self._faults.extend(error.message for error in _FROM_SERVER.iter_errors(message))
        return message
