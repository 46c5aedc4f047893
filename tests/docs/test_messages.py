"""The written protocol is true: examples have the shape of what the server sends, or are accepted where pages speak."""

import json
import re
from datetime import date

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from django_voipcti import (
    briefing,
    consumers,
    context_blocks,
    journal,
    notes,
    personal,
    phonebook,
    presenters,
    realtime,
)
from django_voipcti.actions import ACTIONS, parse, ref_of
from django_voipcti.enums import CallState, EndReason, LineStatus, SessionEvent
from django_voipcti.events import Party
from django_voipcti.exceptions import Concern, ConfirmationNeeded
from django_voipcti.models import CallEvent, CallOutcome, Line, PopRule, UserPreferences
from django_voipcti.redaction import PhoneNumber
from tests.journal.conftest import said
from tests.support.processes import ROOT
from tests.testapp.models import Company, Contact

PAGE = (ROOT / "docs/reference/messages.md").read_text()
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
FROM_PAGE = [example for example in EXAMPLES if "action" in example]
FROM_SERVER = [example for example in EXAMPLES if "type" in example]


def shape(value):
    """Names and JSON types, whatever the values are. Lists are taken to be of one kind."""
    match value:
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "number"
        case _:
            return "text"


def documented(kind, **having):
    """The example of a message type that has these values."""
    [found] = [
        example
        for example in FROM_SERVER
        if example["type"] == kind and all(example.get(key) == value for key, value in having.items())
    ]
    return found


@pytest.fixture
def ana(db):
    user = get_user_model().objects.create_user("ana")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_contact", "add_contact"]))
    return user


@pytest.fixture
def line(ana):
    return Line.objects.create(
        provider="default",
        account="601",
        extension="601",
        label="Ana",
        region="GB",
        user=ana,
        status=LineStatus.READY,
    )


@pytest.fixture
def ringing(line):
    """A call from somebody known who called before."""
    company = Company.objects.create(name="US Navy")
    Contact.objects.create(name="Grace Hopper", phone="+442079460123", company=company)
    caller = Party(number=PhoneNumber("+442079460123"), name="G. Hopper")
    journal.record([said("RINGING", 0, call="before"), said("HANGUP", 5, call="before")])
    [event] = journal.record([said("RINGING", 10, other=caller, context="RG-70001")])
    return CallEvent.objects.select_related("call__line").get(pk=event.pk)


def test_the_snapshot_is_as_written(ana, line):
    assert shape(realtime.snapshot(ana)) == shape(documented("snapshot"))


def told(make, call, user):
    """A message about a call as a page of `user` gets it."""
    briefed = briefing.brief([call], matches=briefing.look_up([call]), with_last_calls=[call])[call.pk]
    return personal.make(make(briefed), personal.background(call, briefed), phonebook.Viewer(user))


def test_the_call_event_is_as_written(ringing, ana):
    PopRule.objects.create(name="Open whom we know", matches="one", action="open_record")
    message = told(lambda briefed: presenters.present_call_event(ringing, ringing.call, briefed), ringing.call, ana)
    example = documented("event", name="RINGING")
    assert shape(message) == shape(example)
    assert message["call"]["pop"]["action"] == example["call"]["pop"]["action"]
    about = {**message["call"]["about"], "localTime": "10:00"}
    assert about == example["call"]["about"]


def test_what_is_known_later_is_as_written(line, ana, register):
    register(Contact, numbers=["phone"], label="name", create_url="/contacts/new/")
    [event] = journal.record([said("RINGING", 0, number="+442079460999", call="c2")])
    example = documented("call")
    [call] = journal.note_directory([event.call_id], example["call"]["directory"])
    message = told(lambda briefed: presenters.present_call_change(call, briefed), call, ana)
    assert isinstance(message["call"].pop("about"), dict)
    del example["call"]["about"]
    assert shape(message) == shape(example)
    for field in ("name", "number", "create", "directory", "pop"):
        assert message["call"][field] == example["call"][field]


def test_the_session_event_is_as_written(line):
    line.set_status(LineStatus.LOGGED_OUT, "Logged out.")
    message = presenters.present_session_event(SessionEvent.LOGGED_OUT, "Logged out.", line=line)
    example = documented("event", name="LOGGED_OUT")
    # The example shows one capability for all; the snapshot has the list.
    assert set(example["line"].pop("capabilities")) <= set(message["line"].pop("capabilities"))
    assert shape(message) == shape(example)


def test_the_dismissal_is_as_written():
    assert shape(presenters.present_dismissal("815")) == shape(documented("dismissed"))


def test_the_preferences_are_as_written():
    message = presenters.present_preferences_change(UserPreferences())
    assert shape(message) == shape(documented("preferences"))


def test_the_note_is_as_written(ringing, ana):
    outcome = CallOutcome.objects.create(name="Call again", asks_for_date=True)
    day = date(2026, 1, 9)
    note = notes.save(ana, ringing.call_id, notes.Content(text="Friday.", outcome=outcome, follow_up_on=day))
    note = notes.keep_draft(ana, note.call_id, notes.Content(text="Thursday", outcome=outcome))
    message = presenters.present_note_change(note, [note.call_id], with_draft=True)
    assert shape(message) == shape(documented("note"))


def test_the_pop_is_as_written():
    assert shape(presenters.present_pop("pop-1", "<p>", title="")) == shape(documented("pop"))


def test_the_block_is_as_written():
    block = context_blocks.Block(
        key="deals", model="crm.contact", title="Open deals", function=str, budget=1, permission=""
    )
    answer = context_blocks.Answer(state=context_blocks.BlockState.READY, facts=(context_blocks.Fact(label="Cold"),))
    assert shape(presenters.present_block("815", "42", block, answer)) == shape(documented("block"))


def test_the_question_is_as_written(line):
    concern = Concern(code="do_not_call", message="The number is on the do-not-call list.", needs_reason=True)
    question = presenters.present_question(ConfirmationNeeded([concern], number="+442079460123", token="t"))
    [example] = [each["error"] for each in FROM_SERVER if each.get("error", {}).get("code") == "needs_confirmation"]
    assert {**question, "confirm": {**question["confirm"], "token": example["confirm"]["token"]}} == example


def test_no_example_is_left_unchecked():
    """Replies and the pong are compared with a real connection in tests/test_consumers.py, by type and fields."""
    kinds = [(example["type"], example.get("name", ""), example.get("ok")) for example in FROM_SERVER]
    assert kinds == [
        ("snapshot", "", None),
        ("event", "RINGING", None),
        ("call", "", None),
        ("event", "LOGGED_OUT", None),
        ("dismissed", "", None),
        ("note", "", None),
        ("pop", "", None),
        ("block", "", None),
        ("preferences", "", None),
        ("reply", "", True),
        ("reply", "", False),
        ("pong", "", None),
        ("reply", "", False),
    ]
    assert len(FROM_SERVER) + len(FROM_PAGE) == len(EXAMPLES)


def test_every_field_of_a_call_is_explained(ringing):
    [table] = re.findall(r"^## call\n(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE)
    explained = {
        name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert explained == set(presenters.present_call(ringing.call))


def test_every_end_reason_and_state_is_named():
    assert all(f"`{reason.value}`" in PAGE for reason in EndReason)
    assert all(f"`{state.value}`" in PAGE for state in CallState)
    assert all(f"| `{event.value}` |" in PAGE for event in SessionEvent)


@pytest.mark.parametrize("example", FROM_PAGE, ids=lambda example: f"{example['action']}-{example['ref']}")
def test_what_a_page_says_as_written_is_accepted(example):
    action, arguments = parse(example)
    assert ref_of(example) == example["ref"]
    assert action is ACTIONS[example["action"]]
    assert arguments == {key: value for key, value in example.items() if key not in {"action", "ref"}}


def test_every_action_has_its_heading_and_an_example_with_each_field():
    assert {example["action"] for example in FROM_PAGE} == set(ACTIONS)
    headings = set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE))
    assert set(ACTIONS) <= headings
    for name, action in ACTIONS.items():
        shown = {key for example in FROM_PAGE if example["action"] == name for key in example} - {"action", "ref"}
        assert shown == set(action.fields)


def test_the_table_of_codes_is_complete_and_has_no_dead_ones():
    modules = ("actions", "callers", "concerns", "consumers", "control", "exceptions", "notes", "policy", "sessions")
    files = [ROOT / f"django_voipcti/{name}.py" for name in modules]
    files += (ROOT / "django_voipcti/page_actions").glob("*.py")
    sources = [file.read_text() for file in files]
    used = {code for source in sources for code in re.findall(r'(?<!Concern\()\bcode="(\w+)"', source)}
    used |= {code for _kind, code in consumers.PROVIDER_ERROR_CODES}
    written = set(re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Error codes")[2], re.MULTILINE))
    assert written == used


def test_the_close_codes_are_as_written():
    assert f"**{consumers.CLOSE_NOT_AUTHENTICATED}**" in PAGE
    assert f"**{consumers.CLOSE_TOO_MANY_MESSAGES}**" in PAGE
