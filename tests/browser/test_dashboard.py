"""The dashboard on the running demo: pictures beside their tables, choices, both dresses, narrow screens."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.test_demo import open_as
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

ADMIN = "/admin/django_voipcti/callfigures/"
#: The colours that a canvas shows.
INKED = """canvas => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 200) seen.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
  }
  return [...seen].sort();
}"""


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
    """The supervisor, on the admin's dashboard."""
    open_as(page, demo, "chris")
    page.goto(f"{demo.web}{ADMIN}?within=20")
    expect(page.locator(".voipcti-picture canvas").first).to_be_visible()
    return page


def tile(page, title):
    return page.locator(".voipcti-tiles > div", has=page.locator("dt", has_text=title)).locator("dd").first


def number(locator):
    return int(locator.inner_text().replace(",", ""))


def test_each_picture_is_drawn_and_has_its_table(chris, complaints):
    figures = chris.locator("figure[data-voipcti-chart]:not([data-voipcti-chart=''])")
    assert figures.count() == 5
    for figure in figures.all():
        assert len(figure.locator("canvas").evaluate(INKED)) > 1
        assert figure.locator("tbody tr").count() > 0
    assert complaints == []


def test_the_table_of_the_days_adds_up_to_the_tiles(chris):
    days = chris.locator("#voipcti-days")
    days.get_by_text("As a table").click()
    expect(days.get_by_role("table")).to_be_visible()
    answered = [number(cell) for cell in days.locator("tbody td:nth-of-type(1)").all()]
    assert len(answered) == 30
    assert sum(answered) == number(tile(chris, "Answered")) > 100
    heat = [number(cell) for cell in chris.locator("table.voipcti-heat.inbound td").all()]
    assert sum(heat) == number(tile(chris, "Calls from outside"))


def test_days_and_lines_are_chosen(chris):
    everybody = number(tile(chris, "Answered"))
    chris.get_by_role("combobox", name="Line").select_option(index=1)
    chris.get_by_role("button", name="Show").click()
    expect(chris.locator("#voipcti-lines tbody tr")).to_have_count(1)
    assert 0 < number(tile(chris, "Answered")) < everybody
    chris.get_by_role("link", name="A year").click()
    expect(chris.locator("#voipcti-days figcaption")).to_have_text("Calls by week")
    expect(chris.locator("#voipcti-lines tbody tr")).to_have_count(1)


def test_the_pictures_follow_the_dress_of_the_page(chris):
    canvas = chris.locator("#voipcti-days canvas")
    light = canvas.evaluate(INKED)
    chris.emulate_media(color_scheme="dark")
    eventually(lambda: canvas.evaluate(INKED) != light)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_found_wrong(chris, demo, scheme, width):
    chris.emulate_media(color_scheme=scheme)
    chris.set_viewport_size({"width": width, "height": 900})
    for address in (ADMIN, "/calls/"):
        chris.goto(f"{demo.web}{address}")
        expect(chris.locator(".voipcti-picture canvas").first).to_be_visible()
        chris.locator("#voipcti-days summary").click()
        assert findings(chris, ".voipcti-dashboard") == []
        assert chris.locator(".voipcti-dashboard").evaluate("it => it.scrollWidth <= it.clientWidth")


def test_an_agent_finds_his_own_calls_in_the_crm(page, demo, complaints):
    open_as(page, demo, "ana")
    page.get_by_role("link", name="Calls", exact=True).click()
    expect(page.locator("#voipcti-lines tbody tr")).to_have_count(1)
    expect(page.locator("#voipcti-lines tbody th")).to_contain_text("Ana")
    assert complaints == []
