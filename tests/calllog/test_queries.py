"""The call log as querysets: conversations, who answered, who was not called back, the calls of a record."""

import pytest
from django.template import Context, Template
from django.urls import reverse

from django_voipcti import html, journal
from django_voipcti.enums import Direction
from django_voipcti.models import Call, Line
from tests.calllog.story import LONDON, MOBILE, outbound, ring_group
from tests.journal.conftest import said
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]

#: A row of an inline on an admin page.
ROW = 'class="form-row has_original'


def test_a_conversation_is_one_row_and_says_who_answered(agents):
    ring_group("one", answered_by="602")
    call = Call.objects.conversations().get()
    assert (call.line, call.leg_count, call.answered_line_id) == (agents[1], 3, agents[1].pk)


def test_a_conversation_that_nobody_answered_is_one_missed_call(agents):
    ring_group("one")
    assert Call.objects.missed().count() == 3
    call = Call.objects.missed().conversations().get()
    assert (call.leg_count, call.answered_line_id) == (3, None)


def test_of_an_internal_call_the_callers_leg_stands_for_both(agents):
    journal.record(
        [
            said("RINGING", 1, line="602", call="i", conversation_id="i", number="601"),
            said("RINGING", 0, line="601", call="i", conversation_id="i", number="602", direction=Direction.OUTBOUND),
            said("CONNECTED", 4, line="602", call="i"),
            said("CONNECTED", 5, line="601", call="i"),
        ]
    )
    call = Call.objects.conversations().get()
    assert (call.line, call.leg_count, call.answered_line_id) == (agents[0], 2, agents[1].pk)


def test_conditions_before_choose_among_legs_and_those_after_among_conversations(agents):
    ring_group("one", answered_by="602")
    own = Call.objects.of_user(agents[0].user).conversations().get()
    assert (own.line, own.leg_count, own.answered_line_id) == (agents[0], 1, agents[1].pk)
    assert not Call.objects.conversations().filter(line=agents[0]).exists()


def test_conversations_of_two_providers_with_the_same_id_are_two(agents):
    ring_group("one", lines=("601",))
    Line.objects.create(provider="other", account="701", region="GB")
    journal.record([said("RINGING", 0, line="701", call="x", conversation_id="one", provider="other")])
    assert Call.objects.conversations().count() == 2


def test_calls_without_a_conversation_stand_for_themselves(agents):
    for line in agents[:2]:
        Call.objects.create(
            line=line,
            provider="default",
            conversation_id="",
            direction=Direction.OUTBOUND,
            state="REQUESTED",
            **dict.fromkeys(("state_at", "created_at", "started_at"), said(None, 0).observed_at),
        )
    assert [call.leg_count for call in Call.objects.conversations()] == [1, 1]


@pytest.mark.parametrize("answered", [True, False])
def test_a_missed_call_is_called_back_when_somebody_talked_to_the_number(agents, answered):
    ring_group("one")
    outbound("back", answered=answered)
    assert Call.objects.missed().not_called_back().exists() is not answered


def test_a_call_back_to_another_number_of_the_contact_counts(agents):
    Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)
    ring_group("one")
    outbound("back", number=MOBILE)
    assert not Call.objects.missed().not_called_back().exists()


def test_the_caller_who_gets_through_later_needs_no_call_back_any_more(agents):
    ring_group("one")
    ring_group("two", answered_by="603", begin=50)
    assert not Call.objects.missed().not_called_back().exists()


def test_an_earlier_or_a_strangers_conversation_does_not_count(agents):
    outbound("before", begin=-100)
    ring_group("one")
    outbound("stranger", number=MOBILE)
    assert Call.objects.missed().not_called_back().count() == 3


def test_a_missed_colleague_counts_as_called_back_on_the_same_line_only(agents):
    ring_group("one", lines=("601",), number="603")
    outbound("other", line="602", number="603")
    assert Call.objects.missed().not_called_back().count() == 1
    outbound("same", line="601", number="603")
    assert not Call.objects.missed().not_called_back().exists()


def test_a_record_has_its_calls_as_an_attribute(agents, django_assert_num_queries):
    ada, bob = Contact.objects.create(name="Ada", phone=LONDON), Contact.objects.create(name="Bob", phone=MOBILE)
    ring_group("one")
    assert ada.calls.missed().not_called_back().conversations().count() == 1
    with django_assert_num_queries(2):
        found = {contact: len(contact.calls.all()) for contact in Contact.objects.prefetch_related("calls")}
    assert found == {ada: 3, bob: 0}


def test_calls_outlive_their_record(agents):
    ada = Contact.objects.create(name="Ada", phone=LONDON)
    ring_group("one")
    ada.delete()
    assert [(call.contact, call.contact_label) for call in Call.objects.all()] == [(None, "Ada")] * 3


def test_the_timeline_shows_conversations_with_who_answered(agents, django_assert_num_queries):
    ada = Contact.objects.create(name="Ada", phone=LONDON)
    ring_group("one", answered_by="602")
    ring_group("two", begin=60)
    ben = agents[1].user
    with django_assert_num_queries(5):  # two of them ask for the user's permissions
        entries = html.timeline_entries(ada, ben)
    assert [(entry.missed, entry.answered_by, entry.legs) for entry in entries] == [(True, "", 1), (False, "Ben", 1)]
    page = Template("{% load voipcti %}{% call_timeline record %}").render(Context({"record": ada, "user": ben}))
    assert page.count("<li") == 2
    assert "answered by Ben" in page
    nobody = Template("{% load voipcti %}{% call_timeline record %}").render(Context({"record": ada}))
    assert "No calls yet." in nobody


def test_the_records_admin_page_lists_its_conversations(agents, boss_client):
    ada = Contact.objects.create(name="Ada", phone=LONDON)
    ring_group("one", answered_by="602")
    page = boss_client.get(reverse("admin:testapp_contact_change", args=[ada.pk])).content.decode()
    assert page.count(ROW) == 1
    assert "+44 20 7946 0123" in page


def test_saving_the_record_is_not_disturbed_by_calls_that_came_in_meanwhile(agents, boss_client):
    ada = Contact.objects.create(name="Ada", phone=LONDON)
    prefix = "django_voipcti-call-contact_type-contact_id"
    sent = {
        "name": "Ada L.",
        f"{prefix}-TOTAL_FORMS": "1",
        f"{prefix}-INITIAL_FORMS": "1",
        f"{prefix}-0-id": "4711",
    }
    answer = boss_client.post(reverse("admin:testapp_contact_change", args=[ada.pk]), sent)
    assert answer.status_code == 302
    ada.refresh_from_db()
    assert ada.name == "Ada L."


def test_the_records_page_masks_numbers_and_leaves_out_others_calls(agents, staff, client):
    ada = Contact.objects.create(name="Ada", mobile=LONDON)
    ring_group("one")
    user = staff("view_call", "view_contact")
    address = reverse("admin:testapp_contact_change", args=[ada.pk])
    assert ROW not in client.get(address).content.decode()
    agents[2].user = user
    agents[2].save()
    page = client.get(address).content.decode()
    assert page.count(ROW) == 1
    assert "+44 20 7946 0123" not in page
