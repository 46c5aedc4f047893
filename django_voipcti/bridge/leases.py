"""Which lines this bridge holds: heartbeat, leases, and a fair share among bridges. Synchronous units of work.

A lease is the right to hold a line's connection until a point in time. It is renewed at a third of its length; one
that has run out is free for everybody, which is how the lines of a killed bridge come to another one. A bridge whose
database is away keeps its connections: nobody else can take leases meanwhile, and what it hears waits in its spool.
"""

import json
import logging
import math
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from .. import realtime
from ..conf import app_settings
from ..enums import LineStatus
from ..models import BridgeInstance, Line, LineLease

__all__ = ["HeldLine", "Leases", "Replaced", "Round", "mark_abandoned"]

logger = logging.getLogger(__name__)

#: Lines that one round gives up at most to bridges that have less, so that a newcomer does not disturb all at once.
_MOVED_PER_ROUND = 25

#: How far back the provider's history is asked for calls that nobody saw.
LONGEST_GAP = timedelta(days=7)


class Replaced(Exception):
    """Another process was started with this bridge's name; this one must go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    """A line that this bridge holds, with what its session depends on."""

    pk: int
    provider: str
    fingerprint: str
    """Changes whenever the session must begin anew: credentials, account, options, provider."""
    unseen_since: datetime | None = field(default=None, compare=False)
    """Since when nobody has watched the line; None if there is no gap or it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The result of one round."""

    held: dict[int, HeldLine]
    """Every line that this bridge holds and shall connect, by primary key."""
    surplus: tuple[int, ...] = ()
    """Lines to let go, since others have less."""
    bridges: int = 1
    """Bridges that are alive, this one included."""
    unheld: int = 0
    """Lines that nobody holds, for want of room."""


class Leases:
    """This bridge's row and its leases."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started_at = timezone.now()
        self._instance: BridgeInstance | None = None
        self._unseen_since: datetime | None = None

    @property
    def instance(self) -> BridgeInstance:
        if self._instance is None:
            raise RuntimeError("register() comes first")
        return self._instance

    @property
    def seconds(self) -> float:
        """Length of a lease."""
        return app_settings.lease_seconds

    def register(self) -> BridgeInstance:
        """Write this bridge down. A name that was used before is taken over, with the leases that its bridge held."""
        self.started_at = timezone.now()
        earlier = BridgeInstance.objects.filter(name=self.name).values_list("heartbeat_at", flat=True).first()
        self._unseen_since = earlier
        self._instance, _created = BridgeInstance.objects.update_or_create(
            name=self.name,
            defaults={"started_at": self.started_at, "heartbeat_at": self.started_at, "stopped_at": None},
        )
        return self._instance

    def round(self, *, busy: Collection[int] = ()) -> Round:
        """Beat, renew, take what is free up to the fair share, and name what is above it.

        Args:
            busy: lines with live calls or commands, which are not moved to another bridge.

        Raises:
            Replaced: somebody else beats under this name.
        """
        now = timezone.now()
        until = now + timedelta(seconds=self.seconds)
        self._beat(now)
        leases = LineLease.objects.all()
        mine = leases.renew(self.instance, now=now, until=until)
        known = Line.objects.enabled().filter(provider__in=app_settings.providers).select_related("via")
        known = known.defer("secrets", "via__secrets")
        lines = {line.pk: line for line in known}
        bridges = max(self._alive(now), 1)
        share = min(math.ceil(len(lines) / bridges), app_settings.max_lines_per_bridge)
        held = mine & lines.keys()
        # The leases of an earlier process of this name, which did not end in good order.
        gaps: dict[int, datetime | None] = dict.fromkeys(held, self._unseen_since)
        self._unseen_since = None
        free = self._free(lines.values(), now)
        wanted = list(free)[: max(share - len(held), 0)]
        if wanted:
            got = leases.take_all(wanted, self.instance, now=now, until=until)
            gaps |= {pk: free[pk] for pk in got}
            held |= got
            logger.info("took %d lines", len(got), extra={"action": "bridge.lease.taken"})
        surplus = self._surplus(held, share, busy) if bridges > 1 else ()
        BridgeInstance.objects.filter(pk=self.instance.pk).update(lines_held=len(held))
        return Round(
            held={pk: _held(lines[pk], gaps.get(pk)) for pk in sorted(held)},
            surplus=surplus,
            bridges=bridges,
            unheld=len(free.keys() - held),
        )

    def release(self, lines: Collection[int]) -> None:
        """Give the leases of ``lines`` back."""
        LineLease.objects.filter(instance=self.instance, line_id__in=lines).delete()

    def leave(self) -> None:
        """Give everything back: another bridge takes over at its next round."""
        LineLease.objects.release(self.instance)
        BridgeInstance.objects.filter(pk=self.instance.pk, started_at=self.started_at).update(
            stopped_at=timezone.now(), lines_held=0
        )

    def _beat(self, now: datetime) -> None:
        mine = BridgeInstance.objects.filter(pk=self.instance.pk, started_at=self.started_at)
        if not mine.update(heartbeat_at=now, stopped_at=None):
            raise Replaced(self.name)

    def _alive(self, now: datetime) -> int:
        since = now - timedelta(seconds=self.seconds)
        return BridgeInstance.objects.filter(stopped_at__isnull=True, heartbeat_at__gt=since).count()

    def _free(self, lines: Collection[Line], now: datetime) -> dict[int, datetime | None]:
        """Lines without a valid lease, with the time since when nobody has watched them."""
        leases = dict(LineLease.objects.filter(line__in=lines).values_list("line_id", "expires_at"))
        free: dict[int, datetime | None] = {}
        for line in lines:
            expires_at = leases.get(line.pk)
            if expires_at is None:
                # Given back in good order: the line has been without a bridge since its status says so.
                free[line.pk] = line.status_at if line.status == LineStatus.LOGGED_OUT else None
            elif expires_at <= now:
                free[line.pk] = expires_at - timedelta(seconds=self.seconds)
        return {pk: since if since is None else max(since, now - LONGEST_GAP) for pk, since in free.items()}

    def _surplus(self, held: Collection[int], share: int, busy: Collection[int]) -> tuple[int, ...]:
        too_many = len(held) - share
        idle = [pk for pk in sorted(held) if pk not in busy]
        return tuple(idle[: max(min(too_many, _MOVED_PER_ROUND), 0)])


def mark_abandoned() -> int:
    """Tell pages about lines that look connected although no bridge has held them for a while; return how many."""
    now = timezone.now()
    held = LineLease.objects.filter(expires_at__gt=now - timedelta(seconds=app_settings.lease_seconds))
    connected = Line.objects.filter(status__in=(LineStatus.READY, LineStatus.LOGGED_IN))
    abandoned = list(connected.exclude(pk__in=held.values("line")))
    for line in abandoned:
        if line.set_status(LineStatus.LOGGED_OUT, _("No bridge holds this line. Ask your administrator to start one.")):
            realtime.publish_line_status(line)
    return len(abandoned)


def _held(line: Line, unseen_since: datetime | None) -> HeldLine:
    login = line.via or line
    facts = [line.provider, line.account, line.extension, login.account, login.credentials_version, line.options]
    return HeldLine(
        pk=line.pk, provider=line.provider, fingerprint=json.dumps(facts, sort_keys=True), unseen_since=unseen_since
    )
