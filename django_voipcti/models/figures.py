"""The day's roll-up: what the calls of a day amount to, so that a year is the sum of some hundred small rows.

Written by :mod:`django_voipcti.calllog.rollup`, read by :mod:`django_voipcti.calllog.report`. Nothing in it tells of a
caller, so it may outlive the calls. Days and hours are those of the project's ``TIME_ZONE``.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo
from hashlib import sha256

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..enums import Outcome
from .line import Line

__all__ = ["HOURS", "STEPS", "CallFigures", "LineFigures", "LineSet", "RolledDay", "RolledDayQuerySet", "own_day"]

#: Seconds within which answers are counted. The service level is a choice among these.
STEPS = (5, 10, 15, 20, 30, 45, 60, 90, 120)

HOURS = range(24)

#: Legs of one conversation start less than this apart, nearly always within seconds.
_APART = timedelta(hours=2)


def own_day(moment: datetime, zone: tzinfo | None = None) -> date:
    """The day of the project's time zone on which a moment falls."""
    return moment.astimezone(zone or timezone.get_default_timezone()).date()


class LineSet(models.Model):
    """Lines to which a conversation belongs: the one that took or placed it, or all at which it rang in vain."""

    key = models.CharField(max_length=64, unique=True)
    lines = models.ManyToManyField(Line, related_name="+")

    def __str__(self) -> str:
        return self.key

    @staticmethod
    def key_of(lines: Iterable[int]) -> str:
        """What makes two sets (primary keys) the same."""
        return sha256(",".join(map(str, sorted(lines))).encode()).hexdigest()


class CallFigures(models.Model):
    """Conversations of one day with one outcome, for one set of lines; without a set: for all lines together.

    Conversations that belong to several lines stand in one row, so any choice of lines counts each once. ``within_N``
    of them were answered in N seconds; ``hour_N`` began in that hour of the day.
    """

    day = models.DateField(_("day"))
    outcome = models.CharField(_("outcome"), max_length=11, choices=Outcome.choices)
    audience = models.ForeignKey(LineSet, verbose_name=_("lines"), on_delete=models.CASCADE, null=True, db_index=False)
    calls = models.PositiveIntegerField(_("calls"))
    waited_ms = models.BigIntegerField(_("waiting time in milliseconds"))

    class Meta:
        verbose_name = _("call figures")
        verbose_name_plural = _("call dashboard")
        constraints = (
            models.UniqueConstraint(fields=("audience", "day", "outcome"), name="voipcti_figures_unique"),
            models.UniqueConstraint(
                fields=("day", "outcome"), condition=models.Q(audience=None), name="voipcti_figures_all_unique"
            ),
        )
        indexes = (models.Index(fields=("day",), name="voipcti_figures_day"),)

    def __str__(self) -> str:
        return f"{self.day} {self.outcome}: {self.calls}"


for _step in STEPS:
    CallFigures.add_to_class(f"within_{_step}", models.PositiveIntegerField(default=0))
for _hour in HOURS:
    CallFigures.add_to_class(f"hour_{_hour}", models.PositiveIntegerField(default=0))


class LineFigures(models.Model):
    """What one line did on one day, leg by leg: of two colleagues who talked to one caller in turn, both did."""

    day = models.DateField(_("day"))
    line = models.ForeignKey(Line, verbose_name=_("line"), on_delete=models.CASCADE, related_name="+", db_index=False)
    taken = models.PositiveIntegerField(_("inbound calls that were taken"), default=0)
    elsewhere = models.PositiveIntegerField(_("inbound calls that a colleague took"), default=0)
    placed = models.PositiveIntegerField(_("outbound calls"), default=0)
    internal = models.PositiveIntegerField(_("calls with colleagues"), default=0)
    rang_ms = models.BigIntegerField(_("ringing until it was taken, in milliseconds"), default=0)
    talked = models.PositiveIntegerField(_("calls with somebody outside who was talked to"), default=0)
    talk_ms = models.BigIntegerField(_("talk time with people outside in milliseconds"), default=0)

    class Meta:
        verbose_name = _("figures of a line")
        verbose_name_plural = _("figures of lines")
        constraints = (models.UniqueConstraint(fields=("line", "day"), name="voipcti_line_figures_unique"),)
        indexes = (models.Index(fields=("day",), name="voipcti_line_figures_day"),)

    def __str__(self) -> str:
        return f"{self.day} {self.line_id}"


class RolledDayQuerySet(models.QuerySet["RolledDay"]):
    """Which days stand in the roll-up, and which have changed since."""

    def clean(self) -> "RolledDayQuerySet":
        """Days whose roll-up says what the calls say; and those of which it alone is left."""
        zone = timezone.get_default_timezone_name()
        return self.filter(models.Q(dirty=False, zone=zone) | models.Q(closed=True))

    def touch(self, moments: Iterable[datetime], now: datetime) -> None:
        """Calls that began at these moments were written: roll their days up again, if that was done already.

        To be called in the transaction that writes them. Days that cannot be over cost no query: what is written now
        is nearly always about today.
        """
        days = _days_around(moments) - {own_day(now), own_day(now + _APART)}
        if days:
            self.filter(day__in=days, dirty=False).update(dirty=True)

    def close(self, moments: Iterable[datetime]) -> None:
        """Calls that began at these moments are deleted: the figures of their days stay as they are for ever."""
        zone = timezone.get_default_timezone()
        days = {own_day(moment, zone) for moment in moments}
        self.filter(day__in=days, rolled_at__isnull=False, closed=False).update(closed=True)


class RolledDay(models.Model):
    """The state of one day's roll-up."""

    day = models.DateField(_("day"), primary_key=True)
    zone = models.CharField(_("time zone"), max_length=64)
    rolled_at = models.DateTimeField(_("rolled up"), null=True)
    dirty = models.BooleanField(_("has changed since"), default=True)
    closed = models.BooleanField(_("its calls are deleted"), default=False)

    objects = RolledDayQuerySet.as_manager()

    class Meta:
        verbose_name = _("day of the roll-up")
        verbose_name_plural = _("days of the roll-up")

    def __str__(self) -> str:
        return str(self.day)


def _days_around(moments: Iterable[datetime]) -> set[date]:
    zone = timezone.get_default_timezone()
    return {own_day(each, zone) for moment in moments for each in (moment - _APART, moment + _APART)}
