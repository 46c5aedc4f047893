"""The page with the phones, in Chromium: what a person sees and presses."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from django_voipcti.simulator import SimulatorThread
from tests.browser.conftest import browser_context, chromium, page  # noqa: F401  fixtures
from tests.simulator.conftest import ANA, BEN, CALLER

pytestmark = pytest.mark.browser


@pytest.fixture
def platform() -> Iterator[SimulatorThread]:
    with SimulatorThread() as platform:
        yield platform


@pytest.fixture
def desk(page: Any, platform: SimulatorThread) -> Callable[[int], Any]:  # noqa: F811
    """`desk(ANA)`: the card of Ana's phone."""
    page.goto(platform.simulator.page_url)
    return lambda user: page.locator(f"#phone-{user}")


def test_a_call_comes_in_and_is_answered_held_resumed_and_ended(page, platform, desk):  # noqa: F811
    page.get_by_label("Caller's name").fill('<b>Jörg</b> & "Co"')
    page.get_by_role("button", name="Call in").click()
    for name in ("Answer", "Hold", "Resume", "Hang up"):
        desk(ANA).get_by_role("button", name=name).click()
    page.locator("#history tr", has_text="Normal Clearing").first.wait_for()
    assert page.locator("#history tr").count() == 4
    assert desk(BEN).locator(".call").count() == 0


def test_names_stay_text(page, platform, desk):  # noqa: F811
    platform.do(lambda engine: engine.call_from_outside(CALLER, "601", name="<img src=x onerror=alert(1)>"))
    desk(ANA).get_by_text("<img src=x").wait_for()
    assert page.locator("main img").count() == 0


def test_dialling_and_the_outside_partys_keys(page, platform, desk):  # noqa: F811
    desk(ANA).get_by_placeholder("dial").fill("447700900999")
    desk(ANA).get_by_role("button", name="Dial").click()
    page.locator("#outside").get_by_role("button", name="Answer").click()
    desk(ANA).get_by_text("CONNECTED").wait_for()


def test_what_somebody_types_and_the_focus_survive_news(page, platform, desk):  # noqa: F811
    draft = desk(BEN).get_by_placeholder("dial")
    draft.fill("4477")
    platform.do(lambda engine: engine.call_from_outside(CALLER, "601"))
    desk(ANA).get_by_role("button", name="Answer").wait_for()
    assert (draft.input_value(), draft.evaluate("element => element === document.activeElement")) == ("4477", True)


def test_a_mistake_is_shown(page, platform, desk):  # noqa: F811
    desk(ANA).get_by_placeholder("dial").fill("12")
    desk(ANA).get_by_role("button", name="Dial").click()
    page.get_by_role("status").get_by_text("not a valid phone number").wait_for()


def test_switches_reach_the_platform(page, platform, desk, eventually):  # noqa: F811
    desk(ANA).get_by_label("registered").uncheck()
    page.locator(f"#phone-{ANA}.off").wait_for()
    assert platform.do(lambda engine: engine.phone(ANA).registered) is False
    page.get_by_label("no terminated").check()
    eventually(lambda: platform.simulator.faults.no_terminated)


def test_it_comes_back_after_a_restart(page, platform, desk):  # noqa: F811
    desk(ANA).wait_for()
    platform.run(lambda simulator: simulator.stop())
    page.get_by_text("does not answer").wait_for()
    platform.run(lambda simulator: simulator.start())
    platform.do(lambda engine: engine.call_from_outside(CALLER, "601"))
    desk(ANA).get_by_role("button", name="Answer").wait_for()


def test_nothing_comes_from_elsewhere(page, platform):  # noqa: F811
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(platform.simulator.page_url)
    page.locator(f"#phone-{ANA}").wait_for()
    assert all(url.startswith((platform.simulator.page_url, "data:")) for url in asked)
