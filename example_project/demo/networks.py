"""The telephone networks that the demo can run on: what to start for them, and what the CRM has to know of them.

Each is driven by the same control API, so that phone lab, smoke test and screenshots do not know which one it is.
"""

import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crm import demo_data

from . import readiness
from .pbx.phones import Baresip, free_sip_port
from .pbx.plan import Person, Plan
from .pbx.server import CTI_USER, DOMAIN, PbxServer, missing_packages, password_of
from .ports import HOST, free_port

__all__ = ["NETWORKS", "MissingPrograms", "Network", "Server"]


class MissingPrograms(Exception):
    """Programs have to be installed first; the text says which, and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A program to start."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    grace: float = 10.0
    """Seconds to end politely."""


class Network(Protocol):
    """A telephone network."""

    title: str
    """In a sentence: “Starting ..., ...”."""
    control_url: str

    def stages(self) -> Sequence[Sequence[Server]]:
        """What to start, as far as possible at once; each stage needs the one before."""

    def environment(self) -> dict[str, str]:
        """What config/settings.py has to know."""

    def close(self) -> None:
        """Remove what is left when everything has ended."""


class SimulatedNetwork:
    """VoIPstudio, as the package's simulator plays it."""

    title = "the simulated telephone system"

    def __init__(self, web_port: int, *, by_hand: bool) -> None:
        self._port = free_port()
        self._web_port = web_port
        self._scenario = "demo-by-hand" if by_hand else "demo"
        self._webhook_secret = secrets.token_urlsafe(24)
        self._url = f"http://{HOST}:{self._port}"
        self.control_url = f"{self._url}/control"

    def stages(self) -> Sequence[Sequence[Server]]:
        """The simulator."""
        webhook = f"http://crm:{self._webhook_secret}@{HOST}:{self._web_port}/voipcti/webhooks/default/"
        command = [sys.executable, "manage.py", "voipcti_simulator", "--port", str(self._port)]
        command += ["--scenario", self._scenario, "--webhook", webhook]
        return [[Server(name="simulator", command=command, ready=readiness.http_answers(f"{self.control_url}/state"))]]

    def environment(self) -> dict[str, str]:
        """Where the platform is."""
        return {
            "VOIPSTUDIO_API_URL": f"{self._url}/v1.2/voipstudio",
            "VOIPSTUDIO_SIP_URL": self._url.replace("http://", "ws://"),
            "VOIPSTUDIO_WEBHOOK_SECRET": self._webhook_secret,
        }

    def close(self) -> None:
        """The simulator keeps nothing."""


class SipNetwork:
    """Kamailio, a baresip for each agent, and the people outside. Raises `MissingPrograms` where they are not there."""

    title = "Kamailio and its phones"

    def __init__(self, web_port: int, *, by_hand: bool) -> None:
        if packages := missing_packages():
            raise MissingPrograms(
                "This telephone network is made of real programs, and some are not installed. On Debian:\n\n"
                f"    apt install --no-install-recommends {' '.join(packages)}\n\n"
                "Without them the demo runs on the simulator: make demo"
            )
        # Not in the data folder: nothing of it is kept, and a socket's path must be short.
        self._files = tempfile.TemporaryDirectory(prefix="voipcti-pbx-", ignore_cleanup_errors=True)
        self._folder = Path(self._files.name)
        lines = demo_data.LINES["sip"]
        self._server = PbxServer(
            folder=self._folder / "server",
            users=tuple(lines.values()),
            sip_port=free_sip_port(),
            ws_port=free_port(),
            trunk_port=free_sip_port(),
        )
        self._plan = Plan(
            port=free_port(),
            server_port=self._server.sip_port,
            trunk_port=self._server.trunk_port,
            by_hand=by_hand,
            people=tuple(
                Person(name=f"{first} {last}", email=email, phone=self._phone(lines[username]))
                for username, first, last, email, _ in demo_data.USERS
                if username in lines
            ),
        )
        self.control_url = f"http://{HOST}:{self._plan.port}/control"

    def _phone(self, user: str) -> Baresip:
        return Baresip(
            user=user,
            folder=self._folder / f"phone-{user}",
            server_port=self._server.sip_port,
            port=free_sip_port(),
            control_port=free_port(),
        )

    def stages(self) -> Sequence[Sequence[Server]]:
        """The server, then whoever registers there."""
        self._server.prepare()
        # Neither has anything to lose: asked politely, both take seconds to say goodbye to each other.
        kamailio = Server(name="kamailio", command=self._server.command(), ready=self._server.answers, grace=0.0)
        phones = []
        for person in self._plan.people:
            person.phone.prepare()
            phones.append(
                Server(
                    name=f"phone-{person.phone.user}",
                    command=person.phone.command_line(),
                    ready=readiness.phone_is_registered(self._server, person.phone.port),
                    grace=0.0,
                )
            )
        plan = self._folder / "exchange.json"
        self._plan.write(plan)
        exchange = Server(
            name="exchange",
            command=[sys.executable, "-m", "demo.pbx.exchange", str(plan)],
            ready=readiness.http_answers(f"{self.control_url}/state"),
        )
        return [[kamailio], [*phones, exchange]]

    def environment(self) -> dict[str, str]:
        """Where the server is, and who the CRM is there."""
        return {
            "SIP_URL": self._server.ws_url,
            "SIP_DOMAIN": DOMAIN,
            "SIP_CTI_USER": CTI_USER,
            "SIP_CTI_PASSWORD": password_of(CTI_USER),
            "KAMAILIO_RPC_URL": self._server.rpc_url,
        }

    def close(self) -> None:
        """Remove the folder."""
        self._files.cleanup()


#: By what `--provider` is called, which is settings.TELEPHONE_SYSTEM too.
NETWORKS: dict[str, Callable[..., Network]] = {"voipstudio": SimulatedNetwork, "sip": SipNetwork}
