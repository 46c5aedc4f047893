"""OPTIONS of the VoIPstudio provider: what they are, how they are read, and what is wrong with them.

``api_url``
    Root of the REST interface.
``sip_url``
    Address of the SIP-over-WebSocket server; ``{domain}`` stands for the SIP domain of the user.
``token_name``
    Name of the API token that a login mints. Two installations that serve the same users need different names, since
    minting replaces the token of the same name. The alias by default.
``time_zone``
    Zone of the text dates in webhooks and history, which carry none. Compare a webhook's ``event_time`` with the clock.
``webhook_secret``
    One secret, or a list while it is being changed: ``"user:password"`` as it stands in the address of the webhook, or
    only the password.
``ca_file``
    PEM file with private certificate authorities, trusted in addition to the system's.
``timeout``
    Seconds for a request, the placing of calls excepted.
``transport``
    An ``httpx2.AsyncBaseTransport`` in place of the network, for tests.
"""

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  Django's name for it
from django.core.exceptions import ImproperlyConfigured

from django_voipcti.redaction import Secret

__all__ = ["NAMES", "TOKEN_SECONDS", "Options", "check", "read"]

API_URL = "https://l7api.com/v1.2/voipstudio"
SIP_URL = "wss://{domain}:443"

#: Seconds for which a minted token lives after its last use.
TOKEN_SECONDS = 30 * 24 * 3600

_SHORTEST_SECRET = 16
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """OPTIONS, read and typed."""

    api_url: str
    sip_url: str
    token_name: str
    time_zone: tzinfo
    webhook_secrets: tuple[Secret, ...]
    ca_file: str
    timeout: float
    transport: httpx2.AsyncBaseTransport | None


NAMES = frozenset(
    {"api_url", "sip_url", "token_name", "time_zone", "webhook_secret", "ca_file", "timeout", "transport"}
)


def read(alias: str, values: Mapping[str, Any]) -> Options:
    """The options of ``alias`` with defaults filled in. Raises ``ImproperlyConfigured`` with the first mistake."""
    for message in check(alias, values):
        if message.is_serious():
            raise ImproperlyConfigured(f"{message.msg} {message.hint}")
    return Options(
        api_url=values.get("api_url", API_URL),
        sip_url=values.get("sip_url", SIP_URL),
        token_name=values.get("token_name", f"django_voipcti {alias}"),
        time_zone=zoneinfo.ZoneInfo(values.get("time_zone", "UTC")),
        webhook_secrets=_secrets(values),
        ca_file=str(values.get("ca_file") or ""),
        timeout=float(values.get("timeout", 20.0)),
        transport=values.get("transport"),
    )


def check(alias: str, values: Mapping[str, Any]) -> list[CheckMessage]:
    """Mistakes in OPTIONS as system check messages. Reads no network; looks whether ``ca_file`` is there."""
    where = f"VOIPCTI['PROVIDERS'][{alias!r}]['OPTIONS']"
    problems = (
        *_check_url(values.get("api_url", API_URL), where, name="api_url", secure="https", plain="http"),
        *_check_url(values.get("sip_url", SIP_URL), where, name="sip_url", secure="wss", plain="ws"),
        _check_zone(values.get("time_zone", "UTC"), where),
        _check_timeout(values.get("timeout", 20.0), where),
        _check_ca_file(values.get("ca_file"), where),
        _check_secrets(_secrets(values), where),
    )
    return [problem for problem in problems if problem is not None]


def _check_url(url: Any, where: str, *, name: str, secure: str, plain: str) -> list[CheckMessage]:
    known = {"domain": "domain.invalid"} if name == "sip_url" else {}
    try:
        parts = urlsplit(str(url).format(**known))
        readable = parts.scheme in {secure, plain} and bool(parts.hostname) and parts.port != 0
    except (ValueError, LookupError, AttributeError):
        readable = False
    if not readable:
        return [
            Error(
                f"{where}[{name!r}] is no {secure}:// address.",
                hint=f"Write it as in {SIP_URL if known else API_URL}; no other placeholder is known.",
                id="voipcti.voipstudio.E001",
            )
        ]
    if parts.scheme == plain and parts.hostname not in _LOOPBACK:
        return [
            Warning(
                f"{where}[{name!r}] is not encrypted; tokens and passwords can be read on the way.",
                hint=f"Use {secure}://.",
                id="voipcti.voipstudio.W001",
            )
        ]
    return []


def _check_zone(name: Any, where: str) -> CheckMessage | None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return Error(
            f"{where}['time_zone'] is no time zone: {name!r}.",
            hint="Use a name such as 'Europe/Madrid'.",
            id="voipcti.voipstudio.E002",
        )
    return None


def _check_timeout(seconds: Any, where: str) -> CheckMessage | None:
    try:
        if 0 < float(seconds) < 3600:
            return None
    except (TypeError, ValueError):
        pass
    return Error(
        f"{where}['timeout'] is no number of seconds: {seconds!r}.", hint="Try 20.", id="voipcti.voipstudio.E003"
    )


def _check_ca_file(path: Any, where: str) -> CheckMessage | None:
    if path and not Path(path).is_file():
        return Error(
            f"{where}['ca_file'] names no file: {str(path)!r}.",
            hint="Give the path of a PEM file, or leave it out.",
            id="voipcti.voipstudio.E004",
        )
    return None


def _check_secrets(secrets: tuple[Secret, ...], where: str) -> CheckMessage | None:
    if any(len(secret.rpartition(":")[2]) < _SHORTEST_SECRET for secret in secrets):
        return Warning(
            f"{where}['webhook_secret'] holds a password of less than {_SHORTEST_SECRET} characters.",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(24))'",
            id="voipcti.voipstudio.W002",
        )
    return None


def _secrets(values: Mapping[str, Any]) -> tuple[Secret, ...]:
    given = values.get("webhook_secret") or ()
    listed = (given,) if isinstance(given, str) else tuple(given)
    return tuple(Secret(secret) for secret in listed if secret)
