"""VoIPstudio's words and ours. Pure: values in, values out; no I/O, no clock.

Its documents and its live service differ in places (numbers where text is meant, fields that are missing), so
everything here is tolerant: an unknown word is logged once and means "nothing said", never an exception.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

import phonenumbers

from django_voipcti.enums import CallState, Direction, EndReason
from django_voipcti.events import Party
from django_voipcti.providers.base import load_json
from django_voipcti.redaction import PhoneNumber, mask_digits

logger = logging.getLogger("django_voipcti.providers.voipstudio")

#: ``state`` of live calls and webhooks.
STATES: Mapping[str, CallState] = {
    "INITIAL": CallState.INITIAL,
    "ACCEPTED": CallState.ACCEPTED,
    "RINGING": CallState.RINGING,
    "CONNECTED": CallState.CONNECTED,
    "ON_HOLD": CallState.ON_HOLD,
    "HANGUP": CallState.HANGUP,
    "HUNGUP": CallState.HANGUP,
    "MISSED": CallState.HANGUP,
    "FAILED": CallState.CANCEL,
}

#: ``context`` of calls that went straight to a user, or are the first leg of a click-to-call: no queue, no ring group.
PLAIN_CONTEXTS = frozenset({"LOCAL_USER", "User", "ENDPOINT"})

#: ``event_name`` of webhooks about calls; used where ``state`` is missing or unknown.
EVENT_STATES: Mapping[str, CallState] = {
    "call.initial": CallState.INITIAL,
    "call.ringing": CallState.RINGING,
    "call.connected": CallState.CONNECTED,
    "call.on_hold": CallState.ON_HOLD,
    "call.hangup": CallState.HANGUP,
    "call.missed": CallState.HANGUP,
}

#: Webhooks that belong to a call but say nothing about its state.
STATELESS_EVENTS = frozenset({"call.dtmf", "monitor.audio_ready"})

#: ``t_cause`` in lower case, everything but letters and digits read as one blank. "Normal clearing" stands in no row:
#: it ends answered calls and abandoned ones alike.
CAUSES: Mapping[str, EndReason] = {
    "no answer": EndReason.NO_ANSWER,
    "no user response": EndReason.NO_ANSWER,
    "allotted timeout": EndReason.NO_ANSWER,
    "user busy": EndReason.BUSY,
    "busy": EndReason.BUSY,
    "call rejected": EndReason.DECLINED,
    "rejected": EndReason.DECLINED,
    "declined": EndReason.DECLINED,
    "originator cancel": EndReason.CANCELLED,
    "cancelled": EndReason.CANCELLED,
    "canceled": EndReason.CANCELLED,
    "lose race": EndReason.ANSWERED_ELSEWHERE,
    "completed elsewhere": EndReason.ANSWERED_ELSEWHERE,
    "call completed elsewhere": EndReason.ANSWERED_ELSEWHERE,
    "answered elsewhere": EndReason.ANSWERED_ELSEWHERE,
    "blind transfer": EndReason.TRANSFERRED,
    "attended transfer": EndReason.TRANSFERRED,
    "transferred": EndReason.TRANSFERRED,
    "unallocated number": EndReason.UNREACHABLE,
    "no route to destination": EndReason.UNREACHABLE,
    "invalid number format": EndReason.UNREACHABLE,
    "number changed": EndReason.UNREACHABLE,
    "destination out of order": EndReason.UNREACHABLE,
    "subscriber absent": EndReason.UNREACHABLE,
    "user not registered": EndReason.UNREACHABLE,
    "outgoing call barred": EndReason.REJECTED,
    "facility rejected": EndReason.REJECTED,
    "normal temporary failure": EndReason.FAILED,
    "network out of order": EndReason.FAILED,
    "recovery on timer expire": EndReason.FAILED,
    "failed": EndReason.FAILED,
}

#: ``type`` of history rows.
CDR_DIRECTIONS: Mapping[str, Direction] = {
    "O": Direction.OUTBOUND,
    "I": Direction.INBOUND,
    "M": Direction.INBOUND,
}

#: ``disposition`` of history rows.
CDR_REASONS: Mapping[str, EndReason] = {
    "CONNECTED": EndReason.COMPLETED,
    "ANSWERED": EndReason.COMPLETED,
    "NO ANSWER": EndReason.NO_ANSWER,
    "BUSY": EndReason.BUSY,
    "FAILED": EndReason.FAILED,
}

#: Status of a refused ``POST /calls``: what became of the user's own phone. Other 4xx mean that it declined. The time
#: until the answer tells nothing: an unregistered phone takes ten seconds, a quick user one.
PLACE_FAILURES: Mapping[int, EndReason] = {
    400: EndReason.REJECTED,
    401: EndReason.REJECTED,
    403: EndReason.REJECTED,
    404: EndReason.UNREACHABLE,
    408: EndReason.NO_ANSWER,
    412: EndReason.UNREACHABLE,
    480: EndReason.NO_ANSWER,
    486: EndReason.BUSY,
    487: EndReason.CANCELLED,
}

_CALLER_ID = re.compile(r'^\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^<"]*))\s*<(?P<number>[^>]*)>\s*$')
_NUMERIC = re.compile(r"^\+?[\d\s().\-/]+$")
_SHORTEST_INTERNATIONAL = 8
_LONGEST_NUMBER = 32
_LONGEST_ID = 64


@lru_cache(maxsize=500)
def note_unknown(kind: str, word: str) -> None:
    """Log a word of the provider that no table knows; the cache makes it once per word."""
    logger.warning("VoIPstudio sent an unknown %s: %s", kind, mask_digits(repr(word[:60])))


def text(value: Any) -> str:
    """``value`` as trimmed text; empty for null and for anything that is no scalar."""
    if value is None or isinstance(value, bool | list | dict):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def context(value: Any) -> str:
    """The queue, ring group or menu through which a call came; empty for a call between two parties."""
    word = text(value)
    return "" if word in PLAIN_CONTEXTS else word


def identifier(value: Any) -> str:
    """An id as text; the platform's ``"0"`` for "nobody of ours" becomes empty."""
    word = text(value)
    return "" if word.strip("0") == "" or len(word) > _LONGEST_ID else word


def node(kind: str, key: str) -> str:
    """The user part of what a queue, menu or room is subscribed to by. Raises ``ValueError`` for what is no id."""
    if not (key.isascii() and key.isdecimal()) or not identifier(key):
        raise ValueError(key)
    return f"{kind}-{key}"


def moment(value: Any, zone: tzinfo) -> datetime | None:
    """Read Unix seconds, or a text date, which carries no zone and is taken to be in ``zone``; None if neither."""
    word = text(value)
    if not word.strip("0:- "):
        return None
    try:
        if word.replace(".", "", 1).isdecimal():
            return datetime.fromtimestamp(float(word), tz=UTC)
        parsed = datetime.fromisoformat(word)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        note_unknown("date", word)
        return None


def date_text(when: datetime, zone: tzinfo) -> str:
    """The spelling of an aware time that filters take."""
    return when.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def phone_number(value: Any) -> PhoneNumber:
    """A number as the platform shows it, with the plus that it leaves out; extensions as they are, withheld empty."""
    word = text(value)
    if caller_id := _CALLER_ID.match(word):
        word = caller_id["number"].strip()
    word = word.removeprefix("sip:").partition("@")[0]
    if not any(character.isdigit() for character in word) or any(character.isalpha() for character in word):
        return PhoneNumber("")
    digits = re.sub(r"[\s().\-/]", "", word)
    if len(digits) > _LONGEST_NUMBER:
        return PhoneNumber("")
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    return PhoneNumber("+" + digits if _is_international(digits) else digits)


def _is_international(digits: str) -> bool:
    """Whether these digits are E.164 without its plus, rather than an extension or a national number."""
    if not digits.isdecimal() or digits.startswith("0") or len(digits) < _SHORTEST_INTERNATIONAL:
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse("+" + digits))
    except phonenumbers.NumberParseException:
        return False


def dialled(number: str) -> str:
    """The spelling that ``to`` and ``dst`` take: E.164 without plus; extensions and ``#123`` as they are."""
    return re.sub(r"[\s().\-/]", "", number).removeprefix("+")


def display_name(value: Any) -> str:
    """The person's name in a name field: without caller-id quoting, ring-group prefix, or a number in its place."""
    word = text(value)
    if caller_id := _CALLER_ID.match(word):
        word = (caller_id["quoted"] or caller_id["bare"] or "").strip()
    word = word.rpartition(" | ")[2].strip().strip('"')
    return "" if _NUMERIC.match(word) or word.lower() == "anonymous" else word


def parties(fields: Mapping[str, Any]) -> tuple[Party, Party]:
    """Caller and callee of a live call, a webhook or a history row."""
    caller_account, callee_account = identifier(fields.get("src_id")), identifier(fields.get("dst_id"))
    caller = Party(
        number=phone_number(fields.get("src")) or phone_number(fields.get("clid")),
        name=display_name(fields.get("src_name")),
        account=caller_account,
    )
    callee = Party(
        number=phone_number(fields.get("dst")),
        # For an outside callee this field holds the tariff zone ("United Kingdom Mobile"), not a name.
        name=display_name(fields.get("dst_name")) if callee_account else "",
        account=callee_account,
    )
    return caller, callee


def owners(fields: Mapping[str, Any]) -> dict[str, Direction]:
    """Whose call a row or webhook is about, and which way it goes for them.

    Where both ends are users, each has a leg with an id of its own, and ``destination`` tells which leg this is. Where
    it does not tell, the id is taken to be that of both: to leave an end out loses a witness of several, to hand a leg
    to the wrong end makes a call that never was.
    """
    caller, callee = identifier(fields.get("src_id")), identifier(fields.get("dst_id"))
    word = text(fields.get("destination")).lower()
    if word == "in" and callee:
        return {callee: Direction.INBOUND}
    if word == "out" and caller:
        return {caller: Direction.OUTBOUND}
    ends = {callee: Direction.INBOUND, caller: Direction.OUTBOUND}
    return {account: direction for account, direction in ends.items() if account}


def live_state(fields: Mapping[str, Any], zone: tzinfo) -> CallState:
    """The state of a row of ``GET /calls``; one that we cannot read is told from whether the call was answered."""
    word = text(fields.get("state")).upper()
    if word in STATES:
        return STATES[word]
    note_unknown("call state", word)
    return CallState.CONNECTED if moment(fields.get("connected_at"), zone) else CallState.RINGING


def cause_reason(cause: str) -> EndReason | None:
    """What a ``t_cause`` text means; None where it does not tell."""
    word = " ".join(re.findall(r"[a-z0-9]+", cause.lower()))
    if not word or word in {"normal clearing", "normal call clearing", "normal unspecified"}:
        return None
    if word not in CAUSES:
        note_unknown("cause", word)
    return CAUSES.get(word)


def cdr_reason(disposition: Any) -> EndReason | None:
    """What the ``disposition`` of a history row means; None where it does not tell."""
    word = text(disposition).upper().replace("_", " ")
    if word and word not in CDR_REASONS:
        note_unknown("disposition", word)
    return CDR_REASONS.get(word)


def place_failure(status: int | None) -> EndReason:
    """What a refused ``POST /calls`` says about the user's own phone, by its 4xx status."""
    return PLACE_FAILURES.get(status or 0, EndReason.DECLINED)


def unanswered_reason(
    direction: Direction, *, cause: EndReason | None, whole_call_over: bool | None, caller_gave_up: bool
) -> EndReason | None:
    """Why a call ended that this line never answered; None where only the other legs of the call can tell.

    A ring group reports each member's leg as missed, also when a colleague took the call. Only a delivery about the
    whole call (``whole_call_over``) knows that nobody did.
    """
    if direction is Direction.OUTBOUND:
        return cause or (EndReason.CANCELLED if caller_gave_up else None)
    if cause in {EndReason.BUSY, EndReason.DECLINED, EndReason.UNREACHABLE, EndReason.FAILED}:
        return cause
    if whole_call_over:
        return EndReason.MISSED
    return EndReason.ANSWERED_ELSEWHERE if cause is EndReason.ANSWERED_ELSEWHERE else None


def json_object(body: bytes | str) -> dict[str, Any] | None:
    """``body`` as a JSON object; None if it is anything else."""
    try:
        value = load_json(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
