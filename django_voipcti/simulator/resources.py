"""How a leg looks from outside: live call, history row, dialog, webhook. Pure functions of a leg and the switches."""

import hashlib
from datetime import UTC, datetime, tzinfo
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from .calls import Change, Leg, LegState, Party
from .scenario import Scenario
from .settings import Behaviour

__all__ = ["cdr", "dialog_info", "live_call", "text_date", "webhook_body", "webhook_name"]

_STATE_NUMBERS = {LegState.INITIAL: 0, LegState.RINGING: 1, LegState.CONNECTED: 2, LegState.ON_HOLD: 3}
_DIALOG_STATES = {
    LegState.RINGING: "early",
    LegState.CONNECTED: "confirmed",
    LegState.ON_HOLD: "confirmed",
    LegState.HANGUP: "terminated",
}
_PHONE = "VoIPstudio 3.4 / simulator"
_DISPOSITIONS = {"User Busy": "BUSY", "No Route To Destination": "FAILED", "Subscriber Absent": "FAILED"}


def text_date(seconds: float | None, zone: tzinfo = UTC) -> str | None:
    """A date as the platform writes it: text without a zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S")


def _ends(leg: Leg) -> tuple[Party, Party]:
    """Source and destination."""
    return (leg.other, leg.party) if leg.incoming else (leg.party, leg.other)


def _shown_destination(leg: Leg) -> Party:
    """Webhooks, calls and history name the number that was dialled together with the user whose phone it rang."""
    destination = _ends(leg)[1]
    return Party(
        number=leg.conversation.dialled if leg.incoming else destination.number,
        name=destination.name,
        user_id=destination.user_id,
    )


def _caller_id(leg: Leg) -> str:
    if leg.incoming:
        return f'"{leg.other.name}" <{leg.other.number}>' if leg.other.number else '"Anonymous" <anonymous>'
    return f'"+{leg.caller_id}" <+{leg.caller_id}>' if leg.caller_id.isdigit() else f'"{leg.caller_id}"'


def live_call(leg: Leg, behaviour: Behaviour, now: float) -> dict[str, Any]:
    """A row of ``GET /calls``."""
    source, destination = _ends(leg)[0], _shown_destination(leg)
    return {
        "id": leg.id,
        "state": _STATE_NUMBERS[leg.state] if behaviour.state_as_number else leg.state.value,
        "start_time": int(leg.start_time),
        "connected_at": None if leg.connected_at is None else int(leg.connected_at),
        "duration": leg.talk_seconds(now),
        "src": source.number,
        "src_id": source.user_id,
        "src_name": source.name,
        "src_ua": _PHONE if source.user_id != "0" else "",
        "src_call_id": leg.sip_call_id,
        "dst": destination.number,
        "dst_id": destination.user_id,
        "dst_name": destination.name,
        "dst_ua": _PHONE if destination.user_id != "0" else "",
        "dst_rate": 0.02 if destination.user_id == "0" else 0,
        "clid": _caller_id(leg),
        "context": leg.context,
        "destination": "in" if leg.incoming else "out",
        "parent_id": leg.conversation.id if leg.conversation.id != leg.id else None,
        "referred_by": leg.referred_by,
        "queue_state": None,
        "monitor_state": None,
        "action_url": leg.action_url,
        "action_text": leg.action_text,
    }


def cdr(row_id: int, leg: Leg, zone: tzinfo) -> dict[str, Any]:
    """A row of ``GET /cdrs`` for a leg that is over."""
    source, destination = _ends(leg)[0], _shown_destination(leg)
    outside = destination.user_id == "0" and not leg.incoming
    ended_at = leg.ended_at if leg.ended_at is not None else leg.start_time
    talk = leg.talk_seconds(ended_at)
    root = leg.conversation.id
    return {
        "id": row_id,
        "call_id": leg.id,
        "live_id": leg.id,
        "parent_live_id": None if leg.id == root else root,
        "root_live_id": root,
        "is_root": leg.id == root,
        "calldate": text_date(leg.start_time, zone),
        "type": "M" if leg.missed else "I" if leg.incoming else "O",
        "disposition": "CONNECTED" if leg.connected_at is not None else _DISPOSITIONS.get(leg.cause, "NO ANSWER"),
        "duration": int(ended_at - leg.start_time),
        "billsec": talk,
        "src": source.number,
        "src_id": source.user_id,
        "src_name": source.name,
        "src_ua": _PHONE if source.user_id != "0" else "",
        "src_codec": "OPUS",
        "dst": destination.number,
        "dst_id": destination.user_id,
        "dst_name": destination.name,
        "dst_ua": _PHONE if destination.user_id != "0" else "",
        "dst_codec": "OPUS",
        "clid": _caller_id(leg),
        "destination": "in" if leg.incoming else "out",
        "context": leg.context,
        "t_cause": leg.cause,
        "info": "",
        "rate": 0.02 if outside else 0,
        "charge": round(0.02 * talk / 60, 4) if outside else 0,
        "user_id": int(leg.owner) if leg.owner.isdigit() else 0,
        "sip_endpoint_id": int(leg.owner) + 1 if leg.owner.isdigit() else 0,
        "server_id": 1,
        "nb_notes": 0,
        "labels": None,
        "metadata": None,
    }


_WEBHOOKS = {
    Change.INITIAL: "call.initial",
    Change.RINGING: "call.ringing",
    Change.CONNECTED: "call.connected",
    Change.ENDED: "call.hangup",
}


def webhook_name(leg: Leg, change: Change, behaviour: Behaviour) -> str:
    """Which webhook a change sends; empty for none."""
    if change is Change.ENDED and leg.missed:
        return "call.missed"
    if change in {Change.ON_HOLD, Change.RESUMED}:
        return behaviour.on_hold_event
    return _WEBHOOKS.get(change, "")


def webhook_body(
    leg: Leg, name: str, *, event_id: str, now: float, zone: tzinfo, behaviour: Behaviour
) -> dict[str, Any]:
    """The JSON of a webhook about a call."""
    source, destination = _ends(leg)[0], _shown_destination(leg)
    group = leg.context.startswith("RG-") and leg.conversation.root is not None
    body: dict[str, Any] = {
        "id": event_id,
        "event_time": text_date(now, zone),
        "event_name": name,
        "call_id": leg.id,
        "root_call_id": leg.conversation.id,
        "state": leg.state.value,
        "start_time": text_date(leg.start_time, zone),
        "connected_at": text_date(leg.connected_at, zone),
        "duration": leg.talk_seconds(now),
        "context": leg.context,
        "destination": "in" if leg.incoming else "out",
        "src": source.number,
        "src_id": source.user_id,
        "src_name": f"{leg.conversation.root.party.name} | {source.name}"
        if group and leg.conversation.root is not None
        else source.name,
        "src_hash": hashlib.sha1(source.number.encode(), usedforsecurity=False).hexdigest(),
        "dst": destination.number,
        "dst_id": destination.user_id,
        "dst_name": destination.name,
    }
    if name == "call.missed" or (name == "call.hangup" and behaviour.final_on_hangup):
        body["final"] = leg.final if name == "call.missed" else True
    if name in {"call.missed", "call.hangup"}:
        body["t_cause"] = leg.cause
        body["terminated_by"] = leg.terminated_by
    return body


def dialog_info(
    node: str, legs: list[Leg], *, version: int, form: str, scenario: Scenario, behaviour: Behaviour
) -> bytes:
    """The body of a NOTIFY (RFC 4235, with the platform's own words)."""
    entity = f"sip:{node}@{scenario.sip_domain}"
    dialogs = "".join(_dialog(leg, entity, scenario.sip_domain, behaviour) for leg in legs)
    return (
        '<?xml version="1.0"?>\n'
        f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="{form}"'
        f" entity={quoteattr(entity)}>\n{dialogs}</dialog-info>\n"
    ).encode()


def _dialog(leg: Leg, entity: str, domain: str, behaviour: Behaviour) -> str:
    state = _DIALOG_STATES.get(leg.state, behaviour.initial_dialog_state)
    if not state:
        return ""
    held = leg.state is LegState.ON_HOLD or (leg.held_at_end and not behaviour.ended_on_hold_renders)
    remote = f"sip:{leg.other.number}@{domain}" if leg.other.number else "sip:anonymous@anonymous.invalid"
    params = {
        "+sip.rendering": "no" if held else "yes",
        "timestamp.start": str(int(leg.start_time)),
        "context": leg.context,
    }
    return (
        f' <dialog id="{leg.dialog_id}" call-id="{leg.sip_call_id}" local-tag="{leg.local_tag}"'
        f' remote-tag="{leg.remote_tag}"'
        f" direction={quoteattr(behaviour.direction_word if leg.incoming else 'initiator')}>\n"
        f"  <state>{escape(state)}</state>\n"
        f"  <local><identity display={quoteattr(leg.party.name)}>{escape(entity)}</identity>\n"
        f"   <target uri={quoteattr(entity)}>"
        + "".join(f"<param pname={quoteattr(name)} pval={quoteattr(value)}/>" for name, value in params.items())
        + "</target></local>\n"
        f"  <remote><identity display={quoteattr(leg.other.name or 'Anonymous')}>{escape(remote)}</identity>\n"
        f"   <target uri={quoteattr(remote)}/></remote>\n"
        " </dialog>\n"
    )
