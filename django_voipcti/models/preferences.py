"""How a user wants to be told of calls; kept on the server, so that it holds on every device."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["PopMoment", "UserPreferences", "UserPreferencesManager"]


class PopMoment(models.TextChoices):
    """When a call takes the stage on the user's pages."""

    RING = "ring", _("when it rings")
    ANSWER = "answer", _("when it is answered")


class UserPreferencesManager(models.Manager["UserPreferences"]):
    """Finds preferences, also those of users who never chose any."""

    def of(self, user_id: int) -> "UserPreferences":
        """The preferences of one user; a new, unsaved row with the defaults if there is none."""
        return self.filter(user_id=user_id).first() or self.model(user_id=user_id)

    def change(self, user_id: int, **changes: Any) -> "UserPreferences":
        """Store some of one user's choices. Raises ``ValidationError`` for what cannot be chosen."""
        preferences = self.of(user_id)
        for name, value in changes.items():
            setattr(preferences, name, value)
        preferences.clean_fields(exclude=["user"])
        self.update_or_create(user_id=user_id, defaults=changes)
        return preferences


class UserPreferences(models.Model):
    """One user's choices. What is a matter of one machine (the sound device, the browser's permission) is not here."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    pop_on = models.CharField(_("show calls"), max_length=6, choices=PopMoment.choices, default=PopMoment.RING)
    ring_tone = models.BooleanField(_("ring tone in the browser"), default=False)
    notifications = models.BooleanField(_("desktop notifications"), default=False)
    open_record = models.BooleanField(_("open the record when a call is answered"), default=False)
    do_not_disturb = models.BooleanField(
        _("do not disturb"), default=False, help_text=_("Calls are listed, but do not pop up, ring or notify.")
    )

    objects = UserPreferencesManager()

    class Meta:
        verbose_name = _("user preferences")
        verbose_name_plural = _("user preferences")

    def __str__(self) -> str:
        return str(self.user)
