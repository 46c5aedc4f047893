"""The protocol for machines: what is published is what the code says, and what is said fits it."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from django_voipcti import presenters, schema
from django_voipcti.actions import ACTIONS
from django_voipcti.enums import SessionEvent
from django_voipcti.models import UserPreferences
from tests.support.processes import ROOT
from tests.support.protocol import SCHEMA, validator

DOCS = ROOT / "docs/reference"
WRITTEN = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", (DOCS / "messages.md").read_text(), re.DOTALL)
]


def side_of(message):
    return "page" if "action" in message else "server"


def as_published(document):
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("name", "document"), [("messages.schema.json", schema.json_schema()), ("asyncapi.json", schema.async_api())]
)
def test_what_is_published_is_what_the_code_says(name, document):
    """After a change call `write()` below, in a shell of the test project, and read the difference."""
    assert (DOCS / name).read_text() == as_published(document)


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("message", WRITTEN, ids=lambda message: message.get("action") or message["type"])
def test_every_written_example_fits_its_side_and_not_the_other(message):
    side = side_of(message)
    validator(side).validate(message)
    assert not validator("server" if side == "page" else "page").is_valid(message)


def test_every_message_has_a_written_example():
    names = {*schema._from_server(), *schema._from_page()}
    shown = {name for name in names for message in WRITTEN if validator(name).is_valid(message)}
    assert shown == names


def test_what_presenters_make_fits():
    for message in (
        presenters.present_session_event(SessionEvent.INFO, "x"),
        presenters.present_dismissal("7"),
        presenters.present_pop("pop-1", "<p>", title=""),
        presenters.present_preferences_change(UserPreferences()),
        presenters.present_snapshot(last_event_id=0, lines=[], calls=[]),
    ):
        validator("server").validate(message)


@pytest.mark.parametrize(
    "message",
    [
        {"v": 2, "type": "pong", "ref": "1"},
        {"v": 1, "type": "event", "name": "DANCING", "message": ""},
        {"v": 1, "type": "reply", "ref": "1", "ok": False, "data": {}},
        {"v": 1, "type": "snapshot", "last_event_id": -1, "lines": [], "calls": []},
        {"action": "call", "ref": "1"},
        {"action": "preferences", "ref": "1", "ringTone": "yes"},
        {"action": "call", "ref": "1", "number": "1" * 513},
        {"action": "dance", "ref": "1"},
    ],
)
def test_what_makes_no_sense_does_not_fit(message):
    assert not validator(side_of(message)).is_valid(message)


def test_the_async_api_names_every_message_and_refers_to_what_there_is():
    document = schema.async_api()
    messages = document["channels"]["page"]["messages"]
    assert {name for name in messages if name.startswith("do_")} == {f"do_{name}" for name in ACTIONS}
    for message in messages.values():
        assert message["payload"]["$ref"].rpartition("/")[2] in SCHEMA["$defs"]
    for operation in document["operations"].values():
        for reference in operation["messages"]:
            assert reference["$ref"].rpartition("/")[2] in messages


def write():
    """Publish both documents as the code says them now."""
    (DOCS / "messages.schema.json").write_text(as_published(schema.json_schema()))
    (DOCS / "asyncapi.json").write_text(as_published(schema.async_api()))
