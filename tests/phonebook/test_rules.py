"""Rules as data: the first that fits decides; a trial shows what a rule would have done."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import phonebook
from django_voipcti.exceptions import CommandRefused
from django_voipcti.models import Call, IgnoredNumber, Line, PopRule
from django_voipcti.phonebook import CallFacts

pytestmark = [pytest.mark.django_db]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def facts(**values: Any) -> CallFacts:
    return CallFacts(**{"direction": "INBOUND", "number": "+4989123456", "line_id": 1, "provider": "default", **values})


def test_without_rules_incoming_calls_pop_and_own_calls_stay_in_the_panel() -> None:
    assert phonebook.decide(facts()).action == "pop"
    assert phonebook.decide(facts(direction="OUTBOUND")).action == "silent"


@pytest.mark.parametrize(
    ("condition", "fits", "fails"),
    [
        ({"matches": "none"}, {"matches": 0}, {"matches": 1}),
        ({"matches": "one"}, {"matches": 1}, {"matches": 2}),
        ({"matches": "several"}, {"matches": 7}, {"matches": 1}),
        ({"direction": "OUTBOUND"}, {"direction": "OUTBOUND"}, {"direction": "INBOUND"}),
        ({"party": "colleague"}, {"internal": True}, {"internal": False}),
        ({"party": "outside"}, {"internal": False}, {"internal": True}),
        ({"provider": "default"}, {"provider": "default"}, {"provider": "other"}),
        ({"context": "RG-*"}, {"context": "rg-70001"}, {"context": "Q-1"}),
        ({"context": "Sales"}, {"context": "sales"}, {"context": ""}),
    ],
)
def test_a_condition(condition: dict[str, Any], fits: dict[str, Any], fails: dict[str, Any]) -> None:
    rule = PopRule.objects.create(name="R", action="log_only", **condition)
    assert phonebook.decide(facts(**fits)).rule_id == rule.pk
    assert phonebook.decide(facts(**fails)).rule_id is None


def test_a_rule_for_a_line() -> None:
    line = Line.objects.create(account="1")
    PopRule.objects.create(name="R", action="open_record", line=line)
    assert phonebook.decide(facts(line_id=line.pk)).action == "open_record"
    assert phonebook.decide(facts(line_id=line.pk + 1)).action == "pop"


def test_the_first_enabled_rule_decides() -> None:
    PopRule.objects.create(name="later", action="silent", position=20)
    first = PopRule.objects.create(name="first", action="open_form", matches="none", position=10)
    PopRule.objects.create(name="off", action="log_only", position=1, enabled=False)
    decision = phonebook.decide(facts(matches=0))
    assert (decision.action, decision.rule_id, decision.reason) == ("open_form", first.pk, "Rule “first”.")
    assert phonebook.decide(facts(matches=1)).action == "silent"


def test_ignored_numbers_show_nothing_whatever_the_rules_say() -> None:
    PopRule.objects.create(name="R", action="pop")
    phonebook.ignore("089/123456", region="DE", note="survey")
    phonebook.ignore("+49 180*")
    assert phonebook.decide(facts()).action == "log_only"
    assert phonebook.decide(facts(number="+491805551234")).action == "log_only"
    assert phonebook.decide(facts(number="+491711234567")).action == "pop"
    assert phonebook.decide(facts(number="")).action == "pop"
    assert phonebook.unignore("+4989123456") is True
    assert phonebook.unignore("+4989123456") is False
    assert phonebook.decide(facts()).action == "pop"


@pytest.mark.parametrize("text", ["", "hello", "*", "180*", f"sip:{'a' * 40}@example.org", f"+{'1' * 60}*"])
def test_what_is_no_number_cannot_be_ignored(text: str) -> None:
    with pytest.raises(CommandRefused, match="not a telephone number"):
        phonebook.ignore(text)
    assert not IgnoredNumber.objects.exists()


def make_call(line: Line, index: int, **values: Any) -> Call:
    return Call.objects.create(
        line=line,
        provider=line.provider,
        external_id=str(index),
        conversation_id=str(index),
        direction="INBOUND",
        state="HANGUP",
        state_at=NOON,
        created_at=NOON,
        started_at=NOON,
        **values,
    )


def test_a_rule_is_tried_on_the_last_calls_before_it_is_saved() -> None:
    line = Line.objects.create(account="1")
    for index in range(6):
        make_call(line, index, matches=index % 2, other_e164="+4989123456")
    rule = PopRule(name="try", action="open_record", matches="one")
    with CaptureQueriesContext(connection) as queries:
        trials = phonebook.try_on_recent_calls(rule, limit=5)
    assert len(queries) == 3
    assert [trial.call.external_id for trial in trials] == ["5", "4", "3", "2", "1"]
    assert [(trial.is_changed, trial.after.action) for trial in trials[:2]] == [(True, "open_record"), (False, "pop")]
    assert not PopRule.objects.exists()


def test_a_changed_rule_is_tried_in_place_of_the_saved_one() -> None:
    line = Line.objects.create(account="1")
    make_call(line, 1)
    rule = PopRule.objects.create(name="R", action="silent")
    rule.enabled = False
    (trial,) = phonebook.try_on_recent_calls(rule)
    assert (trial.before.action, trial.after.action) == ("silent", "pop")
