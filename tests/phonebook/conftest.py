"""The index as tests look at it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import models

from django_voipcti.models import PhonebookEntry


@pytest.fixture
def germany(settings: Any) -> None:
    """Let national numbers be German ones."""
    settings.VOIPCTI = {**settings.VOIPCTI, "DEFAULT_REGION": "DE"}


@pytest.fixture
def entries() -> Callable[[models.Model], list[str]]:
    """Return a function that gives the E.164 numbers (or digits) of a record's rows, sorted."""

    def of(instance: models.Model) -> list[str]:
        rows = PhonebookEntry.objects.filter(object_id=str(instance.pk))
        return sorted(row.e164 or row.national or row.text for row in rows)

    return of
