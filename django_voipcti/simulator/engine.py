"""The engine: pure Python, no I/O, driven from one thread. It tells observers what happened to which leg.

Whatever a person can do with a phone is a method here; :class:`.phones.Phone` is one user's view of them.
"""

from functools import partial

from .calls import Cause, Change, ClickToCall, Leg, LegState, OutsideCall, Party
from .directory import EngineError
from .phones import Phone
from .scenario import Scenario, Service, User
from .switch import CALLEE, CALLER, Switch, shown, stop_timers

__all__ = ["Engine"]


class Engine(Switch):
    """All calls of one account, and what can be asked of it. Its arguments are those of :class:`.switch.Switch`."""

    def make_phones(self, scenario: Scenario) -> dict[int, Phone]:
        return {user.id: Phone(self, user) for user in scenario.users}

    # --- beginning ----------------------------------------------------------------------------------------------

    def call_from_outside(self, number: str, to: str, *, name: str = "") -> OutsideCall:
        """Somebody outside calls one of our numbers or an extension. ``number`` is empty if it is withheld."""
        target = self.directory.resolve(to)
        if isinstance(target, Party):
            raise EngineError("The number is not one of this account.", field="to")
        conversation = self._conversation(to)
        call = OutsideCall(
            id=conversation.id, party=Party(number=number, name=name or number), conversation=conversation
        )
        self.outside_calls.append(call)
        conversation.caller = call
        self._ring(conversation, target)
        return call

    def place_call(self, user: int | str, to: str, *, caller_id: str = "") -> ClickToCall:
        """Ring the user's own phone, and when he picks up, ``to``. Raises :class:`.EngineError` for a bad number."""
        phone = self.phone(user)
        self.directory.resolve(to)
        if to == phone.user.extension:
            raise EngineError("You cannot call yourself.", field="to")
        if caller_id and caller_id != "anonymous" and caller_id not in self.scenario.numbers:
            raise EngineError("The caller id is not a number of this account.", field="caller_id")
        request = ClickToCall(user_id=phone.user.id, to=to)
        if not phone.registered:
            self.after(self.timings.unregistered, partial(request.settle, "unregistered"))
            return request
        leg = request.leg = self._outgoing_leg(phone.user, to, caller_id)
        leg.referred_by = f"c2c{leg.id}"
        phone.request = request
        self._tell(leg, Change.INITIAL)
        self.after(self.timings.own_phone, partial(self.end_request, request, "unanswered"), leg)
        if phone.script.pick_up_after is not None:
            self.after(phone.script.pick_up_after, partial(self.pick_up, request), leg)
        return request

    def pick_up(self, request: ClickToCall) -> None:
        """The user takes his own phone, which rings for a click-to-call."""
        leg = request.leg
        if leg is None or request.outcome:
            raise EngineError("No click-to-call rings on this phone.")
        self.phones[request.user_id].request = None
        stop_timers(leg)
        # The answer to POST /calls describes the second leg as ringing; dialogs and webhooks follow when it does ring.
        leg.state, leg.shown = LegState.RINGING, True
        self.after(self.timings.alert, partial(self._ring, leg.conversation, self.directory.resolve(request.to)), leg)
        request.settle("picked_up")

    def dial(self, user: int | str, to: str) -> Leg:
        """The user dials on his phone."""
        target = self.directory.resolve(to)
        leg = self._outgoing_leg(self.phone(user).user, to, "")
        self._tell(leg, Change.INITIAL)
        self._ring(leg.conversation, target)
        return leg

    # --- while talking ------------------------------------------------------------------------------------------

    def hold(self, leg: Leg) -> None:
        """The user's phone holds the call."""
        if leg.state is not LegState.CONNECTED:
            raise EngineError("The call is not connected.", field="state")
        leg.state = LegState.ON_HOLD
        self._tell(leg, Change.ON_HOLD)

    def resume(self, leg: Leg) -> None:
        """The user's phone takes the call back."""
        if leg.state is not LegState.ON_HOLD:
            raise EngineError("The call is not on hold.", field="state")
        leg.state = LegState.CONNECTED
        self._tell(leg, Change.RESUMED)

    def transfer(self, leg: Leg, to: str) -> None:
        """Blind transfer: the other party is put through to ``to``, the user is out of it at once."""
        conversation = leg.conversation
        peer = conversation.peer(leg)
        if not leg.talking or peer is None:
            raise EngineError("The call is not connected.", field="dst")
        target = self.directory.resolve(to, field="dst")
        if isinstance(target, User) and str(target.id) == leg.owner:
            raise EngineError("You cannot transfer a call to yourself.", field="dst")
        side = CALLER if conversation.caller is leg else CALLEE
        conversation.caller, conversation.callee = peer, None
        if conversation.root is not None:
            self._finish(conversation.root, Cause.TRANSFER, by=side)
            conversation.root = None
        self._finish(leg, Cause.TRANSFER, by=side)
        conversation.dialled = to
        if isinstance(peer, Leg):
            peer.other = shown(target)
            self._tell(peer, Change.UPDATED)
        self._ring(conversation, target)

    def press(self, call: OutsideCall, digit: str) -> None:
        """An outside caller chooses from a menu."""
        service = call.conversation.callee
        node = self.directory.node(service.owner) if isinstance(service, Leg) else None
        if not isinstance(service, Leg) or not isinstance(node, Service) or digit not in node.menu:
            raise EngineError("There is no menu that knows this digit.", field="digit")
        self.transfer(service, node.menu[digit])
