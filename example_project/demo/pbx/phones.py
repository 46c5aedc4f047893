"""baresip as a telephone without sound: its files, command line, and what one presses on it."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .server import DOMAIN, HOST, password_of

__all__ = ["Baresip", "free_sip_port"]

_ACCOUNT = (
    '"Phone {user}" <sip:{user}@{domain}>;auth_user={user};auth_pass={password};'
    'outbound="sip:{host}:{server};transport=udp";regint=120;answermode={mode};mwi=no;'
    "audio_codecs=PCMU/8000/1,PCMA/8000/1;ptime=20"
)

# The module aubridge loops the sound of each call back, so that no sound card is needed.
_CONFIG = """\
poll_method epoll
sip_listen {host}:{port}
net_interface {host}
call_local_timeout 60
call_max_calls 4
audio_path {folder}/nosounds
audio_player aubridge,dev{name}
audio_source aubridge,dev{name}
audio_alert aubridge,alert{name}
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
ctrl_tcp_listen {host}:{control_port}
ringback_disabled yes
statmode_default off
"""


class Refused(Exception):
    """The phone does not answer, or does not do what it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baresip:
    """One phone: what to write, what to run, and what to press. Starts nothing itself."""

    user: str
    folder: Path
    server_port: int
    """SIP port of the registrar."""
    port: int
    """SIP port of the phone; it listens for TLS on the next one. See :func:`free_sip_port`."""
    control_port: int
    mode: str = "manual"
    """``manual``, or ``auto``: answers by itself."""

    def prepare(self) -> None:
        """Write its configuration."""
        (self.folder / "nosounds").mkdir(parents=True, exist_ok=True)
        rtp = 20000 + (self.port % 2000) * 10
        values = {
            "host": HOST,
            "port": self.port,
            "folder": self.folder,
            "name": f"{self.user}-{self.port}",
            "rtp": rtp,
            "rtp_end": rtp + 8,
            "control_port": self.control_port,
        }
        (self.folder / "config").write_text(_CONFIG.format(**values))
        (self.folder / "accounts").write_text(f"{self.account()}\n")
        (self.folder / "contacts").touch()

    def account(self) -> str:
        """Its account, as a line of its configuration."""
        return _ACCOUNT.format(
            user=self.user,
            domain=DOMAIN,
            password=password_of(self.user),
            host=HOST,
            server=self.server_port,
            mode=self.mode,
        )

    def address(self, user: str) -> str:
        """SIP URI of a user or number at its server."""
        return f"sip:{user}@{DOMAIN}"

    def command_line(self) -> list[str]:
        """The command line; it stays in the foreground."""
        return ["baresip", "-f", str(self.folder)]

    def command(self, name: str, parameters: str = "") -> str:
        """Run one of baresip's commands over its control connection and return what it says."""
        message = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        try:
            with socket.create_connection((HOST, self.control_port), timeout=5) as connection:
                connection.sendall(b"%d:%s," % (len(message), message))
                for answer in _netstrings(connection):
                    if answer.get("response"):
                        return str(answer.get("data", ""))
        except OSError as error:
            raise Refused(f"phone {self.user} is not there: {error}") from error
        raise Refused(f"phone {self.user} did not answer to {name}")

    def dial(self, number: str) -> None:
        """Call a user or a number with a plus."""
        self.command("dial", self.address(number))

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

    def transfer(self, number: str) -> None:
        """Send the other party to somebody else."""
        self.command("transfer", self.address(number))

    def calls(self) -> str:
        """What the phone itself says of its calls."""
        return self.command("listcalls")

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


def free_sip_port() -> int:
    """A port that is free for TCP and UDP, and whose neighbour is free as well."""
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((HOST, 0))
            port = int(first.getsockname()[1])
            try:
                for kind, number in ((socket.SOCK_DGRAM, port), (socket.SOCK_STREAM, port + 1)):
                    stack.enter_context(socket.socket(type=kind)).bind((HOST, number))
            except OSError:
                continue
            return port


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
