"""Registering models of the test app for one test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import models

from django_voipcti import phonebook
from django_voipcti.models import Line, PhonebookEntry
from django_voipcti.phonebook import receivers
from django_voipcti.phonebook.registry import registry


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    """Return `phonebook.register`, undone after the test; what the test host registers is out of the way meanwhile."""
    hosts_own = [registration for registration in registry if registration.model is not Line]
    for registration in hosts_own:
        phonebook.unregister(registration.model)
    yield phonebook.register
    for registration in list(registry):
        if registration.model is not Line:
            phonebook.unregister(registration.model)
    for registration in hosts_own:
        receivers.connect(registry.put(registration))


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
