"""The example project's page for the original connector, on the running demo: everything by the global `Cti` alone."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.test_caller import browser_context  # noqa: F401  a fixture
from tests.browser.test_demo import ANA, BEN, open_as, quiet, states  # noqa: F401  quiet is a fixture
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def reference(page, demo):
    """Ana's page of the connector, ready."""
    open_as(page, demo, "ana")
    page.goto(f"{demo.web}/connector/")
    expect(page.locator("#status")).to_have_text("Ready")
    return page


def call(page):
    return page.locator("#calls [data-call]")


def events(page):
    return page.locator("#log .badge").all_inner_texts()


def test_a_call_in_is_answered_and_transferred_to_a_colleague(reference, demo):
    demo.ring("442079460101", ANA)
    expect(call(reference)).to_contain_text("RINGING")
    call(reference).get_by_role("button", name="Answer").click()
    expect(call(reference)).to_contain_text("CONNECTED")
    call(reference).get_by_role("button", name="Ben Okafor").click()
    eventually(lambda: states(demo) == {BEN: ["RINGING"]})
    expect(call(reference)).to_have_count(0)
    for name in ("RINGING", "CONNECTED", "HANGUP", "READY"):
        assert name in events(reference)


def test_a_call_out_is_dialled_and_ended(reference, demo):
    reference.get_by_label("Number or extension").fill("441134960199")
    reference.get_by_role("button", name="Call", exact=True).click()
    expect(call(reference)).to_contain_text("INITIAL")
    call(reference).get_by_role("button", name="Terminate").click()
    expect(call(reference)).to_have_count(0)


def test_a_colleague_is_watched_as_far_as_that_is_allowed(reference):
    reference.get_by_label("What to subscribe to").fill("user:9999")
    reference.get_by_role("button", name="Subscribe").click()
    expect(reference.locator("#log tr", has_text="ERROR")).to_contain_text("There is no such line")


def test_logging_out_and_in_again(page, demo):
    open_as(page, demo, "ben")
    page.goto(f"{demo.web}/connector/")
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#status")).to_have_text("Not logged in")
    page.get_by_label("E-mail address").fill("ben@example.test")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#log tr", has_text="ERROR")).to_have_count(1)
    assert page.get_by_label("Password").input_value() == ""
    page.get_by_label("Password").fill("demo-password")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#status")).to_have_text("Ready")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_finding(reference, demo, scheme):
    reference.emulate_media(color_scheme=scheme)
    demo.ring("442079460101", ANA)
    call(reference).get_by_role("button", name="Answer").click()
    expect(call(reference).get_by_role("button", name="Ben Okafor")).to_be_visible()
    assert findings(reference, "body") == []


def test_it_keeps_to_the_strict_policy(chromium, demo):
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    open_as(page, demo, "ana")
    page.goto(f"{demo.web}/connector/")
    expect(page.locator("#status")).to_have_text("Ready")
    assert complaints == []
    context.close()
