"""What the page of one call shows below its facts: the timeline, who said what, commands, and related calls."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..enums import CallState, CommandState
from ..models import Call, CallCommand, CallEvent
from . import timeline
from .base import EMPTY, may_see_numbers, offset, other_party, pretty, state_badge

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
        "title": _("Call: %(party)s") % {"party": other_party(call, full=full)},
        "subtitle": None,
        "timeline": timeline.draw(call, events, now=timezone.now()),
        "witnesses": [_witness(event, events, full=full) for event in events],
        "commands": [_command(command, full=full) for command in call.commands.select_related("requested_by")],
        "legs": _rows(visible.filter(provider=call.provider, conversation_id=call.conversation_id), admin, full=full),
        "others": _rows(visible.filter(_same_party(call)), admin, full=full),
    }


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
        "arguments": pretty(command.arguments, full=full) if command.arguments else "",
        "took": offset(ended, command.created_at) if ended else EMPTY,
    }


def _same_party(call: Call) -> Q:
    """Calls with the same record of the host, or with the same number where there is none."""
    if call.contact_id:
        return Q(contact_type=call.contact_type_id, contact_id=call.contact_id)
    if call.other_e164:
        return Q(other_e164=call.other_e164)
    return Q(pk__in=())


def _rows(calls: QuerySet[Call], admin: "CallAdmin", *, full: bool) -> list[dict[str, Any]]:
    return [
        {
            "call": call,
            "start": admin.start(call),
            "way": admin.way(call),
            "party": admin.party(call) if full else admin.masked_party(call),
            "line": admin.line_and_user(call),
            "state": admin.state_shown(call),
            "talk": admin.talk(call),
            "end": admin.end(call),
        }
        for call in calls[:_MOST_RELATED]
    ]
