"""The panel in other languages, from right to left, with forced colours, and on a narrow screen: nothing is cut off."""

import pytest
from playwright.sync_api import expect

from tests.browser.host import UNKNOWN, a_call, action, card

pytestmark = pytest.mark.browser

WORDS = {
    "de": ("Eingehender Anruf", "Annehmen", "Ablehnen", "Notiz zu diesem Anruf", "Nicht in Ihren Datensätzen"),
    "es": ("Llamada entrante", "Atender", "Rechazar", "Nota sobre esta llamada", "No está en sus registros"),
    "fr": ("Appel entrant", "Décrocher", "Refuser", "Note sur cet appel", "Pas dans vos fiches"),
}

#: What is wider than the panel, or sticks out of it.
CUT_OFF = """() => {
    const root = document.querySelector("voipcti-panel").shadowRoot;
    const frame = root.querySelector(".panel").getBoundingClientRect();
    return [...root.querySelectorAll(".panel *:not(.spoken)")].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
    }).map((element) => `${element.localName}.${element.className} ${element.textContent.slice(0, 40)}`);
}"""


@pytest.mark.parametrize("language", WORDS)
def test_a_call_from_ring_to_note(visit, strict, language):
    incoming, answer, decline, note, unknown = WORDS[language]
    server = visit(language=language)
    server.tell("RINGING", **UNKNOWN)
    shown = card(strict)
    expect(shown.get_by_text(incoming, exact=True)).to_be_visible()
    expect(shown.get_by_text(unknown, exact=True)).to_be_visible()
    expect(shown.get_by_role("button", name=decline, exact=True)).to_be_visible()
    shown.get_by_role("button", name=answer, exact=True).click()
    assert server.asked("answer") == {"call": "7"}
    server.tell("CONNECTED", **UNKNOWN)
    expect(shown.get_by_label(note)).to_be_visible()


@pytest.mark.parametrize("language", ["", *WORDS])
@pytest.mark.parametrize("status", ["RINGING", "CONNECTED", "ON_HOLD"])
def test_nothing_is_cut_off_at_320_pixels(visit, strict, language, status):
    strict.set_viewport_size({"width": 320, "height": 640})
    visit(language=language, calls=[a_call(status=status)])
    expect(card(strict)).to_be_visible()
    assert strict.evaluate(CUT_OFF) == []
    assert strict.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_from_right_to_left_it_stands_on_the_other_side_and_numbers_keep_their_order(visit, strict):
    server = visit()
    strict.evaluate("document.documentElement.dir = 'rtl'")
    server.tell("RINGING")
    expect(card(strict)).to_be_visible()
    panel = strict.locator("voipcti-panel").bounding_box()
    assert panel["x"] < 40
    assert strict.evaluate(CUT_OFF) == []
    number = card(strict).locator(".number bdi")
    assert (number.get_attribute("dir"), number.inner_text()) == ("ltr", "+44 20 7946 0018")
    avatar, name = card(strict).locator(".avatar").bounding_box(), card(strict).locator(".name").bounding_box()
    assert avatar["x"] > name["x"] + name["width"] / 2


def test_with_forced_colours_buttons_have_borders_and_the_state_is_not_colour_alone(visit, strict):
    strict.emulate_media(forced_colors="active")
    visit(calls=[a_call()])
    border = action(strict, "answer").evaluate("button => getComputedStyle(button).borderTopStyle")
    assert border == "solid"
    expect(card(strict).get_by_text("Incoming call", exact=True)).to_be_visible()
    dot = strict.locator("voipcti-panel .dot").evaluate(
        "dot => [getComputedStyle(dot).backgroundColor, getComputedStyle(dot.parentElement).backgroundColor]"
    )
    assert dot[0] != dot[1]
