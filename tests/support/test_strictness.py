"""What CI relies on: a skip is a failure there, and a terminated session takes its servers with it."""

import os
import signal
import subprocess

import pytest

from tests.support.processes import ROOT, python

SUITE = """
import pytest
from tests.conftest import *

def test_needs_a_program():
    require_tool("no-such-program")
"""


def run_suite(folder, source, **env):
    """Run a suite of one module that shares our conftest, without Django, in a process of its own."""
    (folder / "test_inner.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:django -p no:cacheprovider\n")
    (folder / "conftest.py").write_text("from tests.conftest import *\nfrom tests.conftest import pytest_configure\n")
    return subprocess.run(
        python("-m", "pytest", "-rA", str(folder)),
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.settings", **env},
    )


def test_a_missing_program_skips_the_test_at_home(tmp_path):
    result = run_suite(tmp_path, SUITE, VOIPCTI_REQUIRE_ALL="0")
    assert "1 skipped" in result.stdout, result.stdout
    assert result.returncode == pytest.ExitCode.OK


def test_a_missing_program_fails_the_test_in_ci(tmp_path):
    result = run_suite(tmp_path, SUITE, VOIPCTI_REQUIRE_ALL="1")
    assert "nothing may be skipped here" in result.stdout
    assert "no-such-program is not installed" in result.stdout
    assert result.returncode == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_skips_itself_fails_in_ci(tmp_path):
    module = 'import pytest\npytest.skip("not today", allow_module_level=True)\n'
    result = run_suite(tmp_path, module, VOIPCTI_REQUIRE_ALL="1")
    assert "nothing may be skipped here" in result.stdout
    assert result.returncode != pytest.ExitCode.OK


def test_a_terminated_session_ends_its_servers(tmp_path, start_process, eventually):
    (tmp_path / "test_inner.py").write_text(
        "import signal\n\ndef test_hangs(valkey):\n    print(f'serving {valkey}.', flush=True)\n    signal.pause()\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:django -p no:cacheprovider -s\n")
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\nfrom tests.conftest import pytest_configure\n")
    session = start_process(
        python("-m", "pytest", str(tmp_path)),
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    address = eventually(lambda: "serving" in session.output and session.output.split("serving ")[1].split(".\n")[0])
    port = int(address.rsplit(":", 1)[1].split("/")[0])
    session.send_signal(signal.SIGTERM)
    assert session.wait() == pytest.ExitCode.INTERRUPTED

    from tests.support.processes import answers

    assert not answers(port)()
