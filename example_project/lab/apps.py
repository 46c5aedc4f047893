"""The phone lab."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    """Has no models: the phones live outside of Django."""

    name = "lab"
