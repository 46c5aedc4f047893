"""How many lines one WebSocket watches, at what price: a real Kamailio, one connection of the bridge's.

    python -m benchmarks.watching                 2,000 lines; needs kamailio

Seconds are from the first frame to the moment at which the last line is watched. Memory is the most that Python holds
on the way, for each line (of the connection and the SIP core, without models). Challenges are the server's own count.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from example_project.demo.pbx.server import PbxServer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What it took."""

    lines: int
    seconds: float
    bytes_a_line: float
    sockets: int
    challenges: int


class Line:
    """What a session does, as far as a connection asks for it."""

    def __init__(self, number: int, count: "Count") -> None:
        self.line = number
        self._count = count

    def ready(self) -> None:
        self._count.up()

    def logged_in(self) -> None:
        """Nobody is told."""

    def subscribed(self, uri: str) -> None:
        """Nobody is told."""

    def lost(self, sentence: str, *, fatal: bool) -> None:
        raise SystemExit(sentence)

    def refused(self, uri: str, sentence: str) -> None:
        raise SystemExit(sentence)

    def notified(self, uri: str, body: bytes, *, subscription: str, late: bool) -> bool:
        return False


class Count:
    """Done when so many lines are watched."""

    def __init__(self, wanted: int) -> None:
        self._missing = wanted
        self.done = asyncio.Event()

    def up(self) -> None:
        self._missing -= 1
        if not self._missing:
            self.done.set()


async def watch(server: "PbxServer", lines: int, *, first: int, deadline: float) -> float:
    """Watch lines until all are active, then give them back; return the seconds that it took."""
    from django_voipcti.bridge.backoff import Retries
    from django_voipcti.bridge.connection import SipConnection
    from django_voipcti.providers.base import SipProfile
    from django_voipcti.redaction import Secret

    options = server.provider_options

    def profile(number: int) -> SipProfile:
        return SipProfile(
            url=options["url"],
            domain=options["domain"],
            username=options["cti_user"],
            password=Secret(options["cti_password"]),
            watch=(f"sip:{number}@{options['domain']}",),
        )

    async def room() -> None:
        """Nothing is written, so there always is some."""

    count = Count(lines)
    connection = SipConnection(profile(first), room=room, gate=asyncio.Semaphore(1), retries=Retries())
    for number in range(first, first + lines):
        connection.add(Line(number, count), profile(number))
    begun = time.monotonic()
    connection.start()
    try:
        async with asyncio.timeout(deadline):
            await count.done.wait()
        return time.monotonic() - begun
    finally:
        await connection.stop()


def measure(server: "PbxServer", lines: int, *, deadline: float = 120.0) -> Figures:
    """Watch so many lines twice, for the time and for the memory."""
    before = _counted(server)
    seconds = asyncio.run(watch(server, lines, first=100_000, deadline=deadline))
    sockets, challenges = (now - then for now, then in zip(_counted(server), before, strict=True))
    tracemalloc.start()
    try:
        asyncio.run(watch(server, lines, first=200_000, deadline=deadline))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Figures(lines=lines, seconds=seconds, bytes_a_line=peak / lines, sockets=sockets, challenges=challenges)


def _counted(server: "PbxServer") -> tuple[int, int]:
    """WebSockets accepted, and challenges sent, since the server began."""
    answer = server.rpc("stats.get_statistics", "websocket:", "sl:")
    counts = dict(line.split(" = ") for line in answer)
    return int(counts["websocket:ws_successful_handshakes"]), int(counts["sl:407_replies"])


def main() -> None:
    """Measure and print."""
    import django

    django.setup()
    from tests.peers.lab import Lab

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="voipcti-benchmark-") as folder, Lab(Path(folder)) as lab:
        figures = measure(lab.server, arguments.lines)
    sys.stdout.write(
        f"{figures.lines} lines watched in {figures.seconds:.1f} s: {figures.sockets} WebSocket, "
        f"{figures.challenges} challenge, {figures.bytes_a_line / 1000:.1f} kB of memory a line\n"
    )


if __name__ == "__main__":
    main()
