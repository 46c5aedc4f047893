"""From dialogs (RFC 4235) to call updates: what one line's server says, told once and never backwards. Pure.

Rules
    1. A document says how things stand; an update is told only for what is new in it.
    2. A call whose id is unique for ever never goes back: not from talking to ringing, not from its end to anything.
       Servers with several workers do send such documents (NOTIFYs overtake each other).
    3. A call that a full document no longer lists is over, although nobody said ``terminated``.
    4. An ended dialog that lingers in later documents is told once. One that we never knew as live is told as well: its
       earlier documents were overtaken, or came while nobody watched. The record knows whether it had it already.
    5. Where ids are used again (one per extension), each stretch of life is a call of its own, and a second caller
       who turns a talking dialog back to ``early`` is a further call. Whether he was answered or gave up cannot be
       told when it turns back to ``confirmed``; that his call is over is what was seen of such servers. A stretch that
       begins with talking was dialled by the line itself, since callers ring first.
    6. A document that comes late, and a dialog that talks after its end, are witnesses only: they prove that the call
       was answered, which is told if nobody said so before, and nothing else.
    7. Calls that were live when the last bridge let go are known from the start, so that their end is noticed.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ..enums import CallState, Direction, EndReason, Source
from ..events import CallUpdate, Party
from ..providers.base import AGAIN, Account, DialogIdentity, DialogView
from ..sip.dialoginfo import Dialog, DialogInfo, DialogInfoTracker, Participant, parse_dialog_info
from .participants import shown_by

__all__ = ["LineTranslator", "Translation"]

logger = logging.getLogger(__name__)

Identify = Callable[[Account, DialogView], DialogIdentity | None]


class ReadParty(Protocol):
    """:meth:`~django_voipcti.providers.base.BaseProvider.read_party` of some provider."""

    def __call__(self, number: str, name: str, *, dialled: bool = ...) -> Party: ...


_DIRECTIONS: Mapping[str, Direction] = {"recipient": Direction.INBOUND, "initiator": Direction.OUTBOUND}

#: What a dialog state means for the line (RFC 4235 3.7.1). None: not yet worth telling. A caller's ``trying`` and
#: ``proceeding`` mean that his own phone is off the hook; a callee's ``trying`` that his phone has not rung yet.
_STATES: Mapping[str, Mapping[Direction | None, CallState | None]] = {
    "trying": {Direction.INBOUND: None, Direction.OUTBOUND: CallState.ACCEPTED, None: None},
    "proceeding": {Direction.INBOUND: CallState.RINGING, Direction.OUTBOUND: CallState.ACCEPTED, None: None},
    "early": dict.fromkeys((*Direction, None), CallState.RINGING),
    "confirmed": dict.fromkeys((*Direction, None), CallState.CONNECTED),
    "terminated": dict.fromkeys((*Direction, None), CallState.HANGUP),
}

#: Rule 2: a call moves to a higher rank or stays; between CONNECTED and ON_HOLD it moves both ways.
_RANK: Mapping[CallState, int] = {
    CallState.REQUESTED: 0,
    CallState.INITIAL: 0,
    CallState.ACCEPTED: 1,
    CallState.RINGING: 2,
    CallState.CONNECTED: 3,
    CallState.ON_HOLD: 3,
}

#: Status codes of calls that were never answered. 487 (cancelled) and others say nothing that the line's direction and
#: the other legs do not say better.
_CODES: Mapping[int, EndReason] = {
    **dict.fromkeys((486, 600), EndReason.BUSY),
    **dict.fromkeys((603, 607), EndReason.DECLINED),
    **dict.fromkeys((408, 480), EndReason.NO_ANSWER),
    **dict.fromkeys((404, 410, 484, 502, 604), EndReason.UNREACHABLE),
    **dict.fromkeys((403, 488, 606), EndReason.REJECTED),
    **dict.fromkeys((500, 503, 504), EndReason.FAILED),
}

#: How many ended calls a line remembers, to tell lingering dialogs from new ones.
_REMEMBERED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What one NOTIFY came to."""

    updates: tuple[CallUpdate, ...] = ()
    resubscribe: bool = False
    """The server's documents have a gap: ask for a full one."""


@dataclass(slots=True)
class _Call:
    """What the line knows of a live call."""

    external_id: str
    state: CallState
    answered: bool
    direction: Direction | None = None
    other: Party = field(default_factory=Party)
    conversation_id: str = ""
    placed: int | None = None
    """The call of the record that we placed, if this is its dialog."""
    mixed: bool = False
    """Another call came under the same id, so that later documents may show the other caller's facts."""
    ended_at: datetime | None = None
    confirmed_by: str | None = None
    """The watched URI whose documents show the call; None while it is known from before this bridge only."""

    def take(self, state: CallState, direction: Direction | None, other: Party, conversation_id: str) -> None:
        """Note what a document says; what it leaves open stays as it was."""
        self.state, self.answered = state, self.answered or state.is_talking
        self.direction = direction or self.direction
        self.other = other if other != Party() else self.other
        self.conversation_id = conversation_id or self.conversation_id


class LineTranslator:
    """Turns the dialog documents of one line into call updates. Lives as long as the line's session, across reconnects.

    Args:
        alias: the provider's alias.
        identify: the provider's :meth:`~django_voipcti.providers.base.BaseProvider.identify_dialog`.
        read_party: the provider's :meth:`~django_voipcti.providers.base.BaseProvider.read_party`.
        watch: the URIs whose documents will come.
        known: external ids and states of the line's calls that are live in the record (rule 7).
    """

    def __init__(
        self,
        *,
        alias: str,
        account: Account,
        identify: Identify,
        read_party: ReadParty,
        watch: Iterable[str],
        known: Mapping[str, CallState] | None = None,
    ) -> None:
        self._alias = alias
        self._account = account
        self._identify = identify
        self._read_party = read_party
        self._trackers = {uri: DialogInfoTracker() for uri in watch}
        self._silent = set(self._trackers)
        self._live: dict[str, _Call] = {
            external_id: _Call(external_id, state, answered=state.is_talking)
            for external_id, state in (known or {}).items()
        }
        self._ended: OrderedDict[str, _Call] = OrderedDict()

    @property
    def live(self) -> tuple[str, ...]:
        """External ids of the calls that are live as far as we know."""
        return tuple(self._live)

    def subscribed(self, uri: str) -> None:
        """A new subscription to ``uri`` begins: its versions count anew."""
        self._trackers[uri].restart()

    def notify(self, uri: str, body: bytes, *, subscription: str, now: datetime) -> Translation:
        """Take the body of a NOTIFY for ``uri``; an empty one means that there is no dialog.

        Args:
            subscription: a name of the subscription that is unique for ever; part of the de-duplication keys.
            now: aware.

        Raises ``SipError`` if the body cannot be read; nothing has changed then.
        """
        info = parse_dialog_info(body) if body.strip() else DialogInfo(version=None, state="full")
        change = self._trackers[uri].apply(info)
        if change.stale:
            return Translation(resubscribe=change.resubscribe)
        said = _Said(uri=uri, subscription=subscription, version=info.version, now=now)
        updates: list[CallUpdate] = []
        for dialog in change.vanished:
            updates += self._take(dialog, said, vanished=True)
        for dialog in change.changed:
            updates += self._take(dialog, said)
        self._silent.discard(uri)
        if info.state == "full" and not self._silent:
            updates += self._end_unseen(said)
        return Translation(updates=tuple(updates), resubscribe=change.resubscribe)

    def overtaken(self, uri: str, body: bytes, *, subscription: str, now: datetime) -> Translation:
        """Take the body of a NOTIFY that a later one has overtaken (rule 6). Arguments and errors as :meth:`notify`."""
        info = parse_dialog_info(body) if body.strip() else DialogInfo(version=None, state="full")
        said = _Said(uri=uri, subscription=subscription, version=info.version, now=now)
        updates: list[CallUpdate] = []
        for dialog in info.dialogs:
            identity = self._identity(dialog)
            state = _call_state(dialog, None)
            # Where ids are used again, an old document may be about any call.
            if identity is None or not identity.once or state is None or not state.is_talking:
                continue
            call = self._live.get(identity.external_id)
            if call is None:
                updates += self._witness(identity.external_id, dialog, said)
            elif not call.answered:
                updates += self._tell(call.external_id, identity, dialog, CallState.CONNECTED, said)
        return Translation(updates=tuple(updates))

    # --- one dialog -----------------------------------------------------------------------------------------------

    def _take(self, dialog: Dialog, said: "_Said", *, vanished: bool = False) -> list[CallUpdate]:
        identity = self._identity(dialog)
        if identity is None:
            return []
        direction = _DIRECTIONS.get(dialog.direction or "")
        state = CallState.HANGUP if vanished else _call_state(dialog, direction)
        if state is None:
            return []
        if not identity.once:
            return self._take_again(identity, dialog, state, said, vanished=vanished)
        if identity.external_id in self._ended:
            return self._witness(identity.external_id, dialog, said) if state.is_talking else []
        return self._tell(identity.external_id, identity, dialog, state, said, vanished=vanished)

    def _identity(self, dialog: Dialog) -> DialogIdentity | None:
        """Which call a dialog belongs to. A provider that trips over one dialog costs that one, not its neighbours."""
        try:
            return self._identify(self._account, dialog)
        except Exception:
            logger.exception(
                "line %s: a dialog was left out", self._account.line, extra={"action": "bridge.dialog_defect"}
            )
            return None

    def _take_again(
        self, identity: DialogIdentity, dialog: Dialog, state: CallState, said: "_Said", *, vanished: bool
    ) -> list[CallUpdate]:
        """Rule 5: one id, several calls after and beside each other."""
        base = identity.external_id + AGAIN
        calls = [call for call in self._live.values() if call.external_id.startswith(base)]
        newest = calls[-1] if calls else None
        if state.is_final:
            return [
                update
                for call in calls
                for update in self._tell(call.external_id, identity, dialog, state, said, vanished=vanished)
            ]
        if newest is None or (state is CallState.RINGING and newest.state.is_talking):
            for call in calls:
                call.mixed = True
            return self._tell(base + said.stamp(len(calls)), identity, dialog, state, said)
        updates = []
        if state.is_talking and newest.state is CallState.RINGING and len(calls) > 1:
            updates = self._tell(newest.external_id, identity, dialog, CallState.HANGUP, said, vanished=True)
            newest = calls[-2]
        return updates + self._tell(newest.external_id, identity, dialog, state, said)

    def _tell(
        self,
        external_id: str,
        identity: DialogIdentity,
        dialog: Dialog,
        state: CallState,
        said: "_Said",
        *,
        vanished: bool = False,
    ) -> list[CallUpdate]:
        """The update for one call, if it says something new (rules 1 to 4)."""
        call = self._live.get(external_id)
        if state.is_final:
            if call is None:
                call = self._unseen(external_id, identity, dialog)
            return [self._end(call, said, dialog=dialog, vanished=vanished)]
        foreign = identity.call is not None or (call is not None and call.mixed)
        other = Party() if foreign else self._other(dialog)
        direction = None if foreign else _DIRECTIONS.get(dialog.direction or "")
        if call is None:
            call = self._live[external_id] = _Call(external_id, CallState.REQUESTED, answered=False)
            call.placed = identity.call
            if not identity.once and state.is_talking:
                direction = direction or Direction.OUTBOUND
        elif _RANK[state] < _RANK[call.state]:
            return []
        call.confirmed_by = said.uri
        if (state, direction or call.direction) == (call.state, call.direction) and other in (call.other, Party()):
            return []
        call.take(state, direction, other, identity.conversation_id)
        return [
            CallUpdate(
                provider=self._alias,
                account=self._account.key,
                external_id=external_id,
                call=call.placed,
                source=Source.SIP,
                observed_at=said.now,
                state=state,
                direction=call.direction,
                conversation_id=call.conversation_id,
                own=self._own(dialog.local),
                other=call.other,
                started_at=identity.started_at,
                context=identity.context,
                key=said.key(external_id, state),
                raw=said.raw(dialog),
            )
        ]

    def _unseen(self, external_id: str, identity: DialogIdentity, dialog: Dialog) -> _Call:
        """A call that is over the first time that we hear of it (rule 4)."""
        call = self._live[external_id] = _Call(external_id, CallState.REQUESTED, answered=False)
        if identity.call is not None:
            call.placed, call.answered = identity.call, True
            return call
        call.direction = _DIRECTIONS.get(dialog.direction or "")
        call.other = self._other(dialog)
        call.conversation_id = identity.conversation_id
        return call

    def _end(self, call: _Call, said: "_Said", *, dialog: Dialog | None = None, vanished: bool = False) -> CallUpdate:
        del self._live[call.external_id]
        call.ended_at = said.now
        self._ended[call.external_id] = call
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        stated = dialog is not None and not vanished
        return CallUpdate(
            provider=self._alias,
            account=self._account.key,
            external_id=call.external_id,
            call=call.placed,
            source=Source.SIP,
            observed_at=said.now,
            state=CallState.HANGUP,
            direction=call.direction,
            conversation_id=call.conversation_id,
            other=call.other,
            end_reason=_end_reason(dialog, answered=call.answered) if dialog is not None and stated else None,
            cause=_cause(dialog) if dialog is not None and stated else "",
            key=said.key(call.external_id, CallState.HANGUP),
            raw=said.raw(dialog, vanished=vanished),
        )

    def _witness(self, external_id: str, dialog: Dialog, said: "_Said") -> list[CallUpdate]:
        """Rule 6: an ended call was answered, at its end at the latest."""
        call = self._ended.get(external_id)
        if call is None or call.answered:
            return []
        call.answered = True
        return [
            CallUpdate(
                provider=self._alias,
                account=self._account.key,
                external_id=external_id,
                source=Source.SIP,
                observed_at=said.now,
                state=CallState.CONNECTED,
                direction=call.direction,
                conversation_id=call.conversation_id,
                answered_at=call.ended_at,
                key=said.key(external_id, CallState.CONNECTED),
                raw=said.raw(dialog),
            )
        ]

    def _end_unseen(self, said: "_Said") -> list[CallUpdate]:
        """Rules 3 and 7: calls known from before that no server document shows."""
        unseen = [call for call in self._live.values() if call.confirmed_by is None]
        return [self._end(call, said, vanished=True) for call in unseen]

    def _party(self, participant: Participant | None, *, dialled: bool = False) -> Party:
        """One end as a number and a name; both empty if the server shows neither, or the caller withholds them."""
        if participant is None:
            return Party()
        number, name = shown_by(participant)
        return self._read_party(number, name, dialled=dialled) if number or name else Party()

    def _other(self, dialog: Dialog) -> Party:
        outbound = _DIRECTIONS.get(dialog.direction or "") is Direction.OUTBOUND
        return self._party(dialog.remote, dialled=outbound)

    def _own(self, participant: Participant | None) -> Party:
        shown = self._party(participant)
        return Party(number=shown.number, name=shown.name, account=self._account.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """Where and when something was said."""

    uri: str
    subscription: str
    version: int | None
    now: datetime

    def key(self, external_id: str, state: CallState) -> str:
        """Equal for two deliveries of one document, different for everything else."""
        mark = self.now.isoformat() if self.version is None else str(self.version)
        text = "\n".join((self.subscription, mark, external_id, state))
        return f"sip:{hashlib.sha256(text.encode()).hexdigest()[:40]}"

    def stamp(self, count: int) -> str:
        """A suffix that makes an id which is used again unique."""
        return f"{int(self.now.timestamp() * 1000):x}{f'.{count}' if count else ''}"

    def raw(self, dialog: Dialog | None, *, vanished: bool = False) -> dict[str, Any]:
        """The dialog as JSON-able facts, for support."""
        facts: dict[str, Any] = {"version": self.version}
        if vanished:
            facts["vanished"] = True
        if dialog is not None:
            named = ("id", "call_id", "direction", "state", "event", "code", "local_tag", "remote_tag")
            facts["dialog"] = {name: value for name in named if (value := getattr(dialog, name)) is not None}
            for name, end in (("local", dialog.local), ("remote", dialog.remote)):
                if end is not None:
                    facts["dialog"][name] = {
                        "identity": end.identity_uri,
                        "display": end.display,
                        "target": end.target_uri,
                        "params": dict(end.params),
                    }
        return facts


# --- small rules ------------------------------------------------------------------------------------------------------


def _call_state(dialog: Dialog, direction: Direction | None) -> CallState | None:
    if dialog.on_hold:
        return CallState.ON_HOLD
    if dialog.state not in _STATES:
        logger.info("dialog state %r is not in RFC 4235", dialog.state[:40], extra={"action": "bridge.unknown_state"})
        return None
    return _STATES[dialog.state][direction]


def _end_reason(dialog: Dialog, *, answered: bool) -> EndReason | None:
    """What the server says about the end; None leaves it to the journal, which sees all legs."""
    if dialog.event == "replaced":
        return EndReason.TRANSFERRED if answered else EndReason.ANSWERED_ELSEWHERE
    if answered:
        return None
    if dialog.code is not None and dialog.code in _CODES:
        return _CODES[dialog.code]
    return {"rejected": EndReason.DECLINED, "error": EndReason.FAILED}.get(dialog.event or "")


def _cause(dialog: Dialog) -> str:
    return " ".join(str(part) for part in (dialog.code, dialog.event) if part is not None)
