"""Nobody matched: forms, records to attach to, earlier calls to link."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import phonebook
from django_voipcti.models import Call, Line
from tests.testapp.models import Company, Contact, Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("germany"), pytest.mark.database_matrix]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def make_calls(line: Line, number: str, count: int, e164: str = "") -> list[int]:
    calls = [
        Call(
            line=line,
            provider=line.provider,
            external_id=f"{number}-{index}",
            conversation_id=f"{number}-{index}",
            direction="INBOUND",
            state="HANGUP",
            state_at=NOON,
            created_at=NOON,
            started_at=NOON,
            other_number=number,
            other_e164=e164,
        )
        for index in range(count)
    ]
    return [call.pk for call in Call.objects.bulk_create(calls)]


def test_forms_for_a_new_record_have_the_number_filled_in(register: Any) -> None:
    register(Contact, numbers=["phone"], create_url="/contacts/new/?from=call")
    register(Company, numbers=["phone"], create_url=lambda number: f"/companies/new/{number}/")
    register(Person, numbers=["phone"])
    links = phonebook.create_links("089 123456")
    assert [(link.label, link.url) for link in links] == [
        ("New contact", "/contacts/new/?from=call&phone=%2B4989123456"),
        ("New company", "/companies/new/+4989123456/"),
    ]


def test_forms_are_offered_to_those_who_may_add(register: Any) -> None:
    register(Contact, numbers=["phone"], create_url="/contacts/new/")
    user = get_user_model().objects.create_user("agent")
    assert phonebook.create_links("089 123456", user) == []
    user.user_permissions.add(Permission.objects.get(codename="add_contact"))
    user = get_user_model().objects.get(pk=user.pk)
    assert [link.model for link in phonebook.create_links("089 123456", user)] == ["testapp.contact"]


def test_records_are_found_as_one_types(register: Any) -> None:
    register(Contact, numbers=["phone"], label="name", search=["name", "company__name"])
    register(Person, numbers=["phone"], label="name", searchable=lambda queryset: queryset.filter(archived=False))
    acme = Company.objects.create(name="Acme")
    Contact.objects.create(name="Anna Smith", company=acme)
    Contact.objects.create(name="Bert Smith")
    Person.objects.create(name="Annabel")
    Person.objects.create(name="Anna Old", archived=True)
    assert [match.label for match in phonebook.suggest("anna")] == ["Anna Smith", "Annabel"]
    assert [match.label for match in phonebook.suggest("smi acm")] == ["Anna Smith"]
    assert phonebook.suggest("a") == []
    assert phonebook.suggest("anna", get_user_model().objects.create_user("stranger")) == []


def test_earlier_calls_of_a_number_are_found_and_linked_in_batches(register: Any) -> None:
    register(Contact, numbers=["phone"], label="name")
    line = Line.objects.create(account="1", region="DE")
    earlier = make_calls(line, "089 123456", 3, "+4989123456")
    make_calls(line, "089 999999", 2, "+4989999999")
    extension = make_calls(line, "4711", 2)
    assert {call.pk for call in phonebook.unlinked_calls("+4989123456")} == set(earlier)
    assert {call.pk for call in phonebook.unlinked_calls("4711")} == set(extension)
    assert list(phonebook.link_batches("+4989123456")) == []
    Contact.objects.create(name="Anna", phone="089 123456")
    (batch,) = phonebook.link_batches("+4989123456")
    assert {(pk, matches[0].label) for pk, matches in batch} == {(pk, "Anna") for pk in earlier}
    (everything,) = phonebook.link_batches()
    assert {pk for pk, _match in everything} == set(earlier)


def test_linking_costs_a_fixed_number_of_queries_a_batch(register: Any) -> None:
    register(Contact, numbers=["phone"], label="name")
    Contact.objects.create(name="Anna", phone="089 123456")
    line = Line.objects.create(account="1", region="DE")
    earlier = make_calls(line, "089 123456", phonebook.BACKFILL + 20, "+4989123456")
    with CaptureQueriesContext(connection) as queries:
        batches = list(phonebook.link_batches())
    assert [len(batch) for batch in batches] == [phonebook.BACKFILL, 20]
    assert [pk for batch in batches for pk, _matches in batch] == sorted(earlier, reverse=True)
    assert len(queries) <= 5
