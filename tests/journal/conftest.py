"""Lines, a clock's worth of moments, and a short way to write what a source says."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_voipcti.enums import CallState, Direction, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.models import Line
from django_voipcti.redaction import PhoneNumber


class Beginning:
    """When the calls of the running test began. Recent, since some rules look at what happened lately."""

    moment = timezone.now().replace(microsecond=0) - timedelta(minutes=1)

    @classmethod
    def is_now(cls):
        """Let the next calls begin a minute ago, however long the whole run has taken."""
        cls.moment = timezone.now().replace(microsecond=0) - timedelta(minutes=1)


def at(seconds):
    """The moment `seconds` after the beginning of the tests' calls."""
    return Beginning.moment + timedelta(seconds=seconds)


def said(state, seconds, *, line="601", call="c1", number="+442079460123", **facts):
    """A call update in the shape that a SIP event has."""
    values = {
        "provider": "default",
        "account": line,
        "external_id": call,
        "source": Source.SIP,
        "observed_at": at(seconds),
        "state": CallState[state] if state else None,
        "direction": Direction.INBOUND,
        "other": Party(number=PhoneNumber(number)),
    }
    return CallUpdate(**(values | facts))


@pytest.fixture
def agents(db):
    """Three users with one line each: extensions 601 to 603."""
    Beginning.is_now()
    users = get_user_model().objects
    lines = []
    for number, name in ((601, "ana"), (602, "ben"), (603, "cy")):
        user = users.create_user(name, password="x")
        lines.append(
            Line.objects.create(
                provider="default", account=str(number), extension=str(number), label=name.title(), user=user
            )
        )
    return lines


@pytest.fixture
def line(agents):
    """Ana's line."""
    return agents[0]
