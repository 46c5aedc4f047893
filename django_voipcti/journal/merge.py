"""How one witness's word changes what is known of a call. In memory only; no queries.

Each function leaves the same result in whatever order updates come: times move to the earliest, texts stay once they
are known, stated end reasons move to the more precise one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .. import phonebook
from ..enums import CallState, Direction, EndReason
from ..events import CallUpdate, Party
from ..lifecycle import advance, final_state, more_precise
from ..models import Call

__all__ = [
    "MUTABLE_FIELDS",
    "Change",
    "absorb",
    "fill_facts",
    "fill_parties",
    "held_seconds",
    "move",
    "same_number",
    "when",
]

#: Every column that an update may change.
MUTABLE_FIELDS = (
    "external_id",
    "conversation_id",
    "state",
    "state_at",
    "end_reason",
    "end_reason_inferred",
    "cause",
    "context",
    "own_number",
    "own_name",
    "other_number",
    "other_e164",
    "other_name",
    "other_line_id",
    "started_at",
    "answered_at",
    "ended_at",
    "held_seconds",
    "recording",
    "contact_type_id",
    "contact_id",
    "contact_label",
    "contact_company",
    "contact_url",
    "contact_confidence",
    "matches",
    "directory",
)

_SUFFIX_DIGITS = 9


@dataclass(slots=True, eq=False)
class Change:
    """What a batch does to one call."""

    call: Call
    is_new: bool
    loaded: tuple[Any, ...] = ()
    """The mutable columns as they are stored."""
    needs_lookup: bool = False
    held: bool = False
    """Whether time on hold must be counted anew."""
    matches: tuple[phonebook.Match, ...] = field(default=())

    @classmethod
    def of_stored(cls, call: Call) -> "Change":
        """A call that is in the database already."""
        return cls(call, is_new=False, loaded=_columns(call), held=bool(call.held_seconds))

    @property
    def is_dirty(self) -> bool:
        """Whether the stored row must be written again."""
        return not self.is_new and self.loaded != _columns(self.call)

    @property
    def stated_reason(self) -> EndReason | None:
        """The end reason if a source stated it; None if it is open or was worked out by us."""
        call = self.call
        return EndReason(call.end_reason) if call.end_reason and not call.end_reason_inferred else None


def when(update: CallUpdate) -> datetime:
    """When it happened, as well as the source lets us know."""
    return update.occurred_at or update.observed_at


def move(change: Change, update: CallUpdate) -> CallState:
    """Move the call's state, the times and the end reason that depend on it; return the state before."""
    call, said, moment = change.call, update.state, when(update)
    before = CallState(call.state)
    if said is None:
        return before
    if said.is_talking:
        call.answered_at = earliest(call.answered_at, update.answered_at or moment)
        change.held = change.held or said is CallState.ON_HOLD
    if said.is_final:
        call.ended_at = earliest(call.ended_at, update.ended_at or moment)
    after = advance(before, said, newer=moment >= call.state_at)
    if after.is_final:
        _close(change, update, CallState.CANCEL if CallState.CANCEL in (before, said) else after)
    elif after is not before:
        call.state, call.state_at = after, moment
    return before


def _close(change: Change, update: CallUpdate, said: CallState) -> None:
    """Settle state and reason of a call that is over; also corrects them when a fact comes in late."""
    call = change.call
    reason = more_precise(change.stated_reason, update.end_reason)
    if reason is not None:
        call.end_reason, call.end_reason_inferred = reason, False
    answered = call.answered_at is not None
    call.state = final_state(Direction(call.direction), answered=answered, said=said, reason=reason)
    call.state_at = call.ended_at or when(update)


def fill_facts(change: Change, update: CallUpdate) -> None:
    """Take over what is still unknown; what is known stays."""
    call = change.call
    if update.conversation_id and call.conversation_id in ("", call.external_id):
        call.conversation_id = update.conversation_id
    call.context = call.context or update.context[:100]
    call.cause = call.cause or update.cause[:200]
    call.recording = call.recording or update.recording
    began = update.started_at or (when(update) if update.state is not None else None)
    call.started_at = earliest(call.started_at, began) or call.started_at
    call.answered_at = earliest(call.answered_at, update.answered_at)
    call.ended_at = earliest(call.ended_at, update.ended_at)
    fill_parties(change, update.own, update.other)


def fill_parties(change: Change, own: Party, other: Party) -> None:
    """Note numbers and names of both ends where they are still unknown."""
    call = change.call
    for attribute, value in (
        ("own_number", own.number),
        ("own_name", own.name),
        ("other_number", other.number),
        ("other_name", other.name),
    ):
        if value and not getattr(call, attribute):
            column: Any = Call._meta.get_field(attribute)
            setattr(call, attribute, str(value)[: column.max_length])
            change.needs_lookup = change.needs_lookup or attribute == "other_number"


def absorb(gone: Call, kept: Call) -> None:
    """Two rows turned out to be one call: ``kept`` takes over what ``gone`` knew."""
    kept.started_at = min(kept.started_at, gone.started_at)
    kept.answered_at = earliest(kept.answered_at, gone.answered_at)
    kept.ended_at = earliest(kept.ended_at, gone.ended_at)
    kept.conversation_id = kept.conversation_id or gone.conversation_id
    kept.context = kept.context or gone.context
    kept.cause = kept.cause or gone.cause
    kept.recording = kept.recording or gone.recording
    kept.directory = kept.directory or gone.directory
    newer = gone.state_at >= kept.state_at
    after = advance(CallState(kept.state), CallState(gone.state), newer=newer)
    if after != kept.state:
        kept.state, kept.state_at = after, gone.state_at
        kept.end_reason, kept.end_reason_inferred = gone.end_reason, gone.end_reason_inferred


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two moments, either of which may be unknown."""
    known = [moment for moment in (one, other) if moment is not None]
    return min(known) if known else None


def same_number(one: str, other: str) -> bool:
    """Whether two spellings may mean one number: the same digits, or the same last nine."""
    a, b = ("".join(filter(str.isdigit, text)) for text in (one, other))
    if min(len(a), len(b)) < _SUFFIX_DIGITS:
        return bool(a) and a == b
    return a[-_SUFFIX_DIGITS:] == b[-_SUFFIX_DIGITS:]


def held_seconds(moments: Iterable[tuple[datetime, str]], ended_at: datetime | None) -> int:
    """Whole seconds between each move to hold and the next move away from it, by the time at which they happened."""
    total, since = timedelta(), None
    for moment, state in sorted(moments):
        if ended_at is not None and moment > ended_at:
            break
        if state == CallState.ON_HOLD:
            since = since or moment
        elif since is not None and state == CallState.CONNECTED:
            total, since = total + (moment - since), None
    if since is not None and ended_at is not None:
        total += ended_at - since
    return int(total.total_seconds())


def _columns(call: Call) -> tuple[Any, ...]:
    return tuple(getattr(call, name) for name in MUTABLE_FIELDS)
