"""From the provider's NOTIFY at the bridge to the caller's name painted in a browser: the running demo and Chromium.

    python -m benchmarks.ring                  100 calls to one agent while 200 others are connected; needs chromium

Every process of the demo runs (simulated platform, bridge, worker, web server, Valkey, SQLite), and this one beside
them: the other agents' sockets, and Chromium with the agent's page. The clock starts when the bridge has received the
NOTIFY, which is the time of the event in the record, and stops when the frame with the caller's name has been painted,
by the browser's own clock. Both are clocks of one machine. The floor is what the browser needs alone: from the arrival
of the message in the page to the paint of it, in the same calls.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.support.demo import RunningDemo

#: The agent who is called, and contacts of the demo whose name must appear.
AGENT, EXTENSION = "ana", "601"
CALLERS = {
    "442079460101": "Harriet Blake",
    "441134960157": "Beth Ackroyd",
    "493023125134": "Jonas Brandt",
    "442079460108": "Oliver Grant",
    "441614960199": "Aisha Rahman",
}
GOAL = 0.150
#: Seconds between two pings of a page, as the connector sends them.
PING_EVERY = 25.0
#: Calls before those that count: first ones pay for imports, fonts and compilation.
WARM_UP = 5
PATIENCE = 10.0

#: Runs in the page before anything else. A task that is posted from a frame's animation callback runs when the frame
#: has been painted.
WATCH = """
window.rung = [];
const now = () => performance.timeOrigin + performance.now();
document.addEventListener("voipcti", ({ detail }) => {
  if (detail.name !== "RINGING") return;
  const arrived = now();
  const look = () => {
    const { shadowRoot } = document.querySelector("voipcti-panel");
    const shown = shadowRoot.querySelector(`[data-call="${detail.call.id}"] .name`);
    if (!shown?.checkVisibility() || shown.textContent !== detail.call.name) return requestAnimationFrame(look);
    const { port1, port2 } = new MessageChannel();
    const said = { call: detail.call.id, name: shown.textContent, arrived };
    port1.onmessage = () => window.rung.push({ ...said, painted: now() });
    port2.postMessage(null);
  };
  requestAnimationFrame(look);
});
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """One call, in seconds."""

    to_page: float
    """From the NOTIFY to the arrival of the message in the page."""
    to_paint: float
    """From the NOTIFY to the paint."""

    @property
    def browser(self) -> float:
        """The browser's own share."""
        return self.to_paint - self.to_page


def sign_in(names: Sequence[str]) -> list[str]:
    """Make users who are signed in; return the keys of their sessions."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction

    keys = []
    with transaction.atomic():
        for name in names:
            user = get_user_model().objects.create(username=name)
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session.create()
            keys.append(session.session_key)
    return keys


@asynccontextmanager
async def crowd(web: str, keys: Sequence[str]) -> AsyncIterator[None]:
    """Other agents: each with an open page that listens and pings. All are up to date when the block begins."""
    from websockets.asyncio.client import ClientConnection, connect

    async def listen(socket: ClientConnection) -> None:
        async for _message in socket:
            pass

    async def ping(socket: ClientConnection, late_by: float) -> None:
        await asyncio.sleep(late_by)
        while True:
            await socket.send(json.dumps({"action": "ping", "ref": "p"}))
            await asyncio.sleep(PING_EVERY)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        tasks = []
        for position, key in enumerate(keys):
            socket = await stack.enter_async_context(
                connect(
                    web.replace("http", "ws", 1) + "/ws/voipcti/",
                    origin=web,  # type: ignore[arg-type]  # a NewType of str
                    additional_headers={"Cookie": f"crm_session={key}"},
                    compression=None,
                )
            )
            snapshot = json.loads(await socket.recv())
            if snapshot["type"] != "snapshot":
                raise SystemExit(f"An agent's page was told {snapshot} instead of a snapshot.")
            tasks.append(group.create_task(listen(socket)))
            tasks.append(group.create_task(ping(socket, PING_EVERY * position / len(keys))))
        yield
        for task in tasks:
            task.cancel()


async def sign_in_by_form(page: "Page", web: str) -> None:
    """Open the agent's page and wait until the phone is ready."""
    from playwright.async_api import expect

    from tests.support.demo import PASSWORD

    await page.goto(f"{web}/login/")
    await page.get_by_label("Name").fill(AGENT)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("voipcti-panel").get_by_text("Ready").filter(visible=True).first).to_be_visible()


async def measure(demo: "RunningDemo", page: "Page", calls: int) -> list[dict[str, Any]]:
    """Let the agent's phone ring; return what the page says of each call."""
    numbers = list(CALLERS)
    for position in range(calls):
        number = numbers[position % len(numbers)]
        await asyncio.to_thread(demo.ring, number, EXTENSION)
        await page.wait_for_function(
            "count => window.rung.length >= count", arg=position + 1, timeout=PATIENCE * 1000, polling=50
        )
        await asyncio.to_thread(demo.quiet)
        await page.wait_for_function(
            "() => !document.querySelector('voipcti-panel').connector.calls.length",
            timeout=PATIENCE * 1000,
            polling=50,
        )
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{position + 1} of {calls} calls")
    rung: list[dict[str, Any]] = await page.evaluate("window.rung")
    wrong = {each["name"] for each in rung} - set(CALLERS.values())
    if wrong:
        raise SystemExit(f"The page showed {wrong} instead of the callers' names.")
    return rung


def notified(folder: Path, calls: Sequence[str]) -> dict[str, float]:
    """When the bridge received the NOTIFY that said of each call that it rings, in seconds since 1970."""
    marks = ",".join("?" * len(calls))
    with sqlite3.connect(folder / "crm.sqlite3") as database:
        rows = database.execute(
            "SELECT call_id, occurred_at FROM django_voipcti_callevent"
            f" WHERE source = 'sip' AND state = 'RINGING' AND call_id IN ({marks})",
            list(calls),
        ).fetchall()
    return {str(call): datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() for call, moment in rows}


async def run(folder: Path, agents: int, calls: int) -> list[Ring]:
    """Start everything and measure."""
    from playwright.async_api import async_playwright

    from tests.browser.flags import FLAGS
    from tests.conftest import require_tool
    from tests.support.demo import RunningDemo, environment

    demo = RunningDemo(folder)
    os.environ |= {**environment(folder), "DEMO": "1"}
    await asyncio.to_thread(demo.__enter__)
    try:
        import django

        django.setup()
        keys = await asyncio.to_thread(sign_in, [f"agent{number}" for number in range(agents)])
        async with crowd(demo.web, keys), async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=require_tool("chromium"), args=FLAGS)
            page = await browser.new_page()
            await page.add_init_script(WATCH)
            await sign_in_by_form(page, demo.web)
            rung = (await measure(demo, page, WARM_UP + calls))[WARM_UP:]
            await browser.close()
        since = notified(folder, [each["call"] for each in rung])
    finally:
        await asyncio.to_thread(demo.__exit__, None, None, None)
    missing = len(rung) - len(since)
    if missing:
        raise SystemExit(f"{missing} calls have no NOTIFY in the record.")
    return [
        Ring(
            to_page=each["arrived"] / 1000 - since[each["call"]],
            to_paint=each["painted"] / 1000 - since[each["call"]],
        )
        for each in rung
    ]


def row(title: str, seconds: Sequence[float]) -> str:
    """A line of the table: median, 95th percentile and the worst, in milliseconds."""
    ranks = statistics.quantiles(seconds, n=20)
    figures = (statistics.median(seconds), ranks[18], max(seconds))
    return f"{title:<44}" + "".join(f"{figure * 1000:9.1f}" for figure in figures)


def main() -> None:
    """Measure, print, and say by the exit code whether the goal was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--agents", type=int, default=200, help="how many others are connected")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "example_project"))
    with tempfile.TemporaryDirectory(prefix="voipcti-benchmark-") as folder:
        rings = asyncio.run(run(Path(folder), arguments.agents, arguments.calls))
    lines = [
        f"{len(rings)} calls, {arguments.agents} other agents connected; milliseconds",
        f"{'':<44}{'p50':>9}{'p95':>9}{'most':>9}",
        row("NOTIFY at the bridge to message in the page", [ring.to_page for ring in rings]),
        row("message in the page to paint (floor)", [ring.browser for ring in rings]),
        row("NOTIFY at the bridge to paint", [ring.to_paint for ring in rings]),
    ]
    met = statistics.quantiles([ring.to_paint for ring in rings], n=20)[18] <= GOAL
    lines.append(f"goal: p95 of the last at most {GOAL * 1000:g} ms: {'met' if met else 'MISSED'}")
    sys.stdout.write("\n".join(lines) + "\n")
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()
