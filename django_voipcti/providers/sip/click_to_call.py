"""Click-to-call as third-party call control: call the user's own phone, then ask it to call the number (RFC 3515).

::

    INVITE own phone ─► 200 ─► REFER to the number ─► NOTIFY 1xx ... 2xx ─► BYE
      INITIAL          ACCEPTED                        RINGING    CONNECTED

Our leg carries no sound: it offers an inactive stream. When the phone has taken over, our leg ends, and the phone's own
call goes on without us. Phones report no 180 for the number; then ``RINGING`` comes from their dialog events.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from ...enums import CallState, Direction, EndReason, Source
from ...events import CallUpdate
from ...exceptions import PhoneNotRegistered, ProviderError, ProviderRejected, ProviderUnavailable
from ...sip.events import InviteAnswered, InviteEnded, InviteFailed, ReferEnded, ReferProgress, SipEvent
from ...sip.exceptions import LocalProtocolError
from ..base import Account, Report, SipPort
from . import mapping

__all__ = ["ClickToCall"]

logger = logging.getLogger(__name__)

#: Seconds that the phone gets to say what became of the number; then our leg is taken down and the phone goes on alone.
PATIENCE = 60.0

#: Seconds for the line's dialog events to show that the phone has dialled.
SHOW_TIME = 5.0

#: Reasons of the core's that mean that nobody picked up.
_SILENCE = frozenset({"no-answer", "timeout"})

#: Ask a phone to pick up by itself, in the three dialects that there are.
_AUTO_ANSWER = (
    ("Call-Info", "<sip:auto-answer.invalid>;answer-after=0"),
    ("Alert-Info", "<http://www.example.invalid>;info=alert-autoanswer;delay=0"),
    ("Answer-Mode", "Auto"),
)


class ClickToCall:
    """One click, from the own phone's ring to the moment at which the phone has taken over.

    Args:
        phone: SIP URI of the user's own phone.
        target: SIP URI of the number.
        ring_time: seconds for which the own phone rings.
        patience: seconds that it gets to say what became of the number.
        show_time: seconds that the line gets to show that the phone has dialled, where the phone does not tell.
        dialled: set when the line's dialog events show a call that its phone began after the REFER.
        own: told the Call-ID of our leg before anything is sent, so that the leg is never shown as a call.
        name: the provider's id of the call when the phone has taken it over; empty if its dialog events tell.
    """

    def __init__(
        self,
        account: Account,
        *,
        alias: str,
        call: int,
        phone: str,
        target: str,
        ring_time: float,
        auto_answer: bool,
        patience: float = PATIENCE,
        show_time: float = SHOW_TIME,
        report: Report,
        sip: SipPort,
        dialled: asyncio.Event,
        own: Callable[[str], None],
        name: Callable[[], str],
    ) -> None:
        self._account = account
        self._alias = alias
        self._call = call
        self._phone = phone
        self._target = target
        self._ring_time = ring_time
        self._headers = _AUTO_ANSWER if auto_answer else ()
        self._patience = patience
        self._show_time = show_time
        self._report = report
        self._sip = sip
        self._dialled = dialled
        self._own = own
        self._name = name
        self._invite = ""

    async def run(self) -> None:
        """See it through. Raises ``ProviderError`` if the call comes to nothing; whatever happens, our leg ends."""
        try:
            await self._say(CallState.INITIAL)
            events = await self._ring()
            await self._say(CallState.ACCEPTED)
            await self._hand_over(events)
        finally:
            self._hang_up()

    async def _ring(self) -> Any:
        """Call the user's own phone until it is picked up; return the further events of our leg."""

        def begin(core: Any, now: float) -> str:
            invite: str = core.invite(self._phone, headers=self._headers, ring_time=self._ring_time, now=now)
            self._own(invite)
            return invite

        self._invite = self._sip.apply(begin)
        events = self._sip.listen(self._invite)
        async for event in events:
            match event:
                case InviteAnswered():
                    return events
                case InviteFailed():
                    raise _own_phone_failed(event)
        raise _broken()

    async def _hand_over(self, events: Any) -> None:
        """Ask the phone to call the number, and tell how that goes."""
        self._dialled.clear()
        try:
            self._sip.apply(lambda core, now: core.refer(self._invite, self._target, now))
        except LocalProtocolError:
            # While it was written down that the phone was picked up, our leg ended.
            raise ProviderUnavailable(
                _("The call on your phone ended before the number was called. Try again."),
                end_reason=EndReason.CANCELLED,
            ) from None
        try:
            async with asyncio.timeout(self._patience):
                await self._follow(events)
        except TimeoutError:
            await self._look_at_the_line()

    async def _follow(self, events: Any) -> None:
        async for event in events:
            match event:
                case ReferProgress(status=status) if status >= 180:
                    self._dialled.set()
                    await self._say(CallState.RINGING)
                case ReferEnded(refused=True):
                    raise _phone_refuses(event)
                case ReferEnded(status=None, reason="connection-lost") | InviteEnded(by="failure"):
                    # After the reconnect the line shows what has become of it.
                    if not self._dialled.is_set():
                        raise _broken()
                    return
                case ReferEnded(status=None) | InviteEnded():
                    # A phone that tells no result; one that ends our leg as soon as it has dialled; or one whose user
                    # has put the receiver down.
                    await self._look_at_the_line()
                    return
                case ReferEnded(status=int(status)) if status < 300:
                    await self._say(CallState.CONNECTED, name=self._name())
                    return
                case ReferEnded(status=int(status)):
                    cause = f"{status} {event.reason}".strip()
                    raise ProviderRejected(cause, status=status, end_reason=mapping.far_end(status))

    async def _look_at_the_line(self) -> None:
        """The phone does not tell what became of the number: its dialog events must show that it has called it."""
        try:
            async with asyncio.timeout(self._show_time):
                await self._dialled.wait()
        except TimeoutError:
            raise ProviderUnavailable(_("Your phone did not place the call. Dial on the phone.")) from None

    async def _say(self, state: CallState, *, name: str = "") -> None:
        await self._report(
            CallUpdate(
                provider=self._alias,
                account=self._account.key,
                external_id=name,
                call=self._call,
                source=Source.SIP,
                observed_at=timezone.now(),
                state=state,
                direction=Direction.OUTBOUND,
            )
        )

    def _hang_up(self) -> None:
        """CANCEL or BYE, whatever our leg needs; nothing if it is over, or the connection is."""
        if not self._invite:
            return
        try:
            self._sip.apply(lambda core, now: core.cancel(self._invite, now))
        except ProviderUnavailable:
            logger.info("our leg ended with the connection", extra={"action": "sip.leg.lost"})


def _broken() -> ProviderUnavailable:
    return ProviderUnavailable(_("The connection broke down while your phone was asked to call. Look at your phone."))


def _own_phone_failed(event: InviteFailed) -> ProviderError:
    if event.reason == "unauthorized":
        return ProviderRejected(str(mapping.UNAUTHORIZED), status=event.status)
    if event.status is None:
        return ProviderUnavailable(
            _("Your phone could not be called (%(reason)s). Try again.") % {"reason": event.reason},
            end_reason=EndReason.NO_ANSWER if event.reason in _SILENCE else None,
        )
    if 300 <= event.status < 400:
        # Not followed: whose phone would place the call, on which line would it be seen, and might it dial abroad?
        return ProviderRejected(
            _("Your phone forwards its calls elsewhere. Switch the forwarding off to call from here."),
            status=event.status,
        )
    reason, sentence = mapping.own_phone(event.status, event.reason)
    if reason is EndReason.UNREACHABLE:
        return PhoneNotRegistered(sentence, status=event.status)
    return ProviderRejected(sentence, status=event.status, end_reason=reason)


def _phone_refuses(event: SipEvent) -> ProviderRejected:
    status = getattr(event, "status", None)
    return ProviderRejected(
        _("Your phone does not take over calls (REFER answered with %(status)s). Dial on the phone.")
        % {"status": status or _("nothing")},
        status=status,
    )
