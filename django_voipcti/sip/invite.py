"""Calls of our own, as the caller (RFC 3261, 9, 13, 14, 15; RFC 3311 as the answering side; RFC 6026).

The machine is ``caller.CALLER``. Rules:

Rule 1: one event ends it: ``InviteFailed`` if it was not answered (or answered after we had cancelled), else
    ``InviteEnded``.
Rule 2: CANCEL is sent after a provisional response, not before (9.1). If a 2xx wins the race, it gets ACK and BYE.
Rule 3: the first 2xx makes the dialog. A 2xx of another branch of a fork gets ACK and BYE, even later (13.2.2.4).
Rule 4: it outlives its BYE as long as a REFER is open: its NOTIFYs come in the same dialog.

We have no media: offers are answered ``inactive`` (``sdp``). A 3xx is reported, not followed. 100rel is not offered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from .agent import ALLOW, Agent, Exchange, RequestUser
from .caller import CALLER, Input, State
from .dialogs import Dialog
from .events import Ignored, InviteAnswered, InviteEnded, InviteFailed, InviteProgress
from .exceptions import LocalProtocolError
from .headers import Headers
from .messages import Request, Response
from .offers import OfferAnswerer
from .refer import Refer
from .sdp import BlackHole
from .transactions import Failure, ServerTransaction
from .uri import NameAddr

__all__ = ["CALLER", "Input", "Invite", "State"]


#: Answers of a fork that get their ACK and BYE.
_MAX_BRANCHES = 32

_CANCELLED = "cancelled"
_NO_ANSWER = "no-answer"


class _Quiet:
    """Somebody who sends a request and does not care what becomes of it."""

    def on_response(self, sender: object, response: Response, now: float) -> None:
        """Nothing depends on it."""

    def on_failure(self, sender: object, failure: Failure, now: float) -> None:
        """Nothing depends on it."""


_QUIET = _Quiet()


class _Bye:
    """Who waits for the answer to our BYE; any final one will do."""

    def __init__(self, invite: Invite) -> None:
        self._invite = invite

    def on_response(self, exchange: Exchange, response: Response, now: float) -> None:
        """Tell the call."""
        if response.status >= 200:
            self._invite.on_bye_done()

    def on_failure(self, exchange: Exchange, failure: Failure, now: float) -> None:
        """Tell the call; when the connection is gone, it learns that by itself."""
        if failure is not Failure.CONNECTION_LOST:
            self._invite.on_bye_done()


class Invite:
    """One call of our own, from INVITE to the end of its dialog."""

    def __init__(
        self,
        agent: Agent,
        *,
        uri: str,
        headers: Iterable[tuple[str, object]],
        body: bytes | None,
        content_type: str,
        ring_time: float | None,
    ) -> None:
        self._agent = agent
        self._media = BlackHole()
        self._body = self._media.offer() if body is None else body
        self.dialog = agent.new_dialog(uri)
        self.state = State.CALLING
        self._ring_time = ring_time
        #: The ring time was over before an answer came.
        self._no_answer = False
        self._cancel_sent = False
        #: Our one last event is out.
        self._reported = False
        #: ACKs by To tag, to be repeated with a repeated 2xx.
        self._acks: dict[str, Request] = {}
        self._refers: list[Refer] = []
        # 13.3.1.4: without the ACK for our 2xx, the session is ended.
        self._offers = OfferAnswerer(agent, self._media, on_no_ack=self.hang_up)
        self._exchange = Exchange(
            agent,
            self,
            method="INVITE",
            uri=uri,
            headers=[
                *self.dialog.headers(),
                ("Contact", agent.contact),
                ("Allow", ALLOW),
                *headers,
                *([("Content-Type", content_type)] if self._body else []),
            ],
            body=self._body,
            next_cseq=self.dialog.next_cseq,
        )

    @property
    def id(self) -> str:
        """The Call-ID."""
        return self.dialog.call_id

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return self.dialog.local_tag

    # -- commands

    def begin(self, now: float) -> None:
        """Send the INVITE."""
        self._agent.usages[self.id] = self
        if self._ring_time is not None:
            self._agent.timers.set((self, "ring"), now + self._ring_time, self._on_ring_time)
        self._exchange.send(now)

    def hang_up(self, now: float) -> None:
        """End it, with CANCEL or BYE, whichever is due. Nothing happens if it is over or ending."""
        was = self.state
        self._feed(Input.HANG_UP)
        # A challenge that is on its way must not make the phone ring after all.
        self._exchange.give_up()
        if was is State.CONFIRMED:
            self._send_bye(now)
        elif was is State.EARLY:
            self._send_cancel(now)

    def refer(self, target: str, now: float) -> int:
        """Ask the other side to call ``target``; return the id of the REFER."""
        if self.state is not State.CONFIRMED:
            raise LocalProtocolError("only an answered call can be referred")
        refer = Refer(self._agent, invite=self.id, dialog=self.dialog, target=target, on_end=self._refer_ended)
        self._refers.append(refer)
        refer.begin(now)
        return refer.id

    # -- answers to INVITE

    def on_response(self, exchange: Exchange, response: Response, now: float) -> None:
        """Take an answer to the INVITE."""
        if response.status < 200:
            self._on_provisional(response, now)
        elif response.status < 300:
            self._on_success(response, now)
        else:
            self._fail(
                status=response.status,
                reason=response.reason,
                targets=_targets(response) if response.status < 400 else (),
                retry_after=response.retry_after,
            )

    def on_failure(self, exchange: Exchange, failure: Failure, now: float) -> None:
        """No answer to the INVITE."""
        self._fail(status=None, reason=failure.value)

    def _on_provisional(self, response: Response, now: float) -> None:
        self._feed(Input.PROVISIONAL)
        if self.state is State.CANCELLING:
            self._send_cancel(now)
        elif response.status > 100:
            self._agent.emit(
                InviteProgress(invite=self.id, status=response.status, reason=response.reason, to_tag=response.to.tag)
            )

    def _on_success(self, response: Response, now: float) -> None:
        was = self.state
        self._feed(Input.SUCCESS)
        tag = response.to.tag or ""
        if tag in self._acks:
            self._agent.transactions.send(self._acks[tag])
            return
        if len(self._acks) >= _MAX_BRANCHES:
            self._agent.emit(Ignored(reason="too many branches of a fork have answered"))
            return
        first = was in (State.CALLING, State.EARLY, State.CANCELLING)
        dialog = self.dialog if first else self.dialog.fork(tag)
        dialog.learn(response, as_caller=True)
        self._send_ack(dialog, response)
        if first:
            self._stop_timers()
        if was is State.CANCELLING:
            self._report_failure(status=None, reason=_CANCELLED, cancelled=True)
            self._send_bye(now)
        elif first:
            self._agent.emit(InviteAnswered(invite=self.id, body=response.body))
        else:
            self._bye(dialog, _QUIET, now)

    def _send_ack(self, dialog: Dialog, response: Response) -> None:
        """13.2.2.4: a request of its own, with the INVITE's CSeq number and credentials."""
        invite = self._exchange.request
        headers = Headers([("Via", self._agent.new_via()), ("Max-Forwards", 70), *dialog.headers()])
        headers.add("CSeq", f"{invite.cseq.number} ACK")
        headers.add("Contact", self._agent.contact)
        for name in ("Authorization", "Proxy-Authorization"):
            for value in invite.headers.get_all(name):
                headers.add(name, value)
        body = b""
        if not invite.body and response.body:
            # 13.2.1: we made no offer, so this is one, and the ACK carries the answer.
            body = self._media.answer(response.body) or b""
            if body:
                headers.add("Content-Type", "application/sdp")
        ack = Request("ACK", dialog.request_uri(), headers, body)
        self._acks[response.to.tag or ""] = ack
        self._agent.transactions.send(ack)

    # -- the end

    def _send_cancel(self, now: float) -> None:
        """9.1: same Request-URI, Call-ID, To, From, CSeq number and top Via; once."""
        if self._cancel_sent:
            return
        self._cancel_sent = True
        invite = self._exchange.request
        headers = Headers([("Via", str(invite.via)), ("Max-Forwards", 70)])
        for name in ("From", "To", "Call-ID"):
            headers.add(name, invite.headers.get(name, ""))
        headers.add("CSeq", f"{invite.cseq.number} CANCEL")
        headers.add("User-Agent", self._agent.settings.user_agent)
        self._agent.transactions.request(Request("CANCEL", invite.uri, headers), _QUIET, now)
        self._agent.timers.set((self, "cancelled"), now + 64 * self._agent.timing.t1, self._on_cancel_unanswered)

    def _on_cancel_unanswered(self, now: float) -> None:
        # 9.1: without a final response, 64*T1 after the CANCEL the INVITE is taken as cancelled.
        self._exchange.abandon(now)
        self._fail(status=None, reason=_CANCELLED)

    def _on_ring_time(self, now: float) -> None:
        self._no_answer = True
        self.hang_up(now)

    def _send_bye(self, now: float) -> None:
        self._bye(self.dialog, _Bye(self), now)

    def _bye(self, dialog: Dialog, user: RequestUser, now: float) -> None:
        Exchange(
            self._agent,
            user,
            method="BYE",
            uri=dialog.request_uri(),
            headers=dialog.headers(),
            next_cseq=dialog.next_cseq,
        ).send(now)

    def on_bye_done(self) -> None:
        """Our BYE was answered, or will not be."""
        was = self.state
        self._feed(Input.BYE_DONE)
        if was is State.ENDING:
            self._ended(by="local")

    def _ended(self, *, by: Literal["local", "remote", "failure"]) -> None:
        self._stop_timers()
        if not self._reported:
            self._reported = True
            self._agent.emit(InviteEnded(invite=self.id, by=by))
        self._forget_if_over()

    def _fail(
        self, *, status: int | None, reason: str, targets: tuple[str, ...] = (), retry_after: int | None = None
    ) -> None:
        cancelled = self.state is State.CANCELLING
        self._feed(Input.FAILURE)
        self._stop_timers()
        self._report_failure(
            status=status, reason=reason, cancelled=cancelled, targets=targets, retry_after=retry_after
        )
        self._forget_if_over()

    def _report_failure(
        self,
        *,
        status: int | None,
        reason: str,
        cancelled: bool,
        targets: tuple[str, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        self._reported = True
        self._agent.emit(
            InviteFailed(
                invite=self.id,
                status=status,
                reason=_NO_ANSWER if self._no_answer else reason,
                cancelled=cancelled and not self._no_answer,
                targets=targets,
                retry_after=retry_after,
            )
        )

    def on_connection_lost(self, now: float) -> None:
        """End, with every open REFER."""
        for refer in list(self._refers):
            refer.on_connection_lost()
        if self.state is State.CONFIRMED or self.state is State.ENDING:
            self._feed(Input.LOST)
            self._ended(by="failure")

    def _refer_ended(self, refer: Refer) -> None:
        self._refers.remove(refer)
        self._forget_if_over()

    def _stop_timers(self) -> None:
        self._offers.stop()
        for name in ("ring", "cancelled"):
            self._agent.timers.cancel((self, name))

    def _forget_if_over(self) -> None:
        if self.state is State.ENDED and not self._refers:
            self._agent.usages.pop(self.id, None)

    def _feed(self, item: Input) -> None:
        self.state = CALLER[self.state][item]

    # -- requests of theirs

    def on_request(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """Answer a request within the dialog."""
        respond, method = self._agent.respond, request.method
        if self.dialog.remote.tag is None or request.from_.tag != self.dialog.remote.tag:
            # The dialog is not there yet, or it is another branch of a fork, which has got its BYE.
            respond(transaction, 481, now)
        elif method == "NOTIFY":
            self._on_notify(transaction, request, now)
        elif self.state not in (State.CONFIRMED, State.ENDING):
            respond(transaction, 481, now)
        elif self.dialog.is_stale(request):
            respond(transaction, 500, now)
        elif method == "BYE":
            by: Literal["local", "remote"] = "remote" if self.state is State.CONFIRMED else "local"
            respond(transaction, 200, now)
            self._feed(Input.BYE)
            self._ended(by=by)
        elif method in ("INVITE", "UPDATE"):
            self.dialog.learn(request, as_caller=False)
            self._offers.answer(transaction, request, now)
        elif method in ("INFO", "OPTIONS"):
            respond(transaction, 200, now, headers=[("Allow", ALLOW)])
        else:
            respond(transaction, 405, now, headers=[("Allow", ALLOW)])

    def _on_notify(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        event, state = request.event, request.subscription_state
        if event is None or event.package != "refer":
            self._agent.respond(transaction, 489, now, headers=[("Allow-Events", "refer")])
            return
        if state is None:
            self._agent.respond(transaction, 400, now)
            return
        # RFC 3515 2.4.6: the id is the CSeq number of the REFER; the first REFER of a dialog may go without.
        refer = next((item for item in self._refers if event.id is None or event.id in map(str, item.numbers)), None)
        if refer is None:
            self._agent.respond(transaction, 481, now)
            return
        stale = self.dialog.is_stale(request)
        self._agent.respond(transaction, 200, now, quiet=True)
        if stale:
            self._agent.emit(Ignored(reason="a later request has overtaken this NOTIFY"))
        else:
            refer.on_notify(request, state, now)

    def on_ack(self, request: Request, now: float) -> None:
        """The ACK for our 2xx to a re-INVITE."""
        self._offers.on_ack(request)


def _targets(response: Response) -> tuple[str, ...]:
    """The Contacts of a 3xx, by their q (20.10), highest first; without q they keep their order after the others."""
    return tuple(str(contact.uri) for contact in sorted(response.contacts, key=_minus_q))


def _minus_q(contact: NameAddr) -> float:
    try:
        return -float(contact.params.get("q") or 0)
    except ValueError:
        return 0.0
