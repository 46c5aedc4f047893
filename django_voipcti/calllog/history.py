"""The provider's history as call records: what an outage missed, what was before us, and recordings.

A line's time is read in windows, oldest first. What a window brings goes through the journal like every other witness,
so a call that was seen live stays one row; the end of each window is noted, and a run that broke off goes on there.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asgiref.sync import async_to_sync, sync_to_async

from .. import journal
from ..events import CallUpdate
from ..exceptions import ProviderUnavailable
from ..models import Call, HistoryProgress, Line
from ..providers import UnknownProvider
from ..providers.base import Account, BaseProvider

__all__ = ["AHEAD", "OVERLAP", "Step", "importable", "read_line", "resume_point"]

logger = logging.getLogger(__name__)

#: Updates that go to the journal at once.
BATCH = 200
_WINDOW = timedelta(days=1)
#: A call is listed under the time at which it began, and only once it has ended: so far back a new run begins.
OVERLAP = timedelta(hours=4)
#: So far beyond now a run reads: the provider's clock may be ahead of ours.
AHEAD = timedelta(minutes=1)
#: A recording is listed under a later time than its call.
_RECORDING_DELAY = timedelta(hours=1)
#: Seconds before another try when the provider is away; then the run gives up.
_PAUSES = (1.0, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one window brought."""

    until: datetime
    """Everything before this has been read."""
    calls: int
    recordings: int
    seconds: float


def importable(lines: Iterable[Line]) -> list[Line]:
    """Those of ``lines`` whose provider can be asked: it keeps a history, and the line is logged in."""
    found = []
    for line in lines:
        try:
            if line.enabled and line.secrets and line.backend.supports_history:
                found.append(line)
        except UnknownProvider:
            logger.warning("line %s: its provider is not configured", line.pk, extra={"action": "history.provider"})
    return found


def resume_point(line: Line, since: datetime) -> datetime:
    """Where to go on: ``since``, or where the last run came to if that is later, with some overlap."""
    done = HistoryProgress.objects.filter(line=line).first()
    return max(since, done.done_until - OVERLAP) if done else since


def read_line(
    line: Line, *, since: datetime, until: datetime, batch: int = BATCH, report: Callable[[Step], None] | None = None
) -> None:
    """Bring the calls of ``line`` that began in ``since <= t < until`` into the record.

    Args:
        batch: updates per transaction.
        report: called after each window.

    Raises:
        ProviderError: the provider refused, or stayed away. What was read until then is kept.
    """
    async_to_sync(_read)(line, since, until, batch, report)


async def _read(
    line: Line, since: datetime, until: datetime, batch: int, report: Callable[[Step], None] | None
) -> None:
    provider = line.backend
    account = line.as_account()
    try:
        start = since
        while start < until:
            end = min(start + _WINDOW, until)
            step = await _patiently(_Window(provider, account, start, end, batch))
            await sync_to_async(_note)(line, step)
            if report is not None:
                report(step)
            start = end
    finally:
        await provider.aclose()


async def _patiently(window: "_Window") -> Step:
    """Read a window, again if the provider was away; it brings the same calls again, which changes nothing."""
    for pause in _PAUSES:
        try:
            return await window.read()
        except ProviderUnavailable as error:
            await asyncio.sleep(pause if error.retry_after is None else min(error.retry_after, 60.0))
    return await window.read()


@dataclass(slots=True)
class _Window:
    provider: BaseProvider
    account: Account
    since: datetime
    until: datetime
    batch: int

    async def read(self) -> Step:
        began = time.monotonic()
        calls = recordings = 0
        page: list[CallUpdate] = []
        async for update in self.provider.history(self.account, since=self.since, until=self.until):
            page.append(update)
            if len(page) >= self.batch:
                calls += await self._record(page)
        calls += await self._record(page)
        late = self.until + _RECORDING_DELAY
        async for update in self.provider.recordings(self.account, since=self.since, until=late):
            page.append(update)
            if len(page) >= self.batch:
                recordings += await self._link(page)
        recordings += await self._link(page)
        return Step(until=self.until, calls=calls, recordings=recordings, seconds=time.monotonic() - began)

    async def _record(self, page: list[CallUpdate]) -> int:
        updates = tuple(page)
        page.clear()
        # Pages show what happens now; what is over for a while would fill them with old calls.
        await sync_to_async(journal.record)(updates, tell_pages=False)
        return len(updates)

    async def _link(self, page: list[CallUpdate]) -> int:
        updates = tuple(page)
        page.clear()
        known = await sync_to_async(_known)(self.account.line, updates)
        await sync_to_async(journal.record)(known, tell_pages=False)
        return len(known)


def _known(line: int, updates: Sequence[CallUpdate]) -> list[CallUpdate]:
    """Those about calls that we have: a recording alone makes no call."""
    named = {update.external_id for update in updates}
    stored = set(Call.objects.filter(line=line, external_id__in=named).values_list("external_id", flat=True))
    return [update for update in updates if update.external_id in stored]


def _note(line: Line, step: Step) -> None:
    done, _created = HistoryProgress.objects.get_or_create(line=line, defaults={"done_until": step.until})
    done.done_until = step.until
    done.calls += step.calls
    done.save()
