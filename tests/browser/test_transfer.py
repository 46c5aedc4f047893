"""Where a call goes: to somebody at once, or after asking him, in Chromium under a strict Content-Security-Policy."""

import pytest
from playwright.sync_api import expect

from django_voipcti.enums import CallState, Direction
from django_voipcti.events import Party
from django_voipcti.redaction import PhoneNumber
from tests.browser.dummy_crm import log_line_in, running_crm
from tests.browser.host import ALL, a_call, a_line, action, card, panel, shown_actions

pytestmark = pytest.mark.browser

COLLEAGUES = {
    "colleagues": [
        {"account": "2", "name": "Alan Turing", "extension": "602"},
        {"account": "3", "name": "Katherine Johnson", "extension": "603"},
    ]
}
ASKS = [a_line(capabilities={**ALL, "supports_attended_transfer": True})]
ALAN = {
    "id": "8",
    "direction": "OUTBOUND",
    "number": "602",
    "e164": "",
    "name": "Alan Turing",
    "internal": True,
    "contact": None,
    "matches": [],
    "consultationOf": "7",
}


def actions_of(page, call):
    buttons = card(page, call).locator("[data-action]:visible").all()
    return [button.get_attribute("data-action") for button in buttons]


def test_a_call_is_transferred_by_keyboard_to_a_colleague(visit, strict):
    server = visit(calls=[a_call(status="CONNECTED")])
    server.answers["colleagues"] = COLLEAGUES
    action(strict, "transfer").press("Enter")
    field = strict.get_by_label("Name, extension or number")
    expect(field).to_be_focused()
    expect(strict.get_by_role("button", name="Alan Turing")).to_be_visible()
    field.press_sequentially("kath")
    expect(strict.get_by_role("button", name="Alan Turing")).to_be_hidden()
    field.press("Enter")
    assert server.asked("transfer") == {"call": "7", "number": "603"}
    expect(field).to_be_hidden()


def test_a_call_is_transferred_to_any_number(visit, strict):
    server = visit(calls=[a_call(status="CONNECTED")])
    server.refusals["colleagues"] = {"name": "INFO", "code": "unsupported", "message": "Not here."}
    action(strict, "transfer").click()
    expect(panel(strict).get_by_text("The list of colleagues is not available.")).to_be_visible()
    strict.get_by_label("Name, extension or number").fill("+44 20 7946 0999")
    strict.keyboard.press("Enter")
    assert server.asked("transfer") == {"call": "7", "number": "+44 20 7946 0999"}


def test_escape_leaves_the_transfer_and_returns_to_its_button(visit, strict):
    visit(calls=[a_call(status="CONNECTED")])
    action(strict, "transfer").click()
    strict.get_by_label("Name, extension or number").press("Escape")
    expect(action(strict, "transfer")).to_be_focused()
    expect(action(strict, "transfer")).to_have_attribute("aria-expanded", "false")


def test_only_asking_is_offered_where_the_provider_can_only_do_that(visit, strict):
    lesser = {**ALL, "supports_attended_transfer": True, "supports_blind_transfer": False}
    server = visit(lines=[a_line(capabilities=lesser)], calls=[a_call(status="CONNECTED")])
    server.answers["colleagues"] = COLLEAGUES
    action(strict, "transfer").click()
    expect(strict.get_by_role("button", name="Ask first")).to_have_count(1)
    expect(strict.get_by_role("button", name="Transfer now")).to_be_hidden()
    strict.get_by_role("button", name="Katherine Johnson").click()
    assert server.asked("consult") == {"call": "7", "number": "603"}


def test_nobody_is_asked_where_the_provider_cannot(visit, strict):
    server = visit(calls=[a_call(status="CONNECTED")])
    server.answers["colleagues"] = COLLEAGUES
    action(strict, "transfer").click()
    expect(strict.get_by_role("button", name="Alan Turing")).to_be_visible()
    expect(strict.get_by_role("button", name="Ask first")).to_be_hidden()
    strict.get_by_role("button", name="Alan Turing").click()
    assert server.asked("transfer") == {"call": "7", "number": "602"}


def test_a_colleague_is_asked_and_gets_the_call(visit, strict):
    server = visit(lines=ASKS, calls=[a_call(status="CONNECTED")])
    server.answers["colleagues"] = COLLEAGUES
    server.answers["consult"] = {"call": "8", "command": "1"}
    action(strict, "transfer").click()
    strict.get_by_role("button", name="Ask Alan Turing first").click()
    assert server.asked("consult") == {"call": "7", "number": "602"}
    server.tell("INITIAL", **ALAN)
    server.tell("ON_HOLD")
    expect(card(strict).get_by_text("On hold while you ask Alan Turing.")).to_be_visible()
    about = card(strict, "8").get_by_text("You are asking about the call with Ada Lovelace, who is on hold.")
    expect(about).to_be_visible()
    assert actions_of(strict, "8") == ["return_to_call"]
    assert shown_actions(strict) == ["return_to_call"]
    server.tell("CONNECTED", **ALAN)
    complete = card(strict, "8").get_by_role("button", name="Complete the transfer")
    complete.click()
    assert server.asked("complete_transfer") == {"call": "8"}
    server.tell("HANGUP", endReason="transferred", endReasonText="transferred")
    expect(card(strict).get_by_text("Ended: transferred")).to_be_visible()
    expect(about).to_be_hidden()
    server.tell("HANGUP", **ALAN, endReason="completed", endReasonText="completed")
    expect(card(strict, "8").get_by_text("Ended: completed")).to_be_visible()


def test_who_does_not_take_the_call_is_left_and_the_caller_is_back(visit, strict):
    server = visit(lines=ASKS, calls=[a_call(status="ON_HOLD"), a_call(status="RINGING", **ALAN)])
    card(strict, "8").get_by_role("button", name="Return to the caller").click()
    assert server.asked("return_to_call") == {"call": "8"}
    server.tell("CANCEL", **ALAN, endReason="cancelled", endReasonText="cancelled")
    server.tell("CONNECTED")
    expect(action(strict, "hold")).to_be_visible()
    assert shown_actions(strict) == ["hold", "transfer", "hang_up"]
    expect(card(strict).get_by_text("On hold while you ask")).to_be_hidden()


def test_when_the_caller_hangs_up_the_consultation_is_an_ordinary_call(visit, strict):
    server = visit(lines=ASKS, calls=[a_call(status="ON_HOLD"), a_call(status="CONNECTED", **ALAN)])
    assert actions_of(strict, "8") == ["complete_transfer", "return_to_call"]
    server.tell("HANGUP", endReason="completed", endReasonText="completed")
    expect(card(strict, "8").locator("[data-action=hang_up]")).to_be_visible()
    assert actions_of(strict, "8") == ["hold", "transfer", "hang_up"]


def test_a_refusal_is_explained_on_the_card_that_was_clicked(visit, strict):
    server = visit(lines=ASKS, calls=[a_call(status="ON_HOLD"), a_call(status="CONNECTED", **ALAN)])
    server.refusals["complete_transfer"] = {"name": "INFO", "code": "not_answered", "message": "Alan has not answered."}
    card(strict, "8").get_by_role("button", name="Complete the transfer").click()
    expect(card(strict, "8").get_by_text("Alan has not answered.")).to_be_visible()


def test_asking_works_by_keyboard_alone_and_nobody_loses_his_place(visit, strict):
    server = visit(lines=ASKS, calls=[a_call(status="CONNECTED")])
    server.answers["colleagues"] = COLLEAGUES
    action(strict, "transfer").press("Enter")
    field = strict.get_by_label("Name, extension or number")
    expect(field).to_be_focused()
    field.press_sequentially("alan")
    strict.keyboard.press("Tab")
    expect(strict.get_by_role("button", name="Transfer now")).to_be_focused()
    strict.keyboard.press("Tab")
    expect(strict.get_by_role("button", name="Ask first", exact=True).first).to_be_focused()
    strict.keyboard.press("Enter")
    assert server.asked("consult") == {"call": "7", "number": "602"}
    expect(field).to_be_hidden()
    expect(action(strict, "transfer")).to_be_focused()
    server.tell("CONNECTED", **ALAN)
    expect(card(strict)).to_be_focused()


def test_the_page_is_asked_before_somebody_is_called(visit, strict):
    server = visit(lines=ASKS, calls=[a_call(status="CONNECTED")])
    strict.evaluate("document.addEventListener('voipcti-dial', (event) => event.preventDefault(), {once: true})")
    action(strict, "transfer").click()
    field = strict.get_by_label("Name, extension or number")
    field.fill("+44 20 7946 0999")
    strict.get_by_role("button", name="Ask first").click()
    expect(field).to_be_visible()
    assert "consult" not in [message["action"] for message in server.said]
    strict.get_by_role("button", name="Ask first").click()
    assert server.asked("consult") == {"call": "7", "number": "+44 20 7946 0999"}


def test_a_lost_connection_takes_the_buttons_away_until_it_is_back(visit, strict):
    calls = [a_call(status="ON_HOLD"), a_call(status="CONNECTED", **ALAN)]
    server = visit(lines=ASKS, calls=calls)
    server.is_up = False
    server.sockets[-1].close(code=1011)
    expect(panel(strict).get_by_text("The connection to the server is lost.")).to_be_visible()
    assert actions_of(strict, "8") == []
    server.is_up = True
    expect(card(strict, "8").get_by_role("button", name="Complete the transfer")).to_be_visible(timeout=30_000)


# --- the whole of it: page, server, worker, bridge and a provider that can --------------------------------------------


@pytest.fixture(scope="module")
def crm(tmp_path_factory):
    """The running CRM on a provider that can transfer after asking."""
    with running_crm(tmp_path_factory.mktemp("dummy")) as running:
        yield running


@pytest.fixture
def ana(page, crm):
    """Ana's page; she has logged in her telephone account, and talks with a contact."""
    page.goto(f"{crm.web}/login/")
    page.get_by_label("Name").fill("ana")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    log_line_in(page)
    return page


def call_of(page, name):
    """The live or newest card of somebody."""
    heading = page.get_by_role("heading", name=name, exact=True)
    return page.locator("voipcti-panel .card").filter(has=heading).first


def talk(page, crm, call):
    """A contact calls, and is answered."""
    caller = Party(number=PhoneNumber("+442079460101"))
    for state in (CallState.RINGING, CallState.CONNECTED):
        crm.says("601", call, state, other=caller)
    held = call_of(page, "Harriet Blake")
    expect(held.get_by_role("button", name="Transfer")).to_be_visible()
    return held


def id_of_consultation(page):
    """The provider's id of the call by which somebody is asked."""
    return page.evaluate(
        "document.querySelector('voipcti-panel').connector.calls.find((call) => call.consultationOf).cid"
    )


def test_a_caller_is_handed_over_after_asking_through_the_whole_system(ana, crm):
    held = talk(ana, crm, "in-1")
    held.get_by_role("button", name="Transfer").click()
    ana.get_by_role("button", name="Ask Ben Okafor first").click()
    asked = call_of(ana, "602")
    expect(asked.get_by_text("You are asking about the call with Harriet Blake")).to_be_visible()
    crm.says("601", "in-1", CallState.ON_HOLD)
    expect(held.get_by_text("On hold while you ask")).to_be_visible()
    expect(asked.get_by_text("Dialling…")).to_be_visible()
    second = id_of_consultation(ana)
    crm.says("601", second, CallState.CONNECTED, direction=Direction.OUTBOUND)
    asked.get_by_role("button", name="Complete the transfer").click()
    for call, direction in (("in-1", Direction.INBOUND), (second, Direction.OUTBOUND)):
        crm.says("601", call, CallState.HANGUP, direction=direction)
    expect(held.get_by_text("Ended: transferred")).to_be_visible()
    expect(asked.get_by_text("Ended: completed")).to_be_visible()
    ana.reload()
    expect(ana.locator("voipcti-panel").get_by_label("Number to call")).to_be_visible()


def test_who_is_not_wanted_there_is_talked_to_again_also_after_a_reload(ana, crm):
    talk(ana, crm, "in-2").get_by_role("button", name="Transfer").click()
    ana.get_by_role("button", name="Ask Ben Okafor first").click()
    crm.says("601", "in-2", CallState.ON_HOLD)
    expect(call_of(ana, "602").get_by_text("Dialling…")).to_be_visible()
    ana.reload()
    held, asked = call_of(ana, "Harriet Blake"), call_of(ana, "602")
    expect(held.get_by_text("On hold while you ask")).to_be_visible()
    second = id_of_consultation(ana)
    asked.get_by_role("button", name="Return to the caller").click()
    crm.says("601", second, CallState.HANGUP, direction=Direction.OUTBOUND)
    crm.says("601", "in-2", CallState.CONNECTED)
    expect(held.get_by_role("button", name="Hold")).to_be_visible()
    held.get_by_role("button", name="Transfer").click()
    held.get_by_label("Name, extension or number").fill("602")
    ana.keyboard.press("Enter")
    expect(held.get_by_label("Name, extension or number")).to_be_hidden()
    crm.says("601", "in-2", CallState.HANGUP)
    expect(held.get_by_text("Ended: transferred")).to_be_visible()
