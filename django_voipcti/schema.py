"""The socket's protocol for machines: JSON Schema of every message, and an AsyncAPI document, generated from the code.

What a page may say comes from the table that reads it (:data:`~django_voipcti.actions.ACTIONS`), the vocabularies from
the enumerations. Fields that are not named are allowed, since clients pass over what they do not know.
"""

from collections.abc import Mapping
from typing import Any

from .actions import ACTIONS, MAX_REF_LENGTH, Action, Field
from .context_blocks import BlockState
from .enums import CallState, Direction, EndReason, LineStatus, SessionEvent
from .models import PopAction, PopMoment
from .presenters import VERSION
from .routing import SOCKET_PATH

__all__ = ["async_api", "json_schema"]

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
SWITCH: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}


def _texts(*names: str) -> Schema:
    return dict.fromkeys(names, TEXT)


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _many(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _object(properties: Mapping[str, Any], *, optional: Mapping[str, Any] | None = None) -> Schema:
    return {"type": "object", "properties": {**properties, **(optional or {})}, "required": list(properties)}


def _message(kind: str, properties: Mapping[str, Any], *, optional: Mapping[str, Any] | None = None) -> Schema:
    """A message of the server: the envelope and what is in it."""
    return _object({"v": {"const": VERSION}, "type": {"const": kind}, **properties}, optional=optional)


def _parts() -> dict[str, Schema]:
    """What messages are made of."""
    told = [state for state in CallState.values if state != CallState.REQUESTED]
    return {
        **_parts_of_calls(),
        "line": _object(
            {
                **_texts("id", "node", "label", "extension", "provider", "statusLabel", "message"),
                "status": _one_of(*LineStatus.values),
                "capabilities": {"type": "object", "additionalProperties": SWITCH},
            }
        ),
        "preferencesOfUser": _object(
            {
                "popOn": _one_of(*PopMoment.values),
                **dict.fromkeys(("ringTone", "notifications", "openRecord", "doNotDisturb"), SWITCH),
            }
        ),
        **_parts_of_notes(),
        "refusal": _object(
            {"name": _one_of("ERROR", "INFO"), **_texts("code", "message")}, optional={"confirm": _ref("question")}
        ),
        "fact": _object(_texts("label", "value", "url")),
        "concern": _object({**_texts("code", "message"), "needsReason": SWITCH}),
        "question": _object({**_texts("token", "number"), "needsReason": SWITCH, "concerns": _many("concern")}),
        "callState": _one_of(*told),
    }


def _parts_of_calls() -> dict[str, Schema]:
    contact = _texts("label", "company", "url", "model", "objectId", "confidence")
    directions, reasons = _one_of(*Direction.values), _one_of("", *EndReason.values)
    past = {"direction": directions, "startedAt": MOMENT, "endReason": reasons, "seconds": NUMBER}
    return {
        "contact": _object(contact),
        "match": _object({**contact, **_texts("reason")}),
        "createLink": _object(_texts("model", "label", "url")),
        "directoryEntry": _object(_texts("label", "company", "url", "source")),
        "aboutNumber": _object(_texts("country", "countryName", "region", "lineType", "localTime", "timeZone")),
        "popDecision": _object({"action": _one_of(*PopAction.values), **_texts("reason", "url")}),
        "pastCall": _object({**_texts("id", "endReasonText", "line"), **past}),
        "call": _object(
            {
                **_texts("id", "cid", "cause", "destination", "destinationName", "source", "sourceName", "line"),
                **_texts("number", "e164", "name", "context", "consultationOf", "endReasonText"),
                "direction": directions,
                "status": _one_of(*CallState.values),
                "internal": SWITCH,
                "contact": {"anyOf": [_ref("contact"), {"type": "null"}]},
                "learned": SWITCH,
                "matches": _many("match"),
                "create": _many("createLink"),
                "directory": _many("directoryEntry"),
                "about": {"anyOf": [_ref("aboutNumber"), {"type": "null"}]},
                "pop": _ref("popDecision"),
                "lastCalls": _many("pastCall"),
                **dict.fromkeys(("startedAt", "answeredAt", "endedAt"), MOMENT),
                "heldSeconds": NUMBER,
                "endReason": reasons,
            }
        ),
    }


def _parts_of_notes() -> dict[str, Schema]:
    day: Schema = {"type": ["string", "null"], "format": "date"}
    return {
        "outcome": _object({**_texts("id", "label"), "asksForDate": SWITCH}),
        "noteDraft": _object({**_texts("text", "outcome"), "followUpOn": day, "at": MOMENT}),
        "note": _object(
            {
                **_texts("id", "call", "text"),
                "author": _object(_texts("id", "name")),
                "outcome": {"anyOf": [_ref("outcome"), {"type": "null"}]},
                "followUpOn": day,
                "savedAt": MOMENT,
                "version": NUMBER,
                "draft": {"anyOf": [_ref("noteDraft"), {"type": "null"}]},
            }
        ),
    }


def _from_server() -> dict[str, Schema]:
    """Each message of the server, by a name of its own."""
    ref = {"ref": TEXT}
    return {
        "snapshot": _message("snapshot", {"last_event_id": NUMBER, "lines": _many("line"), "calls": _many("call")}),
        "callEvent": _message(
            "event", {"id": NUMBER, "name": _ref("callState"), "occurredAt": MOMENT, "call": _ref("call")}
        ),
        "callChange": _message("call", {"call": _ref("call")}),
        "sessionEvent": _message(
            "event",
            {"name": _one_of(*SessionEvent.values), "message": TEXT},
            optional={"line": _ref("line"), **_texts("nonce", "uri", "node", "callId")},
        ),
        "accepted": _message("reply", {**ref, "ok": {"const": True}, "data": {"type": "object"}}),
        "refused": _message("reply", {**ref, "ok": {"const": False}, "error": _ref("refusal")}),
        "pong": _message("pong", ref),
        "dismissed": _message("dismissed", {"call": TEXT}),
        "preferences": _message("preferences", {"preferences": _ref("preferencesOfUser")}),
        "pop": _message("pop", _texts("id", "title", "html")),
        "noteChange": _message("note", {"calls": {"type": "array", "items": TEXT}, "note": _ref("note")}),
        "block": _message(
            "block",
            {
                **_texts("call", "objectId", "key", "title", "text"),
                "state": _one_of(*BlockState.values),
                "facts": _many("fact"),
            },
        ),
    }


def _from_page() -> dict[str, Schema]:
    """Each action, from the table that reads them."""
    return {f"do_{name}": _action(name, action) for name, action in ACTIONS.items()}


def _action(name: str, action: Action) -> Schema:
    required = {key: _field(field) for key, field in action.fields.items() if field.required}
    optional = {key: _field(field) for key, field in action.fields.items() if not field.required}
    ref = {"type": "string", "maxLength": MAX_REF_LENGTH}
    return _object({"action": {"const": name}, **required}, optional={**optional, "ref": ref})


def _field(field: Field) -> Schema:
    if field.kind is bool:
        return SWITCH
    return NUMBER if field.kind is int else {"type": "string", "maxLength": field.limit}


def json_schema() -> Schema:
    """One schema for all messages; ``$defs/server`` and ``$defs/page`` are what each side may say."""
    server, page = _from_server(), _from_page()
    sides = {
        "server": {"oneOf": [_ref(name) for name in server]},
        "page": {"oneOf": [_ref(name) for name in page]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages between page and server",
        "anyOf": [_ref("server"), _ref("page")],
        "$defs": {**_parts(), **server, **page, **sides},
    }


def async_api() -> Schema:
    """The same as an AsyncAPI 3.0 document, which refers to the schema beside it."""

    def messages(names: Mapping[str, Any]) -> Schema:
        return {name: {"payload": {"$ref": f"messages.schema.json#/$defs/{name}"}} for name in names}

    def operation(action: str, names: Mapping[str, Any], summary: str) -> Schema:
        refs = [{"$ref": f"#/channels/page/messages/{name}"} for name in names]
        return {"action": action, "channel": {"$ref": "#/channels/page"}, "summary": summary, "messages": refs}

    server, page = _from_server(), _from_page()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "django_voipcti: messages between page and server", "version": str(VERSION)},
        "defaultContentType": "application/json",
        "channels": {"page": {"address": f"/{SOCKET_PATH}", "messages": {**messages(server), **messages(page)}}},
        "operations": {
            "tell": operation("send", server, "What the server tells a page."),
            "ask": operation("receive", page, "What a page asks of the server."),
        },
    }
