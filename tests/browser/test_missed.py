"""Missed calls as work on the running demo: whom to call back, calling back from the list, and ticking off."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.test_demo import open_as, own_phone_rings, shows
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

CHRIS = "603"
ADMIN = "/admin/django_voipcti/missedcall/"
HARRIET, HER_OFFICE, STRANGER = "447700900100", "442079460101", "12025550188"


@pytest.fixture(autouse=True)
def quiet(demo):
    """Nobody talks when a test begins, nor when it ends."""
    demo.quiet()
    yield
    demo.quiet()


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


def misses(demo, number):
    """Somebody calls and gives up."""
    demo.ring(number, CHRIS)
    demo.outside("hang_up")
    eventually(lambda: not demo.state()["calls"])


@pytest.fixture
def chris(page, demo, complaints):
    """The supervisor, whose line two people have tried in vain: Harriet Blake from her mobile, and a stranger."""
    open_as(page, demo, "chris")
    for number in (HARRIET, STRANGER):
        misses(demo, number)
    listed(page, demo, "0188")
    return page


def listed(page, demo, text, query="", state=""):
    """The list's newest row with a text, as soon as it stands there. What the bridge hears is written beside us."""

    def row():
        page.goto(f"{demo.web}{ADMIN}{query}")
        found = page.locator("#result_list tbody tr").filter(has_text=text).first
        return found if found.count() and state in found.inner_text() else None

    eventually(lambda: row() is not None, describe=f"{text} is listed")
    return page.locator("#result_list tbody tr").filter(has_text=text).first


def test_calling_back_another_number_of_the_contact_closes_it_and_says_who_did(chris, demo, complaints):
    row = listed(chris, demo, "Harriet Blake")
    expect(row.locator(".field-lines")).to_contain_text("Chris Lindqvist")
    expect(row.locator(".field-when")).to_contain_text("just now")
    expect(row.locator(".voipcti-callback a")).to_have_text(["07700 900100", "020 7946 0101"])
    shows(chris, "Ready")

    row.get_by_role("link", name="020 7946 0101").click()
    own_phone_rings(chris)
    eventually(lambda: any(user["picking_up"] for user in demo.state()["users"]))
    assert demo.state()["outside"] == []
    demo.phone(CHRIS, "answer")
    eventually(lambda: [party["number"] for party in demo.state()["outside"]] == [HER_OFFICE])
    demo.outside("answer")
    shows(chris, "Connected")
    demo.phone(CHRIS, "hang_up")

    done = listed(chris, demo, "Harriet Blake", "?duty=done", "called back")
    expect(done.locator(".field-state")).to_contain_text("called back by Chris Lindqvist after 0")
    chris.goto(f"{demo.web}{ADMIN}")
    expect(chris.locator("#result_list")).to_contain_text("0188")
    expect(chris.locator("#result_list")).not_to_contain_text("Harriet Blake")
    assert complaints == []
    # The sentence leads to the call that settled it.
    listed(chris, demo, "Harriet Blake", "?duty=done").get_by_role("link", name="called back by").click()
    expect(chris.locator(".voipcti-facts")).to_contain_text("020 7946 0101")


def test_a_second_try_is_counted_and_both_are_ticked_off_at_once(chris, demo, complaints):
    for _try in range(2):
        misses(demo, "12025550189")
    row = listed(chris, demo, "0189", state="2 times")
    expect(row.locator(".field-tried")).to_contain_text("since")
    rows = chris.locator("#result_list tbody tr").filter(has_text="0189")
    for number in range(rows.count()):
        rows.nth(number).get_by_role("checkbox").check()
    chris.get_by_role("combobox", name="Action").select_option("tick_off")
    chris.get_by_role("button", name="Go").click()
    expect(chris.locator(".messagelist")).to_contain_text("2 missed calls were ticked off.")
    expect(chris.locator("#result_list").get_by_text("0189")).to_have_count(0)
    done = listed(chris, demo, "0189", "?duty=done")
    expect(done.locator(".field-state")).to_contain_text("ticked off by Chris Lindqvist")
    assert complaints == []


def test_filters_ask_at_whose_line_it_rang(chris, demo):
    chris.locator("#changelist-filter details", has=chris.locator("summary", has_text="rang at")).get_by_role(
        "link", name="Chris Lindqvist"
    ).click()
    cells = chris.locator("#result_list .field-lines")
    expect(cells.first).to_be_visible()
    assert all("Chris Lindqvist" in text for text in cells.all_inner_texts() if text.strip() != "RANG AT")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_found_wrong_with_the_list(chris, scheme, width):
    chris.emulate_media(color_scheme=scheme)
    chris.set_viewport_size({"width": width, "height": 800})
    chris.reload()  # or colours are judged on their way from one scheme to the other
    # The rest of the page is Django's own.
    for part in (".results", ".voipcti-pages", "#changelist-filter details:first-of-type"):
        assert findings(chris, part) == []
    assert chris.evaluate("document.documentElement.scrollWidth") <= width
