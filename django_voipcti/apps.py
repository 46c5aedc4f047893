"""The Django application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class VoipCtiConfig(AppConfig):
    """Registers the system checks, and with the phonebook our own lines and who wants to know of new records.

    Importing the package has no side effects.
    """

    name = "django_voipcti"
    verbose_name = _("Telephony")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import (
            callers,
            checks,  # noqa: F401  registers the system checks
            phonebook,
        )

        phonebook.register_lines()
        phonebook.on_new_rows(callers.records_listed)
