"""The lab itself: what later tests rely on."""

import pytest

from tests.conftest import require_tool
from tests.peers.lab import Lab, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def lab_and_phones(tmp_path_factory):
    for tool in ("kamailio", "baresip", "sipp"):
        require_tool(tool)
    with running(tmp_path_factory.mktemp("lab"), {"1001": "manual", "1002": "auto"}) as started:
        yield started


def test_phones_call_each_other(lab_and_phones):
    _lab, phones = lab_and_phones
    phones["1001"].dial("1002")
    eventually(lambda: phones["1001"].is_talking and phones["1002"].is_talking)
    phones["1001"].hang_up()
    eventually(lambda: not phones["1002"].is_talking)


def test_a_caller_from_outside_rings_a_phone_and_hangs_up(lab_and_phones):
    lab, phones = lab_and_phones
    caller = lab.caller("call", "1001", milliseconds=200)
    eventually(lambda: phones["1001"].is_ringing)
    phones["1001"].answer()
    caller.finish()
    eventually(lambda: not phones["1001"].is_talking)


def test_a_phone_reaches_the_outside(lab_and_phones):
    lab, phones = lab_and_phones
    callee = lab.trunk("answer", milliseconds=100)
    phones["1001"].dial("+442079460000")
    eventually(lambda: phones["1001"].is_talking)
    phones["1001"].hang_up()
    callee.finish()


def test_a_caller_gives_up_and_one_is_declined(lab_and_phones):
    lab, phones = lab_and_phones
    lab.caller("cancel", "1001", milliseconds=200).finish()
    caller = lab.caller("refused-486", "1001")
    eventually(lambda: phones["1001"].is_ringing)
    phones["1001"].hang_up()
    caller.finish()


def test_the_server_comes_back_after_a_crash(tmp_path):
    require_tool("kamailio")
    with Lab(tmp_path) as lab:
        lab.stop_server()
        lab.start_server()
        assert lab.server.rpc("core.uptime")["uptime"] >= 0
