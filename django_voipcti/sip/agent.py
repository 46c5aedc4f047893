"""What all usages (subscription, INVITE, single requests) share: identity, queues, timers, transactions, digest.

``UserAgentCore`` owns one ``Agent``; usages get it handed over. Nothing here decides anything about calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from .authentication import Attempts, Authenticator
from .dialogs import Dialog
from .events import AuthenticationFailed, RequestServed, SipEvent
from .exceptions import LocalProtocolError
from .headers import Headers
from .ids import IdFactory
from .messages import DEFAULT_LIMITS, Limits, Request, Response
from .timers import TimerQueue, Timing
from .transactions import ClientTransaction, Failure, ServerTransaction, TransactionLayer
from .uri import NameAddr, SipUri, escape_user

__all__ = ["ALLOW", "Agent", "Exchange", "RequestUser", "Usage", "UserAgentSettings"]

#: What we take from others; UPDATE and INVITE within a dialog only.
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, UPDATE, INFO"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAgentSettings:
    """Who we are on this connection."""

    #: User part of our address-of-record, unescaped.
    user: str = field(repr=False)
    #: Domain of our address-of-record, which is also the realm's usual home.
    domain: str
    #: User name for digest, if it differs from ``user``.
    auth_user: str | None = field(default=None, repr=False)
    #: ``None`` if there is none: then a challenge ends the request.
    password: str | None = field(default=None, repr=False)
    display_name: str = field(default="", repr=False)
    #: The User-Agent header.
    user_agent: str = "django_voipcti"
    #: Via transport: ``WSS`` for wss://, ``WS`` for ws://.
    via_transport: str = "WSS"
    #: User part of our Contact; made up if ``None``.
    contact_user: str | None = None
    #: Host in Via and Contact; made up under ``.invalid`` if ``None`` (RFC 7118, 5).
    contact_host: str | None = None
    #: Answer known challenges before they are asked again.
    preemptive_auth: bool = True
    limits: Limits = DEFAULT_LIMITS
    #: Does the transport deliver every message, once? True for WebSocket.
    reliable: bool = True
    #: Round-trip estimate in seconds; a request without answer fails after 64 of them.
    t1: float = 0.5

    def __post_init__(self) -> None:
        if not self.user or not self.domain:
            raise LocalProtocolError("a user agent needs a user and a domain")
        if self.via_transport not in ("WS", "WSS", "TCP", "TLS", "UDP"):
            raise LocalProtocolError("via_transport must be WS, WSS, TCP, TLS or UDP")


class RequestUser(Protocol):
    """Who made a request, and hears of its fate."""

    def on_response(self, exchange: Exchange, response: Response, now: float) -> None:
        """Take a provisional or final response; a 401 or 407 only after ``give_up``."""

    def on_failure(self, exchange: Exchange, failure: Failure, now: float) -> None:
        """Learn that there is no final response."""


class Usage(RequestUser, Protocol):
    """Something that lives in a dialog."""

    @property
    def local_tag(self) -> str:
        """Our tag; the Call-ID is what a usage is kept under."""

    def on_request(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """Answer a request of theirs within the dialog."""

    def on_ack(self, request: Request, now: float) -> None:
        """Take the ACK for a 2xx of ours."""

    def on_connection_lost(self, now: float) -> None:
        """End."""


class Exchange:
    """A request of ours with everything that is needed to send it again after a challenge."""

    def __init__(
        self,
        agent: Agent,
        user: RequestUser,
        *,
        method: str,
        uri: str,
        headers: Iterable[tuple[str, object]],
        body: bytes = b"",
        next_cseq: Callable[[], int],
    ) -> None:
        self.method = method
        #: What was sent last; there from :meth:`send` on.
        self.request: Request
        self._agent = agent
        self._user = user
        self._uri = uri
        self._headers = tuple(headers)
        self._body = body
        self._next_cseq = next_cseq
        self._attempts = Attempts()
        self._given_up = False
        self._transaction: ClientTransaction

    def send(self, now: float) -> Request:
        """Send the request, the first time or again, with a new branch and CSeq (8.1.3.5)."""
        agent = self._agent
        headers = Headers([("Via", agent.new_via()), ("Max-Forwards", 70), *self._headers])
        headers.add("CSeq", f"{self._next_cseq()} {self.method}")
        headers.add("User-Agent", agent.settings.user_agent)
        request = self.request = Request(self.method, self._uri, headers, self._body)
        agent.authenticator.sign(request, self._attempts)
        self._transaction = agent.transactions.request(request, self, now)
        return request

    def give_up(self) -> None:
        """Answer no more challenges: the next final response is the last one, whatever it is."""
        self._given_up = True

    def abandon(self, now: float) -> None:
        """Wait no longer for the final response (9.1)."""
        self._transaction.abandon(now)

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Answer challenges; hand everything else to the user."""
        if response.status not in (401, 407) or self._given_up:
            self._user.on_response(self, response, now)
            return
        refusal = self._agent.authenticator.learn(response, self._attempts)
        if refusal is None:
            self.send(now)
            return
        self._agent.emit(
            AuthenticationFailed(
                request=transaction.request.call_id, realm=refusal.realm, status=response.status, why=refusal.why
            )
        )
        self._user.on_failure(self, Failure.UNAUTHORIZED, now)

    def on_failure(self, transaction: ClientTransaction, failure: Failure, now: float) -> None:
        """Hand it to the user."""
        self._user.on_failure(self, failure, now)


class Agent:
    """The common ground of the usages of one connection."""

    def __init__(self, settings: UserAgentSettings, ids: IdFactory) -> None:
        self.settings = settings
        self.ids = ids
        self.outbox: list[bytes] = []
        self.events: list[SipEvent] = []
        #: By Call-ID, which is ours and therefore unique.
        self.usages: dict[str, Usage] = {}
        self.timers = TimerQueue()
        self.timing = Timing(t1=settings.t1, reliable=settings.reliable)
        self.transactions = TransactionLayer(timing=self.timing, timers=self.timers, outbox=self.outbox)
        self.authenticator = Authenticator(
            username=settings.auth_user or settings.user,
            password=settings.password,
            ids=ids,
            preemptive=settings.preemptive_auth,
        )
        self._host = settings.contact_host or ids.host()
        transport = "ws" if settings.via_transport in ("WS", "WSS") else settings.via_transport.lower()
        self.contact = NameAddr(
            "",
            SipUri.build(
                user=escape_user(settings.contact_user or ids.contact_user()),
                host=self._host,
                # RFC 7118 5.2.1: "ws" stands for both, secure or not.
                params={"transport": transport},
            ),
            {},
        )
        self.address = SipUri.build(user=escape_user(settings.user), host=settings.domain)

    def new_via(self) -> str:
        """A Via for a new transaction."""
        return f"SIP/2.0/{self.settings.via_transport} {self._host};branch={self.ids.branch()}"

    def identity(self) -> NameAddr:
        """A From with a new tag."""
        return NameAddr(self.settings.display_name, self.address, {"tag": self.ids.tag()})

    def new_dialog(self, uri: str) -> Dialog:
        """Begin a dialog with ``uri``, which must be one; it has no other side yet."""
        target = SipUri.parse(uri)
        return Dialog(call_id=self.ids.call_id(), local=self.identity(), remote=NameAddr("", target, {}), target=target)

    def emit(self, event: SipEvent) -> None:
        """Queue an event."""
        self.events.append(event)

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        now: float,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        quiet: bool = False,
    ) -> Response:
        """Answer a request of theirs, and tell unless ``quiet``; return the response."""
        request = transaction.request
        to_tag = self.ids.tag() if request.to.tag is None else None
        all_headers = [*headers, ("User-Agent", self.settings.user_agent)]
        response = Response.to(request, status, to_tag=to_tag, headers=all_headers, body=body)
        transaction.respond(response, now)
        if not quiet:
            self.emit(RequestServed(method=request.method, status=status))
        return response
