"""Numbers of 35 countries, stored and called in different spellings: found, and never mistaken for another.

The pairs of spellings.csv are examples; the properties below them make as many more as hypothesis likes, from one
number of each region and kind that `phonenumbers` gives as an example.
"""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import phonenumbers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from django_voipcti import phonebook
from tests.testapp.models import Person

pytestmark = [pytest.mark.django_db]


class Pair(NamedTuple):
    region: str
    stored: str
    called: str
    call_region: str
    expected: str
    note: str


with (Path(__file__).parent / "spellings.csv").open(encoding="utf-8") as file:
    PAIRS = [Pair(**row) for row in csv.DictReader(file)]


@pytest.fixture
def people(register: Any) -> None:
    register(Person, numbers=["phone"], label="name", region="country")


def test_the_list_is_as_long_as_it_should_be() -> None:
    assert len(PAIRS) >= 200
    assert len({pair.region for pair in PAIRS}) >= 25
    assert len([pair for pair in PAIRS if pair.expected == "other"]) >= 80


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.region}: {pair.stored} <- {pair.called}")
def test_pair(people: None, pair: Pair) -> None:
    Person.objects.create(name="the one", phone=pair.stored, country=pair.region)
    found = [match.label for match in phonebook.lookup(pair.called, region=pair.call_region)]
    assert found == (["the one"] if pair.expected == "same" else [])


def _examples() -> list[tuple[str, phonenumbers.PhoneNumber]]:
    kinds = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE)
    return [
        (region, number)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in kinds
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None
    ]


EXAMPLES = _examples()


@st.composite
def spellings(draw: st.DrawFn, number: phonenumbers.PhoneNumber, region: str) -> tuple[str, str]:
    """Any way to write `number`, with the region in which it is written that way."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    anywhere = draw(st.sampled_from(["DE", "US", "GB", "IN", "AU"]))
    text, written_in = draw(
        st.sampled_from(
            [
                (e164, anywhere),
                (international, anywhere),
                (phonenumbers.format_number(number, PhoneNumberFormat.RFC3966), anywhere),
                (phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL), region),
                (f"00{e164[1:]}", "DE"),
                (f"011 {e164[1:]}", "US"),
            ]
        )
    )
    separator = draw(st.sampled_from([" ", ".", "-", "\u2013", "\u00a0", "  "]))
    text = text.replace(" ", separator)
    if draw(st.booleans()):
        text = "".join(chr(0xFF10 + int(c)) if c.isascii() and c.isdigit() else c for c in text)
    return draw(st.sampled_from([text, f" {text}\u200f", f"Tel. {text}", f"{text} (home)"])), written_in


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_two_spellings_of_a_number_are_the_same(people: None, data: st.DataObject) -> None:
    region, number = data.draw(st.sampled_from(EXAMPLES))
    stored, stored_in = data.draw(spellings(number, region))
    called, called_in = data.draw(spellings(number, region))
    Person.objects.all().delete()
    Person.objects.create(name="the one", phone=stored, country=stored_in)
    assert [match.label for match in phonebook.lookup(called, region=called_in)] == ["the one"], (stored, called)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_number_with_another_digit_is_another_number(people: None, data: st.DataObject) -> None:
    region, number = data.draw(st.sampled_from(EXAMPLES))
    stored, stored_in = data.draw(spellings(number, region))
    digits = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    place = data.draw(st.integers(min_value=len(str(number.country_code)) + 1, max_value=len(digits) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != digits[place]]))
    Person.objects.all().delete()
    Person.objects.create(name="the one", phone=stored, country=stored_in)
    assert phonebook.lookup(digits[:place] + other + digits[place + 1 :]) == []
