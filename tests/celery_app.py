"""The test project's Celery application: a real broker (the session's Valkey), never eager."""

from typing import Any

from celery import Celery
from celery.signals import setup_logging

app = Celery("tests")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def leave_logging_alone(**kwargs: Any) -> None:
    """A worker that a test starts in its own process would take the root logger away from pytest."""
