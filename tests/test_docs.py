"""What the package offers stands in the reference: settings, signals, exceptions, checks, commands, events, codes."""

import re
from pathlib import Path

import pytest

from django_voipcti import exceptions, signals
from django_voipcti.conf import app_settings
from django_voipcti.enums import CallState, EndReason, SessionEvent
from tests.support.processes import ROOT

PACKAGE = ROOT / "django_voipcti"
DOCS = ROOT / "docs"


def page(name):
    return (DOCS / name).read_text()


def sources():
    return [path.read_text() for path in sorted(PACKAGE.rglob("*.py"))]


@pytest.mark.parametrize("key", sorted(app_settings.known_keys))
def test_each_setting_is_described(key):
    assert f"| `{key}` |" in page("reference/settings.md")


def test_no_setting_is_described_that_does_not_exist():
    described = set(re.findall(r"^\| `([A-Z_]+)` \|", page("reference/settings.md"), re.MULTILINE))
    assert described == app_settings.known_keys


@pytest.mark.parametrize("signal", sorted(signals.__all__))
def test_each_signal_is_described(signal):
    assert f"`django_voipcti.signals.{signal}`" in page("reference/signals.md")


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name, member in vars(exceptions).items()
        if isinstance(member, type) and member.__module__ == exceptions.__name__
    ),
)
def test_each_exception_is_described(name):
    assert f"| `{name}` |" in page("reference/exceptions.md")


def test_each_system_check_is_described():
    used = {found for text in sources() for found in re.findall(r"voipcti\.(?:[a-z]+\.)?[EW]\d{3}", text)}
    described = "".join(path.read_text() for path in DOCS.rglob("*.md"))
    assert {check for check in used if check not in described} == set()


@pytest.mark.parametrize(
    "command", sorted(path.stem for path in (PACKAGE / "management/commands").glob("voipcti_*.py"))
)
def test_each_command_is_described(command):
    assert f"## {command}\n" in page("reference/commands.md")


@pytest.mark.parametrize("word", [*CallState, *SessionEvent, *EndReason])
def test_each_word_that_pages_are_sent_is_described(word):
    if word is not CallState.REQUESTED:
        assert f"`{word.value}`" in page("reference/messages.md")


def test_each_code_of_a_refusal_is_described():
    codes = {code for text in sources() for code in re.findall(r'code="([a-z_]+)"', text)}
    described = page("reference/messages.md")
    assert {code for code in codes if f"`{code}`" not in described} == set()


def test_links_between_pages_lead_somewhere():
    broken = []
    for path in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text()):
            if not (path.parent / target).exists() and not Path(target).is_absolute():
                broken.append(f"{path.relative_to(DOCS)} -> {target}")
    assert broken == []
