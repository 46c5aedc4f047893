"""The page's WebSocket: checks what a page says, calls the application, and answers.

It decides nothing about calls itself. What travels over the socket is specified in docs/reference/messages. One
connection handles its messages one after the other, so what is published while the snapshot is taken waits in the
channel layer: the page's group is joined first, hence nothing falls between snapshot and live events.
"""

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import connections
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language, get_supported_language_variant, override
from django.utils.translation import gettext as _

from . import callers, control, personal, presenters, realtime, sessions
from .actions import Action, TokenBucket, decode, parse, ref_of
from .conf import app_settings
from .enums import SessionEvent
from .exceptions import (
    AuthenticationFailed,
    CommandRefused,
    PhoneNotRegistered,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    UnsupportedFeature,
)
from .models import CallCommand, Line, UserPreferences
from .phonebook import Viewer, numbers
from .providers.base import SecondFactor
from .redaction import Secret

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
#: Lines of other users that one connection may watch.
MAX_WATCHED_LINES = 200
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

#: What a page calls the fields of :class:`~django_voipcti.models.UserPreferences`.
PREFERENCES = {
    "popOn": "pop_on",
    "ringTone": "ring_tone",
    "notifications": "notifications",
    "openRecord": "open_record",
    "doNotDisturb": "do_not_disturb",
}

NO_SECRET = Secret("")

Data = dict[str, Any]


class PageConsumer(AsyncWebsocketConsumer):
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
        self._viewer = Viewer(self.user)
        numbers.prepare_to_describe()
        await self._join(realtime.user_group(self.user.pk))
        with override(self._language):
            snapshot = await _in_thread(realtime.snapshot, self.user, self._viewer)
        self._snapshot_id = snapshot["last_event_id"]
        self._own_lines = {line["id"] for line in snapshot["lines"]}
        await self._send(snapshot)

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
            await self._send(envelope)
        else:
            await self._send_event(event_id, envelope)

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
            await self._send({"v": presenters.VERSION, "type": "pong", "ref": ref})
        else:
            await self._send({"v": presenters.VERSION, "type": "reply", "ref": ref, "ok": True, "data": data})

    # --- actions: one method each -----------------------------------------------------------------------------------

    async def _do_hello(self, last_event_id: int = 0) -> Data:
        """Send what the page missed since ``last_event_id`` and is not covered by a live event of this connection."""
        missed = await _in_thread(realtime.replay, self.user, last_event_id, self._viewer) if last_event_id else []
        for envelope in missed:
            await self._send_event(envelope["id"], envelope)
        user = {"id": str(self.user.pk), "name": self.user.get_full_name() or self.user.get_username()}
        preferences = await _in_thread(UserPreferences.objects.of, self.user.pk)
        return {
            "now": timezone.now().isoformat(timespec="milliseconds"),
            "user": user,
            "preferences": presenters.present_preferences(preferences),
            "replayed": len(missed),
        }

    async def _do_ping(self) -> Data:
        """Answer, and from time to time make sure that whoever opened the page is still signed in."""
        if self._clock() - self._session_checked_at >= SESSION_CHECK_INTERVAL:
            self._session_checked_at = self._clock()
            if not await self._is_still_signed_in():
                await self.close(CLOSE_NOT_AUTHENTICATED, "signed out")
        return {}

    async def _do_place_call(self, number: str, line: str | None = None) -> Data:
        return _command(await _in_thread(self._place, number, line))

    def _place(self, number: str, line: str | None) -> CallCommand:
        chosen = _own_line(self.user, line) if line else None
        return control.place_call(self.user, number, line=chosen)

    async def _do_answer(self, call: str | None = None) -> Data:
        return _command(await _in_thread(control.answer, self.user, call or None))

    async def _do_hold(self, call: str) -> Data:
        return _command(await _in_thread(control.hold, self.user, call))

    async def _do_resume(self, call: str) -> Data:
        return _command(await _in_thread(control.resume, self.user, call))

    async def _do_terminate(self, call: str) -> Data:
        return _command(await _in_thread(control.hang_up, self.user, call))

    async def _do_transfer(self, call: str, number: str) -> Data:
        return _command(await _in_thread(control.transfer, self.user, call, number))

    async def _do_dismiss(self, call: str) -> Data:
        """Take a call out of sight on all pages of this user; who answers or hangs up is another matter."""
        await _in_thread(realtime.tell_dismissed, self.user.pk, call)
        return {}

    async def _do_choose(self, call: str, model: str, objectId: str) -> Data:
        await _in_thread(self._as_user, callers.choose, call, model, objectId)
        return {}

    async def _do_forget(self, call: str) -> Data:
        await _in_thread(self._as_user, callers.forget, call)
        return {}

    async def _do_attach(self, call: str, model: str, objectId: str) -> Data:
        return {"linked": await _in_thread(self._as_user, callers.attach, call, model, objectId)}

    async def _do_suggest(self, text: str) -> Data:
        # Not in the thread that all pages share: a search may read a whole table of the host's.
        search = database_sync_to_async(self._search, thread_sensitive=False)
        found = await search(text)
        return {"records": [presenters.present_match(match) for match in found]}

    def _search(self, text: str) -> Any:
        try:
            return self._as_user(callers.suggest, text)
        finally:
            connections.close_all()  # this thread's: nobody looks after it once the loop has no more use for it

    def _as_user(self, function: Callable[..., Any], *arguments: str) -> Any:
        """Call a function with the user as he is now: a user object keeps its permissions as long as it lives."""
        user = auth.get_user_model()._default_manager.filter(pk=self.user.pk, is_active=True).first()
        return function(user or AnonymousUser(), *arguments)

    async def _do_preferences(self, **choices: Any) -> Data:
        """Keep what the user chose, and tell his other pages."""
        preferences = await _in_thread(self._choose, choices)
        return {"preferences": presenters.present_preferences(preferences)}

    def _choose(self, choices: Data) -> UserPreferences:
        named = {PREFERENCES[name]: value for name, value in choices.items()}
        try:
            preferences = UserPreferences.objects.change(self.user.pk, **named)
        except ValidationError as error:
            raise CommandRefused(" ".join(error.messages), code="invalid_argument") from None
        realtime.tell_preferences(preferences)
        return preferences

    async def _do_login(self, email: str = "", password: Secret = NO_SECRET, apiKey: Secret = NO_SECRET) -> Data:
        if apiKey:
            return await self._logged_in(await sessions.login_with_key(self.user, api_key=apiKey))
        outcome = await sessions.login(self.user, username=email, password=password)
        if not isinstance(outcome, SecondFactor):
            return await self._logged_in(outcome)
        message = _("Enter the code from your authenticator app.")
        # To this page alone: the nonce is half of a key.
        event = SessionEvent.TWO_FACTOR_AUTH
        await self._send(presenters.present_session_event(event, message, nonce=outcome.nonce))
        return {"secondFactor": True, "nonce": outcome.nonce}

    async def _do_two_factor_auth(self, code: Secret, nonce: Secret) -> Data:
        return await self._logged_in(await sessions.complete_second_factor(self.user, code=code, nonce=nonce))

    async def _logged_in(self, line: Line) -> Data:
        return {"secondFactor": False, "line": await _in_thread(presenters.present_line, line)}

    async def _do_logout(self) -> Data:
        lines = await sessions.logout(self.user)
        return {"lines": [str(line.pk) for line in lines]}

    async def _do_subscribe(self, node: str) -> Data:
        """Also send the events of another line, if the user may watch it. Nodes are named as ``user:<account>``."""
        line = await _in_thread(_watchable_line, self.user, node)
        group = realtime.line_group(line.pk)
        if line.user_id != self.user.pk and group not in self.groups:
            if len(self.groups) > MAX_WATCHED_LINES:
                raise CommandRefused(_("This page watches as many lines as it can."), code="too_many_subscriptions")
            await self._join(group)
        message = _("You will be told about the calls of %(line)s.") % {"line": line}
        await self._send(presenters.present_session_event(SessionEvent.SUBSCRIBED, message, uri=node, node=node))
        return {"uri": node, "line": str(line.pk)}

    async def _do_colleagues(self) -> Data:
        """Whom a call can be transferred to, as the provider of the user's line lists them."""
        line = await _in_thread(control.line_for, self.user)
        account = await _in_thread(line.as_account)
        line.backend.require("supports_directory")
        found = await line.backend.directory(account)
        others = [one for one in found if one.account != line.account]
        return {"colleagues": [{"account": c.account, "name": c.name, "extension": c.extension} for c in others]}

    # --- sending ----------------------------------------------------------------------------------------------------

    async def _join(self, group: str) -> None:
        await self.channel_layer.group_add(group, self.channel_name)
        self.groups.append(group)

    async def _personal(self, envelope: Data, background: Data) -> Data:
        """A message about a call as this user may know it; from memory, nearly always."""
        with override(self._language):
            if personal.is_quick(background, self._viewer):
                return personal.make(envelope, background, self._viewer)
            return cast(Data, await _in_thread(personal.make, envelope, background, self._viewer))

    async def _send(self, envelope: Data) -> None:
        await self.send(text_data=json.dumps(envelope, ensure_ascii=False, separators=(",", ":")))

    async def _send_event(self, event_id: int, envelope: Data) -> None:
        """Send a stored event unless this connection has sent it already: replay and live events may overlap."""
        if event_id in self._sent:
            return
        self._sent[event_id] = None
        if len(self._sent) > REMEMBERED_EVENTS:
            self._sent.popitem(last=False)
        await self._send(envelope)

    async def _refuse(self, ref: str, error: Exception) -> None:
        await self._send(
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

        return bool(await _in_thread(look) == self.user.pk)


# --- finding lines ----------------------------------------------------------------------------------------------------


def _own_line(user: Any, line: str) -> Line:
    """A line of the user's own by its id. Raises ``CommandRefused``: ``no_line``."""
    found = Line.objects.filter(user_id=user.pk, pk=line).first() if line.isdecimal() else None
    if found is None:
        raise CommandRefused(_("You have no such telephone line."), code="no_line")
    return found


def _watchable_line(user: Any, node: str) -> Line:
    """The line that a node names, if the user may watch it.

    Raises:
        CommandRefused: ``invalid_node``, ``unsupported``, ``not_allowed``.
    """
    kind, _colon, account = node.partition(":")
    if kind not in {"user", "queue", "ivr", "conf"} or not account:
        raise CommandRefused(_("Name what to subscribe to like this: user:1001."), code="invalid_node")
    if kind != "user":
        raise CommandRefused(
            _("Only the calls of users can be watched so far."), code="unsupported", event=SessionEvent.INFO
        )
    line = Line.objects.visible_to(user).filter(account=account).first()
    if line is None:
        raise CommandRefused(
            _("There is no such line, or you may not watch it. Ask your administrator."), code="not_allowed"
        )
    return line


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
    if isinstance(error, CommandRefused):
        return {"name": error.event.value, "code": error.code, "message": error.message}
    if isinstance(error, UnsupportedFeature):
        return {"name": SessionEvent.INFO.value, "code": "unsupported", "message": str(error)}
    code = next(code for kind, code in PROVIDER_ERROR_CODES if isinstance(error, kind))
    return {"name": SessionEvent.ERROR.value, "code": code, "message": str(error)}


def _command(command: CallCommand) -> Data:
    return {"call": str(command.call_id), "command": str(command.pk)}


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run code that uses the database in a thread, with its connection looked after."""
    return await database_sync_to_async(function)(*arguments)
