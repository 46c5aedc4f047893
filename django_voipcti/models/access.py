"""Who has seen what of the call log: pages that were opened, lists that were exported, recordings that were played."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .call import Call

__all__ = ["AccessKind", "CallAccess"]


class AccessKind(models.TextChoices):
    """What somebody did with what is kept of calls."""

    VIEWED = "viewed", _("opened the page of a call")
    EXPORTED = "exported", _("exported calls")
    PLAYED = "played", _("played a recording")


class CallAccess(models.Model):
    """One look at calls. Written by :mod:`django_voipcti.calllog.access`, never changed, purged by age.

    Outlives the call (then it tells only that somebody looked at one) and the user, whose name it keeps.
    """

    at = models.DateTimeField(_("when"), db_index=True)
    kind = models.CharField(_("what"), max_length=8, choices=AccessKind.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    user_name = models.CharField(_("user name"), max_length=190, help_text=_("As it was then."))
    call = models.ForeignKey(
        Call, verbose_name=_("call"), on_delete=models.SET_NULL, null=True, related_name="accesses"
    )
    calls = models.PositiveIntegerField(_("number of calls"), default=1)
    detail = models.CharField(_("detail"), max_length=300, blank=True, help_text=_("Without complete numbers."))

    class Meta:
        verbose_name = _("access to calls")
        verbose_name_plural = _("access log")
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.user_name}: {self.get_kind_display()}"
