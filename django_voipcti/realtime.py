"""From committed facts to open pages and to bridges: group names, publishing, snapshot and replay.

Publishing never raises and never waits for a page: a channel layer that is away costs pages some time (they catch up by
replay), not the record. In a bridge, :func:`bind_loop` names the event loop that the layer's connections belong to, so
that the journal's thread can publish without a loop of its own for each message.
"""

import asyncio
import logging
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import Error as DatabaseError
from django.template.loader import render_to_string

from . import personal, phonebook, presenters, signals, trace
from .briefing import Briefing, Matches, brief, look_up
from .conf import app_settings
from .enums import CallState, LineStatus, SessionEvent
from .models import Call, CallEvent, CallNote, Line, UserPreferences

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = [
    "BRIDGES_GROUP",
    "Told",
    "bind_loop",
    "line_group",
    "live_events",
    "nudge_bridges",
    "pop",
    "publish",
    "publish_calls",
    "publish_line_status",
    "replay",
    "sent",
    "snapshot",
    "tell_dismissed",
    "tell_note",
    "tell_preferences",
    "tell_user",
    "user_group",
]

logger = logging.getLogger(__name__)

#: Every bridge listens here for nudges.
BRIDGES_GROUP = "voipcti.bridges"

#: Channel message type of everything that goes to pages; the consumer's method is ``voipcti_message``.
PAGE_MESSAGE = "voipcti.message"

#: Channel message type that asks bridges to look for commands and changed lines.
NUDGE_MESSAGE = "voipcti.nudge"

_POPPING_STATES = frozenset({CallState.INITIAL, CallState.RINGING, CallState.CONNECTED})

_bound_loop: asyncio.AbstractEventLoop | None = None

#: Sends of a bound loop take turns, so that pages hear things in the order in which they were committed.
_turn = asyncio.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A change that pages must hear of."""

    event: CallEvent
    call: Call
    previous: CallState | None
    """The state before; None for a new call."""
    matches: tuple[phonebook.Match, ...] = ()
    """Records found for the other party; empty unless the call was looked up just now."""


def user_group(user_id: int | str) -> str:
    """The group of all open pages of one user."""
    return f"voipcti.user.{user_id}"


def line_group(line_id: int | str) -> str:
    """The group of pages that watch one line of somebody else's."""
    return f"voipcti.line.{line_id}"


def bind_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """Publish through ``loop`` from now on, from whatever thread; None goes back to publishing in place."""
    global _bound_loop, _turn
    _bound_loop, _turn = loop, asyncio.Lock()


# --- publishing -------------------------------------------------------------------------------------------------------


def publish(told: Sequence[Told]) -> None:
    """Send committed changes to the pages of each line's user and of those who watch the line, in order."""
    matches: dict[int, tuple[phonebook.Match, ...]] = {}
    calls: dict[int, Call] = {}
    popping: dict[int, Call] = {}
    for change in told:
        calls[change.call.pk] = change.call
        if change.matches:
            matches[change.call.pk] = change.matches
        if CallState(change.event.state) in _POPPING_STATES:
            popping[change.call.pk] = change.call
    briefings = _brief(calls.values(), matches, popping.values())
    messages: list[_Message] = []
    for change in told:
        call, briefing = change.call, briefings.get(change.call.pk, presenters.NOTHING_MORE)
        message = presenters.present_call_event(change.event, call, briefing)
        messages += _about(call, message, briefing)
    _send_all(messages)
    for change in told:
        if change.event.state in trace.TRACED:
            trace.told(change.call, change.event.state, briefings.get(change.call.pk))


def publish_calls(calls: Collection[Call], matches: Matches) -> None:
    """Tell the same pages what is known of some calls now, although their states have not changed."""
    briefings = _brief(calls, matches, calls)
    messages: list[_Message] = []
    for call in calls:
        briefing = briefings.get(call.pk, presenters.NOTHING_MORE)
        messages += _about(call, presenters.present_call_change(call, briefing), briefing)
    _send_all(messages)


def _brief(calls: Collection[Call], matches: Matches, with_last_calls: Collection[Call]) -> Mapping[int, Briefing]:
    """As :func:`briefing.brief`; the call alone when the database is away just now: it rings all the same."""
    try:
        return brief(calls, matches=matches, with_last_calls=with_last_calls)
    except DatabaseError:
        logger.exception("pages are told less than there is to know", extra={"action": "realtime.no_briefing"})
        return {}


def _about(call: Call, message: presenters.Message, briefing: Briefing) -> "list[_Message]":
    """A message about a call, for everybody who may hear of it; each page takes out what its user may not know."""
    background = personal.background(call, briefing)
    return [(group, message, background) for group in _groups(call.line)]


def publish_line_status(line: Line) -> None:
    """Tell pages (and the host's receivers) how ``line`` stands now."""
    status = LineStatus(line.status)
    text = line.status_text or str(status.label)
    message = presenters.present_session_event(SessionEvent(status.value), text, line=line)
    _send_all([(group, message, None) for group in _groups(line)])
    signals.line_status_changed.send_robust(sender=Line, line=line, status=status, text=line.status_text)


def tell_user(
    user_id: int, event: SessionEvent, message: str, *, line: Line | None = None, call: Call | None = None, **extra: Any
) -> None:
    """Tell one user's pages something that is no call state: ``INFO``, ``ERROR``, and so on."""
    if call is not None:
        extra["callId"] = str(call.pk)
    _send_all([(user_group(user_id), presenters.present_session_event(event, message, line=line, **extra), None)])


def pop(
    user: "AnyUser", template: str, context: Mapping[str, Any] | None = None, *, title: str = "", pop_id: str = ""
) -> str:
    """Show a rendered template in the panel on all open pages of ``user``; pages that are opened later do not see it.

    The template gets ``pop_id`` and ``pop_user_id`` besides its context, for the tag ``pop_action``. It is rendered in
    the language that is active here.

    Args:
        title: a few words that screen readers say.
        pop_id: replaces what was shown under this id; by default a new one.

    Returns:
        the id, by which :func:`tell_dismissed` takes it away again.
    """
    pop_id = pop_id or f"pop-{uuid4().hex}"
    html = render_to_string(template, {**(context or {}), "pop_id": pop_id, "pop_user_id": user.pk})
    _send_all([(user_group(user.pk), presenters.present_pop(pop_id, html, title=str(title)), None)])
    return pop_id


def tell_dismissed(user_id: int, call_id: str) -> None:
    """Take a call or a pop out of sight on all of one user's pages, on whatever device."""
    _send_all([(user_group(user_id), presenters.present_dismissal(call_id), None)])


def tell_preferences(preferences: UserPreferences) -> None:
    """Tell all of one user's pages how he wants to be told of calls from now on."""
    _send_all([(user_group(preferences.user_id), presenters.present_preferences_change(preferences), None)])


def tell_note(note: CallNote, calls: Sequence[int], users: Iterable[int]) -> None:
    """Tell the author's pages of a note, and those of ``users`` of what is saved of it.

    Args:
        calls: the legs of the conversation, by any of which a page may show it.
    """
    told = {*users} if note.author_id is None else {*users, note.author_id}
    _send_all(
        [
            (
                user_group(user_id),
                presenters.present_note_change(note, calls, with_draft=user_id == note.author_id),
                None,
            )
            for user_id in sorted(told)
        ]
    )


def nudge_bridges(line_id: int) -> None:
    """Ask bridges to look at a line and its commands now; loss is harmless, since they sweep every second."""
    _run(_send_group(BRIDGES_GROUP, {"type": NUDGE_MESSAGE, "line": line_id}))


def _groups(line: Line) -> list[str]:
    groups = [line_group(line.pk)]
    if line.user_id is not None:
        groups.insert(0, user_group(line.user_id))
    return groups


#: Group, message, and what a page has to know to make it its user's own.
_Message = tuple[str, presenters.Message, dict[str, Any] | None]


def _send_all(messages: Sequence[_Message]) -> None:
    async def send() -> None:
        for group, message, background in messages:
            content: dict[str, Any] = {"type": PAGE_MESSAGE, "message": message}
            if background is not None:
                content["background"] = background
            await _send_group(group, content)

    if messages:
        _run(send())


async def _send_group(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        await layer.group_send(group, message)
    # The layer's client library decides what it raises when its server is away; none of it may reach the record.
    except Exception as problem:
        logger.exception("pages were not told; they catch up by replay", extra={"action": "realtime.send_failed"})
        envelope = message.get("message", {})
        if envelope.get("name") in trace.TRACED:
            trace.lost(envelope["call"]["id"], envelope["name"], problem)


def _run(sending: Coroutine[Any, Any, None]) -> None:
    """Send from wherever we are: a bridge's thread, a running event loop, or plain synchronous code."""
    if _bound_loop is not None and not _bound_loop.is_closed():
        if len(_in_turns) >= _MOST_IN_TURNS:
            # The layer hangs: memory is worth more than messages that pages get by replay.
            sending.close()
            logger.warning("pages were not told; they catch up by replay", extra={"action": "realtime.too_many"})
            return
        turn = asyncio.run_coroutine_threadsafe(_in_turn(sending), _bound_loop)
        _in_turns.add(turn)
        turn.add_done_callback(_in_turns.discard)
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        async_to_sync(_await)(sending)
        return
    task = loop.create_task(sending)
    _in_flight.add(task)
    task.add_done_callback(_in_flight.discard)


#: Sends under way in a running loop; asyncio itself keeps only weak references to tasks.
_in_flight: set[asyncio.Task[None]] = set()


#: Sends that wait for their turn in a bound loop.
_in_turns: set[Future[None]] = set()
_MOST_IN_TURNS = 5000


async def sent() -> None:
    """Return when everything that was published so far through the bound loop is with the channel layer, or lost."""
    await asyncio.gather(*(asyncio.wrap_future(turn) for turn in list(_in_turns)), return_exceptions=True)


async def _in_turn(sending: Coroutine[Any, Any, None]) -> None:
    async with _turn:
        await sending


async def _await(sending: Coroutine[Any, Any, None]) -> None:
    await sending


# --- catching up ------------------------------------------------------------------------------------------------------


def snapshot(user: "AnyUser", viewer: phonebook.Viewer | None = None) -> presenters.Message:
    """Where the user's lines and live calls stand. The event id is read first, so nothing can fall in between.

    Args:
        viewer: remembers what the user may view.
    """
    lines = list(Line.objects.filter(user_id=user.pk).order_by("pk"))
    newest = CallEvent.objects.filter(line__in=lines).order_by("-id").values_list("id", flat=True).first()
    calls = Call.objects.live().filter(line__in=lines).select_related("line").order_by("pk")
    shown = [call for call in calls if call.state != CallState.REQUESTED]
    briefings = brief(shown, matches=look_up(shown), with_last_calls=shown)
    viewer = viewer or phonebook.Viewer(user)
    return presenters.present_snapshot(
        last_event_id=newest or 0,
        lines=lines,
        calls=[personal.present(call, briefings[call.pk], viewer) for call in shown],
    )


def live_events(line: Line, viewer: phonebook.Viewer) -> list[presenters.Message]:
    """The newest event of each live call of a line, oldest call first: for a page that begins to watch."""
    calls = {call.pk: call for call in Call.objects.live().filter(line=line).select_related("line").order_by("pk")}
    newest: dict[int, CallEvent] = {}
    for event in CallEvent.objects.told().filter(call__in=calls).order_by("pk"):
        newest[event.call_id] = event
    shown = [call for call in calls.values() if call.pk in newest]
    briefings = brief(shown, matches=look_up(shown), with_last_calls=shown)
    return [
        personal.make(
            presenters.present_call_event(newest[call.pk], call, briefings[call.pk]),
            personal.background(call, briefings[call.pk]),
            viewer,
        )
        for call in shown
    ]


def replay(user: "AnyUser", after: int, viewer: phonebook.Viewer | None = None) -> list[presenters.Message]:
    """The user's call events after ``after``, oldest first; empty when there are too many to be worth it.

    A page that was away for long is brought up to date by the snapshot alone.
    """
    events = CallEvent.objects.told().after(after).filter(line__user_id=user.pk)
    window = list(events.select_related("call__line")[: app_settings.replay_limit + 1])
    if len(window) > app_settings.replay_limit:
        return []
    briefings = brief({event.call_id: event.call for event in window}.values())
    viewer = viewer or phonebook.Viewer(user)
    messages = []
    for event in window:
        briefing = briefings[event.call_id]
        message = presenters.present_call_event(event, event.call, briefing)
        messages.append(personal.make(message, personal.background(event.call, briefing), viewer))
    return messages
