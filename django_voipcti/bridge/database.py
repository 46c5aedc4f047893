"""Database work of the bridge: units of work in threads, with stale connections closed around each."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import ParamSpec, TypeVar

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    close_old_connections,
    connections,
)

from .backoff import Retries

__all__ = ["Database", "is_away"]

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)


def is_away(error: BaseException) -> bool:
    """Whether an exception means that the database cannot be used now, rather than that the data is wrong.

    A missing table or column (``ProgrammingError``) counts: the migration that an upgrade needs is still to run.
    """
    return isinstance(error, OperationalError | ProgrammingError | InterfaceError)


class Database:
    """A few threads for units of work; the event loop never waits for the database."""

    def __init__(self, *, threads: int = 3) -> None:
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="voipcti-db")

    async def run(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``work`` in a thread and return its result; raises what it raises."""

        def unit() -> R:
            close_old_connections()
            try:
                return work(*args, **kwargs)
            except DatabaseError:
                # The connection may be half dead; the next unit of work opens a new one.
                connections.close_all()
                raise
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(self._executor, unit)

    async def insist(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``work``; while the database is away, try again for as long as it takes."""
        retries = Retries(first=0.2, cap=5.0)
        while True:
            try:
                return await self.run(work, *args, **kwargs)
            except DatabaseError as error:
                if not is_away(error):
                    raise
                logger.warning("the database is away: %s", error, extra={"action": "bridge.database.away"})
            await asyncio.sleep(retries.next_delay())

    def close(self, seconds: float) -> None:
        """Close the threads' connections and end the threads; give up on those that still wait after ``seconds``."""
        everybody = threading.Barrier(self._threads, timeout=seconds)

        def close_one() -> None:
            # The barrier makes each thread take exactly one of these.
            with contextlib.suppress(threading.BrokenBarrierError):
                everybody.wait()
            connections.close_all()

        closing = [self._executor.submit(close_one) for _thread in range(self._threads)]
        wait(closing, timeout=seconds)
        self._executor.shutdown(wait=False, cancel_futures=True)
