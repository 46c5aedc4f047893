"""The CRM. Registering its contacts with the telephone takes three lines."""

from django.apps import AppConfig


class CrmConfig(AppConfig):
    """Companies, contacts, deals and notes."""

    name = "crm"
    verbose_name = "CRM"

    def ready(self) -> None:
        from django_voipcti import phonebook

        from .models import Contact

        phonebook.register(
            Contact,
            numbers=["phone", "mobile"],
            label="name",
            company="company.name",
            url="get_absolute_url",
            owner="owner",
        )
