"""``manage.py voipcti_simulator`` as a process of its own."""

import json
import re
import sys
from io import StringIO

import httpx2
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

COMMAND = [sys.executable, "-m", "django", "voipcti_simulator", "--port", "0"]


def test_it_says_where_it_is_and_stops_cleanly(start_process, receiver_url, tmp_path):
    log = tmp_path / "simulator.log"
    process = start_process(
        [*COMMAND, "--sip-port", "0", "--webhook", receiver_url, "--time-scale", "0.01"],
        ready=lambda: re.search(r"^READY .*\n", log.read_text(), re.MULTILINE),
        log_path=log,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    addresses = json.loads(re.search(r"^READY (.*)$", process.output, re.MULTILINE)[1])
    assert set(addresses) == {"rest", "sip", "control"}
    state = httpx2.get(addresses["control"] + "/state").json()
    assert state["users"][0]["email"] == "ana@example.test"
    assert state["time_scale"] == 0.01
    process.stop()
    assert process.returncode == 0
    assert "Simulator stopped." in process.output
    assert "Traceback" not in process.output


@pytest.fixture
def receiver_url(free_port):
    return f"http://127.0.0.1:{free_port}/"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_scale": 0}, "above zero"),
        ({"scenario": "/nowhere/account.json"}, "cannot be read"),
        ({"certificate": "/nowhere/certificate.pem"}, "cannot start"),
        ({"host": "192.0.2.1"}, "cannot start"),
    ],
)
def test_mistakes_are_told_in_one_sentence(options, message):
    with pytest.raises(CommandError, match=message):
        call_command("voipcti_simulator", port=0, stdout=StringIO(), **options)
