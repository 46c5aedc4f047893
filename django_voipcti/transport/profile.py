"""How to reach a server as one of its users: the whole of what the transport needs to know."""

import ipaddress
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..redaction import Secret

__all__ = ["SipProfile", "is_loopback"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SipProfile:
    """How the bridge connects for a line, and what it subscribes to."""

    url: str
    """``wss://host:port/path`` or ``ws://...`` of the provider's SIP-over-WebSocket server (RFC 7118)."""
    domain: str
    """Host part of addresses of record."""
    username: str
    """User part of the From address; also the digest user unless ``auth_username`` is set."""
    password: Secret
    auth_username: str = ""
    watch: tuple[str, ...] = ()
    """SIP URIs whose dialogs show this line's calls."""
    expires: int = 300
    """Seconds asked for each subscription."""
    ping_interval: float | None = 20.0
    """Seconds between WebSocket pings; None sends none."""
    ssl_context: ssl.SSLContext | None = None
    """None verifies against the system's store."""

    @property
    def connection_key(self) -> tuple[str, str, str]:
        """Lines with the same key share one WebSocket and one authentication."""
        return (self.url, self.domain, self.username)

    @property
    def host(self) -> str:
        """The server with its port as written in the address, for people and logs."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def is_loopback(host: str) -> bool:
    """Whether a host part surely means this machine, so that nobody can listen on the way."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
