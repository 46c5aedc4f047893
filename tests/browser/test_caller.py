"""Who is calling, in Chromium: one record, several, none, a withheld number; rules; and what is learned meanwhile.

The server's side of the socket is played here; tests/browser/test_phonebook.py has the same flows on the running demo.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.host import UNKNOWN, a_call, action, card, panel
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def browser_context(chromium):
    """A context without the page's policy, which axe-core's own probing of colours would violate."""
    context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}, bypass_csp=True)
    context.set_default_timeout(10_000)
    yield context
    context.close()


def a_record(key, label, **fields):
    record = {"label": label, "company": "Engines", "url": f"/contacts/{key}/", "model": "crm.contact"}
    return {**record, "objectId": key, "confidence": "exact", "reason": "The same number.", **fields}


ADA, ALAN = a_record("1", "Ada Lovelace"), a_record("2", "Alan Turing", confidence="national")
HIDDEN = a_record("", "Known contact", company="", url="", reason="You may not view this record.")
THREE = {"contact": ADA, "matches": [ADA, ALAN, HIDDEN]}
CHOSEN = {"contact": {**ALAN, "confidence": "learned"}, "learned": True}
CHOSEN["matches"] = [{**ALAN, "confidence": "learned", "reason": "You chose this record for the number."}, ADA, HIDDEN]

ABOUT = {
    "country": "GB",
    "countryName": "United Kingdom",
    "region": "London",
    "lineType": "fixed line",
    "localTime": "10:00",
    "timeZone": "Europe/London",
}
CREATE = [{"model": "crm.contact", "label": "New contact", "url": "/contacts/new/?phone=%2B442079460018"}]
NOBODY = {**UNKNOWN, "about": ABOUT, "create": CREATE}
WITHHELD = {**UNKNOWN, "number": "", "e164": ""}
KESTREL = {"label": "Kestrel Couriers", "company": "Parcels", "url": "", "source": "suppliers"}

STATES = {
    "several": a_call(**THREE),
    "chosen": a_call(**CHOSEN),
    "possible": a_call(contact=ALAN, matches=[ALAN]),
    "nobody": a_call(**NOBODY),
    "directory": a_call(**NOBODY, directory=[KESTREL, {**KESTREL, "label": "Kestrel Ltd", "url": "/s/1/"}]),
    "withheld": a_call(**WITHHELD),
}


def choices(page):
    return card(page).locator(".matches > li")


def field(page):
    return card(page).get_by_role("combobox")


def options(page):
    return card(page).get_by_role("option")


# --- several records --------------------------------------------------------------------------------------------------


def test_several_records_are_all_listed_best_first_with_the_reason_in_words(visit, strict):
    visit(calls=[a_call(**THREE)])
    expect(card(strict).get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    expect(card(strict).get_by_text("Records with this number: 3")).to_be_visible()
    expect(choices(strict)).to_contain_text(["Ada Lovelace", "Alan Turing", "Known contact"])
    expect(choices(strict).nth(0)).to_contain_text("The same number.")
    expect(choices(strict).nth(1)).to_contain_text("Possible match · The same number.")
    assert [choices(strict).nth(index).get_by_role("button").count() for index in range(3)] == [1, 1, 0]
    assert choices(strict).nth(2).get_by_role("link").count() == 0


def test_one_is_chosen_shown_remembered_and_forgotten(visit, strict):
    server = visit(calls=[a_call(**THREE)])
    strict.get_by_role("button", name="This is the caller: Alan Turing").click()
    assert server.asked("choose") == {"call": "7", "model": "crm.contact", "objectId": "2"}
    expect(
        card(strict).get_by_role("status").get_by_text("Alan Turing is remembered for this number.")
    ).to_be_attached()
    server.learn("RINGING", **CHOSEN)
    expect(card(strict).get_by_role("heading", name="Alan Turing")).to_be_visible()
    expect(card(strict).get_by_text("Remembered for this number", exact=True)).to_be_visible()
    expect(choices(strict)).to_contain_text(["Ada Lovelace", "Known contact"])
    strict.get_by_role("button", name="Forget").click()
    assert server.asked("forget") == {"call": "7"}
    server.learn("RINGING", **THREE)
    expect(card(strict).get_by_text("Remembered for this number", exact=True)).to_be_hidden()
    expect(choices(strict)).to_have_count(3)


def test_why_it_was_refused_stands_on_the_card(visit, strict):
    server = visit(calls=[a_call(**THREE)])
    server.refusals["choose"] = {"name": "ERROR", "code": "not_allowed", "message": "You may not view this record."}
    strict.get_by_role("button", name="This is the caller: Ada Lovelace").click()
    expect(card(strict).get_by_role("alert").get_by_text("You may not view this record.")).to_be_visible()


def test_a_match_that_is_only_possible_can_be_confirmed(visit, strict):
    server = visit(calls=[a_call(contact=ALAN, matches=[ALAN])])
    strict.get_by_role("button", name="This is the caller", exact=True).click()
    assert server.asked("choose")["objectId"] == "2"


def test_somebody_who_is_not_among_the_matches_is_chosen_by_search(visit, strict):
    server = visit(calls=[a_call(contact=ADA, matches=[ADA])])
    server.answers["suggest"] = {"records": [ALAN]}
    other = card(strict).get_by_role("button", name="It is somebody else…")
    other.press("Enter")
    expect(other).to_have_attribute("aria-expanded", "true")
    field(strict).press_sequentially("alan")
    expect(options(strict)).to_have_count(1)
    for key in ("ArrowDown", "Enter"):
        strict.keyboard.press(key)
    expect(card(strict).get_by_text("You will see Alan Turing first when +44 20 7946 0018 calls")).to_be_visible()
    strict.keyboard.press("Enter")
    assert server.asked("choose") == {"call": "7", "model": "crm.contact", "objectId": "2"}
    expect(field(strict)).to_be_hidden()
    expect(other).to_be_focused()
    server.learn("RINGING", **CHOSEN)
    expect(card(strict).get_by_role("heading", name="Alan Turing")).to_be_visible()
    expect(card(strict).get_by_text("Remembered for this number", exact=True)).to_be_visible()


def test_who_calls_somebody_is_not_asked_whether_it_is_somebody_else(visit, strict):
    visit(calls=[a_call(contact=ADA, matches=[ADA], direction="OUTBOUND")])
    expect(card(strict).get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    expect(card(strict).get_by_role("button", name="It is somebody else…")).to_be_hidden()


def test_who_chose_by_keyboard_keeps_his_place(visit, strict):
    server = visit(calls=[a_call(**THREE)])
    strict.get_by_role("button", name="This is the caller: Alan Turing").focus()
    strict.keyboard.press("Enter")
    server.asked("choose")
    server.learn("RINGING", **CHOSEN)
    expect(card(strict)).to_be_focused()
    for _step in ("dismiss", "answer"):
        strict.keyboard.press("Tab")
    expect(action(strict, "answer")).to_be_focused()


def test_a_call_of_somebody_elses_line_is_only_looked_at(visit, strict):
    visit(calls=[a_call(line="9", **THREE)])
    expect(choices(strict)).to_have_count(3)
    assert card(strict).get_by_role("button", name="This is the caller").count() == 0


# --- nobody -----------------------------------------------------------------------------------------------------------


def test_nobody_shows_what_the_number_tells_and_the_forms_for_a_record(visit, strict):
    visit(calls=[a_call(**NOBODY)])
    for text in ("Not in your records", "London, United Kingdom", "fixed line", "10:00 AM there"):
        expect(card(strict).locator(".why").get_by_text(text, exact=True)).to_be_visible()
    expect(card(strict).get_by_role("link", name="New contact")).to_have_attribute("href", CREATE[0]["url"])
    expect(card(strict).get_by_role("button", name="Attach to a record…")).to_be_visible()


def test_a_directory_that_answers_late_names_the_caller_in_place(visit, strict):
    server = visit(calls=[a_call(**NOBODY)])
    expect(card(strict).get_by_role("heading", name="+44 20 7946 0018")).to_be_visible()
    server.learn("RINGING", **NOBODY, directory=[KESTREL])
    expect(card(strict).get_by_role("heading", name="Kestrel Couriers")).to_be_visible()
    expect(card(strict).get_by_text("From the directory “suppliers”")).to_be_visible()
    expect(card(strict).get_by_text("In outside directories")).to_be_hidden()
    expect(card(strict).get_by_text("Not in your records")).to_be_visible()


def test_a_link_of_a_directory_is_never_a_script(visit, strict):
    visit(
        calls=[
            a_call(
                **{**NOBODY, "create": []},
                directory=[KESTREL, {**KESTREL, "label": "Evil", "url": "javascript:alert(1)"}],
            )
        ]
    )
    expect(card(strict).locator(".directory").get_by_text("Evil")).to_be_visible()
    assert card(strict).locator(".directory").get_by_role("link").count() == 0


def test_a_number_is_attached_to_a_record_by_keyboard_alone(visit, strict):
    server = visit(calls=[a_call(**NOBODY)])
    server.answers["suggest"] = {"records": [ADA, ALAN]}
    server.answers["attach"] = {"linked": 3}
    card(strict).get_by_role("button", name="Attach to a record…").press("Enter")
    expect(field(strict)).to_be_focused()
    field(strict).press_sequentially("al")
    expect(options(strict)).to_contain_text(["Ada Lovelace", "Alan Turing"])
    expect(field(strict)).to_have_attribute("aria-expanded", "true")
    expect(card(strict).get_by_text("Records found: 2.")).to_be_visible()
    assert server.asked("suggest") == {"text": "al"}
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        strict.keyboard.press(key)
    marked = card(strict).locator("[role=option][aria-selected=true]")
    expect(marked).to_contain_text("Alan Turing")
    expect(field(strict)).to_have_attribute("aria-activedescendant", marked.get_attribute("id"))
    strict.keyboard.press("Enter")
    expect(field(strict)).to_have_value("Alan Turing, Engines")
    expect(card(strict).get_by_text("Everybody will see Alan Turing when +44 20 7946 0018 calls.")).to_be_visible()
    assert "attach" not in [message["action"] for message in server.said]
    strict.keyboard.press("Enter")
    assert server.asked("attach") == {"call": "7", "model": "crm.contact", "objectId": "2"}
    expect(
        card(strict).get_by_text("The number belongs to Alan Turing now. Earlier calls that are being linked: 3.")
    ).to_be_visible()
    server.learn("RINGING", contact={**ALAN, "confidence": "learned"}, matches=[{**ALAN, "confidence": "learned"}])
    expect(card(strict).get_by_role("heading", name="Alan Turing")).to_be_visible()
    expect(card(strict)).to_be_focused()
    expect(card(strict).get_by_text("Earlier calls that are being linked: 3.")).to_be_visible()


def test_escape_closes_the_list_and_then_the_search(visit, strict):
    server = visit(calls=[a_call(**NOBODY)])
    server.answers["suggest"] = {"records": [ADA]}
    button = card(strict).get_by_role("button", name="Attach to a record…")
    button.click()
    field(strict).press_sequentially("ada")
    expect(options(strict)).to_have_count(1)
    strict.keyboard.press("Escape")
    expect(options(strict)).to_have_count(0)
    expect(field(strict)).to_have_attribute("aria-expanded", "false")
    expect(field(strict)).to_be_focused()
    strict.keyboard.press("Escape")
    expect(field(strict)).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")


def test_nothing_found_and_a_refusal_are_said(visit, strict):
    server = visit(calls=[a_call(**NOBODY)])
    server.answers["suggest"] = {"records": []}
    card(strict).get_by_role("button", name="Attach to a record…").click()
    field(strict).fill("xyz")
    expect(card(strict).get_by_text("No record is found by this.")).to_be_visible()
    server.refusals["suggest"] = {"name": "ERROR", "code": "too_many_requests", "message": "Please wait a moment."}
    field(strict).fill("xyza")
    expect(card(strict).get_by_text("Please wait a moment.")).to_be_visible()


def test_another_text_takes_the_record_that_was_taken_back(visit, strict):
    server = visit(calls=[a_call(**NOBODY)])
    server.answers["suggest"] = {"records": [ADA]}
    card(strict).get_by_role("button", name="Attach to a record…").click()
    field(strict).fill("ada")
    options(strict).first.click()
    confirm = card(strict).get_by_role("button", name="Attach", exact=True)
    expect(confirm).to_be_visible()
    expect(field(strict)).to_be_focused()
    field(strict).press_sequentially("x")
    expect(confirm).to_be_hidden()


def test_a_record_that_is_saved_elsewhere_shows_in_the_pop(visit, strict):
    server = visit(calls=[a_call(**NOBODY)])
    server.learn("RINGING", contact=ADA, matches=[ADA])
    expect(card(strict).get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    expect(card(strict).get_by_role("link", name="New contact")).to_be_hidden()
    expect(card(strict).get_by_role("link", name="Open record")).to_have_attribute("href", "/contacts/1/")


# --- withheld ---------------------------------------------------------------------------------------------------------


def test_a_withheld_number_says_so_and_offers_nothing_that_needs_one(visit, strict):
    server = visit(calls=[a_call(**WITHHELD)])
    expect(card(strict).get_by_role("heading", name="Withheld number")).to_be_visible()
    expect(card(strict).get_by_text("The caller withheld the number, so nobody can be looked up")).to_be_visible()
    server.tell("HANGUP", **WITHHELD, endReason="missed", endReasonText="missed")
    expect(card(strict).get_by_text("Ended: missed")).to_be_visible()
    shown = card(strict).get_by_role("button").or_(card(strict).get_by_role("link")).all()
    assert [control.get_attribute("aria-label") for control in shown] == ["Dismiss"]


# --- rules ------------------------------------------------------------------------------------------------------------


def ruled(action, url=""):
    return {"pop": {"action": action, "reason": "Rule “Sales”.", "url": url}}


def opened(page):
    """Keep addresses instead of going there."""
    page.evaluate("""() => {
        window.opened = [];
        document.addEventListener("voipcti-open", (event) => {
            event.preventDefault();
            window.opened.push(event.detail.url);
        });
    }""")
    return lambda: page.evaluate("window.opened")


def test_a_rule_opens_the_record_once_when_the_call_rings(visit, strict):
    server = visit()
    urls = opened(strict)
    server.tell("RINGING", **ruled("open_record", "/contacts/1/"))
    expect(card(strict)).to_be_visible()
    server.tell("CONNECTED", **ruled("open_record", "/contacts/1/"))
    expect(card(strict).locator(".state")).to_have_text("Connected")
    assert eventually(urls) == ["/contacts/1/"]


def test_a_rule_really_goes_there_and_a_page_that_finds_the_call_stays(visit, strict):
    server = visit()
    server.calls = [a_call(**ruled("open_form", "/de"))]
    server.tell("RINGING", **ruled("open_form", "/de"))
    strict.wait_for_url("**/de")
    expect(card(strict)).to_be_visible()
    strict.goto(strict.url.removesuffix("de"))
    expect(card(strict)).to_be_visible()
    assert strict.url.endswith("/")


@pytest.mark.parametrize(
    ("preferences", "typing", "state"),
    [({"doNotDisturb": True}, False, "RINGING"), ({"popOn": "answer"}, False, "RINGING"), ({}, True, "RINGING")],
)
def test_a_rule_opens_nothing_against_the_user(visit, strict, preferences, typing, state):
    server = visit()
    server.tell_preferences({"popOn": "ring", "doNotDisturb": False, **preferences})
    urls = opened(strict)
    if typing:
        strict.locator("#note").focus()
    server.tell(state, **ruled("open_record", "/contacts/1/"))
    expect(card(strict)).to_be_attached()
    assert urls() == []


def test_a_rule_waits_for_the_answer_where_the_user_wants_that(visit, strict):
    server = visit()
    server.tell_preferences({"popOn": "answer", "doNotDisturb": False})
    urls = opened(strict)
    server.tell("RINGING", **ruled("open_record", "/contacts/1/"))
    server.tell("CONNECTED", **ruled("open_record", "/contacts/1/"))
    assert eventually(urls) == ["/contacts/1/"]


def test_a_rule_without_an_address_pops(visit, strict):
    server = visit()
    urls = opened(strict)
    server.tell("RINGING", **ruled("open_record"))
    expect(action(strict, "answer")).to_be_visible()
    assert urls() == []


def test_a_silent_call_is_in_the_panel_and_nowhere_else(visit, strict):
    server = visit()
    strict.locator("voipcti-panel .bar").click()
    strict.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    server.tell("RINGING", **ruled("silent"))
    expect(card(strict)).to_be_attached()
    expect(card(strict)).to_be_hidden()
    expect(strict).to_have_title("Contacts")
    expect(strict.locator("voipcti-panel [role=alert].spoken")).to_have_text("")
    strict.locator("voipcti-panel .bar").click()
    expect(action(strict, "answer")).to_be_visible()


def test_a_call_that_is_only_logged_is_not_shown_at_all(visit, strict):
    server = visit()
    for state in ("RINGING", "CONNECTED", "HANGUP"):
        server.tell(state, **ruled("log_only"))
    server.tell("RINGING", id="8")
    expect(card(strict, "8")).to_be_visible()
    assert card(strict).count() == 0


# --- in place, and for everybody --------------------------------------------------------------------------------------


def test_what_is_learned_neither_unfolds_nor_speaks_as_a_new_call(visit, strict):
    server = visit(calls=[a_call(**NOBODY)])
    strict.locator("voipcti-panel .bar").click()
    spoken = strict.locator("voipcti-panel [role=alert].spoken")
    before = spoken.inner_text()
    server.learn("RINGING", contact=ADA, matches=[ADA])
    expect(card(strict).locator(".name")).to_have_text("Ada Lovelace")
    expect(strict.locator("voipcti-panel .bar")).to_have_attribute("aria-expanded", "false")
    assert spoken.inner_text() == before
    server.learn("RINGING", id="99")
    assert card(strict, "99").count() == 0


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_finding(visit, strict, state, scheme):
    server = visit(calls=[STATES[state]], language="de" if scheme == "dark" else "")
    strict.evaluate("scheme => document.querySelector('voipcti-panel').setAttribute('theme', scheme)", scheme)
    assert findings(strict, "voipcti-panel") == []
    if state == "nobody":
        server.answers["suggest"] = {"records": [ADA, ALAN]}
        card(strict).locator(".offers .action[aria-expanded]").click()
        field(strict).fill("al")
        expect(options(strict)).to_have_count(2)
        strict.keyboard.press("ArrowDown")
        assert findings(strict, "voipcti-panel") == []
        strict.keyboard.press("Enter")
        assert findings(strict, "voipcti-panel") == []


@pytest.mark.parametrize("state", STATES)
def test_it_fits_320_pixels(visit, strict, state):
    strict.set_viewport_size({"width": 320, "height": 640})
    server = visit(calls=[STATES[state]])
    if state == "nobody":
        server.answers["suggest"] = {"records": [a_record("3", "Wolfeschlegelsteinhausenbergerdorff " * 2)]}
        card(strict).locator(".offers .action[aria-expanded]").click()
        field(strict).fill("wolfe")
        expect(options(strict)).to_have_count(1)
    for element in [panel(strict), *card(strict).locator("button:visible, a:visible, li:visible, input:visible").all()]:
        box = element.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
    assert strict.evaluate("document.documentElement.scrollWidth") <= 320
    assert panel(strict).locator(".body").evaluate("element => element.scrollWidth <= element.clientWidth")


def test_forced_colours_leave_controls_outlined_and_the_marked_record_marked(visit, strict):
    strict.emulate_media(forced_colors="active")
    server = visit(calls=[a_call(**NOBODY), a_call(id="8", **THREE)])
    server.answers["suggest"] = {"records": [ADA, ALAN]}
    for control in panel(strict).locator(".offers .action:visible, .choose:visible").all():
        assert control.evaluate("element => getComputedStyle(element).borderTopStyle") == "solid"
        assert float(control.evaluate("element => getComputedStyle(element).borderTopWidth").removesuffix("px")) >= 1
    card(strict).locator(".offers .action[aria-expanded]").click()
    field(strict).fill("al")
    expect(options(strict)).to_have_count(2)
    strict.keyboard.press("ArrowDown")
    marked, other = (
        options(strict).nth(index).evaluate("e => getComputedStyle(e).backgroundColor") for index in (0, 1)
    )
    assert marked != other
