"""The phonebook's index, to look at."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti.models import PhonebookEntry, ReindexProgress
from tests.admin.conftest import listed, shown
from tests.testapp.models import Contact


@pytest.fixture
def ada(db):
    return Contact.objects.create(name="Ada Lovelace", phone="+44 20 7946 0123")


def test_it_shows_record_spelling_and_reading(boss_client, ada):
    text = listed(boss_client, "phonebookentry")
    assert f'<a href="{ada.get_absolute_url()}">Ada Lovelace</a>' in text
    assert "+44 20 7946 0123" in text
    assert ">valid number</span></a>" in text, "the kind leads to the entry, the name to the record"


@pytest.mark.parametrize("text", ["Lovelace", "0044 20 7946-0123"])
def test_it_is_searched_by_name_and_by_number(boss_client, ada, text):
    assert "Ada Lovelace" in listed(boss_client, "phonebookentry", q=text)
    assert "Ada Lovelace" not in listed(boss_client, "phonebookentry", q="0044 20 7946-0124")


def test_numbers_are_masked_without_the_permission(client, staff, ada):
    staff("view_phonebookentry")
    entry = PhonebookEntry.objects.get(label="Ada Lovelace")
    for page in (listed(client, "phonebookentry"), shown(client, entry)):
        assert "7946" not in page


class TestStatus:
    def test_it_names_the_registered_models_and_leads_to_what_cannot_be_read(self, boss_client, ada):
        text = listed(boss_client, "phonebookentry")
        assert "Kept for: contacts." in text
        assert 'href="?kind__exact=unreadable"' in text
        assert "voipcti_reindex" not in text

    def test_what_cannot_be_read_is_listed(self, boss_client, ada):
        Contact.objects.create(name="Grace Hopper", phone="call her husband")
        text = listed(boss_client, "phonebookentry", kind__exact="unreadable")
        assert "Grace Hopper" in text
        assert "Ada Lovelace" not in text

    def test_records_without_any_entry_ask_for_a_reindex(self, boss_client, ada):
        PhonebookEntry.objects.all().delete()
        assert "Run <code>manage.py voipcti_reindex</code> once." in listed(boss_client, "phonebookentry")

    def test_an_empty_model_needs_none(self, boss_client):
        assert "voipcti_reindex" not in listed(boss_client, "phonebookentry")

    def test_a_run_that_was_broken_off_can_be_resumed(self, boss_client, ada):
        content_type = ContentType.objects.get_for_model(Contact)
        ReindexProgress.objects.create(content_type=content_type, after_key="7", records=7000)
        assert "voipcti_reindex --resume" in listed(boss_client, "phonebookentry")

    def test_without_a_registered_model_it_says_how_to_register_one(self, boss_client, register):
        assert "phonebook.register()" in listed(boss_client, "phonebookentry")

    def test_a_longer_list_needs_no_more_queries(self, boss_client, ada):
        listed(boss_client, "phonebookentry")
        with CaptureQueriesContext(connection) as short:
            listed(boss_client, "phonebookentry")
        for n in range(20):
            Contact.objects.create(name=f"C{n}", phone=f"+4420794600{n:02}")
        with CaptureQueriesContext(connection) as long:
            listed(boss_client, "phonebookentry")
        assert len(long) == len(short)
