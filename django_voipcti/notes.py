"""Notes on calls: kept as drafts while they are typed, saved, thrown away, and told to the pages that show the call.

A note belongs to a conversation, and each author has one of his own there, so nobody writes over somebody else. Calls
are not touched: this is the only writer of notes, the journal the only one of calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from . import personal, realtime, signals
from .exceptions import CommandRefused
from .models import Call, CallNote, CallOutcome
from .models.note import MAX_NOTE_LENGTH

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = [
    "Content",
    "content_of",
    "drafts",
    "keep_draft",
    "note_of",
    "notes_on",
    "read_content",
    "save",
    "set_outcome",
    "throw_away",
]

#: Drafts that a user is reminded of; who has more gets to the older ones when he has dealt with these.
_MOST_DRAFTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an author says about a call."""

    text: str = ""
    outcome: CallOutcome | None = None
    follow_up_on: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing at all."""
        return not (self.text.strip() or self.outcome or self.follow_up_on)


def read_content(text: str, outcome: str = "", follow_up_on: str = "") -> Content:
    """What a page or a form says, checked.

    Args:
        outcome: primary key of one; empty: none.
        follow_up_on: ISO 8601 date; empty: none.

    Raises:
        CommandRefused: ``invalid_argument``, ``unknown_outcome``.
    """
    try:
        day = parse_date(follow_up_on) if follow_up_on else None
    except ValueError:
        day = None
    if follow_up_on and day is None:
        raise CommandRefused(_("This is no date of the calendar."), code="invalid_argument")
    if len(text) > MAX_NOTE_LENGTH:
        message = _("A note has at most %(limit)d characters.") % {"limit": MAX_NOTE_LENGTH}
        raise CommandRefused(message, code="invalid_argument")
    # Retired ones too: a note that has one is edited without losing it.
    chosen = CallOutcome.objects.filter(pk=outcome).first() if outcome.isdecimal() and len(outcome) < 19 else None
    if outcome and chosen is None:
        raise CommandRefused(_("This outcome is not offered any more. Choose another."), code="unknown_outcome")
    return Content(text=text, outcome=chosen, follow_up_on=day)


def content_of(note: CallNote) -> Content:
    """What the author of a note sees in its form: his draft where there is one."""
    if note.draft_at is not None:
        return Content(text=note.draft_text, outcome=note.draft_outcome, follow_up_on=note.draft_follow_up_on)
    return Content(text=note.text, outcome=note.outcome, follow_up_on=note.follow_up_on)


def notes_on(user: "AnyUser", call_id: int | str) -> tuple[Call, list[CallNote]]:
    """A call that ``user`` may see, and the notes on its conversation: saved ones, and his own unsaved one.

    Raises:
        CommandRefused: ``unknown_call``.
    """
    call = _visible_call(user, call_id)
    notes = CallNote.objects.of_calls([call])[call.pk]
    mine = _mine(call, user)
    if mine is not None and mine.saved_at is None:
        notes.append(mine)
    return call, notes


def note_of(user: "AnyUser", call_id: int | str) -> CallNote | None:
    """The note of ``user`` on a call, saved or not; None if he has none.

    Raises:
        CommandRefused: ``unknown_call``.
    """
    return _mine(_visible_call(user, call_id), user)


def drafts(user: "AnyUser") -> list[CallNote]:
    """What ``user`` has not saved yet, newest first, with calls that name nobody whom he may not know."""
    found = CallNote.objects.drafts_of(user).select_related("call__line", "author", "outcome", "draft_outcome")
    notes = list(found[:_MOST_DRAFTS])
    personal.hide_names([note.call for note in notes], user)
    return notes


def keep_draft(user: "AnyUser", call_id: int | str, content: Content) -> CallNote:
    """Keep what ``user`` has typed so far; his other pages show it at once.

    Raises:
        CommandRefused: ``unknown_call``.
    """
    with transaction.atomic():
        note = _own_note(user, call_id)
        if content.is_empty and note.saved_at is None:
            _forget_draft(note)  # everything was deleted again
        else:
            note.draft_text = content.text
            note.draft_outcome, note.draft_follow_up_on = content.outcome, content.follow_up_on
            note.draft_at = timezone.now()
        _write(note)
    return note


def save(user: "AnyUser", call_id: int | str, content: Content) -> CallNote:
    """Save the note of ``user`` on a call: whoever may see the call may read it. An empty one is taken away.

    Raises:
        CommandRefused: ``unknown_call``.
    """
    with transaction.atomic():
        note = _own_note(user, call_id)
        _forget_draft(note)
        return _save(note, content)


def set_outcome(user: "AnyUser", call_id: int | str, outcome: CallOutcome | None) -> CallNote:
    """Say what came of a call, and leave the text of the note and what is being typed alone.

    Raises:
        CommandRefused: ``unknown_call``.
    """
    with transaction.atomic():
        note = _own_note(user, call_id)
        content = Content(text=note.text, outcome=outcome, follow_up_on=note.follow_up_on)
        if note.draft_at is not None:
            note.draft_outcome = outcome
        return _save(note, content)


def throw_away(user: "AnyUser", call_id: int | str) -> CallNote | None:
    """Forget what ``user`` has typed and not saved; None if there was nothing.

    Raises:
        CommandRefused: ``unknown_call``.
    """
    with transaction.atomic():
        note = _mine(_visible_call(user, call_id), user, lock=True)
        if note is None or note.draft_at is None:
            return None
        _forget_draft(note)
        _write(note)
    return note


def _save(note: CallNote, content: Content) -> CallNote:
    note.text, note.outcome, note.follow_up_on = content.text.strip(), content.outcome, content.follow_up_on
    note.saved_at = None if content.is_empty else timezone.now()
    _write(note, for_all=True)
    if note.saved_at:
        transaction.on_commit(lambda: signals.call_noted.send_robust(sender=CallNote, note=note), robust=True)
    return note


def _forget_draft(note: CallNote) -> None:
    note.draft_text, note.draft_outcome, note.draft_follow_up_on, note.draft_at = "", None, None, None


def _write(note: CallNote, *, for_all: bool = False) -> None:
    """Write the row, or delete it if it says nothing any more, and tell pages after commit."""
    note.version = max(note.version + 1, int(timezone.now().timestamp() * 1000))
    if note.saved_at is None and note.draft_at is None:
        if note.pk is not None:
            CallNote.objects.filter(pk=note.pk).delete()
            note.pk = None
    else:
        note.save()
    transaction.on_commit(lambda: _tell_pages(note, for_all=for_all), robust=True)


def _tell_pages(note: CallNote, *, for_all: bool) -> None:
    """The author hears everything; whoever's line was in the conversation hears what is saved."""
    legs = _legs(note.call)
    users = {leg.line.user_id for leg in legs if leg.line.user_id is not None} if for_all else set()
    realtime.tell_note(note, [leg.pk for leg in legs], users)


def _legs(call: Call) -> Sequence[Call]:
    if not call.conversation_id:
        return [call]
    same = Call.objects.filter(provider=call.provider, conversation_id=call.conversation_id)
    return list(same.select_related("line").order_by("pk"))


def _visible_call(user: "AnyUser", call_id: int | str) -> Call:
    try:
        return Call.objects.visible_to(user).select_related("line").get(pk=call_id)
    except (Call.DoesNotExist, ValueError, TypeError, OverflowError):
        raise CommandRefused(_("There is no such call, or you may not see it."), code="unknown_call") from None


def _mine(call: Call, user: "AnyUser", *, lock: bool = False) -> CallNote | None:
    """The note of ``user`` on the conversation of a call."""
    where = Q(call=call)
    if call.conversation_id:
        where |= Q(call__provider=call.provider, call__conversation_id=call.conversation_id)
    notes: Any = CallNote.objects.filter(where, author_id=user.pk)
    if lock:
        notes = notes.select_for_update(of=("self",))
    notes = notes.select_related("call__line", "author", "outcome", "draft_outcome")
    found: CallNote | None = notes.order_by("pk").first()
    return found


def _own_note(user: "AnyUser", call_id: int | str) -> CallNote:
    """The note of ``user``, locked; a new one, not yet written, if there is none."""
    call = _visible_call(user, call_id)
    # The call's row is the lock of those who begin a note at once: two tabs of one user make one note.
    Call.objects.select_for_update(no_key=True).filter(pk=call.pk).values_list("pk").first()
    note = _mine(call, user, lock=True)
    if note is None:
        note = CallNote(call=call, author_id=user.pk, created_at=timezone.now())
    return note
