"""The life of a call as a table, and the rules that make its record independent of the order of witnesses. Pure.

Rules
    1. Everything that decides which state a call is in stands in this module.
    2. A state that is absent from a row of :data:`TRANSITIONS` is late or impossible there and changes nothing.
    3. Final states absorb. ``CANCEL`` after the parties were connected means no more than ``HANGUP``.
    4. Between ``CONNECTED`` and ``ON_HOLD`` the newer word wins, by the source's own time.
    5. A click-to-call whose far end rings was picked up at the near end: ``ACCEPTED`` is implied and is told.
    6. Times only move towards the earliest that anybody reports; end reasons only towards the more precise one.
"""

from collections.abc import Mapping
from types import MappingProxyType

from .enums import CallState, Direction, EndReason

__all__ = ["SETUP_FAILURES", "TRANSITIONS", "advance", "final_state", "implied", "infer_end_reason", "more_precise"]

_S = CallState

TRANSITIONS: Mapping[CallState, Mapping[CallState, CallState]] = MappingProxyType(
    {
        _S.REQUESTED: {
            _S.INITIAL: _S.INITIAL,
            _S.ACCEPTED: _S.ACCEPTED,
            _S.RINGING: _S.RINGING,
            _S.CONNECTED: _S.CONNECTED,
            _S.ON_HOLD: _S.ON_HOLD,
            _S.HANGUP: _S.HANGUP,
            _S.CANCEL: _S.CANCEL,
        },
        _S.INITIAL: {
            _S.ACCEPTED: _S.ACCEPTED,
            _S.RINGING: _S.RINGING,
            _S.CONNECTED: _S.CONNECTED,
            _S.ON_HOLD: _S.ON_HOLD,
            _S.HANGUP: _S.HANGUP,
            _S.CANCEL: _S.CANCEL,
        },
        _S.ACCEPTED: {
            _S.RINGING: _S.RINGING,
            _S.CONNECTED: _S.CONNECTED,
            _S.ON_HOLD: _S.ON_HOLD,
            _S.HANGUP: _S.HANGUP,
            _S.CANCEL: _S.CANCEL,
        },
        _S.RINGING: {
            _S.CONNECTED: _S.CONNECTED,
            _S.ON_HOLD: _S.ON_HOLD,
            _S.HANGUP: _S.HANGUP,
            _S.CANCEL: _S.CANCEL,
        },
        _S.CONNECTED: {_S.ON_HOLD: _S.ON_HOLD, _S.HANGUP: _S.HANGUP, _S.CANCEL: _S.HANGUP},
        _S.ON_HOLD: {_S.CONNECTED: _S.CONNECTED, _S.HANGUP: _S.HANGUP, _S.CANCEL: _S.HANGUP},
        _S.HANGUP: {},
        _S.CANCEL: {},
    }
)

# Rule 5: {state: {new state: states told in between}}.
_IMPLIED: Mapping[CallState, Mapping[CallState, tuple[CallState, ...]]] = {
    _S.INITIAL: {_S.RINGING: (_S.ACCEPTED,), _S.CONNECTED: (_S.ACCEPTED,), _S.ON_HOLD: (_S.ACCEPTED,)},
}

#: End reasons by which an outbound call that nobody answered counts as not set up (``CANCEL``) rather than ended.
SETUP_FAILURES = frozenset(
    {EndReason.BUSY, EndReason.DECLINED, EndReason.UNREACHABLE, EndReason.REJECTED, EndReason.FAILED}
)

# Rule 6: of two reasons that sources state, the one further left stands.
_PRECISION = (
    EndReason.TRANSFERRED,
    EndReason.ANSWERED_ELSEWHERE,
    EndReason.COMPLETED,
    EndReason.BUSY,
    EndReason.DECLINED,
    EndReason.UNREACHABLE,
    EndReason.REJECTED,
    EndReason.CANCELLED,
    EndReason.NO_ANSWER,
    EndReason.MISSED,
    EndReason.FAILED,
    EndReason.UNKNOWN,
)


def advance(state: CallState, said: CallState, *, newer: bool = True) -> CallState:
    """Return the state of a call in ``state`` after a source said ``said``.

    Args:
        newer: whether the word is at least as new as the one that led to ``state``; it matters between ``CONNECTED``
            and ``ON_HOLD`` only.
    """
    if state.is_talking and said.is_talking and not newer:
        return state
    return TRANSITIONS[state].get(said, state)


def implied(state: CallState, new: CallState) -> tuple[CallState, ...]:
    """States that a move from ``state`` to ``new`` passes through without any source having said so."""
    return _IMPLIED.get(state, {}).get(new, ())


def final_state(direction: Direction, *, answered: bool, said: CallState, reason: EndReason | None) -> CallState:
    """Whether a call that is over was ended or never set up.

    An outbound call that failed before anybody answered is ``CANCEL`` even if the source only says that it ended.
    """
    if answered:
        return CallState.HANGUP
    if direction == Direction.OUTBOUND and reason in SETUP_FAILURES:
        return CallState.CANCEL
    return said


def infer_end_reason(
    direction: Direction,
    *,
    answered: bool,
    answered_elsewhere: bool = False,
    cancelled_by_user: bool = False,
    transferred_by_user: bool = False,
) -> EndReason:
    """Why a call ended when no source says why.

    Args:
        answered: this line was connected.
        answered_elsewhere: another leg of the conversation was answered while this one rang.
        cancelled_by_user: the user asked to hang up before the other side answered.
        transferred_by_user: the user had the other party transferred.
    """
    if answered:
        return EndReason.TRANSFERRED if transferred_by_user else EndReason.COMPLETED
    if direction == Direction.OUTBOUND:
        return EndReason.CANCELLED if cancelled_by_user else EndReason.NO_ANSWER
    if answered_elsewhere:
        return EndReason.ANSWERED_ELSEWHERE
    return EndReason.DECLINED if cancelled_by_user else EndReason.MISSED


def more_precise(one: EndReason | None, other: EndReason | None) -> EndReason | None:
    """Of two stated reasons the more precise one; the order in which they were heard does not matter."""
    stated = [reason for reason in (one, other) if reason]
    return min(stated, key=_PRECISION.index) if stated else None
