"""The machine of a call of our own as a table: ``{state: {input: new state}}``; ``invite`` moves along it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

__all__ = ["CALLER", "Input", "State"]


class State(Enum):
    """States of a call of our own."""

    CALLING = auto()
    #: A provisional response came.
    EARLY = auto()
    #: We gave up; the final response is still to come.
    CANCELLING = auto()
    CONFIRMED = auto()
    #: We sent BYE.
    ENDING = auto()
    ENDED = auto()


class Input(Enum):
    """What can happen to a call of our own."""

    PROVISIONAL = auto()
    SUCCESS = auto()
    #: A final response from 300 on, or none.
    FAILURE = auto()
    #: We want it to end.
    HANG_UP = auto()
    #: They sent BYE.
    BYE = auto()
    #: Our BYE was answered, or never will be.
    BYE_DONE = auto()
    #: The connection is gone; before the answer that is a FAILURE.
    LOST = auto()


_UNANSWERED = {
    Input.PROVISIONAL: State.EARLY,
    Input.SUCCESS: State.CONFIRMED,
    Input.FAILURE: State.ENDED,
    Input.HANG_UP: State.CANCELLING,
}

CALLER: Mapping[State, Mapping[Input, State]] = MappingProxyType(
    {
        State.CALLING: _UNANSWERED,
        State.EARLY: _UNANSWERED,
        State.CANCELLING: {
            Input.PROVISIONAL: State.CANCELLING,
            Input.SUCCESS: State.ENDING,
            Input.FAILURE: State.ENDED,
            Input.HANG_UP: State.CANCELLING,
        },
        State.CONFIRMED: {
            Input.SUCCESS: State.CONFIRMED,
            Input.HANG_UP: State.ENDING,
            Input.BYE: State.ENDED,
            Input.LOST: State.ENDED,
        },
        State.ENDING: {
            Input.SUCCESS: State.ENDING,
            Input.HANG_UP: State.ENDING,
            Input.BYE: State.ENDED,
            Input.BYE_DONE: State.ENDED,
            Input.LOST: State.ENDED,
        },
        State.ENDED: {Input.SUCCESS: State.ENDED, Input.HANG_UP: State.ENDED, Input.BYE_DONE: State.ENDED},
    }
)
