"""SIP URIs and the name-addr form that wraps them (RFC 3261, 19.1 and 20.10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import quote as quote_percent

from .exceptions import LocalProtocolError, MalformedMessage
from .grammar import Params, format_params, is_token, parse_params, quote, unquote

__all__ = ["NameAddr", "SipUri", "escape_user"]


def escape_user(text: str) -> str:
    """Escape what may not stand in the user part of a SIP URI (19.1.2)."""
    return quote_percent(text, safe="-_.!~*'()&=+$,;?/")


# Scheme, then no blanks, no angle brackets, no quotes: enough to be safe to send on; the parts are read on demand.
_URI = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*+:[^\s<>"]++\Z')
_SIP_REST = re.compile(
    r"(?:(?P<user>[^@:]*+)(?::(?P<password>[^@]*+))?@)?(?P<host>\[[0-9A-Fa-f:.]++\]|[^\[\]@:;?]++)(?::(?P<port>\d{1,5}))?"
    r"(?P<params>(?:;[^?]*+)?)(?:\?(?P<headers>.*))?\Z",
    re.DOTALL,
)


class _Parts(NamedTuple):
    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    params: Params
    headers: str


class SipUri(str):
    """A URI as it stood on the wire, with its parts read when asked for.

    It is a ``str``, so it can be sent, compared and stored as it is; ``repr`` masks the user part, because that is a
    phone number more often than not. Any scheme may be held: for other schemes than ``sip`` and ``sips``, ``user`` is
    what follows the colon and ``host`` is empty (``tel:+44...``). Equality is by text; :meth:`matches` is 19.1.4.
    """

    __slots__ = ("_parts",)
    _parts: _Parts

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check the text and return it as a URI; raise ``MalformedMessage`` if it is none."""
        if not _URI.match(text):
            raise MalformedMessage("a URI cannot be read")
        return cls(text)

    @classmethod
    def build(
        cls, *, host: str, user: str | None = None, port: int | None = None, params: Params | None = None
    ) -> Self:
        """Put a ``sip:`` URI together; the user part must be escaped already.

        Raises ``LocalProtocolError`` if that gives no URI.
        """
        text = f"sip:{user}@{host}" if user is not None else f"sip:{host}"
        if port is not None:
            text += f":{port}"
        text += format_params(params or {})
        if not _URI.match(text):
            raise LocalProtocolError("user, host and parameters give no SIP URI")
        return cls(text)

    def _split(self) -> _Parts:
        try:
            return self._parts
        except AttributeError:
            self._parts = parts = self._read()
            return parts

    def _read(self) -> _Parts:
        scheme, _, rest = self.partition(":")
        scheme = scheme.lower()
        if scheme not in ("sip", "sips"):
            subscriber, _, params = rest.partition(";")
            return _Parts(scheme, subscriber, None, "", None, parse_params(params) if params else {}, "")
        match = _SIP_REST.match(rest)
        if match is None:
            raise MalformedMessage("a SIP URI cannot be read")
        port = match["port"]
        if port is not None and int(port) > 65535:
            raise MalformedMessage("a SIP URI has a port above 65535")
        params = match["params"]
        return _Parts(
            scheme,
            match["user"],
            match["password"],
            match["host"].lower(),
            int(port) if port is not None else None,
            parse_params(params[1:]) if params else {},
            match["headers"] or "",
        )

    @property
    def scheme(self) -> str:
        """The scheme in lower case."""
        return self._split().scheme

    @property
    def user(self) -> str | None:
        """The user part, escapes left as they are."""
        return self._split().user

    @property
    def password(self) -> str | None:
        """The password part, which nobody should use (19.1.1)."""
        return self._split().password

    @property
    def host(self) -> str:
        """The host in lower case; IPv6 with its brackets."""
        return self._split().host

    @property
    def port(self) -> int | None:
        """The port, if one is written."""
        return self._split().port

    @property
    def params(self) -> Params:
        """The URI parameters, names in lower case."""
        return self._split().params

    @property
    def headers(self) -> str:
        """What follows the question mark, unread."""
        return self._split().headers

    def matches(self, other: str) -> bool:
        """Compare after 19.1.4 as far as scheme, user, password, host, port and the four parameters that must agree."""
        mine, theirs = self._split(), SipUri(other)._split()
        if mine[:5] != theirs[:5]:
            return False
        for name in ("user", "ttl", "method", "maddr", "transport"):
            left, right = mine.params.get(name), theirs.params.get(name)
            if (left or "").lower() != (right or "").lower():
                return False
        return True

    def __repr__(self) -> str:
        scheme, colon, rest = self.partition(":")
        user, at, host = rest.rpartition("@")
        if not at:
            user, host = (rest, "") if scheme.lower() not in ("sip", "sips") else ("", rest)
        shown = f"{'*' * 3}{user[-2:]}" if len(user) > 4 else "***" if user else ""
        return f"SipUri('{scheme}{colon}{shown}{at}{host}')"


class NameAddr(NamedTuple):
    """``"Display" <uri>;params``, as in From, To, Contact, Route and Refer-To."""

    display: str
    uri: SipUri
    params: Mapping[str, str | None]

    @staticmethod
    def parse(text: str) -> NameAddr:
        """Read one value; raise ``MalformedMessage`` if it is none.

        From, To and Contact of one dialog come again with each of its messages: short values are remembered, and what
        is returned is shared, so ``params`` must not be changed.
        """
        return _remembered(text) if len(text) <= 200 else NameAddr.parse_anew(text)

    @staticmethod
    def parse_anew(text: str) -> NameAddr:
        """The same, without remembering."""
        usual = _USUAL.match(text)
        if usual is not None:
            display, uri, tag = usual.groups("")
            return NameAddr(display, SipUri(uri), {"tag": tag} if tag else {})
        text = text.strip()
        display = ""
        if text[:1] == '"':
            end = _end_of_quotes(text)
            display, text = unquote(text[:end]), text[end:].lstrip()
            if text[:1] != "<":
                raise MalformedMessage("a display name is not followed by a URI in angle brackets")
        start = text.find("<")
        if start < 0:
            # 20.10: without angle brackets a semicolon starts header parameters, and "," and "?" are forbidden.
            uri, _, rest = text.partition(";")
            uri = uri.rstrip()
            if "?" in uri or "," in uri:
                raise MalformedMessage("a URI with a comma or question mark is not enclosed in angle brackets")
            rest = ";" + rest if _ else ""
        else:
            end = text.find(">", start)
            if end < 0:
                raise MalformedMessage("an angle bracket is not closed")
            if start:
                display = " ".join(text[:start].split())
                if '"' in display:
                    raise MalformedMessage("a display name has unbalanced quotes")
            uri, rest = text[start + 1 : end].strip(), text[end + 1 :].strip()
        if rest and rest[0] != ";":
            raise MalformedMessage("a URI in angle brackets is followed by something else than parameters")
        return NameAddr(display, SipUri.parse(uri), parse_params(rest[1:]) if rest else {})

    @property
    def tag(self) -> str | None:
        """The ``tag`` parameter (19.3)."""
        return self.params.get("tag")

    def with_tag(self, tag: str) -> NameAddr:
        """The same value with another tag."""
        return NameAddr(self.display, self.uri, {**self.params, "tag": tag})

    def __str__(self) -> str:
        display = self.display
        if display:
            display = f"{display if is_token(display) else quote(display)} "
        return f"{display}<{str.__str__(self.uri)}>{format_params(self.params)}"

    def __repr__(self) -> str:
        return f"NameAddr({self.uri!r}, params={list(self.params)})"


#: A value as most messages have it in From and To: at most a display name without escapes, at most a tag.
_USUAL = re.compile(r'(?:"([^"\\]*+)"\s*+)?<([A-Za-z][A-Za-z0-9+.\-]*+:[^\s<>"]++)>(?:;tag=([^\s;="]++))?\Z')
_remembered = lru_cache(maxsize=4096)(NameAddr.parse_anew)
_QUOTED_PREFIX = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def _end_of_quotes(text: str) -> int:
    match = _QUOTED_PREFIX.match(text)
    if match is None:
        raise MalformedMessage("a display name has unbalanced quotes")
    return match.end()
