"""What became of a call on its way to the screens: who was told, which pages got it, and what they showed."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..enums import CallState
from .call import Call

__all__ = ["CallTrace", "PageOutcome", "TraceStep"]


class TraceStep(models.TextChoices):
    """A stage of the way."""

    TOLD = "told", _("handed to the channel layer")
    LOST = "lost", _("not taken by the channel layer")
    DELIVERED = "delivered", _("sent to a page")
    SHOWN = "shown", _("acknowledged by a page")


class PageOutcome(models.TextChoices):
    """What a page did with a call. The panel works it out; a page of the host's own may say it too."""

    SHOWN = "shown", _("it was shown")
    FOLDED = "folded", _("it was added to the panel, which stayed folded")
    SILENT = "silent", _("it was added to the folded panel, as the rule says")
    DO_NOT_DISTURB = "do_not_disturb", _("it stayed in the background: the user does not want to be disturbed")
    ON_ANSWER = "on_answer", _("it stayed in the background: the user wants to see calls when they are answered")
    PUT_AWAY = "put_away", _("it stayed away: the user had dismissed the call")
    NOTHING = "nothing", _("nothing was shown")


class CallTrace(models.Model):
    """One step. Written by :mod:`django_voipcti.trace`, for which no pop waits; goes with the call or before it."""

    call = models.ForeignKey(Call, verbose_name=_("call"), on_delete=models.CASCADE, related_name="traces")
    step = models.CharField(_("step"), max_length=9, choices=TraceStep.choices)
    at = models.DateTimeField(_("when"), db_index=True)
    event = models.CharField(_("event"), max_length=9, choices=CallState.choices, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    socket = models.CharField(_("connection"), max_length=16, blank=True)
    facts = models.JSONField(_("facts"), default=dict)

    class Meta:
        verbose_name = _("way of a call to the screen")
        verbose_name_plural = _("ways of calls to the screen")
        ordering = ("at", "id")

    def __str__(self) -> str:
        return f"{self.get_step_display()} #{self.call_id}"
