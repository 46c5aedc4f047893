"""A desk phone that obeys requests from outside its calls, as many real ones do and no free softphone does.

``Event: talk`` and ``Event: hold`` answer, hold and resume; a REFER that names one of its calls (RFC 4538) ends that
call (``method=BYE``) or transfers it. A REFER within a call is obeyed as by every phone: it calls whom that names, and
tells how that goes, ringing included, which softphones leave out. It speaks SIP over UDP, has no sound, and does not
retransmit: loopback loses nothing.
"""

import secrets
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from django_voipcti.sip.dialogs import Dialog
from django_voipcti.sip.digest import Challenge, answer
from django_voipcti.sip.messages import Request, Response, parse_message
from django_voipcti.sip.uri import NameAddr, SipUri

__all__ = ["DeskPhone"]

_SDP = (
    "v=0\r\no=desk {version} {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na={direction}\r\n"
)


@dataclass(slots=True)
class _Leg:
    """One call of the phone's; one that it made itself may have been asked for by the other end of another one."""

    invite: Request
    dialog: Dialog
    state: str = "ringing"
    version: int = 1
    asked_by: "_Leg | None" = None
    refer: int = 0


class DeskPhone:
    """Use as a context manager.

    Args:
        server: UDP port of the SIP server.
        password: of the user, for calls of the phone's own.
        replies: status codes in place of obedience, by method; ``{"REFER": 603}`` refuses to take calls over.
        headers: headers that go with those.
    """

    def __init__(
        self,
        user: str,
        server: int,
        *,
        password: str,
        replies: Mapping[str, int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.user = user
        self._password = password
        #: Every request that came, in order.
        self.received: list[Request] = []
        self._server = ("127.0.0.1", server)
        self._replies = dict(replies or {})
        self._reply_headers = tuple((headers or {}).items())
        self._legs: dict[str, _Leg] = {}
        self._lock = threading.RLock()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        # Nobody listens to what is said.
        self._sound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sound.bind(("127.0.0.1", 0))
        self.contact = f"sip:{user}@127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "DeskPhone":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        # A datagram of our own wakes the thread up.
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()
        self._sound.close()

    # --- what one sees and presses --------------------------------------------------------------------------------

    @property
    def is_ringing(self) -> bool:
        """Whether a call rings in."""
        return self._find("ringing") is not None

    @property
    def is_talking(self) -> bool:
        """Whether a call is established and not held."""
        return self._find("talking") is not None

    @property
    def is_on_hold(self) -> bool:
        """Whether a call is held."""
        return self._find("held") is not None

    def answer(self) -> None:
        """Lift the handset."""
        with self._lock:
            leg = self._find("ringing")
            assert leg is not None, "nothing rings"
            leg.state = "talking"
            self._respond(leg.invite, 200, tag=leg.dialog.local_tag, sdp="sendrecv")

    def hang_up(self) -> None:
        """Put the handset down; declines a call that rings."""
        with self._lock:
            for leg in list(self._legs.values()):
                self._end(leg)

    def _find(self, state: str) -> _Leg | None:
        with self._lock:
            return next((leg for leg in self._legs.values() if leg.state == state), None)

    # --- what comes in --------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        while data := self._socket.recv(65536):
            message = parse_message(data)
            with self._lock:
                if isinstance(message, Request):
                    self.received.append(message)
                    self._on_request(message)
                else:
                    self._on_response(message)

    def _on_request(self, request: Request) -> None:
        leg = self._legs.get(request.call_id)
        if request.method in self._replies:
            self._respond(request, self._replies[request.method], headers=self._reply_headers)
        elif request.method == "INVITE":
            self._ring(request)
        elif request.method == "CANCEL" and leg is not None:
            self._respond(request, 200)
            self._respond(leg.invite, 487, tag=leg.dialog.local_tag)
            del self._legs[request.call_id]
        elif request.method == "BYE":
            self._legs.pop(request.call_id, None)
            self._respond(request, 200)
        elif request.method == "NOTIFY" and leg is not None:
            self._respond(request, 200)
            self._on_progress(leg, request)
        elif request.method == "NOTIFY":
            self._obey_event(request)
        elif request.method == "REFER":
            self._obey_refer(request)
        elif request.method != "ACK":
            self._respond(request, 200)

    def _ring(self, invite: Request) -> None:
        tag = secrets.token_hex(4)
        dialog = Dialog(
            call_id=invite.call_id, local=invite.to.with_tag(tag), remote=invite.from_, target=invite.from_.uri
        )
        dialog.learn(invite, as_caller=False)
        self._legs[invite.call_id] = _Leg(invite, dialog)
        self._respond(invite, 180, tag=tag)

    def _obey_event(self, notify: Request) -> None:
        event = notify.event.package if notify.event is not None else ""
        ringing, talking, held = (self._find(state) for state in ("ringing", "talking", "held"))
        if event not in ("talk", "hold"):
            self._respond(notify, 489)
            return
        self._respond(notify, 200)
        if event == "talk" and ringing is not None:
            self.answer()
        elif event == "talk" and held is not None:
            self._reinvite(held, "talking")
        elif event == "hold" and talking is not None:
            self._reinvite(talking, "held")

    def _obey_refer(self, refer: Request) -> None:
        asking = self._legs.get(refer.call_id)
        if asking is not None:
            self._respond(refer, 202)
            self._dial(NameAddr.parse(refer.headers.get("Refer-To") or "").uri, asking, refer.cseq.number)
            return
        named = (refer.headers.get("Target-Dialog") or "").partition(";")[0]
        leg = self._legs.get(named)
        if leg is None:
            self._respond(refer, 481)
            return
        self._respond(refer, 202)
        target = NameAddr.parse(refer.headers.get("Refer-To") or "").uri
        if target.params.get("method") == "BYE":
            self._end(leg)
        else:
            self._request(leg, "REFER", headers=(("Refer-To", f"<{target}>"),))

    def _on_progress(self, leg: _Leg, notify: Request) -> None:
        """The other side has called whom it was sent to: our part is done."""
        if notify.body.startswith(b"SIP/2.0 2"):
            self._end(leg)

    def _on_response(self, response: Response) -> None:
        if response.cseq.method != "INVITE" or response.status <= 100:
            return
        leg = self._legs[response.call_id]
        if leg.state != "calling":
            self._request(leg, "ACK", number=response.cseq.number)
        elif response.status < 200:
            self._tell(leg, response)
        elif response.status < 300:
            leg.dialog.learn(response, as_caller=True)
            leg.state = "talking"
            self._request(leg, "ACK", number=response.cseq.number)
            self._tell(leg, response)
        else:
            self._acknowledge_refusal(leg, response)

    def _acknowledge_refusal(self, leg: _Leg, response: Response) -> None:
        headers = [("Via", leg.invite.headers.get("Via")), ("Max-Forwards", 70), ("From", response.from_)]
        headers += [("To", response.to), ("Call-ID", response.call_id), ("CSeq", f"{response.cseq.number} ACK")]
        self._send(Request("ACK", leg.invite.uri, headers))
        asked = response.headers.get("Proxy-Authenticate")
        if asked is None or "Proxy-Authorization" in leg.invite.headers:
            del self._legs[response.call_id]
            self._tell(leg, response)
            return
        answered = answer(
            Challenge.parse(asked),
            method="INVITE",
            uri=leg.invite.uri,
            username=self.user,
            password=self._password,
            cnonce=secrets.token_hex(8),
            nonce_count=1,
        )
        self._request(leg, "INVITE", headers=(("Proxy-Authorization", str(answered)),), sdp="sendrecv")

    def _tell(self, leg: _Leg, response: Response) -> None:
        """Tell who asked for a call how it goes (RFC 3515)."""
        if leg.asked_by is None or leg.asked_by.dialog.call_id not in self._legs:
            return
        state = "active;expires=60" if response.status < 200 else "terminated;reason=noresource"
        headers = (("Event", f"refer;id={leg.refer}"), ("Subscription-State", state))
        fragment = f"SIP/2.0 {response.status} {response.reason}\r\n".encode()
        self._request(leg.asked_by, "NOTIFY", headers=(*headers, ("Content-Type", "message/sipfrag")), body=fragment)

    # --- what goes out --------------------------------------------------------------------------------------------

    def _end(self, leg: _Leg) -> None:
        del self._legs[leg.dialog.call_id]
        if leg.state == "ringing":
            self._respond(leg.invite, 603, tag=leg.dialog.local_tag)
        else:
            self._request(leg, "BYE")

    def _dial(self, uri: SipUri, asking: _Leg, refer: int) -> None:
        local = NameAddr.parse(f"<sip:{self.user}@{uri.host}>;tag={secrets.token_hex(4)}")
        dialog = Dialog(call_id=secrets.token_hex(8), local=local, remote=NameAddr.parse(f"<{uri}>"), target=str(uri))
        leg = _Leg(asking.invite, dialog, "calling", asked_by=asking, refer=refer)
        self._legs[dialog.call_id] = leg
        self._request(leg, "INVITE", sdp="sendrecv")

    def _reinvite(self, leg: _Leg, state: str) -> None:
        leg.state = state
        leg.version += 1
        self._request(leg, "INVITE", sdp="sendonly" if state == "held" else "sendrecv", version=leg.version)

    def _request(
        self,
        leg: _Leg,
        method: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        sdp: str = "",
        version: int = 1,
        number: int | None = None,
        body: bytes = b"",
    ) -> None:
        via = f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{secrets.token_hex(6)};rport"
        lines: list[tuple[str, object]] = [("Via", via), ("Max-Forwards", 70), *leg.dialog.headers()]
        lines += [("CSeq", f"{number or leg.dialog.next_cseq()} {method}"), ("Contact", f"<{self.contact}>"), *headers]
        if sdp:
            body = self._body(sdp, version)
            lines.append(("Content-Type", "application/sdp"))
        request = Request(method, SipUri(leg.dialog.request_uri()), lines, body)
        if method == "INVITE":
            leg.invite = request
        self._send(request)

    def _respond(
        self,
        request: Request,
        status: int,
        *,
        tag: str | None = None,
        sdp: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        if request.to.tag is None and tag is None and status > 100:
            tag = secrets.token_hex(4)
        lines: list[tuple[str, object]] = list(headers or (("Contact", f"<{self.contact}>"),))
        body = self._body(sdp, 1)
        if body:
            lines.append(("Content-Type", "application/sdp"))
        self._send(Response.to(request, status, to_tag=tag, headers=lines, body=body))

    def _body(self, direction: str, version: int) -> bytes:
        if not direction:
            return b""
        return _SDP.format(port=self._sound.getsockname()[1], direction=direction, version=version).encode()

    def _send(self, message: Request | Response) -> None:
        self._socket.sendto(message.to_bytes(), self._server)
