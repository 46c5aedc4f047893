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
