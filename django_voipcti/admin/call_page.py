"""What the page of one call shows below its facts: the timeline, who said what, commands, and related calls."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..calllog import playback
from ..enums import CallState, CommandState, EndReason
from ..models import Call, CallCommand, CallEvent
from ..redaction import mask_digits
from . import story, timeline
from .base import EMPTY, duration, may_see_numbers, offset, other_number, other_party, party_link, pretty, state_badge
from .command import overridden
from .note import note_context

if TYPE_CHECKING:
    from .call import CallAdmin

__all__ = ["context"]

#: Rows of each list of related calls.
_MOST_RELATED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One event as the page shows it."""

    event: CallEvent
    offset: str
    badge: SafeString | str
    delay: str
    raw: str


def context(call: Call, request: HttpRequest, admin: "CallAdmin") -> dict[str, Any]:
    """The template context of a call's page."""
    full = may_see_numbers(request)
    events = list(call.events.order_by("id"))
    visible = admin.get_queryset(request).exclude(pk=call.pk)
    return {
        "facts": _facts(call, admin, full=full),
        "title": _("Call: %(party)s") % {"party": other_party(call, full=full)},
        "subtitle": None,
        "can_play": playback.can_play(request.user, call),
        "story": story.tell(call, events, request.user, full=full),
        "timeline": timeline.draw(call, events, now=timezone.now()),
        "witnesses": [_witness(event, events, full=full) for event in events],
        **note_context(call, request),
        "commands": [_command(command, full=full) for command in call.commands.select_related("requested_by")],
        "legs": _rows(visible.filter(provider=call.provider, conversation_id=call.conversation_id), admin),
        "others": _rows(visible.filter(_same_party(call)), admin),
    }


def _facts(call: Call, admin: "CallAdmin", *, full: bool) -> list[tuple[str, Any]]:
    """What is known of the call, in reading order; what is unknown or does not apply is left out."""
    reason = EndReason(call.end_reason).label if call.end_reason else ""
    if reason and call.end_reason_inferred:
        reason = _("%(reason)s (worked out, the provider did not say)") % {"reason": reason}
    facts = [
        (_("Other party"), party_link(call, full=full)),
        (_("Number"), other_number(call, full=full)),
        (_("Line"), admin.line_and_user(call)),
        (_("Direction"), admin.way(call)),
        (_("State"), state_badge(CallState(call.state))),
        (_("End reason"), reason),
        (_("Provider’s cause"), call.cause if full else mask_digits(call.cause)),
        (_("Start"), _moment(call.started_at)),
        (_("Answered"), _moment(call.answered_at)),
        (_("End"), _moment(call.ended_at)),
        (_("Ring time"), admin.ring(call)),
        (_("Talk time"), admin.talk(call)),
        (_("Time on hold"), duration(timedelta(seconds=call.held_seconds)) if call.held_seconds else ""),
        (_("Queue or ring group"), call.context),
        (_("Outside directories"), _named(call, full=full)),
        (_("Records with this number"), call.matches if call.matches > 1 else ""),
        (_("Provider’s id"), call.external_id),
        (_("Conversation"), call.conversation_id if call.conversation_id != call.external_id else ""),
        (_("Recording"), _("kept by the provider") if call.recording else ""),
    ]
    return [(name, value) for name, value in facts if value and value != EMPTY]


def _named(call: Call, *, full: bool) -> str:
    """Whom outside directories know under the number, and which they are."""
    names = ", ".join(f"{entry['label']} ({entry['source']})" for entry in call.directory)
    return names if full else mask_digits(names)


def _moment(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else ""


def _witness(event: CallEvent, events: Iterable[CallEvent], *, full: bool) -> Witness:
    begin = min(event.occurred_at for event in events)
    return Witness(
        event=event,
        offset=offset(event.occurred_at, begin),
        badge=state_badge(CallState(event.state)) if event.state else EMPTY,
        delay=f"{event.delay.total_seconds() * 1000:.0f} ms",
        raw=pretty(event.raw, full=full) if event.raw else "",
    )


def _command(command: CallCommand, *, full: bool) -> dict[str, Any]:
    ended = command.finished_at or command.claimed_at
    return {
        "command": command,
        "badge": state_badge(CommandState(command.state)),
        "overridden": overridden(command),
        "message": command.message if full else mask_digits(command.message),
        "reason": command.reason if full else mask_digits(command.reason),
        "took": offset(ended, command.created_at) if ended else EMPTY,
    }


def _same_party(call: Call) -> Q:
    """Calls with the same record of the host, or with the same number where there is none."""
    if call.contact_id:
        return Q(contact_type=call.contact_type_id, contact_id=call.contact_id)
    if call.other_e164:
        return Q(other_e164=call.other_e164)
    return Q(pk__in=())


def _rows(calls: QuerySet[Call], admin: "CallAdmin") -> list[dict[str, Any]]:
    return [
        {
            "call": call,
            "start": admin.start(call),
            "way": admin.way(call),
            "line": admin.line_and_user(call),
            "state": admin.outcome(call),
            "talk": admin.talk(call),
        }
        for call in calls[:_MOST_RELATED]
    ]
