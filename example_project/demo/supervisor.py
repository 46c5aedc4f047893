"""The demo's supervisor: starts every process in order, watches them, and stops them in reverse.

Nothing here sleeps: a process is ready when it answers, and the supervisor wakes up when one ends or a signal comes.
"""

import fcntl
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import IO, Any, Self

from django.utils import timezone

from . import readiness
from .networks import NETWORKS, Server
from .ports import HOST, free_port, web_port
from .processes import Child, ChildFailed

PROJECT = Path(__file__).resolve().parent.parent
#: Written into the data folder while the demo serves: addresses and process ids.
STATUS_FILE = "demo.json"
#: Held while the demo has the data folder: two of them would take each other's database and lines away.
LOCK_FILE = "demo.lock"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody wants the demo to stop while it is still starting."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens."""

    web_port: int
    valkey_port: int = field(default_factory=free_port)

    @property
    def web(self) -> str:
        return f"http://localhost:{self.web_port}"

    @property
    def valkey(self) -> str:
        return f"redis://{HOST}:{self.valkey_port}/0"


class Demo:
    """Everything that runs, as a context manager: inside the block all of it is ready, after it nothing is left.

    Raises `MissingPrograms` if the network is made of programs that are not installed.

    Args:
        folder: holds database, logs and the status file.
        provider: which telephone network to run on, a key of `NETWORKS`.
        port: of the web server; None takes 8000 or the next free one, 0 any free one.
        by_hand: phones do nothing by themselves; otherwise they pick up for click-to-call, and outside numbers answer.
        say: is told what is being done, sentence by sentence.
    """

    def __init__(
        self,
        folder: Path,
        *,
        provider: str,
        port: int | None = None,
        by_hand: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        self.folder = folder.resolve()
        self.addresses = Addresses(web_port(port))
        self.network = NETWORKS[provider](self.addresses.web_port, by_hand=by_hand)
        self._provider = provider
        self.say = say
        self.stopping = threading.Event()
        self._events: SimpleQueue[object] = SimpleQueue()
        self._children: list[Child] = []

        self._signals_before: dict[int, Any] = {}
        self._lock: IO[str] | None = None

    # --- life -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._lock = self._lock_folder()
        # From here to the very end, so that no signal finds the default handler while something runs.
        self._signals_before = {number: signal.signal(number, self._wish) for number in STOP_SIGNALS}
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        # The status file goes first: whoever reads it may rely on what it says.
        (self.folder / STATUS_FILE).unlink(missing_ok=True)
        for child in reversed(self._children):
            child.stop()
        self.network.close()
        for number, handler in self._signals_before.items():
            signal.signal(number, handler)
        if self._lock is not None:
            self._lock.close()

    def _lock_folder(self) -> IO[str]:
        """The open lock file. It is released with this process, however that ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / LOCK_FILE).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise ChildFailed(f"A demo is running with the data in {self.folder}. Stop that one first.") from None
        return lock

    def wait(self) -> None:
        """Return when somebody wants the demo to stop; raise `ChildFailed` when a process ends before that."""
        while not self.stopping.is_set():
            event = self._events.get()
            if isinstance(event, Child) and not self.stopping.is_set():
                raise ChildFailed(event.obituary())

    def check(self) -> None:
        """Raise `ChildFailed` if a process has ended."""
        for child in self._children:
            if not child.is_running:
                raise ChildFailed(child.obituary())

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the servers by name."""
        return {child.name: child.pid for child in self._children if child.pid is not None}

    def _wish(self, number: int, frame: FrameType | None) -> None:
        """A signal is the wish to stop; the second one is the wish to stop at once."""
        if self.stopping.is_set():
            for child in self._children:
                child.kill()
        self.stopping.set()
        self._events.put(number)

    # --- start ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start everything at once that needs nothing else, prepare the database, and let the bridge have it."""
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        at = self.addresses
        self.say(f"Starting Valkey, {self.network.title}, Celery worker and web server …")
        valkey = self._serve(
            Server(
                name="valkey",
                command=_python("-m", "demo.valkey", str(at.valkey_port), str(self.folder / "valkey")),
                ready=readiness.valkey_answers(at.valkey_port),
            )
        )
        first, *further = self.network.stages()
        stage = [self._serve(server) for server in first]
        self._all_ready([valkey])
        worker = self._serve(
            Server(
                name="worker",
                command=_python(
                    *("-m", "celery", "--app", "config", "worker", "--pool", "threads", "--concurrency", "8"),
                    *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
                ),
                ready=readiness.worker_answers(at.valkey),
            )
        )
        web = self._serve(
            Server(
                name="web",
                command=_python("-m", "daphne", "--bind", HOST, "--port", str(at.web_port), "config.asgi:application"),
                ready=readiness.http_answers(f"{at.web}/login/"),
            )
        )
        for servers in further:
            self._all_ready(stage)
            stage = [self._serve(server) for server in servers]
        self._all_ready(stage)
        self.say("Preparing the database, connecting the lines …")
        self._run("prepare", _python("manage.py", "seed_demo", "--migrate"))
        bridge = self._serve(
            Server(
                name="bridge",
                command=_python("manage.py", "voipcti_bridge"),
                ready=readiness.lines_are_ready(timezone.now()),
            )
        )
        self._all_ready([worker, web, bridge])
        self._write_status()

    def _environment(self) -> dict[str, str]:
        """What config/settings.py reads."""
        at = self.addresses
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEMO": "1",
            "DATA_DIR": str(self.folder),
            "VALKEY_URL": at.valkey,
            "TELEPHONE_SYSTEM": self._provider,
            "PHONES_URL": self.network.control_url,
            **self.network.environment(),
        }

    def _started(self, child: Child) -> Child:
        if self.stopping.is_set():
            raise Stopped
        child.start(self._environment(), PROJECT)
        return child

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _serve(self, server: Server) -> Child:
        """Start a server, unless the demo is being stopped already."""
        child = Child(
            name=server.name,
            command=server.command,
            log=self._log(server.name),
            ready=server.ready,
            grace=server.grace,
        )
        self._children.append(self._started(child))
        child.report_end(self._events)
        return child

    def _run(self, name: str, command: Sequence[str]) -> None:
        """Run one step to its end."""
        step = self._started(Child(name=name, command=command, log=self._log(name)))
        try:
            step.wait_until_done(self.stopping)
        finally:
            step.stop()

    def _all_ready(self, children: Sequence[Child]) -> None:
        for child in children:
            child.wait_until_ready(self.stopping)
        if self.stopping.is_set():
            raise Stopped

    def _write_status(self) -> None:
        status = {"web": self.addresses.web, "phones": self.network.control_url, "pids": self.pids}
        fresh = self.folder / f"{STATUS_FILE}.new"
        fresh.write_text(json.dumps(status))
        fresh.replace(self.folder / STATUS_FILE)


def _python(*arguments: str) -> list[str]:
    """A command line of this interpreter."""
    return [sys.executable, *arguments]
