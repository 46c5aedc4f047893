"""A host in small: models with phone numbers."""

from importlib import import_module

from django.apps import AppConfig


class TestAppConfig(AppConfig):
    """Loads the Celery application as a host's project package would, so that shared tasks find their broker."""

    name = "tests.testapp"
    label = "testapp"

    def ready(self) -> None:
        import_module("tests.celery_app")

        from django_voipcti import phonebook
        from tests.testapp.models import Contact

        phonebook.register(
            Contact,
            numbers=["phone", "mobile"],
            label="name",
            company="company.name",
            url="get_absolute_url",
            owner="owner",
        )
