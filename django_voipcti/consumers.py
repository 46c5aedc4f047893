"""The page's WebSocket: the life of the connection, the rate limit, and the way from a message to its answer.

What a page may ask for stands in ``actions`` (the table and its reader) and ``page_actions`` (a method each); what
travels over the socket is specified in docs/reference/messages. One connection handles its messages one after the
other, so what is published while the snapshot is taken waits in the channel layer: the page's group is joined first,
hence nothing falls between snapshot and live events.
"""

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib import auth
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language, get_supported_language_variant, override
from django.utils.translation import gettext as _

from . import personal, presenters, realtime
from .actions import Action, TokenBucket, decode, parse, ref_of
from .conf import app_settings
from .enums import SessionEvent
from .exceptions import (
    AuthenticationFailed,
    CommandRefused,
    ConfirmationNeeded,
    PhoneNotRegistered,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    UnsupportedFeature,
)
from .models import UserPreferences
from .page_actions import PageActions
from .page_actions.page import Data, in_thread
from .phonebook import Viewer, numbers
from .trace import Deliveries

__all__ = ["CLOSE_NOT_AUTHENTICATED", "CLOSE_TOO_MANY_MESSAGES", "PageConsumer"]

logger = logging.getLogger(__name__)

#: Close code of a connection without a signed-in user; pages do not come back after it.
CLOSE_NOT_AUTHENTICATED = 4401
#: Close code of a connection that goes on sending although it was told to slow down.
CLOSE_TOO_MANY_MESSAGES = 4429

#: How many times the sustained rate a burst may be, and how many refusals in a row end the connection.
BURST_SECONDS = 10
#: Event ids that a connection remembers, to drop what the replay sent already.
REMEMBERED_EVENTS = 500
#: Conversations with a distant server that one connection may have under way.
MAX_SLOW_ACTIONS = 4
#: Seconds between two looks at whether the session that opened the connection is still signed in.
SESSION_CHECK_INTERVAL = 60.0

#: Our words for what a provider answered, most special first.
PROVIDER_ERROR_CODES: tuple[tuple[type[ProviderError], str], ...] = (
    (AuthenticationFailed, "authentication_failed"),
    (PhoneNotRegistered, "phone_not_registered"),
    (ProviderRejected, "provider_rejected"),
    (ProviderUnavailable, "provider_unavailable"),
    (ProviderError, "provider_failed"),
)


class PageConsumer(PageActions, AsyncWebsocketConsumer):
    """One page of a signed-in user.

    Args:
        clock: seconds, monotonic; for the rate limit.
    """

    user: Any

    def __init__(self, *args: Any, clock: Callable[[], float] = time.monotonic, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clock = clock
        rate = app_settings.socket_messages_per_second
        self._bucket = TokenBucket(rate, rate * BURST_SECONDS, clock)
        self._refused_in_a_row = 0
        self._snapshot_id = 0
        self._own_lines: set[str] = set()
        self._sent: OrderedDict[int, None] = OrderedDict()
        self._slow: set[asyncio.Task[None]] = set()
        self._session_checked_at = clock()
        self._language = get_language() or "en"

    # --- life of the connection -------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Let a signed-in user in and tell where everything stands; close with 4401 otherwise.

        Accepted first, since a browser does not show the close code of a connection that was refused outright.
        """
        await self.accept()
        self.user = self.scope.get("user")
        if self.user is None or not self.user.is_authenticated:
            await self.close(CLOSE_NOT_AUTHENTICATED, "not signed in")
            return
        self._language = _language_of(self.scope, self._language)
        self.viewer = Viewer(self.user)
        self.deliveries = Deliveries(self.user.pk)
        numbers.prepare_to_describe()
        await self.join(realtime.user_group(self.user.pk))
        with override(self._language):
            snapshot = await in_thread(realtime.snapshot, self.user, self.viewer)
        self._snapshot_id = snapshot["last_event_id"]
        self._own_lines = {line["id"] for line in snapshot["lines"]}
        await self.send_message(snapshot)
        for call in snapshot["calls"]:
            self.deliveries.sent(call["status"], call["id"], way="snapshot", is_own=True)

    async def disconnect(self, code: int) -> None:
        """Leave the groups (the base class does) and drop conversations whose answer nobody waits for."""
        for task in self._slow:
            task.cancel()

    async def voipcti_message(self, message: Data) -> None:
        """A message from ``realtime`` for this page."""
        envelope = message["message"]
        # A pop has an id too, which is no number of an event.
        event_id = envelope.get("id") if envelope["type"] == "event" else None
        if event_id is not None and event_id <= self._snapshot_id and envelope["call"]["line"] in self._own_lines:
            return
        if "background" in message:
            envelope = await self._personal(envelope, message["background"])
        if event_id is None:
            await self.send_message(envelope)
        else:
            await self._send_event(event_id, envelope, way="live")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A message from the page: refuse it with a reason, or carry it out and answer."""
        if self.user is None or not self.user.is_authenticated:
            return
        if not self._bucket.take():
            await self._slow_down()
            return
        self._refused_in_a_row = 0
        ref = ""
        try:
            content = decode(text_data)
            ref = ref_of(content)
            action, arguments = parse(content)
        except CommandRefused as refusal:
            await self._refuse(ref, refusal)
            return
        work = self._answer(ref, action, arguments)
        if not action.slow:
            await work
        elif len(self._slow) >= MAX_SLOW_ACTIONS:
            work.close()
            await self._refuse(ref, CommandRefused(_("Please wait until the last request is done."), code="busy"))
        else:
            task = asyncio.create_task(work)
            self._slow.add(task)
            task.add_done_callback(self._slow.discard)

    async def _answer(self, ref: str, action: Action, arguments: Data) -> None:
        """Carry out one action and send its reply."""
        handler: Callable[..., Awaitable[Data]] = getattr(self, f"_do_{action.method}")
        with override(self._language):
            try:
                data = await handler(**arguments)
            except (CommandRefused, UnsupportedFeature, ProviderError) as error:
                await self._refuse(ref, error)
                return
            # A defect of ours or an outage of the database must not end the connection, on which events still come.
            except Exception:
                logger.exception("page action failed", extra={"action": f"page.{action.method}"})
                message = _("Something went wrong on the server. It was recorded; please try again.")
                await self._refuse(ref, CommandRefused(message, code="internal"))
                return
        if action.reply == "pong":
            await self.send_message({"v": presenters.VERSION, "type": "pong", "ref": ref})
        else:
            await self.send_message({"v": presenters.VERSION, "type": "reply", "ref": ref, "ok": True, "data": data})

    # --- actions on the connection itself; all others stand in page_actions ------------------------------------------

    async def _do_hello(self, last_event_id: int = 0) -> Data:
        """Send what the page missed since ``last_event_id`` and is not covered by a live event of this connection."""
        missed = await in_thread(realtime.replay, self.user, last_event_id, self.viewer) if last_event_id else []
        for envelope in missed:
            await self._send_event(envelope["id"], envelope, way="replay")
        user = {"id": str(self.user.pk), "name": self.user.get_full_name() or self.user.get_username()}
        preferences = await in_thread(UserPreferences.objects.of, self.user.pk)
        return {
            "now": timezone.now().isoformat(timespec="milliseconds"),
            "user": user,
            "preferences": presenters.present_preferences(preferences),
            "replayed": len(missed),
        }

    async def _do_ping(self) -> Data:
        """Answer, and now and then look whether the user is still signed in and may see what he watches."""
        if self._clock() - self._session_checked_at >= SESSION_CHECK_INTERVAL:
            self._session_checked_at = self._clock()
            if not await self._is_still_signed_in():
                await self.close(CLOSE_NOT_AUTHENTICATED, "signed out")
                return {}
            await self.leave_hidden_lines()
        return {}

    # --- sending ----------------------------------------------------------------------------------------------------

    async def join(self, group: str) -> None:
        await self.channel_layer.group_add(group, self.channel_name)
        self.groups.append(group)

    async def leave(self, group: str) -> None:
        await self.channel_layer.group_discard(group, self.channel_name)
        self.groups.remove(group)

    async def _personal(self, envelope: Data, background: Data) -> Data:
        """A message about a call as this user may know it; from memory, nearly always."""
        with override(self._language):
            if personal.is_quick(background, self.viewer):
                return personal.make(envelope, background, self.viewer)
            return cast(Data, await in_thread(personal.make, envelope, background, self.viewer))

    async def send_message(self, envelope: Data) -> None:
        await self.send(text_data=json.dumps(envelope, ensure_ascii=False, separators=(",", ":")))

    async def _send_event(self, event_id: int, envelope: Data, *, way: str) -> None:
        """Send a stored event unless this connection has sent it already: replay and live events may overlap."""
        if event_id in self._sent:
            return
        self._sent[event_id] = None
        if len(self._sent) > REMEMBERED_EVENTS:
            self._sent.popitem(last=False)
        await self.send_message(envelope)
        call = envelope["call"]
        self.deliveries.sent(envelope["name"], call["id"], way=way, is_own=call["line"] in self._own_lines)

    async def _refuse(self, ref: str, error: Exception) -> None:
        await self.send_message(
            {"v": presenters.VERSION, "type": "reply", "ref": ref, "ok": False, "error": _present_error(error)}
        )

    async def _slow_down(self) -> None:
        """Refuse a message beyond the rate; end the connection of a page that does not listen."""
        self._refused_in_a_row += 1
        if self._refused_in_a_row > app_settings.socket_messages_per_second * BURST_SECONDS:
            await self.close(CLOSE_TOO_MANY_MESSAGES, "too many messages")
            return
        message = _("Too many requests in a short time. Please wait a moment.")
        await self._refuse("", CommandRefused(message, code="rate_limited"))

    async def _is_still_signed_in(self) -> bool:
        """Whether the session that opened this connection still belongs to the same, active user."""
        session = self.scope.get("session")
        if session is None:
            return True  # the host authenticates its sockets in another way

        def look() -> object:
            request = HttpRequest()
            request.session = session.__class__(session.session_key)
            return auth.get_user(request).pk

        return bool(await in_thread(look) == self.user.pk)


def _language_of(scope: Mapping[str, Any], default: str) -> str:
    """The language that the page names in the address of its socket."""
    wanted = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("language", [""])[0]
    try:
        return get_supported_language_variant(wanted) if wanted else default
    except LookupError:
        return default


# --- presenting answers -----------------------------------------------------------------------------------------------


def _present_error(error: Exception) -> Data:
    """What a page is told about a refusal: ``ERROR`` for what is wrong, ``INFO`` for what merely cannot be done."""
    if isinstance(error, ConfirmationNeeded):
        return presenters.present_question(error)
    if isinstance(error, CommandRefused):
        return {"name": error.event.value, "code": error.code, "message": error.message}
    if isinstance(error, UnsupportedFeature):
        return {"name": SessionEvent.INFO.value, "code": "unsupported", "message": str(error)}
    code = next(code for kind, code in PROVIDER_ERROR_CODES if isinstance(error, kind))
    return {"name": SessionEvent.ERROR.value, "code": code, "message": str(error)}
