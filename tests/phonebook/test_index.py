"""The index follows the records, however they are changed."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import phonebook
from django_voipcti.models import PhonebookEntry
from tests.testapp.models import Company, Contact, Customer, Group, Person, PersonNumber, VipPerson

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("germany"), pytest.mark.database_matrix]


def test_a_saved_record_is_found(register: Any, entries: Any) -> None:
    register(Contact, numbers=["phone", "mobile"], label="name")
    anna = Contact.objects.create(name="Anna", phone="089 123456", mobile="0171/1234567")
    assert entries(anna) == ["+491711234567", "+4989123456"]
    row = PhonebookEntry.objects.get(e164="+4989123456")
    assert (row.label, row.text, row.national, row.reversed, row.kind) == (
        "Anna",
        "089 123456",
        "89123456",
        "6543219894",
        "valid",
    )


def test_a_changed_number_replaces_the_old_one(register: Any, entries: Any) -> None:
    register(Contact, numbers=["phone", "mobile"], label="name")
    anna = Contact.objects.create(name="Anna", phone="089 123456", mobile="0171/1234567")
    anna.phone, anna.mobile = "", "0171 7654321"
    anna.save()
    assert entries(anna) == ["+491717654321"]


def test_a_deleted_record_leaves_nothing_behind(register: Any) -> None:
    register(Contact, numbers=["phone"])
    Contact.objects.create(name="Anna", phone="089 123456")
    Contact.objects.all().delete()
    assert not PhonebookEntry.objects.exists()


@pytest.mark.parametrize("change", [{}, {"phone": "030 1234567"}, {"phone": "", "mobile": "030 1234567"}])
def test_a_save_costs_two_queries_at_most(
    register: Any, change: dict[str, str], django_capture_on_commit_callbacks: Any
) -> None:
    register(
        Contact,
        numbers=["phone", "mobile"],
        label="name",
        url="get_absolute_url",
        owner="owner",
        searchable=lambda queryset: queryset.exclude(name="archived"),
    )
    anna = Contact.objects.create(name="Anna", phone="089 123456")
    for name, value in change.items():
        setattr(anna, name, value)
    with CaptureQueriesContext(connection) as queries, django_capture_on_commit_callbacks(execute=True):
        anna.save()
    of_the_host = [query for query in queries if "testapp_contact" in query["sql"].partition("WHERE")[0]]
    assert len(queries) - len(of_the_host) <= 2


def test_a_record_that_stops_being_searchable_is_taken_out(register: Any, entries: Any) -> None:
    register(Person, numbers=["phone"], searchable=lambda queryset: queryset.filter(archived=False))
    eve = Person.objects.create(name="Eve", phone="089 123456")
    assert entries(eve) == ["+4989123456"]
    eve.archived = True
    eve.save()
    assert entries(eve) == []
    eve.archived = False
    eve.save()
    assert entries(eve) == ["+4989123456"]


def test_json_lists_related_tables_many_to_many_and_other_records_all_count(register: Any, entries: Any) -> None:
    register(Person, numbers=["numbers", "further_numbers__value", "groups__phone", "spouse__phone"], label="name")
    adam = Person.objects.create(name="Adam", phone="089 111111")
    eve = Person.objects.create(name="Eve", numbers=["089 222222", {"work": "089 333333"}], spouse=adam)
    PersonNumber.objects.create(person=eve, value="089 444444")
    group = Group.objects.create(phone="089 555555")
    eve.groups.add(group)
    assert entries(eve) == ["+4989111111", "+4989222222", "+4989333333", "+4989444444", "+4989555555"]


def test_records_on_the_way_of_a_path_keep_the_index_too(register: Any, entries: Any) -> None:
    register(
        Person,
        numbers=["further_numbers__value", "groups__phone", "spouse__phone"],
        label="name",
        company="spouse.name",
    )
    adam = Person.objects.create(name="Adam", phone="089 111111")
    eve = Person.objects.create(name="Eve", spouse=adam)
    lilith = Person.objects.create(name="Lilith")
    number = PersonNumber.objects.create(person=eve, value="089 444444")
    group = Group.objects.create(phone="089 555555")
    group.people.add(eve)

    adam.phone = "089 999999"
    adam.save()
    group.phone = "089 888888"
    group.save()
    number.person = lilith
    number.save()
    assert entries(eve) == ["+4989888888", "+4989999999"]
    assert entries(lilith) == ["+4989444444"]

    group.people.clear()
    number.delete()
    adam.delete()
    assert entries(eve) == []
    assert entries(lilith) == []


def test_subclasses_and_proxies_count_as_the_registered_model(register: Any, entries: Any) -> None:
    register(Person, numbers=["phone"], label="name")
    vip = VipPerson.objects.create(name="Vip", phone="089 123456")
    assert [match.model for match in phonebook.lookup("+4989123456")] == ["testapp.person"]
    vip.delete()
    assert entries(vip) == []


def test_phone_number_fields_and_uuid_keys(register: Any) -> None:
    register(Customer, numbers=["phone"], label="name")
    customer = Customer.objects.create(name="C", phone="089 123456 ext. 12")
    (match,) = phonebook.lookup("+4989123456")
    assert match.instance() == customer


def test_bulk_operations_are_told_by_hand(register: Any, entries: Any) -> None:
    register(Contact, numbers=["phone"], label="name")
    made = Contact.objects.bulk_create([Contact(name=f"C{i}", phone=f"089 10000{i}") for i in range(5)])
    assert not PhonebookEntry.objects.exists()
    assert phonebook.refresh(made).added == 5
    Contact.objects.filter(name="C0").update(phone="")
    changes = phonebook.refresh(Contact.objects.all())
    assert (changes.added, changes.removed) == (0, 1)
    pks = [contact.pk for contact in made]
    Contact.objects.filter(pk__in=pks)._raw_delete("default")
    assert phonebook.remove(Contact, pks) == 4


def test_a_function_that_fails_does_not_fail_the_save(register: Any, caplog: pytest.LogCaptureFixture) -> None:
    def label(contact: Contact) -> str:
        raise ValueError("no label for 089123456")

    register(Contact, numbers=["phone"], label=label)
    Contact.objects.create(name="Anna", phone="089 123456")
    assert not PhonebookEntry.objects.exists()
    assert "123456" not in caplog.text
    assert "testapp.Contact" in caplog.text


def test_a_renamed_company_is_renamed_in_the_index(register: Any) -> None:
    register(Contact, numbers=["phone", "company__phone"], label="name", company="company.name")
    acme = Company.objects.create(name="Acme", phone="089 777777")
    Contact.objects.create(name="Anna", phone="089 123456", company=acme)
    acme.name = "Acme Ltd"
    acme.save()
    assert {match.company for match in phonebook.lookup("+4989123456")} == {"Acme Ltd"}
    assert [match.label for match in phonebook.lookup("+4989777777")] == ["Anna"]
