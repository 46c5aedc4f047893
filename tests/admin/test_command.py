"""Commands: who asked what, and what came of it."""

import pytest

from django_voipcti import control
from django_voipcti.enums import LineStatus
from django_voipcti.models import CallCommand
from tests.admin.conftest import LONDON, listed, shown


@pytest.fixture
def command(line):
    line.set_secrets({"token": "t"})
    line.save()
    line.set_status(LineStatus.READY)
    return control.place_call(line.user, LONDON)


def test_list_and_page_show_the_whole_story(boss_client, command):
    CallCommand.objects.update(claimed_by="bridge-7", message="The phone did not answer.", state="failed")
    for text in (listed(boss_client, "callcommand"), shown(boss_client, command)):
        assert ">failed</span>" in text
        assert "The phone did not answer." in text
        assert ">ana<" in text
    assert "bridge-7" in shown(boss_client, command)


def test_numbers_are_masked_without_the_permission(client, staff, command):
    staff("view_callcommand", "watch_lines")
    for text in (listed(client, "callcommand"), shown(client, command)):
        assert "79460123" not in text.replace(" ", "")


def test_commands_of_others_are_not_for_everybody(client, staff, command):
    staff("view_callcommand")
    assert "field-action" not in listed(client, "callcommand")


class TestOverridden:
    """Calls that were placed although something spoke against them."""

    @pytest.fixture
    def overriding(self, command):
        CallCommand.objects.update(overridden=["do_not_call", "in_debt"], reason="She asked me to call.")
        return CallCommand.objects.get()

    def test_what_was_set_aside_and_why_is_shown(self, boss_client, overriding):
        assert "She asked me to call." in listed(boss_client, "callcommand")
        text = shown(boss_client, overriding)
        assert "does not want to be called, in_debt" in text
        assert "She asked me to call." in text

    def test_the_page_of_the_call_shows_it_too(self, boss_client, overriding):
        text = shown(boss_client, overriding.call)
        assert "Confirmed: does not want to be called, in_debt" in text
        assert "“She asked me to call.”" in text

    @pytest.mark.parametrize(("value", "found"), [("yes", True), ("do_not_call", True), ("quiet_hours", False)])
    def test_they_are_a_filter(self, boss_client, overriding, value, found):
        assert ("She asked me" in listed(boss_client, "callcommand", overridden=value)) is found

    def test_what_nothing_spoke_against_is_not_among_them(self, boss_client, command):
        assert ">ana<" not in listed(boss_client, "callcommand", overridden="yes")
