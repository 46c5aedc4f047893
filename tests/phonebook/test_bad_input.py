"""Whatever stands in a number field: saving works, lookups answer, the check lists what could not be read."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_voipcti import phonebook
from django_voipcti.models import PhonebookEntry
from django_voipcti.phonebook import reindex
from django_voipcti.phonebook.registry import registry
from tests.testapp.models import Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("germany"), pytest.mark.database_matrix]

TEXTS = [
    "hello",
    "1" * 60,
    "1" * 100_000,
    "\u200e+49 89 123456\u200f",
    "+４９８９１２３４５６",
    "0800-FLOWERS",
    "0171 1 / 0171 2",
    "0171 1234567 / 0172 7654321",
    "nul \x00 inside",
    "lone \ud800 surrogate",
    "'; DROP TABLE django_voipcti_phonebookentry; --",
    "100% %s %(name)s",
    "sip:" + "a" * 300 + "@example.org",
    "x" * 300,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:20]))
def test_a_save_works_and_a_lookup_answers(register: Any, text: str) -> None:
    register(Person, numbers=[lambda person: [text]], label=lambda person: text * 3, url=lambda person: text)
    Person.objects.create(name="Eve")
    rows = PhonebookEntry.objects.count()
    assert rows >= 1
    assert isinstance(phonebook.lookup(text), list)
    assert phonebook.lookup_many([(text, "")])[text, ""] == phonebook.lookup(text)
    for step in reindex.check(registry.of(Person)):
        assert not [finding for finding in step.findings if finding.is_drift]
    assert PhonebookEntry.objects.count() == rows


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters() | st.sampled_from("0123456789+/ -()x;,"), max_size=200))
def test_any_text_can_be_saved_and_called(register: Any, text: str) -> None:
    if registry.get(Person) is None:
        register(Person, numbers=[_given], label=_given, company=_given, url=_given)
    _texts[:] = [text]
    Person.objects.create(name="Eve")
    assert isinstance(phonebook.lookup(text), list)
    for step in reindex.check(registry.of(Person)):
        assert not [finding for finding in step.findings if finding.is_drift]
    Person.objects.all().delete()


_texts: list[str] = []


def _given(person: Person) -> str:
    return _texts[0]


def test_the_check_lists_what_could_not_be_read(register: Any) -> None:
    register(Person, numbers=["numbers"], label="name")
    Person.objects.create(name="Eve", numbers=["hello", "089 123456", "0171 1 / 0171 2", "089 654321 / 12"])
    texts = [finding.text for step in reindex.check(registry.of(Person)) for finding in step.findings]
    assert sorted(texts) == ["0171 1 / 0171 2", "089 654321 / 12", "hello"]


@pytest.mark.parametrize(
    "numbers", [None, 0, 4989123456, True, {}, [], {"a": {"b": ["089 123456"]}}, [[["089 123456"]]], ["", " ", None]]
)
def test_json_of_any_shape_is_read_as_far_as_it_goes(register: Any, numbers: Any) -> None:
    register(Person, numbers=["numbers"], label="name")
    Person.objects.create(name="Eve", numbers=[numbers])
    assert len(phonebook.lookup("+4989123456")) == ("123456" in str(numbers))


def test_a_field_with_thousands_of_numbers_is_cut(register: Any) -> None:
    register(Person, numbers=["numbers"], label="name")
    Person.objects.create(name="Eve", numbers=[f"089 1{index:05}" for index in range(3000)])
    assert PhonebookEntry.objects.count() == 200


def test_a_number_that_hundreds_share_still_finds_the_others_by_their_own(register: Any) -> None:
    register(Person, numbers=["phone"], label="name")
    Person.objects.bulk_create([Person(name=f"P{index}", phone="089 1234567") for index in range(400)])
    Person.objects.create(name="Eve", phone="030 1234567")
    phonebook.refresh(Person.objects.all())
    assert [match.label for match in phonebook.lookup("+49301234567")] == ["Eve"]
    assert len(phonebook.lookup("+49891234567")) == 200
