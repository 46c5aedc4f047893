"""VoIPstudio's webhooks: is a delivery authentic, which is it, and what does it say? Pure; the view does the rest.

The platform signs nothing. What it can do is Basic authentication, with the credentials that stand in the address of
the webhook (``https://user:password@host/...``). Order and exactly-once are not promised either: ``id`` tells repeats.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from django.utils.translation import gettext as _

from django_voipcti.enums import CallState, Direction, EndReason, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.exceptions import WebhookRejected
from django_voipcti.redaction import Secret

from . import mapping

__all__ = ["authenticate", "delivery_id", "parse"]

_LONGEST_ID = 80


def authenticate(headers: Mapping[str, str], *, secrets: Iterable[Secret]) -> None:
    """Return if the Authorization header holds one of ``secrets``; raise :exc:`WebhookRejected` otherwise.

    A secret with a colon must match user and password, one without must match the password (Basic) or the token
    (Bearer). All are compared, each in constant time, so the answer takes equally long whichever matched.
    """
    candidates = _candidates(headers.get("authorization", ""))
    matched = False
    for secret in secrets:
        for candidate in candidates:
            matched |= hmac.compare_digest(candidate, str(secret).encode())
    if not matched:
        raise WebhookRejected(
            _("The delivery does not carry the secret of this webhook. Put user and password into its address."),
            status=401,
        )


def _candidates(authorization: str) -> tuple[bytes, ...]:
    """What a header offers as a secret: user with password, and the password alone."""
    scheme, _blank, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return (value.strip().encode(),)
    if scheme.lower() != "basic":
        return ()
    try:
        pair = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ()
    _user, colon, password = pair.partition(b":")
    return (pair, password) if colon else ()


def delivery_id(body: bytes) -> str:
    """The platform's id of the delivery; a hash of the body where it has none, or none that is usable."""
    given = mapping.text((mapping.json_object(body) or {}).get("id"))
    return given if 0 < len(given) <= _LONGEST_ID else "sha256:" + hashlib.sha256(body).hexdigest()


def parse(body: bytes, *, provider: str, zone: tzinfo, received_at: datetime) -> list[CallUpdate]:
    """The updates that a delivery means: one for each user whose leg it is about, mostly one.

    Empty for what is no call (SMS, queue wrap-up) and for what is no JSON object.
    """
    fields = mapping.json_object(body)
    if fields is None:
        mapping.note_unknown("webhook body", body[:60].decode("utf-8", "replace"))
        return []
    event = mapping.text(fields.get("event_name"))
    external_id = mapping.identifier(fields.get("call_id"))
    if not external_id or not (event.startswith("call.") or event in mapping.STATELESS_EVENTS):
        return []
    updates = []
    for direction, own, other in _ends(fields):
        state, reason = _outcome(fields, event, direction, zone)
        if state is CallState.INITIAL and direction is Direction.INBOUND:
            # An INVITE is on its way to the phone, which may not be there: nothing rings yet.
            continue
        occurred = mapping.moment(fields.get("event_time"), zone)
        updates.append(
            CallUpdate(
                provider=provider,
                account=own.account,
                external_id=external_id,
                conversation_id=mapping.identifier(fields.get("root_call_id")),
                source=Source.WEBHOOK,
                observed_at=received_at,
                occurred_at=occurred,
                state=state,
                direction=direction,
                own=own,
                other=other,
                started_at=mapping.moment(fields.get("start_time"), zone),
                answered_at=mapping.moment(fields.get("connected_at"), zone),
                ended_at=occurred if state is not None and state.is_final else None,
                end_reason=reason,
                cause=mapping.text(fields.get("t_cause")),
                context=mapping.context(fields.get("context")),
                recording=mapping.identifier(fields.get("monitor_id")),
                key=delivery_id(body),
                raw=fields,
            )
        )
    return updates


def _ends(fields: Mapping[str, Any]) -> Sequence[tuple[Direction | None, Party, Party]]:
    """Direction, own party and other party for each user whose leg this is."""
    caller, callee = mapping.parties(fields)
    ends = [
        (direction, caller, callee) if direction is Direction.OUTBOUND else (direction, callee, caller)
        for direction in mapping.owners(fields).values()
    ]
    user = mapping.identifier(fields.get("user_id"))
    # A recording names its user, but not always which end he is; the call is known by then.
    return [end for end in ends if end[1].account == user] or [(None, Party(account=user), Party())] if user else ends


def _outcome(
    fields: Mapping[str, Any], event: str, direction: Direction | None, zone: tzinfo
) -> tuple[CallState | None, EndReason | None]:
    """The state that a delivery reports, and the reason with it if that state is final."""
    if event in mapping.STATELESS_EVENTS or direction is None:
        return None, None
    word = mapping.text(fields.get("state")).upper()
    state = mapping.STATES.get(word) or mapping.EVENT_STATES.get(event)
    if state is None:
        mapping.note_unknown("call event", f"{event} {word}")
        return None, None
    if not state.is_final:
        return state, None
    cause = mapping.cause_reason(mapping.text(fields.get("t_cause")))
    if mapping.moment(fields.get("connected_at"), zone):
        return CallState.HANGUP, cause if cause is EndReason.TRANSFERRED else EndReason.COMPLETED
    whole_call_over = fields.get("final") if isinstance(fields.get("final"), bool) else None
    if event == "call.missed" and not whole_call_over and _same_second(fields, zone):
        # Legs of a ring group are at times called missed in the second in which they start to ring.
        return None, None
    reason = mapping.unanswered_reason(
        direction,
        cause=cause or (EndReason.FAILED if word == "FAILED" else None),
        whole_call_over=whole_call_over,
        caller_gave_up=mapping.text(fields.get("terminated_by")).lower() == "caller",
    )
    return state, reason


def _same_second(fields: Mapping[str, Any], zone: tzinfo) -> bool:
    started = mapping.moment(fields.get("start_time"), zone)
    return started is not None and mapping.moment(fields.get("event_time"), zone) == started
