"""What pages are sent, one function a message type. The written specification is docs/reference/messages.

A call has the fields of the original JavaScript connector, with its names and meanings (``id``, ``cid``, ``cause``,
``direction``, ``destination``, ``destinationName``, ``source``, ``sourceName``, ``status``), and more beside them;
``id`` is ours, so that it stays the same from ``INITIAL`` to ``HANGUP``.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from . import phonebook
from .briefing import Briefing
from .context_blocks import Answer, Block
from .enums import CallState, Direction, EndReason, LineStatus, SessionEvent
from .exceptions import ConfirmationNeeded
from .models import Call, CallEvent, CallNote, CallOutcome, Line, PopAction, UserPreferences
from .redaction import mask_digits, mask_number

__all__ = [
    "VERSION",
    "present_about",
    "present_block",
    "present_call",
    "present_call_change",
    "present_call_event",
    "present_create_link",
    "present_dismissal",
    "present_line",
    "present_match",
    "present_note",
    "present_note_change",
    "present_noted_call",
    "present_outcome",
    "present_past_call",
    "present_pop",
    "present_preferences",
    "present_preferences_change",
    "present_question",
    "present_session_event",
    "present_snapshot",
]

#: Version of the envelope; pages refuse others.
VERSION = 1

Message = dict[str, Any]

NOTHING_MORE = Briefing()


def present_call_event(event: CallEvent, call: Call, briefing: Briefing = NOTHING_MORE) -> Message:
    """The message that tells pages that ``call`` moved to the state of ``event``."""
    state = CallState(event.state)
    return {
        "v": VERSION,
        "type": "event",
        "id": event.pk,
        "name": state.value,
        "occurredAt": _moment(event.occurred_at),
        "call": present_call(call, briefing, state=state),
    }


def present_call_change(call: Call, briefing: Briefing = NOTHING_MORE) -> Message:
    """The message that tells pages what is known of ``call`` now, although its state has not changed."""
    return {"v": VERSION, "type": "call", "call": present_call(call, briefing)}


def present_session_event(name: SessionEvent, message: str, *, line: Line | None = None, **extra: Any) -> Message:
    """The message that tells pages about a line or a request: ``name``, a sentence, and what belongs to the event."""
    envelope: Message = {"v": VERSION, "type": "event", "name": name.value, "message": message, **extra}
    if line is not None:
        envelope["line"] = present_line(line)
    return envelope


def present_dismissal(call_id: str) -> Message:
    """The message that takes a call out of sight on all pages of one user."""
    return {"v": VERSION, "type": "dismissed", "call": call_id}


def present_pop(pop_id: str, html: str, *, title: str) -> Message:
    """The message that shows a rendered fragment on all pages of one user."""
    return {"v": VERSION, "type": "pop", "id": pop_id, "title": title, "html": html}


def present_snapshot(*, last_event_id: int, lines: Iterable[Line], calls: Iterable[Message]) -> Message:
    """The message that a page gets first: where everything stands after event ``last_event_id``."""
    return {
        "v": VERSION,
        "type": "snapshot",
        "last_event_id": last_event_id,
        "lines": [present_line(line) for line in lines],
        "calls": list(calls),
    }


def present_line(line: Line) -> Message:
    """A line as its user's pages show it. Holds no secret."""
    return {
        "id": str(line.pk),
        "node": line.account.replace("-", ":", 1) if line.is_node else f"user:{line.account}",
        "label": str(line),
        "extension": line.extension,
        "provider": line.backend.display_name,
        "status": line.status,
        "statusLabel": str(LineStatus(line.status).label),
        "message": line.status_text,
        "capabilities": line.capabilities(),
    }


def present_call(call: Call, briefing: Briefing = NOTHING_MORE, *, state: CallState | None = None) -> Message:
    """A call as pages show it; ``state`` overrides the present one, for events told afterwards.

    What depends on who looks at it is filled in, or taken out, by :mod:`django_voipcti.personal`.
    """
    inbound = call.direction == Direction.INBOUND
    number = phonebook.numbers.display(call.other_e164 or call.other_number, call.line.effective_region)
    own = {"number": call.own_number or call.line.extension, "name": call.own_name or call.line.label}
    other = {"number": call.other_number, "name": call.other_name}
    source, destination = (other, own) if inbound else (own, other)
    reason = EndReason(call.end_reason) if call.end_reason else None
    return {
        "id": str(call.pk),
        "cid": call.external_id or "",
        "cause": call.cause or (str(reason.label) if reason else ""),
        "direction": call.direction,
        "destination": destination["number"],
        "destinationName": destination["name"],
        "source": source["number"],
        "sourceName": source["name"],
        "status": (state or CallState(call.state)).value,
        "line": str(call.line_id),
        "number": number,
        "e164": call.other_e164,
        "name": call.known_name,
        "internal": call.internal,
        "context": call.context,
        "consultationOf": str(call.consultation_of_id or ""),
        "contact": _present_contact(call),
        "learned": briefing.is_learned,
        "matches": [present_match(match) for match in briefing.matches],
        "create": [],
        "directory": [_present_entry(entry) for entry in call.directory],
        "about": None,
        "pop": _present_decision(call, briefing.decision),
        "lastCalls": [present_past_call(past) for past in briefing.last_calls],
        "startedAt": _moment(call.started_at),
        "answeredAt": _moment(call.answered_at),
        "endedAt": _moment(call.ended_at),
        "heldSeconds": call.held_seconds,
        "endReason": call.end_reason,
        "endReasonText": str(reason.label) if reason else "",
    }


def present_preferences(preferences: UserPreferences) -> Message:
    """How a user wants to be told of calls."""
    return {
        "popOn": str(preferences.pop_on),
        "ringTone": preferences.ring_tone,
        "notifications": preferences.notifications,
        "openRecord": preferences.open_record,
        "doNotDisturb": preferences.do_not_disturb,
    }


def present_preferences_change(preferences: UserPreferences) -> Message:
    """The message that tells all pages of a user what he chose on one of them."""
    return {"v": VERSION, "type": "preferences", "preferences": present_preferences(preferences)}


def present_match(match: phonebook.Match) -> Message:
    """One record that the number may belong to."""
    return {
        "label": match.label,
        "company": match.company,
        "url": match.url,
        "model": match.model,
        "objectId": match.object_id,
        "confidence": str(match.confidence),
        "reason": match.reason,
    }


def present_create_link(link: phonebook.CreateLink) -> Message:
    """The way to a form for a new record."""
    return {"model": link.model, "label": link.label, "url": link.url}


def present_about(facts: phonebook.NumberFacts) -> Message:
    """What a number alone tells."""
    there = facts.local_time
    return {
        "country": facts.country,
        "countryName": facts.country_name,
        "region": facts.region,
        "lineType": facts.line_type,
        "localTime": f"{there:%H:%M}" if there else "",
        "timeZone": facts.time_zones[0] if there else "",
    }


def present_question(question: ConfirmationNeeded) -> Message:
    """A call that was refused until somebody confirms that he means it: what speaks against it, and how to confirm."""
    return {
        "name": question.event.value,
        "code": question.code,
        "message": question.message,
        "confirm": {
            "token": question.token,
            "number": phonebook.numbers.display(question.number, ""),
            "needsReason": question.needs_reason,
            "concerns": [
                {"code": concern.code, "message": concern.message, "needsReason": concern.needs_reason}
                for concern in question.concerns
            ],
        },
    }


def present_block(call_id: str, object_id: str, block: Block, answer: Answer) -> Message:
    """The message that shows, or announces, a block of the host about the record of a call."""
    return {
        "v": VERSION,
        "type": "block",
        "call": call_id,
        "objectId": object_id,
        "key": block.key,
        "title": str(block.title),
        "state": answer.state.value,
        "text": answer.text,
        "facts": [{"label": fact.label, "value": fact.value, "url": fact.url} for fact in answer.facts],
    }


def present_past_call(call: Call) -> Message:
    """An earlier call with the same party, in short."""
    talk = call.talk_time
    return {
        "id": str(call.pk),
        "direction": call.direction,
        "startedAt": _moment(call.started_at),
        "endReason": call.end_reason,
        "endReasonText": str(EndReason(call.end_reason).label) if call.end_reason else "",
        "seconds": int(talk.total_seconds()) if talk else 0,
        "line": str(call.line),
    }


def present_note(note: CallNote, *, with_draft: bool) -> Message:
    """One author's note; what he has not saved only for himself."""
    draft = None
    if with_draft and note.draft_at is not None:
        draft = {
            "text": note.draft_text,
            "outcome": str(note.draft_outcome_id or ""),
            "followUpOn": _day(note.draft_follow_up_on),
            "at": _moment(note.draft_at),
        }
    return {
        "id": str(note.pk or ""),
        "call": str(note.call_id),
        "author": {"id": str(note.author_id or ""), "name": note.author_name},
        "text": note.text,
        "outcome": present_outcome(note.outcome) if note.outcome else None,
        "followUpOn": _day(note.follow_up_on),
        "savedAt": _moment(note.saved_at),
        "version": note.version,
        "draft": draft,
    }


def present_note_change(note: CallNote, calls: Iterable[int], *, with_draft: bool) -> Message:
    """The message that tells pages of a note on the conversation whose legs are ``calls``."""
    return {
        "v": VERSION,
        "type": "note",
        "calls": [str(call) for call in calls],
        "note": present_note(note, with_draft=with_draft),
    }


def present_outcome(outcome: CallOutcome) -> Message:
    """Something that can come of a call."""
    return {"id": str(outcome.pk), "label": outcome.name, "asksForDate": outcome.asks_for_date}


def present_noted_call(call: Call, *, is_own: bool) -> Message:
    """Which call a note is about, in a few words; a stranger's number has no place in them."""
    number = phonebook.numbers.display(call.other_e164 or call.other_number, call.line.effective_region)
    return {
        "id": str(call.pk),
        "direction": call.direction,
        "name": call.known_name if is_own else mask_digits(call.known_name),
        "number": number if is_own or call.internal else mask_number(number),
        "startedAt": _moment(call.started_at),
    }


def _present_contact(call: Call) -> Message | None:
    """The record that the call is linked to, with its names as they were when the call came."""
    contact = phonebook.Match.of_call(call)
    if contact is None:
        return None
    return {
        "label": contact.label,
        "company": contact.company,
        "url": contact.url,
        "model": contact.model,
        "objectId": contact.object_id,
        "confidence": str(contact.confidence),
    }


def _present_decision(call: Call, decision: phonebook.Decision | None) -> Message:
    """What the page does for the call; ``personal`` fills in the form that this user may open."""
    if decision is None:
        return {"action": PopAction.POP.value, "reason": "", "url": ""}
    url = call.contact_url if decision.action is PopAction.OPEN_RECORD else ""
    return {"action": decision.action.value, "reason": decision.reason, "url": url}


def _present_entry(entry: dict[str, str]) -> Message:
    """What an outside directory answered."""
    return {name: entry.get(name, "") for name in ("label", "company", "url", "source")}


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _moment(value: datetime | None) -> str | None:
    """ISO 8601 with zone and milliseconds, as JavaScript reads it."""
    return value.isoformat(timespec="milliseconds") if value else None
