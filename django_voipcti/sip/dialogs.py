"""Dialogs: identifiers, sequence numbers, route set and remote target (RFC 3261, 12)."""

from __future__ import annotations

from .messages import Message, Request
from .uri import NameAddr, SipUri

__all__ = ["Dialog"]


class Dialog:
    """A peer-to-peer relation, from our first request on; ``remote.tag`` is ``None`` until the other side is known.

    It does not decide when a dialog begins or ends: the usages (subscription, INVITE) do.
    """

    def __init__(self, *, call_id: str, local: NameAddr, remote: NameAddr, target: str) -> None:
        self.call_id = call_id
        #: Our From, with its tag.
        self.local = local
        #: Their From or our To.
        self.remote = remote
        #: Where requests go: the Request-URI, later their Contact.
        self.target = SipUri(target)
        self.routes: tuple[NameAddr, ...] = ()
        self.local_cseq = 0
        self.remote_cseq: int | None = None
        self._has_routes = False

    @property
    def local_tag(self) -> str:
        """Our tag, by which requests of theirs are matched."""
        return self.local.tag or ""

    def next_cseq(self) -> int:
        """Count up (12.2.1.1)."""
        self.local_cseq += 1
        return self.local_cseq

    def is_stale(self, request: Request) -> bool:
        """Is the request's sequence number not above the last one (12.2.2)? If it is above, remember it."""
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return True
        self.remote_cseq = number
        return False

    def learn(self, message: Message, *, as_caller: bool) -> None:
        """Take tag, target and, the first time, the route set from a message of theirs.

        ``as_caller``: the message is a response to us, so its Record-Route is read backwards (12.1.2); else it is a
        request of theirs, read forwards (12.1.1). The target may change later, the route set never (12.2).
        """
        theirs = message.to if as_caller else message.from_
        if self.remote.tag is None and theirs.tag is not None:
            self.remote = self.remote.with_tag(theirs.tag)
        contact = message.contact
        if contact is not None:
            self.target = contact.uri
        if not self._has_routes:
            routes = message.record_routes
            self.routes = routes[::-1] if as_caller else routes
            self._has_routes = True

    def fork(self, tag: str) -> Dialog:
        """The same call with another branch of a fork."""
        dialog = Dialog(call_id=self.call_id, local=self.local, remote=self.remote.with_tag(tag), target=self.target)
        dialog.local_cseq = self.local_cseq
        return dialog

    def request_uri(self) -> SipUri:
        """The Request-URI of the next request (12.2.1.1)."""
        if self.routes and "lr" not in self.routes[0].uri.params:
            # A strict router wants to see itself there; our target goes to the end of the Route.
            return SipUri(str(self.routes[0].uri).partition("?")[0])
        return self.target

    def headers(self) -> list[tuple[str, object]]:
        """Route, From, To and Call-ID of the next request."""
        routes: list[object] = list(self.routes)
        if self.routes and "lr" not in self.routes[0].uri.params:
            routes = [*routes[1:], f"<{self.target}>"]
        return [
            *(("Route", route) for route in routes),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
        ]
