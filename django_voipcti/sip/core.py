"""The sans-I/O SIP user agent of one connection.

The driver's contract: after each call that takes ``now``, send what ``data_to_send()`` returns, handle what
``events()`` returns, and arm one timer for ``get_timer()``. ``now`` is a number of seconds on a monotonic clock of the
driver's choice. Constructors send nothing. What comes from the network never raises: it becomes an answer and an event.
What is wrong in a call from our side raises ``LocalProtocolError``.
"""

from __future__ import annotations

from collections.abc import Iterable

from .agent import ALLOW, Agent, Exchange, UserAgentSettings
from .events import Ignored, KeepAliveReceived, RequestAnswered, RequestRejected, SipEvent
from .exceptions import LocalProtocolError, MalformedMessage
from .grammar import is_token
from .ids import IdFactory
from .invite import Invite
from .messages import Request, Response, parse_message
from .subscription import Subscription
from .transactions import Failure, ServerTransaction
from .uri import SipUri

__all__ = ["UserAgentCore", "UserAgentSettings"]


class UserAgentCore:
    """Subscriptions, calls of our own and single requests over one connection."""

    def __init__(self, settings: UserAgentSettings, ids: IdFactory | None = None) -> None:
        self._agent = Agent(settings, IdFactory() if ids is None else ids)

    # -- input

    def receive_message(self, data: bytes | str, now: float) -> None:
        """Take one WebSocket message, text or binary (RFC 7118, 4)."""
        agent = self._agent
        if not data.strip():
            agent.emit(KeepAliveReceived())
            return
        try:
            message = parse_message(data, agent.settings.limits)
            if isinstance(message, Response):
                self._on_response(message, now)
            else:
                self._on_request(message, now)
        except MalformedMessage as error:
            self._refuse(error)

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``."""
        self._agent.timers.run(now)

    def connection_lost(self, now: float) -> None:
        """The connection is gone: everything ends, nothing more can be sent. Use a new core for a new connection."""
        agent = self._agent
        agent.transactions.fail_all(now)
        for usage in list(agent.usages.values()):
            usage.on_connection_lost(now)
        agent.outbox.clear()

    # -- output

    def data_to_send(self) -> list[bytes]:
        """Return the messages to be sent, each one WebSocket message, and forget them."""
        data = self._agent.outbox[:]
        self._agent.outbox.clear()
        return data

    def events(self) -> list[SipEvent]:
        """Return what happened, in order, and forget it."""
        events = self._agent.events[:]
        self._agent.events.clear()
        return events

    def get_timer(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or ``None``."""
        return self._agent.timers.next()

    # -- subscriptions

    def subscribe(
        self,
        uri: str,
        *,
        event: str = "dialog",
        accept: tuple[str, ...] = ("application/dialog-info+xml",),
        expires: int = 300,
        now: float,
    ) -> str:
        """Subscribe to an event package of ``uri`` for ``expires`` seconds, refreshed until it ends; return its id.

        ``expires=0`` fetches the state once. An empty ``accept`` leaves the header out.
        """
        subscription = Subscription(
            self._agent, uri=_checked_uri(uri), package=event, accept=tuple(accept), expires=expires
        )
        subscription.begin(now)
        return subscription.id

    def refresh(self, subscription: str, now: float) -> None:
        """Refresh now, to get the full state again. Nothing happens if the subscription has ended."""
        usage = self._agent.usages.get(subscription)
        if isinstance(usage, Subscription):
            usage.refresh(now)

    def unsubscribe(self, subscription: str, now: float) -> None:
        """End a subscription; ``SubscriptionEnded`` tells when it is done. Nothing happens if it has ended."""
        usage = self._agent.usages.get(subscription)
        if isinstance(usage, Subscription):
            usage.unsubscribe(now)

    def unsubscribe_all(self, now: float) -> None:
        """End all subscriptions."""
        for usage in list(self._agent.usages.values()):
            if isinstance(usage, Subscription):
                usage.unsubscribe(now)

    # -- single requests

    def send_options(self, now: float) -> str:
        """Ask the server for a sign of life."""
        return self.request("OPTIONS", f"sip:{self._agent.settings.domain}", now=now)

    def request(
        self,
        method: str,
        uri: str,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        now: float,
    ) -> str:
        """Send a request outside of any dialog; return its id. INVITE and SUBSCRIBE have methods of their own."""
        if not is_token(method) or method in ("INVITE", "SUBSCRIBE", "ACK", "CANCEL"):
            raise LocalProtocolError("this method cannot be sent as a single request")
        request = _SingleRequest(self._agent, method, _checked_uri(uri), tuple(headers), body)
        request.begin(now)
        return request.id

    # -- calls of our own

    def invite(
        self,
        uri: str,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes | None = None,
        content_type: str = "application/sdp",
        ring_time: float | None = 60.0,
        now: float,
    ) -> str:
        """Call ``uri``; return the id of the INVITE, which is its Call-ID.

        ``body=None`` offers an inactive stream, ``b""`` makes no offer. ``headers`` may ask for auto-answer. After
        ``ring_time`` seconds without an answer it is cancelled (``None``: never).
        """
        invite = Invite(
            self._agent,
            uri=_checked_uri(uri),
            headers=tuple(headers),
            body=body,
            content_type=content_type,
            ring_time=ring_time,
        )
        invite.begin(now)
        return invite.id

    def cancel(self, invite: str, now: float) -> None:
        """Give up a call; if it has been answered meanwhile, hang up. Nothing happens if it has ended."""
        usage = self._agent.usages.get(invite)
        if isinstance(usage, Invite):
            usage.hang_up(now)

    #: Hang up; CANCEL or BYE is a question of the state, and an answer may be on its way while we decide.
    bye = cancel

    def refer(self, invite: str, target: str, now: float) -> int:
        """Ask the other side of an answered call to call ``target``; return the id of the REFER.

        Raises ``LocalProtocolError`` if the call is not answered, or over.
        """
        usage = self._agent.usages.get(invite)
        if not isinstance(usage, Invite):
            raise LocalProtocolError("there is no such call")
        return usage.refer(_checked_uri(target), now)

    # -- what came in

    def _on_response(self, response: Response, now: float) -> None:
        _check_fields(response)
        # 8.1.3.3: more than one Via means that it was not for us.
        if len(response.vias) > 1 or not self._agent.transactions.receive_response(response, now):
            self._agent.emit(Ignored(reason="a response that nobody waits for"))

    def _on_request(self, request: Request, now: float) -> None:
        agent = self._agent
        if request.method == "ACK":
            self._on_ack(request, now)
            return
        _check_fields(request)
        transaction = agent.transactions.find_server(request, request.method)
        if transaction is not None:
            transaction.receive(request, now)
            agent.emit(Ignored(reason="a request that was received before"))
        elif agent.transactions.open_servers >= agent.settings.limits.transactions:
            agent.transactions.send(Response.to(request, 503, to_tag=agent.ids.tag()))
            agent.emit(Ignored(reason="too many open requests", status=503))
        else:
            self._dispatch(agent.transactions.serve(request), request, now)

    def _dispatch(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        agent, method, tag = self._agent, request.method, request.to.tag
        required = request.headers.get_all("Require")
        if request.uri.scheme not in ("sip", "sips"):
            agent.respond(transaction, 416, now)
        elif method == "CANCEL":
            # 9.2: whatever INVITE it is for, we have answered that at once.
            invite = agent.transactions.find_server(request, "INVITE")
            agent.respond(transaction, 481 if invite is None else 200, now)
        elif required:
            agent.respond(transaction, 420, now, headers=[("Unsupported", ", ".join(required))])
        elif tag is not None:
            usage = agent.usages.get(request.call_id)
            if usage is None or usage.local_tag != tag:
                agent.respond(transaction, 481, now)
            else:
                usage.on_request(transaction, request, now)
        else:
            status = _OUTSIDE_OF_DIALOGS.get(method, 405)
            agent.respond(transaction, status, now, headers=[("Allow", ALLOW)])

    def _on_ack(self, request: Request, now: float) -> None:
        agent = self._agent
        transaction = agent.transactions.find_server(request, "INVITE")
        taken = transaction is not None and transaction.receive(request, now)
        usage = agent.usages.get(request.call_id)
        if usage is not None and usage.local_tag == request.to.tag:
            usage.on_ack(request, now)
        elif not taken:
            agent.emit(Ignored(reason="an ACK for no INVITE of theirs"))

    def _refuse(self, error: MalformedMessage) -> None:
        """Answer what can be answered of a malformed message, without a transaction (8.2.7)."""
        answer = error.answer(to_tag=self._agent.ids.tag())
        if answer is not None:
            self._agent.transactions.send(answer)
        self._agent.emit(Ignored(reason=str(error), status=answer.status if answer is not None else None))


class _SingleRequest:
    """A request outside of dialogs, and what becomes of it."""

    def __init__(
        self, agent: Agent, method: str, uri: str, headers: tuple[tuple[str, object], ...], body: bytes
    ) -> None:
        self._agent = agent
        dialog = agent.new_dialog(uri)
        self.id = dialog.call_id
        self._exchange = Exchange(
            agent,
            self,
            method=method,
            uri=uri,
            headers=[*dialog.headers(), ("Contact", agent.contact), *headers],
            body=body,
            next_cseq=dialog.next_cseq,
        )

    def begin(self, now: float) -> None:
        self._exchange.send(now)

    def on_response(self, exchange: Exchange, response: Response, now: float) -> None:
        method, status, reason = exchange.method, response.status, response.reason
        if 200 <= status < 300:
            self._agent.emit(RequestAnswered(request=self.id, method=method, status=status, reason=reason))
        elif status >= 300:
            self._agent.emit(
                RequestRejected(
                    request=self.id, method=method, status=status, reason=reason, retry_after=response.retry_after
                )
            )

    def on_failure(self, exchange: Exchange, failure: Failure, now: float) -> None:
        self._agent.emit(RequestRejected(request=self.id, method=exchange.method, status=None, reason=failure.value))


#: What a request without a To tag gets; 405 for others (8.2.1). We take no calls, and no NOTIFY that nobody asked for.
_OUTSIDE_OF_DIALOGS = {"OPTIONS": 200, "INVITE": 480, "NOTIFY": 481, "BYE": 481, "INFO": 481, "UPDATE": 481}


def _check_fields(message: Request | Response) -> None:
    """Read every field that a usage may read, so that a fault shows before anything has changed."""
    try:
        _ = message.contacts, message.record_routes, message.event, message.subscription_state
        _ = message.expires, message.min_expires, message.retry_after
        if isinstance(message, Request):
            _ = message.uri.scheme
    except MalformedMessage as error:
        error.request = message if isinstance(message, Request) else None
        raise


def _checked_uri(uri: str) -> str:
    try:
        return SipUri.parse(uri)
    except MalformedMessage:
        raise LocalProtocolError("this is no SIP URI") from None
