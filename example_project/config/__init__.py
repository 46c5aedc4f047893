"""The example CRM's project package: settings, addresses and the applications that servers start."""

from .celery import app as celery_app

__all__ = ["celery_app"]
