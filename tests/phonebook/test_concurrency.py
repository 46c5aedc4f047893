"""Several transactions at once leave the index as it should be."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections, transaction

from django_voipcti import phonebook
from django_voipcti.models import PhonebookEntry
from django_voipcti.phonebook import reindex
from django_voipcti.phonebook.registry import registry
from tests.testapp.models import Person, PersonNumber

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=False),
    pytest.mark.usefixtures("germany"),
    pytest.mark.database_matrix,
]


def at_once(*tasks: Callable[[], None]) -> None:
    """Run every task in a thread with a connection of its own, all from the same moment."""
    barrier, errors = Barrier(len(tasks)), []

    def run(task: Callable[[], None]) -> None:
        try:
            barrier.wait(10)
            task()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


def drift() -> list[Any]:
    registration = registry.get(Person)
    assert registration is not None
    return [finding for step in reindex.check(registration) for finding in step.findings]


def test_numbers_added_to_one_record_at_the_same_time_are_all_found(register: Any) -> None:
    register(Person, numbers=["further_numbers__value"], label="name")
    for attempt in range(10):
        person = Person.objects.create(name=f"P{attempt}")

        def add(index: int, person: Person = person) -> None:
            with transaction.atomic():
                PersonNumber.objects.create(person=person, value=f"089 10000{index}")

        at_once(*(lambda index=index: add(index) for index in range(3)))  # type: ignore[misc]
        assert PhonebookEntry.objects.filter(object_id=str(person.pk)).count() == 3
    assert drift() == []


def test_the_same_record_saved_twice_at_the_same_time_has_one_set_of_rows(register: Any) -> None:
    register(Person, numbers=["phone"], label="name")
    person = Person.objects.create(name="Eve", phone="089 111111")

    def save(phone: str) -> None:
        with transaction.atomic():
            Person(pk=person.pk, name="Eve", phone=phone).save()

    for _attempt in range(10):
        at_once(lambda: save("089 222222"), lambda: save("089 333333"))
        assert drift() == []
        assert PhonebookEntry.objects.filter(object_id=str(person.pk)).count() == 1


def test_a_reindex_beside_saves_leaves_the_index_in_order(register: Any) -> None:
    register(Person, numbers=["phone"], label="name")
    people = Person.objects.bulk_create([Person(name=f"P{i}", phone=f"089 1000{i:02}") for i in range(60)])
    registration = registry.get(Person)
    assert registration is not None

    def rebuild() -> None:
        for _step in reindex.rebuild(registration, batch=5):
            pass

    def save() -> None:
        for person in people:
            person.phone = person.phone.replace("089", "030")
            person.save()

    at_once(rebuild, save)
    rebuild()
    assert drift() == []
    assert len(phonebook.lookup("+4930100059")) == 1
