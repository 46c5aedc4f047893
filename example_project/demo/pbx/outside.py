"""The people outside: they call in by the trunk, and numbers with a plus arrive at them.

SIP over UDP with a server on loopback, which loses nothing, so nothing is sent twice. Nobody hears anything: the
phones' sound arrives at a socket that is not read.
"""

import asyncio
import re
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from django_voipcti.sip.dialogs import Dialog
from django_voipcti.sip.exceptions import SipError
from django_voipcti.sip.messages import Request, Response, parse_message
from django_voipcti.sip.uri import NameAddr, SipUri

from .server import DOMAIN, HOST

__all__ = ["Outside", "Party"]

#: Host part of the addresses outside; it is in no DNS.
_ABROAD = "trunk.test"
_SDP = (
    "v=0\r\no=outside {version} {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 8\r\na={direction}\r\n"
)
#: What the other side of a stream does (RFC 3264 section 6.1).
_ANSWERS = {"sendonly": "recvonly", "inactive": "inactive", "recvonly": "sendonly"}
_DIRECTION = re.compile(rb"^a=(sendonly|recvonly|inactive)\r?$", re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class Party:
    """Somebody outside with one call."""

    id: int
    number: str
    """With a plus; empty: withheld."""
    name: str
    dialled: str
    """What was dialled, by whoever called."""
    inside: str
    """User name of the phone at the other end."""
    state: str
    """``calling``, ``ringing`` (is called), ``connected``."""
    invite: Request
    dialog: Dialog
    version: int = field(default=1)
    """Of our session description."""
    heard: bool = False
    """Whether the server has answered at all; a CANCEL has to wait for that (RFC 3261 section 9.1)."""
    gave_up: bool = False
    """Whether the caller has hung up before there was an answer."""


class Outside(asyncio.DatagramProtocol):
    """Everybody outside, at one UDP port.

    Args:
        server: SIP port of the server.
        changed: called after every change.
        answer_after: seconds after which people answer by themselves; None: they wait for :meth:`answer`.
    """

    def __init__(self, server: int, *, changed: Callable[[], None], answer_after: float | None = None) -> None:
        self._server = (HOST, server)
        self._changed = changed
        self._answer_after = answer_after
        self._ids = count(1)
        self._parties: dict[str, Party] = {}
        self._sound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._transport: asyncio.DatagramTransport

    async def open(self, port: int) -> None:
        """Be reachable at a port."""
        self._sound.bind((HOST, 0))
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(HOST, port)
        )

    def close(self) -> None:
        """Be gone."""
        self._transport.close()
        self._sound.close()

    @property
    def port(self) -> int:
        """Where they are reached."""
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def parties(self) -> Sequence[Party]:
        """Who is on the line, in order of their calls."""
        return list(self._parties.values())

    # --- what they do ---------------------------------------------------------------------------------------------

    def call(self, number: str, user: str, *, name: str = "") -> Party:
        """Somebody calls a user; an empty number is withheld."""
        who = f"sip:{number}@{_ABROAD}" if number else "sip:anonymous@anonymous.invalid"
        shown = name or ("" if number else "Anonymous")
        target = f"sip:{user}@{DOMAIN}"
        tag = secrets.token_hex(4)
        local = NameAddr.parse(f'"{shown}" <{who}>;tag={tag}' if shown else f"<{who}>;tag={tag}")
        dialog = Dialog(call_id=secrets.token_hex(12), local=local, remote=NameAddr.parse(f"<{target}>"), target=target)
        invite = self._request(dialog, "INVITE", body=self._describe(1, "sendrecv"))
        party = Party(
            id=next(self._ids),
            number=number,
            name=name,
            dialled=user,
            inside=user,
            state="calling",
            invite=invite,
            dialog=dialog,
        )
        self._parties[dialog.call_id] = party
        self._send(invite)
        self._changed()
        return party

    def answer(self, party: Party) -> None:
        """A party that is called answers; does nothing if it is called no more."""
        if party.state != "ringing" or party.dialog.call_id not in self._parties:
            return
        party.state = "connected"
        body = self._describe(party.version, _answer_to(party.invite))
        self._respond(party.invite, 200, tag=party.dialog.local_tag, body=body)
        self._changed()

    def refuse(self, party: Party, status: int) -> None:
        """A party that is called does not want to, or cannot be had."""
        self._respond(party.invite, status, tag=party.dialog.local_tag)
        self._forget(party)

    def hang_up(self, party: Party) -> None:
        """End the call in whatever way its state asks for."""
        if party.state == "ringing":
            self.refuse(party, 480)
        elif party.state == "calling":
            party.gave_up = True
            if party.heard:
                self._cancel(party)
        else:
            self._send(self._request(party.dialog, "BYE"))
            self._forget(party)

    # --- what happens to them -------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take one message; what is no SIP is nobody's call."""
        try:
            message = parse_message(data)
        except SipError:
            return
        party = self._parties.get(message.call_id)
        if isinstance(message, Response):
            self._on_response(party, message)
        else:
            self._on_request(party, message)

    def _on_response(self, party: Party | None, response: Response) -> None:
        if party is None or response.cseq.method != "INVITE":
            return
        if response.status < 200:
            if party.gave_up and not party.heard:
                self._cancel(party)
            party.heard = True
        elif response.status < 300:
            party.dialog.learn(response, as_caller=True)
            self._send(self._request(party.dialog, "ACK", number=response.cseq.number))
            party.state = "connected"
            if party.gave_up:
                # The phone was quicker than our CANCEL.
                self.hang_up(party)
            self._changed()
        else:
            self._send(_of_the_invite(party.invite, "ACK", to=response.to))
            self._forget(party)

    def _on_request(self, party: Party | None, request: Request) -> None:
        if request.method == "INVITE":
            self._on_invite(party, request)
        elif request.method == "CANCEL" and party is not None and party.state == "ringing":
            self._respond(request, 200)
            self.refuse(party, 487)
        elif request.method == "BYE":
            self._respond(request, 200)
            if party is not None:
                self._forget(party)
        elif request.method == "REFER":
            # They stay with whom they talk to.
            self._respond(request, 603)
        elif request.method != "ACK":
            self._respond(request, 200)

    def _on_invite(self, party: Party | None, invite: Request) -> None:
        if party is None:
            self._ring(invite)
        elif invite.to.tag is not None:
            # The phone holds or resumes.
            party.version += 1
            self._respond(invite, 200, body=self._describe(party.version, _answer_to(invite)))

    def _ring(self, invite: Request) -> None:
        local = invite.to.with_tag(secrets.token_hex(4))
        dialog = Dialog(call_id=invite.call_id, local=local, remote=invite.from_, target=invite.from_.uri)
        dialog.learn(invite, as_caller=False)
        number = invite.uri.user or ""
        party = Party(
            id=next(self._ids),
            number=number,
            name="",
            dialled=number,
            inside=invite.from_.uri.user or "",
            state="ringing",
            invite=invite,
            dialog=dialog,
        )
        self._parties[invite.call_id] = party
        self._respond(invite, 180, tag=dialog.local_tag)
        if self._answer_after is not None:
            asyncio.get_running_loop().call_later(self._answer_after, self.answer, party)
        self._changed()

    def _forget(self, party: Party) -> None:
        self._parties.pop(party.dialog.call_id, None)
        self._changed()

    # --- messages -------------------------------------------------------------------------------------------------

    @property
    def _here(self) -> str:
        return f"{HOST}:{self.port}"

    def _cancel(self, party: Party) -> None:
        self._send(_of_the_invite(party.invite, "CANCEL"))

    def _request(self, dialog: Dialog, method: str, *, number: int | None = None, body: bytes = b"") -> Request:
        via = f"SIP/2.0/UDP {self._here};branch=z9hG4bK{secrets.token_hex(8)};rport"
        lines: list[tuple[str, object]] = [("Via", via), ("Max-Forwards", 70), *dialog.headers()]
        lines += [("CSeq", f"{number or dialog.next_cseq()} {method}"), self._contact(dialog.local)]
        if body:
            lines.append(("Content-Type", "application/sdp"))
        return Request(method, SipUri(dialog.request_uri()), lines, body)

    def _respond(self, request: Request, status: int, *, tag: str | None = None, body: bytes = b"") -> None:
        if tag is None and request.to.tag is None:
            tag = secrets.token_hex(4)
        lines: list[tuple[str, object]] = [self._contact(request.to)]
        if body:
            lines.append(("Content-Type", "application/sdp"))
        self._send(Response.to(request, status, to_tag=tag, headers=lines, body=body))

    def _contact(self, who: NameAddr) -> tuple[str, object]:
        return "Contact", f"<sip:{who.uri.user}@{self._here}>"

    def _describe(self, version: int, direction: str) -> bytes:
        port = self._sound.getsockname()[1]
        return _SDP.format(version=version, host=HOST, port=port, direction=direction).encode()

    def _send(self, message: Request | Response) -> None:
        self._transport.sendto(message.to_bytes(), self._server)


def _answer_to(offer: Request) -> str:
    """The direction that answers an offer's."""
    found = _DIRECTION.search(offer.body)
    return _ANSWERS[found[1].decode()] if found else "sendrecv"


def _of_the_invite(invite: Request, method: str, *, to: NameAddr | None = None) -> Request:
    """CANCEL, or ACK of a refusal: of the INVITE's own transaction (RFC 3261 sections 9.1 and 17.1.1.3)."""
    lines: list[tuple[str, object]] = [
        ("Via", invite.headers.get("Via")),
        ("Max-Forwards", 70),
        ("From", invite.from_),
        ("To", to or invite.to),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} {method}"),
    ]
    return Request(method, invite.uri, lines)
