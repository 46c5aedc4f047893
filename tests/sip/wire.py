"""In-memory wires for the SIP core: two cores joined, and a far end that is driven by hand."""

import re

from django_voipcti.sip.core import UserAgentCore, UserAgentSettings
from django_voipcti.sip.events import SipEvent
from django_voipcti.sip.headers import Headers
from django_voipcti.sip.ids import SequentialIds
from django_voipcti.sip.messages import Request, Response, parse_message

DOMAIN = "pbx.example.com"
CHALLENGE = 'Digest realm="pbx.example.com", nonce="n1", qop="auth"'


def make_core(prefix: str = "", **settings: object) -> UserAgentCore:
    """A core for alice, with identifiers that count."""
    values: dict[str, object] = {"user": "alice", "domain": DOMAIN, "password": "secret"}
    return UserAgentCore(UserAgentSettings(**{**values, **settings}), SequentialIds(prefix))  # type: ignore[arg-type]


class ConnectionPair:
    """Two cores; ``run`` carries messages both ways until neither has anything to say."""

    def __init__(self, **settings: object) -> None:
        self.now = 0.0
        self.left = make_core("l-", **settings)
        self.right = make_core("r-", user="bob", **settings)
        self.carried: list[bytes] = []

    def run(self) -> tuple[list[SipEvent], list[SipEvent]]:
        """Return the events of both."""
        moved = True
        while moved:
            moved = False
            for sender, receiver in ((self.left, self.right), (self.right, self.left)):
                for data in sender.data_to_send():
                    moved = True
                    self.carried.append(data)
                    receiver.receive_message(data, self.now)
        return self.left.events(), self.right.events()


class FarEnd:
    """What stands at the other end of a core's wire: it reads what the core sends, and speaks when told to.

    ``now`` is the one clock of the test.
    """

    def __init__(self, core: UserAgentCore | None = None, **settings: object) -> None:
        self.core = make_core(**settings) if core is None else core
        self.now = 0.0
        self.branches = 0
        self.cseq = 0
        self.tag = "far"

    # -- reading

    def messages(self) -> list[Request | Response]:
        """All that the core has sent since the last look."""
        return [parse_message(data) for data in self.core.data_to_send()]

    def request(self, method: str) -> Request:
        """The one message that the core has sent, which must be this request."""
        (message,) = self.messages()
        assert isinstance(message, Request)
        assert message.method == method
        return message

    def response(self) -> Response:
        """The one message that the core has sent, which must be a response."""
        (message,) = self.messages()
        assert isinstance(message, Response)
        return message

    def nothing(self) -> None:
        """The core must not have sent anything."""
        assert self.core.data_to_send() == []

    def events(self) -> list[SipEvent]:
        """The core's events since the last look."""
        return self.core.events()

    # -- speaking

    def send(self, message: Request | Response | bytes | str) -> list[SipEvent]:
        """Let the core have a message; return its events."""
        self.core.receive_message(message if isinstance(message, bytes | str) else message.to_bytes(), self.now)
        return self.events()

    def answer(
        self, request: Request, status: int, *headers: tuple[str, object], body: bytes = b"", tag: str | None = None
    ) -> list[SipEvent]:
        """Answer a request of the core; return the core's events."""
        response = Response.to(request, status, to_tag=tag or self.tag, headers=headers, body=body)
        return self.send(response)

    def build(
        self,
        method: str,
        about: Request,
        *headers: tuple[str, object],
        body: bytes = b"",
        cseq: int | None = None,
        tag: str | None = None,
        contact: str | None = "<sip:far@192.0.2.9>",
    ) -> Request:
        """A request in the dialog that the core's request ``about`` made."""
        self.branches += 1
        self.cseq = self.cseq + 1 if cseq is None else max(cseq, self.cseq)
        fields = Headers(
            [
                ("Via", f"SIP/2.0/WSS far.example.com;branch=z9hG4bKfar{self.branches}"),
                ("Max-Forwards", 70),
                ("From", f"{re.sub(';tag=.*', '', str(about.to))};tag={tag or self.tag}"),
                ("To", about.from_),
                ("Call-ID", about.call_id),
                ("CSeq", f"{self.cseq if cseq is None else cseq} {method}"),
            ]
        )
        if contact is not None:
            fields.add("Contact", contact)
        for name, value in headers:
            fields.add(name, value)
        return Request(method, str(about.contact.uri) if about.contact else "sip:alice@invalid", fields, body)

    def ask(self, method: str, about: Request, *headers: tuple[str, object], **options: object) -> Response:
        """Send a request in a dialog and return the core's one answer."""
        self.core.receive_message(self.build(method, about, *headers, **options).to_bytes(), self.now)  # type: ignore[arg-type]
        return self.response()

    # -- time

    def wait_for_timer(self) -> float:
        """Go to the moment for which the core wants to be woken, and wake it."""
        moment = self.core.get_timer()
        assert moment is not None
        self.now = moment
        self.core.handle_timer(moment)
        return moment

    def at(self, now: float) -> None:
        """Go to a moment and wake the core if it wants."""
        self.now = now
        self.core.handle_timer(now)
