"""What the core tells its driver: frozen facts, compared with ``==`` in tests.

A subscription and an INVITE are named by their Call-ID. Bodies and URIs are left out of ``repr``, so that an event can
be logged with ``%r``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "AuthenticationFailed",
    "Ignored",
    "InviteAnswered",
    "InviteEnded",
    "InviteFailed",
    "InviteProgress",
    "KeepAliveReceived",
    "NotifyReceived",
    "ReferAccepted",
    "ReferEnded",
    "ReferProgress",
    "RequestAnswered",
    "RequestRejected",
    "RequestServed",
    "SipEvent",
    "SubscriptionActive",
    "SubscriptionEnded",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SipEvent:
    """The base of all events."""


# -- subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionActive(SipEvent):
    """The server accepted a SUBSCRIBE, the first or a refresh. A NOTIFY may come before it."""

    #: Call-ID of the subscription.
    subscription: str
    #: Granted time in seconds.
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyReceived(SipEvent):
    """A NOTIFY of a subscription, in the order of its CSeq, unless it is ``late``."""

    subscription: str
    #: The event package, in lower case.
    package: str
    #: The media type in lower case; empty if there is no body.
    content_type: str
    body: bytes = field(repr=False)
    #: CSeq number of the NOTIFY.
    cseq: int
    #: ``active``, ``pending`` or ``terminated``.
    state: str
    #: Remaining time in seconds, if the notifier tells.
    expires: int | None = None
    #: A NOTIFY that was sent after this one came before it: it tells what has been, not how things stand.
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEnded(SipEvent):
    """A subscription is over; the core does not renew it.

    ``reason`` is one of RFC 6665's (deactivated, probation, rejected, timeout, giveup, noresource, invariant) or one of
    ours: ``unsubscribed``, ``fetched``, ``expired`` (not refreshed in time), ``gone`` (481), ``refused``,
    ``unavailable``, ``unauthorized``, ``no-answer``, ``no-notify``, ``connection-lost``.
    """

    subscription: str
    reason: str
    #: Does it make sense to subscribe again without a change on either side?
    retryable: bool
    #: Seconds to wait before that, if the server tells.
    retry_after: int | None = None
    #: The status code that ended it, if a response did.
    status: int | None = None


# -- requests


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationFailed(SipEvent):
    """A challenge could not be answered, or the answer was not taken. Another event tells what ended by it."""

    #: Call-ID of the request.
    request: str
    realm: str
    #: 401 or 407.
    status: int
    #: ``rejected`` (wrong user or password), ``unsupported`` (algorithm, qop, scheme) or ``no-password``.
    why: Literal["rejected", "unsupported", "no-password"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswered(SipEvent):
    """A request made with ``UserAgentCore.request`` got a 2xx."""

    #: Call-ID of the request.
    request: str
    method: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRejected(SipEvent):
    """A request made with ``UserAgentCore.request`` was refused or not answered."""

    #: Call-ID of the request.
    request: str
    method: str
    #: Status code of the answer, ``None`` if there was none.
    status: int | None
    #: Reason phrase, or ``timeout``, ``connection-lost``, ``unauthorized``.
    reason: str
    #: Seconds, from Retry-After.
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestServed(SipEvent):
    """A request of theirs that is no NOTIFY of a subscription was answered."""

    method: str
    #: Our status code.
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAliveReceived(SipEvent):
    """A frame of nothing but line ends came (RFC 5626, 4.4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored(SipEvent):
    """Something came that was dropped, or refused because it is malformed."""

    #: A sentence without any of the received text.
    reason: str
    #: The status code of our refusal, if there was one.
    status: int | None = None


# -- INVITE and REFER


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteProgress(SipEvent):
    """A provisional response above 100."""

    #: Call-ID of the INVITE, which dialog-info documents show as the call-id of our own leg.
    invite: str
    status: int
    reason: str
    #: To tag of the early dialog; forks differ in it.
    to_tag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteAnswered(SipEvent):
    """The other side answered and got its ACK."""

    invite: str
    #: Session description of the other side.
    body: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteFailed(SipEvent):
    """The INVITE came to nothing."""

    invite: str
    #: Status code of the answer, ``None`` if there was none.
    status: int | None
    #: Reason phrase, or ``timeout``, ``connection-lost``, ``unauthorized``.
    reason: str
    #: We cancelled it.
    cancelled: bool = False
    #: Where a 3xx points to, most wanted first. The core does not follow it.
    targets: tuple[str, ...] = field(repr=False, default=())
    #: Seconds, from Retry-After.
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteEnded(SipEvent):
    """An answered INVITE is over."""

    invite: str
    #: ``local`` (our BYE), ``remote`` (theirs) or ``failure`` (the connection).
    by: Literal["local", "remote", "failure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferAccepted(SipEvent):
    """The other side is willing to call whom we named; its first NOTIFY may come before this."""

    invite: str
    #: Id of the REFER: its CSeq number.
    refer: int
    #: 200 or 202.
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferProgress(SipEvent):
    """A NOTIFY told of a provisional response to the referred request."""

    invite: str
    refer: int
    status: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferEnded(SipEvent):
    """The REFER is over; comes once for each."""

    invite: str
    refer: int
    #: Final status code of the referred request, or of the REFER itself if ``refused``; ``None`` if nobody told.
    status: int | None
    #: Reason phrase; or ``timeout``, ``connection-lost``, ``unauthorized``, or the reason of the last NOTIFY.
    reason: str
    #: The other side did not take the REFER.
    refused: bool = False
