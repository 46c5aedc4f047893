"""The call log: what its list shows, to whom, how it is searched, and that nobody writes it here."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_voipcti import journal
from django_voipcti.models import Call, CallCommand, MissedCall
from tests.admin.conftest import LONDON, listed, shown
from tests.journal.conftest import said
from tests.testapp.models import Company, Contact


@pytest.fixture
def ada(db):
    return Contact.objects.create(
        name="Ada Lovelace", phone="020 7946 0123", company=Company.objects.create(name="Analytical Engines")
    )


class TestList:
    def test_it_shows_who_when_on_which_line_for_how_long_and_why_it_ended(self, boss_client, ada, call):
        text = listed(boss_client, "call")
        assert f'<a href="{ada.get_absolute_url()}">Ada Lovelace</a>' in text
        assert "Analytical Engines" in text
        assert 'aria-label="inbound"' in text
        assert "Ana" in text
        assert "601" in text
        assert "0:04" in text
        assert "1:00" in text
        assert "completed" in text

    def test_a_live_call_shows_its_state(self, boss_client, line):
        journal.record([said("RINGING", 0, number=LONDON)])
        assert ">ringing</span>" in listed(boss_client, "call")

    def test_who_may_not_view_the_record_sees_a_known_contact(self, staff, client, ada, call):
        """On every page of the admin that names the other party."""
        MissedCall.objects.create(provider="default", conversation_id="c1", call=call, missed_at=call.started_at)
        times = {"created_at": call.started_at, "expires_at": call.started_at}
        CallCommand.objects.create(call=call, line=call.line, action="hang_up", state="succeeded", **times)
        views = ("view_call", "view_missedcall", "view_callcommand", "view_full_number", "watch_lines")
        staff(*views)
        for model, row in (
            ("call", call),
            ("missedcall", MissedCall.objects.get()),
            ("callcommand", CallCommand.objects.get()),
        ):
            page = reverse(f"admin:django_voipcti_{model}_change", args=[row.pk])
            for text in (listed(client, model), client.get(page).content.decode()):
                assert "Known contact" in text
                for secret in ("Ada", "Analytical", ada.get_absolute_url()):
                    assert secret not in text
        assert Call.objects.get().contact_label == "Ada Lovelace"

    def test_nor_does_he_find_calls_by_its_name(self, staff, client, ada, call):
        user = staff("view_call", "watch_lines")
        assert "Known contact" not in listed(client, "call", q="Lovelace")
        user.user_permissions.add(Permission.objects.get(codename="view_contact"))
        assert "Ada Lovelace" in listed(client, "call", q="Lovelace")

    def test_a_caller_without_number_is_named_as_such(self, boss_client, line):
        journal.record([said("RINGING", 0, number="anonymous")])
        assert "withheld number" in listed(boss_client, "call")

    def test_a_longer_list_needs_no_more_queries(self, boss_client, call, line):
        listed(boss_client, "call")
        with CaptureQueriesContext(
            connection,
        ) as short:
            listed(boss_client, "call")
        journal.record([said("RINGING", 100 + n, call=f"more-{n}", number=f"+4420794600{n:02}") for n in range(20)])
        with CaptureQueriesContext(connection) as long:
            listed(boss_client, "call")
        assert len(long) <= len(short)

    def test_the_log_is_never_read_for_its_days_or_counts(self, boss_client, call):
        with CaptureQueriesContext(connection) as queries:
            listed(boss_client, "call")
        about_calls = [query["sql"] for query in queries if 'FROM "django_voipcti_call"' in query["sql"]]
        assert len(about_calls) == 2, "the rows, and one count"
        assert [("LIMIT" in sql) for sql in about_calls if "COUNT(" in sql] == [True], "which stops at a limit"

    def test_nothing_can_be_sorted_by(self, boss_client, call):
        """What has no index would sort the whole log; the oldest call stands on the last page."""
        assert 'class="sortable' not in listed(boss_client, "call", o="1")


class TestSearch:
    @pytest.mark.parametrize("spelling", ["020 7946 0123", "+44 (0)20 7946-0123", "0044 20 79460123", "442079460123"])
    def test_a_number_is_found_in_any_spelling(self, boss_client, call, settings, spelling):
        settings.VOIPCTI = {**settings.VOIPCTI, "DEFAULT_REGION": "GB"}
        assert ">completed</span>" in listed(boss_client, "call", q=spelling)

    def test_another_number_is_not(self, boss_client, call):
        assert ">completed</span>" not in listed(boss_client, "call", q="+44 20 7946 0124")

    def test_a_number_without_country_finds_calls_that_the_provider_showed_so(self, boss_client, line):
        journal.record([said("RINGING", 0, number="602")])
        assert ">ringing</span>" in listed(boss_client, "call", q="602")

    @pytest.mark.parametrize("text", ["lovelace", "Ada", "engines"])
    def test_names_and_companies_are_found(self, boss_client, ada, call, text):
        assert ">completed</span>" in listed(boss_client, "call", q=text)
        assert ">completed</span>" not in listed(boss_client, "call", q="Babbage")


class TestNumbers:
    def test_they_are_masked_without_the_permission(self, client, staff, call):
        staff("view_call", "watch_lines")
        for text in (listed(client, "call"), shown(client, call)):
            assert "7946 0123" not in text
            assert "79460123" not in text
            assert "123" in text

    def test_they_are_shown_with_it(self, client, staff, call):
        staff("view_call", "watch_lines", "view_full_number")
        assert "+44 20 7946 0123" in listed(client, "call")
        assert LONDON in shown(client, call)

    def test_a_number_that_stands_in_for_a_name_is_masked_too(self, client, staff, line):
        from django_voipcti.events import Party
        from django_voipcti.redaction import PhoneNumber

        staff("view_call", "watch_lines")
        journal.record([said("RINGING", 0, other=Party(number=PhoneNumber(LONDON), name="442079460123"))])
        assert "79460123" not in listed(client, "call")


class TestPermissions:
    def test_staff_sees_the_calls_of_its_own_lines_only(self, client, staff, call):
        user = staff("view_call")
        assert ">completed</span>" not in listed(client, "call")
        address = reverse("admin:django_voipcti_call_change", args=[call.pk])
        assert client.get(address).status_code == 302
        call.line.user = user
        call.line.save()
        assert ">completed</span>" in listed(client, "call")

    def test_staff_without_any_is_refused(self, client, staff, call):
        staff()
        assert client.get(reverse("admin:django_voipcti_call_changelist")).status_code == 403

    def test_nobody_changes_or_deletes_calls(self, boss_client, call):
        page = reverse("admin:django_voipcti_call_change", args=[call.pk])
        assert boss_client.post(page, {"cause": "mine"}).status_code == 403
        assert boss_client.post(reverse("admin:django_voipcti_call_delete", args=[call.pk])).status_code == 403
        assert Call.objects.get().cause == "Normal Clearing"
