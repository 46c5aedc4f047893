"""Transactions, and the layer that finds the right one for a message (RFC 3261, 17; RFC 6026).

How they move is in ``machines``; here is what they send, and to whom they report.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from .exceptions import LocalProtocolError
from .headers import Headers
from .ids import BRANCH_MAGIC
from .machines import INVITE_CLIENT, INVITE_SERVER, NON_INVITE_CLIENT, NON_INVITE_SERVER, Input, Machine, State
from .messages import Message, Request, Response
from .timers import Timer, TimerQueue, Timing

__all__ = [
    "INVITE_CLIENT",
    "INVITE_SERVER",
    "NON_INVITE_CLIENT",
    "NON_INVITE_SERVER",
    "ClientTransaction",
    "Failure",
    "Input",
    "Machine",
    "ServerTransaction",
    "State",
    "TransactionLayer",
    "TransactionUser",
]


class Failure(Enum):
    """Why a request of ours got no usable final response."""

    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection-lost"
    UNAUTHORIZED = "unauthorized"


def class_of(status: int) -> Input:
    """The input that a status code is."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE


class TransactionUser(Protocol):
    """What a client transaction reports to (17.1)."""

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Take a response: provisional ones, and the final one once (every 2xx of a forked INVITE)."""

    def on_failure(self, transaction: ClientTransaction, failure: Failure, now: float) -> None:
        """Learn that there will be no response."""


class Transaction:
    """What the four have in common. Constructors send nothing; ``begin`` does."""

    def __init__(self, machine: Machine, request: Request, layer: TransactionLayer, key: tuple[str, ...]) -> None:
        self.machine = machine
        self.request = request
        self.state = machine.start
        self.key = key
        self._layer = layer
        self._interval = layer.timing.t1
        #: What timers A, E, G and a repeated request send again.
        self._last: Message | None = None

    def fail(self, now: float) -> None:
        """The connection is gone."""
        self._feed(Input.TRANSPORT_ERROR, now)

    def _send(self, message: Message) -> None:
        self._last = message
        self._layer.send(message)

    def _send_again(self) -> None:
        if self._last is not None:
            self._layer.send(self._last)

    def _feed(self, item: Input, now: float) -> bool:
        """Make the move that the table has for the input; return ``False`` if it has none."""
        new = self.machine.table[self.state].get(item)
        if new is None:
            return False
        if new is not self.state:
            self.state = new
            self._arm(now)
        return True

    def _arm(self, now: float) -> None:
        timers, running = self._layer.timers, self.machine.timers.get(self.state, ())
        for timer in Timer:
            if timer not in running:
                timers.cancel((self, timer))
        for timer in running:
            delay = self._layer.timing.delay(timer)
            if delay is None or (self, timer) in timers:
                continue
            if delay == 0:
                self._on_timer(timer, now)
                return
            self._set(timer, now + delay)
        if self.state is State.TERMINATED:
            self._layer.forget(self)

    def _set(self, timer: Timer, when: float) -> None:
        self._layer.timers.set((self, timer), when, lambda now: self._on_timer(timer, now))

    def _on_timer(self, timer: Timer, now: float) -> None:
        self._feed(Input[f"TIMER_{timer.value}"], now)
        if timer in (Timer.A, Timer.E, Timer.G):
            self._again(timer, now)

    def _again(self, timer: Timer, now: float) -> None:
        """17.1.1.2: A doubles without end. 17.1.2.2, 17.2.1: E and G double up to T2; E is T2 once PROCEEDING."""
        timing = self._layer.timing
        self._send_again()
        self._interval *= 2
        if timer is not Timer.A:
            self._interval = timing.t2 if self.state is State.PROCEEDING else min(self._interval, timing.t2)
        self._set(timer, now + self._interval)


class ClientTransaction(Transaction):
    """A request of ours (17.1)."""

    def __init__(self, request: Request, user: TransactionUser, layer: TransactionLayer) -> None:
        machine = INVITE_CLIENT if request.method == "INVITE" else NON_INVITE_CLIENT
        super().__init__(machine, request, layer, (request.via.branch, request.method))
        self._user = user

    def begin(self, now: float) -> None:
        """Send the request."""
        self._send(self.request)
        self._arm(now)

    def receive(self, response: Response, now: float) -> bool:
        """Take a response; return ``False`` if it comes out of turn."""
        before = self.state
        if not self._feed(class_of(response.status), now):
            return False
        if response.status >= 300 and self.machine is INVITE_CLIENT:
            self._send(self._ack(response))
        if before not in (State.COMPLETED, State.TERMINATED):
            self._user.on_response(self, response, now)
        return True

    def fail(self, now: float) -> None:
        """The connection is gone; whoever still waits for a final response learns it."""
        waiting = self.state in (State.CALLING, State.TRYING, State.PROCEEDING)
        super().fail(now)
        if waiting:
            self._user.on_failure(self, Failure.CONNECTION_LOST, now)

    def abandon(self, now: float) -> None:
        """Wait no longer; the user is not told, it wants this itself (9.1)."""
        self._feed(Input.ABANDON, now)

    def _on_timer(self, timer: Timer, now: float) -> None:
        super()._on_timer(timer, now)
        if timer in (Timer.B, Timer.F):
            self._user.on_failure(self, Failure.TIMEOUT, now)

    def _ack(self, response: Response) -> Request:
        """17.1.1.3: the ACK for a refusal belongs to the transaction and repeats its top Via."""
        request = self.request
        headers = Headers([("Via", request.headers.get("Via")), ("Max-Forwards", 70)])
        for route in request.headers.get_all("Route"):
            headers.add("Route", route)
        headers.add("From", request.headers.get("From"))
        headers.add("To", response.headers.get("To"))
        headers.add("Call-ID", request.call_id)
        headers.add("CSeq", f"{request.cseq.number} ACK")
        return Request("ACK", request.uri, headers)


class ServerTransaction(Transaction):
    """A request of theirs (17.2)."""

    def __init__(self, request: Request, layer: TransactionLayer, key: tuple[str, ...]) -> None:
        super().__init__(INVITE_SERVER if request.method == "INVITE" else NON_INVITE_SERVER, request, layer, key)

    def respond(self, response: Response, now: float) -> None:
        """Send a response; raise ``LocalProtocolError`` if the transaction is past that."""
        if not self._feed(class_of(response.status), now):
            raise LocalProtocolError(
                f"a {self.machine.name} transaction in {self.state.name} sends no {response.status}"
            )
        self._send(response)

    def receive(self, request: Request, now: float) -> bool:
        """Take a retransmission or an ACK; return ``False`` if it comes out of turn."""
        if not self._feed(Input.ACK if request.method == "ACK" else Input.REQUEST, now):
            return False
        if request.method != "ACK" and self.state is not State.ACCEPTED:
            self._send_again()
        return True


class TransactionLayer:
    """All open transactions of one connection, found by branch (17.1.3, 17.2.3)."""

    def __init__(self, *, timing: Timing, timers: TimerQueue, outbox: list[bytes]) -> None:
        self.timing = timing
        self.timers = timers
        self._outbox = outbox
        self._clients: dict[tuple[str, ...], ClientTransaction] = {}
        self._servers: dict[tuple[str, ...], ServerTransaction] = {}

    def send(self, message: Message) -> None:
        """Queue a message for the transport."""
        self._outbox.append(message.to_bytes())

    def request(self, request: Request, user: TransactionUser, now: float) -> ClientTransaction:
        """Open a client transaction and send its request."""
        transaction = ClientTransaction(request, user, self)
        self._clients[transaction.key] = transaction
        transaction.begin(now)
        return transaction

    def serve(self, request: Request) -> ServerTransaction:
        """Open a server transaction for a request that none was found for."""
        key = _server_key(request, request.method)
        transaction = self._servers[key] = ServerTransaction(request, self, key)
        return transaction

    def receive_response(self, response: Response, now: float) -> bool:
        """Hand a response to its transaction; return ``False`` if nobody waits for it."""
        transaction = self._clients.get((response.via.branch, response.cseq.method))
        return transaction is not None and transaction.receive(response, now)

    def find_server(self, request: Request, method: str) -> ServerTransaction | None:
        """The server transaction of that method to which the request belongs (ACK and CANCEL belong to an INVITE)."""
        return self._servers.get(_server_key(request, method))

    @property
    def open_servers(self) -> int:
        """How many requests of theirs are not over yet."""
        return len(self._servers)

    def forget(self, transaction: Transaction) -> None:
        """Drop a transaction that is over."""
        table = self._clients if isinstance(transaction, ClientTransaction) else self._servers
        table.pop(transaction.key, None)

    def fail_all(self, now: float) -> None:
        """The connection is gone: every transaction ends."""
        for transaction in [*self._clients.values(), *self._servers.values()]:
            transaction.fail(now)


def _server_key(request: Request, method: str) -> tuple[str, ...]:
    via = request.via
    if via.branch.startswith(BRANCH_MAGIC) and via.branch != BRANCH_MAGIC:
        return (via.branch, via.sent_by, method)
    # 17.2.3: an RFC 2543 client makes no unique branches, nor does one that sends the magic alone. The To tag is left
    # out, because an ACK has one where its INVITE had none.
    return (str(via), request.uri, request.call_id, str(request.cseq.number), request.from_.tag or "", method)
