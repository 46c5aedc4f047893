"""A user's phone, as a pair of hands would use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .calls import ClickToCall, Leg, LegState
from .directory import EngineError
from .scenario import PhoneScript, User

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["Phone"]


class Phone:
    """One user's phone. Methods that take ``call_id`` choose the only call that fits if it is left out.

    Each raises :class:`.EngineError` when no call fits.
    """

    def __init__(self, engine: Engine, user: User) -> None:
        self._engine = engine
        self.user = user
        self.registered = user.registered
        self.script: PhoneScript = user.script
        self.call_waiting = True
        """Whether a second call rings; without it the caller hears busy."""
        self.request: ClickToCall | None = None
        """The click-to-call that rings now."""

    @property
    def busy(self) -> bool:
        """Whether the next caller is turned away."""
        return self.user.dnd or (not self.call_waiting and bool(self.legs))

    @property
    def legs(self) -> list[Leg]:
        """The user's live calls, oldest first."""
        return self._engine.legs(self.user.id)

    def register(self) -> None:
        """Plug the phone in."""
        self.registered = True
        self._engine.touch()

    def unregister(self) -> None:
        """Pull the plug; calls in progress go on, as they do while a registration runs out."""
        self.registered = False
        self._engine.touch()

    def dial(self, to: str) -> Leg:
        """Call somebody by the phone's own keys."""
        return self._engine.dial(self.user.id, to)

    def answer(self, call_id: int | None = None) -> None:
        """Take a ringing call, or the phone that rings for a click-to-call."""
        request = self.request
        if request is not None and request.leg is not None and call_id in {None, request.leg.id}:
            self._engine.pick_up(request)
            return
        self._engine.answer(self._choose(call_id, LegState.RINGING, incoming=True))

    def decline(self, call_id: int | None = None) -> None:
        """Refuse a ringing call, or a click-to-call."""
        request = self.request
        if request is not None and request.leg is not None and call_id in {None, request.leg.id}:
            self._engine.hang_up(request.leg)
            return
        self._engine.decline(self._choose(call_id, LegState.RINGING, incoming=True))

    def hold(self, call_id: int | None = None) -> None:
        """Put a connected call on hold."""
        self._engine.hold(self._choose(call_id, LegState.CONNECTED))

    def resume(self, call_id: int | None = None) -> None:
        """Take a call off hold."""
        self._engine.resume(self._choose(call_id, LegState.ON_HOLD))

    def transfer(self, to: str, call_id: int | None = None) -> None:
        """Put the other party through to somebody else, without asking first."""
        self._engine.transfer(self._choose(call_id, LegState.CONNECTED, LegState.ON_HOLD), to)

    def hang_up(self, call_id: int | None = None) -> None:
        """Put the receiver down, whatever the state of the call."""
        self._engine.hang_up(self._choose(call_id, *LegState))

    def _choose(self, call_id: int | None, *states: LegState, incoming: bool | None = None) -> Leg:
        legs = [
            leg
            for leg in self.legs
            if leg.state in states and call_id in {None, leg.id} and incoming in {None, leg.incoming}
        ]
        if not legs:
            raise EngineError(f"{self.user.name} has no call that fits.")
        return legs[-1]
