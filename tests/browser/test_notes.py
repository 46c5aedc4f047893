"""Notes in the panel: kept as they are typed, through reload, crash and lost connection, in other tabs and browsers."""

from contextlib import suppress

import pytest
from playwright.sync_api import Error, expect

from tests.browser.axe import findings
from tests.browser.host import a_call, a_note, card
from tests.browser.test_caller import browser_context  # noqa: F401  a fixture
from tests.browser.test_demo import BEN, button, go_to, open_as, panel, shows
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

ANA = "601"
TALKING = a_call(status="CONNECTED", answeredAt="2026-01-02T10:00:05.000+00:00")
BEN_SAYS = {"author": {"id": "2", "name": "Ben Okafor"}, "savedAt": "2026-01-02T09:00:00.000+00:00", "text": "VIP"}


def note(page, call="7"):
    return card(page, call).locator(".note")


def field(page):
    return note(page).get_by_label("Note on this call")


class TestTheForm:
    def test_it_is_there_from_the_answer_on(self, visit, strict):
        server = visit()
        server.tell("RINGING")
        expect(card(strict)).to_be_visible()
        expect(note(strict)).to_be_hidden()
        server.tell("CONNECTED")
        expect(field(strict)).to_be_visible()
        server.tell("HANGUP", endReason="completed", endReasonText="completed")
        expect(field(strict)).to_be_visible()

    def test_what_is_typed_is_kept_and_what_is_saved_is_said_to_be(self, visit, strict):
        server = visit(calls=[TALKING])
        field(strict).fill("Wants two boilers")
        assert server.asked("draft") == {"call": "7", "text": "Wants two boilers", "outcome": "", "followUpOn": ""}
        expect(note(strict).get_by_role("status")).to_have_text("Draft kept")
        note(strict).get_by_label("What came of it?").select_option("Call back")
        note(strict).get_by_label("Follow up on").fill("2026-02-01")
        note(strict).get_by_role("button", name="Save note").click()
        saved = {"call": "7", "text": "Wants two boilers", "outcome": "2", "followUpOn": "2026-02-01"}
        assert server.asked("note") == saved
        expect(note(strict).get_by_role("status")).to_have_text("Note saved")
        expect(note(strict).get_by_role("button", name="Save note")).to_be_hidden()
        expect(field(strict)).to_be_focused()

    def test_another_outcome_takes_the_date_away(self, visit, strict):
        server = visit(calls=[TALKING])
        note(strict).get_by_label("What came of it?").select_option("Call back")
        note(strict).get_by_label("Follow up on").fill("2026-02-01")
        note(strict).get_by_label("What came of it?").select_option("Order")
        expect(note(strict).get_by_label("Follow up on")).to_be_hidden()
        note(strict).get_by_role("button", name="Save note").click()
        assert server.asked("note")["followUpOn"] == ""

    def test_a_refusal_leaves_the_text(self, visit, strict):
        server = visit(calls=[TALKING])
        message = "A note has at most 4000 characters."
        server.refusals["note"] = {"name": "ERROR", "code": "invalid_argument", "message": message}
        field(strict).fill("Too long")
        note(strict).get_by_role("button", name="Save note").click()
        expect(note(strict).get_by_role("alert")).to_have_text(message)
        expect(field(strict)).to_have_value("Too long")

    def test_throwing_away_brings_back_what_was_saved(self, visit, strict):
        server = visit(calls=[TALKING])
        server.tell_note(text="Ordered", savedAt="2026-01-02T10:00:06.000+00:00")
        expect(field(strict)).to_have_value("Ordered")
        field(strict).fill("Ordered, or not")
        note(strict).get_by_role("button", name="Discard").click()
        server.asked("discard_draft")
        expect(field(strict)).to_have_value("Ordered")

    def test_colleagues_notes_stand_above_and_come_while_one_looks(self, visit, strict):
        server = visit(calls=[TALKING])
        expect(field(strict)).to_be_visible()
        server.tell_note(**BEN_SAYS, outcome={"id": "1", "label": "Order", "asksForDate": False})
        expect(note(strict).get_by_role("listitem")).to_have_text("Ben Okafor Order: VIP")
        expect(field(strict)).to_have_value("")

    def test_somebody_elses_line_is_not_written_on(self, visit, strict):
        visit(calls=[{**TALKING, "line": "99"}])
        expect(card(strict)).to_be_visible()
        expect(note(strict)).to_be_hidden()

    def test_a_fourth_ended_call_does_not_take_away_what_is_being_written(self, visit, strict):
        server = visit()
        for call in ("7", "8", "9", "10", "11"):
            server.tell("RINGING", id=call)
            expect(card(strict, call)).to_be_visible()
            server.tell("HANGUP", id=call, endReason="missed", endReasonText="missed")
            if call == "7":
                field(strict).press_sequentially("I am")
        field(strict).press_sequentially(" still here")
        expect(field(strict)).to_have_value("I am still here")


class TestDraftsWithoutACard:
    DRAFT = {"text": "Half a sente", "outcome": "", "followUpOn": "", "at": "2026-01-02T09:00:00.000+00:00"}
    ABOUT = {"id": "5", "direction": "INBOUND", "name": "Grace Hopper", "number": "", "startedAt": DRAFT["at"]}

    def open(self, visit, strict):
        server = visit(lines=[])
        drafts = [{"call": self.ABOUT, "note": a_note(call="5", draft=self.DRAFT)}]
        server.answers["drafts"] = {**server.answers["drafts"], "drafts": drafts}
        strict.reload()
        return server

    def test_they_are_listed_and_can_be_finished(self, visit, strict):
        server = self.open(visit, strict)
        drafts = panel(strict).locator(".drafts")
        expect(drafts.get_by_role("heading")).to_have_text("Unsaved notes: 1")
        drafts.get_by_role("button", name="Grace Hopper").click()
        expect(drafts.get_by_label("Note on this call")).to_have_value("Half a sente")
        expect(drafts.get_by_label("Note on this call")).to_be_focused()
        strict.keyboard.press("End")
        strict.keyboard.type("nce.")
        drafts.get_by_role("button", name="Save note").click()
        assert server.asked("note")["text"] == "Half a sentence."

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_axe_has_no_finding(self, visit, strict, scheme):
        strict.emulate_media(color_scheme=scheme)
        server = self.open(visit, strict)
        server.tell("CONNECTED", line="1")
        panel(strict).locator(".drafts").get_by_role("button", name="Grace Hopper").click()
        expect(panel(strict).locator(".drafts textarea")).to_be_visible()
        strict.evaluate("scheme => document.documentElement.style.colorScheme = scheme", scheme)
        assert findings(strict, "voipcti-panel") == []


class TestTheConnection:
    def test_what_is_typed_while_it_is_away_waits_in_the_browser(self, visit, strict, host):
        server = visit(calls=[TALKING])
        field(strict).wait_for()
        server.is_up = False
        server.sockets[-1].close(code=1013)
        shows(strict, "Reconnecting…")
        field(strict).fill("Number 4711")
        expect(note(strict).get_by_role("status")).to_have_text("Not sent yet; kept in this browser")
        stored = eventually(
            lambda: strict.evaluate("Object.entries(localStorage).filter(([key]) => key.includes('note'))")
        )
        assert "4711" not in str(stored)
        server.is_up = True
        strict.evaluate("dispatchEvent(new Event('online'))")
        assert server.asked("draft")["text"] == "Number 4711"
        expect(note(strict).get_by_role("status")).to_have_text("Draft kept")

    def test_saving_meanwhile_is_refused_and_says_why(self, visit, strict):
        server = visit(calls=[TALKING])
        field(strict).fill("Ordered")
        server.is_up = False
        server.sockets[-1].close(code=1013)
        shows(strict, "Reconnecting…")
        note(strict).get_by_role("button", name="Save note").click()
        expect(note(strict).get_by_role("alert")).to_contain_text("There is no connection to the server")
        expect(field(strict)).to_have_value("Ordered")


@pytest.fixture(autouse=True)
def quiet(request):
    """Nobody talks when a test of the demo begins, nor when it ends."""
    demo = request.getfixturevalue("demo") if "demo" in request.fixturenames else None
    if demo:
        demo.quiet()
    yield
    if demo:
        demo.quiet()


def talk(page, demo):
    """Ana talks to a contact, and her page shows it."""
    demo.ring("442079460101", ANA)
    shows(page, "Harriet Blake")
    button(page, "Answer").click()
    shows(page, "Connected")


def written(page):
    return panel(page).get_by_label("Note on this call").filter(visible=True).first


def test_a_killed_page_comes_back_with_the_text(page, demo, browser_context):  # noqa: F811
    talk(open_as(page, demo, "ana"), demo)
    written(page).press_sequentially("Her boiler leaks since Mon")
    # Nothing of the page runs any more, and it had no time to send.
    with suppress(Error):
        page.goto("chrome://crash", timeout=5_000)
    again = browser_context.new_page()
    again.goto(f"{demo.web}/")
    shows(again, "Harriet Blake")
    expect(written(again)).to_have_value("Her boiler leaks since Mon")
    written(again).press("End")
    written(again).press_sequentially("day.")
    panel(again).get_by_label("What came of it?").filter(visible=True).first.select_option("Call back")
    panel(again).get_by_label("Follow up on").filter(visible=True).first.fill("2030-01-02")
    button(again, "Hang up").click()
    shows(again, "Ended: completed")
    button(again, "Save note").click()
    shows(again, "Note saved")
    go_to(again, "Harriet Blake")
    noted = again.locator(".voipcti-noted").first
    expect(noted).to_contain_text("Her boiler leaks since Monday.")
    expect(noted).to_contain_text("Call back")


def test_another_tab_and_another_browser_show_it_while_it_is_typed(page, demo, browser_context, chromium):  # noqa: F811
    elsewhere = chromium.new_context(locale="en-GB")
    open_as(page, demo, "ana")
    tab, other = browser_context.new_page(), open_as(elsewhere.new_page(), demo, "ana")
    talk(page, demo)
    tab.goto(f"{demo.web}/")
    shows(tab, "Connected")
    written(page).press_sequentially("Asks for Ben")
    expect(written(tab)).to_have_value("Asks for Ben")
    expect(written(other)).to_have_value("Asks for Ben")
    button(other, "Discard").click()
    expect(written(page)).to_have_value("")
    elsewhere.close()


def test_a_draft_on_a_stranger_survives_a_reload_and_is_his_when_he_is_attached(page, demo):
    open_as(page, demo, "ben")
    demo.ring("442079460978", BEN)
    shows(page, "Not in your records")
    button(page, "Answer").click()
    shows(page, "Connected")
    written(page).press_sequentially("New customer, wants a quote")
    shows(page, "Draft kept")
    button(page, "Hang up").click()
    shows(page, "Ended: completed")
    page.reload()
    drafts = panel(page).locator(".drafts")
    drafts.get_by_role("button", name="020 7946 0978").click()
    expect(drafts.get_by_label("Note on this call")).to_have_value("New customer, wants a quote")
    page.goto(f"{demo.web}/contacts/new/?phone=%2B442079460978")
    page.locator("#id_name").fill("Odile Marchand")
    page.locator("main").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Odile Marchand", level=1)).to_be_visible()
    drafts = panel(page).locator(".drafts")
    drafts.get_by_role("button").first.click()
    button(page, "Save note").click()
    expect(drafts).to_contain_text("Note saved")
    eventually(lambda: page.reload() or page.locator(".voipcti-noted").count())
    expect(page.locator(".voipcti-noted").first).to_contain_text("New customer, wants a quote")
