"""Before a number is dialled, in Chromium: the question when something speaks against it, and its answers.

The server's side of the socket is played here; what it asks when is tested in tests/test_concerns.py.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.host import a_call, action, panel
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

NUMBER = "+44 20 7946 0018"
LISTED = {"code": "do_not_call", "message": "The number is on the do-not-call list.", "needsReason": True}
RECENT = {"code": "recent_call", "message": "Ben spoke to this customer 1 minute ago.", "needsReason": False}


@pytest.fixture
def browser_context(chromium):
    """A context without the page's policy, which axe-core's own probing of colours would violate."""
    context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}, bypass_csp=True)
    context.set_default_timeout(10_000)
    yield context
    context.close()


def a_question(*concerns, token="signed"):
    """What the server answers to a call against which something speaks."""
    needs_reason = any(concern["needsReason"] for concern in concerns)
    confirm = {"token": token, "number": NUMBER, "needsReason": needs_reason, "concerns": list(concerns)}
    return {"name": "INFO", "code": "needs_confirmation", "message": "Please confirm.", "confirm": confirm}


def asks(server, *concerns):
    """Let the server ask until a call brings the token."""
    server.refusals["call"] = lambda said: None if said.get("confirm") == "signed" else a_question(*concerns)


def question(page):
    return page.get_by_role("alertdialog", name=f"Call {NUMBER} nevertheless?")


def placed(page, server, count):
    """Wait until the page has asked for that many calls, and return what it said."""

    def calls():
        page.evaluate("0")
        found = [
            {name: value for name, value in said.items() if name not in {"action", "ref"}}
            for said in server.said
            if said["action"] == "call"
        ]
        return found if len(found) == count else None

    return eventually(calls, describe=f"the page asks for {count} calls")


def test_it_is_asked_what_speaks_against_a_call_and_confirmed_with_a_reason(visit, strict):
    server = visit()
    asks(server, LISTED, RECENT)
    strict.locator("#number").click()
    expect(question(strict)).to_be_visible()
    expect(question(strict).get_by_role("listitem")).to_have_text([LISTED["message"], RECENT["message"]])
    reason = question(strict).get_by_role("textbox")
    expect(reason).to_be_focused()
    reason.fill("  She asked me to call. ")
    question(strict).get_by_role("button", name="Call nevertheless").click()
    expect(question(strict)).to_be_hidden()
    first, second = placed(strict, server, 2)
    assert first == {"number": "+442079460018"}
    assert second == {"number": "+442079460018", "confirm": "signed", "reason": "She asked me to call."}
    expect(strict.locator("#number")).to_be_focused()


def test_nothing_is_sent_without_the_reason_that_is_needed(visit, strict):
    server = visit()
    asks(server, LISTED)
    strict.locator("#number").click()
    question(strict).get_by_role("textbox").fill("   ")
    question(strict).get_by_role("button", name="Call nevertheless").click()
    expect(question(strict).get_by_role("alert")).to_have_text("Say why you call nevertheless.")
    expect(question(strict).get_by_role("textbox")).to_be_focused()
    assert len(placed(strict, server, 1)) == 1


@pytest.mark.parametrize("by", ["button", "escape"])
def test_a_no_dials_nothing_and_leaves_the_user_where_he_was(visit, strict, by):
    server = visit()
    asks(server, RECENT)
    field = panel(strict).get_by_role("textbox", name="Number to call")
    field.fill("020 7946 0018")
    field.press("Enter")
    expect(question(strict)).to_be_focused()
    if by == "button":
        question(strict).get_by_role("button", name="Do not call").click()
    else:
        strict.keyboard.press("Escape")
    expect(question(strict)).to_be_hidden()
    expect(field).to_be_focused()
    expect(field).to_have_value("020 7946 0018")
    assert placed(strict, server, 1) == [{"number": "020 7946 0018"}]


def test_a_second_enter_confirms_nothing(visit, strict):
    server = visit()
    asks(server, RECENT)
    field = panel(strict).get_by_role("textbox", name="Number to call")
    field.fill("020 7946 0018")
    field.press("Enter")
    expect(question(strict)).to_be_focused()
    strict.keyboard.press("Enter")
    expect(question(strict)).to_be_visible()
    strict.keyboard.press("Tab")
    expect(question(strict).get_by_role("button", name="Do not call")).to_be_focused()
    strict.keyboard.press("Tab")
    strict.keyboard.press("Enter")
    assert placed(strict, server, 2)[1] == {"number": "020 7946 0018", "confirm": "signed"}
    expect(field).to_have_value("")


def test_what_came_up_meanwhile_is_asked_anew(visit, strict):
    server = visit()
    said = iter([a_question(RECENT, token="old"), a_question(LISTED, RECENT), None])
    server.refusals["call"] = lambda _message: next(said)
    strict.locator("#number").click()
    question(strict).get_by_role("button", name="Call nevertheless").click()
    expect(question(strict).get_by_role("listitem")).to_have_count(2)
    question(strict).get_by_role("textbox").fill("r")
    strict.keyboard.press("Enter")
    assert [each.get("confirm") for each in placed(strict, server, 3)] == [None, "old", "signed"]


def test_another_click_takes_the_place_of_an_open_question(visit, strict):
    server = visit()
    server.refusals["call"] = lambda said: a_question(RECENT) if said["number"] == "+442079460018" else None
    strict.locator("#number").click()
    expect(question(strict)).to_be_visible()
    strict.locator("#plain").click()
    expect(question(strict)).to_be_hidden()
    assert [each["number"] for each in placed(strict, server, 2)] == ["+442079460018", "+44-20-7946-0019"]


def test_calling_back_asks_too(visit, strict):
    server = visit()
    asks(server, RECENT)
    server.tell("RINGING")
    server.tell("HANGUP", endReason="missed", endReasonText="missed")
    action(strict, "call_back").click()
    question(strict).get_by_role("button", name="Call nevertheless").click()
    assert placed(strict, server, 2)[1]["confirm"] == "signed"


def test_what_is_refused_after_all_is_said_where_numbers_are_entered(visit, strict):
    server = visit()
    said = iter([a_question(RECENT), {"name": "ERROR", "code": "line_not_ready", "message": "The line is away."}])
    server.refusals["call"] = lambda _message: next(said)
    strict.locator("#number").click()
    question(strict).get_by_role("button", name="Call nevertheless").click()
    expect(panel(strict).get_by_text("The line is away.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_finding_in_the_question(visit, strict, scheme):
    strict.emulate_media(color_scheme=scheme)
    server = visit(calls=[a_call()])
    strict.evaluate("scheme => document.documentElement.style.colorScheme = scheme", scheme)
    asks(server, LISTED, RECENT)
    strict.locator("#number").click()
    expect(question(strict)).to_be_visible()
    assert findings(strict, "voipcti-panel") == []


def test_the_question_fits_a_narrow_page_in_german(visit, strict):
    strict.set_viewport_size({"width": 320, "height": 640})
    server = visit(language="de")
    asks(server, LISTED, RECENT)
    strict.locator("#number").click()
    box = strict.locator("voipcti-panel .question")
    expect(box).to_be_visible()
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
