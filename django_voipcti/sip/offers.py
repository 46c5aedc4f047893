"""Answers to what the other side wants to change in a call: re-INVITE and UPDATE (RFC 3261, 14.2; RFC 3311, 5.2).

A 2xx to a re-INVITE is repeated until the ACK comes, on reliable transports, too: further hops may not be reliable
(13.3.1.4).
"""

from __future__ import annotations

from collections.abc import Callable

from .agent import ALLOW, Agent
from .messages import Request, Response
from .sdp import BlackHole
from .transactions import ServerTransaction

__all__ = ["OfferAnswerer"]


class OfferAnswerer:
    """The answering half of one call. ``on_no_ack(now)`` is called when the ACK never comes."""

    def __init__(self, agent: Agent, media: BlackHole, *, on_no_ack: Callable[[float], None]) -> None:
        self._agent = agent
        self._media = media
        self._on_no_ack = on_no_ack
        self._unconfirmed: int | None = None

    def answer(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """Answer 200 with an inactive description, or 488."""
        is_invite = request.method == "INVITE"
        body: bytes | None = b""
        if request.body:
            body = self._media.answer(request.body)
        elif is_invite:
            body = self._media.offer()
        if body is None:
            self._agent.respond(transaction, 488, now)
            return
        headers: list[tuple[str, object]] = [("Contact", self._agent.contact), ("Allow", ALLOW)]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        response = self._agent.respond(transaction, 200, now, headers=headers, body=body)
        if is_invite:
            t1 = self._agent.timing.t1
            self._unconfirmed = request.cseq.number
            self._repeat(response, now, interval=t1, until=now + 64 * t1)

    def on_ack(self, request: Request) -> None:
        """Stop repeating."""
        if request.cseq.number == self._unconfirmed:
            self.stop()

    def stop(self) -> None:
        """The call is over, or the ACK is there."""
        self._agent.timers.cancel((self, "2xx"))

    def _repeat(self, response: Response, now: float, *, interval: float, until: float) -> None:
        def again(at: float) -> None:
            if at >= until:
                self._on_no_ack(at)
                return
            self._agent.transactions.send(response)
            self._repeat(response, at, interval=min(2 * interval, self._agent.timing.t2), until=until)

        self._agent.timers.set((self, "2xx"), min(now + interval, until), again)
