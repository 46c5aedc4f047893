"""A private telephone network on loopback: Kamailio, baresip phones and sipp callers, each a real process.

Needs no root; all files stand in one folder that the test removes. Ports are free ones. Kamailio is ready when it
answers OPTIONS over UDP, a phone when it is in the location table.
"""

import json
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.peers import scenarios
from tests.support.processes import Process, free_port
from tests.support.waiting import eventually

DOMAIN = "pbx.test"
HERE = Path(__file__).parent
SCHEMAS = Path("/usr/share/kamailio/db_sqlite")
USERS = ("1001", "1002", "1003", "1004", "cti")
TABLES = ("standard", "auth_db", "usrloc", "presence", "dialog")

_ACCOUNT = (
    '"Phone {user}" <sip:{user}@{domain}>;auth_user={user};auth_pass={password};'
    'outbound="sip:127.0.0.1:{port};transport=udp";regint=120;answermode={mode};mwi=no;'
    "audio_codecs=PCMU/8000/1,PCMA/8000/1;ptime=20\n"
)

_PHONE_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip_port}
net_interface 127.0.0.1
call_local_timeout 60
call_max_calls 4
audio_path {folder}/nosounds
audio_player aubridge,dev{user}
audio_source aubridge,dev{user}
audio_alert aubridge,alert{user}
audio_level no
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
rtp_ports {rtp}-{rtp_end}
rtp_stats no
jitter_buffer_delay 5-10
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
module_app debug_cmd.so
ctrl_tcp_listen 127.0.0.1:{control_port}
ringback_disabled yes
statmode_default off
"""


def password_of(user: str) -> str:
    """The password of a user of the lab."""
    return f"pw-{user}"


class Phone:
    """A baresip, steered through its control connection (netstrings of JSON)."""

    def __init__(self, user: str, control_port: int, process: Process) -> None:
        self.user = user
        self.process = process
        self._control_port = control_port

    def command(self, name: str, parameters: str = "") -> dict[str, Any]:
        """Run one of baresip's commands and return its answer."""
        message = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        with socket.create_connection(("127.0.0.1", self._control_port), timeout=5) as connection:
            connection.sendall(b"%d:%s," % (len(message), message))
            for answer in _netstrings(connection):
                if answer.get("response"):
                    return answer
        raise AssertionError(f"phone {self.user} did not answer to {name}")

    def dial(self, number: str) -> None:
        """Call a user of the lab or a number with a plus."""
        self.command("dial", f"sip:{number}@{DOMAIN}")

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

    def answer(self) -> None:
        """Lift the handset."""
        self.command("accept")

    def hang_up(self) -> None:
        """Put the handset down; declines a call that rings."""
        self.command("hangup")

    def hold(self) -> None:
        """Press hold."""
        self.command("hold")

    def resume(self) -> None:
        """Press hold again."""
        self.command("resume")

    def calls(self) -> str:
        """What the phone itself says of its calls."""
        return str(self.command("listcalls").get("data", ""))

    @property
    def is_ringing(self) -> bool:
        """Whether a call rings in."""
        return "INCOMING" in self.calls()

    @property
    def is_talking(self) -> bool:
        """Whether a call is established."""
        return "ESTABLISHED" in self.calls()

    @property
    def is_on_hold(self) -> bool:
        """Whether the call is held."""
        return "(on hold)" in self.calls()


class Caller:
    """A sipp that plays one scenario."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def finish(self, deadline: float = 30.0) -> None:
        """Wait for the end of the scenario, which must have gone as written."""
        code = self.process.wait(deadline)
        assert code == 0, f"sipp ended with {code}:\n{self.process.output}"


class Lab:
    """The network. Use as a context manager; everything that it started ends with it."""

    def __init__(self, folder: Path, *, users: tuple[str, ...] = USERS, workers: int = 1) -> None:
        self.folder = folder
        self.users = users
        self.workers = workers
        self.sip_port = free_port()
        self.ws_port = free_port()
        self.trunk_port = free_port()
        self._stack = ExitStack()
        self._kamailio: Process | None = None

    @property
    def ws_url(self) -> str:
        """Where the SIP-over-WebSocket server is."""
        return f"ws://127.0.0.1:{self.ws_port}"

    @property
    def rpc_url(self) -> str:
        """Where its JSON-RPC is."""
        return f"http://127.0.0.1:{self.ws_port}/RPC"

    def __enter__(self) -> "Lab":
        self._make_database()
        self.start_server()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    # --- the server -----------------------------------------------------------------------------------------------

    def start_server(self) -> None:
        """Start Kamailio; also after :meth:`stop_server`, on the same ports."""
        runtime = self.folder / "kamailio"
        runtime.mkdir(exist_ok=True)
        command = ["kamailio", "-DD", "-E", "-f", HERE / "conf" / "kamailio.cfg", "-Y", runtime, "-w", runtime]
        # A quick call is in every document of the next fifteen seconds, transactions live for five: 64 MB run out.
        command += ["-P", runtime / "pid", "-m", "256", "-M", "16"]
        parameters = {
            "SIPPORT": self.sip_port,
            "WSPORT": self.ws_port,
            "CHILDREN": self.workers,
            "DBURL": f'"sqlite:///{self.folder}/kamailio.db"',
            "CTLSOCK": f'"unix:{runtime}/ctl"',
            "SRVADDR": f'"sip:127.0.0.1:{self.sip_port}"',
            "TRUNK": f'"sip:127.0.0.1:{self.trunk_port}"',
        }
        for name, value in parameters.items():
            command += ["-A", f"{name}={value}"]
        self._kamailio = Process(command, log_path=self.folder / "kamailio.log", ready=self._answers_options)
        self._stack.enter_context(self._kamailio)

    def stop_server(self) -> None:
        """Kill Kamailio, as a crash would: every WebSocket drops, every subscription is forgotten."""
        assert self._kamailio is not None
        self._kamailio.kill()

    def rpc(self, method: str, *parameters: object) -> Any:
        """Call one of Kamailio's JSON-RPC methods."""
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}).encode()
        request = urllib.request.Request(self.rpc_url, body)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)["result"]

    def _answers_options(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            probe.settimeout(0.2)
            port = probe.getsockname()[1]
            lines = [
                f"OPTIONS sip:{DOMAIN} SIP/2.0",
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKready{port};rport",
                "From: <sip:probe@probe.test>;tag=1",
                f"To: <sip:{DOMAIN}>",
                f"Call-ID: ready-{port}",
                "CSeq: 1 OPTIONS",
                "Max-Forwards: 5",
                "Content-Length: 0",
            ]
            probe.sendto("\r\n".join([*lines, "", ""]).encode(), ("127.0.0.1", self.sip_port))
            try:
                return probe.recv(4096).startswith(b"SIP/2.0 200")
            except OSError:
                return False

    def _make_database(self) -> None:
        with sqlite3.connect(self.folder / "kamailio.db") as database:
            # Kamailio does not wait for a lock: without this, a login now and then meets a writer and is refused.
            database.execute("PRAGMA journal_mode=WAL")
            for table in TABLES:
                database.executescript((SCHEMAS / f"{table}-create.sql").read_text())
            for user in self.users:
                row = (user, DOMAIN, password_of(user))
                database.execute("insert into subscriber (username, domain, password) values (?, ?, ?)", row)
        database.close()

    # --- phones and callers ---------------------------------------------------------------------------------------

    def phone(self, user: str, *, mode: str = "manual") -> Phone:
        """Start a phone and return when it is registered. ``mode``: ``manual`` or ``auto`` (answers by itself)."""
        folder = self.folder / f"phone-{user}"
        (folder / "nosounds").mkdir(parents=True)
        sip_port, control_port = _port_pair(), free_port()
        rtp = 20000 + (sip_port % 2000) * 10
        config = _PHONE_CONFIG.format(
            user=user, folder=folder, sip_port=sip_port, control_port=control_port, rtp=rtp, rtp_end=rtp + 8
        )
        (folder / "config").write_text(config)
        account = _ACCOUNT.format(user=user, domain=DOMAIN, password=password_of(user), port=self.sip_port, mode=mode)
        (folder / "accounts").write_text(account)
        (folder / "contacts").touch()
        process = Process(
            ["baresip", "-f", folder],
            log_path=self.folder / f"phone-{user}.log",
            ready=lambda: self.is_registered(user),
            grace=0.0,  # baresip un-registers for seconds when it is asked to end; nobody needs that here
        )
        self._stack.enter_context(process)
        return Phone(user, control_port, process)

    def is_registered(self, user: str) -> bool:
        """Whether a phone of ``user`` is in the location table."""
        return f'"{user}@{DOMAIN}"' in json.dumps(self.rpc("ul.dump"))

    def caller(self, scenario: str, user: str, *, milliseconds: int = 500) -> Caller:
        """Somebody outside calls ``user``, as ``scenario`` of :mod:`tests.peers.scenarios` says."""
        return self._sipp(scenario, milliseconds, ["-s", user, f"127.0.0.1:{self.sip_port}"], port=free_port())

    def trunk(self, scenario: str, *, milliseconds: int = 300) -> Caller:
        """Somebody outside is called: numbers with a plus arrive there."""
        return self._sipp(scenario, milliseconds, [], port=self.trunk_port)

    def _sipp(self, scenario: str, milliseconds: int, target: list[str], *, port: int) -> Caller:
        folder = self.folder / "sipp"
        folder.mkdir(exist_ok=True)
        path = folder / f"{scenario}.xml"
        path.write_text(scenarios.render(scenario))
        command = ["sipp", *target, "-sf", path, "-i", "127.0.0.1", "-p", str(port), "-m", "1", "-nostdin"]
        command += ["-d", str(milliseconds), "-timeout", "30s", "-timeout_error", "-recv_timeout", "25000"]
        log = folder / f"{scenario}-{port}.log"
        process = Process(
            command,
            log_path=log,
            ready=None if target else lambda: _is_bound(port),
            cwd=folder,
            grace=0.5,
            env={"TERM": "dumb"},
        )
        self._stack.enter_context(process)
        return Caller(process)


@contextmanager
def running(folder: Path, phones: Mapping[str, str], **options: Any) -> Iterator[tuple[Lab, dict[str, Phone]]]:
    """A lab with ``phones`` (user to answer mode), all registered."""
    with Lab(folder, **options) as lab:
        yield lab, {user: lab.phone(user, mode=mode) for user, mode in phones.items()}


def _port_pair() -> int:
    """A port that is free for TCP and UDP, and whose neighbour is: baresip listens for TLS on the next one."""

    def pair() -> int:
        port = free_port()
        with ExitStack() as stack:
            for kind, number in ((socket.SOCK_DGRAM, port), (socket.SOCK_STREAM, port + 1)):
                try:
                    stack.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", number))
                except OSError:
                    return 0
        return port

    return eventually(pair)


def _is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _netstrings(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """Read ``length:json,`` messages until the other side closes or falls silent."""
    buffer = b""
    while True:
        length, colon, rest = buffer.partition(b":")
        if colon and len(rest) > int(length):
            yield json.loads(rest[: int(length)])
            buffer = rest[int(length) + 1 :]
            continue
        try:
            data = connection.recv(65536)
        except TimeoutError:
            return
        if not data:
            return
        buffer += data
