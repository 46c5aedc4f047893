"""The office: lab, agents and bridge, new for each test, since a server remembers ended calls for some seconds."""

import signal
from contextlib import ExitStack

import pytest

from tests.conftest import require_tool
from tests.peers import settings as lab_settings
from tests.peers.lab import Lab
from tests.peers.office import Agent, Office, make_line, pages_of
from tests.support.processes import Process, django_environment, python
from tests.support.waiting import eventually


def pytest_collection_modifyitems(items):
    """All of this folder needs foreign programs."""
    for item in items:
        if "/peers/" in item.path.as_posix():
            item.add_marker(pytest.mark.peer)


@pytest.fixture
def open_office(transactional_db, tmp_path, settings):
    """Return `open_office({"1001": "manual", "1002": "auto"}, workers=1)`; a phone of mode None is not switched on."""
    for tool in ("kamailio", "baresip", "sipp"):
        require_tool(tool)
    with ExitStack() as stack:

        def start(phones, *, workers=1):
            lab = stack.enter_context(Lab(tmp_path, workers=workers))
            environment = {"VOIPCTI_TEST_SIP_URL": lab.ws_url, "VOIPCTI_TEST_RPC_URL": lab.rpc_url}
            settings.VOIPCTI = lab_settings.voipcti(lab.ws_url, lab.rpc_url)
            lines = {user: make_line(user) for user in phones}
            pages = {user: stack.enter_context(pages_of(line.user_id)) for user, line in lines.items()}
            bridge = Process(
                python("-m", "django", "voipcti_bridge"),
                log_path=tmp_path / "bridge.log",
                env=django_environment() | environment | {"DJANGO_SETTINGS_MODULE": "tests.peers.settings"},
                # Nothing that it holds is needed after the test; an orderly end is tested in tests/bridge.
                stop_signal=signal.SIGKILL,
            )
            stack.enter_context(bridge)
            handsets = {user: lab.phone(user, mode=mode) if mode else None for user, mode in phones.items()}
            office = Office(lab, {user: Agent(lines[user], handsets[user], pages[user]) for user in phones})

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
