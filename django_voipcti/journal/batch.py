"""The calls and events of one journal transaction: which call each update is about, and writing them set by set."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q

from .. import realtime
from ..enums import PLACING_ACTIONS, CallState, CommandAction, CommandState, Direction, EndReason
from ..events import CallUpdate, Party
from ..lifecycle import implied, infer_end_reason
from ..models import Call, CallCommand, CallEvent, CallTrace, Line
from .merge import MUTABLE_FIELDS, Change, absorb, fill_facts, fill_parties, held_seconds, move, same_number, when
from .parties import identify

__all__ = ["Batch"]

#: How long after a click an event of the provider may be taken for that click's call.
_ADOPTION_WINDOW = timedelta(minutes=3)


class Batch:
    """One transaction's worth of changes. Every method but :meth:`load` and :meth:`save` works in memory."""

    def __init__(self, lines: Iterable[Line], now: datetime) -> None:
        self.now = now
        self.lines = {line.pk: line for line in lines}
        self.changes: list[Change] = []
        self.by_external: dict[tuple[int, str], Change] = {}
        self.by_pk: dict[int, Change] = {}
        self.seen_keys: set[str] = set()
        self.placing: set[int] = set()
        self.events: list[tuple[CallEvent, Change, CallState | None]] = []
        self.absorbed: list[tuple[Call, Change]] = []
        self.written: list[Call] = []
        """Calls that :meth:`save` made or changed."""
        self.strangers: list[Call] = []
        """Live calls among them with somebody outside whom no record of the host names."""

    def load(self, updates: Sequence[CallUpdate]) -> None:
        """Fetch the calls and event keys that ``updates`` may be about: two queries."""
        external = {update.external_id for update in updates if update.external_id}
        own = {update.call for update in updates if update.call is not None}
        unnamed = Q(external_id__isnull=True, created_at__gte=self.now - _ADOPTION_WINDOW)
        mine = Call.objects.filter(line__in=self.lines)
        for call in mine.filter(Q(external_id__in=external) | Q(pk__in=own) | unnamed).order_by("pk"):
            call.line = self.lines[call.line_id]
            change = Change.of_stored(call)
            self.changes.append(change)
            self.by_pk[call.pk] = change
            if call.external_id:
                self.by_external[call.line_id, call.external_id] = change
        self.placing = _being_placed(change.call.pk for change in self.changes if _may_be_placing(change.call))
        keys = {_key(update) for update in updates}
        self.seen_keys = set(CallEvent.objects.filter(key__in=keys).values_list("key", flat=True))

    # --- finding the call -----------------------------------------------------------------------------------------

    def find(self, line: Line, update: CallUpdate) -> Change:
        """The call that ``update`` is about; a new one if there is none."""
        named = self.by_external.get((line.pk, update.external_id)) if update.external_id else None
        own = self.by_pk.get(update.call) if update.call is not None else None
        if own is not None:
            if named is not None and named is not own:
                self._absorb(named, own)
            return self._name(own, update.external_id)
        if named is not None:
            return named
        clicked = self._clicked(line, update)
        if clicked is not None:
            return self._name(clicked, update.external_id)
        return self._create(line, update)

    def new_call(self, line: Line, *, direction: Direction, state: CallState, other: Party, when: datetime) -> Change:
        """Add a call to the batch, not yet saved."""
        call = Call(
            line=line,
            provider=line.provider,
            direction=direction,
            state=state,
            state_at=when,
            created_at=self.now,
            started_at=when,
        )
        change = Change(call, is_new=True)
        fill_parties(change, Party(), other)
        self.changes.append(change)
        return change

    def _create(self, line: Line, update: CallUpdate) -> Change:
        change = self.new_call(
            line,
            direction=update.direction or Direction.INBOUND,
            state=CallState.REQUESTED,
            other=update.other,
            when=update.started_at or when(update),
        )
        return self._name(change, update.external_id)

    def _name(self, change: Change, external_id: str) -> Change:
        """Note the provider's id of a call."""
        if external_id and not change.call.external_id:
            change.call.external_id = external_id
            self.by_external[change.call.line_id, external_id] = change
        return change

    def _clicked(self, line: Line, update: CallUpdate) -> Change | None:
        """The click that an unknown outbound call of this line comes from, if its number fits.

        The provider's event may overtake its answer to our own request, so the id alone cannot tell.
        """
        if update.direction != Direction.OUTBOUND or not update.other.number:
            return None
        for change in self.changes:
            call = change.call
            waiting = call.line_id == line.pk and not call.external_id and call.is_live
            if waiting and same_number(call.other_number, update.other.number):
                return change
        return None

    def _absorb(self, other: Change, into: Change) -> None:
        """Two rows turned out to be one call; the click's row stays, since pages know it."""
        self.changes.remove(other)
        absorb(other.call, into.call)
        self.events = [
            (event, into if change is other else change, previous) for event, change, previous in self.events
        ]
        if not other.is_new:
            self.absorbed.append((other.call, into))

    # --- merging --------------------------------------------------------------------------------------------------

    def apply(self, line: Line, update: CallUpdate) -> None:
        """Merge one update and note the events that it causes."""
        key = _key(update)
        if key in self.seen_keys:
            return
        self.seen_keys.add(key)
        change = self.find(line, update)
        if self._is_premature(change, update):
            # Kept as a witness; the command's own end, which knows the cause, makes it final.
            update = replace(update, state=None, ended_at=update.ended_at or when(update))
        is_first = change.is_new and all(other is not change for _event, other, _previous in self.events)
        fill_facts(change, update)
        before = move(change, update)
        after = CallState(change.call.state)
        previous = None if is_first else before
        for number, state in enumerate(implied(before, after)):
            self._add_event(change, update, state, key=f"{key}:implied{number}", previous=previous, effective=True)
            previous = state
        # A final state that is merely corrected (CANCEL that turns out to be HANGUP) is no second end for pages.
        effective = after is not before and not before.is_final
        self._add_event(
            change, update, after if effective else update.state, key=key, previous=previous, effective=effective
        )

    def _is_premature(self, change: Change, update: CallUpdate) -> bool:
        """Whether an event says that a click's call is over while the click itself is still being carried out.

        The event often comes first and never says why; the answer to the click follows and does.
        """
        return (
            update.state is CallState.HANGUP
            and update.end_reason is None
            and change.call.pk in self.placing
            and change.call.answered_at is None
        )

    def _add_event(
        self,
        change: Change,
        update: CallUpdate,
        state: CallState | None,
        *,
        key: str,
        previous: CallState | None,
        effective: bool,
    ) -> None:
        event = CallEvent(
            line=change.call.line,
            state=state or "",
            effective=effective,
            source=update.source,
            occurred_at=when(update),
            recorded_at=self.now,
            key=key[:200],
            raw=dict(update.raw),
        )
        self.events.append((event, change, previous))

    # --- writing --------------------------------------------------------------------------------------------------

    def save(self) -> list[realtime.Told]:
        """Write calls, then events, then what follows from the ends of calls; return what pages must be told."""
        strangers = identify(self.changes)
        for change in self.changes:
            self._complete(change.call)
        self.strangers = [call for call in strangers if call.is_live]
        self._infer_reasons()
        self._count_hold()
        for gone, into in self.absorbed:
            CallEvent.objects.filter(call=gone).update(call=into.call)
            CallCommand.objects.filter(call=gone).update(call=into.call)
            CallTrace.objects.filter(call=gone).update(call=into.call)
            gone.delete()
        created = [change.call for change in self.changes if change.is_new]
        written = [change.call for change in self.changes if change.is_dirty]
        Call.objects.bulk_create(created)
        columns = [name.removesuffix("_id") if name in _FOREIGN_KEYS else name for name in MUTABLE_FIELDS]
        Call.objects.bulk_update(written, columns, batch_size=200)
        for event, change, _previous in self.events:
            event.call = change.call
        CallEvent.objects.bulk_create([event for event, _change, _previous in self.events])
        self.written = created + written
        self._settle_siblings(self.written)
        return [
            realtime.Told(event=event, call=change.call, previous=previous, matches=change.matches)
            for event, change, previous in self.events
            if event.effective
        ]

    def _complete(self, call: Call) -> None:
        """Fill in what follows from the line where no source said better."""
        if call.line.is_node:
            # Being in a queue is not being answered: what the conversation's other legs mean must not hang on it.
            call.conversation_id = f"{call.line.account}-{call.external_id}"
        call.conversation_id = call.conversation_id or call.external_id or ""
        if not call.is_live:
            call.conversation_id = call.conversation_id or f"call-{call.pk}"
            call.own_number = call.own_number or call.line.extension or call.line.phone_number
            call.own_name = call.own_name or call.line.label

    def _infer_reasons(self) -> None:
        """Work out why calls ended where no source said it."""
        open_ends = [change for change in self.changes if not change.call.is_live and change.stated_reason is None]
        if not open_ends:
            return
        asked = _asked([change.call.pk for change in open_ends if not change.is_new])
        for change in open_ends:
            call = change.call
            call.end_reason = infer_end_reason(
                Direction(call.direction),
                answered=call.answered_at is not None,
                answered_elsewhere=call.end_reason == EndReason.ANSWERED_ELSEWHERE,
                cancelled_by_user=(call.pk, CommandAction.HANG_UP) in asked,
                transferred_by_user=bool({(call.pk, action) for action in _TRANSFERS} & asked),
            )
            call.end_reason_inferred = True

    def _count_hold(self) -> None:
        """Add up time on hold in the order in which things happened, whatever order they were heard in."""
        held = [change for change in self.changes if change.held or (change.call.answered_at and not change.is_new)]
        if not held:
            return
        moments: dict[int, list[tuple[datetime, str]]] = {id(change): [] for change in held}
        owners = {change.call.pk: id(change) for change in held if not change.is_new}
        owners |= {gone.pk: id(into) for gone, into in self.absorbed if id(into) in moments}
        stored = CallEvent.objects.filter(call__in=owners).values_list("call_id", "occurred_at", "state")
        for pk, occurred_at, state in stored:
            moments[owners[pk]].append((occurred_at, state))
        for event, change, _previous in self.events:
            if id(change) in moments:
                moments[id(change)].append((event.occurred_at, event.state))
        for change in held:
            change.call.held_seconds = held_seconds(moments[id(change)], change.call.ended_at)

    def _settle_siblings(self, calls: Sequence[Call]) -> None:
        """A leg that rang in vain while a colleague answered was not missed, whichever of the two is heard of first."""
        conversations = {call.conversation_id for call in calls if call.answered_at or not call.is_live} - {""}
        if not conversations:
            return
        groups: dict[tuple[str, str], list[Call]] = {}
        for leg in Call.objects.filter(conversation_id__in=conversations, direction=Direction.INBOUND):
            groups.setdefault((leg.provider, leg.conversation_id), []).append(leg)
        settled = [leg.pk for legs in groups.values() for leg in legs if _answered_elsewhere(leg, legs)]
        if settled:
            Call.objects.filter(pk__in=settled).update(end_reason=EndReason.ANSWERED_ELSEWHERE)
        for call in calls:
            if call.pk in settled:
                call.end_reason = EndReason.ANSWERED_ELSEWHERE


#: What ends a call as transferred.
_TRANSFERS = frozenset({CommandAction.TRANSFER, CommandAction.COMPLETE})

_FOREIGN_KEYS = frozenset({"other_line_id", "contact_type_id"})


def _key(update: CallUpdate) -> str:
    """What makes two deliveries of the same word equal."""
    if update.key:
        return f"{update.provider}:{update.account}:{update.key}"[:200]
    name = update.external_id or f"#{update.call}"
    return f"{update.provider}:{update.account}:{name}:{update.source}:{update.state}:{when(update).isoformat()}"[:200]


def _may_be_placing(call: Call) -> bool:
    return call.direction == Direction.OUTBOUND and call.answered_at is None and call.is_live


def _being_placed(calls: Iterable[int]) -> set[int]:
    """Which of ``calls`` a bridge is still at work on for a click."""
    asked = list(calls)
    if not asked:
        return set()
    claimed = CallCommand.objects.filter(call__in=asked, action__in=PLACING_ACTIONS, state=CommandState.CLAIMED)
    return set(claimed.values_list("call_id", flat=True))


def _answered_elsewhere(leg: Call, legs: Iterable[Call]) -> bool:
    """Whether ``leg`` was thought missed although another leg was answered while it rang."""
    if leg.is_live or leg.answered_at is not None or leg.end_reason != EndReason.MISSED:
        return False
    return any(
        other.answered_at is not None and other.answered_at >= leg.started_at for other in legs if other.pk != leg.pk
    )


def _asked(calls: Sequence[int]) -> set[tuple[int, str]]:
    """Which of ``calls`` a user asked to hang up or to transfer, as (call, action)."""
    if not calls:
        return set()
    asked = CallCommand.objects.filter(call__in=calls, action__in={CommandAction.HANG_UP, *_TRANSFERS})
    return set(asked.exclude(state=CommandState.FAILED).values_list("call_id", "action"))
