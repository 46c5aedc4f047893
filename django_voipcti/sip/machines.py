"""The transaction machines as tables: ``{state: {input: new state}}`` (RFC 3261, 17; RFC 6026).

What a table does not list is not legal: coming from the network it is dropped and reported, coming from our side it
raises ``LocalProtocolError``. Only ``transactions`` moves along these tables; the diagrams of the documentation are
drawn from them.

Rule 1: every change of state goes through ``Transaction._feed``, hence through a table.
Rule 2: a state decides which timers run (``Machine.timers``). Entering it arms them, leaving it cancels the others.
Rule 3: a timer whose delay is 0 fires at once: on a reliable transport COMPLETED is passed through, not rested in.
Rule 4: a retransmission of ours happens on timers A, E and G alone, so never on a reliable transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from .timers import Timer

__all__ = ["INVITE_CLIENT", "INVITE_SERVER", "NON_INVITE_CLIENT", "NON_INVITE_SERVER", "Input", "Machine", "State"]


class State(Enum):
    """States of all four machines."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class Input(Enum):
    """What can happen to a transaction. Responses are received by clients and sent by servers."""

    PROVISIONAL = auto()
    SUCCESS = auto()
    FAILURE = auto()
    REQUEST = auto()
    ACK = auto()
    TIMER_A = auto()
    TIMER_B = auto()
    TIMER_D = auto()
    TIMER_E = auto()
    TIMER_F = auto()
    TIMER_G = auto()
    TIMER_H = auto()
    TIMER_I = auto()
    TIMER_J = auto()
    TIMER_K = auto()
    TIMER_L = auto()
    TIMER_M = auto()
    #: We wait no longer for a final response (9.1: 64*T1 after a CANCEL).
    ABANDON = auto()
    TRANSPORT_ERROR = auto()


Table = Mapping[State, Mapping[Input, State]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine: where it starts, its table, and the timers that run in each state."""

    name: str
    start: State
    table: Table
    timers: Mapping[State, tuple[Timer, ...]]


#: RFC 3261 17.1.1.2, figure 5, with RFC 6026 7.2: 2xx leads to ACCEPTED, where further 2xx of a fork are taken, too.
INVITE_CLIENT = Machine(
    name="INVITE client",
    start=State.CALLING,
    table=MappingProxyType(
        {
            State.CALLING: {
                Input.PROVISIONAL: State.PROCEEDING,
                Input.SUCCESS: State.ACCEPTED,
                Input.FAILURE: State.COMPLETED,
                Input.TIMER_A: State.CALLING,
                Input.TIMER_B: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.PROCEEDING: {
                Input.PROVISIONAL: State.PROCEEDING,
                Input.SUCCESS: State.ACCEPTED,
                Input.FAILURE: State.COMPLETED,
                Input.ABANDON: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.ACCEPTED: {
                Input.SUCCESS: State.ACCEPTED,
                Input.TIMER_M: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.COMPLETED: {
                Input.FAILURE: State.COMPLETED,
                Input.TIMER_D: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.TERMINATED: {},
        }
    ),
    timers={State.CALLING: (Timer.A, Timer.B), State.ACCEPTED: (Timer.M,), State.COMPLETED: (Timer.D,)},
)

#: RFC 3261 17.1.2.2, figure 6.
NON_INVITE_CLIENT = Machine(
    name="non-INVITE client",
    start=State.TRYING,
    table=MappingProxyType(
        {
            State.TRYING: {
                Input.PROVISIONAL: State.PROCEEDING,
                Input.SUCCESS: State.COMPLETED,
                Input.FAILURE: State.COMPLETED,
                Input.TIMER_E: State.TRYING,
                Input.TIMER_F: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.PROCEEDING: {
                Input.PROVISIONAL: State.PROCEEDING,
                Input.SUCCESS: State.COMPLETED,
                Input.FAILURE: State.COMPLETED,
                Input.TIMER_E: State.PROCEEDING,
                Input.TIMER_F: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.COMPLETED: {
                Input.SUCCESS: State.COMPLETED,
                Input.FAILURE: State.COMPLETED,
                Input.TIMER_K: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.TERMINATED: {},
        }
    ),
    timers={
        State.TRYING: (Timer.E, Timer.F),
        State.PROCEEDING: (Timer.E, Timer.F),
        State.COMPLETED: (Timer.K,),
    },
)

#: RFC 3261 17.2.1, figure 7, with RFC 6026 7.1: after a 2xx, ACCEPTED absorbs retransmissions and the ACK.
INVITE_SERVER = Machine(
    name="INVITE server",
    start=State.PROCEEDING,
    table=MappingProxyType(
        {
            State.PROCEEDING: {
                Input.PROVISIONAL: State.PROCEEDING,
                Input.SUCCESS: State.ACCEPTED,
                Input.FAILURE: State.COMPLETED,
                Input.REQUEST: State.PROCEEDING,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.ACCEPTED: {
                Input.SUCCESS: State.ACCEPTED,
                Input.REQUEST: State.ACCEPTED,
                Input.ACK: State.ACCEPTED,
                Input.TIMER_L: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.COMPLETED: {
                Input.REQUEST: State.COMPLETED,
                Input.ACK: State.CONFIRMED,
                Input.TIMER_G: State.COMPLETED,
                Input.TIMER_H: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.CONFIRMED: {
                Input.ACK: State.CONFIRMED,
                Input.TIMER_I: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.TERMINATED: {},
        }
    ),
    timers={State.ACCEPTED: (Timer.L,), State.COMPLETED: (Timer.G, Timer.H), State.CONFIRMED: (Timer.I,)},
)

#: RFC 3261 17.2.2, figure 8.
NON_INVITE_SERVER = Machine(
    name="non-INVITE server",
    start=State.TRYING,
    table=MappingProxyType(
        {
            State.TRYING: {
                Input.PROVISIONAL: State.PROCEEDING,
                Input.SUCCESS: State.COMPLETED,
                Input.FAILURE: State.COMPLETED,
                Input.REQUEST: State.TRYING,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.PROCEEDING: {
                Input.PROVISIONAL: State.PROCEEDING,
                Input.SUCCESS: State.COMPLETED,
                Input.FAILURE: State.COMPLETED,
                Input.REQUEST: State.PROCEEDING,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.COMPLETED: {
                Input.REQUEST: State.COMPLETED,
                Input.TIMER_J: State.TERMINATED,
                Input.TRANSPORT_ERROR: State.TERMINATED,
            },
            State.TERMINATED: {},
        }
    ),
    timers={State.COMPLETED: (Timer.J,)},
)
