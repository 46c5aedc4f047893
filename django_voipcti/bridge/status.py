"""How lines stand with their providers: stored with the line, told to its user's pages, in the order of events."""

import asyncio
import logging
from collections import deque
from copy import copy
from dataclasses import dataclass
from functools import partial

from django.db import transaction

from .. import realtime
from ..enums import LineStatus
from ..models import Line
from .database import Database

__all__ = ["LineState", "StatusBoard"]

logger = logging.getLogger(__name__)

#: Changes of one line that wait for the database; of more, the oldest are of no use to anybody.
_PER_LINE = 4


@dataclass(frozen=True, slots=True)
class LineState:
    """A status and the sentence that goes with it."""

    status: LineStatus
    text: str = ""


class StatusBoard:
    """Takes statuses from sessions at any pace and writes them one after the other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now: dict[int, LineState] = {}
        self._waiting: dict[int, deque[LineState]] = {}
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def set(self, line: int, status: LineStatus, text: str = "") -> None:
        """Note how ``line`` (primary key) stands now."""
        state = LineState(status, text)
        if self._now.get(line) == state:
            return
        self._now[line] = state
        logger.info("line %s is %s: %s", line, status, text or "-", extra={"action": "bridge.line_status"})
        self._waiting.setdefault(line, deque(maxlen=_PER_LINE)).append(state)
        self._idle.clear()
        self._changed.set()

    def get(self, line: int) -> LineState | None:
        """How ``line`` stands, as last noted by this bridge."""
        return self._now.get(line)

    def forget(self, line: int) -> None:
        """The line is no longer ours."""
        self._now.pop(line, None)

    def count(self, status: LineStatus) -> int:
        """How many lines of this bridge have ``status``."""
        return sum(state.status == status for state in self._now.values())

    async def run(self) -> None:
        """Write what was noted, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            waiting, self._waiting = self._waiting, {}
            changes = [(line, state) for line, states in waiting.items() for state in states]
            await self._database.insist(_store, changes)
            if not self._waiting:
                self._idle.set()

    async def written(self) -> None:
        """Return when everything noted so far is written."""
        await self._idle.wait()


def _store(changes: list[tuple[int, LineState]]) -> None:
    """Write ``changes`` in one transaction: a thousand lines of a stopping bridge would else cost as many commits."""
    with transaction.atomic():
        lines = Line.objects.in_bulk({pk for pk, _state in changes})
        for pk, state in changes:
            line = lines.get(pk)
            if line is not None and line.set_status(state.status, state.text):
                # A copy, since the next change of the same line may follow before the commit.
                transaction.on_commit(partial(realtime.publish_line_status, copy(line)))
