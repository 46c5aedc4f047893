"""Panel and pops by axe-core, in every state; keyboard alone; 320 pixels; forced colours; a page in German."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.host import ALL, UNKNOWN, a_call, a_line, action, card, panel

pytestmark = pytest.mark.browser

PANEL = "voipcti-panel"
ADA = {"company": "Engines", "url": "/contacts/1/", "confidence": "suffix", "reason": "phone"}
MATCHES = [{**ADA, "label": f"Ada {name}"} for name in ("Lovelace", "Byron", "King")]
PAST = {
    "id": "3",
    "direction": "INBOUND",
    "startedAt": "2026-01-02T08:00:00.000+00:00",
    "endReason": "missed",
    "endReasonText": "missed",
    "seconds": 0,
    "line": "Ana",
}
COLLEAGUES = {"colleagues": [{"account": "2", "name": "Alan Turing", "extension": "602"}]}

STATES = {
    "idle": [],
    "ringing in": [a_call(context="Sales", lastCalls=[PAST])],
    "ringing out": [a_call(direction="OUTBOUND")],
    "connected": [a_call(status="CONNECTED")],
    "held": [a_call(status="ON_HOLD")],
    "two calls": [a_call(status="ON_HOLD"), a_call(id="8")],
    "asking before a transfer": [
        a_call(status="ON_HOLD"),
        a_call(id="8", status="CONNECTED", direction="OUTBOUND", consultationOf="7"),
    ],
    "unknown caller": [a_call(**UNKNOWN)],
    "three matches": [a_call(contact=None, matches=MATCHES)],
}


@pytest.fixture
def browser_context(chromium):
    """A context without the page's policy, which axe-core's own probing of colours would violate."""
    context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 800}, bypass_csp=True)
    context.set_default_timeout(10_000)
    yield context
    context.close()


def scheme_of(page, scheme):
    page.evaluate("scheme => document.querySelector('voipcti-panel').setAttribute('theme', scheme)", scheme)


def test_axe_finds_what_is_wrong(visit, strict):
    """The tool works here: it sees into the shadow root."""
    visit(calls=[a_call()])
    assert findings(strict, PANEL) == []
    strict.evaluate("document.querySelector('voipcti-panel').shadowRoot.querySelector('.gear').ariaLabel = ''")
    assert [finding.partition(":")[0] for finding in findings(strict, PANEL)] == ["button-name"]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_finding(visit, strict, state, scheme):
    visit(calls=STATES[state], language="de" if scheme == "dark" else "")
    scheme_of(strict, scheme)
    assert findings(strict, PANEL) == []


def test_axe_has_no_finding_when_the_connection_is_lost(visit, strict):
    server = visit(calls=[a_call(status="CONNECTED")])
    server.is_up = False
    server.sockets[-1].close(code=1011)
    expect(card(strict).get_by_text("Last seen: Connected")).to_be_visible()
    assert findings(strict, PANEL) == []


def test_axe_has_no_finding_in_forms_and_pops(visit, strict):
    asks = a_line(capabilities={**ALL, "supports_attended_transfer": True})
    server = visit(lines=[asks], calls=[a_call(status="CONNECTED")])
    server.answers["colleagues"] = COLLEAGUES
    action(strict, "transfer").click()
    expect(strict.get_by_role("button", name="Ask Alan Turing first")).to_be_visible()
    panel(strict).get_by_role("button", name="Notification settings").click()
    server.pop("<p>Order 12</p><form method='post'><button>Approve</button></form>")
    expect(strict.get_by_text("Order 12")).to_be_visible()
    assert findings(strict, PANEL) == []


def test_axe_has_no_finding_in_the_login(visit, strict):
    visit(lines=[])
    expect(strict.get_by_label("Password")).to_be_visible()
    assert findings(strict, PANEL) == []


@pytest.mark.parametrize("state", ["three matches", "two calls", "asking before a transfer"])
def test_it_fits_320_pixels(visit, strict, state):
    strict.set_viewport_size({"width": 320, "height": 640})
    visit(calls=STATES[state])
    assert strict.evaluate("document.documentElement.scrollWidth") <= 320
    box = panel(strict).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert box["height"] <= 640
    assert findings(strict, PANEL) == []


def test_forced_colours_leave_every_control_with_an_outline(visit, strict):
    strict.emulate_media(forced_colors="active")
    visit(calls=[a_call(status="CONNECTED")])
    for button in panel(strict).locator(".actions .action:visible").all():
        assert button.evaluate("element => getComputedStyle(element).borderTopStyle") == "solid"
        assert float(button.evaluate("element => getComputedStyle(element).borderTopWidth").removesuffix("px")) >= 1
    dot = panel(strict).locator(".dot")
    assert dot.evaluate("element => getComputedStyle(element).backgroundColor") not in {"rgba(0, 0, 0, 0)", ""}


def test_every_control_is_reached_by_tab_and_shows_the_focus(visit, strict):
    visit(lines=[a_line()], calls=[a_call(status="CONNECTED", contact={**MATCHES[0], "confidence": "exact"})])
    strict.locator("#plain").focus()
    reached = []
    for _step in range(11):
        strict.keyboard.press("Tab")
        here = strict.evaluate("""() => {
            const element = document.activeElement?.shadowRoot?.activeElement;
            return element && [
                element.dataset.action ?? element.ariaLabel ?? element.className,
                getComputedStyle(element).outlineStyle,
            ];
        }""")
        if here:
            reached.append(here[0])
            assert here[1] == "solid", here
    assert reached == [
        "bar",
        "Notification settings",
        "hold",
        "transfer",
        "hang_up",
        "action open",
        "Note on this call",
        "What came of it?",
        "link other",
        "Number to call",
        "action",
    ]


def test_a_call_is_made_answered_and_ended_by_keyboard_alone(visit, strict):
    server = visit()
    strict.get_by_label("Number to call").press_sequentially("602")
    strict.keyboard.press("Enter")
    assert server.asked("call") == {"number": "602"}
    server.tell("RINGING")
    action(strict, "answer").press("Enter")
    assert server.asked("answer") == {"call": "7"}
    server.tell("CONNECTED")
    action(strict, "hang_up").press("Space")
    assert server.asked("terminate") == {"call": "7"}
