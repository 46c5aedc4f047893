"""The bridge process: named tasks, watched; lines taken up and let go; an orderly end.

A core task that ends, for whatever reason, ends the process with exit code 1 and its name in the log: a bridge that
has lost a part looks alive and is not. A line that fails is the business of its session. The first SIGTERM or SIGINT
drains; the handlers that were there before are put back at once, so the second one kills.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Collection, Coroutine, Iterator
from typing import Any

from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import realtime
from ..conf import app_settings
from ..enums import LineStatus
from ..providers import providers
from ..providers.base import BaseProvider
from .database import Database, is_away
from .hub import ConnectionHub
from .leases import HeldLine, Leases, Round
from .nudges import listen
from .pump import CommandPump
from .session import LineSession, stopped
from .status import StatusBoard
from .writer import JournalWriter, WriterState

__all__ = ["EXIT_FAILED", "EXIT_STOPPED", "EXIT_UNFINISHED", "Supervisor", "default_name"]

logger = logging.getLogger(__name__)

#: Stopped as asked, everything written.
EXIT_STOPPED = 0
#: A core task ended, or another process took over this bridge's name.
EXIT_FAILED = 1
#: Stopped as asked, but commands or call updates were left when the drain time was over.
EXIT_UNFINISHED = 3

#: Seconds for what comes after the drain: statuses, the last batch, the leases.
_CLOSING_SECONDS = 10.0
#: Seconds for threads that wait for a database.
_THREAD_SECONDS = 2.0
#: Seconds between two lease rounds at least, however often other processes nudge.
_SHORTEST_ROUND = 0.25


def default_name() -> str:
    """Host, process id and start: unique among all bridges."""
    return f"{socket.gethostname()}-{os.getpid()}-{timezone.now():%Y%m%dT%H%M%S}"


class Supervisor:
    """Runs one bridge.

    Args:
        name: of this bridge; at most 120 characters. A bridge that is started again under its name goes on with its
            lines at once.
        drain_seconds: how long commands under way may take to finish after the first signal.
        say: told what happens, a sentence at a time.
    """

    def __init__(self, *, name: str, drain_seconds: float = 10.0, say: Callable[[str], None] = logger.info) -> None:
        self.name = name
        self._drain_seconds = drain_seconds
        self._say = say
        self._leases = Leases(name)
        self._providers: dict[str, BaseProvider] = {}
        self._sessions: dict[int, LineSession] = {}
        self._stop = asyncio.Event()
        self._look = asyncio.Event()
        self._last_line = ""

    def stop(self) -> None:
        """Begin the orderly end. To be called in the event loop."""
        self._stop.set()

    async def run(self) -> int:
        """Run until stopped; return the exit code."""
        loop = asyncio.get_running_loop()
        realtime.bind_loop(loop)
        self._database = Database()

        def on_writer(state: WriterState) -> None:
            loop.call_soon_threadsafe(self._on_writer, state)

        self._writer = JournalWriter(spool_limit=app_settings.spool_limit, on_change=on_writer)
        self._board = StatusBoard(self._database)
        self._hub = ConnectionHub(room=self._writer.room)
        self._pump = CommandPump(name=self.name, database=self._database, writer=self._writer, sessions=self._sessions)
        try:
            with _stop_signals(loop, self._on_signal):
                self._writer.start()
                await self._database.insist(self._leases.register)
                self._say(_("bridge %(name)s runs") % {"name": self.name})
                return await self._watch()
        finally:
            realtime.bind_loop(None)

    # --- core tasks -----------------------------------------------------------------------------------------------

    async def _watch(self) -> int:
        """Run the core tasks until the stop, or until one of them ends."""
        tasks = {
            self._core_task("statuses", self._board.run()),
            self._core_task("lines", self._keep_lines()),
            self._core_task("commands", self._pump.run()),
            self._core_task("nudges", listen(self._on_nudge)),
            self._core_task("journal", self._writer_lives()),
        }
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        dead = [task for task in tasks if task.done()]
        for task in dead:
            error = None if task.cancelled() else task.exception()
            logger.critical(
                "the task %r ended, so the bridge ends: %r",
                task.get_name(),
                error,
                exc_info=error,
                extra={"action": "bridge.core_task_died"},
            )
            self._say(
                _("The part “%(task)s” failed (%(error)r); see the log.") % {"task": task.get_name(), "error": error}
            )
        stop.cancel()
        clean = await self._end({task for task in tasks if not task.done()})
        if dead:
            return EXIT_FAILED
        return EXIT_STOPPED if clean else EXIT_UNFINISHED

    @staticmethod
    def _core_task(name: str, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return asyncio.create_task(work, name=name)

    async def _writer_lives(self) -> None:
        await asyncio.wrap_future(self._writer.finished)

    async def _keep_lines(self) -> None:
        """Renew the leases, and connect what is ours, for ever."""
        interval = min(self._leases.seconds / 3, 5.0)
        while True:
            self._look.clear()
            try:
                busy = self._pump.busy_lines | {pk for pk, s in self._sessions.items() if s.has_live_calls}
                found = await self._database.run(self._leases.round, busy=busy)
            except DatabaseError as error:
                if not is_away(error):
                    raise
                logger.warning("leases are not renewed: %s", error, extra={"action": "bridge.lease.away"})
            else:
                await self._reconcile(found)
                self._say_how_it_stands(found)
            await asyncio.sleep(_SHORTEST_ROUND)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval - _SHORTEST_ROUND):
                    await self._look.wait()

    async def _reconcile(self, found: Round) -> None:
        """Stop the sessions of lines that are gone, changed or to be given away; start those that are missing."""
        wanted = {pk: held for pk, held in found.held.items() if pk not in found.surplus}
        ending = {
            pk: self._why_stop(session, wanted.get(pk))
            for pk, session in self._sessions.items()
            if wanted.get(pk) != session.held or session.failed
        }
        if ending:
            sessions = [(self._sessions.pop(pk), sentence) for pk, sentence in ending.items()]
            await asyncio.gather(*(session.stop(sentence) for session, sentence in sessions))
            gone = [pk for pk in ending if pk not in wanted]
            await self._board.written()
            for pk in gone:
                self._board.forget(pk)
            await self._database.insist(self._leases.release, gone)
        for pk, held in wanted.items():
            if pk not in self._sessions:
                session = LineSession(
                    held,
                    provider=self._provider(held.provider),
                    hub=self._hub,
                    writer=self._writer,
                    board=self._board,
                    database=self._database,
                )
                self._sessions[pk] = session
                session.start()

    def _why_stop(self, session: LineSession, held: HeldLine | None) -> str:
        if session.failed:
            return _("Something went wrong on our side; the line is connected again.")
        if held is None:
            return _("The line was disabled or handed to another bridge.")
        return _("The line was changed; it is connected again.")

    def _provider(self, alias: str) -> BaseProvider:
        """One instance for all lines: the handler would make one for each task."""
        if alias not in self._providers:
            self._providers[alias] = providers[alias]
        return self._providers[alias]

    # --- being told -----------------------------------------------------------------------------------------------

    def _on_nudge(self, line: int) -> None:
        self._pump.wake()
        self._look.set()

    def _on_writer(self, state: WriterState) -> None:
        if state.trouble:
            self._say(
                _("The database is away (%(trouble)s); call updates wait in memory.") % {"trouble": state.trouble}
            )
        else:
            self._say(_("The database is back; what waited is written."))

    def _on_signal(self, number: int) -> None:
        self._say(_("%(signal)s: stopping; once more kills.") % {"signal": signal.Signals(number).name})
        self.stop()

    def _say_how_it_stands(self, found: Round) -> None:
        line = _(
            "lines %(held)d, ready %(ready)d, in error %(errors)d, commands %(commands)d, waiting updates %(waiting)d"
        ) % {
            "held": len(self._sessions),
            "ready": self._board.count(LineStatus.READY),
            "errors": self._board.count(LineStatus.ERROR),
            "commands": self._pump.in_flight,
            "waiting": self._writer.state.waiting,
        }
        if found.unheld:
            line += " " + _("(%(unheld)d lines have no bridge: start one more)") % {"unheld": found.unheld}
        if line != self._last_line:
            self._last_line = line
            self._say(line)

    # --- the end --------------------------------------------------------------------------------------------------

    async def _end(self, running: "set[asyncio.Task[None]]") -> bool:
        """Finish what is under way, let the lines go, write everything down; return whether nothing was left."""
        by_name = {task.get_name(): task for task in running}
        for name in ("lines", "nudges"):
            if name in by_name:
                by_name[name].cancel()
        unfinished = await self._pump.drain(self._drain_seconds)
        if "commands" in by_name:
            by_name["commands"].cancel()
        sessions = list(self._sessions.values())
        self._sessions.clear()
        await asyncio.gather(*(session.stop(stopped()) for session in sessions))
        left = await self._write_down(by_name.keys())
        for task in running:
            if task.get_name() != "journal":
                task.cancel()
        await asyncio.wait(running, timeout=_CLOSING_SECONDS)
        for provider in self._providers.values():
            await provider.aclose()
        self._database.close(_THREAD_SECONDS)
        if unfinished or left:
            self._say(
                _("stopped; %(commands)d commands and %(updates)d call updates were left unfinished")
                % {"commands": unfinished, "updates": left}
            )
            return False
        self._say(_("stopped"))
        return True

    async def _write_down(self, alive: Collection[str]) -> int:
        """Write what waits and give the leases back; return how many updates are left because time is over."""
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                if "statuses" in alive:
                    await self._board.written()
                if "journal" in alive:
                    await self._writer.written()
                await self._database.insist(self._leases.leave)
                await realtime.sent()
        except TimeoutError:
            logger.error("the database does not answer in time", extra={"action": "bridge.unfinished"})
        finally:
            self._writer.stop()
        return self._writer.state.waiting


@contextlib.contextmanager
def _stop_signals(loop: asyncio.AbstractEventLoop, on_signal: Callable[[int], None]) -> Iterator[None]:
    """Call ``on_signal`` at the first SIGTERM or SIGINT; put the previous handlers back then, or at the end."""
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    restored = False

    def restore() -> None:
        nonlocal restored
        if not restored:
            restored = True
            for number, handler in previous.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def first(number: int) -> None:
        restore()
        on_signal(number)

    for number in previous:
        loop.add_signal_handler(number, first, number)
    try:
        yield
    finally:
        restore()
