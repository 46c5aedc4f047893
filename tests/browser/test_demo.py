"""The running demo in Chromium: an agent's day with a call in and a call out, and what is left of it in the records."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

ANA, BEN = "601", "602"
#: Seconds within which a ringing phone must have popped its caller.
POP_WITHIN = 1.0


@pytest.fixture(autouse=True)
def quiet(demo):
    """Nobody talks when a test begins, nor when it ends."""
    demo.quiet()
    yield
    demo.quiet()


@pytest.fixture
def ana(page, demo):
    """Ana's page, logged in by its form, with her phone ready."""
    return open_as(page, demo, "ana")


def open_as(page, demo, username):
    """Log a user in as a person does and wait until the panel is ready."""
    page.goto(f"{demo.web}/login/")
    page.get_by_label("Name").fill(username)
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    shows(page, "Ready")
    return page


def panel(page):
    return page.locator("voipcti-panel")


def shows(page, text, **options):
    """Wait until the panel shows the text to the eye: what is hidden in it does not count."""
    expect(panel(page).get_by_text(text).filter(visible=True).first).to_be_visible(**options)


def button(page, name):
    return panel(page).get_by_role("button", name=name, exact=True)


def own_phone_rings(page):
    """After a click on a number. Where another test has just spoken to whom it calls, that is asked about first."""
    ringing, question = panel(page).get_by_text("Pick up your phone"), button(page, "Call nevertheless")
    expect(ringing.or_(question).filter(visible=True).first).to_be_visible()
    if question.is_visible():
        question.click()
    shows(page, "Pick up your phone")


def go_to(page, name):
    """Open a contact's page by searching, as a person does."""
    page.get_by_role("searchbox").fill(name)
    page.keyboard.press("Enter")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def states(demo):
    """Who has calls at the platform: extension → their states."""
    users = demo.state()["users"]
    return {user["extension"]: [call["state"] for call in user["calls"]] for user in users if user["calls"]}


def history(page):
    """The rows of the contact's call history, newest first: direction, outcome."""
    rows = page.locator("table.voipcti-history tbody tr:not(.voipcti-noted)").all()
    return [[cell.inner_text() for cell in (row.locator("td").nth(1), row.locator("td").nth(4))] for row in rows]


def test_a_day_with_a_call_in_and_a_call_out(ana, demo, browser_context):
    go_to(ana, "Daniel Hirst")
    before = len(history(ana))

    # A contact calls: within a second he stands on the screen, with company and number.
    begun = time.monotonic()
    demo.ring("441134960164", ANA)
    shows(ana, "Daniel Hirst", timeout=POP_WITHIN * 1000)
    assert time.monotonic() - begun < POP_WITHIN
    shows(ana, "Calder Valley Foods")
    shows(ana, "0113 496 0164")
    shows(ana, "Incoming call")

    # Answered from the page; held and resumed at the phone; transferred from the page.
    button(ana, "Answer").click()
    shows(ana, "Connected")
    demo.phone(ANA, "hold")
    shows(ana, "On hold")
    demo.phone(ANA, "resume")
    shows(ana, "Connected")
    button(ana, "Transfer").click()
    panel(ana).get_by_label("Name, extension or number").fill(BEN)
    ana.keyboard.press("Enter")
    eventually(lambda: states(demo) == {BEN: ["RINGING"]})
    shows(ana, "Ended: transferred")
    demo.quiet()

    # A click on a number, right after she spoke to him: it is asked first.
    ana.locator(".details").get_by_role("link", name="0113 496 0164").click()
    shows(ana, "You spoke to this customer less than a minute ago.")
    button(ana, "Call nevertheless").click()

    # Each stage shows, from the own phone to the end.
    shows(ana, "Pick up your phone")
    eventually(lambda: any(user["picking_up"] for user in demo.state()["users"]))
    demo.phone(ANA, "answer")
    shows(ana, "Ringing…")
    eventually(lambda: demo.state()["outside"])
    demo.outside("answer")
    shows(ana, "Connected")
    button(ana, "Hang up").click()
    shows(ana, "Ended: completed")

    # Both calls stand in the contact's history …
    ana.reload()
    rows = history(ana)
    assert len(rows) == before + 2
    assert rows[:2] == [["outbound", "completed"], ["inbound", "transferred"]]

    # … and in the admin, each with its timeline.
    chris = browser_context.browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    try:
        admin = open_as(chris.new_page(), demo, "chris")
        admin.goto(f"{demo.web}/admin/django_voipcti/call/?q=0113+496+0164")
        calls = admin.locator("#result_list tbody tr", has_text="Ana Ruiz")  # Ben's part of the transfer is a call too
        expect(calls.nth(0)).to_contain_text("completed")
        expect(calls.nth(1)).to_contain_text("transferred")
        calls.nth(0).locator("th a").click()
        expect(admin.get_by_role("heading", name="Call: Daniel Hirst")).to_be_visible()
        shown = admin.locator(".voipcti-timeline .segment").evaluate_all("all => all.map(one => one.classList[1])")
        assert shown == ["initial", "accepted", "ringing", "connected"]
        expect(admin.locator(".voipcti-section", has_text="Commands")).to_contain_text("hang up")
    finally:
        chris.close()


def test_somebody_unknown_calls_and_declining_ends_it(ana, demo):
    demo.ring("442079460977", ANA)
    shows(ana, "Not in your records")
    shows(ana, "020 7946 0977")
    button(ana, "Decline").click()
    shows(ana, "Ended: declined")
    ana.reload()
    expect(ana.locator(".row", has_text="020 7946 0977").first).to_contain_text("declined")


def test_a_number_within_a_note_is_called(ana, demo):
    go_to(ana, "Beth Ackroyd")
    ana.locator(".note").get_by_role("link", name="0113 496 0171").click()
    own_phone_rings(ana)
    shows(ana, "Meera Joshi")


def test_a_phone_that_is_unplugged_is_told_with_its_reason(ana, demo):
    demo.phone(ANA, "unregister")
    try:
        go_to(ana, "Beth Ackroyd")
        ana.locator(".details").get_by_role("link", name="0113 496 0157").click()
        # The platform itself takes ten seconds to find that out.
        shows(ana, "None of your phones is registered", timeout=20_000)
    finally:
        demo.phone(ANA, "register")


def test_the_lab_shows_and_drives_the_phones_without_loading_the_page(ana, demo):
    ana.get_by_role("link", name="Phone lab").click()
    ana.get_by_label("Somebody calls from").fill("020 7946 0101")
    ana.get_by_label("and wants").select_option(BEN)
    ana.evaluate("window.sameDocument = true")
    ana.get_by_role("button", name="Ring", exact=True).click()
    ben = ana.get_by_role("region", name="Ben Okafor’s phone")
    expect(ben).to_contain_text("Harriet Blake")
    ben.get_by_role("button", name="Answer").click()
    expect(ben).to_contain_text("Talking")
    ben.get_by_role("button", name="Hold").click()
    expect(ben).to_contain_text("On hold")
    ben.get_by_role("button", name="Hang up").click()
    expect(ben).to_contain_text("Quiet.")
    assert ana.evaluate("window.sameDocument")


def test_no_page_breaks_its_content_policy(page, demo):
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if "Content" in message.text else None)
    open_as(page, demo, "chris")
    call = demo.client("chris")
    first = re.search(r"/admin/django_voipcti/call/\d+/change/", call.get("/admin/django_voipcti/call/").text)[0]
    call.close()
    paths = ["/", "/contacts/", "/contacts/1/", "/companies/1/", "/team/", "/lab/", first]
    names = ("line", "call", "callcommand", "webhookdelivery", "bridgeinstance", "phonebookentry")
    paths += [
        "/admin/django_voipcti/line/log-in/",
        "/admin/django_voipcti/line/1/change/",
        "/admin/crm/contact/1/change/",
    ]
    for path in [*paths, *(f"/admin/django_voipcti/{name}/" for name in names)]:
        assert page.goto(f"{demo.web}{path}").ok
    assert complaints == []
