"""The test project's Celery application: a real broker (the session's Valkey), never eager."""

from celery import Celery

app = Celery("tests")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
