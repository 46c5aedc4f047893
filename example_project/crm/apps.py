"""The CRM. Registering its people and companies with the telephone takes a few lines."""

from django.apps import AppConfig


class CrmConfig(AppConfig):
    """Companies, contacts, deals and notes."""

    name = "crm"
    verbose_name = "CRM"

    def ready(self) -> None:
        from django_voipcti import phonebook

        from . import blocks  # noqa: F401  registers what the pop says beside the name
        from .models import Company, Contact

        phonebook.register(
            Contact,
            numbers=["phone", "mobile"],
            label="name",
            company="company.name",
            url="get_absolute_url",
            owner="owner",
            create_url="contact-new",
            search=["name", "company__name", "email"],
        )
        # Second, so a person is named before the switchboard that he shares with his firm.
        phonebook.register(Company, numbers=["phone"], label="name", url="get_absolute_url", search=["name", "city"])
