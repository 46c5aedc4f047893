"""The providers' pages say what the providers are."""

import re

import pytest

from django_voipcti.providers import ProviderHandler
from django_voipcti.providers.voipstudio import options
from tests.support.processes import ROOT

PAGES = ROOT / "docs/providers"


def rows(page, *, after):
    """The cells of each table row in the section `after`."""
    text = (PAGES / page).read_text().partition(f"{after}\n")[2].partition("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


#: Options that switch on all that a provider can be told to do, where its capabilities depend on them.
EVERYTHING = {
    "SIP": {
        "cti_user": "cti",
        "cti_password": "x",
        "phones_obey_events": True,
        "phones_obey_refer": True,
        "server_shows_hold": True,
    },
}


def backends(options=None):
    """Column heading to a provider with its `options`, by the list of providers."""
    listed = {}
    for name, backend in rows("index.md", after="# Providers"):
        if backend.startswith("`"):
            column = re.match(r"\[?(\w+)", name)[1]
            parameters = {"BACKEND": backend.strip("`"), "OPTIONS": (options or {}).get(column, {})}
            listed[column] = ProviderHandler({"docs": parameters})["docs"]
    return listed


def answer(provider, fullest, capability):
    if provider.capabilities()[capability]:
        return "yes"
    return "by option" if fullest.capabilities()[capability] else "no"


def test_every_provider_is_listed():
    folder = ROOT / "django_voipcti/providers"
    modules = {path.stem for path in folder.iterdir()} - {"__init__", "__pycache__", "base", "dialogs", "sound"}
    assert {type(provider).__module__.split(".")[2] for provider in backends().values()} == modules


def test_the_matrix_is_what_the_flags_say():
    head, _line, *matrix = rows("index.md", after="## What they can do")
    fullest = backends(EVERYTHING)
    for column, provider in backends().items():
        written = {row[0].strip("`"): row[head.index(column)] for row in matrix if row[0].startswith("`")}
        assert written == {name: answer(provider, fullest[column], name) for name in provider.capabilities()}, column


@pytest.mark.parametrize(
    ("names", "heading"),
    [
        (options.NAMES | {"region"}, "## Options"),
        (set(re.findall(r"voipcti\.voipstudio\.[EW]\d+", (ROOT / options.__spec__.origin).read_text())), "## Options"),
    ],
    ids=["options", "checks"],
)
def test_options_and_checks_are_described(names, heading):
    described = {row[0].strip("`") for row in rows("voipstudio.md", after=heading)}
    assert names <= described
