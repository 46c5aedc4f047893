"""The office: lab, agents and bridge, new for each test, since a server remembers ended calls for some seconds."""

import json
import signal
from contextlib import ExitStack

import pytest

from tests.conftest import require_tool
from tests.peers import settings as lab_settings
from tests.peers.lab import Lab
from tests.peers.office import Agent, Office, make_line
from tests.peers.page import Page
from tests.peers.relay import Relay
from tests.support.processes import Process, django_environment, python
from tests.support.waiting import eventually

#: Seconds that a user's own phone rings for a click.
RING_TIME = 4


def pytest_collection_modifyitems(items):
    """All of this folder needs foreign programs."""
    for item in items:
        if "/peers/" in item.path.as_posix():
            item.add_marker(pytest.mark.peer)


@pytest.fixture
def open_office(transactional_db, tmp_path, settings):
    """Return `open_office({"1001": "manual", "1002": "auto"}, ...)`: everything runs, every line is ready.

    A phone of mode None is not switched on; one of mode "desk" obeys requests from outside its calls, with the keyword
    `desk` for its options. `options` are further OPTIONS of the provider; other keywords are those of `Lab`.
    """
    for tool in ("kamailio", "baresip", "sipp"):
        require_tool(tool)
    with ExitStack() as stack:

        def start(phones, *, options=None, desk=None, **how):
            lab = stack.enter_context(Lab(tmp_path, **how))
            relay = stack.enter_context(Relay(lab.server.ws_port))
            url = f"ws://127.0.0.1:{relay.port}"
            chosen = lab.server.provider_options | {"url": url, "ring_time": RING_TIME} | (options or {})
            settings.VOIPCTI = lab_settings.voipcti(chosen)
            lines = {user: make_line(user) for user in phones}
            pages = {user: stack.enter_context(Page(line.user)) for user, line in lines.items()}
            environment = {
                "DJANGO_SETTINGS_MODULE": "tests.peers.settings",
                "VOIPCTI_TEST_SIP_OPTIONS": json.dumps(chosen),
            }
            bridge = Process(
                python("-m", "django", "voipcti_bridge"),
                log_path=tmp_path / "bridge.log",
                env=django_environment() | environment,
                # Nothing that it holds is needed after the test; an orderly end is tested in tests/bridge.
                stop_signal=signal.SIGKILL,
            )
            stack.enter_context(bridge)
            handsets = {}
            for user, mode in phones.items():
                if mode == "desk":
                    handsets[user] = lab.desk_phone(user, **(desk or {}))
                else:
                    handsets[user] = lab.phone(user, mode=mode) if mode else None
            agents = {user: Agent(lines[user], handsets[user], pages[user]) for user in phones}
            office = Office(lab, agents, relay)

            def is_ready():
                assert office.is_ready(), bridge.output
                return True

            eventually(is_ready, 20, describe="all lines are ready")
            return office

        yield start


@pytest.fixture
def office(open_office):
    """1001 answers by hand, 1002 by itself."""
    return open_office({"1001": "manual", "1002": "auto"})
