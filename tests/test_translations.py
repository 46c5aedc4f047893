"""The catalogues: complete, up to date with the code, compiled, and with every place that is filled in."""

import gettext
import os
import re
import shutil
import subprocess
import sys

import polib
import pytest
from django.utils import translation

from django_voipcti import html
from django_voipcti.enums import EndReason
from tests.conftest import require_tool
from tests.support.processes import ROOT

LOCALE = ROOT / "django_voipcti/locale"
LANGUAGES = ("de", "es", "fr")
#: Places as Python and Django fill them.
PLACES = re.compile(r"%\(\w+\)[.\d]*[a-z]")


def catalogue(language):
    return polib.pofile(str(LOCALE / language / "LC_MESSAGES/django.po"))


def keys(entries):
    return {(entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in entries}


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Return every text of the code, as Django's own tool finds them in a copy of it."""
    require_tool("xgettext")
    folder = tmp_path_factory.mktemp("texts")
    copy = folder / "django_voipcti"
    shutil.copytree(ROOT / "django_voipcti", copy, ignore=shutil.ignore_patterns("static", "__pycache__", "locale"))
    (copy / "locale").mkdir()
    # The package's typing.py must not stand before the standard library's.
    env = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "de", "--no-location"]
    subprocess.run(command, cwd=copy, env=env, check=True, capture_output=True)
    found = keys(polib.pofile(str(copy / "locale/de/LC_MESSAGES/django.po")))
    assert len(found) > 1000
    return found


def test_there_is_a_catalogue_for_each_language():
    assert sorted(path.name for path in LOCALE.iterdir()) == list(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
class TestCatalogue:
    def test_it_has_the_texts_of_the_code_and_no_others(self, language, texts):
        present = keys(entry for entry in catalogue(language) if not entry.obsolete)
        assert present - texts == set(), "run make messages"
        assert texts - present == set(), "run make messages"

    def test_every_text_is_translated(self, language):
        entries = catalogue(language)
        assert [entry.msgid for entry in entries.untranslated_entries() + entries.fuzzy_entries()] == []
        assert [entry.msgid for entry in entries if entry.msgid_plural and not all(entry.msgstr_plural.values())] == []

    def test_every_place_is_filled_in(self, language):
        for entry in catalogue(language):
            for said in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
                assert sorted(PLACES.findall(said)) == sorted(PLACES.findall(entry.msgid)), entry.msgid

    def test_markup_commands_and_edges_are_those_of_the_text(self, language):
        for entry in catalogue(language):
            if entry.msgid_plural:
                continue
            found = [re.findall(r"</?\w+>|<code>.*?</code>|--[a-z-]+", text) for text in (entry.msgid, entry.msgstr)]
            assert sorted(found[1]) == sorted(found[0]), entry.msgid
            assert entry.msgid.endswith(" ") == entry.msgstr.endswith(" "), entry.msgid

    def test_it_is_compiled_as_it_stands(self, language):
        with (LOCALE / language / "LC_MESSAGES/django.mo").open("rb") as file:
            compiled = gettext.GNUTranslations(file)
        for entry in catalogue(language):
            if entry.msgid_plural:
                said = [compiled.ngettext(entry.msgid, entry.msgid_plural, count) for count in (1, 2)]
                assert said == [entry.msgstr_plural[0], entry.msgstr_plural[1]], "run make messages"
            elif entry.msgctxt:
                assert compiled.pgettext(entry.msgctxt, entry.msgid) == entry.msgstr, "run make messages"
            else:
                assert compiled.gettext(entry.msgid) == entry.msgstr, "run make messages"

    def test_the_panel_speaks_it(self, language):
        with translation.override(language):
            said = {key: str(text) for key, text in html.PANEL_TEXTS.items()}
            missed = str(EndReason.MISSED.label)
        english = {key: str(text) for key, text in html.PANEL_TEXTS.items()}
        # A few words are the same everywhere.
        assert sum(said[key] == english[key] for key in english) <= 3
        assert missed != "missed"
