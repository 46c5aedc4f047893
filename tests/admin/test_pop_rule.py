"""Screen pop rules: the ordered table, its form, and trying a rule before it is in force."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_voipcti import journal
from django_voipcti.models import Call, PopRule
from tests.admin.conftest import LONDON, listed, shown
from tests.journal.conftest import said
from tests.testapp.models import Contact

TRY = "admin:django_voipcti_poprule_try"


@pytest.fixture
def calls(line):
    """Four inbound calls, the last one of a number that one record has."""
    journal.record([said("RINGING", n, call=f"call-{n}", number=f"+4420794600{n:02}") for n in range(4)])
    Call.objects.filter(external_id="call-3").update(matches=1)
    return list(Call.objects.order_by("-id"))


def form(**values):
    return {"name": "R", "position": "10", "enabled": "on", "action": "silent", **values}


def try_new(client, **values):
    response = client.post(reverse(f"{TRY}_new"), form(**values))
    assert response.status_code == 200
    return response.content.decode()


class TestList:
    def test_rules_stand_in_the_order_in_which_they_are_tried(self, boss_client):
        PopRule.objects.create(name="later", position=20)
        PopRule.objects.create(name="sooner", position=10)
        text = listed(boss_client, "poprule")
        assert text.index("sooner") < text.index("later")

    def test_conditions_stand_in_words(self, boss_client, line):
        PopRule.objects.create(
            name="R", matches="none", direction="INBOUND", party="outside", line=line, provider="main", context="RG-*"
        )
        words = re.findall(r'class="voipcti-condition">([^<]*)<', listed(boss_client, "poprule"))
        assert words == [
            "inbound",
            "with somebody outside",
            "nobody found",
            "on the line Ana",
            "by the provider main",
            "through RG-*",
        ]

    def test_a_rule_without_conditions_holds_for_every_call(self, boss_client):
        PopRule.objects.create(name="R")
        assert ">every call<" in listed(boss_client, "poprule")

    def test_order_and_switch_are_changed_in_the_list(self, boss_client):
        rule = PopRule.objects.create(name="R", position=100)
        text = listed(boss_client, "poprule")
        assert 'name="_save"' in text
        assert 'aria-label="Position: R"' in text
        fields = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": rule.pk, "form-0-position": 5}
        boss_client.post(reverse("admin:django_voipcti_poprule_changelist"), {**fields, "_save": "Save"})
        rule.refresh_from_db()
        assert (rule.position, rule.enabled) == (5, False)

    def test_more_rules_need_no_more_queries(self, boss_client, line):
        PopRule.objects.create(name="first", line=line)
        listed(boss_client, "poprule")
        with CaptureQueriesContext(connection) as short:
            listed(boss_client, "poprule")
        PopRule.objects.bulk_create(PopRule(name=f"R{n}", line=line) for n in range(20))
        with CaptureQueriesContext(connection) as long:
            listed(boss_client, "poprule")
        assert len(long) == len(short)


class TestForm:
    def test_providers_are_those_of_the_settings(self, boss_client, settings):
        page = boss_client.get(reverse("admin:django_voipcti_poprule_add")).content.decode()
        choices = re.findall(r'<option value="([^"]*)"', page[page.index('name="provider"') :])
        assert set(choices) >= {"", *settings.VOIPCTI["PROVIDERS"]}
        assert 'name="line"' in page
        assert "admin-autocomplete" in page

    def test_a_provider_that_left_the_settings_is_kept_until_somebody_changes_it(self, boss_client):
        rule = PopRule.objects.create(name="R", provider="gone")
        assert "gone (no longer in the settings)" in shown(boss_client, rule)
        address = reverse("admin:django_voipcti_poprule_change", args=[rule.pk])
        assert boss_client.post(address, form(name="renamed", provider="gone")).status_code == 302
        rule.refresh_from_db()
        assert (rule.name, rule.provider) == ("renamed", "gone")

    def test_saving_stores_what_was_entered(self, boss_client, line):
        boss_client.post(reverse("admin:django_voipcti_poprule_add"), form(matches="none", line=str(line.pk)))
        rule = PopRule.objects.get()
        assert (rule.action, rule.matches, rule.line, rule.position) == ("silent", "none", line, 10)


class TestTrial:
    def test_an_unsaved_rule_shows_what_it_would_change_and_saves_nothing(self, boss_client, calls):
        text = try_new(boss_client, matches="none")
        assert "Would change <strong>3 of 4</strong> calls." in text
        assert not PopRule.objects.exists()
        rows = re.findall(r"<tr( class=\"voipcti-changed\")?>\s*<td class=\"voipcti-figure\">", text)
        assert [bool(row) for row in rows] == [True, True, True, False], "those that change come first"
        assert "show the caller" in text
        assert "Rule “R”." in text

    def test_the_form_keeps_what_was_entered_and_saves_where_it_would_have(self, boss_client, calls):
        text = try_new(boss_client, name="Quiet", matches="none")
        assert 'value="Quiet"' in text
        assert f'action="{reverse("admin:django_voipcti_poprule_add")}"' in text

    def test_a_saved_rule_is_tried_as_it_stands_in_the_form(self, boss_client, calls):
        rule = PopRule.objects.create(name="R", action="log_only")
        address = reverse(TRY, args=[rule.pk])
        text = boss_client.post(address, form(action="pop")).content.decode()
        assert "Would change <strong>4 of 4</strong> calls." in text
        assert f'action="{reverse("admin:django_voipcti_poprule_change", args=[rule.pk])}"' in text
        rule.refresh_from_db()
        assert rule.action == "log_only"

    def test_a_rule_that_changes_nothing_says_so(self, boss_client, calls):
        assert "Would change none of 4 calls." in try_new(boss_client, action="pop")
        assert "There are no calls yet" not in try_new(boss_client, action="pop")

    def test_without_calls_it_says_so(self, boss_client):
        assert "There are no calls yet" in try_new(boss_client)

    def test_a_mistake_in_the_form_is_shown_instead(self, boss_client, calls):
        text = try_new(boss_client, name="")
        assert "This field is required." in text
        assert "Would change" not in text

    def test_the_button_stands_on_both_pages(self, boss_client):
        rule = PopRule.objects.create(name="R")
        assert f'formaction="{reverse(TRY, args=[rule.pk])}#trial"' in shown(boss_client, rule)
        page = boss_client.get(reverse("admin:django_voipcti_poprule_add")).content.decode()
        assert f'formaction="{reverse(f"{TRY}_new")}#trial"' in page

    def test_a_visit_without_a_form_leads_to_the_form(self, boss_client):
        rule = PopRule.objects.create(name="R")
        assert boss_client.get(reverse(TRY, args=[rule.pk])).url.endswith(f"/{rule.pk}/change/")
        assert boss_client.get(reverse(f"{TRY}_new")).url.endswith("/add/")
        assert boss_client.post(reverse(TRY, args=[rule.pk + 1]), form()).status_code == 404

    def test_more_calls_need_no_more_queries(self, boss_client, line):
        journal.record([said("RINGING", 0, number=LONDON)])
        try_new(boss_client)
        with CaptureQueriesContext(connection) as short:
            try_new(boss_client)
        journal.record([said("RINGING", n, call=f"more-{n}", number=f"+4420794600{n:02}") for n in range(1, 30)])
        with CaptureQueriesContext(connection) as long:
            try_new(boss_client)
        assert len(long) == len(short)


class TestPermissions:
    def test_numbers_are_masked_without_the_permission(self, client, staff, calls):
        staff("add_poprule", "view_call", "watch_lines")
        text = try_new(client)
        assert "Would change <strong>4 of 4</strong>" in text
        assert "7946" not in text

    def test_names_are_hidden_of_records_that_the_user_may_not_view(self, client, staff, line):
        Contact.objects.create(name="Ada Lovelace", phone=LONDON)
        journal.record([said("RINGING", 0, number=LONDON)])
        staff("add_poprule", "view_call", "watch_lines")
        text = try_new(client)
        assert "Would change <strong>1 of 1</strong>" in text
        assert "Ada" not in text

    def test_only_calls_count_that_the_user_may_see(self, client, staff, calls):
        staff("add_poprule", "view_call")
        assert "There are no calls yet" in try_new(client)

    def test_who_may_not_view_calls_sees_the_count_only(self, client, staff, calls):
        user = staff("add_poprule")
        Call.objects.get(external_id="call-1").line.__class__.objects.update(user=user)
        text = try_new(client)
        assert "Would change <strong>4 of 4</strong>" in text
        assert "Which ones, only those see who may view calls." in text
        assert "voipcti-changed" not in text

    def test_trying_takes_the_permission_to_save(self, client, staff, calls):
        rule = PopRule.objects.create(name="R")
        staff("view_poprule")
        assert client.post(reverse(f"{TRY}_new"), form()).status_code == 403
        assert client.post(reverse(TRY, args=[rule.pk]), form()).status_code == 403
        assert "formaction" not in shown(client, rule)
