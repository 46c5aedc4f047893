"""The subscriber's side of an event subscription (RFC 6665, 4.1; RFC 3265 notifiers are served as well).

The machine is ``SUBSCRIBER``: ``{state: {input: new state}}``. Rules:

Rule 1: one SUBSCRIBE at a time. What is wanted meanwhile is sent when the answer is there.
Rule 2: a NOTIFY makes the subscription, not the 2xx (4.1.2.4); it may come first, and its ``expires`` counts.
Rule 3: it is refreshed at 90 % of the granted time. A refresh that fails for a passing reason is tried again at half of
    what is left, until the time is over.
Rule 4: a NOTIFY whose CSeq is below the last one is answered 200 and handed on as ``late``; it moves nothing here. RFC
    3261 12.2.2 would answer 500, but servers with several workers let NOTIFYs overtake each other, a 500 ends the
    subscription on some, and what was overtaken may be the only word that a call was answered.
Rule 5: ``SubscriptionEnded`` comes once. Whether to subscribe again, and when, is for the caller to decide.

A NOTIFY from a second notifier (a forked SUBSCRIBE, RFC 6665 4.4.1 and RFC 4235 3.9) is refused with 481.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from .agent import ALLOW, Agent, Exchange
from .events import Ignored, NotifyReceived, SubscriptionActive, SubscriptionEnded
from .exceptions import LocalProtocolError
from .headers import SubscriptionState
from .messages import Request, Response
from .timers import Timer
from .transactions import Failure, ServerTransaction

__all__ = ["SUBSCRIBER", "Input", "State", "Subscription"]


class State(Enum):
    """States of a subscription (RFC 6665, 4.1.2, figure 1), and two for its end."""

    NOTIFY_WAIT = auto()
    PENDING = auto()
    ACTIVE = auto()
    #: We want out; the answer is not there yet.
    UNSUBSCRIBING = auto()
    #: We are out; a last NOTIFY may still come and deserves a 200.
    LINGERING = auto()
    TERMINATED = auto()


class Input(Enum):
    """What can happen to a subscription."""

    NOTIFY_PENDING = auto()
    NOTIFY_ACTIVE = auto()
    NOTIFY_TERMINATED = auto()
    UNSUBSCRIBE = auto()
    UNSUBSCRIBED = auto()
    END = auto()


_LIVE = MappingProxyType(
    {
        Input.NOTIFY_PENDING: State.PENDING,
        Input.NOTIFY_ACTIVE: State.ACTIVE,
        Input.NOTIFY_TERMINATED: State.TERMINATED,
        Input.UNSUBSCRIBE: State.UNSUBSCRIBING,
        Input.END: State.TERMINATED,
    }
)

SUBSCRIBER: Mapping[State, Mapping[Input, State]] = MappingProxyType(
    {
        State.NOTIFY_WAIT: _LIVE,
        State.PENDING: _LIVE,
        State.ACTIVE: _LIVE,
        State.UNSUBSCRIBING: {
            Input.NOTIFY_PENDING: State.UNSUBSCRIBING,
            Input.NOTIFY_ACTIVE: State.UNSUBSCRIBING,
            Input.NOTIFY_TERMINATED: State.TERMINATED,
            Input.UNSUBSCRIBE: State.UNSUBSCRIBING,
            Input.UNSUBSCRIBED: State.LINGERING,
            Input.END: State.TERMINATED,
        },
        State.LINGERING: {
            Input.NOTIFY_PENDING: State.LINGERING,
            Input.NOTIFY_ACTIVE: State.LINGERING,
            Input.NOTIFY_TERMINATED: State.TERMINATED,
            Input.UNSUBSCRIBE: State.LINGERING,
            Input.END: State.TERMINATED,
        },
        State.TERMINATED: {},
    }
)

#: Subscription-State → input; a word that we do not know is a state in which NOTIFYs come (RFC 6665, 4.1.3).
_NOTIFY_INPUTS = {"pending": Input.NOTIFY_PENDING, "terminated": Input.NOTIFY_TERMINATED}

#: RFC 6665 4.1.3: may one subscribe again? An unknown or missing reason means yes.
_REASONS = {
    "deactivated": True,
    "probation": True,
    "rejected": False,
    "timeout": True,
    "giveup": True,
    "noresource": False,
    "invariant": False,
}

#: RFC 6665 4.1.2.2: answers to a refresh that end the subscription; after others it lives until its time is over.
_FATAL = frozenset({404, 405, 410, 416, *range(480, 486), 489, 501, 604})

#: Answers that may be different next time.
_PASSING = frozenset({408, 480, *range(500, 600)} - {501, 505, 513})

REFRESH_AT = 0.9
_MAX_TOO_BRIEF = 3
_MAX_EXPIRES = 2**31


class Subscription:
    """One subscription, from the first SUBSCRIBE to the last NOTIFY."""

    def __init__(self, agent: Agent, *, uri: str, package: str, accept: tuple[str, ...], expires: int) -> None:
        if expires < 0:
            raise LocalProtocolError("a subscription cannot be asked for less than 0 seconds")
        self._agent = agent
        self._package = package.lower()
        self._accept = accept
        #: What we ask for, in seconds; 0 fetches the state once (4.4.3).
        self._wanted = expires
        self._fetch = expires == 0
        self._dialog = agent.new_dialog(uri)
        self.state = State.NOTIFY_WAIT
        self._exchange: Exchange | None = None
        self._sent_expires = expires
        self._again = False
        self._too_brief = 0
        self._refresh_at = float("inf")
        self._expires_at = float("-inf")

    @property
    def id(self) -> str:
        """The Call-ID, which names the subscription in events and commands."""
        return self._dialog.call_id

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return self._dialog.local_tag

    # -- commands

    def begin(self, now: float) -> None:
        """Send the first SUBSCRIBE."""
        self._agent.usages[self.id] = self
        self._send(now)

    def refresh(self, now: float) -> None:
        """Ask for the state and for more time now; nothing happens if the end is near already."""
        if self.state not in (State.UNSUBSCRIBING, State.LINGERING, State.TERMINATED):
            self._send(now)

    def unsubscribe(self, now: float) -> None:
        """Ask for the end (4.1.2.3)."""
        if self.state in (State.UNSUBSCRIBING, State.LINGERING, State.TERMINATED):
            return
        self._feed(Input.UNSUBSCRIBE)
        self._wanted = 0
        self._send(now)

    def _send(self, now: float) -> None:
        if self._exchange is not None:
            self._again = True
            return
        dialog, agent = self._dialog, self._agent
        self._sent_expires = self._wanted
        headers: list[tuple[str, object]] = [
            *dialog.headers(),
            ("Contact", agent.contact),
            ("Event", self._package),
            *([("Accept", ", ".join(self._accept))] if self._accept else []),
            ("Allow", ALLOW),
            ("Expires", self._wanted),
        ]
        self._exchange = Exchange(
            agent, self, method="SUBSCRIBE", uri=dialog.request_uri(), headers=headers, next_cseq=dialog.next_cseq
        )
        self._exchange.send(now)

    # -- answers to SUBSCRIBE

    def on_response(self, exchange: Exchange, response: Response, now: float) -> None:
        """Take the answer to a SUBSCRIBE."""
        if response.status < 200 or self.state is State.TERMINATED:
            return
        self._exchange = None
        if response.status < 300:
            self._accepted(response, now)
        elif response.status == 423 and self._too_brief < _MAX_TOO_BRIEF and self._wanted:
            # RFC 6665 4.1.2.1: ask again for what the notifier wants at least.
            self._too_brief += 1
            self._wanted = min(max(response.min_expires or 0, self._wanted + 1), _MAX_EXPIRES)
            self._again = True
        else:
            self._refused(response, now)
        self._send_again(now)

    def on_failure(self, exchange: Exchange, failure: Failure, now: float) -> None:
        """No answer to a SUBSCRIBE."""
        if self.state is State.TERMINATED:
            return
        self._exchange = None
        if failure is Failure.UNAUTHORIZED:
            self._end("unauthorized", retryable=False)
        elif failure is Failure.CONNECTION_LOST:
            self._end("connection-lost", retryable=True)
        elif not self._retry_refresh(now):
            self._end("no-answer", retryable=True)
        self._send_again(now)

    def _send_again(self, now: float) -> None:
        again, self._again = self._again, False
        if again and self.state not in (State.LINGERING, State.TERMINATED):
            self._send(now)

    def _accepted(self, response: Response, now: float) -> None:
        self._dialog.learn(response, as_caller=True)
        if self._sent_expires == 0:
            if self.state is State.UNSUBSCRIBING:
                self._feed(Input.UNSUBSCRIBED)
                self._stop_timers()
                self._announce_end("unsubscribed", retryable=False)
            self._wait_for_notify(now)
            return
        granted = self._sent_expires if response.expires is None else response.expires
        if self.state is State.NOTIFY_WAIT:
            self._wait_for_notify(now)
        # 4.1.2.1: the notifier may shorten the time; it must not make it longer.
        granted = min(granted, self._sent_expires)
        if granted == 0:
            self._end("expired", retryable=True)
            return
        self._refresh_at = now + REFRESH_AT * granted
        self._expires_at = now + granted
        self._arm()
        if self.state is not State.UNSUBSCRIBING:
            self._agent.emit(SubscriptionActive(subscription=self.id, expires=granted))

    def _refused(self, response: Response, now: float) -> None:
        status = response.status
        if status in _FATAL or not self._retry_refresh(now):
            reason = "gone" if status == 481 else "unavailable" if status in _PASSING else "refused"
            self._end(reason, retryable=reason != "refused", retry_after=response.retry_after, status=status)

    def _retry_refresh(self, now: float) -> bool:
        """Try again at half of what is left; return ``False`` if there is nothing left to be refreshed."""
        left = self._expires_at - now
        if self.state not in (State.PENDING, State.ACTIVE) or left <= 0:
            return False
        self._refresh_at = now + max(left / 2, min(left, 1.0))
        self._arm()
        return True

    # -- NOTIFY

    def on_request(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        """Take a request within the dialog; only NOTIFY belongs there."""
        agent, dialog = self._agent, self._dialog
        if request.method != "NOTIFY":
            agent.respond(transaction, 481, now)
            return
        event, state = request.event, request.subscription_state
        has_notifier = dialog.remote_cseq is not None
        if event is None or event.package != self._package:
            agent.respond(transaction, 489, now, headers=[("Allow-Events", self._package)])
        elif has_notifier and request.from_.tag != dialog.remote.tag:
            agent.respond(transaction, 481, now)
        elif state is None:
            agent.respond(transaction, 400, now, quiet=True)
            agent.emit(Ignored(reason="a NOTIFY has no Subscription-State", status=400))
        elif dialog.is_stale(request):
            agent.respond(transaction, 200, now, quiet=True)
            self._overtaken(request, state)
        else:
            agent.respond(transaction, 200, now, quiet=True)
            if not has_notifier and request.from_.tag is not None:
                dialog.remote = dialog.remote.with_tag(request.from_.tag)
            dialog.learn(request, as_caller=False)
            self._notified(request, state, now)

    def on_ack(self, request: Request, now: float) -> None:
        """There is no ACK in a subscription."""
        self._agent.emit(Ignored(reason="an ACK for no INVITE of theirs"))

    def on_connection_lost(self, now: float) -> None:
        """End: a new connection needs a new subscription (RFC 7118, 8)."""
        self._end("connection-lost", retryable=True)

    def _notified(self, request: Request, state: SubscriptionState, now: float) -> None:
        was = self.state
        self._feed(_NOTIFY_INPUTS.get(state.state, Input.NOTIFY_ACTIVE))
        if was is State.LINGERING:
            if self.state is State.TERMINATED:
                self._forget()
            return
        self._agent.timers.cancel((self, Timer.N))
        self._hand_on(request, state)
        if self.state is State.TERMINATED:
            self._forget()
            if was is State.UNSUBSCRIBING:
                self._announce_end("unsubscribed", retryable=False)
            elif self._fetch:
                self._announce_end("fetched", retryable=False)
            else:
                reason = state.reason or "terminated"
                self._announce_end(reason, retryable=_REASONS.get(reason, True), retry_after=state.retry_after)
        elif self._fetch:
            self._end("fetched", retryable=False)
        elif state.expires and was is not State.UNSUBSCRIBING:
            left = min(state.expires, self._wanted)
            self._expires_at = now + left
            self._refresh_at = min(self._refresh_at, now + REFRESH_AT * left)
            self._arm()

    def _overtaken(self, request: Request, state: SubscriptionState) -> None:
        if self.state is State.LINGERING or request.cseq.number == self._dialog.remote_cseq:
            self._agent.emit(Ignored(reason="a NOTIFY that came before, or too late"))
        else:
            self._hand_on(request, state, late=True)

    def _hand_on(self, request: Request, state: SubscriptionState, *, late: bool = False) -> None:
        self._agent.emit(
            NotifyReceived(
                subscription=self.id,
                package=self._package,
                content_type=request.content_type or "",
                body=request.body,
                cseq=request.cseq.number,
                state=state.state,
                expires=state.expires,
                late=late,
            )
        )

    # -- time and end

    def _arm(self) -> None:
        timers = self._agent.timers
        timers.set((self, "expiry"), self._expires_at, self._on_expiry)
        timers.set((self, "refresh"), self._refresh_at, self._on_refresh)

    def _wait_for_notify(self, now: float) -> None:
        # RFC 6665 4.1.2.4 starts timer N with the SUBSCRIBE; starting it with the 2xx leaves timer F its own 64*T1.
        self._agent.timers.set((self, Timer.N), now + 64 * self._agent.timing.t1, self._on_no_notify)

    def _on_refresh(self, now: float) -> None:
        self._refresh_at = float("inf")
        self._send(now)

    def _on_expiry(self, now: float) -> None:
        self._end("expired", retryable=True)

    def _on_no_notify(self, now: float) -> None:
        if self.state is State.LINGERING:
            self._feed(Input.END)
            self._forget()
        else:
            self._end("no-notify", retryable=True)

    def _feed(self, item: Input) -> None:
        self.state = SUBSCRIBER[self.state][item]

    def _end(self, reason: str, *, retryable: bool, retry_after: int | None = None, status: int | None = None) -> None:
        was = self.state
        self._feed(Input.END)
        self._forget()
        if was is State.UNSUBSCRIBING:
            # Whatever happened: it is over, as we wanted.
            reason, retryable, retry_after = "unsubscribed", False, None
        if was is not State.LINGERING:
            self._announce_end(reason, retryable=retryable, retry_after=retry_after, status=status)

    def _announce_end(
        self, reason: str, *, retryable: bool, retry_after: int | None = None, status: int | None = None
    ) -> None:
        self._agent.emit(
            SubscriptionEnded(
                subscription=self.id, reason=reason, retryable=retryable, retry_after=retry_after, status=status
            )
        )

    def _stop_timers(self) -> None:
        for name in ("refresh", "expiry", Timer.N):
            self._agent.timers.cancel((self, name))

    def _forget(self) -> None:
        self._stop_timers()
        self._agent.usages.pop(self.id, None)
