"""Which bridge processes run, and which lines each one holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .line import Line

__all__ = ["BridgeInstance", "LineLease"]


class BridgeInstance(models.Model):
    """A running (or past) bridge process and its heartbeat."""

    name = models.CharField(_("name"), max_length=120, unique=True, help_text=_("Host, process id and start."))
    started_at = models.DateTimeField(_("started"))
    heartbeat_at = models.DateTimeField(_("last heartbeat"), db_index=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True)
    lines_held = models.PositiveIntegerField(_("lines"), default=0)

    class Meta:
        verbose_name = _("bridge")
        verbose_name_plural = _("bridges")
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return self.name


class LineLeaseQuerySet(models.QuerySet["LineLease"]):
    """Taking, renewing and giving back leases. Each is one statement or one short transaction."""

    def held_by(self, instance: BridgeInstance, now: datetime) -> "LineLeaseQuerySet":
        """Leases of ``instance`` that have not run out."""
        return self.filter(instance=instance, expires_at__gt=now)

    def take(self, line: "Line", instance: BridgeInstance, *, now: datetime, until: datetime) -> bool:
        """Take the lease of ``line`` if it is free or has run out; return whether ``instance`` holds it now."""
        lease, created = self.get_or_create(line=line, defaults={"instance": instance, "expires_at": until})
        if created or lease.instance_id == instance.pk:
            return True
        return bool(self.filter(pk=lease.pk, expires_at__lte=now).update(instance=instance, expires_at=until))

    def take_all(self, lines: Sequence[int], instance: BridgeInstance, *, now: datetime, until: datetime) -> set[int]:
        """Take the leases of many lines (primary keys); return those that ``instance`` got, in three statements."""
        self.bulk_create(
            [LineLease(line_id=pk, instance=instance, expires_at=until) for pk in lines], ignore_conflicts=True
        )
        run_out = self.filter(line_id__in=lines, expires_at__lte=now)
        run_out.update(instance=instance, expires_at=until)
        return set(self.filter(line_id__in=lines, instance=instance).values_list("line_id", flat=True))

    def renew(self, instance: BridgeInstance, *, now: datetime, until: datetime) -> set[int]:
        """Prolong every lease that ``instance`` still holds, and return the primary keys of their lines."""
        self.held_by(instance, now).update(expires_at=until)
        return set(self.held_by(instance, now).values_list("line_id", flat=True))

    def release(self, instance: BridgeInstance) -> int:
        """Give all leases of ``instance`` back, so that another bridge takes over at once."""
        deleted, _details = self.filter(instance=instance).delete()
        return deleted


class LineLease(models.Model):
    """The right of one bridge to hold one line's connection until a point in time.

    A table of its own rather than columns of the line: leases are renewed every few seconds, while the journal locks
    line rows; neither should wait for the other.
    """

    line = models.OneToOneField("django_voipcti.Line", on_delete=models.CASCADE, related_name="lease")
    instance = models.ForeignKey(BridgeInstance, on_delete=models.CASCADE, related_name="leases")
    expires_at = models.DateTimeField(_("expires"), db_index=True)

    objects = LineLeaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("line lease")
        verbose_name_plural = _("line leases")

    def __str__(self) -> str:
        return f"{self.line_id} @ {self.instance_id}"
