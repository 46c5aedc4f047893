"""Child processes: each in a process group of its own, ready when it answers, and gone when it is stopped."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

#: Seconds between two questions "are you ready?".
ASK_EVERY = 0.05
#: Lines of a log that are shown when its process fails.
SHOWN_LINES = 15


class ChildFailed(Exception):
    """A child ended, or did not get ready; the text says which one, how, and what it said last."""


@dataclass(slots=True, kw_only=True)
class Child:
    """One process. `ready` asks it (not: looks at the clock) and is true once it can be used."""

    name: str
    command: Sequence[str]
    log: Path
    ready: Callable[[], bool] | None = None
    ready_within: float = 60.0
    """Seconds."""
    grace: float = 10.0
    """Seconds from the polite signal to the last one."""
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """Its process id, which is that of its group too; None before the start."""
        return self.process.pid if self.process else None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self, environment: Mapping[str, str], folder: Path) -> None:
        """Start it, with its output in its log."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                cwd=folder,
                # A group of its own: Ctrl-C reaches the supervisor alone, which stops everything in order.
                start_new_session=True,
            )

    def report_end(self, ended: "SimpleQueue[object]") -> None:
        """Put this child into `ended` when its process ends."""
        process = self.process

        def wait() -> None:
            if process is not None:
                process.wait()
                ended.put(self)

        threading.Thread(target=wait, name=f"wait-{self.name}", daemon=True).start()

    def wait_until_ready(self, stopping: threading.Event) -> None:
        """Ask until it is ready. Returns early when the demo is being stopped; raises `ChildFailed` when it ended."""
        deadline = time.monotonic() + self.ready_within
        while not stopping.is_set():
            if not self.is_running:
                raise ChildFailed(self.obituary())
            if self.ready is None or self.ready():
                return
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} did not get ready within {self.ready_within:g} s.{self.last_words()}")
            stopping.wait(ASK_EVERY)

    def wait_until_done(self, stopping: threading.Event) -> None:
        """Wait for a step that ends by itself; raises `ChildFailed` unless it succeeded."""
        while self.is_running and not stopping.is_set():
            stopping.wait(ASK_EVERY)
        if self.process is not None and self.process.poll() not in {0, None}:
            raise ChildFailed(self.obituary())

    def stop(self) -> None:
        """End the process and whatever it started. Does nothing if it was never started."""
        if self.process is None:
            return
        # The process itself first, as a service manager does; its own children are its business until it is gone.
        if self.is_running:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.grace)
        self.kill()
        self.process.wait()

    def kill(self) -> None:
        """End the process and whatever it started, at once."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def obituary(self) -> str:
        """How it ended, with its last words."""
        code = self.process.poll() if self.process else None
        how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}.{self.last_words()}"

    def last_words(self) -> str:
        """The end of its log, indented, and where the rest is."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        lines = [f"    {line}" for line in text.splitlines()[-SHOWN_LINES:]]
        return "\n".join([f" Its log is {self.log}; it ends:" if lines else f" Its log {self.log} is empty.", *lines])
