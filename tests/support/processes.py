"""Programs that tests start: each in a process group of its own, ready when it answers, ended by its id."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import ConditionNotMetError, eventually

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now; where a server can tell its port, give it 0 instead."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, host: str = "127.0.0.1") -> Callable[[], bool]:
    """Return a readiness condition: something accepts TCP connections on `port`."""

    def accepts_connections() -> bool:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            return False
        return True

    accepts_connections.__qualname__ = f"{host}:{port} accepts connections"
    return accepts_connections


class Process:
    """One program in its own process group, as a context manager.

    `ready` is polled until it is true; a program that ends before that fails at once, with its output in the message.
    Leaving the context sends `stop_signal` to the group, waits `grace` seconds, then kills what is left of the group.
    Standard output and error go to `log_path`.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log_path: Path,
        ready: Callable[[], object] | None = None,
        deadline: float = 20.0,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
    ) -> None:
        self.command = [str(part) for part in command]
        self.log_path = log_path
        self.ready = ready
        self.deadline = deadline
        self.env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self.cwd = cwd or ROOT
        self.user = user
        self.stop_signal = stop_signal
        self.grace = grace
        self._popen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return the id of the started process, which is also that of its group."""
        return self._started().pid

    @property
    def returncode(self) -> int | None:
        """Return the exit code, None while the process runs."""
        return self._started().poll()

    @property
    def output(self) -> str:
        """Return what the process has written so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        """Start the program and return when it is ready."""
        with self.log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                start_new_session=True,
                user=self.user,
                extra_groups=[] if self.user else None,
            )
        if self.ready is None:
            return
        try:
            eventually(self._is_ready_or_dead, self.deadline, describe=f"{self.command[0]} is ready")
        except ConditionNotMetError as error:
            self.stop()
            raise ConditionNotMetError(f"{error}; its output:\n{self.output}") from error
        if self.returncode is not None:
            code = self.returncode
            self.stop()
            raise ConditionNotMetError(f"{self.command} ended with {code} before it was ready:\n{self.output}")

    def wait(self, deadline: float = 20.0) -> int:
        """Wait until the program ends by itself and return its exit code."""
        return self._started().wait(deadline)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the started process alone (not its group), as a service manager would."""
        self._started().send_signal(number)

    def kill(self) -> None:
        """Kill the whole group at once, as a crash would."""
        self._signal_group(signal.SIGKILL)
        self._started().wait()

    def stop(self) -> None:
        """End the group: politely first, for good after `grace` seconds. Does nothing when it was never started."""
        if self._popen is None:
            return
        self._signal_group(self.stop_signal)
        try:
            self._popen.wait(self.grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal_group(signal.SIGKILL)
            self._popen.wait()

    def _is_ready_or_dead(self) -> bool:
        return self.returncode is not None or bool(self.ready and self.ready())

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._popen is None:
            raise RuntimeError(f"{self.command[0]} was not started")
        return self._popen


def python(*arguments: str) -> list[str]:
    """Return the command line of this interpreter with `arguments`."""
    return [sys.executable, *arguments]


def django_environment() -> dict[str, str]:
    """Return the environment for a program that shall share this test session's database, Valkey and settings.

    The program sees committed rows only: the test needs `transactional_db`.
    """
    from django.db import connection

    settings = connection.settings_dict
    return {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
        "VOIPCTI_TEST_DB_NAME": str(settings["NAME"]),
        "VOIPCTI_TEST_DB_HOST": str(settings["HOST"]),
    }
