"""One SIP-over-WebSocket connection (RFC 7118) with one authentication, shared by every line that it serves.

The connection moves frames, timers and events; the SIP core decides what they mean, and the lines' sessions what
follows. It comes back by itself after every failure, except after one that another try would only make worse.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from ..exceptions import ProviderUnavailable
from ..providers.base import SipProfile
from ..sip.core import UserAgentCore
from ..sip.events import (
    AuthenticationFailed,
    Ignored,
    InviteEnded,
    InviteFailed,
    NotifyReceived,
    RequestAnswered,
    RequestRejected,
    SipEvent,
    SubscriptionActive,
    SubscriptionEnded,
)
from ..transport.failures import CredentialsRejected, explain, explain_refusal, is_fatal
from ..transport.websocket import new_core, open_socket
from .backoff import Retries
from .link import LineLink
from .listener import Listener

__all__ = ["SipConnection"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: Seconds for the server to confirm the end of the subscriptions.
_UNSUBSCRIBE_TIMEOUT = 2.0
#: Seconds until a subscription that was refused for good is asked for again: somebody may have mended the server.
_REFUSED_AGAIN = 300.0
#: Subscriptions that the server is asked for at once. Thousands at one moment would flood both sides: while the
#: server cannot get rid of its answers it does not read what we send.
_AT_ONCE = 50


@dataclass(slots=True, eq=False)
class _Watch:
    """One URI that one line watches."""

    served: "_Served"
    uri: str
    subscription: str = ""
    active: bool = False
    retries: Retries = field(default_factory=lambda: Retries(cap=60.0))


@dataclass(slots=True, eq=False)
class _Served:
    """A line on this connection."""

    link: LineLink
    watches: list[_Watch] = field(default_factory=list)
    inactive: int = 0
    """How many of the watches are not active."""


class SipConnection:
    """Keeps one WebSocket open, and the subscriptions of its lines active.

    Args:
        room: awaited before each message is read, so that a full spool stops the flow at its source.
        gate: bounds how many connections are opened at once.
    """

    def __init__(
        self,
        profile: SipProfile,
        *,
        room: Callable[[], Awaitable[None]],
        gate: asyncio.Semaphore,
        retries: Retries | None = None,
    ) -> None:
        self.profile = profile
        self._room = room
        self._gate = gate
        self._retries = retries or Retries()
        self._clock = asyncio.get_running_loop().time
        self._served: dict[int, _Served] = {}
        self._subscriptions: dict[str, _Watch] = {}
        self._again: dict[_Watch, float] = {}
        # To be subscribed as soon as the server keeps up, oldest first; and those that it has not answered yet.
        self._waiting: dict[_Watch, None] = {}
        self._asked: set[_Watch] = set()
        # Whether it has answered one on this connection: then its challenge is known, and answered unasked.
        self._is_known = False
        self._active = 0
        self._core: UserAgentCore | None = None
        self._alarm: asyncio.Timeout | None = None
        self._dirty = False
        self._listeners: dict[str, list[Listener]] = {}
        self._rejected: AuthenticationFailed | None = None
        self._failure = ""
        self._fatal = False
        self._task: asyncio.Task[None] | None = None
        # Set while no subscription is active.
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def host(self) -> str:
        """The server, for people and logs."""
        return self.profile.host

    @property
    def lines(self) -> set[int]:
        """Primary keys of the lines that are served."""
        return set(self._served)

    # --- lines ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the connection, in a task of its own."""
        self._task = asyncio.create_task(self._run(), name=f"sip-{self.host}")

    def add(self, link: LineLink, profile: SipProfile) -> None:
        """Serve one more line."""
        served = self._served[link.line] = _Served(link)
        served.watches = [_Watch(served, uri) for uri in profile.watch]
        served.inactive = len(served.watches)
        if self._failure:
            link.lost(self._failure, fatal=self._fatal)
        if self._core is not None:
            self.apply(lambda _core, _now: self._begin(served))

    def remove(self, link: LineLink) -> None:
        """Serve a line no longer; its subscriptions are given back."""
        served = self._served.pop(link.line)
        for watch in served.watches:
            self._again.pop(watch, None)
            name = watch.subscription
            self._forget(watch)
            if name and self._core is not None:
                self.apply(partial(_unsubscribe, name))

    async def stop(self) -> None:
        """Give the subscriptions back, wait a moment for the server to confirm, and close."""
        if self._task is None:
            return
        if self._core is not None:
            self._waiting.clear()
            self.apply(lambda core, now: core.unsubscribe_all(now))
            try:
                async with asyncio.timeout(_UNSUBSCRIBE_TIMEOUT):
                    await self._quiet.wait()
            except TimeoutError:
                logger.info("%s does not confirm the end", self.host, extra={"action": "bridge.sip.unconfirmed"})
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # --- SipPort --------------------------------------------------------------------------------------------------

    def apply(self, action: Callable[[Any, float], T]) -> T:
        """See :class:`~django_voipcti.providers.base.SipPort`. Raises ``ProviderUnavailable`` while disconnected."""
        if self._core is None:
            raise ProviderUnavailable(
                _("Your line is not connected to %(host)s at the moment. Try again.") % {"host": self.host}
            )
        result = action(self._core, self._clock())
        self._dirty = True
        if self._alarm is not None:
            self._alarm.reschedule(self._clock())
        return result

    def listen(self, handle: str) -> AsyncIterator[Any]:
        """See :class:`~django_voipcti.providers.base.SipPort`. Hears everything from this call on."""
        listener = Listener()
        self._listeners.setdefault(handle, []).append(listener)
        return listener

    # --- life -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            opened_at: float | None = None
            try:
                async with self._gate:
                    socket = await open_socket(self.profile)
                opened_at = self._clock()
                logger.info("connected to %s", self.host, extra={"action": "bridge.sip.connected"})
                try:
                    await self._drive(socket)
                finally:
                    await socket.close()
            except (OSError, WebSocketException, CredentialsRejected) as error:
                self._tell_lost(error)
                if self._fatal:
                    return
            # A defect of ours, or of a provider, must not leave lines that look connected.
            except Exception as error:
                logger.exception("the connection to %s broke down", self.host, extra={"action": "bridge.sip.defect"})
                self._tell_lost(error)
            held_for = 0.0 if opened_at is None else self._clock() - opened_at
            await asyncio.sleep(self._retries.next_delay(held_for=held_for))

    async def _drive(self, socket: ClientConnection) -> None:
        """Move frames, timers and events; decide nothing."""
        core = self._core = new_core(self.profile)
        self._rejected, self._failure, self._is_known = None, "", False
        try:
            for served in self._served.values():
                self._begin(served)
            while True:
                self._dirty = False
                self._handle(core)
                self._ask(core)
                for data in core.data_to_send():
                    await socket.send(data, text=True)
                await self._room()
                try:
                    async with asyncio.timeout_at(self._deadline(core)) as self._alarm:
                        frame = await socket.recv(decode=False)
                except TimeoutError:
                    core.handle_timer(self._clock())
                    self._ask_again()
                else:
                    core.receive_message(frame, self._clock())
                finally:
                    self._alarm = None
        finally:
            self._core = None
            core.connection_lost(self._clock())
            self._handle(core, lost=True)

    def _deadline(self, core: UserAgentCore) -> float | None:
        if self._dirty:
            return self._clock()
        return min((moment for moment in (core.get_timer(), *self._again.values()) if moment is not None), default=None)

    def _tell_lost(self, error: BaseException) -> None:
        self._fatal = is_fatal(error)
        self._failure = explain(error, host=self.host)
        level = logging.WARNING if self._fatal or not isinstance(error, ConnectionClosed) else logging.INFO
        logger.log(level, "%s", self._failure, extra={"action": "bridge.sip.lost"})
        self._again.clear()
        for served in self._served.values():
            for watch in served.watches:
                self._forget(watch)
            served.link.lost(self._failure, fatal=self._fatal)

    # --- subscriptions --------------------------------------------------------------------------------------------

    def _begin(self, served: _Served) -> None:
        self._waiting.update(dict.fromkeys(served.watches))
        if not served.watches:
            served.link.logged_in()
            served.link.ready()

    def _ask(self, core: UserAgentCore) -> None:
        """Subscribe to what waits: first one alone, which brings the challenge for all, then so many at once."""
        while self._waiting and len(self._asked) < (_AT_ONCE if self._is_known else 1):
            watch = next(iter(self._waiting))
            del self._waiting[watch]
            self._asked.add(watch)
            watch.served.link.subscribed(watch.uri)
            watch.subscription = core.subscribe(watch.uri, expires=self.profile.expires, now=self._clock())
            self._subscriptions[watch.subscription] = watch

    def _ask_again(self) -> None:
        now = self._clock()
        for watch in [watch for watch, moment in self._again.items() if moment <= now]:
            del self._again[watch]
            self._waiting[watch] = None

    def _forget(self, watch: _Watch) -> None:
        """The subscription of ``watch`` is over."""
        self._waiting.pop(watch, None)
        self._asked.discard(watch)
        self._subscriptions.pop(watch.subscription, None)
        watch.subscription = ""
        if watch.active:
            watch.active = False
            watch.served.inactive += 1
            self._active -= 1
        if not self._active:
            self._quiet.set()

    # --- events ---------------------------------------------------------------------------------------------------

    def _handle(self, core: UserAgentCore, *, lost: bool = False) -> None:
        for event in core.events():
            logger.debug("%s: %r", self.host, event, extra={"action": "bridge.sip.event"})
            self._pass_on(event)
            match event:
                case AuthenticationFailed():
                    self._rejected = event
                case SubscriptionActive(subscription=name):
                    self._on_active(name)
                case NotifyReceived(subscription=name):
                    self._on_notify(core, name, event)
                case SubscriptionEnded(subscription=name) if not lost:
                    self._on_ended(name, event)
                case Ignored(reason=reason):
                    logger.info("%s: %s", self.host, reason, extra={"action": "bridge.sip.ignored"})

    def _on_active(self, subscription: str) -> None:
        watch = self._subscriptions.get(subscription)
        if watch is None or watch.active:
            return
        self._rejected, self._is_known = None, True
        self._asked.discard(watch)
        watch.active = True
        watch.served.inactive -= 1
        self._active += 1
        self._quiet.clear()
        watch.served.link.logged_in()
        if not watch.served.inactive:
            watch.served.link.ready()

    def _on_notify(self, core: UserAgentCore, subscription: str, event: NotifyReceived) -> None:
        watch = self._subscriptions.get(subscription)
        # The last word of a subscription often has no body; that says nothing about the calls.
        if watch is None or (event.state == "terminated" and not event.body.strip()):
            return
        if watch.served.link.notified(watch.uri, event.body, subscription=subscription, late=event.late):
            logger.info("%s left a gap, asking for the full state", self.host, extra={"action": "bridge.sip.gap"})
            core.refresh(subscription, self._clock())
            self._dirty = True

    def _on_ended(self, subscription: str, event: SubscriptionEnded) -> None:
        if event.reason == "unauthorized":
            raise CredentialsRejected(self._rejected.status if self._rejected else event.status)
        watch = self._subscriptions.get(subscription)
        if watch is None:
            return
        self._is_known = True
        held = watch.active
        self._forget(watch)
        if event.reason == "unsubscribed":
            return
        delay = watch.retries.next_delay(
            held_for=watch.retries.stable_after if held else 0.0, at_least=float(event.retry_after or 0)
        )
        if not event.retryable:
            delay = max(delay, _REFUSED_AGAIN)
            watch.served.link.refused(watch.uri, explain_refusal(event, self.host))
        self._again[watch] = self._clock() + delay
        logger.warning(
            "a subscription at %s ended (%s, %s)",
            self.host,
            event.reason,
            event.status,
            extra={"action": "bridge.sip.ended"},
        )

    def _pass_on(self, event: SipEvent) -> None:
        """Give an event to those who listen to what it concerns."""
        handle = (
            getattr(event, "invite", None) or getattr(event, "request", None) or getattr(event, "subscription", None)
        )
        listeners = self._listeners.get(handle or "")
        if not listeners:
            return
        last = isinstance(event, InviteEnded | InviteFailed | RequestAnswered | RequestRejected | SubscriptionEnded)
        for listener in listeners:
            listener.put(event, last=last)
        if last:
            del self._listeners[handle or ""]


def _unsubscribe(subscription: str, core: UserAgentCore, now: float) -> None:
    core.unsubscribe(subscription, now)
