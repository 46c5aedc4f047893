"""What is kept of one person: handed out as data, or erased so that the figures stay."""

import json
from io import StringIO

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_voipcti import journal
from django_voipcti.enums import EndReason
from django_voipcti.models import Call, CallEvent, IgnoredNumber, MissedCall, PhonebookChoice, WebhookDelivery
from tests.calllog.story import LONDON, MOBILE, outbound, ring_group
from tests.journal.conftest import said
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]


def person(action, who, *arguments):
    out = StringIO()
    call_command("voipcti_person", action, who, *arguments, stdout=out)
    return out.getvalue()


def exported(who, *arguments):
    return [json.loads(line) for line in person("export", who, *arguments).splitlines()]


@pytest.fixture
def ada(agents):
    """Ada, who called in vain and was called back on her other number; and a stranger."""
    ada = Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)
    ring_group("one", lines=("601", "602"))
    outbound("back", number=MOBILE)
    journal.record([said("RINGING", 0, line="603", call="s", number="+442079469999", raw={"caller": "442079469999"})])
    journal.record([said("HANGUP", 9, line="603", call="s", number="+442079469999")])
    IgnoredNumber.objects.create(pattern=LONDON)
    for number in (LONDON, "+442079469999"):
        WebhookDelivery.objects.create(
            alias="default",
            delivery_id=number,
            body=json.dumps({"src": number.lstrip("+")}),
            received_at=timezone.now(),
            processed_at=timezone.now(),
        )
    return ada


@pytest.mark.parametrize(
    ("who", "arguments"), [(LONDON, []), ("+44 20 7946 0123", []), ("020 7946 0123", ["--region=GB"])]
)
def test_a_number_in_any_spelling_is_exported_with_all_there_is(ada, who, arguments):
    rows = exported(who, *arguments)
    kinds = [row["kind"] for row in rows]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "call": 2,
        "call_event": 4,
        "missed_call": 1,
        "ignored_number": 1,
        "webhook_delivery": 1,
    }
    assert {row["other_e164"] for row in rows if row["kind"] == "call"} == {LONDON}


def test_a_record_is_exported_with_all_its_numbers(ada):
    rows = exported(f"testapp.contact:{ada.pk}")
    assert {row["other_e164"] for row in rows if row["kind"] == "call"} == {LONDON, MOBILE}


def test_erased_calls_keep_what_the_figures_need_and_nothing_else(ada):
    before = list(Call.objects.values_list("pk", "line", "started_at", "answered_at", "ended_at", "end_reason"))
    said_of_ada = person("erase", f"testapp.contact:{ada.pk}", "--yes")
    assert said_of_ada.splitlines() == [
        "call: 3",
        "learned_choice: 0",
        "ignored_number: 1",
        "webhook_delivery: 1",
    ]
    after = list(Call.objects.values_list("pk", "line", "started_at", "answered_at", "ended_at", "end_reason"))
    assert after == before
    gone = Call.objects.exclude(external_id="s")
    assert {(call.display_name, call.other_e164, call.contact) for call in gone} == {("withheld number", "", None)}
    assert exported(LONDON) == exported(MOBILE) == []
    stranger = Call.objects.get(external_id="s")
    assert stranger.other_e164 == "+442079469999"
    assert MissedCall.objects.get().call == stranger
    assert CallEvent.objects.filter(call=stranger).first().raw == {"caller": "442079469999"}


def test_witnesses_of_erased_calls_say_nothing_and_do_not_come_back(agents):
    first = said("RINGING", 0, raw={"caller": LONDON})
    journal.record([first, said("HANGUP", 9)])
    person("erase", LONDON, "--yes")
    assert {json.dumps(event.raw) for event in CallEvent.objects.all()} == {"{}"}
    journal.record([first])
    call = Call.objects.get()
    assert (call.other_number, call.end_reason) == ("", EndReason.MISSED)


def test_another_providers_conversation_with_the_same_id_is_left_alone(agents):
    other = agents[2]
    other.provider, other.region = "other", "GB"
    other.save()
    ring_group("one", lines=("601",))
    journal.record([said("RINGING", 0, line="603", provider="other", call="x", conversation_id="one", number=MOBILE)])
    journal.record([said("HANGUP", 1, line="603", provider="other", call="x")])
    person("erase", LONDON, "--yes")
    assert Call.objects.get(provider="other").other_e164 == MOBILE


def test_what_a_user_chose_about_a_number_goes_too(ada, agents):
    PhonebookChoice.objects.create(
        number=LONDON,
        content_type=ContentType.objects.get_for_model(Contact),
        object_id=str(ada.pk),
        user=agents[0].user,
        made_at=timezone.now(),
    )
    assert "learned_choice: 1" in person("erase", LONDON, "--yes")


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("nobody", "no telephone number"),
        ("testapp.contact:4711", "no record"),
        ("testapp.contact:x", "no record"),
        ("testapp.none:1", "no record"),
    ],
)
def test_who_is_not_known_is_told(db, who, words):
    with pytest.raises(CommandError, match=words):
        person("export", who)


def test_erasing_without_a_terminal_has_to_be_confirmed(ada):
    with pytest.raises(CommandError, match="add --yes"):
        person("erase", LONDON)
    assert exported(LONDON)
