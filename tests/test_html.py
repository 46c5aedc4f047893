"""Markup as typed functions: what a page gets for a number, a text, a record and a user."""

import gzip
import json
import re
from datetime import timedelta
from html import unescape

import minify
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.staticfiles import finders
from django.test import override_settings
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from django_voipcti import html, journal
from django_voipcti.models import Line
from tests.journal.conftest import said
from tests.support.processes import ROOT
from tests.testapp.models import Contact

LONDON = "+442079460123"
SCRIPTS = ROOT / "django_voipcti/static/django_voipcti"
CONNECTOR = SCRIPTS / "connector.js"
#: The scripts that say something, beside the connector.
PANEL_MODULES = ("panel.js", "notices.js", "caller.js", "attach.js", "transfer.js", "dial.js", "context.js", "notes.js")


class TestClickToCall:
    @pytest.mark.parametrize(
        ("number", "region", "address", "dialled", "text"),
        [
            (LONDON, "GB", f"tel:{LONDON}", LONDON, "020 7946 0123"),
            (LONDON, "DE", f"tel:{LONDON}", LONDON, "+44 20 7946 0123"),
            ("020 7946 0123 ext. 12", "GB", f"tel:{LONDON};ext=12", LONDON, "020 7946 0123 x12"),
            ("601", "GB", "tel:601", "601", "601"),
            ("#123", "GB", "tel:%23123", "#123", "#123"),
            ("sip:ada@crm.example", "GB", "sip:ada@crm.example", "ada@crm.example", "ada@crm.example"),
        ],
    )
    def test_a_number_becomes_a_link_that_works_without_scripts(self, number, region, address, dialled, text):
        link = f'<a class="voipcti-call" href="{address}" data-voipcti-number="{dialled}">{text}</a>'
        assert html.click_to_call(number, region=region) == link

    @pytest.mark.parametrize("number", ["", "   ", None])
    def test_no_number_is_no_link(self, number):
        assert html.click_to_call(number) == ""

    def test_what_cannot_be_dialled_stays_text_and_is_escaped(self):
        assert html.click_to_call("<script>") == "&lt;script&gt;"

    def test_a_label_is_escaped(self):
        assert ">Ada &amp; Co</a>" in html.click_to_call(LONDON, label="Ada & Co")
        assert html.click_to_call("nonsense", label="<b>") == "&lt;b&gt;"

    def test_its_result_is_safe_to_print(self):
        assert isinstance(html.click_to_call(LONDON), SafeString)
        assert isinstance(html.click_to_call("<"), SafeString)


class TestClickToCallNumbers:
    def test_each_number_of_a_text_becomes_a_link_and_the_rest_is_escaped(self):
        text = "Ring <Ada> on +44 20 7946 0123, or +44 20 7946 0124 & wait."
        result = html.click_to_call_numbers(text)
        assert result.count("<a ") == 2
        assert (
            re.sub(r"</?a[^>]*>", "", result) == "Ring &lt;Ada&gt; on +44 20 7946 0123, or +44 20 7946 0124 &amp; wait."
        )

    def test_a_national_number_counts_for_the_region(self):
        assert 'data-voipcti-number="+442079460123"' in html.click_to_call_numbers("020 7946 0123", region="GB")

    def test_markup_that_is_safe_already_is_left_alone(self):
        markup = mark_safe(f'<a href="tel:{LONDON}">call</a>')
        assert html.click_to_call_numbers(markup) == markup

    def test_nothing_stays_nothing(self):
        assert html.click_to_call_numbers(None) == ""
        assert html.click_to_call_numbers("") == ""


class TestCompat:
    def test_it_is_one_script_tag_that_names_all_it_needs(self):
        with translation.override("de"):
            markup = html.compat(nonce="n0nce")
        assert re.fullmatch(r"<script [^<>]*></script>", markup)
        addresses = re.findall(r'(?:src|data-connector)="/static/([^"]+)"', markup)
        assert addresses == ["django_voipcti/cti-compat.js", "django_voipcti/connector.js"]
        assert all(finders.find(address) for address in addresses)
        assert 'data-url="/ws/voipcti/?language=de"' in markup
        assert 'nonce="n0nce"' in markup

    def test_it_brings_every_sentence_that_the_connector_says_by_itself(self):
        [said_in_code] = re.findall(r"^const MESSAGES = (.*?)^\}\);", CONNECTOR.read_text(), re.DOTALL | re.MULTILINE)
        assert re.findall(r"^  (\w+):", said_in_code, re.MULTILINE) == list(html.CONNECTOR_TEXTS)
        [brought] = re.findall(r'data-messages="([^"]*)"', html.compat())
        assert set(json.loads(unescape(brought))) == set(html.CONNECTOR_TEXTS)


class TestPanel:
    @pytest.fixture
    def user(self):
        return get_user_model()(username="ana")

    def test_anonymous_visitors_get_none(self):
        assert html.panel(AnonymousUser()) == ""
        assert html.panel(None) == ""

    def test_it_has_no_inline_script_or_style(self, user):
        markup = html.panel(user)
        assert "style=" not in markup
        assert "<style" not in markup
        assert not re.search(r"\son\w+=", markup)
        # A data block is not executed, hence no concern of the Content-Security-Policy.
        inline = re.findall(r"<script(?![^>]*\ssrc=)([^>]*)>", markup)
        assert inline == [' type="application/json"']

    def test_its_files_exist_and_are_named_by_the_static_files_storage(self, user, tmp_path):
        markup = html.panel(user)
        addresses = re.findall(
            r'(?:src|href|data-connector|data-shared|data-notices|data-caller|data-attach|data-transfer|data-dial|data-context|data-notes|data-styles)="/static/([^"]+)"',
            markup,
        )
        assert len(addresses) == 12
        assert all(finders.find(address) for address in addresses)

    def test_it_works_under_hashed_file_names(self, user, tmp_path):
        """No script names a sibling by itself: all addresses are in the markup, where the storage hashes them."""
        storages = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}
        hashed = {
            f"django_voipcti/{path.name}": f"django_voipcti/{path.stem}.abc123{path.suffix}"
            for path in SCRIPTS.iterdir()
            if path.is_file()
        }
        manifest = {"version": "1.1", "hash": "", "paths": hashed}
        (tmp_path / "staticfiles.json").write_text(json.dumps(manifest))
        with override_settings(STORAGES=storages, STATIC_ROOT=tmp_path):
            markup = html.panel(user)
        assert set(re.findall(r"/static/django_voipcti/([\w.]+)", markup)) == {
            "connector.abc123.js",
            "panel.abc123.js",
            "shared.abc123.js",
            "notices.abc123.js",
            "caller.abc123.js",
            "attach.abc123.js",
            "transfer.abc123.js",
            "dial.abc123.js",
            "context.abc123.js",
            "notes.abc123.js",
            "panel.abc123.css",
        }
        for script in SCRIPTS.glob("*.js"):
            assert not re.search(r"^\s*(import|export)\b.*\bfrom\b", script.read_text(), re.MULTILINE)
            assert not re.search(r"""\bimport\s*\(\s*["'`]""", script.read_text())

    def test_it_connects_in_the_language_of_the_page(self, user):
        from django.utils import translation

        with translation.override("de"):
            assert 'data-url="/ws/voipcti/?language=de"' in html.panel(user)

    def test_options_become_attributes(self, user):
        markup = html.panel(user, theme="dark", inline=True, nonce="n0nce")
        assert 'theme="dark" inline="">' in markup
        assert markup.count('nonce="n0nce"') == 2

    def test_the_scripts_and_the_texts_know_the_same_keys(self):
        """A text that a script asks for and does not get would show its key; one that nobody asks for is dead."""
        panel = "".join((SCRIPTS / name).read_text() for name in PANEL_MODULES)
        connector = CONNECTOR.read_text()
        asked = set(re.findall(r'\bt\("(\w+)"', panel)) | set(re.findall(r'(?:field|t)\(\w+ \? "(\w+)"', panel))
        mentioned = set(re.findall(r'"(\w+)"', panel))
        codes = set(re.findall(r"^  (\w+):\s*\"", connector, re.MULTILINE))
        computed = {key for key in html.PANEL_TEXTS if key.startswith(("state_", "connection_", "notice_"))}
        buttons = set(re.findall(r"^  (\w+): \{ icon:", panel, re.MULTILINE))
        assert asked <= set(html.PANEL_TEXTS)
        assert buttons <= set(html.PANEL_TEXTS)
        used = asked | mentioned | codes | computed | buttons
        assert set(html.PANEL_TEXTS) - used == set()

    def test_every_state_and_connection_has_a_text(self):
        connector = (SCRIPTS / "connector.js").read_text()
        statuses = set(re.findall(r"^  (\w+): \"\1\"", connector, re.MULTILINE))
        from django_voipcti.enums import CallState

        assert {state.value for state in CallState} <= statuses
        assert {f"state_{state.value.lower()}" for state in CallState} <= set(html.PANEL_TEXTS)
        for connection in ("connecting", "reconnecting", "offline", "closed"):
            assert {f"connection_{connection}", f"notice_{connection}"} <= set(html.PANEL_TEXTS)

    def test_connector_and_texts_say_the_same_in_english(self):
        connector = (SCRIPTS / "connector.js").read_text()
        own = dict(re.findall(r'^  (\w+):\s+"([^"]*\.)",$', connector, re.MULTILINE))
        assert len(own) == len(html.CONNECTOR_TEXTS)
        assert {code: str(html.PANEL_TEXTS[code]) for code in own} == own

    def test_all_files_together_stay_small(self, capsys):
        """What a page's browser loads at most, minified and compressed as web servers deliver it: 40 kB.

        Files of others that a page may use beside ours (`vendor/`) are not the panel's.
        """
        sizes = {path.name: _delivered(path) for path in sorted(SCRIPTS.iterdir()) if path.suffix in {".js", ".css"}}
        with capsys.disabled():
            rows = [*sizes.items(), ("together", sum(sizes.values()))]
            print("", *(f"{size:>7,} B  {name}" for name, size in rows), sep="\n")  # noqa: T201  the figures of this build
        assert sum(sizes.values()) <= 40_000


def _delivered(path):
    """Bytes of a script or style sheet, minified and gzipped."""
    kind = {".js": "text/javascript", ".css": "text/css"}[path.suffix]
    return len(gzip.compress(minify.string(kind, path.read_text()).encode()))


class TestFormatDuration:
    @pytest.mark.parametrize(
        ("seconds", "text"), [(0, "0:00"), (7, "0:07"), (754, "12:34"), (3600, "1:00:00"), (3723, "1:02:03")]
    )
    def test_reads_as_people_write_it(self, seconds, text):
        assert html.format_duration(timedelta(seconds=seconds)) == text

    def test_of_nothing_is_empty(self):
        assert html.format_duration(None) == ""


@pytest.mark.django_db
class TestCallHistory:
    @pytest.fixture
    def ana(self):
        return get_user_model().objects.create_user("ana")

    @pytest.fixture
    def contact(self, ana):
        Line.objects.create(provider="default", account="601", label="Ana", region="GB", user=ana)
        contact = Contact.objects.create(name="Grace Hopper", phone=LONDON)
        journal.record([said("RINGING", 0), said("CONNECTED", 4), said("HANGUP", 70)])
        journal.record([said("RINGING", 80, call="c2"), said("HANGUP", 90, call="c2")])
        return contact

    def test_lists_the_newest_first_with_outcome_and_talk_time(self, ana, contact):
        entries = html.history_entries(contact, ana)
        assert [(entry.outcome, entry.talked, entry.missed) for entry in entries] == [
            ("missed", "", True),
            ("completed", "1:06", False),
        ]

    def test_is_a_table_with_links_that_call(self, ana, contact):
        markup = html.call_history(contact, ana)
        assert markup.count("<tr") == 3
        assert f'data-voipcti-number="{LONDON}"' in markup

    def test_shows_no_more_than_the_limit(self, ana, contact):
        assert len(html.history_entries(contact, ana, limit=1)) == 1

    def test_nobody_sees_calls_on_lines_that_he_may_not_watch(self, contact):
        stranger = get_user_model().objects.create_user("eve")
        assert html.history_entries(contact, stranger) == []
        assert "No calls yet." in html.call_history(contact, stranger)
        assert "No calls yet." in html.call_history(contact, AnonymousUser())
        assert "No calls yet." in html.call_history(contact, None)

    def test_who_may_watch_but_not_see_numbers_sees_them_masked(self, contact):
        watcher = get_user_model().objects.create_user("sue")
        permissions = Permission.objects.filter(content_type__app_label="django_voipcti")
        watcher.user_permissions.add(permissions.get(codename="watch_lines"))
        watcher = get_user_model().objects.get(pk=watcher.pk)
        [entry, _older] = html.history_entries(contact, watcher)
        assert entry.number == "*** **** *123"
        assert LONDON not in html.call_history(contact, watcher)
        watcher.user_permissions.add(permissions.get(codename="view_full_number"))
        watcher = get_user_model().objects.get(pk=watcher.pk)
        assert LONDON in html.call_history(contact, watcher)

    def test_costs_the_same_number_of_queries_for_any_number_of_calls(self, ana, contact, django_assert_num_queries):
        ContentType.objects.get_for_model(Contact)
        ana.has_perm("warm the cache of permissions")
        for number in range(5):
            call = f"more-{number}"
            journal.record([said("RINGING", 100 + number, call=call), said("HANGUP", 101 + number, call=call)])
        with django_assert_num_queries(2):
            assert html.call_history(contact, ana).count("<tr") == 8
