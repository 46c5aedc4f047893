"""A line at a SIP server: what its login asks for, what it is given, and what a connection test says about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from ...exceptions import AuthenticationFailed, ProviderRejected, ProviderUnavailable
from ..base import LoginField, ProbeStep, StepOutcome
from .options import Options, is_websocket_address

__all__ = ["judge", "login_fields", "read_server", "read_user"]

#: Steps of a connection test that may go well another time without a change of ours.
_WAY = frozenset({"name", "tcp", "tls", "websocket"})

#: Longest key of a line.
_LONGEST_USER = 190


def login_fields(options: Options, line: Mapping[str, Any]) -> Sequence[LoginField]:
    """User and password, and the server where that is not settled by the OPTIONS."""
    fields = []
    if options.lines_choose_server or not options.url or line.get("url") or line.get("domain"):
        fields += [
            LoginField(
                name="url",
                label=_("Server address"),
                initial=str(line.get("url") or options.url),
                help_text=_(
                    "SIP over WebSocket: wss://pbx.example.com:8443/ws. With ws:// the password is safe, but whoever "
                    "can listen on the way sees who calls whom."
                ),
            ),
            LoginField(
                name="domain",
                label=_("Domain"),
                initial=str(line.get("domain") or options.domain),
                help_text=_("The part after the @ in the addresses of the server's users."),
            ),
        ]
    return [
        *fields,
        LoginField(name="username", label=_("User name"), help_text=_("The part before the @, for example 1001.")),
        LoginField(name="password", label=_("Password"), secret=True),
    ]


def read_server(options: Options, given: Mapping[str, str]) -> dict[str, str]:
    """The line's own server as it was entered; empty values stand for the one of the OPTIONS.

    Raises :exc:`ProviderRejected` for an address that is none.
    """
    url = given.get("url", "").strip() or options.url
    domain = given.get("domain", "").strip().lower() or options.domain
    if not url:
        raise ProviderRejected(_("No SIP server is set. Enter one, or ask your administrator to log your line in."))
    if not is_websocket_address(url):
        raise ProviderRejected(_("The server address is not one of the form wss://host:port/path. Correct it."))
    if not domain or any(character in domain for character in "@/:;<> "):
        raise ProviderRejected(_("The domain is not one. Enter the part after the @ in the server's addresses."))
    if (url, domain) == (options.url, options.domain):
        return {"url": "", "domain": ""}
    return {"url": url, "domain": domain}


def read_user(username: str, domain: str) -> str:
    """The user part of what was entered, which may be a complete address of the domain."""
    user = username.removeprefix("sip:").removesuffix(f"@{domain}")
    if not user or "@" in user or len(user) > _LONGEST_USER:
        raise ProviderRejected(_("The user name is not one of this domain. Enter the part before the @."))
    return user


def judge(steps: Sequence[ProbeStep], *, login_only: bool = False) -> None:
    """Raise what the first step that failed means; nothing if all went well.

    Args:
        login_only: only whether user name and password are proven to be right counts. Where a server refuses before it
            looks at them they are not.
    """
    proven = any(step.name == "login" and step.outcome is StepOutcome.OK for step in steps)
    failed = next((step for step in steps if step.failed), None)
    if failed is None or (login_only and proven):
        return
    words = f"{failed.sentence} {failed.advice}".strip()
    if "login" in failed.name:
        raise AuthenticationFailed(words)
    raise ProviderUnavailable(words) if failed.name in _WAY else ProviderRejected(words)
