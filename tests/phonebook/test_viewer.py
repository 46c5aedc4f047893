"""What a user may see is remembered for a short time, and no longer."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import phonebook
from tests.testapp.models import Contact

pytestmark = pytest.mark.django_db

NUMBER = "+442079460123"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create_user("ana")


@pytest.fixture
def matches() -> list[phonebook.Match]:
    for name in ("Grace", "Ada"):
        Contact.objects.create(name=name, phone=NUMBER)
    return phonebook.lookup(NUMBER)


def permit(user: Any, codename: str) -> None:
    user.user_permissions.add(Permission.objects.get(codename=codename))


def test_djangos_permissions_are_asked_once_for_all_records_of_a_model(user: Any, matches: Any, clock: Clock) -> None:
    viewer = phonebook.Viewer(user, clock=clock)
    assert not viewer.knows(matches)
    assert not viewer.may_view(matches[0])
    assert viewer.knows(matches)
    with CaptureQueriesContext(connection) as queries:
        assert not viewer.may_view(matches[1])
    assert len(queries) == 0


def test_what_was_given_or_taken_away_counts_after_a_while(user: Any, matches: Any, clock: Clock) -> None:
    viewer = phonebook.Viewer(user, clock=clock)
    assert not viewer.may_view(matches[0])
    assert not viewer.may_add("testapp.contact")
    permit(user, "view_contact")
    permit(user, "add_contact")
    clock.now += 20
    assert not viewer.may_view(matches[0])
    clock.now += 7
    assert not viewer.knows(matches)  # in time: nobody may be surprised by a query
    clock.now += 4
    assert viewer.may_view(matches[0])
    assert viewer.may_add("testapp.contact")
    assert viewer.user == user
    user.delete()
    clock.now += 31
    assert not viewer.may_view(matches[0])
    assert not viewer.user.is_authenticated


def test_a_host_that_decides_by_record_is_asked_about_each(
    user: Any, matches: Any, clock: Clock, settings: Any
) -> None:
    asked = []

    def permission(user: Any, match: phonebook.Match) -> bool:
        asked.append(match.label)
        return match.label == "Ada"

    settings.VOIPCTI = {**settings.VOIPCTI, "MATCH_PERMISSION": permission}
    viewer = phonebook.Viewer(user, clock=clock)
    seen = {match.label: viewer.may_view(match) for _time in range(2) for match in matches}
    assert seen == {"Ada": True, "Grace": False}
    assert sorted(asked) == ["Ada", "Grace"]


def test_a_match_survives_the_trip_through_the_channel_layer(user: Any) -> None:
    Contact.objects.create(name="Grace", phone=NUMBER, owner=user)
    (match,) = phonebook.lookup(NUMBER)
    assert match.owner_id == user.pk
    assert phonebook.Match.unpacked(match.packed()) == match
    assert all(isinstance(value, str | int) for value in match.packed())
