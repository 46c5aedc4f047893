"""Rows of VoIPstudio's REST interface as call updates: live calls, the answer to a click, history. Pure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django_voipcti.enums import CallState, Direction, EndReason, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.redaction import PhoneNumber

from . import mapping

__all__ = ["ended_call", "filters", "live_call", "placed_call", "recording"]


def filters(*conditions: tuple[str, str, str]) -> dict[str, str]:
    """The ``filter`` parameter for (property, operator, value) conditions that must all hold."""
    entries = [{"property": name, "operator": operator, "value": value} for name, operator, value in conditions]
    return {"filter": json.dumps(entries, separators=(",", ":"))}


def live_call(row: Mapping[str, Any], *, provider: str, account: str, zone: tzinfo, now: datetime) -> CallUpdate | None:
    """One row of ``GET /calls``; None if it is a colleague's."""
    direction = mapping.owners(row).get(account)
    external_id = mapping.identifier(row.get("id"))
    if direction is None or not external_id:
        return None
    own, other = _own_first(row, direction)
    return CallUpdate(
        provider=provider,
        account=account,
        external_id=external_id,
        conversation_id=mapping.identifier(row.get("root_call_id")),
        source=Source.REST,
        observed_at=now,
        state=mapping.live_state(row, zone),
        direction=direction,
        own=own,
        other=other,
        started_at=mapping.moment(row.get("start_time"), zone),
        answered_at=mapping.moment(row.get("connected_at"), zone),
        context=mapping.context(row.get("context")),
        raw=dict(row),
    )


def placed_call(
    row: Mapping[str, Any], requested: CallUpdate, *, number: PhoneNumber, zone: tzinfo, now: datetime
) -> CallUpdate:
    """The answer to ``POST /calls``: the user's own phone was picked up and the way to the number begins.

    Its ``state`` is that of the way to the number, which call events report anyway; what the click learns here is that
    the phone was picked up, and under which id the call goes on.
    """
    own, other = _own_first(row, Direction.OUTBOUND)
    return replace(
        requested,
        state=CallState.ACCEPTED,
        external_id=mapping.identifier(row.get("id")),
        conversation_id=mapping.identifier(row.get("root_call_id")),
        observed_at=now,
        started_at=mapping.moment(row.get("start_time"), zone),
        own=replace(requested.own, name=own.name),
        other=replace(other, number=number),
        context=mapping.context(row.get("context")),
        raw=dict(row),
    )


def ended_call(
    row: Mapping[str, Any], *, provider: str, account: str, zone: tzinfo, now: datetime
) -> CallUpdate | None:
    """One row of ``GET /cdrs``, which is one leg of a call; None if it is a colleague's, or cannot be named."""
    direction = _direction(row, account)
    external_id = _leg_id(row)
    if direction is None or not external_id:
        return None
    started = mapping.moment(row.get("calldate"), zone)
    duration, talked = _seconds(row.get("duration")), _seconds(row.get("billsec"))
    ended = started + timedelta(seconds=duration) if started else None
    disposition = mapping.cdr_reason(row.get("disposition"))
    answered = disposition is EndReason.COMPLETED or (disposition is None and talked > 0)
    cause = mapping.text(row.get("t_cause"))
    reason = _reason(row, direction, disposition, cause=cause, answered=answered)
    own, other = _own_first(row, direction)
    return CallUpdate(
        provider=provider,
        account=account,
        external_id=external_id,
        conversation_id=mapping.identifier(row.get("root_live_id")),
        source=Source.CDR,
        observed_at=now,
        occurred_at=ended,
        state=CallState.HANGUP,
        direction=direction,
        own=own,
        other=other,
        started_at=started,
        answered_at=ended - timedelta(seconds=talked) if ended and answered else None,
        ended_at=ended,
        end_reason=reason,
        cause=cause,
        context=mapping.context(row.get("context")),
        raw=dict(row),
    )


def recording(row: Mapping[str, Any], *, provider: str, account: str, now: datetime) -> CallUpdate | None:
    """One row of ``GET /monitors``; None if it is a colleague's, or belongs to no call."""
    number, call = mapping.identifier(row.get("id")), mapping.identifier(row.get("call_id"))
    if not number or not call or mapping.identifier(row.get("user_id")) not in {"", account}:
        return None
    return CallUpdate(
        provider=provider,
        account=account,
        external_id=call,
        source=Source.CDR,
        observed_at=now,
        recording=number,
        key=f"monitor:{number}",
        raw=dict(row),
    )


def _direction(row: Mapping[str, Any], account: str) -> Direction | None:
    """Which way a history row goes for ``account``; None if it is not one of its calls.

    ``user_id`` tells whose leg it is, ``type`` the direction. Either may be missing; then the ends tell.
    """
    user = mapping.identifier(row.get("user_id"))
    if user not in {"", account}:
        return None
    said = mapping.CDR_DIRECTIONS.get(mapping.text(row.get("type")).upper())
    ends = {
        Direction.OUTBOUND: mapping.identifier(row.get("src_id")),
        Direction.INBOUND: mapping.identifier(row.get("dst_id")),
    }
    matching = [direction for direction, end in ends.items() if end == account]
    if matching:
        return said if said in matching else matching[0]
    return said if user else None


def _leg_id(row: Mapping[str, Any]) -> str:
    """The id that the leg had while it was live; a row that kept none is still a call of its own."""
    live = mapping.identifier(row.get("live_id")) or mapping.identifier(row.get("call_id"))
    if live:
        return live
    number = mapping.identifier(row.get("id"))
    return f"cdr-{number}" if number else ""


def _reason(
    row: Mapping[str, Any], direction: Direction, disposition: EndReason | None, *, cause: str, answered: bool
) -> EndReason | None:
    known = mapping.cause_reason(cause)
    if answered:
        return EndReason.TRANSFERRED if known is EndReason.TRANSFERRED else EndReason.COMPLETED
    root = mapping.identifier(row.get("root_live_id"))
    alone = row.get("is_root") is True or root in {"", mapping.identifier(row.get("live_id"))}
    return mapping.unanswered_reason(
        direction,
        cause=disposition if disposition is EndReason.BUSY else known or disposition,
        whole_call_over=alone,
        caller_gave_up=known is EndReason.CANCELLED,
    )


def _own_first(row: Mapping[str, Any], direction: Direction) -> tuple[Party, Party]:
    caller, callee = mapping.parties(row)
    return (caller, callee) if direction is Direction.OUTBOUND else (callee, caller)


def _seconds(value: Any) -> int:
    word = mapping.text(value)
    return int(word) if word.isdecimal() and len(word) < 8 else 0
