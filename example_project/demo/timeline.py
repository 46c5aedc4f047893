"""What happened to a call, as an agent's page heard it: waiting for each step, and a table of all of them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

#: Seconds for one step. Each takes some hundredths; a busy machine may need more.
PATIENCE = 10.0


class Unexpected(Exception):
    """Something else happened than the contract says, or nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event as it arrived."""

    name: str
    """The event's name."""
    after: float
    """Seconds since the first step of this call."""
    latency: float
    """Seconds from the deed that caused it to its arrival at the page."""
    deed: str
    """What was done."""
    call: dict[str, Any]
    """The call as the page was told."""


@dataclass(slots=True)
class Timeline:
    """The steps of one call, in the order of their arrival."""

    title: str
    steps: list[Step] = field(default_factory=list)
    started: float = 0.0

    @property
    def names(self) -> list[str]:
        """The events' names."""
        return [step.name for step in self.steps]

    def lines(self) -> list[str]:
        """The table."""
        rows = [
            (f"{step.after * 1000:8.0f} ms", step.name, step.deed, f"{step.latency * 1000:6.0f} ms")
            for step in self.steps
        ]
        heads = ("after", "event", "because", "told within")
        widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
        rule = "  " + "  ".join("─" * width for width in widths)
        ruled = [f"  {'  '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))}" for row in rows]
        head = "  " + "  ".join(text.ljust(width) for text, width in zip(heads, widths, strict=True))
        return [self.title, head.rstrip(), rule, *(line.rstrip() for line in ruled)]


class Page:
    """An agent's open page without a browser: logs in, hears events, asks for actions. Use as a context manager."""

    def __init__(self, web: str, username: str, password: str) -> None:
        self._connecting = connect(
            f"ws://{urlsplit(web).netloc}/ws/voipcti/",
            origin=web,  # type: ignore[arg-type]  # a NewType of str
            additional_headers={"Cookie": _log_in(web, username, password)},
            compression=None,
        )
        self._socket: ClientConnection
        self._refs = 0
        self._asked: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._socket = self._connecting.__enter__()
        snapshot = self._receive(time.monotonic() + PATIENCE)
        if snapshot.get("type") != "snapshot" or snapshot["calls"]:
            self.__exit__()
            raise Unexpected(f"The page was told {snapshot} instead of a snapshot without calls.")
        return self

    def __exit__(self, *_: object) -> None:
        self._connecting.__exit__(None, None, None)

    def expect(self, timeline: Timeline, name: str, deed: str, do: Callable[[], object]) -> Step:
        """Do something and wait for the event that it must cause; note it in the timeline."""
        begun = time.monotonic()
        timeline.started = timeline.started or begun
        do()
        deadline = begun + PATIENCE
        while True:
            message = self._receive(deadline, waiting_for=name)
            if message.get("type") == "reply" and not message["ok"]:
                if "confirm" in message["error"] and "confirm" not in self._asked:
                    # The user has just spoken to the contact, and knows it.
                    self.ask(**self._asked, confirm=message["error"]["confirm"]["token"])
                    continue
                raise Unexpected(f"“{deed}” was refused: {message['error']}")
            if message.get("type") == "event" and "call" in message:
                break
        now = time.monotonic()
        step = Step(message["name"], now - timeline.started, now - begun, deed, message["call"])
        if not timeline.steps:
            timeline.started = now
            step = Step(step.name, 0.0, step.latency, deed, step.call)
        timeline.steps.append(step)
        if step.name != name:
            raise Unexpected(f"After “{deed}” the page was told {step.name} instead of {name}.")
        return step

    def ask(self, action: str, **arguments: str) -> None:
        """Send an action; a refusal is found by the next `expect`."""
        self._refs += 1
        self._asked = {"action": action, **arguments}
        self._socket.send(json.dumps({"action": action, "ref": str(self._refs), **arguments}))

    def _receive(self, deadline: float, waiting_for: str = "snapshot") -> dict[str, Any]:
        try:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=max(0.0, deadline - time.monotonic())))
        except TimeoutError:
            raise Unexpected(f"The page was not told {waiting_for} within {PATIENCE:g} s.") from None
        except ConnectionClosed as error:
            raise Unexpected(f"The page's WebSocket was closed: {error}") from error
        return message


def _log_in(web: str, username: str, password: str) -> str:
    """Log in as a person does; return the cookies as a header."""
    with httpx2.Client(base_url=web, timeout=PATIENCE) as client:
        client.get("/login/")
        token = client.cookies["crm_csrf"]
        answer = client.post(
            "/login/",
            data={"username": username, "password": password, "csrfmiddlewaretoken": token},
            headers={"Referer": f"{web}/login/"},
        )
        if answer.status_code != 302:
            raise Unexpected(f"{username} could not log in ({answer.status_code}).")
        return "; ".join(f"{name}={value}" for name, value in client.cookies.items())
