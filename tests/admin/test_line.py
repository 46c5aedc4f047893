"""Lines: what the list and the page show, what they never show, and the actions."""

from datetime import timedelta

import pytest
from django.contrib.admin import helpers
from django.urls import reverse
from django.utils import timezone

from django_voipcti.enums import LineStatus
from django_voipcti.exceptions import ProviderUnavailable
from django_voipcti.models import BridgeInstance, Line, LineLease
from django_voipcti.providers import providers
from tests.admin.conftest import listed, shown

SECRET = "never-to-be-seen"


@pytest.fixture
def ready_line(line):
    """Ana's line, logged in and connected."""
    line.set_secrets({"token": SECRET})
    line.save()
    line.set_status(LineStatus.READY, "Connected.")
    return line


@pytest.fixture(autouse=True)
def fresh_provider(settings):
    """A dummy provider that nobody has asked anything: changed settings make new ones."""
    settings.VOIPCTI = dict(settings.VOIPCTI)


def act(client, name, *lines):
    """Run an action on lines; return the messages."""
    response = client.post(
        reverse("admin:django_voipcti_line_changelist"),
        {"action": name, helpers.ACTION_CHECKBOX_NAME: [line.pk for line in lines]},
        follow=True,
    )
    return [(message.level_tag, str(message)) for message in response.context["messages"]]


class TestList:
    def test_each_line_shows_whose_it_is_and_how_it_stands(self, boss_client, ready_line):
        text = listed(boss_client, "line")
        assert 'class="voipcti-badge good" title="Connected.">ready<' in text
        assert ">ana<" in text
        assert ">601<" in text

    def test_a_line_that_is_switched_off_says_so(self, boss_client, ready_line):
        Line.objects.filter(pk=ready_line.pk).update(enabled=False)
        assert ">switched off<" in listed(boss_client, "line")

    def test_it_names_the_bridge_that_holds_the_line(self, boss_client, ready_line):
        now = timezone.now()
        bridge = BridgeInstance.objects.create(name="bridge-7", started_at=now, heartbeat_at=now)
        lease = LineLease.objects.create(line=ready_line, instance=bridge, expires_at=now + timedelta(seconds=15))
        assert "bridge-7" in listed(boss_client, "line")
        lease.expires_at = now
        lease.save()
        assert "bridge-7" not in listed(boss_client, "line")


class TestPage:
    def test_credentials_are_never_shown(self, boss_client, ready_line):
        page = shown(boss_client, ready_line)
        assert SECRET not in page
        assert ready_line.secrets not in page
        assert "Stored encrypted" in page

    def test_a_line_without_credentials_says_how_to_log_it_in(self, boss_client, line):
        page = shown(boss_client, line)
        assert "None. Use “Log in”" in page
        assert reverse("admin:django_voipcti_line_login", args=[line.pk]) in page

    def test_saving_leaves_the_credentials_alone(self, boss_client, ready_line):
        response = boss_client.post(
            reverse("admin:django_voipcti_line_change", args=[ready_line.pk]),
            {
                "user": ready_line.user_id,
                "provider": "default",
                "account": "601",
                "label": "Desk",
                "options": "{}",
            },
        )
        assert response.status_code == 302
        saved = Line.objects.get(pk=ready_line.pk)
        assert (saved.label, saved.enabled) == ("Desk", False)
        assert saved.reveal_secrets() == {"token": SECRET}
        assert saved.status == LineStatus.READY

    def test_the_provider_is_chosen_from_the_configured_ones(self, boss_client, line):
        assert '<option value="default" selected>default (Dummy)</option>' in shown(boss_client, line)

    def test_the_user_is_searched_for_not_listed(self, boss_client, line):
        page = shown(boss_client, line)
        assert "admin-autocomplete" in page
        assert ">ben<" not in page


def report_on(client, line):
    """Press "Test the connection" on a line's page; return the report's text."""
    response = client.post(reverse("admin:django_voipcti_line_test", args=[line.pk]))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.django_db(transaction=True)
class TestConnectionTest:
    def test_a_button_on_the_lines_page_leads_to_the_report(self, boss_client, ready_line):
        assert reverse("admin:django_voipcti_line_test", args=[ready_line.pk]) in shown(boss_client, ready_line)
        page = report_on(boss_client, ready_line)
        assert "Everything works." in page
        assert 'class="voipcti-badge voipcti-outcome good ok">works<' in page
        assert "The credentials are accepted." in page

    def test_a_failure_is_told_in_the_providers_words(self, boss_client, ready_line):
        providers["default"].fail("keep_alive", ProviderUnavailable("The provider does not answer. Try again later."))
        page = report_on(boss_client, ready_line)
        assert "“Account” failed." in page
        assert "The provider does not answer. Try again later." in page

    def test_a_line_without_credentials_is_to_be_logged_in(self, boss_client, line):
        page = report_on(boss_client, line)
        assert "No credentials are stored." in page
        assert "Log the line in first." in page
        assert providers["default"].commands == []

    def test_credentials_that_cannot_be_decrypted_name_the_setting(self, boss_client, ready_line, settings):
        settings.SECRET_KEY = "another" * 10
        boss_client.force_login(ready_line.user.__class__.objects.get(username="boss"))
        assert "CREDENTIAL_KEYS" in report_on(boss_client, ready_line)

    def test_a_provider_that_left_the_settings_is_told_of(self, boss_client, ready_line):
        Line.objects.filter(pk=ready_line.pk).update(provider="gone")
        page = report_on(boss_client, ready_line)
        assert "“Settings” failed." in page
        assert "gone" in page

    def test_the_list_tests_several_lines_at_once(self, boss_client, agents, ready_line):
        page = report_of(boss_client, ready_line, agents[1])
        assert page.count('class="module voipcti-report"') == 2
        assert "Everything works." in page
        assert "No credentials are stored." in page

    def test_the_list_tests_so_many_lines_and_says_how_many_are_left(self, boss_client, agents, monkeypatch):
        monkeypatch.setattr("django_voipcti.admin.line_test.MOST_LINES", 1)
        page = report_of(boss_client, *agents[:3])
        assert page.count('class="module voipcti-report"') == 1
        assert "2 more lines were left out" in page

    def test_reloading_tests_nothing(self, boss_client, ready_line):
        response = boss_client.get(reverse("admin:django_voipcti_line_test", args=[ready_line.pk]))
        assert response.url == reverse("admin:django_voipcti_line_change", args=[ready_line.pk])
        assert providers["default"].commands == []

    def test_it_needs_the_permission_to_change_lines(self, client, staff, ready_line):
        staff("view_line")
        assert "Test the connection" not in shown(client, ready_line)
        assert client.post(reverse("admin:django_voipcti_line_test", args=[ready_line.pk])).status_code == 403
        report_of(client, ready_line)
        assert providers["default"].commands == []


def report_of(client, *lines):
    """Run the action of the list on lines; return the text of what it answers."""
    response = client.post(
        reverse("admin:django_voipcti_line_changelist"),
        {"action": "test_connection", helpers.ACTION_CHECKBOX_NAME: [line.pk for line in lines]},
    )
    return response.content.decode()


@pytest.mark.django_db(transaction=True)
class TestLogOut:
    def test_the_token_is_revoked_and_forgotten(self, boss_client, agents, ready_line):
        assert act(boss_client, "log_out", ready_line, agents[1]) == [
            ("success", "Ana: logged out."),
            ("info", "Ben: is not logged in."),
        ]
        assert [command.action for command in providers["default"].commands] == ["logout"]
        line = Line.objects.get(pk=ready_line.pk)
        assert (line.secrets, line.status) == ("", LineStatus.LOGGED_OUT)
