"""Teams: whose lines and calls somebody sees beside his own."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["Team", "TeamQuerySet"]


class TeamQuerySet(models.QuerySet["Team"]):
    """Many-row rules of teams."""

    def visible_to(self, user: "AnyUser") -> "TeamQuerySet":
        """Teams whose calls ``user`` may see as a whole: those that he leads, or all with the permission to watch."""
        if not user.is_authenticated:
            return self.none()
        if user.has_perm("django_voipcti.watch_lines"):
            return self.all()
        return self.filter(leads=user.pk)


class Team(models.Model):
    """People who answer calls together, and those who lead them. Leads see the lines and calls of the members.

    Members are users, not lines: whoever gets a second line, or another extension, is in the team with it, and the
    line of somebody who left stays behind. A lead is no member unless he is one of these too; what he does is not
    counted among the team's figures, and other leads of the team do not see his calls.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("members"),
        related_name="voipcti_teams",
        blank=True,
        help_text=_("Whose lines belong to the team."),
    )
    leads = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("leads"),
        related_name="voipcti_led_teams",
        blank=True,
        help_text=_("They see the lines and the calls of the members."),
    )

    objects = TeamQuerySet.as_manager()

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
