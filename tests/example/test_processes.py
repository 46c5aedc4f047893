"""Children of the demo: they are ready when they say so, their end is told in words, and stopping leaves nothing."""

import os
import signal
import sys
import threading
from queue import SimpleQueue

import pytest

from example_project.demo.processes import Child, ChildFailed
from tests.support.waiting import eventually

#: Says "up", then waits; ends politely on SIGTERM with code 0.
POLITE = (
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up', flush=True); signal.pause()"
)
#: Does not care about SIGTERM.
STUBBORN = POLITE.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
#: Has a child of its own that does not care either, and dies alone.
PARENT = (
    "import subprocess, sys, signal;"
    f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]);"
    "print(child.pid, flush=True); signal.pause()"
)


@pytest.fixture
def child(tmp_path):
    """Return `child(code, ...)`: a started child that runs this Python code."""
    started = []

    def make(code, **facts):
        made = Child(name="tester", command=[sys.executable, "-c", code], log=tmp_path / "tester.log", **facts)
        made.start({"ADDED": "by the test"}, tmp_path)
        started.append(made)
        return made

    yield make
    for made in started:
        made.grace = 0
        made.stop()


def said(child):
    return child.log.read_text().split()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_has_a_group_of_its_own_and_the_environment_it_needs(child, tmp_path):
    made = child("import os; print(os.getpgrp() == os.getpid(), os.environ['ADDED'], os.getcwd())")
    made.wait_until_done(threading.Event())
    assert said(made) == ["True", "by", "the", "test", str(tmp_path)]


def test_it_is_ready_when_it_answers(child):
    made = child(POLITE)
    made.ready = lambda: said(made) == ["up"]
    made.wait_until_ready(threading.Event())
    assert made.is_running


def test_an_end_before_it_is_ready_is_told_with_its_last_words(child):
    made = child("print('cannot find my keys'); raise SystemExit(3)", ready=lambda: False)
    with pytest.raises(ChildFailed, match=r"(?s)tester ended with exit code 3\..*cannot find my keys"):
        made.wait_until_ready(threading.Event())


def test_one_that_never_gets_ready_is_given_up(child):
    made = child(POLITE, ready=lambda: False, ready_within=0.2)
    with pytest.raises(ChildFailed, match=r"tester did not get ready within 0\.2 s"):
        made.wait_until_ready(threading.Event())


def test_waiting_ends_when_the_demo_is_being_stopped(child):
    stopping = threading.Event()
    stopping.set()
    child(POLITE, ready=lambda: False).wait_until_ready(stopping)


def test_a_step_that_fails_is_told(child):
    with pytest.raises(ChildFailed, match="exit code 2"):
        child("raise SystemExit(2)").wait_until_done(threading.Event())


def test_its_end_is_reported(child):
    ended = SimpleQueue()
    made = child(POLITE)
    made.report_end(ended)
    made.process.send_signal(signal.SIGKILL)
    assert ended.get(timeout=10) is made
    assert "was killed by SIGKILL" in made.obituary()


def test_a_polite_one_ends_by_itself(child):
    made = child(POLITE)
    eventually(lambda: said(made) == ["up"])
    made.stop()
    assert made.process.returncode == 0


def test_a_stubborn_one_is_killed_after_its_grace(child):
    made = child(STUBBORN, grace=0.1)
    eventually(lambda: said(made) == ["up"])
    made.stop()
    assert made.process.returncode == -signal.SIGKILL


def test_what_it_has_started_ends_with_it(child):
    made = child(PARENT)
    eventually(lambda: len(said(made)) == 2)
    grandchild = int(next(word for word in said(made) if word.isdecimal()))
    made.stop()
    eventually(lambda: not is_alive(grandchild))
    assert not made.is_running


def test_one_that_was_never_started_needs_no_stopping(tmp_path):
    Child(name="tester", command=["true"], log=tmp_path / "log").stop()
