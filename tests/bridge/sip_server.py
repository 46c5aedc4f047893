"""A SIP-over-WebSocket server that does what a test tells it, faults included, which the simulator is too good for."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from django_voipcti.sip.digest import Challenge, Credentials, verify
from django_voipcti.sip.messages import Request, Response, parse_message

CHALLENGE = Challenge.parse('Digest realm="pbx.example", nonce="n1", qop="auth", algorithm=MD5')


@dataclass
class Subscriber:
    """One accepted subscription."""

    socket: ServerConnection
    request: Request
    uri: str
    cseq: int = 0
    version: int = -1
    ended: bool = False


@dataclass
class SipServer:
    """Accepts subscriptions, sends what `notify` is given, and keeps what it received in `requests`."""

    port: int = 0
    #: User to password; None challenges nobody.
    passwords: dict[str, str] | None = None
    #: URI to status and headers of a refusal.
    refusals: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    #: What `process_request` of websockets does with the handshake.
    handshake: Callable[..., Any] | None = None
    subprotocols: tuple[str, ...] | None = ("sip",)
    ssl_context: ssl.SSLContext | None = None
    expires: int = 300
    #: Called with each request that is no SUBSCRIBE; returns the response or None for silence.
    on_request: Callable[[Request], Response | None] = field(default=lambda request: Response.to(request, 200))

    def __post_init__(self) -> None:
        self.requests: list[Request] = []
        self.subscribers: dict[str, Subscriber] = {}
        self.sockets: set[ServerConnection] = set()
        self.documents: dict[str, str] = {}
        self.accepted = 0
        #: SUBSCRIBEs that wait for :meth:`release`, while it is a list.
        self.held: list[tuple[ServerConnection, Request]] | None = None
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"{'wss' if self.ssl_context else 'ws'}://127.0.0.1:{self.port}/sip"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=self.subprotocols,
            process_request=self.handshake,
            ssl=self.ssl_context,
            compression=None,
            close_timeout=1,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go away, subscriptions forgotten, as a restart does."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._server = None
        self.subscribers.clear()

    def cut(self) -> None:
        """Cut every connection without a word."""
        for socket in self.sockets:
            socket.transport.abort()

    async def release(self) -> None:
        """Answer what was held until now, and go on holding."""
        held, self.held = self.held or [], []
        for socket, request in held:
            await self._answer(socket, request)

    def live(self, uri: str | None = None) -> list[Subscriber]:
        """Subscriptions that a NOTIFY reaches."""
        return [
            s for s in self.subscribers.values() if not s.ended and s.socket in self.sockets and uri in {None, s.uri}
        ]

    async def notify(
        self, uri: str, *dialogs: str, state: str = "full", version: int | None = None, cseq: int | None = None
    ) -> None:
        """Send a document to all subscribers of `uri`; the same one comes first in later subscriptions."""
        self.documents[uri] = "".join(dialogs)
        for subscriber in self.live(uri):
            await self._notify(subscriber, state=state, version=version, cseq=cseq)

    async def _serve(self, socket: ServerConnection) -> None:
        self.sockets.add(socket)
        self.accepted += 1
        try:
            async for frame in socket:
                message = parse_message(frame)
                if isinstance(message, Request):
                    self.requests.append(message)
                    if self.held is not None and message.method == "SUBSCRIBE":
                        self.held.append((socket, message))
                    else:
                        await self._answer(socket, message)
        except ConnectionClosed:
            pass
        finally:
            self.sockets.discard(socket)

    async def _answer(self, socket: ServerConnection, request: Request) -> None:
        if not self._is_known(request):
            headers = [("WWW-Authenticate", CHALLENGE)]
            await self._send(socket, Response.to(request, 401, to_tag="t", headers=headers))
        elif request.method != "SUBSCRIBE":
            response = self.on_request(request)
            if response is not None:
                await self._send(socket, response)
        else:
            await self._subscribe(socket, request)

    def _is_known(self, request: Request) -> bool:
        if self.passwords is None:
            return True
        header = request.headers.get("Authorization")
        if header is None:
            return False
        credentials = Credentials.parse(header)
        user = credentials.username
        password = self.passwords.get(user)
        return password is not None and verify(
            credentials, CHALLENGE, method=request.method, username=user, password=password
        )

    async def _subscribe(self, socket: ServerConnection, request: Request) -> None:
        uri = f"sip:{request.to.uri.user}@{request.to.uri.host}"
        if uri in self.refusals:
            status, headers = self.refusals[uri]
            await self._send(socket, Response.to(request, status, to_tag="t", headers=headers.items()))
            return
        wanted = request.expires or 0
        subscriber = self.subscribers.setdefault(request.call_id, Subscriber(socket, request, uri))
        headers = [("Expires", min(wanted, self.expires)), ("Contact", "<sip:server@127.0.0.1;transport=ws>")]
        await self._send(socket, Response.to(request, 200, to_tag="server", headers=headers))
        subscriber.ended = wanted == 0
        await self._notify(subscriber)

    async def _notify(
        self, subscriber: Subscriber, *, state: str = "full", version: int | None = None, cseq: int | None = None
    ) -> None:
        subscriber.version = subscriber.version + 1 if version is None else version
        subscriber.cseq = subscriber.cseq + 1 if cseq is None else cseq
        dialogs = self.documents.get(subscriber.uri)
        body = b""
        if dialogs is not None:
            body = (
                f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{subscriber.version}" '
                f'state="{state}" entity="{subscriber.uri}">{dialogs}</dialog-info>'
            ).encode()
        request = subscriber.request
        headers = [
            ("Via", f"SIP/2.0/WS 127.0.0.1:{self.port};branch=z9hG4bK{id(subscriber):x}.{subscriber.cseq}"),
            ("Max-Forwards", 70),
            ("From", f"<{subscriber.uri}>;tag=server"),
            ("To", request.headers.get("From")),
            ("Call-ID", request.call_id),
            ("CSeq", f"{subscriber.cseq} NOTIFY"),
            ("Contact", "<sip:server@127.0.0.1;transport=ws>"),
            ("Event", "dialog"),
            ("Subscription-State", "terminated;reason=timeout" if subscriber.ended else "active;expires=300"),
        ]
        if body:
            headers.append(("Content-Type", "application/dialog-info+xml"))
        await self._send(subscriber.socket, Request("NOTIFY", str(request.contact.uri), headers, body))

    async def _send(self, socket: ServerConnection, message: Request | Response) -> None:
        try:
            await socket.send(message.to_bytes(), text=True)
        except ConnectionClosed:
            await asyncio.sleep(0)
