"""Learned choices and attached numbers: who said what, with the record; forgetting them, markers included."""

import pytest
from django.contrib.admin import helpers
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_voipcti import phonebook
from django_voipcti.models import PhonebookChoice, PhonebookEntry
from tests.admin.conftest import LONDON, listed, shown
from tests.testapp.models import Company, Contact


@pytest.fixture
def ada(db):
    return Contact.objects.create(name="Ada Lovelace", company=Company.objects.create(name="Analytical Engines"))


@pytest.fixture
def wife(db):
    return Contact.objects.create(name="Anne Isabella", phone=LONDON)


@pytest.fixture
def attached(ada):
    return phonebook.attach(LONDON, ada)


@pytest.fixture
def chosen(wife, boss):
    match = next(match for match in phonebook.lookup(LONDON) if match.object_id == str(wife.pk))
    return phonebook.choose(LONDON, match, boss)


def forget(client, *choices):
    return client.post(
        reverse("admin:django_voipcti_phonebookchoice_changelist"),
        {"action": "forget", helpers.ACTION_CHECKBOX_NAME: [choice.pk for choice in choices]},
        follow=True,
    )


def test_the_list_says_who_chose_what_for_which_number(boss_client, ada, attached, chosen):
    text = listed(boss_client, "phonebookchoice")
    assert "+44 20 7946 0123" in text
    assert f'<a href="{ada.get_absolute_url()}">Ada Lovelace</a>' in text
    assert "Analytical Engines" in text
    assert "attached, for everybody" in text
    assert ">Anne Isabella</a>" in text
    assert ">boss<" in text


@pytest.mark.parametrize("text", ["0044 20 7946-0123", "bos"])
def test_it_is_searched_by_number_and_by_user(boss_client, chosen, text):
    assert "Anne Isabella" in listed(boss_client, "phonebookchoice", q=text)
    assert "Anne Isabella" not in listed(boss_client, "phonebookchoice", q="0044 20 7946-0124")


def test_a_record_that_is_gone_says_so(boss_client, ada, attached):
    Contact.objects.filter(pk=ada.pk).delete()
    assert "gone, or not to be found any more" in listed(boss_client, "phonebookchoice")


def test_the_page_is_read_only(boss_client, attached):
    text = shown(boss_client, attached)
    assert "Ada Lovelace" in text
    assert 'name="_save"' not in text


def test_forgetting_removes_the_choice_and_its_marker(boss_client, attached, chosen):
    response = forget(boss_client, attached)
    assert "1 choice is forgotten." in response.content.decode()
    assert list(PhonebookChoice.objects.all()) == [chosen]
    markers = PhonebookEntry.objects.filter(kind="learned")
    assert [marker.object_id for marker in markers] == [chosen.object_id]


def test_forgetting_takes_the_permission(client, staff, attached):
    staff("view_phonebookchoice")
    forget(client, attached)
    assert PhonebookChoice.objects.exists()


def test_numbers_are_masked_and_records_hidden_without_permission(client, staff, attached):
    staff("view_phonebookchoice")
    for page in (listed(client, "phonebookchoice"), shown(client, attached)):
        assert "7946" not in page
        assert "Ada" not in page
        assert "Known contact" in page


def test_a_longer_list_needs_no_more_queries(boss_client, ada, attached):
    listed(boss_client, "phonebookchoice")
    with CaptureQueriesContext(connection) as short:
        listed(boss_client, "phonebookchoice")
    for n in range(20):
        phonebook.attach(f"+4420794600{n:02}", Contact.objects.create(name=f"C{n}", company=ada.company))
    with CaptureQueriesContext(connection) as long:
        listed(boss_client, "phonebookchoice")
    assert len(long) == len(short)
