"""Calls as a table to take away: as the user may see them, in his language and his time zone.

Rows are read some thousands at a time, each time from behind the last one, so that the first is there at once, no
transaction stands open for minutes, and the memory does not grow with the log.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from .. import phonebook
from ..enums import CallState, Direction, EndReason
from ..models import Call, CallNote, Line
from ..models.call import CallQuerySet
from ..personal import hide_names
from ..phonebook import numbers
from ..redaction import mask_digits, mask_number
from .keyset import Cursor
from .spreadsheet import Cell, Column

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["columns", "rows"]

#: So many calls are in memory at a time.
CHUNK = 2000

#: What a row is written from.
_FIELDS = (
    *("id", "line_id", "provider", "conversation_id", "direction", "state", "end_reason", "context"),
    *("other_number", "other_e164", "other_name", "other_line_id"),
    *("started_at", "answered_at", "ended_at", "held_seconds"),
    *("contact_type_id", "contact_id", "contact_label", "contact_company", "contact_url", "contact_confidence"),
)
#: What :meth:`~django_voipcti.models.call.CallQuerySet.conversations` adds.
_OF_CONVERSATIONS = ("leg_count", "answered_line_id")

Row = tuple[Cell, ...]


def columns() -> list[Column]:
    """The columns of :func:`rows`, in the active language."""
    return [
        Column(heading=_("start"), kind="moment", width=19),
        Column(heading=_("direction"), width=10),
        Column(heading=_("other party"), width=26),
        Column(heading=_("company"), width=26),
        Column(heading=_("number"), width=18),
        Column(heading=_("line"), width=10),
        Column(heading=_("user"), width=20),
        Column(heading=_("queue or ring group"), width=20),
        Column(heading=_("state"), width=14),
        Column(heading=_("end reason"), width=22),
        Column(heading=_("ring time"), kind="duration", width=10),
        Column(heading=_("talk time"), kind="duration", width=10),
        Column(heading=_("time on hold"), kind="duration", width=12),
        Column(heading=_("answered by"), width=20),
        Column(heading=_("lines"), kind="number", width=7),
        Column(heading=_("outcome"), width=18),
        Column(heading=_("notes"), width=40),
    ]


def rows(calls: CallQuerySet, user: "AnyUser") -> Iterator[list[Row]]:
    """The calls in rows, newest first, some thousands at a time; numbers and names as ``user`` may see them.

    Language and time zone are those that are active when the first row is asked for, whatever is active later.

    Args:
        calls: which of them; :meth:`~django_voipcti.models.call.CallQuerySet.conversations` of them have who answered.
            Conditions only: their order is ours.
    """
    writer = _Writer(user)
    names = [*_FIELDS, *(name for name in _OF_CONVERSATIONS if name in calls.query.annotations)]
    found = calls.order_by("-started_at", "-pk").values_list(*names)
    chunk = [_light(names, values) for values in found[:CHUNK]]
    while chunk:
        yield writer.written(chunk)
        if len(chunk) < CHUNK:
            return
        last = Cursor(moment=chunk[-1].started_at, key=chunk[-1].pk)
        chunk = [_light(names, values) for values in found.filter(last.older("started_at"))[:CHUNK]]


def _light(names: list[str], values: tuple[Any, ...]) -> Call:
    """A call to be looked at. What a model is made with beyond that, to be saved, is a third of an export's time."""
    call = Call.__new__(Call)
    call.__dict__.update(zip(names, values, strict=True))
    return call


class _Writer:
    """Knows what is the same in all rows: words, lines, permissions."""

    def __init__(self, user: "AnyUser") -> None:
        self._user = user
        self._language = translation.get_language()
        self._zone = timezone.get_current_timezone()
        self._shows_numbers = phonebook.Viewer(user).may_see_numbers()
        self._words: dict[str, str] = {
            str(choice.value): str(choice.label) for choices in (Direction, CallState, EndReason) for choice in choices
        }
        #: Extension, name of the user, and who that is where somebody answered.
        self._lines: dict[int | None, tuple[str, str, str]] = {None: ("", "", "")}
        for line in Line.objects.select_related("user"):
            name = _name(line)
            self._lines[line.pk] = (line.extension or line.account, name, name or str(line))

    def written(self, calls: list[Call]) -> list[Row]:
        """The rows of these calls."""
        with translation.override(self._language):
            hide_names(calls, self._user)
            notes = CallNote.objects.of_calls(calls)
            return [self._row(call, notes[call.pk]) for call in calls]

    def _row(self, call: Any, notes: list[CallNote]) -> Row:
        line, user, _self = self._lines[call.line_id]
        _line, _user, answered_by = self._lines[getattr(call, "answered_line_id", None)]
        outcomes = dict.fromkeys(str(note.outcome) for note in notes if note.outcome)
        return (
            call.started_at.astimezone(self._zone),
            self._words[call.direction],
            self._shown(call.known_name),
            call.contact_company,
            self._number(call),
            line,
            user,
            call.context,
            self._words[call.state],
            self._words.get(call.end_reason, ""),
            call.ring_time,
            call.talk_time,
            timedelta(seconds=call.held_seconds) if call.answered_at else None,
            answered_by,
            getattr(call, "leg_count", 1),
            ", ".join(outcomes),
            "\n".join(f"{note.author_name}: {self._shown(note.text)}" for note in notes if note.text),
        )

    def _number(self, call: Call) -> str:
        if call.other_e164:
            return call.other_e164 if self._shows_numbers or call.internal else mask_number(call.other_e164)
        if numbers.parse(call.other_number).kind == "withheld":
            return _("withheld number")
        return call.other_number if self._shows_numbers or call.internal else mask_number(call.other_number)

    def _shown(self, text: str) -> str:
        return text if self._shows_numbers else mask_digits(text)


def _name(line: Line) -> str:
    user = line.user
    return user.get_full_name() or user.get_username() if user else ""
