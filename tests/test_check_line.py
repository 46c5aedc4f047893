"""`manage.py voipcti_check_line`: which lines it tests, what it prints, and its exit."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_voipcti.exceptions import ProviderUnavailable
from django_voipcti.models import Line
from django_voipcti.providers import providers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def lines(settings):
    """Ana and Ben are logged in, Cy is not."""
    settings.VOIPCTI = dict(settings.VOIPCTI)
    made = {name: Line(account=f"{name}-7", extension=extension, label=name) for name, extension in NAMES.items()}
    for name, line in made.items():
        if name != "Cy":
            line.set_secrets({"token": "never-printed"})
        line.save()
    return made


NAMES = {"Ana": "601", "Ben": "602", "Cy": "603"}


def check(*names):
    out = StringIO()
    try:
        call_command("voipcti_check_line", *names, stdout=out)
    finally:
        assert "never-printed" not in out.getvalue()
        check.printed = out.getvalue()
    return check.printed


def test_without_a_name_every_line_that_is_logged_in_is_tested():
    printed = check()
    assert "Ana (default)" in printed
    assert "Ben (default)" in printed
    assert "Cy" not in printed
    assert "works" in printed
    assert "Account: The credentials are accepted." in printed


@pytest.mark.parametrize("name", ["Ben-7", "602"])
def test_a_line_is_named_by_account_or_extension(name):
    assert check(name).count("(default)") == 1
    assert "Ben" in check.printed


def test_or_by_its_id(lines):
    assert "Ben" in check(str(lines["Ben"].pk))


def test_a_failure_is_the_exit_code_and_says_what_to_do():
    with pytest.raises(CommandError, match="1 of the lines cannot work"):
        check("601", "603")
    assert "No credentials are stored." in check.printed
    assert "Log the line in first." in check.printed


def test_trouble_of_the_provider_is_printed():
    providers["default"].fail("keep_alive", ProviderUnavailable("Down for maintenance."))
    with pytest.raises(CommandError):
        check("601")
    assert "failed     Account: Down for maintenance." in check.printed


def test_a_name_that_nobody_has():
    with pytest.raises(CommandError, match="There is no line nobody"):
        check("nobody")
