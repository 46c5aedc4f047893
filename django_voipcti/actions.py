"""What a page may ask over its WebSocket: the table of actions, and reading one from a frame.

A page is a stranger: whatever it sends becomes an action with checked arguments or a refusal with a reason. Nothing
here knows calls, users or the database. The written specification is docs/reference/messages.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from .conf import app_settings
from .exceptions import CommandRefused
from .models.note import MAX_NOTE_LENGTH
from .redaction import Secret

__all__ = ["ACTIONS", "Action", "Field", "TokenBucket", "decode", "parse", "ref_of"]

MAX_REF_LENGTH = 64
MAX_TEXT_LENGTH = 512

Data = dict[str, Any]


class Field(NamedTuple):
    """A field of an action."""

    kind: type[str] | type[int] | type[bool] = str
    """``Secret`` for what error reports must not show: they print the arguments of the functions that failed."""
    required: bool = True
    limit: int = MAX_TEXT_LENGTH
    """Most characters of a text."""


class Action(NamedTuple):
    """An action that a page may ask for: the name of the consumer's method, its fields, and whether it takes long."""

    method: str
    fields: Mapping[str, Field] = {}
    slow: bool = False
    """Talks to a distant server or searches; runs beside the other messages of the connection."""
    reply: str = "reply"
    """Type of the message that answers."""


_CALL = {"call": Field()}
_CALL_AND_RECORD = {"call": Field(), "model": Field(), "objectId": Field()}
_OPTIONAL = Field(required=False)
_NOTE = {
    "call": Field(),
    "text": Field(limit=MAX_NOTE_LENGTH),
    "outcome": _OPTIONAL,
    "followUpOn": _OPTIONAL,
}
_OPTIONAL_CHOICE = Field(bool, required=False)
_OPTIONAL_SECRET = Field(Secret, required=False)

ACTIONS: Mapping[str, Action] = {
    "hello": Action("hello", {"last_event_id": Field(int, required=False)}),
    "ping": Action("ping", reply="pong"),
    "call": Action("place_call", {"number": Field(), "line": _OPTIONAL, "confirm": _OPTIONAL, "reason": _OPTIONAL}),
    "answer": Action("answer", {"call": _OPTIONAL}),
    "hold": Action("hold", _CALL),
    "resume": Action("resume", _CALL),
    "terminate": Action("terminate", _CALL),
    "transfer": Action("transfer", {"call": Field(), "number": Field()}),
    "consult": Action("consult", {"call": Field(), "number": Field(), "confirm": _OPTIONAL, "reason": _OPTIONAL}),
    "complete_transfer": Action("complete_transfer", _CALL),
    "return_to_call": Action("return_to_call", _CALL),
    "dismiss": Action("dismiss", _CALL),
    "shown": Action(
        "shown",
        {"call": Field(), "how": Field(), "hidden": _OPTIONAL_CHOICE, "after": Field(int, required=False)},
    ),
    "choose": Action("choose", _CALL_AND_RECORD),
    "forget": Action("forget", _CALL),
    "attach": Action("attach", _CALL_AND_RECORD),
    "suggest": Action("suggest", {"text": Field()}, slow=True),
    "notes": Action("notes", _CALL),
    "drafts": Action("drafts"),
    "draft": Action("draft", _NOTE),
    "discard_draft": Action("discard_draft", _CALL),
    "note": Action("note", _NOTE),
    "outcome": Action("outcome", {"call": Field(), "outcome": Field()}),
    "blocks": Action("blocks", _CALL_AND_RECORD, slow=True),
    "preferences": Action(
        "preferences",
        {
            "popOn": _OPTIONAL,
            "ringTone": _OPTIONAL_CHOICE,
            "notifications": _OPTIONAL_CHOICE,
            "openRecord": _OPTIONAL_CHOICE,
            "doNotDisturb": _OPTIONAL_CHOICE,
        },
    ),
    "login": Action("login", {"email": _OPTIONAL, "password": _OPTIONAL_SECRET, "apiKey": _OPTIONAL_SECRET}, slow=True),
    "two_factor_auth": Action("two_factor_auth", {"code": Field(Secret), "nonce": Field(Secret)}, slow=True),
    "logout": Action("logout", slow=True),
    "subscribe": Action("subscribe", {"node": Field()}),
    "colleagues": Action("colleagues", slow=True),
}


def decode(text: str | None) -> Data:
    """The JSON object in a frame.

    Raises:
        CommandRefused: ``malformed``, ``too_large``.
    """
    if text is None:
        raise CommandRefused(_("Messages must be text, not binary data."), code="malformed")
    if len(text.encode()) > app_settings.socket_max_bytes:
        raise CommandRefused(
            _("The message is larger than %(limit)s bytes.") % {"limit": app_settings.socket_max_bytes},
            code="too_large",
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise CommandRefused(_("The message is not valid JSON."), code="malformed") from None
    if not isinstance(content, dict):
        raise CommandRefused(_("The message must be a JSON object."), code="malformed")
    return content


def ref_of(content: Data) -> str:
    """The page's own mark of this message, which its reply carries. Raises ``CommandRefused``: ``malformed``."""
    ref = content.get("ref", "")
    if not isinstance(ref, str) or len(ref) > MAX_REF_LENGTH:
        raise CommandRefused(_("“ref” must be a text of at most 64 characters."), code="malformed")
    return ref


def parse(content: Data) -> tuple[Action, Data]:
    """The action that a message asks for, and its checked arguments.

    Raises:
        CommandRefused: ``unknown_action``, ``missing_argument``, ``invalid_argument``.
    """
    name = content.get("action")
    action = ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        raise CommandRefused(_("There is no such action."), code="unknown_action")
    arguments = {}
    for key, field in action.fields.items():
        value = content.get(key)
        if value is None:
            if field.required:
                raise CommandRefused(_("The field “%(field)s” is missing.") % {"field": key}, code="missing_argument")
            continue
        if not _fits(value, field):
            raise CommandRefused(_("The field “%(field)s” is not valid.") % {"field": key}, code="invalid_argument")
        arguments[key] = field.kind(value)
    return action, arguments


def _fits(value: object, field: Field) -> bool:
    if field.kind is bool:
        return isinstance(value, bool)
    if field.kind is int:
        # To JSON true is no number, to Python it is one; and a database has no larger key than this.
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return isinstance(value, str) and len(value) <= field.limit and "\0" not in value


class TokenBucket:
    """Allows ``rate`` takes per second, and ``burst`` at once after a quiet time."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    def take(self) -> bool:
        """Take one token; False when there is none."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
