"""The action that changes what a user wants of his pages."""

from typing import Any

from django.core.exceptions import ValidationError

from .. import presenters, realtime
from ..exceptions import CommandRefused
from ..models import UserPreferences
from .page import Data, Page, in_thread

__all__ = ["PreferenceActions"]

#: What a page calls the fields of :class:`~django_voipcti.models.UserPreferences`.
PREFERENCES = {
    "popOn": "pop_on",
    "ringTone": "ring_tone",
    "notifications": "notifications",
    "openRecord": "open_record",
    "doNotDisturb": "do_not_disturb",
}


class PreferenceActions(Page):
    """Preferences are of the user, not of the page."""

    async def _do_preferences(self, **choices: Any) -> Data:
        """Keep what the user chose, and tell his other pages."""
        preferences = await in_thread(self._choose, choices)
        return {"preferences": presenters.present_preferences(preferences)}

    def _choose(self, choices: Data) -> UserPreferences:
        named = {PREFERENCES[name]: value for name, value in choices.items()}
        try:
            preferences = UserPreferences.objects.change(self.user.pk, **named)
        except ValidationError as error:
            raise CommandRefused(" ".join(error.messages), code="invalid_argument") from None
        realtime.tell_preferences(preferences)
        return preferences
