"""Whatever a host does to its records through the ORM, one after the other, the index says what the records say."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_voipcti.models import PhonebookEntry
from django_voipcti.phonebook import reindex
from django_voipcti.phonebook.registry import registry
from tests.testapp.models import Group, Person, PersonNumber, VipPerson

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("germany")]

TEXTS = ["089 123456", "+49 89 123457", "0171 1234567 / 0172 7654321", "101", "hello", "", "sip:a@example.org"]


class Host:
    """Some records, and everything that may happen to them. Numbers choose among what there is."""

    def __init__(self) -> None:
        for model in (PersonNumber, Person, Group):
            model.objects.all().delete()

    def some(self, model: Any, number: int) -> Any:
        rows = model.objects.order_by("pk")
        count = rows.count()
        return rows[number % count] if count else None

    def create_person(self, first: int, second: int, text: str) -> None:
        kind = VipPerson if second % 3 == 0 else Person
        kind.objects.create(name=f"P{first}", phone=text, numbers=[text], spouse=self.some(Person, second))

    def edit_person(self, first: int, second: int, text: str) -> None:
        if person := self.some(Person, first):
            person.phone = text
            person.save(update_fields=["phone"] if second % 2 else None)

    def edit_numbers(self, first: int, second: int, text: str) -> None:
        if person := self.some(Person, first):
            person.numbers = [text, {"work": [text]}]
            person.save()

    def archive(self, first: int, second: int, text: str) -> None:
        if person := self.some(Person, first):
            person.archived = not person.archived
            person.save()

    def marry(self, first: int, second: int, text: str) -> None:
        if person := self.some(Person, first):
            person.spouse = self.some(Person, second) if second % 4 else None
            person.save()

    def delete_person(self, first: int, second: int, text: str) -> None:
        if person := self.some(Person, first):
            person.delete()

    def delete_people(self, first: int, second: int, text: str) -> None:
        Person.objects.filter(phone=text).delete()

    def create_group(self, first: int, second: int, text: str) -> None:
        Group.objects.create(phone=text)

    def edit_group(self, first: int, second: int, text: str) -> None:
        if group := self.some(Group, first):
            group.phone = text
            group.save()

    def delete_group(self, first: int, second: int, text: str) -> None:
        if group := self.some(Group, first):
            group.delete()

    def join(self, first: int, second: int, text: str) -> None:
        person, group = self.some(Person, first), self.some(Group, second)
        if person and group:
            if first % 2:
                person.groups.add(group)
            else:
                group.people.add(person)

    def leave(self, first: int, second: int, text: str) -> None:
        person, group = self.some(Person, first), self.some(Group, second)
        if person and group:
            actions: list[Callable[[], None]] = [
                lambda: person.groups.remove(group),
                lambda: group.people.remove(person),
                person.groups.clear,
                group.people.clear,
                lambda: person.groups.set([group]),
                lambda: group.people.set([person]),
            ]
            actions[second % len(actions)]()

    def add_number(self, first: int, second: int, text: str) -> None:
        if person := self.some(Person, first):
            PersonNumber.objects.create(person=person, value=text)

    def move_number(self, first: int, second: int, text: str) -> None:
        number, person = self.some(PersonNumber, first), self.some(Person, second)
        if number and person:
            number.person, number.value = person, text
            number.save()

    def delete_number(self, first: int, second: int, text: str) -> None:
        if number := self.some(PersonNumber, first):
            number.delete()


ACTIONS = sorted(name for name in vars(Host) if not name.startswith("_") and name != "some")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 11), st.integers(0, 11), st.sampled_from(TEXTS)),
        min_size=1,
        max_size=25,
    )
)
def test_the_index_keeps_up(register: Any, steps: list[tuple[str, int, int, str]]) -> None:
    if registry.get(Person) is None:
        register(
            Person,
            numbers=["phone", "numbers", "spouse__phone", "groups__phone", "further_numbers__value"],
            label="name",
            searchable=lambda people: people.filter(archived=False),
        )
    host = Host()
    for name, first, second, text in steps:
        getattr(host, name)(first, second, text)
    registration = registry.of(Person)
    drift = [finding for step in reindex.check(registration) for finding in step.findings if finding.is_drift]
    assert drift == []
    rows = PhonebookEntry.objects.exclude(kind="short").count()
    list(reindex.rebuild(registration))
    assert PhonebookEntry.objects.exclude(kind="short").count() == rows
