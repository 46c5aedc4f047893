"""Processes: ready when they answer, loud when they die early, gone with their children when the test ends."""

import os
import signal

import pytest

from tests.support.processes import Process, answers, python
from tests.support.waiting import ConditionNotMetError, eventually


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_is_ready_when_it_answers(start_process, free_port):
    process = start_process(
        python(
            "-c", "import http.server, sys; http.server.test(port=int(sys.argv[1]), bind='127.0.0.1')", str(free_port)
        ),
        ready=answers(free_port),
    )
    assert process.returncode is None


def test_a_program_that_dies_early_shows_its_output(tmp_path):
    process = Process(python("-c", "raise SystemExit('no such line')"), log_path=tmp_path / "log", ready=lambda: False)
    with pytest.raises(ConditionNotMetError, match="no such line"):
        process.start()


def test_a_program_that_never_answers_is_ended(tmp_path):
    process = Process(
        python("-c", "import signal; signal.pause()"),
        log_path=tmp_path / "log",
        ready=lambda: False,
        deadline=0.2,
    )
    with pytest.raises(ConditionNotMetError, match="not true within"):
        process.start()
    assert process.returncode == -signal.SIGTERM


def test_children_end_with_it(tmp_path):
    child = (
        "import signal, subprocess, sys;"
        "print(subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid); signal.pause()"
    )
    with Process(python("-c", child), log_path=tmp_path / "log") as process:
        pid = eventually(lambda: process.output.endswith("\n") and int(process.output))
        assert is_alive(pid)
    eventually(lambda: not is_alive(pid))


def test_a_program_that_ignores_the_polite_signal_is_killed(tmp_path):
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); signal.pause(); signal.pause()"
    )
    process = Process(
        python("-c", stubborn), log_path=tmp_path / "log", ready=lambda: "deaf" in process.output, grace=0.1
    )
    process.start()
    process.stop()
    assert process.returncode == -signal.SIGKILL
