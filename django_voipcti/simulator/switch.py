"""How calls move: who is rung, who is connected, who is told. What can be asked of it is in :mod:`.engine`."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

from .calls import Cause, Change, ClickToCall, Conversation, End, Leg, LegState, OutsideCall, Party
from .clock import Clock
from .directory import Directory, EngineError, Target
from .phones import Phone
from .scenario import Group, Scenario, Service, User
from .settings import Behaviour, Timings

__all__ = ["CALLEE", "CALLER", "Switch", "shown", "stop_timers"]

Observer = Callable[[Leg, Change], None]
#: Values of ``terminated_by``.
CALLER, CALLEE = "caller", "callee"


class Switch(ABC):
    """All calls of one account.

    Args:
        scenario: who there is; changes to its users and groups take effect at once.
        clock: tells the time and wakes us up.
        time_scale: clock seconds for one platform second.
        first_id: id of the first call.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        clock: Clock,
        behaviour: Behaviour | None = None,
        timings: Timings | None = None,
        time_scale: float = 1.0,
        first_id: int | None = None,
    ) -> None:
        self.clock = clock
        self.behaviour = behaviour or Behaviour()
        self.timings = timings or Timings()
        self.time_scale = time_scale
        self.observers: list[Observer] = []
        self.conversations: list[Conversation] = []
        self.outside_calls: list[OutsideCall] = []
        self.phones: dict[int, Phone] = {}
        self.watchers: list[Callable[[], None]] = []
        """Called without arguments after anything changed, phones included."""
        # Ten ids a second since the epoch, in ten digits: a second run does not use the ids of the first again.
        self._next_id = first_id if first_id is not None else 10**9 + int(clock.time() * 10) % (9 * 10**9)
        self.load(scenario)

    def load(self, scenario: Scenario) -> None:
        """Start afresh with this scenario: no calls, no history."""
        self.forget_calls()
        self.directory = Directory(scenario)
        self.scenario = scenario
        self.phones = self.make_phones(scenario)
        self.touch()

    @abstractmethod
    def make_phones(self, scenario: Scenario) -> dict[int, Phone]:
        """A phone for each user, by user id."""

    def forget_calls(self) -> None:
        """Lose all calls without telling anybody, as a switch does that crashes."""
        for conversation in self.conversations:
            for end in (*conversation.legs, *conversation.ringing, conversation.caller, conversation.callee):
                if end is not None:
                    stop_timers(end)
        self.conversations.clear()
        self.outside_calls.clear()
        for phone in self.phones.values():
            phone.request = None

    def touch(self) -> None:
        """Tell the watchers that something changed."""
        for watcher in tuple(self.watchers):
            watcher()

    def after(self, seconds: float, action: Callable[[], None], end: End | None = None) -> None:
        """Do something after so many platform seconds, unless ``end`` moves on before."""
        timer = self.clock.call_later(seconds * self.time_scale, action)
        if end is not None:
            end.timers.append(timer)

    # --- looking ------------------------------------------------------------------------------------------------

    def phone(self, user: int | str) -> Phone:
        """The phone of a user, by id, extension or e-mail address; raises ``KeyError``."""
        return self.phones[self.directory.user(user).id]

    def legs(self, owner: int | str | None = None) -> list[Leg]:
        """Live legs, oldest first; those of one node if it is given."""
        return [
            leg
            for conversation in self.conversations
            for leg in conversation.legs
            if leg.live and (owner is None or str(owner) == leg.owner)
        ]

    def find(self, call_id: int, owner: int | str) -> Leg | None:
        """A user's live leg by its call id."""
        return next((leg for leg in self.legs(owner) if leg.id == call_id), None)

    # --- answering and refusing ---------------------------------------------------------------------------------

    def answer(self, end: End) -> None:
        """A ringing end picks up; whoever else is rung for the same call stops ringing."""
        conversation = end.conversation
        if end not in conversation.ringing:
            raise EngineError("The call is not ringing.", field="state")
        conversation.ringing.remove(end)
        conversation.callee = end
        conversation.answered = True
        others, conversation.ringing = conversation.ringing, []
        for other in others:
            if isinstance(other, Leg):
                other.elsewhere = True
                self._finish(other, self.behaviour.elsewhere_cause, by=CALLEE)
        for side in (end, conversation.root, conversation.caller):
            if side is not None and not side.talking:
                self._connect(side)

    def decline(self, end: End, cause: Cause = Cause.REJECTED) -> None:
        """A ringing end refuses (or is busy, or does not answer); the call is over when nobody rings any more."""
        conversation = end.conversation
        if end not in conversation.ringing:
            raise EngineError("The call is not ringing.", field="state")
        if conversation.ringing == [end]:
            self._end(conversation, cause, by=CALLEE)
            return
        conversation.ringing.remove(end)
        self._finish(end, cause, by=CALLEE)

    def hang_up(self, end: End) -> None:
        """An end of a call puts the receiver down; a ringing one declines."""
        conversation = end.conversation
        if not end.live:
            raise EngineError("The call is over.")
        if end in conversation.ringing:
            self.decline(end)
            return
        if isinstance(end, Leg):
            phone = next((phone for phone in self.phones.values() if phone.request and phone.request.leg is end), None)
            if phone is not None and phone.request is not None:
                self.end_request(phone.request, "declined")
                return
        cause = Cause.NORMAL if conversation.callee is not None else Cause.CANCELLED
        self._end(conversation, cause, by=CALLER if end is conversation.caller else CALLEE)

    def end_request(self, request: ClickToCall, outcome: str) -> None:
        """The user's own phone was not picked up."""
        self.phones[request.user_id].request = None
        if request.leg is not None:
            cause = Cause.REJECTED if outcome == "declined" else Cause.NO_ANSWER
            self._end(request.leg.conversation, cause, by=CALLER)
        request.settle(outcome)

    # --- how calls move -----------------------------------------------------------------------------------------

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _conversation(self, dialled: str) -> Conversation:
        conversation = Conversation(id=self._new_id(), dialled=dialled)
        self.conversations.append(conversation)
        return conversation

    def _outgoing_leg(self, user: User, to: str, caller_id: str) -> Leg:
        conversation = self._conversation(to)
        target = self.directory.resolve(to)
        leg = Leg(
            id=conversation.id,
            conversation=conversation,
            owner=str(user.id),
            incoming=False,
            party=shown(user),
            other=shown(target, dialled=to),
            context="TEST_CALL" if isinstance(target, Service) and target.kind == "test" else "LOCAL_USER",
            start_time=self.clock.time(),
            caller_id=caller_id or user.caller_id,
        )
        conversation.caller = leg
        conversation.legs.append(leg)
        return leg

    def _incoming_leg(self, conversation: Conversation, target: User | Group | Service, context: str) -> Leg:
        caller = conversation.caller
        first = not conversation.legs
        shared = self.behaviour.shared_call_ids and isinstance(caller, Leg) and context == "LOCAL_USER"
        leg = Leg(
            id=conversation.id if first or shared else self._new_id(),
            number=1 + sum(leg.id == conversation.id for leg in conversation.legs) if shared else 1,
            conversation=conversation,
            owner=str(target.id) if isinstance(target, User) else target.node,
            incoming=True,
            party=shown(target),
            other=caller.party if caller is not None else Party(number=""),
            context=context,
            start_time=self.clock.time(),
        )
        conversation.legs.append(leg)
        return leg

    def _ring(self, conversation: Conversation, target: Target) -> None:
        """Ring whatever stands behind a number."""
        if isinstance(target, Party):
            self._ring_outside(conversation, target)
        elif isinstance(target, Group):
            self._ring_group(conversation, target)
        elif isinstance(target, User):
            self._ring_user(conversation, target)
        else:
            leg = self._incoming_leg(conversation, target, target.kind.upper())
            self._tell(leg, Change.INITIAL)
            self._alert(conversation, [leg])
            self.answer(leg)

    def _ring_user(self, conversation: Conversation, user: User) -> None:
        phone = self.phones[user.id]
        refusal = Cause.ABSENT if not phone.registered else Cause.BUSY if phone.busy else None
        leg = self._incoming_leg(conversation, user, "LOCAL_USER")
        self._tell(leg, Change.INITIAL)
        if refusal is not None:
            self._end(conversation, refusal, by=CALLEE)
            return
        self._alert(conversation, [leg])
        self.after(self.timings.user, partial(self._no_answer, conversation), leg)

    def _ring_group(self, conversation: Conversation, group: Group) -> None:
        context = group.context or f"RG-{group.id}"
        root = self._incoming_leg(conversation, group, context)
        conversation.root = root
        self._tell(root, Change.INITIAL)
        legs = []
        for member in group.members:
            phone = self.phones.get(member)
            if phone is None or member in group.away or not phone.registered:
                continue
            if phone.busy or (group.skip_busy and self.legs(member)):
                continue
            legs.append(self._incoming_leg(conversation, phone.user, context))
        for leg in legs:
            self._tell(leg, Change.INITIAL)
        root.state = LegState.RINGING
        self._tell(root, Change.RINGING)
        self._alert(conversation, legs)
        self.after(group.ring_time, partial(self._no_answer, conversation), root)

    def _ring_outside(self, conversation: Conversation, party: Party) -> None:
        call = OutsideCall(id=self._new_id(), party=party, conversation=conversation, state="ringing")
        self.outside_calls.append(call)
        script = self.directory.script(party.number)
        self._alert(conversation, [call])
        self.after(self.timings.outside, partial(self._no_answer, conversation), call)
        for seconds, action in (
            (script.answer_after, partial(self.answer, call)),
            (script.decline_after, partial(self.decline, call)),
            (script.busy_after, partial(self.decline, call, Cause.BUSY)),
            (script.unreachable_after, partial(self.decline, call, Cause.UNREACHABLE)),
        ):
            if seconds is not None:
                self.after(seconds, action, call)

    def _alert(self, conversation: Conversation, ends: list[Leg] | list[OutsideCall]) -> None:
        """Let these ends ring, and the caller hear it."""
        conversation.ringing.extend(ends)
        for end in ends:
            if isinstance(end, Leg):
                end.state = LegState.RINGING
                self._tell(end, Change.RINGING)
                self._run_script(end)
        caller = conversation.caller
        if isinstance(caller, Leg) and not caller.alerted:
            caller.state = LegState.RINGING
            self._tell(caller, Change.RINGING)
        self.touch()

    def _run_script(self, leg: Leg) -> None:
        phone = self.phones.get(int(leg.owner)) if leg.owner.isdigit() else None
        if phone is None:
            return
        if phone.script.answer_after is not None:
            self.after(phone.script.answer_after, partial(self.answer, leg), leg)
        if phone.script.decline_after is not None:
            self.after(phone.script.decline_after, partial(self.decline, leg), leg)

    def _connect(self, end: End) -> None:
        stop_timers(end)
        seconds = None
        if isinstance(end, Leg):
            end.state, end.connected_at = LegState.CONNECTED, self.clock.time()
            self._tell(end, Change.CONNECTED)
            if end.owner.isdigit():
                seconds = self.phones[int(end.owner)].script.hang_up_after
        else:
            end.state = "connected"
            seconds = self.directory.script(end.party.number).hang_up_after
            self.touch()
        if seconds is not None:
            self.after(seconds, partial(self.hang_up, end), end)

    def _finish(self, end: End, cause: str, *, by: str, final: bool = False) -> None:
        """Take one end out of its conversation."""
        if not end.live:
            return
        stop_timers(end)
        if isinstance(end, OutsideCall):
            end.state, end.cause = "ended", str(cause)
            self.outside_calls.remove(end)
            self.touch()
            return
        end.held_at_end = end.state is LegState.ON_HOLD
        end.state, end.ended_at = LegState.HANGUP, self.clock.time()
        end.cause, end.terminated_by, end.final = str(cause), by, final
        self._tell(end, Change.ENDED)

    def _end(self, conversation: Conversation, cause: Cause, *, by: str) -> None:
        """End all that is left of a conversation. The last leg that was rung in vain is told that it was the last."""
        ringing, conversation.ringing = conversation.ringing, []
        unanswered = [leg for leg in conversation.legs if leg.live and leg.incoming and leg.connected_at is None]
        unanswered = [leg for leg in unanswered if leg is not conversation.root]
        # A called user's leg reads "no answer" when the caller gave up.
        in_vain = Cause.NO_ANSWER if cause is Cause.CANCELLED else cause
        for leg in unanswered:
            self._finish(leg, in_vain, by=by, final=leg is unanswered[-1])
        for end in (*ringing, conversation.root, *conversation.legs, conversation.caller, conversation.callee):
            if end is not None:
                self._finish(end, cause, by=by)
        self.conversations.remove(conversation)
        self.touch()

    def _tell(self, leg: Leg, change: Change) -> None:
        if change is Change.RINGING:
            leg.alerted = leg.shown = True
        for observer in tuple(self.observers):
            observer(leg, change)
        self.touch()

    def _no_answer(self, conversation: Conversation) -> None:
        self._end(conversation, Cause.NO_ANSWER, by=CALLEE)


def shown(target: Target, *, dialled: str = "") -> Party:
    """A target as the other side sees it."""
    if isinstance(target, Party):
        return target
    if isinstance(target, User):
        return Party(number=target.extension, name=target.name, user_id=str(target.id))
    return Party(number=dialled or target.number, name=target.name)


def stop_timers(end: End) -> None:
    for timer in end.timers:
        timer.cancel()
    end.timers.clear()
