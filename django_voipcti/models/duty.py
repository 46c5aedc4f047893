"""Missed calls as work: one row for each conversation that nobody answered, until somebody talked to the caller."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..enums import Direction
from .call import Call, CallQuerySet
from .line import seen_lines

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["MissedCall", "MissedCallQuerySet"]


class MissedCallQuerySet(models.QuerySet["MissedCall"]):
    """Many-row rules of missed calls."""

    def open(self) -> "MissedCallQuerySet":
        """Those whose caller still waits for a call."""
        return self.filter(closed_at=None)

    def late(self, now: datetime) -> "MissedCallQuerySet":
        """Open ones past their deadline."""
        return self.open().filter(due_at__lte=now)

    def of_user(self, user: "AnyUser") -> "MissedCallQuerySet":
        """Conversations that rang at one of the user's own lines."""
        return self.rang_among(Call.objects.of_user(user))

    def visible_to(self, user: "AnyUser") -> "MissedCallQuerySet":
        """Conversations that rang at one of the lines that ``user`` may see."""
        seen = seen_lines(user)
        return self.rang_among(Call.objects.filter(seen)) if seen else self.all()

    def rang_among(self, calls: CallQuerySet) -> "MissedCallQuerySet":
        """Conversations that one of ``calls`` belongs to."""
        legs = calls.filter(provider=models.OuterRef("provider"), conversation_id=models.OuterRef("conversation_id"))
        return self.filter(models.Exists(legs))

    def tick_off(self, user: "AnyUser", now: datetime) -> int:
        """Close what is open among these without a call; return how many that were. One statement."""
        return self.open().update(closed_at=now, closed_by=user.pk)


class MissedCall(models.Model):
    """A duty to call back. Opened and closed by :mod:`django_voipcti.duties`; a person may tick it off.

    Who called stands on ``call``, not here: when that call is linked to a record later, the duty is too.
    """

    provider = models.CharField(gettext_lazy("provider"), max_length=50)
    conversation_id = models.CharField(gettext_lazy("conversation"), max_length=190)
    call = models.ForeignKey(
        Call, verbose_name=gettext_lazy("call"), on_delete=models.CASCADE, related_name="missed_calls"
    )
    missed_at = models.DateTimeField(gettext_lazy("missed"))
    due_at = models.DateTimeField(gettext_lazy("call back until"), null=True)
    late_told_at = models.DateTimeField(gettext_lazy("reported as late"), null=True)
    closed_at = models.DateTimeField(gettext_lazy("done"), null=True)
    closed_by_call = models.ForeignKey(
        Call, verbose_name=gettext_lazy("conversation since"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=gettext_lazy("done by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )

    objects = MissedCallQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("missed call")
        verbose_name_plural = gettext_lazy("missed calls")
        ordering = ("-missed_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("provider", "conversation_id"), name="voipcti_missed_conversation_unique"),
        )
        indexes = (
            models.Index(fields=("-missed_at", "-id"), name="voipcti_missed_at"),
            # What is done stays in the table, and soon is most of it.
            models.Index(fields=("-missed_at", "-id"), condition=models.Q(closed_at=None), name="voipcti_missed_open"),
            models.Index(fields=("due_at",), condition=models.Q(closed_at=None), name="voipcti_missed_due"),
        )

    def __str__(self) -> str:
        return str(self.call)

    @property
    def waited(self) -> timedelta | None:
        """How long the caller waited for a conversation; None while he waits."""
        return self.closed_at - self.missed_at if self.closed_at else None

    def is_late(self, now: datetime) -> bool:
        """Whether the caller still waits although the deadline has passed."""
        return self.closed_at is None and self.due_at is not None and self.due_at <= now

    @property
    def outcome(self) -> str:
        """Who did what after how long, as a sentence; empty while it is open."""
        if self.closed_at is None:
            return ""
        who = self.closed_by.get_full_name() or self.closed_by.get_username() if self.closed_by else ""
        facts = {"who": who or _("somebody"), "time": timesince(self.missed_at, self.closed_at)}
        if self.closed_by_call is None:
            return _("ticked off by %(who)s after %(time)s") % facts
        if self.closed_by_call.direction == Direction.OUTBOUND:
            return _("called back by %(who)s after %(time)s") % facts
        return _("called again after %(time)s, answered by %(who)s") % facts
