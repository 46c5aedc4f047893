"""Being noticed, in Chromium: settings, notifications, the ring tone, and peace when somebody wants it."""

import pytest
from playwright.sync_api import expect

from tests.browser.host import a_call, action, card, panel
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

CHOSEN = {"popOn": "ring", "ringTone": False, "notifications": False, "openRecord": False, "doNotDisturb": False}
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def settings(page):
    return panel(page).get_by_role("group", name="Notification settings")


def choose(server, **choices):
    server.tell_preferences({**CHOSEN, **choices})


def test_settings_are_reached_by_keyboard_and_kept_on_the_server(visit, strict):
    server = visit()
    gear = panel(strict).get_by_role("button", name="Notification settings")
    gear.press("Enter")
    expect(gear).to_have_attribute("aria-expanded", "true")
    settings(strict).get_by_label("Do not disturb").press("Space")
    assert server.asked("preferences") == {"doNotDisturb": True}
    server.said.clear()
    settings(strict).get_by_label("Show incoming calls").select_option("when I answer")
    assert server.asked("preferences") == {"popOn": "answer"}
    gear.press("Enter")
    expect(settings(strict)).to_be_hidden()


def test_what_was_chosen_on_another_device_is_shown(visit, strict):
    server = visit()
    panel(strict).get_by_role("button", name="Notification settings").click()
    choose(server, doNotDisturb=True, ringTone=True)
    expect(settings(strict).get_by_label("Do not disturb")).to_be_checked()
    expect(settings(strict).get_by_label("Ring tone in this browser")).to_be_checked()
    expect(settings(strict).get_by_role("button", name="Test the ring tone")).to_be_visible()
    expect(panel(strict).locator(".status")).to_contain_text("Do not disturb")


def test_a_choice_that_is_refused_is_taken_back_and_explained(visit, strict):
    server = visit()
    server.refusals["preferences"] = {"name": "ERROR", "code": "internal", "message": "Please try again."}
    panel(strict).get_by_role("button", name="Notification settings").click()
    settings(strict).get_by_label("Do not disturb").click()
    expect(settings(strict).get_by_text("Please try again.")).to_be_visible()
    expect(settings(strict).get_by_label("Do not disturb")).not_to_be_checked()


def test_nothing_asks_for_permission_before_somebody_clicks(visit, strict):
    strict.add_init_script("""
        window.asked = 0;
        Object.defineProperty(Notification, "permission", {get: () => "default"});
        Notification.requestPermission = async () => { window.asked += 1; };
    """)
    server = visit()
    server.tell("RINGING")
    expect(card(strict)).to_be_visible()
    assert strict.evaluate("window.asked") == 0
    panel(strict).get_by_role("button", name="Notification settings").click()
    settings(strict).get_by_label("Desktop notification").click()
    assert server.asked("preferences") == {"notifications": True}
    assert strict.evaluate("window.asked") == 1


def test_a_hidden_page_notifies_and_the_ring_tone_sounds(visit, strict):
    strict.add_init_script("""
        window.shown = [];
        window.Notification = class {
            static permission = "granted";
            constructor(title, options) { window.shown.push({title, body: options.body}); }
            close() {}
        };
        // A machine of tests has no loudspeaker; this context reckons the sound and throws it away.
        window.AudioContext = class extends AudioContext {
            constructor() { super({sinkId: {type: "none"}}); window.playing = this; }
            async setSinkId() {}
        };
    """)
    server = visit()
    choose(server, notifications=True, ringTone=True)
    panel(strict).locator(".title").click()  # browsers allow sound after a click
    strict.evaluate(HIDE, True)
    server.tell("RINGING", context="Sales")
    eventually(lambda: strict.evaluate("window.shown.length === 1 && window.playing?.state === 'running'"))
    body = "Analytical Engines · +44 20 7946 0018 · Sales"
    assert strict.evaluate("window.shown") == [{"title": "Incoming call from Ada Lovelace", "body": body}]
    server.tell("CONNECTED")
    eventually(lambda: strict.evaluate("window.playing.state === 'closed'"))


def test_a_call_does_not_disturb_who_does_not_want_it_and_is_not_lost(visit, strict):
    server = visit()
    choose(server, doNotDisturb=True)
    panel(strict).locator(".bar").click()
    server.tell("RINGING")
    expect(panel(strict).locator(".status")).to_contain_text("Incoming call")
    expect(card(strict)).to_be_hidden()
    expect(strict.locator("voipcti-panel [role=alert].spoken")).to_have_text("")
    expect(strict).to_have_title("Contacts")
    panel(strict).locator(".bar").click()
    expect(action(strict, "answer")).to_be_visible()


def test_a_call_comes_forward_when_it_is_answered_for_who_wants_that(visit, strict):
    server = visit()
    choose(server, popOn="answer")
    panel(strict).locator(".bar").click()
    server.tell("RINGING")
    expect(panel(strict).locator(".status")).to_contain_text("Incoming call")
    expect(card(strict)).to_be_hidden()
    server.tell("CONNECTED")
    expect(action(strict, "hold")).to_be_visible()


def test_the_record_opens_when_the_call_is_answered(visit, strict, host):
    server = visit(calls=[a_call()])
    choose(server, openRecord=True)
    server.tell("CONNECTED")
    strict.wait_for_url(f"{host}/contacts/1/")


def test_the_record_does_not_open_while_somebody_types_or_when_the_page_prevents_it(visit, strict, host):
    server = visit(calls=[a_call()])
    choose(server, openRecord=True)
    strict.locator("#note").focus()
    server.tell("CONNECTED")
    expect(action(strict, "hold")).to_be_visible()
    strict.evaluate("""() => {
        document.activeElement.blur();
        document.addEventListener("voipcti-open", (event) => {
            window.opened = event.detail.url;
            event.preventDefault();
        });
    }""")
    server.tell("RINGING", id="8")
    server.tell("CONNECTED", id="8")
    eventually(lambda: strict.evaluate("window.opened === '/contacts/1/'"))
    assert strict.url == f"{host}/"
