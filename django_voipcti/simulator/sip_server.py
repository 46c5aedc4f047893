"""SIP over WebSocket (RFC 7118): authentication, SUBSCRIBE and its refusals. No REGISTER, no calls."""

import asyncio
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from django_voipcti.sip import digest
from django_voipcti.sip.exceptions import MalformedMessage
from django_voipcti.sip.ids import IdFactory
from django_voipcti.sip.messages import Request, Response, parse_message

from .scenario import User
from .state import Platform
from .subscriptions import Subscription, Subscriptions

__all__ = ["SipConnection", "SipServer"]

_ALLOW = "SUBSCRIBE, NOTIFY, OPTIONS"
_MAX_FRAME = 65536
#: Seconds for which a nonce may be used.
_NONCE_SECONDS = 300.0


class SipConnection:
    """One WebSocket. What it sends is queued, so that the engine never waits for a slow client."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.transport = request.transport
        self.host = request.host
        self.via = f"SIP/2.0/{'WSS' if request.secure else 'WS'} {request.host}"
        self.user: User | None = None
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()

    def send(self, frame: bytes) -> None:
        """Send one SIP message as one text frame."""
        self._frames.put_nowait(frame)

    async def write(self) -> None:
        """Send what is queued, for as long as the socket lives."""
        while True:
            frame = await self._frames.get()
            try:
                await self.socket.send_str(frame.decode("utf-8", "replace"))
            except ConnectionError:
                return

    def abort(self) -> None:
        """Cut the TCP connection without a closing handshake."""
        if self.transport is not None:
            self.transport.abort()


@dataclass(frozen=True, slots=True)
class _Refusal(Exception):
    status: int
    headers: tuple[tuple[str, object], ...] = ()


class SipServer:
    """Answers SIP requests for all WebSockets of the platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ids = IdFactory()
        self._nonces: dict[str, float] = {}
        self.connections: set[SipConnection] = set()
        self.subscriptions = Subscriptions(platform, self._ids)
        platform.on_reset.append(self._reset)

    def _reset(self) -> None:
        self.subscriptions.close()
        self.drop_all()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket until it ends."""
        if self._platform.faults.refuse_sockets:
            raise web.HTTPServiceUnavailable(text="Simulated fault")
        offered = {item.strip() for item in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
        if "sip" not in offered:
            raise web.HTTPBadRequest(text="The WebSocket subprotocol 'sip' is required (RFC 7118).")
        socket = web.WebSocketResponse(protocols=("sip",), compress=False, max_msg_size=_MAX_FRAME)
        await socket.prepare(request)
        connection = SipConnection(socket, request)
        self.connections.add(connection)
        writer = asyncio.create_task(connection.write())
        try:
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    self.receive(connection, message.data)
        finally:
            writer.cancel()
            self.connections.discard(connection)
            if not self._platform.behaviour.keep_subscriptions:
                self.subscriptions.drop(connection)
        return socket

    def drop_all(self) -> None:
        """Cut every WebSocket."""
        for connection in tuple(self.connections):
            connection.abort()

    async def close(self) -> None:
        """Close every WebSocket in good order."""
        self.subscriptions.close()
        for connection in tuple(self.connections):
            await connection.socket.close(code=WSCloseCode.GOING_AWAY)

    def receive(self, connection: SipConnection, data: str | bytes) -> None:
        """Take one frame."""
        if self._platform.faults.silent_sip:
            return
        text = data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")
        if not text.strip("\r\n"):
            # RFC 5626, 3.5.1: a double CRLF asks for a single one.
            if text == "\r\n\r\n":
                connection.send(b"\r\n")
            return
        try:
            message = parse_message(data)
        except MalformedMessage as error:
            response = error.answer(to_tag=self._ids.tag())
            if response is not None:
                connection.send(response.to_bytes())
            return
        if isinstance(message, Response):
            self.subscriptions.answered(message)
        elif message.method != "ACK":
            self._answer(connection, message)

    def _answer(self, connection: SipConnection, request: Request) -> None:
        try:
            if request.method == "OPTIONS":
                raise _Refusal(200, (("Allow", _ALLOW), ("Allow-Events", "dialog")))
            if request.method != "SUBSCRIBE":
                raise _Refusal(405, (("Allow", _ALLOW),))
            self._subscribe(connection, request)
        except MalformedMessage as error:
            self._respond(connection, request, error.status)
        except _Refusal as refusal:
            self._respond(connection, request, refusal.status, refusal.headers)

    def _respond(
        self,
        connection: SipConnection,
        request: Request,
        status: int,
        headers: tuple[tuple[str, object], ...] = (),
        *,
        tag: str | None = None,
    ) -> None:
        server: tuple[str, object] = ("Server", "VoIPstudio simulator")
        response = Response.to(request, status, to_tag=tag or self._ids.tag(), headers=(*headers, server))
        connection.send(response.to_bytes())

    # --- SUBSCRIBE ----------------------------------------------------------------------------------------------

    def _subscribe(self, connection: SipConnection, request: Request) -> None:
        if self._platform.faults.refuse_sip:
            raise _Refusal(self._platform.faults.refuse_sip)
        event = request.event
        if event is None or event.package != "dialog":
            raise _Refusal(489, (("Allow-Events", "dialog"),))
        if request.to.tag is not None:
            self._refresh(connection, request)
            return
        user = self._authenticate(request)
        node = self._node(request, user)
        seconds = self._expires(request)
        contact = request.contact
        if contact is None:
            raise _Refusal(400)
        connection.user = user
        tag = self._ids.tag()
        subscription = Subscription(
            node=node,
            watcher=connection,
            local=str(request.to.with_tag(tag)),
            local_tag=tag,
            remote=request.headers.get("From", ""),
            call_id=request.call_id,
            target=str.__str__(contact.uri),
            contact=f"<sip:{node}@{connection.host};transport=ws>",
            event=request.headers.get("Event", "dialog"),
            remote_cseq=request.cseq.number,
        )
        self.subscriptions.add(subscription)
        self._grant(connection, request, subscription, seconds)

    def _refresh(self, connection: SipConnection, request: Request) -> None:
        subscription = self.subscriptions.find(request.call_id, request.to.tag)
        if subscription is None:
            raise _Refusal(481)
        # RFC 3261, 12.2.2: requests of a dialog come in order.
        if request.cseq.number <= subscription.remote_cseq:
            raise _Refusal(500)
        subscription.remote_cseq = request.cseq.number
        if self._platform.behaviour.challenge_refreshes:
            self._authenticate(request)
        seconds = self._expires(request)
        if request.contact is not None:
            subscription.target = str.__str__(request.contact.uri)
        # A client may carry its dialogs over to a new socket.
        subscription.watcher = connection
        self._grant(connection, request, subscription, seconds)

    def _grant(self, connection: SipConnection, request: Request, subscription: Subscription, seconds: int) -> None:
        headers: tuple[tuple[str, object], ...] = (("Expires", seconds), ("Contact", subscription.contact))
        self._respond(connection, request, 200, headers, tag=subscription.local_tag)
        self.subscriptions.grant(subscription, seconds)
        self._platform.engine.touch()

    def _expires(self, request: Request) -> int:
        behaviour = self._platform.behaviour
        seconds = behaviour.expires_max if request.expires is None else request.expires
        if 0 < seconds < behaviour.expires_min:
            raise _Refusal(423, (("Min-Expires", behaviour.expires_min),))
        return min(seconds, behaviour.expires_max)

    def _node(self, request: Request, user: User) -> str:
        if request.uri.host != self._platform.scenario.sip_domain:
            raise _Refusal(404)
        name = request.uri.user or ""
        if self._platform.engine.directory.node(name) is None:
            raise _Refusal(404)
        if name != str(user.id) and not self._platform.behaviour.watch_others:
            raise _Refusal(403)
        return name

    # --- digest -------------------------------------------------------------------------------------------------

    def _authenticate(self, request: Request) -> User:
        """The user behind a request; raises the challenge, or 403 for one who is not who he says."""
        behaviour = self._platform.behaviour
        field = "Authorization" if behaviour.challenge_status == 401 else "Proxy-Authorization"
        given = request.headers.get(field)
        if given is None:
            raise self._challenge()
        credentials = digest.Credentials.parse(given)
        issued = self._nonces.get(credentials.nonce)
        if issued is None or self._platform.clock.time() - issued > _NONCE_SECONDS:
            raise self._challenge(stale=True)
        user = next((item for item in self._platform.scenario.users if str(item.id) == credentials.username), None)
        right = user is not None and digest.verify(
            credentials,
            self._make_challenge(credentials.nonce),
            method=request.method,
            username=str(user.id),
            password=user.digest_password,
        )
        if user is None or not right or credentials.uri != request.uri:
            raise self._challenge()
        if request.from_.uri.user != credentials.username:
            raise _Refusal(403)
        return user

    def _make_challenge(self, nonce: str, *, stale: bool = False) -> digest.Challenge:
        behaviour = self._platform.behaviour
        return digest.Challenge(
            realm=behaviour.realm or self._platform.scenario.sip_domain,
            nonce=nonce,
            algorithm=behaviour.digest_algorithm,
            qop=(behaviour.digest_qop,) if behaviour.digest_qop else (),
            stale=stale,
        )

    def _challenge(self, *, stale: bool = False) -> _Refusal:
        now = self._platform.clock.time()
        self._nonces = {nonce: issued for nonce, issued in self._nonces.items() if now - issued <= _NONCE_SECONDS}
        nonce = self._ids.nonce()
        self._nonces[nonce] = now
        status = self._platform.behaviour.challenge_status
        field = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        return _Refusal(status, ((field, self._make_challenge(nonce, stale=stale)),))
