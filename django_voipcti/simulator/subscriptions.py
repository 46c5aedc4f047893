"""Subscriptions to the dialog event package (RFC 6665, RFC 4235): what watchers are told, and when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from django_voipcti.sip.ids import IdFactory
from django_voipcti.sip.messages import Request, Response

from .calls import Change, Leg
from .clock import Timer
from .resources import dialog_info
from .state import Platform

__all__ = ["Subscription", "Subscriptions", "Watcher"]

#: Seconds in which a watcher has to answer a NOTIFY (RFC 3261, timer F).
_ANSWER_TIME = 32.0


class Watcher(Protocol):
    """A WebSocket on which a subscription lives."""

    via: str
    """Transport and sent-by of our Via."""

    def send(self, frame: bytes) -> None: ...


@dataclass(slots=True, kw_only=True, eq=False)
class Subscription:
    """One subscription, from our side: ``local`` and ``remote`` are header values with their tags."""

    node: str
    watcher: Watcher
    local: str
    local_tag: str
    remote: str
    call_id: str
    target: str
    """Contact of the watcher: where NOTIFYs go."""
    contact: str
    """Ours: where refreshes come."""
    event: str
    remote_cseq: int
    expires_at: float = 0.0
    cseq: int = 0
    version: int = -1
    timer: Timer | None = field(default=None, repr=False)


class Subscriptions:
    """All subscriptions of the account."""

    def __init__(self, platform: Platform, ids: IdFactory) -> None:
        self._platform = platform
        self._ids = ids
        self._live: list[Subscription] = []
        self._held: list[Callable[[], None]] = []
        self._unanswered: dict[str, tuple[Subscription, Timer]] = {}
        platform.engine.observers.append(self._leg_changed)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(tuple(self._live))

    def __len__(self) -> int:
        return len(self._live)

    def find(self, call_id: str, local_tag: str | None) -> Subscription | None:
        """The subscription that a request inside a dialog belongs to."""
        return next((item for item in self._live if (item.call_id, item.local_tag) == (call_id, local_tag)), None)

    def add(self, subscription: Subscription) -> None:
        """Let a subscription live; :meth:`grant` says how long."""
        self._live.append(subscription)

    def grant(self, subscription: Subscription, seconds: int) -> None:
        """Start or restart the life of a subscription and tell the watcher how things stand. 0 ends it."""
        if subscription.timer is not None:
            subscription.timer.cancel()
        subscription.expires_at = self._platform.clock.time() + seconds
        legs = self._platform.engine.legs(subscription.node)
        if seconds:
            subscription.timer = self._platform.clock.call_later(seconds, partial(self.end, subscription, "timeout"))
            self._notify(subscription, legs, form="full")
        else:
            self.end(subscription, "timeout")

    def end(self, subscription: Subscription, reason: str, *, retry_after: int | None = None) -> None:
        """End a subscription from our side (RFC 6665, 4.1.3: reasons)."""
        if subscription not in self._live:
            return
        self._notify(
            subscription,
            self._platform.engine.legs(subscription.node),
            form="full",
            state=f"terminated;reason={reason}" + (f";retry-after={retry_after}" if retry_after is not None else ""),
        )
        self._forget(subscription)

    def drop(self, watcher: Watcher) -> None:
        """Forget what lived on a WebSocket that is gone."""
        for subscription in tuple(self._live):
            if subscription.watcher is watcher:
                self._forget(subscription)

    def answered(self, response: Response) -> None:
        """A watcher answered a NOTIFY. RFC 6665, 4.2.2: after 481 and other final refusals the subscription is over."""
        known = self._unanswered.pop(response.via.branch, None)
        if known is None or response.status < 200:
            return
        subscription, timer = known
        timer.cancel()
        if response.status >= 300 and subscription in self._live:
            self._forget(subscription)

    def _forget(self, subscription: Subscription) -> None:
        if subscription.timer is not None:
            subscription.timer.cancel()
        if subscription in self._live:
            self._live.remove(subscription)
        self._platform.engine.touch()

    # --- NOTIFY -------------------------------------------------------------------------------------------------

    def _leg_changed(self, leg: Leg, change: Change) -> None:
        behaviour = self._platform.behaviour
        if change is Change.ENDED and self._platform.faults.no_terminated:
            return
        if not leg.shown and not behaviour.initial_dialog_state:
            return
        for subscription in tuple(self._live):
            if subscription.node != leg.owner:
                continue
            legs = [leg]
            if behaviour.notify_form == "full":
                legs += [other for other in self._platform.engine.legs(leg.owner) if other is not leg]
            self._notify(subscription, legs, form=behaviour.notify_form)

    def _notify(self, subscription: Subscription, legs: list[Leg], *, form: str, state: str = "") -> None:
        faults = self._platform.faults
        if faults.silent_sip:
            return
        subscription.version += 1
        body = dialog_info(
            subscription.node,
            legs,
            version=subscription.version,
            form=form,
            scenario=self._platform.scenario,
            behaviour=self._platform.behaviour,
        )
        if faults.notify_lose:
            faults.notify_lose -= 1
            return
        sending: list[Callable[[], None]] = [
            partial(self._send, subscription, body, state) for _ in range(1 + faults.notify_repeats)
        ]
        if faults.notify_reorder and not self._held:
            self._held = [*sending]
            return
        for send in sending + self._held:
            if faults.notify_delay:
                self._platform.clock.call_later(faults.notify_delay, send)
            else:
                send()
        self._held.clear()

    def _send(self, subscription: Subscription, body: bytes, state: str) -> None:
        """Write one document under the next CSeq."""
        subscription.cseq += 1
        branch = self._ids.branch()
        left = max(0, round(subscription.expires_at - self._platform.clock.time()))
        request = Request(
            "NOTIFY",
            subscription.target,
            [
                ("Via", f"{subscription.watcher.via};branch={branch}"),
                ("Max-Forwards", 70),
                ("From", subscription.local),
                ("To", subscription.remote),
                ("Call-ID", subscription.call_id),
                ("CSeq", f"{subscription.cseq} NOTIFY"),
                ("Contact", subscription.contact),
                ("Event", subscription.event),
                ("Subscription-State", state or f"active;expires={left}"),
                ("User-Agent", "VoIPstudio simulator"),
                ("Content-Type", "application/dialog-info+xml"),
            ],
            body,
        )
        timer = self._platform.clock.call_later(_ANSWER_TIME, partial(self._no_answer, branch))
        self._unanswered[branch] = (subscription, timer)
        for _ in range(1 + self._platform.faults.notify_copies):
            subscription.watcher.send(request.to_bytes())

    def _no_answer(self, branch: str) -> None:
        subscription, _ = self._unanswered.pop(branch)
        self._forget(subscription)

    def close(self) -> None:
        """Forget everything."""
        for subscription in tuple(self._live):
            self._forget(subscription)
        for _, timer in self._unanswered.values():
            timer.cancel()
        self._unanswered.clear()
        self._held.clear()
