"""A private telephone network on loopback: Kamailio, baresip phones and sipp callers, each a real process.

Needs no root; all files stand in one folder that the test removes. Ports are free ones. Kamailio is ready when it
answers OPTIONS over UDP, a phone when it is in the location table. Server and phones are those of the demo.
"""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from example_project.demo.pbx.phones import Baresip, free_sip_port
from example_project.demo.pbx.server import DOMAIN, PbxServer, password_of
from tests.peers import scenarios
from tests.peers.desk_phone import DeskPhone
from tests.support.processes import Process, free_port
from tests.support.waiting import eventually

USERS = ("1001", "1002", "1003", "1004")


class Phone(Baresip):
    """A baresip that people in tests use."""

    def talk_with(self, other: "Phone", seconds: float) -> None:
        """Call another phone, talk that long, and hang up; return when both are idle."""
        self.dial(other.user)
        eventually(lambda: other.is_ringing, 30)
        other.answer()
        eventually(lambda: self.is_talking, 30)
        enough = time.monotonic() + seconds
        eventually(lambda: time.monotonic() >= enough)
        self.hang_up()
        eventually(lambda: not self.is_talking and not other.is_talking, 30)


class Caller:
    """A sipp that plays one scenario."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process = process
        self._folder = folder

    def reached(self, mark: str) -> bool:
        """Whether the scenario came as far as a mark in it."""
        return (self._folder / mark).exists()

    def finish(self, deadline: float = 30.0) -> None:
        """Wait for the end of the scenario, which must have gone as written."""
        code = self.process.wait(deadline)
        assert code == 0, f"sipp ended with {code}:\n{self.process.output}"


class Lab:
    """The network. Use as a context manager; everything that it started ends with it.

    Args:
        workers: of the server.
        ring_seconds: after which the server gives an unanswered call up.
    """

    def __init__(self, folder: Path, *, workers: int = 1, ring_seconds: float = 60.0) -> None:
        self.folder = folder
        self.server = PbxServer(
            folder=folder / "pbx",
            users=USERS,
            sip_port=free_port(),
            ws_port=free_port(),
            trunk_port=free_port(),
            workers=workers,
            ring_seconds=ring_seconds,
        )
        self._stack = ExitStack()
        self._kamailio: Process | None = None

    def __enter__(self) -> "Lab":
        self.server.prepare()
        self.start_server()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    # --- the server -----------------------------------------------------------------------------------------------

    def start_server(self) -> None:
        """Start Kamailio; also after :meth:`stop_server`, on the same ports."""
        log_path = self.folder / "kamailio.log"
        self._kamailio = Process(self.server.command(), log_path=log_path, ready=self.server.answers)
        self._stack.enter_context(self._kamailio)

    def stop_server(self) -> None:
        """Kill Kamailio, as a crash would: every WebSocket drops, every subscription is forgotten."""
        assert self._kamailio is not None
        self._kamailio.kill()

    # --- phones and callers ---------------------------------------------------------------------------------------

    def phone(self, user: str, *, mode: str = "manual") -> Phone:
        """Start a phone and return when it is registered. ``mode``: ``manual`` or ``auto`` (answers by itself)."""
        port = free_sip_port()
        phone = Phone(
            user=user,
            folder=self.folder / f"phone-{user}-{port}",
            server_port=self.server.sip_port,
            port=port,
            control_port=free_port(),
            mode=mode,
        )
        phone.prepare()
        process = Process(
            phone.command_line(),
            log_path=self.folder / f"phone-{user}-{port}.log",
            ready=lambda: self.server.is_registered(port),
            grace=0.0,  # baresip un-registers for seconds when it is asked to end; nobody needs that here
        )
        self._stack.enter_context(process)
        return phone

    def desk_phone(self, user: str, **options: Any) -> DeskPhone:
        """Put a phone up that obeys requests from outside its calls; see there for ``options``."""
        phone = self._stack.enter_context(DeskPhone(user, self.server.sip_port, password=password_of(user), **options))
        self.server.rpc("ul.add", "location", f"{user}@{DOMAIN}", phone.contact, 3600, 1.0, "", 0, 0, 0)
        return phone

    def caller(self, scenario: str, user: str, *, milliseconds: int = 500) -> Caller:
        """Somebody outside calls ``user``, as ``scenario`` of :mod:`tests.peers.scenarios` says."""
        target = ["-s", user, f"127.0.0.1:{self.server.sip_port}"]
        return self._sipp(scenario, milliseconds, target, port=free_port())

    def trunk(self, scenario: str, *, milliseconds: int = 300) -> Caller:
        """Somebody outside is called: numbers with a plus arrive there."""
        return self._sipp(scenario, milliseconds, [], port=self.server.trunk_port)

    def _sipp(self, scenario: str, milliseconds: int, target: list[str], *, port: int) -> Caller:
        folder = self.folder / f"sipp-{port}"
        folder.mkdir(exist_ok=True)
        path = folder / f"{scenario}.xml"
        path.write_text(scenarios.render(scenario))
        command = ["sipp", *target, "-sf", path, "-i", "127.0.0.1", "-p", str(port), "-m", "1", "-nostdin"]
        command += ["-d", str(milliseconds), "-timeout", "30s", "-timeout_error", "-recv_timeout", "25000"]
        process = Process(
            command,
            log_path=folder / f"{scenario}.log",
            ready=None if target else lambda: _is_bound(port),
            cwd=folder,
            grace=0.5,
            env={"TERM": "dumb"},
        )
        self._stack.enter_context(process)
        return Caller(process, folder)


@contextmanager
def running(folder: Path, phones: Mapping[str, str], **options: Any) -> Iterator[tuple[Lab, dict[str, Phone]]]:
    """A lab with ``phones`` (user to answer mode), all registered."""
    with Lab(folder, **options) as lab:
        yield lab, {user: lab.phone(user, mode=mode) for user, mode in phones.items()}


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
