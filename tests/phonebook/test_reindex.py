"""The index can be made again at any time, and proven."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from django_voipcti import phonebook
from django_voipcti.management.commands.voipcti_reindex import progress_line
from django_voipcti.models import Line, PhonebookEntry, ReindexProgress
from django_voipcti.phonebook import reindex
from django_voipcti.phonebook.registry import registry
from tests.testapp.models import Contact, Customer, Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("germany"), pytest.mark.database_matrix]


@pytest.fixture
def contacts(register: Any) -> None:
    register(Contact, numbers=["phone", "mobile"], label="name")
    made = [Contact(name=f"C{index}", phone=f"089 1000{index:02}", mobile="0171/1234567") for index in range(7)]
    Contact.objects.bulk_create(made)


def run(*arguments: str, **options: Any) -> str:
    output = StringIO()
    call_command("voipcti_reindex", *arguments, no_progress=True, stdout=output, no_color=True, **options)
    return output.getvalue()


def rows() -> list[tuple[str, str, int]]:
    return sorted(PhonebookEntry.objects.values_list("object_id", "e164", "fingerprint"))


def test_it_fills_the_index_for_records_that_exist_already(contacts: None) -> None:
    output = run("--batch-size=3")
    assert "testapp.Contact: 14 numbers, 14 rows added, 0 removed" in output
    assert len(phonebook.lookup("+491711234567")) == 7


def test_a_second_run_writes_nothing(contacts: None) -> None:
    run()
    before = list(PhonebookEntry.objects.order_by("pk").values_list("pk", flat=True))
    assert "0 rows added, 0 removed" in run()
    assert list(PhonebookEntry.objects.order_by("pk").values_list("pk", flat=True)) == before


def test_it_makes_what_the_signals_make(contacts: None) -> None:
    for contact in Contact.objects.all():
        contact.save()
    by_signals = rows()
    PhonebookEntry.objects.all().delete()
    run()
    assert rows() == by_signals


def test_it_repairs_whatever_is_wrong(contacts: None) -> None:
    run()
    good = rows()
    first, second, third = Contact.objects.order_by("pk")[:3]
    PhonebookEntry.objects.filter(object_id=str(first.pk)).delete()
    PhonebookEntry.objects.filter(object_id=str(second.pk), field="phone").update(
        fingerprint=1, e164="+4930111111", field="x"
    )
    Contact.objects.filter(pk=third.pk)._raw_delete("default")
    run()
    assert rows() == [row for row in good if row[0] != str(third.pk)]


def test_a_check_reports_drift_and_writes_nothing(contacts: None) -> None:
    run()
    assert "The index is in order." in run("--check")
    first, second, third, fourth = Contact.objects.order_by("pk")[:4]
    PhonebookEntry.objects.filter(object_id=str(first.pk), field="phone").delete()
    PhonebookEntry.objects.filter(object_id=str(fourth.pk), field="phone").update(e164="+4930111111")
    Contact.objects.filter(pk=second.pk).update(phone="")
    Contact.objects.filter(pk=third.pk)._raw_delete("default")
    before = rows()
    output = StringIO()
    with pytest.raises(CommandError, match="differs from the records in 5 places") as failure:
        call_command("voipcti_reindex", "--check", no_progress=True, stdout=output)
    assert failure.value.returncode == 1
    assert f"missing: testapp.Contact {first.pk} '089 100000'" in output.getvalue()
    assert f"obsolete: testapp.Contact {second.pk}" in output.getvalue()
    assert f"orphan: testapp.Contact {third.pk}" in output.getvalue()
    assert rows() == before


def test_a_check_lists_what_could_not_be_read(register: Any) -> None:
    register(Person, numbers=["phone"], label="name")
    person = Person.objects.create(name="Eve", phone="ask her brother")
    output = run("--check")
    assert f"unreadable: testapp.Person {person.pk} 'ask her brother'" in output
    assert "The index is in order." in output


def test_a_record_that_cannot_be_read_is_reported_and_keeps_its_rows(contacts: None, register: Any) -> None:
    run()
    phonebook.unregister(Contact)
    broken = Contact.objects.order_by("pk").first()

    def label(contact: Contact) -> str:
        if contact.pk == broken.pk:
            raise ValueError("no name")
        return f"new {contact.name}"

    register(Contact, numbers=["phone", "mobile"], label=label)
    output = run()
    assert f"error: testapp.Contact {broken.pk} 'ValueError: no name'" in output
    labels = set(PhonebookEntry.objects.values_list("label", flat=True))
    assert labels == {"C0", *(f"new C{index}" for index in range(1, 7))}


def test_a_run_that_was_broken_off_goes_on_where_it_stopped(contacts: None) -> None:
    registration = registry.get(Contact)
    assert registration is not None
    steps: Iterator[reindex.Step] = reindex.rebuild(registration, batch=3)
    next(steps)
    next(steps)
    del steps
    assert PhonebookEntry.objects.count() == 12
    assert ReindexProgress.objects.get().records == 6
    assert reindex.total(registration, resume=True) == 1
    assert "testapp.Contact: 2 numbers, 2 rows added" in run("--resume")
    assert not ReindexProgress.objects.exists()


def test_rows_of_models_that_left_the_phonebook_are_removed(contacts: None) -> None:
    run()
    phonebook.unregister(Contact)
    assert phonebook.lookup("+491711234567") == []
    with pytest.raises(CommandError, match="1 place"):
        call_command("voipcti_reindex", "--check", no_progress=True, stdout=StringIO())
    run()
    assert not PhonebookEntry.objects.exists()


def test_marks_of_choices_are_restored_and_choices_for_lost_records_go(contacts: None) -> None:
    kept, lost = Contact.objects.order_by("pk")[:2]
    phonebook.attach("+4930555555", kept)
    phonebook.attach("+4930666666", lost)
    PhonebookEntry.objects.all().delete()
    Contact.objects.filter(pk=lost.pk)._raw_delete("default")
    run()
    assert [match.label for match in phonebook.lookup("+4930555555")] == [kept.name]
    assert phonebook.lookup("+4930666666") == []


def test_other_keys_and_our_own_lines_are_read_too(register: Any) -> None:
    register(Customer, numbers=["phone"], label="name")
    customers = Customer.objects.bulk_create([Customer(name=f"C{index}", phone="+4989123456") for index in range(5)])
    Line.objects.bulk_create([Line(account="1", extension="101", phone_number="+4989777777")])
    run("--batch-size=2")
    assert {match.object_id for match in phonebook.lookup("+4989123456")} == {str(each.pk) for each in customers}
    assert [match.model for match in phonebook.lookup("101")] == ["django_voipcti.line"]
    assert "in order" in run("--check")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["testapp.Nothing"], "no model testapp.Nothing"),
        (["nonsense"], "no model nonsense"),
        (["auth.User"], "not registered with the phonebook. Registered: django_voipcti.Line, testapp.Contact"),
        (["--batch-size=0"], "1 or more"),
    ],
)
def test_mistakes_are_told(contacts: None, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_progress_is_shown_with_rate_and_time_left(contacts: None) -> None:
    errors = StringIO()
    call_command("voipcti_reindex", "testapp.Contact", stdout=StringIO(), stderr=errors)
    line = progress_line("testapp.Contact", 250_000, 1_000_000, 500_000, 30.0)
    assert line == "testapp.Contact [######..................] 250,000 of 1,000,000, 16,667 numbers/s, 1:30 left"
    assert progress_line("x", 0, 0, 0, 0.0).endswith("0 of 0, 0 numbers/s, 0:00 left")
