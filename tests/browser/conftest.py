"""Chromium for tests: Debian's own browser, driven by Playwright, with an empty profile and no calls home.

The synchronous Playwright keeps an event loop running in this thread while the browser is open. A module that uses
these fixtures therefore has neither `async` tests nor ORM calls of its own: it looks at pages, as a person does.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.flags import FLAGS
from tests.browser.host import Host, HostPage, Server, panel
from tests.conftest import require_tool


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return a browser that lives as long as the test module, with a temporary, empty profile."""
    path = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browser_context(chromium: Browser) -> Iterator[BrowserContext]:
    """Return a fresh context (cookies, storage); two of them are two people at two machines."""
    context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(browser_context: BrowserContext, tmp_path: Path) -> Iterator[Page]:
    """Return a page that fails its test when a script of it throws."""
    page = browser_context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == [], f"the page's script raised: {errors}"


@pytest.fixture(scope="module")
def running_host() -> Iterator[Host]:
    """Return a running host."""
    server = Host(("127.0.0.1", 0), HostPage)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def host(running_host: Host) -> str:
    """Return the address of a running host."""
    return f"http://127.0.0.1:{running_host.server_port}"


@pytest.fixture
def posted(running_host: Host) -> list[tuple[str, str]]:
    """Return what forms send to the host: address and body."""
    running_host.posted.clear()
    return running_host.posted


@pytest.fixture
def strict(page: Page) -> Iterator[Page]:
    """A page that fails its test when the browser reports a violation of the policy or any other error."""
    complaints: list[str] = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    yield page
    # Chromium reports every failed connection attempt and every refusal; those are what some tests are about.
    assert [text for text in complaints if "WebSocket" not in text and "403 (Forbidden)" not in text] == []


@pytest.fixture
def visit(strict: Page, host: str) -> Callable[..., Server]:
    """Return `visit(...)`: open the host's page with a server that has these lines and calls."""

    def open_page(*, language: str = "", **state: Any) -> Server:
        server = Server(strict, **state)
        strict.goto(f"{host}/{language}")
        expect(panel(strict)).to_be_visible()
        server.asked("hello")
        return server

    return open_page
