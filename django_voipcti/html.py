"""The package's markup as typed functions: panel, click-to-call links, call history. The template tags are thin shells.

Nothing here needs inline scripts or styles, so it works under ``script-src 'self'; style-src 'self'``; everything
works under hashed file names.
"""
# Long because a third of it is the table of the panel's texts, which belongs beside what hands it over.

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.db import models
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join, json_script
from django.utils.safestring import SafeData, SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from .enums import CallState, EndReason
from .models import Call, CallNote, Line, MissedCall
from .personal import hide_names
from .phonebook import numbers
from .redaction import mask_digits, mask_number
from .routing import SOCKET_PATH

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = [
    "PANEL_TEXTS",
    "HistoryEntry",
    "MissedEntry",
    "NoteEntry",
    "TimelineEntry",
    "call_history",
    "call_timeline",
    "click_to_call",
    "click_to_call_numbers",
    "compat",
    "format_duration",
    "history_entries",
    "missed_calls",
    "missed_entries",
    "panel",
    "timeline_entries",
]

#: Everything that the panel and its connector say by themselves, by the key under which the scripts ask for it.
PANEL_TEXTS: Mapping[str, Any] = {
    # frame
    "phone": _("Phone"),
    "line": _("Line"),
    "number": _("Number to call"),
    "call": _("Call"),
    "extension": _("ext. %(extension)s"),
    "no_line": _("No telephone line"),
    "cannot_call": _("No line of yours can make calls at the moment, so nothing was dialled. See above how it stands."),
    "dismiss": _("Dismiss"),
    "connection_connecting": _("Connecting…"),
    "connection_reconnecting": _("Reconnecting…"),
    "connection_offline": _("Offline"),
    "connection_closed": _("Not connected"),
    "notice_connecting": _("Connecting to the server…"),
    "notice_reconnecting": _("The connection to the server is lost. Calls may have changed; reconnecting…"),
    "notice_offline": _("This computer is offline. Calls go on at your phone, but are not shown here."),
    "notice_closed": _("Calls are not shown. Reload the page to connect again."),
    # states
    "state_incoming": _("Incoming call"),
    "state_requested": _("Starting the call…"),
    "state_initial": _("Pick up your phone"),
    "state_accepted": _("Dialling…"),
    "state_ringing": _("Ringing…"),
    "state_connected": _("Connected"),
    "state_on_hold": _("On hold"),
    "state_hangup": _("Call ended"),
    "state_cancel": _("Not connected"),
    "state_stale": _("Last seen: %(state)s"),
    "state_ended_because": _("Ended: %(reason)s"),
    "stage_phone": _("Your phone"),
    "stage_ringing": _("Ringing"),
    "stage_connected": _("Connected"),
    "announce_incoming": _("Incoming call from %(who)s"),
    "announce_state": _("%(who)s: %(state)s"),
    # cards
    "duration": _("Duration"),
    "internal": _("Colleague"),
    "withheld": _("Withheld number"),
    "unknown_caller": _("Not in your records"),
    "no_number": _("No number was sent"),
    "possible_match": _("Possible match"),
    "several_matches": _("Records with this number: %(count)s"),
    "other_matches": _("Also possible"),
    "choose_match": _("Who is it?"),
    "choose": _("This is the caller"),
    "choose_named": _("This is the caller: %(who)s"),
    "chosen": _("%(who)s is remembered for this number."),
    "remembered": _("Remembered for this number"),
    "forget": _("Forget"),
    "forgotten": _("Your choice is forgotten."),
    "withheld_hint": _("The caller withheld the number, so nobody can be looked up, saved or called back."),
    "time_there": _("%(time)s there"),
    "directories": _("In outside directories"),
    "from_directory": _("From the directory “%(source)s”"),
    "attach": _("Attach to a record…"),
    "attach_to": _("Whose number is %(number)s?"),
    "attach_search": _("Name of the record"),
    "attach_records": _("Records found"),
    "attach_hint": _("Type at least two letters."),
    "attach_found": _("Records found: %(count)s. Choose one with the arrow keys."),
    "attach_nothing": _("No record is found by this. Try fewer letters."),
    "attach_effect": _("Everybody will see %(who)s when %(number)s calls."),
    "attach_confirm": _("Attach"),
    "attached": _("The number belongs to %(who)s now."),
    "attached_earlier": _("Earlier calls that are being linked: %(count)s."),
    "other": _("It is somebody else…"),
    "other_who": _("Who calls from %(number)s?"),
    "other_effect": _("You will see %(who)s first when %(number)s calls, until you forget it."),
    "cancel": _("Cancel"),
    "last_calls": _("Last calls"),
    "open_record": _("Open record"),
    "answer": _("Answer"),
    "decline": _("Decline"),
    "hold": _("Hold"),
    "resume": _("Resume"),
    "hang_up": _("Hang up"),
    "call_back": _("Call back"),
    "transfer": _("Transfer"),
    "transfer_now": _("Transfer now"),
    "ask_first": _("Ask first"),
    "ask_named": _("Ask %(who)s first"),
    "complete_transfer": _("Complete the transfer"),
    "return_to_call": _("Return to the caller"),
    "asks_about": _("You are asking about the call with %(who)s, who is on hold."),
    "waits_for": _("On hold while you ask %(who)s."),
    "transfer_to": _("Name, extension or number"),
    "colleagues": _("Colleagues"),
    "confirm_title": _("Call %(number)s nevertheless?"),
    "confirm_reason": _("Why do you call nevertheless?"),
    "confirm_kept": _("Your reason is kept with the call."),
    "confirm_reason_missing": _("Say why you call nevertheless."),
    "confirm_call": _("Call nevertheless"),
    "confirm_no": _("Do not call"),
    "context_loading": _("Loading…"),
    "context_late": _("This took too long. Look at the record."),
    "context_failed": _("This could not be loaded. Look at the record."),
    "loading": _("Looking for colleagues…"),
    "no_colleagues": _("The list of colleagues is not available. Type an extension or a number."),
    "note": _("Note on this call"),
    "outcome": _("What came of it?"),
    "follow_up": _("Follow up on"),
    "note_save": _("Save note"),
    "note_discard": _("Discard"),
    "note_kept": _("Draft kept"),
    "note_waiting": _("Not sent yet; kept in this browser"),
    "note_unsafe": _("Not sent yet; leave this page open"),
    "note_saved": _("Note saved"),
    "drafts": _("Unsaved notes: %(count)s"),
    # how to be told of calls
    "preferences": _("Notification settings"),
    "do_not_disturb": _("Do not disturb"),
    "pop_on": _("Show incoming calls"),
    "pop_on_ring": _("when they ring"),
    "pop_on_answer": _("when I answer"),
    "open_on_answer": _("Open the record when I answer"),
    "notifications": _("Desktop notification while this page is out of view"),
    "allow_notifications": _("Allow notifications in this browser"),
    "notifications_blocked": _("This browser does not allow notifications here. Change that in its site settings."),
    "ring_tone": _("Ring tone in this browser"),
    "sound_device": _("Loudspeaker for the ring tone"),
    "test_sound": _("Test the ring tone"),
    "pop_failed": _("This did not work. Please try again, or open the page of the record instead."),
    # logging a line in
    "login_hint": _("Log in to your telephone account to see and make calls here."),
    "code_hint": _("Your telephone account is protected by a second factor."),
    "email": _("E-mail address or user name"),
    "password": _("Password"),
    "api_key": _("API key"),
    "code": _("Code"),
    "log_in": _("Log in"),
    "use_api_key": _("Use an API key"),
    "use_password": _("Use a password"),
    # what the connector refuses before anything is sent, by code
    "not_connected": _(
        "There is no connection to the server at the moment, so nothing was done. Please try again when it is back."
    ),
    "connection_lost": _("The connection was lost before an answer came. Look at the call before you try again."),
    "timeout": _("The server did not answer in time. Look at the call before you try again."),
    "too_many_requests": _("Too many requests are waiting for an answer. Please wait a moment."),
    "missing_argument": _("Something is missing: please fill in every field."),
    "not_supported": _(
        "Pages cannot reach the provider's programming interface directly; use the methods of the connector."
    ),
    "not_authenticated": _("You are not signed in any more. Please reload the page and sign in."),
    "no_reason": _(
        "The server refused this without a reason. Please try again; if it goes on, tell your administrator."
    ),
}

#: The texts among them that the connector says by itself.
CONNECTOR_TEXTS = (
    "not_connected",
    "connection_lost",
    "timeout",
    "too_many_requests",
    "missing_argument",
    "not_supported",
    "not_authenticated",
    "no_reason",
)

#: Who may see the complete numbers of calls that are not his own.
FULL_NUMBERS = "django_voipcti.view_full_number"


# --- panel ------------------------------------------------------------------------------------------------------------


def panel(user: "AnyUser | None", *, nonce: str = "", theme: str = "", inline: bool = False) -> SafeString:
    """The call panel of ``user`` with its script; nothing for anonymous visitors.

    Args:
        nonce: for hosts whose Content-Security-Policy wants one on scripts.
        theme: ``"light"`` or ``"dark"``; by default the panel follows the page's ``color-scheme``.
        inline: stand in the flow of the page instead of its corner.
    """
    if user is None or not user.is_authenticated:
        return SafeString("")
    attributes = {
        "data-connector": static("django_voipcti/connector.js"),
        "data-shared": static("django_voipcti/shared.js"),
        "data-notices": static("django_voipcti/notices.js"),
        "data-caller": static("django_voipcti/caller.js"),
        "data-attach": static("django_voipcti/attach.js"),
        "data-transfer": static("django_voipcti/transfer.js"),
        "data-dial": static("django_voipcti/dial.js"),
        "data-context": static("django_voipcti/context.js"),
        "data-notes": static("django_voipcti/notes.js"),
        "data-user": str(user.pk),
        "data-styles": static("django_voipcti/panel.css"),
        "data-url": _socket_address(),
        **({"theme": theme} if theme else {}),
        **({"inline": ""} if inline else {}),
    }
    return format_html(
        '<link rel="modulepreload" href="{}"{}>\n<script type="module" src="{}"{}></script>\n'
        "<voipcti-panel{}>{}</voipcti-panel>",
        attributes["data-connector"],
        (by_nonce := _attributes({"nonce": nonce} if nonce else {})),
        static("django_voipcti/panel.js"),
        by_nonce,
        _attributes(attributes),
        json_script(dict(PANEL_TEXTS)),
    )


def compat(*, nonce: str = "") -> SafeString:
    """The script that defines the global ``Cti`` of the original connector, for pages written for it.

    Args:
        nonce: for hosts whose Content-Security-Policy wants one on scripts.
    """
    attributes = {
        "src": static("django_voipcti/cti-compat.js"),
        "data-connector": static("django_voipcti/connector.js"),
        "data-url": _socket_address(),
        "data-messages": json.dumps({key: str(PANEL_TEXTS[key]) for key in CONNECTOR_TEXTS}),
        **({"nonce": nonce} if nonce else {}),
    }
    return format_html("<script{}></script>", _attributes(attributes))


def _socket_address() -> str:
    """Path of the socket below the host's root, with the language of this page."""
    return f"{get_script_prefix()}{SOCKET_PATH}?{urlencode({'language': get_language() or ''})}"


# --- click to call ----------------------------------------------------------------------------------------------------


def click_to_call(number: object, *, label: str = "", region: str = "") -> SafeString:
    """A link that calls ``number``: through the panel where there is one, else as the device does with such links.

    What cannot be dialled comes back as plain text, so that templates need not ask first.

    Args:
        label: what the link says; by default the number in the form in which people write it.
        region: country code by which national numbers are read.
    """
    raw = "" if number is None else str(number).strip()
    read = numbers.parse(raw, region)
    text = label or (numbers.display(raw, region) if raw else "")
    if not raw or not read.is_dialable:
        return SafeString(conditional_escape(text))
    return _link(read, text)


def click_to_call_numbers(text: object, *, region: str = "") -> SafeString:
    """Running text with each telephone number in it as a link.

    Markup that is safe already is left alone: a number in an attribute or a link must not be touched. Apply this first.
    """
    if text is None:
        return SafeString("")
    if isinstance(text, SafeData):
        return SafeString(text)
    plain, pieces, end = str(text), [], 0
    for found in numbers.find_in_text(plain, region):
        pieces += [conditional_escape(plain[end : found.start]), _link(found.number, found.text)]
        end = found.end
    pieces.append(conditional_escape(plain[end:]))
    return mark_safe("".join(pieces))  # noqa: S308  each piece is escaped or made by format_html


def _link(number: numbers.Number, text: str) -> SafeString:
    """RFC 3966 for the address; ``data-voipcti-number`` is what the panel dials."""
    if number.kind == "sip":
        address = f"sip:{quote(number.national, safe='@.:+-_')}"
    else:
        extension = f";ext={number.extension}" if number.extension and number.e164 else ""
        address = f"tel:{quote(number.e164 or number.national, safe='+*')}{extension}"
    dialled = number.e164 or number.national
    return format_html('<a class="voipcti-call" href="{}" data-voipcti-number="{}">{}</a>', address, dialled, text)


# --- history ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEntry:
    """What somebody wrote about a call and saved, as ``user`` may read it."""

    author: str
    """Empty if he is no user any more."""
    text: str
    """May be empty. Numbers are masked where the user may not see them, except in what he wrote himself."""
    outcome: str
    """What came of the call in the host's words; empty without one."""
    follow_up_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One row of a record's call history, as ``user`` may see it."""

    call: Call
    number: SafeString
    """A link that calls it; masked digits where the user may not see the number."""
    outcome: str
    """Why it ended, or where it stands."""
    talked: str
    """Talk time as ``m:ss``; empty if there was none."""
    missed: bool
    notes: tuple[NoteEntry, ...] = ()
    """Saved notes on the conversation, oldest first."""


def history_entries(record: models.Model, user: "AnyUser", *, limit: int = 20) -> list[HistoryEntry]:
    """The newest calls linked to ``record`` that ``user`` may see, newest first, with their notes. Two queries."""
    found = Call.objects.for_object(record).visible_to(user).select_related("line").order_by("-started_at", "-id")
    calls = list(found[:limit])
    sees_all = user.has_perm(FULL_NUMBERS)
    notes = CallNote.objects.of_calls(calls)
    entries = []
    for call in calls:
        whole = sees_all or call.line.user_id == user.pk
        entries.append(_entry(call, whole=whole, notes=_readable(notes[call.pk], user, whole=whole)))
    return entries


def call_history(record: models.Model, user: "AnyUser | None", *, limit: int = 20) -> SafeString:
    """A table of :func:`history_entries`, from the template ``django_voipcti/call_history.html``."""
    entries = history_entries(record, user, limit=limit) if user is not None and user.is_authenticated else []
    return render_to_string("django_voipcti/call_history.html", {"entries": entries, "record": record})


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry(HistoryEntry):
    """One conversation with a record."""

    answered_by: str
    """The line of ours that picked up; empty if none did."""
    legs: int
    """How many of our lines had a part in it."""


def timeline_entries(record: models.Model, user: "AnyUser", *, limit: int = 20) -> list[TimelineEntry]:
    """The newest conversations with ``record`` that ``user`` may see, newest first, with their notes. Three
    queries."""
    calls = Call.objects.for_object(record).visible_to(user).conversations().select_related("line")
    newest: list[Any] = list(calls.order_by("-started_at", "-id")[:limit])
    answerers = Line.objects.in_bulk({call.answered_line_id for call in newest} - {None})
    sees_all = user.has_perm(FULL_NUMBERS)
    notes = CallNote.objects.of_calls(newest)
    entries = []
    for call in newest:
        whole = sees_all or call.line.user_id == user.pk
        shown = _entry(call, whole=whole, notes=_readable(notes[call.pk], user, whole=whole))
        answerer = answerers.get(call.answered_line_id)
        entries.append(
            TimelineEntry(
                call=shown.call,
                number=shown.number,
                outcome=shown.outcome,
                talked=shown.talked,
                missed=shown.missed,
                notes=shown.notes,
                answered_by=str(answerer) if answerer else "",
                legs=call.leg_count,
            )
        )
    return entries


def call_timeline(record: models.Model, user: "AnyUser | None", *, limit: int = 20) -> SafeString:
    """Conversations by day, from the template ``django_voipcti/call_timeline.html``: see :func:`timeline_entries`."""
    entries = timeline_entries(record, user, limit=limit) if user is not None and user.is_authenticated else []
    days = [
        (day, list(on_day))
        for day, on_day in groupby(entries, key=lambda entry: timezone.localtime(entry.call.started_at).date())
    ]
    return render_to_string("django_voipcti/call_timeline.html", {"days": days, "record": record})


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedEntry:
    """Somebody who waits for a call."""

    missed: MissedCall
    name: str
    """Who it was, as far as the viewer may know; may be empty."""
    number: SafeString
    """A link that calls back; masked digits where the viewer may not see the number."""
    late: bool


def missed_entries(user: "AnyUser", *, viewer: "AnyUser", limit: int = 20) -> list[MissedEntry]:
    """Open missed calls of the lines of ``user`` as ``viewer`` may see them, newest first."""
    missed = MissedCall.objects.open().of_user(user)
    if viewer.pk != user.pk:
        missed = missed.visible_to(viewer)
    whole = viewer.pk == user.pk or viewer.has_perm(FULL_NUMBERS)
    entries = []
    newest = list(missed.select_related("call__line")[:limit])
    hide_names((each.call for each in newest), viewer)
    for each in newest:
        entry = _entry(each.call, whole=whole)
        late = each.is_late(timezone.now())
        name = each.call.known_name if whole else mask_digits(each.call.known_name)
        entries.append(MissedEntry(missed=each, name=name, number=entry.number, late=late))
    return entries


def missed_calls(user: "AnyUser | None", *, viewer: "AnyUser | None", limit: int = 20) -> SafeString:
    """A list of :func:`missed_entries`, from the template ``django_voipcti/missed_calls.html``."""
    known = user is not None and user.is_authenticated and viewer is not None and viewer.is_authenticated
    entries = missed_entries(user, viewer=viewer, limit=limit) if known and user and viewer else []
    return render_to_string("django_voipcti/missed_calls.html", {"entries": entries})


def _readable(notes: Sequence[CallNote], user: "AnyUser", *, whole: bool) -> tuple[NoteEntry, ...]:
    return tuple(
        NoteEntry(
            author=note.author_name,
            text=note.text if whole or note.author_id == user.pk else mask_digits(note.text),
            outcome=str(note.outcome or ""),
            follow_up_on=note.follow_up_on,
        )
        for note in notes
    )


def _entry(call: Call, *, whole: bool, notes: tuple[NoteEntry, ...] = ()) -> HistoryEntry:
    state = CallState(call.state)
    reason = EndReason(call.end_reason) if call.end_reason else None
    number, region = call.other_e164 or call.other_number, call.line.effective_region
    return HistoryEntry(
        call=call,
        number=click_to_call(number, region=region) if whole else _masked(numbers.display(number, region)),
        outcome=str((reason or state).label),
        talked=format_duration(call.talk_time),
        missed=reason is EndReason.MISSED,
        notes=notes,
    )


def _masked(number: str) -> SafeString:
    return SafeString(conditional_escape(mask_number(number)))


def format_duration(duration: timedelta | None) -> str:
    """``m:ss`` or ``h:mm:ss``; empty for None."""
    if duration is None:
        return ""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _attributes(values: Mapping[str, str]) -> SafeString:
    return format_html_join("", ' {}="{}"', values.items())
