"""Fragments that the host's server pops, in Chromium: shown, styled by the page, posted in place, taken away."""

import pytest
from playwright.sync_api import expect

from tests.browser.host import panel

pytestmark = pytest.mark.browser

FORM = """<p>Order <b>12</b></p><form method="post" action="{address}">
<input type="hidden" name="voipcti_token" value="t0ken"><button name="decision" value="yes">Approve</button></form>"""


def pop(page, key="pop-1"):
    return page.locator(f"[data-voipcti-pop='{key}']")


def test_a_fragment_is_shown_spoken_and_does_not_take_the_focus(visit, strict):
    server = visit()
    strict.locator("#note").focus()
    panel_bar = panel(strict).locator(".bar")
    server.pop("<p>Order <b>12</b></p>")
    expect(pop(strict).get_by_text("Order 12")).to_be_visible()
    expect(panel(strict).get_by_role("region", name="New order")).to_be_visible()
    expect(strict.locator("voipcti-panel [role=status].spoken")).to_have_text("New order")
    expect(panel_bar).to_have_attribute("aria-expanded", "true")
    expect(strict.locator("#note")).to_be_focused()


def test_it_stands_in_the_page_whose_styles_and_scripts_apply(visit, strict):
    server = visit()
    strict.evaluate("""() => {
        window.htmx = {process: (element) => { window.processed = element.dataset.voipctiPop; }};
        document.addEventListener("voipcti-pop", (event) => { window.told = event.detail.id; });
    }""")
    server.pop("<p id='order'>Order 12</p>")
    expect(strict.locator("voipcti-panel > [slot] > #order")).to_be_visible()
    assert strict.evaluate("[window.processed, window.told]") == ["pop-1", "pop-1"]


def test_scripts_in_it_do_not_run(visit, strict):
    server = visit()
    server.pop("<script>window.ran = 1</script><p>Order 12</p>")
    expect(pop(strict).get_by_text("Order 12")).to_be_visible()
    assert strict.evaluate("window.ran") is None


def test_another_of_the_same_id_replaces_it_and_old_ones_make_way(visit, strict):
    server = visit()
    server.pop("<p>One</p>")
    server.pop("<p>Two</p>")
    expect(pop(strict)).to_have_text("Two")
    for number in range(6):
        server.pop("<p>More</p>", id=f"more-{number}")
    expect(pop(strict, "more-5")).to_be_visible()
    expect(strict.locator("[data-voipcti-pop]")).to_have_count(5)


def test_it_is_dismissed_here_and_everywhere(visit, strict):
    server = visit()
    server.pop("<p>One</p>")
    panel(strict).get_by_role("region", name="New order").get_by_role("button", name="Dismiss").click()
    expect(pop(strict)).to_have_count(0)
    expect(panel(strict).locator(".bar")).to_be_focused()
    assert server.asked("dismiss") == {"call": "pop-1"}
    server.pop("<p>Two</p>")
    expect(pop(strict)).to_be_visible()
    server.dismiss("pop-1")
    expect(pop(strict)).to_have_count(0)


def test_its_form_is_posted_in_place_with_the_button_that_was_pressed(visit, strict, host, posted):
    server = visit()
    server.pop(FORM.format(address="/approve/"))
    strict.get_by_role("button", name="Approve").press("Enter")
    expect(pop(strict)).to_have_count(0)
    [(path, body)] = posted
    assert path == "/approve/"
    assert all(part in body for part in ("voipcti_token", "t0ken", "decision", "yes"))
    assert strict.url == f"{host}/"


def test_what_the_view_answers_takes_its_place(visit, strict):
    server = visit()
    server.pop(FORM.format(address="/answer/"))
    strict.get_by_role("button", name="Approve").click()
    expect(pop(strict)).to_have_text("Approved.")


def test_a_refusal_is_explained_and_the_pop_stays(visit, page):
    server = visit()
    server.pop(FORM.format(address="/refused/"))
    page.get_by_role("button", name="Approve").click()
    expect(panel(page).get_by_text("This button is not valid any more.")).to_be_visible()
    expect(pop(page)).to_be_visible()
