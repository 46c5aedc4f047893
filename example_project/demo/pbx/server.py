"""Kamailio with a registrar, WebSocket, digest authentication and dialog events: its files, command line and RPC."""

import json
import os
import shutil
import socket
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

__all__ = ["CTI_USER", "DOMAIN", "PbxServer", "missing_packages", "password_of"]

HERE = Path(__file__).parent
HOST = "127.0.0.1"
#: Host part of every address; it is in no DNS.
DOMAIN = "pbx.test"
#: The user that is nobody's phone: it watches all lines and places calls.
CTI_USER = "cti"

#: Program to the Debian packages that bring it and what it loads.
PROGRAMS = {
    "kamailio": (
        "kamailio",
        "kamailio-websocket-modules",
        "kamailio-presence-modules",
        "kamailio-sqlite-modules",
    ),
    "baresip": ("baresip-core",),
}
#: A file that stands for each of Kamailio's further packages.
_MODULES = {
    "kamailio-websocket-modules": "websocket.so",
    "kamailio-presence-modules": "pua_dialoginfo.so",
    "kamailio-sqlite-modules": "db_sqlite.so",
}
_SCHEMAS = Path("/usr/share/kamailio/db_sqlite")
_TABLES = ("standard", "auth_db", "usrloc", "presence", "dialog")


def missing_packages() -> list[str]:
    """Names of the Debian packages that must be installed before this can run."""
    missing = [package for program, packages in PROGRAMS.items() if not find(program) for package in packages]
    if "kamailio" not in missing:
        folders = list(Path("/usr/lib").glob("*/kamailio/modules")) or [Path("/usr/lib/kamailio/modules")]
        missing += [
            package for package, file in _MODULES.items() if not any((folder / file).exists() for folder in folders)
        ]
    return missing


def find(program: str) -> str | None:
    """The path of a program; servers stand where not every user's PATH leads."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


def password_of(user: str) -> str:
    """The password of a user of this network, which nobody can reach from elsewhere."""
    return f"pw-{user}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxServer:
    """One Kamailio: what to write, what to run, and what to ask it. Starts nothing itself."""

    folder: Path
    """Holds the database and what Kamailio writes; is made if it is not there."""
    users: tuple[str, ...]
    sip_port: int
    ws_port: int
    trunk_port: int
    """UDP port of whoever takes calls to numbers with a plus."""
    workers: int = 1
    """UDP workers. With more than one, NOTIFYs overtake each other."""
    ring_seconds: float = 60.0
    """After which an unanswered call is given up."""

    @property
    def ws_url(self) -> str:
        """Where SIP over WebSocket is spoken."""
        return f"ws://{HOST}:{self.ws_port}"

    @property
    def rpc_url(self) -> str:
        """Where JSON-RPC is spoken."""
        return f"http://{HOST}:{self.ws_port}/RPC"

    @property
    def provider_options(self) -> dict[str, Any]:
        """OPTIONS of the provider `sip` for this server."""
        return {
            "url": self.ws_url,
            "domain": DOMAIN,
            "cti_user": CTI_USER,
            "cti_password": password_of(CTI_USER),
            "kamailio_rpc_url": self.rpc_url,
        }

    def prepare(self) -> None:
        """Write the database of users anew."""
        (self.folder / "run").mkdir(parents=True, exist_ok=True)
        path = self.folder / "kamailio.db"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as database:
            # Kamailio does not wait for a lock: without this, a login now and then meets a writer and is refused.
            database.execute("PRAGMA journal_mode=WAL")
            for table in _TABLES:
                database.executescript((_SCHEMAS / f"{table}-create.sql").read_text())
            for user in (*self.users, CTI_USER):
                row = (user, DOMAIN, password_of(user))
                database.execute("insert into subscriber (username, domain, password) values (?, ?, ?)", row)
        database.close()

    def command(self) -> list[str]:
        """The command line; Kamailio stays in the foreground and logs to standard error."""
        run = self.folder / "run"
        parameters = {
            "SIPPORT": self.sip_port,
            "WSPORT": self.ws_port,
            "CHILDREN": self.workers,
            "RINGTIME": int(self.ring_seconds * 1000),
            "DBURL": f'"sqlite:///{self.folder}/kamailio.db"',
            "CTLSOCK": f'"unix:{run}/ctl"',
            "SRVADDR": f'"sip:{HOST}:{self.sip_port}"',
            "TRUNK": f'"sip:{HOST}:{self.trunk_port}"',
        }
        program = find("kamailio") or "kamailio"
        command = [program, "-DD", "-E", "-f", str(HERE / "kamailio.cfg"), "-Y", str(run), "-w", str(run)]
        # A quick call is in every document of the next fifteen seconds, transactions live for five: 64 MB can run out.
        command += ["-P", str(run / "pid"), "-m", "256", "-M", "16"]
        for name, value in parameters.items():
            command += ["-A", f"{name}={value}"]
        return command

    def answers(self) -> bool:
        """Whether it answers OPTIONS over UDP."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            probe.settimeout(0.2)
            port = probe.getsockname()[1]
            lines = [
                f"OPTIONS sip:{DOMAIN} SIP/2.0",
                f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bKready{port};rport",
                "From: <sip:probe@probe.test>;tag=1",
                f"To: <sip:{DOMAIN}>",
                f"Call-ID: ready-{port}",
                "CSeq: 1 OPTIONS",
                "Max-Forwards: 5",
                "Content-Length: 0",
            ]
            probe.sendto("\r\n".join([*lines, "", ""]).encode(), (HOST, self.sip_port))
            try:
                return probe.recv(4096).startswith(b"SIP/2.0 200")
            except OSError:
                return False

    def rpc(self, method: str, *parameters: object) -> Any:
        """Call one of its JSON-RPC methods; raises `httpx2.HTTPError` if it is not there or refuses."""
        body = {"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}
        answer = httpx2.post(self.rpc_url, json=body, timeout=5)
        answer.raise_for_status()
        return answer.json()["result"]

    def is_registered(self, port: int) -> bool:
        """Whether a phone at this SIP port is in the location table."""
        return f"@{HOST}:{port}" in json.dumps(self.rpc("ul.dump"))
