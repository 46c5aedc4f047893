"""Actions on notes: read, keep as a draft, throw a draft away, save, and say what came of a call."""

import base64
from collections.abc import Callable
from typing import Any

from django.utils.crypto import salted_hmac

from .. import notes, presenters
from ..models import CallNote, CallOutcome
from ..redaction import mask_digits
from .page import Data, Page, in_thread

__all__ = ["NoteActions"]


class NoteActions(Page):
    """What a user writes about calls that he may see."""

    async def _as_user(self, function: Callable[..., Data], *arguments: str) -> Data:
        data: Data = await in_thread(self.as_user, function, *arguments)
        return data

    async def _do_notes(self, call: str) -> Data:
        return await self._as_user(_notes, call)

    async def _do_drafts(self) -> Data:
        return await self._as_user(_drafts)

    async def _do_draft(self, call: str, text: str, outcome: str = "", followUpOn: str = "") -> Data:
        return await self._as_user(_keep, call, text, outcome, followUpOn)

    async def _do_discard_draft(self, call: str) -> Data:
        return await self._as_user(_discard, call)

    async def _do_note(self, call: str, text: str, outcome: str = "", followUpOn: str = "") -> Data:
        return await self._as_user(_save, call, text, outcome, followUpOn)

    async def _do_outcome(self, call: str, outcome: str) -> Data:
        return await self._as_user(_choose, call, outcome)


def _notes(user: Any, call_id: str) -> Data:
    call, found = notes.notes_on(user, call_id)
    is_own = _is_own(user, call)
    for note in found:
        if not is_own and note.author_id != user.pk:
            note.text = mask_digits(note.text)
    return {
        "call": presenters.present_noted_call(call, is_own=is_own),
        "notes": [presenters.present_note(note, with_draft=note.author_id == user.pk) for note in found],
        "outcomes": [presenters.present_outcome(outcome) for outcome in CallOutcome.objects.offered()],
    }


def _drafts(user: Any) -> Data:
    """What is unsaved, and the key under which a browser keeps what it could not send yet.

    It follows from the user, so that his next session in this browser reads what is kept, and nobody else does.
    """
    found = [
        {
            "call": presenters.present_noted_call(note.call, is_own=_is_own(user, note.call)),
            "note": presenters.present_note(note, with_draft=True),
        }
        for note in notes.drafts(user)
    ]
    key = salted_hmac("django_voipcti.drafts", str(user.pk), algorithm="sha256").digest()
    return {"drafts": found, "key": base64.b64encode(key).decode()}


def _keep(user: Any, call: str, text: str, outcome: str, follow_up_on: str) -> Data:
    return _answer(notes.keep_draft(user, call, notes.read_content(text, outcome, follow_up_on)))


def _discard(user: Any, call: str) -> Data:
    note = notes.throw_away(user, call)
    return _answer(note) if note else {"note": None}


def _save(user: Any, call: str, text: str, outcome: str, follow_up_on: str) -> Data:
    return _answer(notes.save(user, call, notes.read_content(text, outcome, follow_up_on)))


def _choose(user: Any, call: str, outcome: str) -> Data:
    return _answer(notes.set_outcome(user, call, notes.read_content("", outcome).outcome))


def _answer(note: CallNote) -> Data:
    return {"note": presenters.present_note(note, with_draft=True)}


def _is_own(user: Any, call: Any) -> bool:
    return bool(call.line.user_id == user.pk or user.has_perm("django_voipcti.view_full_number"))
