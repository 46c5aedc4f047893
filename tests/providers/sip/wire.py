"""A line's SIP connection in memory: the bridge's side of the port, and the far end that a test plays."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from django_voipcti.bridge.listener import Listener
from django_voipcti.exceptions import ProviderUnavailable
from django_voipcti.sip.events import (
    InviteEnded,
    InviteFailed,
    RequestAnswered,
    RequestRejected,
    SipEvent,
)
from django_voipcti.sip.messages import Request, Response
from tests.sip.wire import FarEnd
from tests.support.waiting import aeventually

__all__ = ["SipWire"]

T = TypeVar("T")

_LAST = InviteEnded | InviteFailed | RequestAnswered | RequestRejected


class SipWire(FarEnd):
    """A :class:`~django_voipcti.providers.base.SipPort` whose other end is spoken by the test."""

    def __init__(self, **settings: object) -> None:
        super().__init__(user="cti", domain="pbx.test", **settings)
        self.connected = True
        self._listeners: dict[str, Listener] = {}

    # --- SipPort --------------------------------------------------------------------------------------------------

    def apply(self, action: Callable[[Any, float], T]) -> T:
        if not self.connected:
            raise ProviderUnavailable("not connected")
        result = action(self.core, self.now)
        self.events()
        return result

    def listen(self, handle: str) -> AsyncIterator[Any]:
        return self._listener(handle)

    # --- the far end ----------------------------------------------------------------------------------------------

    def events(self) -> list[SipEvent]:
        """Hand the core's events to who listens, as well."""
        events = super().events()
        for event in events:
            handle = getattr(event, "invite", None) or getattr(event, "request", "")
            self._listener(handle).put(event, last=isinstance(event, _LAST))
        return events

    def _listener(self, handle: str) -> Listener:
        return self._listeners.setdefault(handle, Listener())

    async def expect(self, method: str) -> Request:
        """The next message that the core sends, which must be this request."""
        (message,) = await aeventually(self.messages, describe=f"{method} is sent")
        assert isinstance(message, Request), message
        assert message.method == method, message
        return message

    async def pick_up(self) -> Request:
        """Be a phone that rings and is picked up; return the INVITE."""
        invite = await self.expect("INVITE")
        self.answer(invite, 180)
        self.answer(invite, 200, ("Contact", "<sip:1001@192.0.2.7>"))
        await self.expect("ACK")
        return invite

    def ask(self, method: str, about: Request, *headers: tuple[str, object], **options: object) -> Response:
        response = super().ask(method, about, *headers, **options)
        self.events()
        return response

    def tell(self, invite: Request, fragment: str, state: str = "active;expires=60") -> Response:
        """Be a phone that tells what became of the number."""
        headers = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag")]
        return self.ask("NOTIFY", invite, *headers, body=fragment.encode())

    def lose(self) -> None:
        """Cut the connection."""
        self.connected = False
        self.core.connection_lost(self.now)
        self.events()

    def tick(self, seconds: float) -> None:
        """Let time go by."""
        self.at(self.now + seconds)
        self.events()
