"""Several tabs of one browser: one socket, the same calls in each, and somebody to take over."""

import pytest
from playwright.sync_api import expect

from tests.browser.host import Server, action, card, panel
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def tabs(strict, host):
    """Two tabs with the panel, and their server."""
    other = strict.context.new_page()
    server = Server(strict, where=strict.context)
    for tab in (strict, other):
        tab.goto(host)
        expect(panel(tab).get_by_text("ready")).to_be_visible()
    return strict, other, server


def test_two_tabs_have_one_socket_and_both_show_a_call(tabs):
    first, second, server = tabs
    server.tell("RINGING")
    for tab in (first, second):
        expect(action(tab, "answer")).to_be_visible()
    assert len(server.sockets) == 1


def test_an_action_in_the_tab_without_the_socket_reaches_the_server(tabs):
    _first, second, server = tabs
    server.tell("RINGING")
    action(second, "answer").click()
    assert server.asked("answer") == {"call": "7"}
    server.tell("CONNECTED")
    for tab in tabs[:2]:
        expect(action(tab, "hold")).to_be_visible()


def test_a_call_dismissed_in_one_tab_goes_away_in_the_other(tabs):
    first, second, server = tabs
    server.tell("RINGING")
    expect(card(first)).to_be_visible()
    card(second).get_by_role("button", name="Dismiss").click()
    for tab in (first, second):
        expect(card(tab)).to_have_count(0)


def test_when_the_leading_tab_is_closed_the_other_takes_over_and_knows_what_is_live(tabs):
    first, second, server = tabs
    server.tell("RINGING")
    expect(card(second)).to_be_visible()
    first.close()
    server.page = second

    def greetings():
        second.evaluate("0")
        return [message.get("last_event_id") for message in server.said if message["action"] == "hello"]

    eventually(lambda: greetings() == [None, 1], describe="the second tab asks for what it missed")
    server.tell("CONNECTED")
    expect(action(second, "hold")).to_be_visible()


def test_a_tab_without_web_locks_has_a_socket_of_its_own(strict, host):
    strict.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})")
    server = Server(strict)
    strict.goto(host)
    expect(panel(strict).get_by_text("ready")).to_be_visible()
    assert len(server.sockets) == 1
