"""Header fields: an ordered multimap, and the value types of the fields that the core reads.

It knows which fields are lists and which may stand once only (RFC 3261, 7.3 and 20); it does not know which fields a
message must have: that is ``messages``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar, overload

from .exceptions import LocalProtocolError, MalformedMessage
from .grammar import TOKEN, Params, format_params, is_token, parse_params, split_list

__all__ = [
    "SINGLE_VALUE",
    "WELL_KNOWN",
    "CSeq",
    "EventHeader",
    "Headers",
    "SubscriptionState",
    "Via",
    "key_of",
    "parse_seconds",
]

T = TypeVar("T")

#: RFC 3261 7.3.3 and the registry of compact forms.
COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

#: Fields whose comma separates values. Authentication fields are not among them (7.3.1).
LISTS = frozenset(
    {
        "accept",
        "accept-contact",
        "accept-encoding",
        "accept-language",
        "alert-info",
        "allow",
        "allow-events",
        "call-info",
        "contact",
        "content-encoding",
        "content-language",
        "diversion",
        "error-info",
        "history-info",
        "in-reply-to",
        "p-asserted-identity",
        "p-preferred-identity",
        "path",
        "proxy-require",
        "reason",
        "record-route",
        "reject-contact",
        "request-disposition",
        "require",
        "route",
        "security-client",
        "security-server",
        "security-verify",
        "service-route",
        "supported",
        "unsupported",
        "via",
        "warning",
    }
)

#: Fields that may stand once in a message; twice makes it malformed (RFC 4475, 3.3.8).
SINGLE_VALUE = frozenset(
    {
        "call-id",
        "content-length",
        "content-type",
        "cseq",
        "event",
        "expires",
        "from",
        "max-forwards",
        "min-expires",
        "refer-to",
        "subscription-state",
        "to",
    }
)

#: Names as they are usually written → key; a first look-up that saves the lower-casing.
WELL_KNOWN = {
    name: name.lower()
    for name in (
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Content-Length",
        "Content-Type",
        "Max-Forwards",
        "Event",
        "Expires",
        "Subscription-State",
        "User-Agent",
        "Server",
        "Allow",
        "Allow-Events",
        "Accept",
        "Supported",
        "Require",
        "Record-Route",
        "Route",
        "Authorization",
        "Proxy-Authorization",
        "WWW-Authenticate",
        "Proxy-Authenticate",
        "Min-Expires",
        "Retry-After",
        "Refer-To",
        "Referred-By",
        "Reason",
    )
}
WELL_KNOWN.update({key: key for key in WELL_KNOWN.values()})
WELL_KNOWN.update(COMPACT)
WELL_KNOWN.update({name.upper(): key for name, key in COMPACT.items()})


def key_of(name: str) -> str:
    """Return the name in lower case and long form."""
    key = WELL_KNOWN.get(name)
    if key is None:
        key = name.lower()
        key = COMPACT.get(key, key)
    return key


_LINE_BREAK = re.compile(r"[\r\n]")


class Headers:
    """Header fields in their order, found by name in any case and in compact form.

    ``get`` and ``get_all`` return *values*: ``Via: a, b`` and two ``Via`` lines are the same thing. Iteration returns
    the lines as they stand. Equality is equality in meaning: the same values under the same names, whatever the order
    of different names. Adding a line break raises ``LocalProtocolError``, so that nothing can be injected.
    """

    __slots__ = ("_items", "_typed", "_values")

    def __init__(self, items: Iterable[tuple[str, object]] = ()) -> None:
        self._items: list[tuple[str, str, str]] = []
        self._values: dict[str, list[str]] = {}
        self._typed: dict[str, object] = {}
        for name, value in items:
            self.add(name, value)

    @classmethod
    def from_parser(cls, items: list[tuple[str, str, str]], values: dict[str, list[str]]) -> Headers:
        """Take over what the message parser has split and checked: (key, name, value), and the values by key."""
        headers = cls.__new__(cls)
        headers._items = items
        headers._values = values
        headers._typed = {}
        return headers

    def add(self, name: str, value: object) -> None:
        """Append one line."""
        text = str(value)
        if not is_token(name):
            raise LocalProtocolError("a header name must be a token")
        if _LINE_BREAK.search(text):
            raise LocalProtocolError(f"the value of {name} contains a line break")
        key = key_of(name)
        self._items.append((key, name, text))
        self._values.setdefault(key, []).append(text)
        self._typed.clear()

    def set(self, name: str, value: object) -> None:
        """Replace all lines of that name by one, at the place of the first."""
        key = key_of(name)
        if key not in self._values:
            self.add(name, value)
            return
        place = next(index for index, item in enumerate(self._items) if item[0] == key)
        self.remove(name)
        self.add(name, value)
        self._items.insert(place, self._items.pop())

    def remove(self, name: str) -> None:
        """Take away all lines of that name, if there are any."""
        key = key_of(name)
        self._items = [item for item in self._items if item[0] != key]
        self._values.pop(key, None)
        self._typed.clear()

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of that name."""
        key = key_of(name)
        values = self._values.get(key)
        if values is None:
            return default
        value = values[0]
        if "," in value and key in LISTS:
            return next(iter(split_list(value)), "")
        return value

    def get_all(self, name: str) -> list[str]:
        """Return all values of that name, in order."""
        key = key_of(name)
        values = self._values.get(key, [])
        if key not in LISTS:
            return values[:]
        return [part for value in values for part in (split_list(value) if "," in value else (value,))]

    def typed(self, key: str, parse: Callable[[str], T]) -> T:
        """Return ``parse(first line)``, remembered until a line changes; ``key`` is the long lower-case name.

        Raises ``MalformedMessage`` if the field is missing or empty.
        """
        value = self._typed.get(key)
        if value is None:
            values = self._values.get(key)
            if values is None or not values[0]:
                raise MalformedMessage(f"{key} is missing")
            value = self._typed[key] = parse(values[0])
        return value  # type: ignore[return-value]

    def typed_list(self, key: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """Return ``parse`` of all values, remembered until a line changes; ``key`` as above."""
        value = self._typed.get(key)
        if value is None:
            value = self._typed[key] = tuple([parse(text) for text in self.get_all(key)])
        return value  # type: ignore[return-value]

    def by_key(self) -> dict[str, list[str]]:
        """Return all values under their long lower-case names."""
        return {key: self.get_all(key) for key in self._values}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and key_of(name) in self._values

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((name, value) for _, name, value in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.by_key() == other.by_key()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({[name for name, _ in self]})"


class CSeq(NamedTuple):
    """RFC 3261, 20.16."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read the value; raise ``MalformedMessage`` if it is none."""
        digits, _, method = text.partition(" ")
        if not digits.isdecimal() or len(digits) > 10 or not digits.isascii() or method not in _METHODS:
            match = _CSEQ.match(text)
            if match is None:
                raise MalformedMessage("CSeq cannot be read")
            digits, method = match.groups()
        number = int(digits)
        # 8.1.1.5: the number is below 2**31.
        if number >= 2**31:
            raise MalformedMessage("CSeq cannot be read")
        return cls(number, method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


#: The methods of every day: known ones need no look at their letters.
_METHODS = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "SUBSCRIBE", "NOTIFY", "REFER", "UPDATE", "INFO"})
_CSEQ = re.compile(rf"(\d{{1,10}})[ \t]++({TOKEN}++)\Z")

#: Via as nearly everybody writes it, first; then with all the blanks that 25.1 allows.
_USUAL_VIA = re.compile(
    r'SIP/2\.0/([A-Z]++) ++([A-Za-z0-9.\-]++)(?::(\d{1,5}))?;branch=([^\s;="]++)(?:;(.*))?\Z', re.DOTALL
)
_VIA = re.compile(
    rf"SIP\s*+/\s*+2\.0\s*+/\s*+({TOKEN}++)\s++(\[[0-9A-Fa-f:.]++\]|[^\s:;,\[\]]++)\s*+(?::\s*+(\d{{1,5}})\s*+)?(;.*)?\Z",
    re.DOTALL | re.IGNORECASE,
)


class Via(NamedTuple):
    """RFC 3261, 20.42: one hop of the way back."""

    transport: str
    host: str
    port: int | None
    params: Params

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one value; raise ``MalformedMessage`` if it is none."""
        usual = _USUAL_VIA.match(text)
        if usual is not None:
            transport, host, port, branch, rest = usual.groups()
            found: dict[str, str | None] = {"branch": branch}
            if rest is not None:
                found |= {**parse_params(rest), **found}
            return cls(transport, host, int(port) if port else None, found)
        match = _VIA.match(text)
        if match is None:
            raise MalformedMessage("Via cannot be read")
        transport, host, port, params = match.groups()
        return cls(transport.upper(), host, int(port) if port else None, parse_params(params[1:]) if params else {})

    @property
    def branch(self) -> str:
        """The branch parameter, empty where an RFC 2543 element sent none."""
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """Host and port in lower case, as 17.2.3 compares them."""
        return (f"{self.host}:{self.port}" if self.port else self.host).lower()

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


class EventHeader(NamedTuple):
    """RFC 6665, 8.2.1: the package and the optional id."""

    package: str
    params: Params

    @classmethod
    def parse(cls, text: str) -> EventHeader:
        """Read the value; raise ``MalformedMessage`` if it is none."""
        package, semicolon, rest = text.partition(";")
        package = package.strip().lower()
        if not is_token(package):
            raise MalformedMessage("Event cannot be read")
        return cls(package, parse_params(rest) if semicolon else {})

    @property
    def id(self) -> str | None:
        """The ``id`` parameter."""
        return self.params.get("id")


class SubscriptionState(NamedTuple):
    """RFC 6665, 8.2.3. ``expires`` and ``retry_after`` in seconds."""

    state: str
    expires: int | None = None
    reason: str | None = None
    retry_after: int | None = None

    @classmethod
    def parse(cls, text: str) -> SubscriptionState:
        """Read the value; raise ``MalformedMessage`` if it is none."""
        state, semicolon, rest = text.partition(";")
        state = state.strip().lower()
        if not is_token(state):
            raise MalformedMessage("Subscription-State cannot be read")
        params = parse_params(rest) if semicolon else {}
        reason = params.get("reason")
        return cls(
            state,
            _optional_seconds(params.get("expires")),
            reason.lower() if reason else None,
            _optional_seconds(params.get("retry-after")),
        )


_SECONDS = re.compile(r"\d++")


def parse_seconds(text: str) -> int:
    """Read delta-seconds; what follows the digits (a comment, parameters) is dropped, as in Retry-After.

    Values above 2**32-1 are taken as 2**32-1 (RFC 3261, 20.19).
    """
    match = _SECONDS.match(text)
    if match is None:
        raise MalformedMessage("a number of seconds cannot be read")
    digits = match[0]
    return min(int(digits), 2**32 - 1) if len(digits) <= 20 else 2**32 - 1


def _optional_seconds(text: str | None) -> int | None:
    return None if text is None else parse_seconds(text)
