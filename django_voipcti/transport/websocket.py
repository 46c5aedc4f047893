"""Opening a SIP WebSocket (RFC 7118): the same for bridge, login and connection test."""

import asyncio
import logging
import socket as sockets
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import NegotiationError, WebSocketException
from websockets.typing import Subprotocol

from .. import __version__
from ..sip.core import UserAgentCore, UserAgentSettings
from .profile import SipProfile

__all__ = ["new_core", "open_socket"]

# Frames are logged at DEBUG by the library, complete with numbers and digests: never, whatever the host configures.
_wire_logger = logging.getLogger(f"{__name__}.frames")
_wire_logger.setLevel(logging.INFO)

#: Seconds for name, TCP, TLS and handshake together.
_OPEN_TIMEOUT = 10.0
#: Largest message in bytes: a dialog-info document of the largest size that is read, with its headers.
_MAX_MESSAGE = 300_000
_PRODUCT = f"django-voipcti/{__version__}"


class _Socket(ClientConnection):
    """Keeps what cut the connection: with TLS 1.3 a server may want a certificate after we believed to be connected."""

    cut_by: Exception | None = None
    on_secured: Callable[[asyncio.BaseTransport], None] | None = None

    def connection_made(self, transport: Any) -> None:
        if self.on_secured is not None:
            self.on_secured(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.cut_by = exc
        super().connection_lost(exc)


async def open_socket(
    profile: SipProfile,
    *,
    sock: sockets.socket | None = None,
    on_secured: Callable[[asyncio.BaseTransport], None] | None = None,
) -> ClientConnection:
    """Connect to the server of ``profile`` until it has agreed to speak SIP.

    Args:
        sock: a connection that is there already; is closed if this fails.
        on_secured: called with the transport when TLS is there (with ``ws://``: when TCP is), before the WebSocket is.

    Raises:
        OSError: name, TCP or TLS failed. ``WebSocketException``: the server opens no WebSocket, or none for SIP.
    """
    made: list[_Socket] = []

    def create(*arguments: Any, **options: Any) -> _Socket:
        made.append(_Socket(*arguments, **options))
        made[-1].on_secured = on_secured
        return made[-1]

    options = _options(profile) if sock is None else _options(profile) | {"sock": sock}
    try:
        opened = await connect(profile.url, create_connection=create, **options)  # type: ignore[arg-type]  # only called
    except WebSocketException as error:
        # Else the library says only that there was no answer.
        if made and isinstance(made[-1].cut_by, OSError):
            raise made[-1].cut_by from error
        raise
    if opened.subprotocol != "sip":
        await opened.close(1002)
        raise NegotiationError("the server did not agree to the subprotocol sip")
    return opened


def _options(profile: SipProfile) -> dict[str, Any]:
    """How every SIP WebSocket is opened."""
    options: dict[str, Any] = {
        "subprotocols": [Subprotocol("sip")],
        # RFC 7692 would cost 33 kB for each connection and gain nothing on messages of this size.
        "compression": None,
        "proxy": None,
        "open_timeout": _OPEN_TIMEOUT,
        "close_timeout": 2.0,
        "ping_interval": profile.ping_interval,
        "ping_timeout": profile.ping_interval,
        "max_size": _MAX_MESSAGE,
        "user_agent_header": _PRODUCT,
        "logger": _wire_logger,
    }
    # Absent, the library verifies against the system's store; None would mean no TLS.
    return options if profile.ssl_context is None else options | {"ssl": profile.ssl_context}


def new_core(profile: SipProfile) -> UserAgentCore:
    """The SIP user agent for one connection of ``profile``."""
    return UserAgentCore(
        UserAgentSettings(
            user=profile.username,
            domain=profile.domain,
            auth_user=profile.auth_username or None,
            password=str(profile.password),
            user_agent=_PRODUCT,
            via_transport="WSS" if profile.url.startswith("wss:") else "WS",
        )
    )
