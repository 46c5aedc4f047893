"""The call panel in Chromium, under a strict Content-Security-Policy, with the server's side of the socket played here.

What the server itself says is tested in tests/test_consumers.py; both follow docs/reference/messages.
"""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.host import ALL, UNKNOWN, a_call, a_line, action, card, panel, shown_actions
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser


def test_a_ringing_call_pops_who_it_is_and_why(visit, strict):
    past = {"id": "3", "direction": "INBOUND", "startedAt": "2026-01-02T08:00:00.000+00:00", "endReason": "missed"}
    server = visit()
    server.tell(
        "RINGING", context="Sales", lastCalls=[{**past, "endReasonText": "missed", "seconds": 0, "line": "Ana"}]
    )
    shown = card(strict)
    expect(shown.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    for text in ("Incoming call", "Sales", "Analytical Engines", "+44 20 7946 0018", "Mobile number", "missed"):
        expect(shown.get_by_text(text, exact=True)).to_be_visible()
    expect(shown.get_by_role("link", name="Open record")).to_have_attribute("href", "/contacts/1/")
    expect(shown.get_by_role("timer")).to_have_text("0:08")


def test_a_ringing_call_is_spoken_and_leaves_the_focus_where_it_is(visit, strict):
    server = visit()
    strict.locator("#note").focus()
    server.tell("RINGING")
    expect(strict.locator("voipcti-panel [role=alert].spoken")).to_have_text(
        "Incoming call from Ada Lovelace, Analytical Engines"
    )
    expect(strict.locator("#note")).to_be_focused()


def test_the_title_of_a_hidden_page_says_who_rings(visit, strict):
    server = visit()
    strict.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    server.tell("RINGING")
    expect(strict).to_have_title("☎ Ada Lovelace")
    server.tell("HANGUP", endReason="missed", endReasonText="missed")
    expect(strict).to_have_title("Contacts")


def test_a_panel_that_was_folded_unfolds_for_a_call(visit, strict):
    server = visit()
    bar = strict.locator("voipcti-panel .bar")
    bar.click()
    expect(strict.get_by_label("Number to call")).to_be_hidden()
    strict.reload()
    expect(bar).to_have_attribute("aria-expanded", "false")
    expect(bar).to_contain_text("ready")
    server.tell("RINGING")
    expect(action(strict, "answer")).to_be_visible()


def test_buttons_follow_the_call_and_ask_the_server(visit, strict):
    server = visit(calls=[a_call()])
    assert shown_actions(strict) == ["answer", "decline"]
    action(strict, "answer").click()
    assert server.asked("answer") == {"call": "7"}
    server.tell("CONNECTED", answeredAt="2026-01-02T10:00:03.000+00:00")
    expect(action(strict, "hold")).to_be_visible()
    assert shown_actions(strict) == ["hold", "transfer", "hang_up"]
    action(strict, "hold").click()
    assert server.asked("hold") == {"call": "7"}
    server.tell("ON_HOLD", answeredAt="2026-01-02T10:00:03.000+00:00")
    expect(action(strict, "resume")).to_be_visible()
    action(strict, "resume").click()
    assert server.asked("resume") == {"call": "7"}
    action(strict, "hang_up").click()
    assert server.asked("terminate") == {"call": "7"}


def test_only_what_the_provider_can_do_is_offered(visit, strict):
    lesser = {**ALL, "supports_answer": False, "supports_place": False}
    visit(lines=[a_line(capabilities=lesser)], calls=[a_call()])
    assert shown_actions(strict) == ["decline"]
    expect(strict.get_by_label("Number to call")).to_be_hidden()


def test_who_pressed_a_button_that_went_away_keeps_his_place(visit, strict):
    server = visit(calls=[a_call()])
    action(strict, "answer").focus()
    strict.keyboard.press("Enter")
    server.tell("CONNECTED")
    expect(card(strict)).to_be_focused()
    strict.keyboard.press("Tab")
    expect(action(strict, "hold")).to_be_focused()


def test_an_outgoing_call_shows_each_stage(visit, strict):
    server = visit()
    strict.get_by_label("Number to call").fill("020 7946 0018")
    strict.keyboard.press("Enter")
    assert server.asked("call") == {"number": "020 7946 0018"}
    current = card(strict).locator("[aria-current=step]")
    for name, stage, state in [
        ("INITIAL", "Your phone", "Pick up your phone"),
        ("ACCEPTED", "Ringing", "Dialling…"),
        ("RINGING", "Ringing", "Ringing…"),
    ]:
        server.tell(name, direction="OUTBOUND")
        expect(current).to_have_text(stage)
        expect(card(strict).locator(".state")).to_have_text(state)
    server.tell("CONNECTED", direction="OUTBOUND")
    expect(current).to_be_hidden()
    expect(strict.get_by_label("Number to call")).to_have_value("")


def test_a_refused_number_is_explained_where_it_was_typed(visit, strict):
    server = visit()
    server.refusals["call"] = {"name": "ERROR", "code": "invalid_number", "message": "This is no telephone number."}
    strict.get_by_label("Number to call").fill("abc")
    strict.keyboard.press("Enter")
    expect(panel(strict).get_by_text("This is no telephone number.")).to_be_visible()
    expect(strict.get_by_label("Number to call")).to_have_value("abc")


def test_why_a_call_was_not_set_up_is_said_on_its_card(visit, strict):
    server = visit()
    server.tell("INITIAL", direction="OUTBOUND")
    server.tell("CANCEL", direction="OUTBOUND", cause="Your phone is not registered.")
    expect(card(strict).get_by_text("Not connected")).to_be_visible()
    expect(card(strict).get_by_text("Your phone is not registered.")).to_be_visible()


def test_a_click_on_a_number_in_the_page_calls_it(visit, strict):
    server = visit()
    strict.locator("#number").click()
    assert server.asked("call") == {"number": "+442079460018"}


def test_a_plain_link_in_a_container_that_wants_it_calls_too(visit, strict):
    server = visit()
    strict.locator("#plain").click()
    assert server.asked("call") == {"number": "+44-20-7946-0019"}


def test_a_page_may_stop_a_call_or_ask_first(visit, strict):
    server = visit()
    strict.evaluate("""() => {
        window.asked = [];
        document.addEventListener("voipcti-dial", (event) => {
            window.asked.push([event.detail.number, event.detail.element?.id]);
            if (window.asked.length === 1) event.preventDefault();
            else event.detail.waitUntil(new Promise((resolve) => { window.answer = resolve; }));
        });
    }""")
    strict.locator("#number").click()
    strict.locator("#number").click()
    strict.evaluate("window.answer(false)")
    strict.locator("#number").click()
    assert "call" not in [message["action"] for message in server.said]
    strict.evaluate("window.answer(true)")
    assert server.asked("call") == {"number": "+442079460018"}
    assert strict.evaluate("window.asked") == [["+442079460018", "number"]] * 3
    assert [message["action"] for message in server.said].count("call") == 1


def test_a_number_in_the_page_is_left_to_the_device_while_no_line_is_ready(visit, strict):
    server = visit(lines=[a_line(status="LOGGED_OUT")])
    strict.evaluate("""() => document.addEventListener("click", (event) => {
        window.leftAlone = !event.defaultPrevented;
        event.preventDefault();
    })""")
    strict.locator("#number").click()
    assert strict.evaluate("window.leftAlone") is True
    assert "call" not in [message["action"] for message in server.said]


def test_an_action_that_is_refused_is_explained_on_the_card(visit, strict):
    server = visit(calls=[a_call(status="CONNECTED")])
    server.refusals["hold"] = {"name": "INFO", "code": "wrong_state", "message": "The call is over."}
    action(strict, "hold").click()
    expect(card(strict).get_by_text("The call is over.")).to_be_visible()


def test_several_calls_have_a_card_each_and_the_newest_is_on_top(visit, strict):
    server = visit(calls=[a_call(status="CONNECTED")])
    server.tell("RINGING", id="8", **UNKNOWN, number="+49 89 1234567")
    expect(card(strict, "8").get_by_role("heading", name="+49 89 1234567")).to_be_visible()
    expect(card(strict, "8").get_by_text("Not in your records")).to_be_visible()
    cards = strict.locator("voipcti-panel [data-call]").all()
    assert [one.get_attribute("data-call") for one in cards] == ["8", "7"]


def test_several_records_with_the_number_are_offered_as_links(visit, strict):
    matches = [{"label": name, "company": "", "url": f"/c/{name}/", "reason": "Phone"} for name in ("Alan", "Joan")]
    visit(calls=[a_call(contact=None, name="", matches=matches)])
    expect(card(strict).get_by_text("Records with this number: 2")).to_be_visible()
    expect(card(strict).get_by_role("link", name="Joan")).to_have_attribute("href", "/c/Joan/")


def test_a_withheld_number_is_called_so(visit, strict):
    visit(calls=[a_call(**UNKNOWN, number="", e164="")])
    expect(card(strict).get_by_role("heading", name="Withheld number")).to_be_visible()


def test_what_a_caller_sends_is_text_and_never_markup_or_script(visit, strict):
    name = "<img src=x onerror=alert(1)>"
    contact = {"label": name, "company": "<b>", "url": "javascript:alert(1)", "confidence": "exact"}
    visit(calls=[a_call(name=name, contact=contact, matches=[{**contact, "reason": "<i>"}], context="<u>")])
    expect(card(strict).get_by_role("heading", name=name)).to_be_visible()
    assert card(strict).locator("img, b, i, u").count() == 0
    expect(card(strict).get_by_text("Open record")).to_be_hidden()


def test_an_ended_call_stays_until_it_is_dismissed(visit, strict):
    server = visit(calls=[a_call()])
    server.tell("HANGUP", endReason="missed", endReasonText="missed")
    expect(card(strict).get_by_text("Ended: missed")).to_be_visible()
    assert shown_actions(strict) == ["call_back"]
    card(strict).get_by_role("button", name="Dismiss").click()
    expect(card(strict)).to_have_count(0)
    expect(strict.locator("voipcti-panel .bar")).to_be_focused()
    assert server.asked("dismiss") == {"call": "7"}


def test_a_ringing_call_can_be_put_out_of_sight_until_it_is_answered(visit, strict):
    server = visit(calls=[a_call()])
    card(strict).get_by_role("button", name="Dismiss").click()
    expect(card(strict)).to_have_count(0)
    server.tell("CONNECTED")
    expect(action(strict, "hold")).to_be_visible()


def test_a_ringing_call_that_was_dismissed_and_missed_stays_away(visit, strict):
    server = visit(calls=[a_call()])
    server.dismiss("7")
    expect(card(strict)).to_have_count(0)
    server.tell("HANGUP", endReason="missed", endReasonText="missed")
    server.tell("RINGING", id="8")
    expect(card(strict, "8")).to_be_visible()
    expect(card(strict)).to_have_count(0)


def test_a_call_that_goes_on_is_not_dismissed_by_another_device(visit, strict):
    server = visit(calls=[a_call(status="CONNECTED")])
    server.dismiss("7")
    server.tell("ON_HOLD")
    expect(action(strict, "resume")).to_be_visible()


def test_a_call_answered_elsewhere_goes_away_and_says_so(visit, strict):
    server = visit(calls=[a_call()])
    server.tell("HANGUP", endReason="answered_elsewhere", endReasonText="answered by a colleague")
    expect(card(strict)).to_have_count(0)
    expect(strict.locator("voipcti-panel [role=status].spoken")).to_have_text(
        "Ada Lovelace: Ended: answered by a colleague"
    )


def test_a_lost_connection_is_said_and_no_call_is_shown_as_live(visit, strict):
    server = visit(calls=[a_call(status="CONNECTED")])
    server.is_up = False
    server.sockets[-1].close(code=1011)
    expect(panel(strict).get_by_text("The connection to the server is lost.")).to_be_visible()
    expect(card(strict).get_by_text("Last seen: Connected")).to_be_visible()
    assert shown_actions(strict) == []
    server.is_up = True
    server.calls = []
    expect(card(strict).get_by_text("Call ended")).to_be_visible(timeout=30_000)
    expect(panel(strict).get_by_text("The connection to the server is lost.")).to_be_hidden()


def test_a_user_who_signed_out_is_told_to_reload(visit, strict):
    server = visit()
    server.sockets[-1].close(code=4401, reason="signed out")
    expect(panel(strict).get_by_text("Calls are not shown.")).to_be_visible()
    assert len(server.sockets) == 1


def test_logging_a_line_in_with_a_second_factor(visit, strict):
    server = visit(lines=[])
    strict.get_by_label("E-mail address or user name").fill("ana@crm.example")
    strict.get_by_label("Password").fill("secret")
    strict.keyboard.press("Enter")
    assert server.asked("login") == {"email": "ana@crm.example", "password": "secret"}
    server.tell_session("TWO_FACTOR_AUTH", nonce="n-1")
    code = strict.get_by_label("Code")
    expect(code).to_be_focused()
    code.fill("123456")
    strict.keyboard.press("Enter")
    assert server.asked("two_factor_auth") == {"code": "123456", "nonce": "n-1"}
    server.tell_session("READY", line=a_line())
    expect(code).to_be_hidden()
    expect(strict.get_by_label("Number to call")).to_be_visible()
    assert (
        strict.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])").count("secret")
        == 0
    )


def test_logging_a_line_in_with_a_key(visit, strict):
    server = visit(lines=[a_line(status="LOGGED_OUT", statusLabel="logged out")])
    strict.get_by_role("button", name="Use an API key").click()
    strict.get_by_label("API key").fill("k-1")
    strict.get_by_role("button", name="Log in").click()
    assert server.asked("login") == {"apiKey": "k-1"}


def test_what_is_wrong_with_a_line_is_shown_in_full(visit, strict):
    visit(lines=[a_line(status="ERROR", statusLabel="error", message="The telephone system refused the password.")])
    expect(panel(strict).locator(".notice").get_by_text("The telephone system refused the password.")).to_be_visible()


def test_a_line_whose_credentials_died_can_be_logged_in_again(visit, strict):
    server = visit(lines=[a_line(status="ERROR", statusLabel="error", message="The token has expired.")])
    strict.get_by_label("E-mail address").fill("ana@example.test")
    strict.get_by_label("Password").fill("new")
    strict.get_by_role("button", name="Log in").click()
    assert server.asked("login") == {"email": "ana@example.test", "password": "new"}


def test_what_was_wrong_with_a_line_is_said_once_and_goes_when_it_works_again(visit, strict):
    server = visit()
    why = "The server does not allow this line to watch its calls."
    server.tell_session("ERROR", message=why, line=a_line(status="ERROR", statusLabel="error", message=why))
    expect(panel(strict).locator(".notice:visible")).to_have_text([why])
    server.tell_session("READY", line=a_line())
    expect(panel(strict).locator(".notice:visible")).to_have_count(0)


def test_news_of_one_of_several_lines_go_when_it_works_again(visit, strict):
    other = {"id": "2", "label": "Sales", "extension": "700"}
    server = visit(lines=[a_line(), a_line(**other)])
    broken = a_line(**other, status="ERROR", statusLabel="error", message="Sales is away.")
    server.tell_session("ERROR", message="Sales is away.", line=broken)
    expect(panel(strict).locator(".notice:visible").get_by_text("Sales is away.")).to_be_visible()
    server.tell_session("READY", line=a_line())
    expect(panel(strict).locator(".notice:visible").get_by_text("Sales is away.")).to_be_visible()
    server.tell_session("READY", line=a_line(**other))
    expect(panel(strict).locator(".notice:visible")).to_have_count(0)


def test_news_that_belongs_to_no_call_can_be_dismissed(visit, strict):
    server = visit()
    server.tell_session("INFO", message="Your call was not placed: nobody took it in time.")
    notice = panel(strict).locator(".notice:visible")
    expect(notice.get_by_text("Your call was not placed")).to_be_visible()
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)


def test_news_of_a_call_stand_on_its_card(visit, strict):
    server = visit(calls=[a_call()])
    server.tell_session("INFO", message="Your phone did not answer in time.", callId="7")
    expect(card(strict).get_by_text("Your phone did not answer in time.")).to_be_visible()


def test_who_has_several_lines_chooses_the_one_to_call_from(visit, strict):
    server = visit(lines=[a_line(), a_line(id="2", label="Reception", extension="600")])
    strict.get_by_label("Line").select_option("2")
    strict.get_by_label("Number to call").fill("603")
    strict.keyboard.press("Enter")
    assert server.asked("call") == {"number": "603", "line": "2"}


def test_pages_hear_each_message_and_reach_the_connector(visit, strict):
    server = visit()
    strict.evaluate("document.addEventListener('voipcti', (event) => { window.heard = event.detail; })")
    server.tell("RINGING")
    expect(card(strict)).to_be_visible()
    assert strict.evaluate("window.heard.name") == "RINGING"
    assert strict.evaluate("document.querySelector('voipcti-panel').connector.isConnected()") is True


def test_a_panel_that_htmx_moves_keeps_its_connection_and_one_that_goes_lets_go(visit, strict):
    server = visit(calls=[a_call()])
    strict.evaluate("document.body.prepend(document.querySelector('voipcti-panel'))")
    expect(card(strict)).to_be_visible()
    assert len(server.sockets) == 1
    state = strict.evaluate_handle("document.querySelector('voipcti-panel').connector")
    strict.evaluate("document.querySelector('voipcti-panel').remove()")
    eventually(lambda: state.evaluate("connector => connector.state") == "closed")


def test_a_day_of_calls_leaves_no_more_than_the_last_ended_ones(visit, strict):
    server = visit()
    for number in range(300):
        server.tell("RINGING", id=str(number))
        server.tell("HANGUP", id=str(number), endReason="missed", endReasonText="missed")
    expect(card(strict, "299")).to_be_visible()
    expect(strict.locator("voipcti-panel [data-call]")).to_have_count(3)


def test_a_host_may_name_its_own_colours_as_it_likes(visit, strict):
    """`--voipcti-accent: var(--accent)` on the element, with a panel that used `--accent` itself, would be a cycle."""
    visit(calls=[a_call(status="INITIAL", direction="OUTBOUND")])
    strict.evaluate("""() => {
        const style = new CSSStyleSheet();
        style.replaceSync(`:root { --accent: rgb(1, 2, 3); --surface: rgb(250, 251, 252); }
            voipcti-panel { --voipcti-accent: var(--accent); --voipcti-surface: var(--surface); }`);
        document.adoptedStyleSheets.push(style);
    }""")
    color = "node => getComputedStyle(node).backgroundColor"
    assert strict.locator("voipcti-panel .dot").evaluate(color) == "rgb(1, 2, 3)"
    assert panel(strict).evaluate(color) == "rgb(250, 251, 252)"


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_sticks_out_of_the_window(visit, strict, width):
    strict.set_viewport_size({"width": width, "height": 640})
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    contact = {"label": long, "company": long, "url": "/c/", "confidence": "suffix"}
    visit(calls=[a_call(contact=contact, name=long, context=long, matches=[{**contact, "reason": long}])])
    assert strict.evaluate("document.documentElement.scrollWidth") <= width
    box = panel(strict).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] >= 0
    wide = "nodes => nodes.filter(node => node.scrollWidth > node.clientWidth + 1).map(node => node.className)"
    assert strict.locator("voipcti-panel").locator(".body, .card, .actions").evaluate_all(wide) == []


def test_motion_stops_for_those_who_ask_for_it(visit, strict):
    strict.emulate_media(reduced_motion="reduce")
    visit(calls=[a_call()])
    assert (
        strict.evaluate("document.querySelector('voipcti-panel').shadowRoot.getAnimations({subtree: true}).length") == 0
    )


def contrast(page, locator):
    """The contrast of an element's text with what is behind it, as WCAG 2.2 reckons it."""
    return locator.evaluate(Path(__file__).with_name("contrast.js").read_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(visit, strict, scheme):
    server = visit(lines=[a_line()], calls=[a_call(context="Sales")])
    strict.evaluate("scheme => document.querySelector('voipcti-panel').setAttribute('theme', scheme)", scheme)
    strict.emulate_media(reduced_motion="reduce")
    for name in ("RINGING", "CONNECTED", "ON_HOLD", "CANCEL"):
        if name != "RINGING":
            server.tell(name, cause="Your phone is not registered.", context="Sales")
            expect(card(strict)).not_to_have_attribute("data-phase", "ringing")
        texts = panel(strict).locator(
            ".title, .status, .state, .context, .timer, .name, .company, .number bdi, .chip span, .action, .problem"
        )
        for text in texts.all():
            if text.is_visible() and text.inner_text().strip():
                assert contrast(strict, text) >= 4.5, (name, text.inner_text())
