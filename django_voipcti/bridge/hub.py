"""The connections of a bridge: lines with the same server and credentials share one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..providers.base import SipProfile
from .connection import SipConnection
from .link import LineLink

__all__ = ["ConnectionHub"]

#: Connections that are opened at the same time, and other work per line that a lost server makes urgent for all.
_AT_ONCE = 32


class ConnectionHub:
    """The connections of a bridge: lines with the same server and credentials share one."""

    def __init__(self, *, room: Callable[[], Awaitable[None]]) -> None:
        self._room = room
        self._connections: dict[tuple[Any, ...], SipConnection] = {}
        self.gate = asyncio.Semaphore(_AT_ONCE)

    def attach(self, profile: SipProfile, link: LineLink) -> SipConnection:
        """Serve ``link`` by the connection for ``profile``, which is opened if need be."""
        # A line with a newer password must not wait for, nor disturb, lines that still have the old one.
        key = (*profile.connection_key, profile.auth_username, str(profile.password))
        connection = self._connections.get(key)
        if connection is None:
            connection = self._connections[key] = SipConnection(profile, room=self._room, gate=self.gate)
            connection.add(link, profile)
            connection.start()
        else:
            connection.add(link, profile)
        return connection

    async def detach(self, connection: SipConnection, link: LineLink) -> None:
        """Serve ``link`` no longer; a connection without lines is closed."""
        if connection.lines == {link.line}:
            self._connections = {key: other for key, other in self._connections.items() if other is not connection}
            await connection.stop()
        else:
            connection.remove(link)
