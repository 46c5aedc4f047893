"""The call log on the running demo: browsing, filters, search, the page of a call, a file to take away."""

import csv

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.test_demo import open_as

pytestmark = pytest.mark.browser

ADMIN = "/admin/django_voipcti/call/"
#: Of the number 0113 496 0157, in other words.
SPELLINGS = ["0113 496 0157", "+44 (0)113 496-0157", "0044 1134960157"]


@pytest.fixture
def complaints(page):
    """What the browser says against the page: the policy, above all."""
    found = []

    def heard(message):
        # The admin has no icon, for which Chromium asks by itself.
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            found.append(f"{message.text} {message.location['url']}")

    page.on("console", heard)
    return found


@pytest.fixture
def chris(page, demo, complaints):
    """The supervisor, on the call log."""
    demo.quiet()
    open_as(page, demo, "chris")
    page.goto(f"{demo.web}{ADMIN}")
    return page


def rows(page):
    return page.locator("#result_list tbody tr")


def counted(page):
    """How many conversations there are on all pages, as the list says."""
    return int(page.locator(".voipcti-pages span").inner_text().split()[0])


def filtered(page, title, choice):
    """Choose a value of the sidebar's filter."""
    block = page.locator("#changelist-filter details", has=page.locator("summary", has_text=title))
    with page.expect_navigation():
        block.get_by_role("link", name=choice, exact=True).click()


def search(page, text):
    page.get_by_role("textbox", name="Search").fill(text)
    with page.expect_navigation():
        page.get_by_role("button", name="Search").click()


def turned(page, word):
    with page.expect_navigation():
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=word).click()
    return starts(page)


def starts(page):
    return rows(page).locator("time").evaluate_all("times => times.map(time => time.dateTime)")


def opened(page):
    """Open the page of the newest call that was talked on."""
    with page.expect_navigation():
        rows(page).filter(has_text="completed").first.locator("th a").click()
    expect(page.locator(".voipcti-timeline svg")).to_be_visible()


class TestList:
    def test_turning_on_and_back(self, chris, complaints):
        first = starts(chris)
        assert len(first) == 50
        assert first == sorted(first, reverse=True)
        second = turned(chris, "Older")
        assert second[0] <= first[-1]
        assert turned(chris, "Newer") == first
        last = turned(chris, "Oldest")
        assert last[-1] < second[-1]
        expect(chris.get_by_role("navigation", name="Pages").get_by_role("link", name="Older")).to_have_count(0)
        assert turned(chris, "Newest") == first
        assert complaints == []

    def test_filters_narrow_and_combine(self, chris):
        filtered(chris, "outcome", "Missed")
        states = rows(chris).locator(".field-outcome")
        assert set(states.all_inner_texts()) == {"missed"}
        all_missed = counted(chris)
        filtered(chris, "user", "Ana Ruiz")
        expect(chris.locator("#changelist-filter .selected a", has_text="Missed")).to_be_visible()
        assert 0 < counted(chris) < all_missed
        for line in rows(chris).locator(".field-lines").all_inner_texts():
            assert line.startswith("Ana Ruiz")

    def test_a_ring_group_is_a_row_and_each_of_its_lines_on_demand(self, chris):
        group = rows(chris).filter(has_text="3 lines").first
        moment = group.locator("time").get_attribute("datetime")
        assert starts(chris).count(moment) == 1
        filtered(chris, "rows", "each line’s part")
        assert starts(chris).count(moment) == 3
        expect(chris.locator(".voipcti-legs")).to_have_count(0)

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_a_number_is_found_in_any_spelling(self, chris, spelling):
        search(chris, spelling)
        assert rows(chris).count() > 0
        assert {text.split("\n")[0] for text in rows(chris).locator(".field-party").all_inner_texts()} == {
            "Beth Ackroyd"
        }

    def test_a_day_of_ones_own(self, chris):
        day = starts(chris)[-1][:10]
        chris.get_by_role("textbox", name="From", exact=True).fill(day)
        chris.get_by_role("textbox", name="To", exact=True).fill(day)
        with chris.expect_navigation():
            chris.get_by_role("button", name="Show", exact=True).click()
        assert {moment[:10] for moment in starts(chris)} == {day}

    def test_a_file_holds_what_the_filters_leave(self, chris, tmp_path):
        filtered(chris, "outcome", "Missed")
        listed = counted(chris)
        with chris.expect_download() as download:
            chris.get_by_role("link", name="Export as CSV").click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(csv.DictReader(file))
        assert len(found) == listed
        assert {row["end reason"] for row in found} == {"missed"}
        with chris.expect_download() as download:
            chris.get_by_role("link", name="Export for Excel").click()
        assert download.value.suggested_filename.endswith(".xlsx")
        assert download.value.path().read_bytes()[:2] == b"PK"


class TestCall:
    @pytest.fixture
    def call(self, chris):
        """The page of a call with Beth Ackroyd that was talked on."""
        search(chris, SPELLINGS[0])
        opened(chris)
        return chris

    def test_its_stages_are_drawn_over_time(self, call, complaints):
        picture = call.locator(".voipcti-timeline svg")
        expect(picture).to_be_visible()
        segments = picture.locator(".segment").evaluate_all("parts => parts.map(part => part.getAttribute('class'))")
        assert any("connected" in segment for segment in segments)
        assert picture.locator(".mark").count() > 0
        expect(call.get_by_role("heading", name="Who said what")).to_be_visible()
        assert complaints == []

    def test_a_note_is_written_there_and_found_by_its_words(self, call, demo):
        address = call.url
        call.get_by_label("Note").first.fill("Promised her a catalogue of walnut sideboards")
        call.get_by_role("button", name="Save note").click()
        expect(call.locator(".voipcti-note-text", has_text="walnut sideboards")).to_be_visible()
        call.goto(f"{demo.web}{ADMIN}")
        search(call, "walnut sidebo")
        expect(rows(call)).to_have_count(1)
        rows(call).locator("th a").click()
        assert call.url.split("?")[0] == address.split("?")[0]
        # It stands on the contact's own page, too.
        call.locator(".voipcti-facts").get_by_role("link", name="Beth Ackroyd").click()
        expect(call.locator(".voipcti-history .voipcti-notes")).to_contain_text("walnut sideboards")
        assert findings(call, ".voipcti-notes") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_list_and_call_are_accessible(chris, scheme):
    chris.emulate_media(color_scheme=scheme)
    chris.reload()  # or colours are judged on their way from one scheme to the other
    # The rest of the page is Django's own.
    for part in (".results", ".voipcti-pages", "#changelist-filter details:first-of-type"):
        assert findings(chris, part) == []
    opened(chris)
    assert findings(chris, "#content-main") == []


@pytest.mark.parametrize("width", [390, 320])
def test_a_telephones_screen_is_wide_enough(chris, width):
    chris.set_viewport_size({"width": width, "height": 800})
    assert chris.evaluate("document.documentElement.scrollWidth") <= width
    opened(chris)
    assert chris.evaluate("document.documentElement.scrollWidth") <= width
