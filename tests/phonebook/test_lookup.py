"""Who is calling?"""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import phonebook
from django_voipcti.models import Line
from tests.testapp.models import Company, Contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("germany"), pytest.mark.database_matrix]


@pytest.fixture
def contacts(register: Any) -> None:
    register(Contact, numbers=["phone", "mobile"], label="name", company="company.name", url="get_absolute_url")
    register(Company, numbers=["phone"], label="name")


def found(number: str, **options: Any) -> list[tuple[str, str]]:
    return [(match.label, match.confidence) for match in phonebook.lookup(number, **options)]


def test_a_match_says_who_where_and_why(contacts: None) -> None:
    acme = Company.objects.create(name="Acme")
    anna = Contact.objects.create(name="Anna", phone="(089) 12 34 56", company=acme)
    (match,) = phonebook.lookup("+4989123456")
    assert (match.label, match.company, match.url, match.model, match.object_id, match.confidence) == (
        "Anna",
        "Acme",
        f"/contacts/{anna.pk}/",
        "testapp.contact",
        str(anna.pk),
        "exact",
    )
    assert match.reason == "The same number, written “(089) 12 34 56”."
    assert match.instance() == anna


@pytest.mark.parametrize("spelling", ["+4989123456", "004989123456", "089 123456", "+49 (0)89/12 34 56", "4989123456"])
def test_every_spelling_finds_the_record(contacts: None, spelling: str) -> None:
    Contact.objects.create(name="Anna", phone="089/123456")
    assert found(spelling) == [("Anna", "exact")]


def test_several_records_are_all_returned_in_order_of_preference(contacts: None) -> None:
    Company.objects.create(name="Acme", phone="089 123456")
    Contact.objects.create(name="Bert", mobile="089 123456")
    Contact.objects.create(name="Anna", phone="089 123456")
    assert [label for label, _ in found("+4989123456")] == ["Anna", "Bert", "Acme"]


def test_a_number_of_unknown_country_matches_by_its_digits(contacts: None) -> None:
    Contact.objects.create(name="Ida", phone="555 212 55 52 36")
    assert found("+1 5552125552") == []
    Contact.objects.create(name="Olaf", phone="22 12 34 5")
    assert found("+47 22 12 34 56") == []


@pytest.mark.parametrize(
    ("stored", "caller", "confidence"),
    [
        ("0207 946 0958", "+442079460958", "national"),  # trunk zero of a country that the record does not name
        ("2079460958442", "+442079460958", None),
        ("9-2079460958", "+442079460958", "suffix"),  # an outside line
        ("9-2079460958", "+442079460959", None),
        ("9-2079460958", "+442179460958", None),
        ("99-2079460958", "+442079460958", None),
        ("+44 20 7946 0958", "0207 946 0958", "national"),
        ("+44 20 7946 0958", "90442079460958", "suffix"),
        ("+44 20 7946 0958", "9079460958", None),
        ("946 0958", "+442079460958", None),  # seven digits belong to thousands
        ("946 0958", "946 0958", "national"),
    ],
)
def test_unknown_countries(register: Any, settings: Any, stored: str, caller: str, confidence: str | None) -> None:
    settings.VOIPCTI = {**settings.VOIPCTI, "DEFAULT_REGION": "US"}
    register(Contact, numbers=["phone"], label="name")
    Contact.objects.create(name="Anna", phone=stored)
    assert found(caller) == ([("Anna", confidence)] if confidence else [])
    assert [match.confidence for match in phonebook.lookup_many([(caller, "")])[caller, ""]] == [
        each for _label, each in found(caller)
    ]


@pytest.mark.parametrize(
    ("stored", "caller"),
    [
        ("+49 89 123456", "+49089123456"),
        ("+52 55 1234 5678", "+5215512345678"),
        ("+521 55 1234 5678", "+525512345678"),
        ("+39 06 6982 1234", "+390669821234"),
    ],
)
def test_callers_in_a_form_that_only_looks_international(contacts: None, stored: str, caller: str) -> None:
    Contact.objects.create(name="Anna", phone=stored)
    assert found(caller) == [("Anna", "exact")]


@pytest.mark.parametrize("caller", ["", "anonymous", "sip:anonymous@anonymous.invalid", "hello", "1" * 60])
def test_callers_without_a_number_are_nobody(contacts: None, caller: str) -> None:
    Contact.objects.create(name="Anna", phone="hello")
    Contact.objects.create(name="Bert", phone="1" * 40)
    assert found(caller) == []


def test_our_own_numbers_are_nobody_and_extensions_are_colleagues(contacts: None) -> None:
    Line.objects.create(account="1", label="Carla", extension="101", phone_number="+4989777777")
    Contact.objects.create(name="Our own company", phone="089 777777")
    assert found("+4989777777") == []
    assert found("101") == [("Carla", "exact")]
    assert found("sip:101@pbx.example") == [("Carla", "exact")]


@pytest.mark.parametrize("caller", ["+4989123456", "+4989999999", "089 123456"])
def test_a_lookup_is_one_query(contacts: None, caller: str) -> None:
    Contact.objects.create(name="Anna", phone="089 123456")
    phonebook.lookup("+4989123456")
    with CaptureQueriesContext(connection) as queries:
        phonebook.lookup(caller)
    assert len(queries) == 1


def test_a_batch_is_one_query_and_answers_as_one_by_one(contacts: None) -> None:
    Contact.objects.create(name="Anna", phone="089 123456", mobile="0171 1234567")
    Contact.objects.create(name="Bert", phone="12345678901")
    requests = [
        ("+4989123456", ""),
        ("0171 1234567", "DE"),
        ("0171 1234567", "GB"),
        ("", ""),
        ("12345678901", "DE"),
        ("101", "DE"),
    ]
    singly = {(number, region): phonebook.lookup(number, region=region) for number, region in requests}
    with CaptureQueriesContext(connection) as queries:
        assert phonebook.lookup_many(requests) == singly
    assert len(queries) == 1
