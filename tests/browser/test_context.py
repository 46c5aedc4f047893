"""What the host knows about a caller, in Chromium: blocks that come one by one, late ones, failed ones, other records.

The server's side of the socket is played here; budgets are tested in tests/test_context_blocks.py.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.host import UNKNOWN, a_call, card
from tests.browser.test_caller import ALAN, browser_context  # noqa: F401  a fixture

pytestmark = pytest.mark.browser

DEALS = {
    "call": "7",
    "objectId": "1",
    "key": "deals",
    "title": "Open deals",
    "state": "ready",
    "text": "",
    "facts": [
        {"label": "Engine", "value": "£ 4,200", "url": "/deals/1/"},
        {"label": "Trap", "value": "", "url": "javascript:alert(1)"},
    ],
}
NOTE = {**DEALS, "key": "note", "title": "Last note", "text": "Pays late.", "facts": []}
PENDING = {"state": "loading", "text": "", "facts": []}


def block(page, key):
    return card(page).locator(f"[data-block='{key}']")


def test_blocks_are_asked_for_and_come_one_by_one(visit, strict):
    server = visit()
    server.tell("RINGING")
    assert server.asked("blocks") == {"call": "7", "model": "crm.contact", "objectId": "1"}
    server.block(**{**DEALS, **PENDING})
    server.block(**{**NOTE, **PENDING})
    expect(block(strict, "deals")).to_contain_text("Loading…")
    server.block(**NOTE)
    expect(block(strict, "note")).to_have_text("Last notePays late.")
    expect(block(strict, "deals")).to_contain_text("Loading…")
    server.block(**DEALS)
    expect(block(strict, "deals").get_by_role("link", name="Engine")).to_have_attribute("href", "/deals/1/")
    expect(block(strict, "deals").get_by_text("£ 4,200")).to_be_visible()
    assert block(strict, "deals").get_by_role("link").count() == 1
    expect(card(strict).get_by_role("heading", level=3)).to_have_text(["Open deals", "Last note"])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("late", "This took too long. Look at the record."),
        ("failed", "This could not be loaded. Look at the record."),
    ],
)
def test_what_does_not_come_says_so(visit, strict, state, words):
    server = visit(calls=[a_call()])
    server.block(**{**DEALS, **PENDING})
    server.block(**{**DEALS, **PENDING, "state": state})
    expect(block(strict, "deals")).to_have_text(f"Open deals{words}")


def test_a_block_without_anything_to_say_disappears(visit, strict):
    server = visit(calls=[a_call()])
    server.block(**{**DEALS, **PENDING})
    expect(block(strict, "deals")).to_be_visible()
    server.block(**{**DEALS, **PENDING, "state": "empty"})
    expect(block(strict, "deals")).to_have_count(0)
    expect(card(strict).locator(".contexts")).to_be_hidden()


def test_another_record_brings_blocks_of_its_own(visit, strict):
    server = visit(calls=[a_call()])
    server.block(**NOTE)
    expect(block(strict, "note")).to_be_visible()
    server.said.clear()
    server.learn("RINGING", contact={**ALAN, "confidence": "learned"}, matches=[ALAN], learned=True)
    assert server.asked("blocks")["objectId"] == "2"
    expect(block(strict, "note")).to_have_count(0)
    server.block(**NOTE)  # late, about Ada
    server.block(**{**NOTE, "objectId": "2", "text": "Runs."})
    expect(block(strict, "note")).to_have_text("Last noteRuns.")


def test_nothing_is_asked_about_strangers_and_other_calls_keep_theirs(visit, strict):
    server = visit(calls=[a_call(), a_call(id="8", **UNKNOWN)])
    server.block(**NOTE)
    expect(block(strict, "note")).to_be_visible()
    server.tell("CONNECTED")
    expect(block(strict, "note")).to_be_visible()
    assert [said["call"] for said in server.said if said["action"] == "blocks"] == ["7"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_finding(visit, strict, scheme):
    strict.emulate_media(color_scheme=scheme)
    server = visit(calls=[a_call()])
    strict.evaluate("scheme => document.documentElement.style.colorScheme = scheme", scheme)
    server.block(**DEALS)
    server.block(**{**NOTE, "state": "late", "text": ""})
    expect(block(strict, "note")).to_be_visible()
    assert findings(strict, "voipcti-panel") == []
