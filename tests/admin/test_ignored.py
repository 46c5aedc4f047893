"""The ignore list: any spelling goes in, prefixes too; what is no number is refused; numbers come off again."""

import pytest
from django.contrib.admin import helpers
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_voipcti import journal, phonebook
from django_voipcti.models import Call, DoNotCallNumber, IgnoredNumber
from tests.admin.conftest import LONDON, listed
from tests.journal.conftest import said

ADD = "admin:django_voipcti_ignorednumber_add"


@pytest.fixture(autouse=True)
def britain(settings):
    settings.VOIPCTI = {**settings.VOIPCTI, "DEFAULT_REGION": "GB"}


def act(client, model, name, *objects):
    response = client.post(
        reverse(f"admin:django_voipcti_{model}_changelist"),
        {"action": name, helpers.ACTION_CHECKBOX_NAME: [each.pk for each in objects]},
        follow=True,
    )
    return [str(message) for message in response.context["messages"]] if response.context else []


class TestEntering:
    @pytest.mark.parametrize(
        ("text", "pattern"),
        [
            ("020 7946 0123", LONDON),
            ("+44 (0)20 7946-0123", LONDON),
            ("+44 20 7946*", "+44207946*"),
            ("+49180*", "+49180*"),
            ("601", "601"),
        ],
    )
    def test_any_spelling_is_kept_as_calls_are_compared(self, boss_client, boss, text, pattern):
        assert boss_client.post(reverse(ADD), {"pattern": text, "note": "survey"}).status_code == 302
        ignored = IgnoredNumber.objects.get()
        assert (ignored.pattern, ignored.note, ignored.created_by) == (pattern, "survey", boss)

    @pytest.mark.parametrize("text", ["hello", "*", "0180*"])
    def test_what_is_no_number_is_refused_with_a_sentence(self, boss_client, text):
        page = boss_client.post(reverse(ADD), {"pattern": text}).content.decode()
        assert "is not a telephone number. For all numbers that begin alike write +49180*." in page
        assert not IgnoredNumber.objects.exists()

    def test_the_same_number_in_another_spelling_is_there_already(self, boss_client):
        phonebook.ignore(LONDON)
        page = boss_client.post(reverse(ADD), {"pattern": "020 7946 0123"}).content.decode()
        assert "This number is on the list already." in page

    def test_a_later_change_does_not_change_who_entered_it(self, boss_client):
        ignored = phonebook.ignore(LONDON)
        address = reverse("admin:django_voipcti_ignorednumber_change", args=[ignored.pk])
        assert boss_client.post(address, {"pattern": LONDON, "note": "new"}).status_code == 302
        ignored.refresh_from_db()
        assert (ignored.note, ignored.created_by) == ("new", None)


class TestList:
    def test_numbers_stand_as_people_write_them_and_are_found_in_any_spelling(self, boss_client, boss):
        phonebook.ignore(LONDON, user=boss, note="survey")
        phonebook.ignore("+49180*")
        text = listed(boss_client, "ignorednumber")
        assert "020 7946 0123" in text
        assert "+49180…" in text
        assert "020 7946 0123" in listed(boss_client, "ignorednumber", q="+44 20 7946-0123")
        assert "020 7946 0123" in listed(boss_client, "ignorednumber", q="surv")
        assert "020 7946 0123" not in listed(boss_client, "ignorednumber", q="+44 20 7946-0124")

    def test_a_longer_list_needs_no_more_queries(self, boss_client, boss):
        phonebook.ignore(LONDON, user=boss)
        listed(boss_client, "ignorednumber")
        with CaptureQueriesContext(connection) as short:
            listed(boss_client, "ignorednumber")
        for n in range(20):
            phonebook.ignore(f"+4420794600{n:02}", user=boss)
        with CaptureQueriesContext(connection) as long:
            listed(boss_client, "ignorednumber")
        assert len(long) == len(short)

    def test_numbers_are_taken_off(self, boss_client):
        taken, left = phonebook.ignore(LONDON), phonebook.ignore("+49180*")
        assert act(boss_client, "ignorednumber", "take_off", taken) == ["1 number is no longer ignored."]
        assert list(IgnoredNumber.objects.all()) == [left]

    def test_without_the_permission_numbers_are_masked_and_pages_closed(self, client, staff):
        staff("view_ignorednumber", "change_ignorednumber", "delete_ignorednumber")
        ignored = phonebook.ignore(LONDON)
        assert "7946" not in listed(client, "ignorednumber")
        for page in ("change", "delete", "history"):
            response = client.get(reverse(f"admin:django_voipcti_ignorednumber_{page}", args=[ignored.pk]))
            assert response.status_code in {302, 403}
            assert "7946" not in response.content.decode()
        assert act(client, "ignorednumber", "take_off", ignored) == ["1 number is no longer ignored."]

    def test_taking_off_takes_the_permission(self, client, staff):
        staff("view_ignorednumber", "view_full_number")
        ignored = phonebook.ignore(LONDON)
        act(client, "ignorednumber", "take_off", ignored)
        assert IgnoredNumber.objects.exists()


class TestFromTheCallLog:
    @pytest.fixture
    def calls(self, line):
        journal.record(
            [
                said("RINGING", 0, call="a", number=LONDON),
                said("RINGING", 1, call="b", number=LONDON),
                said("RINGING", 2, call="c", number="anonymous"),
            ]
        )
        return list(Call.objects.all())

    def test_the_numbers_of_calls_are_ignored(self, boss_client, boss, calls):
        told = act(boss_client, "call", "ignore_number", *calls)
        assert told == ["1 number is ignored from now on.", "Callers without a number cannot be ignored."]
        ignored = IgnoredNumber.objects.get()
        assert (ignored.pattern, ignored.created_by) == (LONDON, boss)

    def test_it_takes_the_permission_to_add_to_the_list(self, client, staff, calls):
        staff("view_call", "watch_lines")
        assert "ignore_number" not in listed(client, "call")
        act(client, "call", "ignore_number", *calls)
        assert not IgnoredNumber.objects.exists()

    def test_more_than_a_hundred_calls_are_a_slip(self, boss_client, calls, monkeypatch):
        monkeypatch.setattr("django_voipcti.admin.call._MOST", 2)
        assert act(boss_client, "call", "ignore_number", *calls) == ["Choose 2 calls at most."]
        assert not IgnoredNumber.objects.exists()


class TestDoNotCall:
    """The other list of numbers works alike."""

    def test_a_number_goes_in_in_any_spelling_and_comes_off_again(self, boss_client, boss):
        address = reverse("admin:django_voipcti_donotcallnumber_add")
        assert boss_client.post(address, {"pattern": "020 7946 0123", "note": "by letter"}).status_code == 302
        entry = DoNotCallNumber.objects.get()
        assert (entry.pattern, entry.note, entry.created_by) == (LONDON, "by letter", boss)
        assert act(boss_client, "donotcallnumber", "take_off", entry)[-1:] == ["1 number may be called again."]
        assert not DoNotCallNumber.objects.exists()

    def test_it_is_masked_without_the_permission(self, client, staff):
        DoNotCallNumber.objects.create(pattern=LONDON, note="by letter")
        staff("view_donotcallnumber")
        text = listed(client, "donotcallnumber")
        assert "by letter" in text
        assert "79460123" not in text.replace(" ", "")
