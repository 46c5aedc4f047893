"""SIP messages: parse, read, build, write (RFC 3261, 7; RFC 7118: one WebSocket message is one SIP message).

What ``parse_message`` returns has a readable Via, From, To, Call-ID and CSeq; the other typed accessors raise
``MalformedMessage`` when what stands there cannot be read. It does not decide what an answer should be, beyond the
status code that a malformed message deserves.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, overload

from .exceptions import MalformedMessage
from .grammar import TOKEN, is_token
from .headers import SINGLE_VALUE, WELL_KNOWN, CSeq, EventHeader, Headers, SubscriptionState, Via, key_of, parse_seconds
from .uri import NameAddr, SipUri

__all__ = ["DEFAULT_LIMITS", "REASONS", "Limits", "Message", "Request", "Response", "parse_message"]

#: Default reason phrases (RFC 3261, 21, and the registry).
REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    200: "OK", 202: "Accepted", 300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
    423: "Interval Too Brief", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending", 500: "Server Internal Error",
    501: "Not Implemented", 503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported",
    513: "Message Too Large", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a message may cost before it is refused."""

    #: Bytes in one message, body included.
    message_size: int = 300_000
    #: Header lines in one message.
    header_count: int = 128
    #: Characters in one header line, after unfolding.
    header_size: int = 8192
    #: Server transactions that may be open at a time; a request above it is answered with 503.
    transactions: int = 1024


DEFAULT_LIMITS = Limits()


class Message(ABC):
    """What requests and responses share. ``body`` is bytes; ``headers`` may be changed, and the accessors follow."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: Headers | Iterable[tuple[str, object]] = (), body: bytes = b"") -> None:
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body

    # -- fields that parse_message has checked

    @property
    def call_id(self) -> str:
        """Call-ID, compared byte by byte (20.8)."""
        return self.headers.typed("call-id", str)

    @property
    def cseq(self) -> CSeq:
        """CSeq as (number, method)."""
        return self.headers.typed("cseq", CSeq.parse)

    @property
    def from_(self) -> NameAddr:
        """From."""
        return self.headers.typed("from", NameAddr.parse)

    @property
    def to(self) -> NameAddr:
        """To."""
        return self.headers.typed("to", NameAddr.parse)

    @property
    def vias(self) -> tuple[Via, ...]:
        """All Via values, topmost first."""
        return self.headers.typed_list("via", Via.parse)

    @property
    def via(self) -> Via:
        """The topmost Via."""
        return self.vias[0]

    # -- fields that may be missing

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contact values; ``Contact: *`` is none."""
        return () if self.headers.get("contact") == "*" else self.headers.typed_list("contact", NameAddr.parse)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """All Record-Route values, topmost first."""
        return self.headers.typed_list("record-route", NameAddr.parse)

    @property
    def event(self) -> EventHeader | None:
        """Event (RFC 6665)."""
        return self.headers.typed("event", EventHeader.parse) if "event" in self.headers else None

    @property
    def subscription_state(self) -> SubscriptionState | None:
        """Subscription-State (RFC 6665)."""
        if "subscription-state" not in self.headers:
            return None
        return self.headers.typed("subscription-state", SubscriptionState.parse)

    @property
    def expires(self) -> int | None:
        """Expires, in seconds."""
        return self._seconds("expires")

    @property
    def min_expires(self) -> int | None:
        """Min-Expires, in seconds."""
        return self._seconds("min-expires")

    @property
    def retry_after(self) -> int | None:
        """Retry-After, in seconds."""
        return self._seconds("retry-after")

    @property
    def content_type(self) -> str | None:
        """The media type in lower case, without its parameters."""
        value = self.headers.get("content-type")
        return None if value is None else value.partition(";")[0].strip().lower()

    def _seconds(self, name: str) -> int | None:
        return self.headers.typed(name, parse_seconds) if name in self.headers else None

    # -- writing

    @abstractmethod
    def start_line(self) -> str:
        """The first line, without its line end."""

    def to_bytes(self) -> bytes:
        """Write the message; Content-Length is always the length of the body in bytes."""
        lines = [self.start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers if key_of(name) != "content-length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def __eq__(self, other: object) -> bool:
        """Equal in meaning: same start line, same fields, same body."""
        if type(self) is not type(other) or not isinstance(other, Message):
            return False
        mine, theirs = self.headers.by_key(), other.headers.by_key()
        mine.pop("content-length", None)
        theirs.pop("content-length", None)
        return (self.start_line(), mine, self.body) == (other.start_line(), theirs, other.body)

    __hash__ = None  # type: ignore[assignment]


class Request(Message):
    """A request. ``uri`` is the Request-URI; its parts are read when asked for."""

    __slots__ = ("method", "uri")

    def __init__(
        self, method: str, uri: str, headers: Headers | Iterable[tuple[str, object]] = (), body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri = SipUri(uri)

    def start_line(self) -> str:
        """``METHOD uri SIP/2.0``."""
        return f"{self.method} {str.__str__(self.uri)} SIP/2.0"

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri!r} {self.headers!r} body={len(self.body)} bytes>"


class ResponseBuilder(Protocol):
    """The signature of ``Response.to``."""

    def __call__(
        self,
        request: Request,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
    ) -> Response:
        """Build the response to a request."""


class _To:
    """``Response.to(request, 200)`` builds the response *to a request*; ``response.to`` reads the *To header*."""

    @overload
    def __get__(self, instance: None, owner: type[Response]) -> ResponseBuilder: ...
    @overload
    def __get__(self, instance: Response, owner: type[Response]) -> NameAddr: ...
    def __get__(self, instance: Response | None, owner: type[Response]) -> ResponseBuilder | NameAddr:
        return _respond if instance is None else instance.headers.typed("to", NameAddr.parse)


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    to = _To()

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Headers | Iterable[tuple[str, object]] = (),
        body: bytes = b"",
    ) -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = REASONS.get(status, "Unknown") if reason is None else reason

    def start_line(self) -> str:
        """``SIP/2.0 200 OK``."""
        return f"SIP/2.0 {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.headers!r} body={len(self.body)} bytes>"


def _respond(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, object]] = (),
    body: bytes = b"",
) -> Response:
    """Build a response after 8.2.6.2 and 12.1.1: with Via, From, To, Call-ID, CSeq, for a dialog also Record-Route.

    ``to_tag`` is added where To has no tag yet. Lines are copied as they stand, so that even a request whose fields
    cannot be read can be refused.
    """
    copied = Headers()
    for name, value in request.headers:
        key = key_of(name)
        if key == "to" and to_tag is not None and status > 100 and not _HAS_TAG.search(value):
            value = f"{value};tag={to_tag}"
        elif key not in _COPIED and not (key == "record-route" and 100 < status < 300):
            continue
        copied.add(name, value)
    for name, given in headers:
        copied.add(name, given)
    return Response(status, reason, copied, body)


_COPIED = frozenset({"via", "from", "to", "call-id", "cseq"})
_HAS_TAG = re.compile(r";\s*+tag\s*+=", re.IGNORECASE)


_FOLD = re.compile(r"[ \t]*+\r\n[ \t]++")
_REQUEST_LINE = re.compile(rf"({TOKEN}++) ([A-Za-z][A-Za-z0-9+.\-]*+:[^\s<>\"]++) SIP/(\d++\.\d++)\Z", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/(\d++\.\d++) ([1-6]\d\d)(?: (.*))?\Z", re.IGNORECASE | re.DOTALL)


def parse_message(data: bytes | str, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Read one whole message, as one WebSocket frame carries it.

    Header bytes that are not UTF-8 survive a round trip (surrogate escapes). Leading empty lines are skipped (7.5).
    Without Content-Length the body is the rest of the frame; a longer frame is cut there, a shorter one is malformed.
    Raises ``MalformedMessage``, whose ``answer()`` refuses a request where that is possible.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    first_line, lines, body = _split(data, limits)
    if (status_line := _STATUS_LINE.match(first_line)) is not None:
        version, status, reason = status_line.groups("")
        headers = _parse_headers(lines, limits)
        return Response(int(status), reason, headers, _checked_body(headers, version, body))
    request_line = _REQUEST_LINE.match(first_line)
    if request_line is None:
        raise MalformedMessage(
            "the start line is neither a request line nor a status line", request=_salvage(first_line, lines, limits)
        )
    method, uri, version = request_line.groups()
    try:
        headers = _parse_headers(lines, limits)
        body = _checked_body(headers, version, body)
        if headers.typed("cseq", CSeq.parse).method != method:
            raise MalformedMessage("CSeq names another method than the request line")
    except MalformedMessage as error:
        error.request = Request(method, uri, _readable_headers(lines, limits))
        raise
    return Request(method, uri, headers, body)


def _split(data: bytes, limits: Limits) -> tuple[str, list[str], bytes]:
    """Return start line, unfolded header lines and the rest; no line has CR or LF in it."""
    if len(data) > limits.message_size:
        raise MalformedMessage("the message is larger than the limit", status=513)
    if data[:2] == b"\r\n":
        data = data.lstrip(b"\r\n")
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        raise MalformedMessage("the header has no end")
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        raise MalformedMessage("the header has a lone CR or LF")
    if breaks > limits.header_count * 2:
        raise MalformedMessage("the message has more header lines than the limit", status=513)
    if "\n " in text or "\n\t" in text:
        lines = _FOLD.sub(" ", text).split("\r\n")
    return lines.pop(0), lines, body


def _parse_headers(lines: list[str], limits: Limits) -> Headers:
    if len(lines) > limits.header_count:
        raise MalformedMessage("the message has more header lines than the limit", status=513)
    items: list[tuple[str, str, str]] = []
    values: dict[str, list[str]] = {}
    longest = limits.header_size
    for line in lines:
        name, colon, value = line.partition(":")
        key = WELL_KNOWN.get(name)
        if key is None:
            # 25.1, HCOLON: blanks may stand between the name and the colon.
            name = name.rstrip(" \t")
            key = key_of(name) if is_token(name) else ""
        if not colon or not key or len(line) > longest:
            raise MalformedMessage("a header line cannot be read")
        value = value.strip()
        items.append((key, name, value))
        if key not in values:
            values[key] = [value]
        elif key in SINGLE_VALUE:
            raise MalformedMessage(f"{key} stands twice")
        else:
            values[key].append(value)
    return Headers.from_parser(items, values)


def _readable_headers(lines: list[str], limits: Limits) -> Headers:
    """What of a malformed message can be copied into the answer: each line that is sound, single fields once."""
    headers = Headers()
    for line in lines[: limits.header_count]:
        with suppress(MalformedMessage):
            for name, value in _parse_headers([line], limits):
                if name not in headers or key_of(name) not in SINGLE_VALUE:
                    headers.add(name, value)
    return headers


_LENGTH = re.compile(r"\d{1,10}\Z")


def _checked_body(headers: Headers, version: str, body: bytes) -> bytes:
    """Check version and mandatory fields (8.1.1), then cut the body to Content-Length (18.3)."""
    if version != "2.0":
        raise MalformedMessage("the SIP version is not 2.0", status=505)
    if not headers.typed_list("via", Via.parse):
        raise MalformedMessage("via is missing")
    headers.typed("from", NameAddr.parse)
    headers.typed("to", NameAddr.parse)
    headers.typed("call-id", str)
    headers.typed("cseq", CSeq.parse)
    length = headers.get("content-length")
    if length is None:
        return body
    if not _LENGTH.match(length):
        raise MalformedMessage("Content-Length cannot be read")
    if int(length) > len(body):
        raise MalformedMessage("the body is shorter than Content-Length")
    return body[: int(length)]


_LOOKS_LIKE_REQUEST = re.compile(rf"\s*+({TOKEN}++)\s.*\sSIP/\d", re.IGNORECASE | re.DOTALL)


def _salvage(first_line: str, lines: list[str], limits: Limits) -> Request | None:
    """Make an answerable request of one whose request line cannot be read."""
    match = _LOOKS_LIKE_REQUEST.match(first_line)
    if match is None or match[1].upper().startswith("SIP/"):
        return None
    return Request(match[1], "sip:unreadable.invalid", _readable_headers(lines, limits))
