"""The phonebook's index, to look at."""

import pytest

from django_voipcti.models import PhonebookEntry
from tests.admin.conftest import listed, shown
from tests.testapp.models import Contact


@pytest.fixture
def ada(db):
    return Contact.objects.create(name="Ada Lovelace", phone="+44 20 7946 0123")


def test_it_shows_record_spelling_and_reading(boss_client, ada):
    text = listed(boss_client, "phonebookentry")
    assert f'<a href="{ada.get_absolute_url()}">Ada Lovelace</a>' in text
    assert "+44 20 7946 0123" in text
    assert ">valid number</span>" in text


@pytest.mark.parametrize("text", ["Lovelace", "0044 20 7946-0123"])
def test_it_is_searched_by_name_and_by_number(boss_client, ada, text):
    assert "Ada Lovelace" in listed(boss_client, "phonebookentry", q=text)
    assert "Ada Lovelace" not in listed(boss_client, "phonebookentry", q="0044 20 7946-0124")


def test_numbers_are_masked_without_the_permission(client, staff, ada):
    staff("view_phonebookentry")
    entry = PhonebookEntry.objects.get(label="Ada Lovelace")
    for page in (listed(client, "phonebookentry"), shown(client, entry)):
        assert "7946" not in page
