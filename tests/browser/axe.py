"""axe-core, as the wheel axe-playwright-python brings it: what it finds wrong with a page."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

SOURCE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
#: WCAG 2.2 A and AA, and what the authors of axe-core call best practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def findings(page: Page, within: str | None = None) -> list[str]:
    """Return what axe-core objects to, one line a finding: rule, reason, element."""
    # Colours that are on their way to others are judged when they have arrived.
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(SOURCE)
    result: dict[str, Any] = page.evaluate(
        "([within, rules]) => axe.run(within ?? document, {runOnly: {type: 'tag', values: rules}})", [within, RULES]
    )
    return [
        f"{found['id']}: {found['help']}: {node['html'][:150]}"
        for found in result["violations"]
        for node in found["nodes"]
    ]
