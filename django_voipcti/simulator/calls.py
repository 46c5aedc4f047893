"""What the engine moves: legs, outside parties and the conversations that join them. Data and its own rules only."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from .clock import Timer

__all__ = ["Cause", "Change", "ClickToCall", "Conversation", "End", "Leg", "LegState", "OutsideCall", "Party"]


class LegState(StrEnum):
    """States of a leg, in the platform's words."""

    INITIAL = "INITIAL"
    RINGING = "RINGING"
    CONNECTED = "CONNECTED"
    ON_HOLD = "ON_HOLD"
    HANGUP = "HANGUP"


class Change(StrEnum):
    """What observers are told about a leg."""

    INITIAL = "initial"
    RINGING = "ringing"
    CONNECTED = "connected"
    ON_HOLD = "on_hold"
    RESUMED = "resumed"
    UPDATED = "updated"
    """The other party is somebody else now."""
    ENDED = "ended"


class Cause(StrEnum):
    """``t_cause`` texts, as switches of this kind write Q.850 causes."""

    NORMAL = "Normal Clearing"
    NO_ANSWER = "No Answer"
    BUSY = "User Busy"
    REJECTED = "Call Rejected"
    CANCELLED = "Originator Cancel"
    ABSENT = "Subscriber Absent"
    UNREACHABLE = "No Route To Destination"
    TRANSFER = "Blind Transfer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end as it is shown: number (extension for users), name, and the user id, ``0`` for everybody else."""

    number: str
    name: str = ""
    user_id: str = "0"


@dataclass(slots=True, kw_only=True, eq=False)
class Leg:
    """One user's (or queue's, menu's, room's) part in a conversation: a live call, a dialog, later a history row."""

    id: int
    conversation: "Conversation" = field(repr=False)
    owner: str
    """The node that sees it: user id, ``queue-<id>``, ``ivr-<id>``, ``conf-<id>``."""
    incoming: bool
    party: Party
    other: Party
    context: str
    start_time: float
    number: int = 1
    """Second part of the dialog id."""
    caller_id: str = ""
    """Number shown to the other side instead of the party's own."""
    state: LegState = LegState.INITIAL
    connected_at: float | None = None
    ended_at: float | None = None
    cause: str = ""
    terminated_by: str = ""
    final: bool = False
    """Nobody answered, and the whole conversation is over."""
    elsewhere: bool = False
    """Somebody else answered."""
    referred_by: str = ""
    action_url: str = ""
    action_text: str = ""
    held_at_end: bool = False
    alerted: bool = False
    """Whether it was said to be ringing."""
    shown: bool = False
    """Whether it ever was a dialog."""
    timers: list[Timer] = field(default_factory=list, repr=False)
    sip_call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    local_tag: str = field(default_factory=lambda: secrets.token_hex(4))
    remote_tag: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def dialog_id(self) -> str:
        return f"{self.id}-{self.number}"

    @property
    def live(self) -> bool:
        return self.state is not LegState.HANGUP

    @property
    def talking(self) -> bool:
        return self.state in {LegState.CONNECTED, LegState.ON_HOLD}

    @property
    def missed(self) -> bool:
        return self.incoming and self.connected_at is None and not self.live

    def talk_seconds(self, now: float) -> int:
        """Whole seconds since it was answered, until its end or ``now``."""
        return 0 if self.connected_at is None else max(0, int((self.ended_at or now) - self.connected_at))


@dataclass(slots=True, kw_only=True, eq=False)
class OutsideCall:
    """An outside party on the line; drive it with the methods of :class:`.engine.Engine` that take one."""

    id: int
    party: Party
    conversation: "Conversation" = field(repr=False)
    state: str = "calling"
    """``calling`` (it called us), ``ringing`` (we called it), ``connected``, ``ended``."""
    cause: str = ""
    timers: list[Timer] = field(default_factory=list, repr=False)

    @property
    def live(self) -> bool:
        return self.state != "ended"

    @property
    def talking(self) -> bool:
        return self.state == "connected"


End = Leg | OutsideCall


@dataclass(slots=True, kw_only=True, eq=False)
class Conversation:
    """Who is talking, waiting and being rung. Its id is the root id that all its legs share."""

    id: int
    dialled: str
    """The number that was called."""
    caller: End | None = None
    """The end that waits for an answer; after a transfer, the party that was transferred."""
    callee: End | None = None
    root: Leg | None = None
    """A ring group's own leg."""
    ringing: list[End] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    answered: bool = False

    @property
    def live(self) -> bool:
        return any(end is not None and end.live for end in (self.caller, self.callee))

    def peer(self, end: End) -> End | None:
        """The other end of a conversation that was answered."""
        return self.callee if end is self.caller else self.caller if end is self.callee else None


@dataclass(slots=True, kw_only=True, eq=False)
class ClickToCall:
    """A ``POST /calls`` in progress. ``outcome`` is ``picked_up``, ``declined``, ``unanswered`` or ``unregistered``."""

    user_id: int
    to: str
    leg: Leg | None = None
    outcome: str = ""
    done: list[Callable[[], None]] = field(default_factory=list, repr=False)

    def settle(self, outcome: str) -> None:
        """Say how the user's own phone reacted; only the first word counts."""
        if not self.outcome:
            self.outcome = outcome
            for callback in self.done:
                callback()
