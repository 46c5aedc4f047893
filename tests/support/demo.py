"""The example project's demo as a fixture: every process of it, once for the session, with hands for its phones."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.processes import ROOT, Process

MANAGE = ROOT / "example_project" / "manage.py"
PASSWORD = "demo"


def manage(*arguments: str) -> list[str]:
    """Return the command line of the example project's `manage.py`."""
    return [sys.executable, str(MANAGE), *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the example project: its own settings, its data in `folder`."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATA_DIR": str(folder)}


class RunningDemo:
    """`manage.py demo` in a folder of its own, as a context manager; unless told otherwise, phones wait for hands."""

    def __init__(self, folder: Path, *, provider: str = "voipstudio", by_hand: bool = True) -> None:
        self.folder = folder
        hands = ["--by-hand"] if by_hand else []
        self.process = Process(
            manage("demo", "--provider", provider, "--port", "0", *hands),
            log_path=folder / "demo.log",
            env=environment(folder),
            ready=(folder / "demo.json").exists,
            deadline=120.0,
            grace=60.0,
        )

    def __enter__(self) -> "RunningDemo":
        self.process.start()
        status = json.loads((self.folder / "demo.json").read_text())
        self.web: str = status["web"]
        self.control: str = status["phones"]
        self.pids: dict[str, int] = status["pids"]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    # --- hands ------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return everything that the phones show."""
        return self._control("GET", "/state")

    def ring(self, number: str, to: str) -> None:
        """Let somebody outside call."""
        self._control("POST", "/calls", {"from": number, "to": to})

    def phone(self, user: str, action: str, **details: Any) -> None:
        """Do something with a user's phone."""
        self._control("POST", f"/users/{user}/phone/{action}", details)

    def outside(self, action: str) -> None:
        """Let the only outside party do something."""
        (party,) = self.state()["outside"]
        self._control("POST", f"/outside/{party['id']}/{action}", {})

    def quiet(self) -> None:
        """End every call."""
        for party in self.state()["outside"]:
            self._control("POST", f"/outside/{party['id']}/hang_up", {}, refusable=True)
        for user in self.state()["users"]:
            for call in user["calls"]:
                path = f"/users/{user['extension']}/phone/hang_up"
                self._control("POST", path, {"call": call["id"]}, refusable=True)

    def _control(self, method: str, path: str, body: object = None, *, refusable: bool = False) -> dict[str, Any]:
        """``refusable``: what is not to be done any more, since the other side was quicker, is done."""
        answer = httpx2.request(method, f"{self.control}{path}", json=body, timeout=10)
        assert answer.is_success or (refusable and answer.status_code == 409), answer.text
        result: dict[str, Any] = answer.json()
        return result

    # --- people -----------------------------------------------------------------------------------------------------

    def client(self, username: str) -> httpx2.Client:
        """Return an HTTP client of a user who has logged in."""
        client = httpx2.Client(base_url=self.web, timeout=30, follow_redirects=True)
        client.get("/login/")
        answer = self.post(client, "/login/", username=username, password=PASSWORD)
        assert "/login/" not in str(answer.url), "the login was refused"
        return client

    def post(self, client: httpx2.Client, path: str, **fields: str) -> httpx2.Response:
        """Post a form with its token."""
        token = client.cookies["crm_csrf"]
        return client.post(path, data={**fields, "csrfmiddlewaretoken": token}, headers={"Referer": self.web})


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Return the session's running demo; phones wait for hands."""
    with RunningDemo(tmp_path_factory.mktemp("demo")) as running:
        yield running
