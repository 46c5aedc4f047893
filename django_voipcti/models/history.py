"""How far the provider's history has been read, line by line."""

from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["HistoryProgress"]


class HistoryProgress(models.Model):
    """Where an import of a line's history stands, so that the next one goes on there."""

    line = models.OneToOneField("django_voipcti.Line", on_delete=models.CASCADE, related_name="+")
    done_until = models.DateTimeField(_("read up to"))
    calls = models.PositiveBigIntegerField(_("calls read"), default=0)
    updated_at = models.DateTimeField(_("as of"), auto_now=True)

    class Meta:
        verbose_name = _("history progress")
        verbose_name_plural = _("history progress")

    def __str__(self) -> str:
        return f"{self.line_id}: {self.calls}"
