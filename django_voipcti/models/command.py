"""Commands: what users asked of calls. The row is the command; messages between processes are only nudges."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..enums import CommandAction, CommandState

__all__ = ["CallCommand", "CallCommandQuerySet"]


class CallCommandQuerySet(models.QuerySet["CallCommand"]):
    """Compare-and-set moves of commands. Each returns whether (or which) rows this caller moved, nobody else."""

    def pending(self, now: datetime) -> "CallCommandQuerySet":
        """Commands that wait for a bridge and may still be carried out."""
        return self.filter(state=CommandState.PENDING, expires_at__gt=now)

    def overdue(self, now: datetime) -> "CallCommandQuerySet":
        """Commands that no bridge claimed in time."""
        return self.filter(state=CommandState.PENDING, expires_at__lte=now)

    def overriding(self, code: str = "") -> "CallCommandQuerySet":
        """Commands that were given although something spoke against the call: anything, or one concern."""
        if not code:
            return self.exclude(overridden=[])
        # SQLite has no "contains" for JSON; codes are words, so the text of one never stands within another's quotes.
        text = models.functions.Cast("overridden", models.TextField())
        return self.exclude(overridden=[]).alias(_overridden=text).filter(_overridden__contains=f'"{code}"')

    def claim(self, pk: int, *, by: str, now: datetime) -> bool:
        """Claim one command for the bridge named ``by``; True for exactly one caller, and never past its expiry."""
        moved = self.pending(now).filter(pk=pk).update(state=CommandState.CLAIMED, claimed_by=by, claimed_at=now)
        return bool(moved)

    def expire(self, pk: int, *, now: datetime) -> bool:
        """Give one overdue command up; True for exactly one caller, and never for one that was claimed."""
        return bool(self.overdue(now).filter(pk=pk).update(state=CommandState.EXPIRED, finished_at=now))

    def finish(self, pk: int, *, state: CommandState, now: datetime, message: str = "") -> bool:
        """Write the outcome of a claimed command, once."""
        claimed = self.filter(pk=pk, state=CommandState.CLAIMED)
        return bool(claimed.update(state=state, finished_at=now, message=message[:500]))


class CallCommand(models.Model):
    """One action that a user asked of one call, who asked, who carried it out and what came of it."""

    call = models.ForeignKey("django_voipcti.Call", on_delete=models.CASCADE, related_name="commands")
    line = models.ForeignKey("django_voipcti.Line", on_delete=models.CASCADE, related_name="commands")
    action = models.CharField(_("action"), max_length=10, choices=CommandAction.choices)
    arguments = models.JSONField(_("arguments"), default=dict)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    state = models.CharField(
        _("state"), max_length=10, choices=CommandState.choices, default=CommandState.PENDING, db_index=True
    )
    created_at = models.DateTimeField(_("requested"))
    expires_at = models.DateTimeField(_("expires"))
    claimed_by = models.CharField(_("claimed by"), max_length=120, blank=True)
    claimed_at = models.DateTimeField(_("claimed"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    message = models.CharField(_("outcome"), max_length=500, blank=True)
    overridden = models.JSONField(
        _("overridden concerns"), default=list, blank=True, help_text=_("What spoke against the call, by its codes.")
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True, help_text=_("Why it was called nevertheless."))

    objects = CallCommandQuerySet.as_manager()

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        ordering = ("id",)
        indexes = (
            models.Index(
                fields=("line", "id"),
                condition=models.Q(state=CommandState.PENDING),
                name="voipcti_command_pending",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_action_display()} #{self.pk}"
