"""The two commands: `demo` starts and stops everything, `smoke` makes two calls through it."""

import os
import re
import signal
import socket
import subprocess

import pytest

from tests.support.demo import RunningDemo, environment, manage

NAMES = {"valkey", "simulator", "bridge", "worker", "web"}


def group_is_alive(pid):
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def start(folder, *arguments):
    """Start the demo with its data in `folder`, and wait until it gives up."""
    return subprocess.run(
        manage("demo", *arguments), env=environment(folder), capture_output=True, text=True, timeout=60, check=False
    )


def test_smoke_makes_both_calls_in_the_order_of_the_contract(tmp_path):
    done = subprocess.run(
        manage("smoke"), env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    inbound, _, outbound = done.stdout.partition("Outbound:")
    event = re.compile(r"^\s+\d+ ms\s+([A-Z_]+)\s.*\d+ ms$", re.MULTILINE)
    assert event.findall(inbound) == ["RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP"]
    assert event.findall(outbound) == [
        *("INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP"),
    ]
    assert "Both calls went as they should." in outbound


def test_ctrl_c_stops_everything_and_leaves_nothing(tmp_path):
    with RunningDemo(tmp_path) as demo:
        assert set(demo.pids) == NAMES
        assert all(group_is_alive(pid) for pid in demo.pids.values())
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(60) == 0
        assert [name for name, pid in demo.pids.items() if group_is_alive(pid)] == []
        assert not (tmp_path / "demo.json").exists()
        assert demo.process.output.endswith("Stopped. Nothing is left running.\n")


def test_a_process_that_dies_is_named_and_takes_the_others_along(tmp_path):
    with RunningDemo(tmp_path) as demo:
        os.kill(demo.pids["worker"], signal.SIGKILL)
        assert demo.process.wait(60) == 1
        assert "worker was killed by SIGKILL." in demo.process.output
        assert f"{tmp_path}/logs/worker.log" in demo.process.output
        assert [name for name, pid in demo.pids.items() if group_is_alive(pid)] == []


def test_a_port_that_is_taken_is_refused_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = start(tmp_path, "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} is taken. Choose another with --port." in done.stderr
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("port", ["65536", "-1"])
def test_a_port_that_does_not_exist_is_refused_in_a_sentence(tmp_path, port):
    done = start(tmp_path, "--port", port)
    assert done.returncode == 1
    assert f"There is no port {port}." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_demo_leaves_the_first_one_and_its_data_alone(demo):
    done = start(demo.folder, "--port", "0")
    assert done.returncode == 1
    assert f"A demo is running with the data in {demo.folder}. Stop that one first." in done.stderr
    assert (demo.folder / "demo.json").exists()


def test_it_welcomes_with_address_and_logins(demo):
    output = demo.process.output
    assert f"Larkspur is open:  {demo.web}" in output
    for name in ("ana", "ben", "chris", "password for all three: demo", f"{demo.web}/lab/"):
        assert name in output


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_process_has_a_log_and_a_group_of_its_own(demo, name):
    assert (demo.folder / "logs" / f"{name}.log").exists()
    assert os.getpgid(demo.pids[name]) == demo.pids[name]
