"""Staff members, a browser for each, and calls with a past."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

from django_voipcti import journal
from django_voipcti.models import Call
from tests.journal.conftest import agents, line, said  # noqa: F401  fixtures of the journal's tests

LONDON = "+442079460123"


@pytest.fixture
def boss(db):
    """A superuser."""
    return get_user_model().objects.create_superuser("boss", password="x")


@pytest.fixture
def boss_client(client, boss):
    """The superuser's browser."""
    client.force_login(boss)
    return client


@pytest.fixture
def staff(db, client):
    """Return `staff(*codenames)`: log a member of staff with these permissions in, and return him."""

    def make(*codenames):
        user = get_user_model().objects.create_user("staff", password="x", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return user

    return make


@pytest.fixture
def call(line):  # noqa: F811
    """An inbound call that rang 4 s, was talked for 60 s with 10 s on hold, seen by SIP and (its ring) by a webhook."""
    journal.record(
        [
            said("RINGING", 0, number=LONDON, raw={"state": "early", "caller": LONDON}),
            said("RINGING", 0.2, number=LONDON, source="webhook", key="hook-1"),
            said("CONNECTED", 4),
            said("ON_HOLD", 20),
            said("CONNECTED", 30),
            said("HANGUP", 64, cause="Normal Clearing"),
        ]
    )
    return Call.objects.get()


def listed(client, model, **query):
    """The text of a change list."""
    response = client.get(reverse(f"admin:django_voipcti_{model}_changelist"), query)
    assert response.status_code == 200
    return response.content.decode()


def shown(client, instance):
    """The text of an object's page."""
    response = client.get(reverse(f"admin:django_voipcti_{instance._meta.model_name}_change", args=[instance.pk]))
    assert response.status_code == 200
    return response.content.decode()
