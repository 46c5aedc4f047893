"""Numbers of 35 countries, stored and called in different spellings: found, and never mistaken for another.

The pairs of spellings.csv are examples; the properties below them make as many more as hypothesis likes, from one
number of each region and kind that `phonenumbers` gives as an example.
"""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import phonenumbers
import pytest
from hypothesis import HealthCheck, assume, given, settings
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


def _ways_to_write(number: phonenumbers.PhoneNumber, region: str, anywhere: str) -> list[tuple[str, str]]:
    """Texts that mean `number`, each with the region in which it is written so."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    code, grouped = f"{number.country_code}", international[len(str(number.country_code)) + 1 :].strip()
    ways = [
        (e164, anywhere),
        (international, anywhere),
        (phonenumbers.format_number(number, PhoneNumberFormat.RFC3966), anywhere),
        (f"(+{code}) {grouped}", anywhere),
        (f"+{code}-{grouped}", anywhere),
        (f"+{code}/{grouped}", anywhere),
        (national, region),
        (national.replace(" ", "/", 1), region),
        (f"00{e164[1:]}", "DE"),
        (f"00 {code} {grouped}", "FR"),
        (f"011 {code} {grouped}", "US"),
    ]
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if metadata.national_prefix == "0":
        ways += [(f"+{code} (0){grouped}", anywhere), (f"00{code} (0) {grouped}", "DE")]
    if (metadata.international_prefix or "").isdigit():
        ways.append((f"{metadata.international_prefix} {code} {grouped}", region))
    if len(e164) > 11:
        ways.append((e164[1:], region))
    return ways


@st.composite
def spellings(draw: st.DrawFn, number: phonenumbers.PhoneNumber, region: str) -> tuple[str, str]:
    """Any way to write `number`, with the region in which it is written that way."""
    anywhere = draw(st.sampled_from(["DE", "US", "GB", "IN", "AU", "BR", "RU", "IT"]))
    text, written_in = draw(st.sampled_from(_ways_to_write(number, region, anywhere)))
    separator = draw(st.sampled_from([" ", ".", "-", "\u2013", "\u00a0", "  "]))
    text = text.replace(" ", separator)
    zero = draw(st.sampled_from([ord("0"), 0xFF10, 0x0660]))  # ASCII, full-width, Arabic
    text = "".join(chr(zero + int(c)) if c.isascii() and c.isdigit() else c for c in text)
    dressed = [text, text, f" {text}\u200f", f"\u202d{text}\u202c", f"Tel. {text}", f"{text} (home)"]
    return draw(st.sampled_from(dressed)), written_in


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_two_spellings_of_a_number_are_the_same(people: None, data: st.DataObject) -> None:
    region, number = data.draw(st.sampled_from(EXAMPLES))
    stored, stored_in = data.draw(spellings(number, region))
    called, called_in = data.draw(spellings(number, region))
    Person.objects.all().delete()
    Person.objects.create(name="the one", phone=stored, country=stored_in)
    assert [match.label for match in phonebook.lookup(called, region=called_in)] == ["the one"], (stored, called)


def _mistyped(draw: st.DrawFn, digits: str, first: int) -> str:
    """`digits` with one digit other, more or less, or two swapped, from place `first` on."""
    place = draw(st.integers(min_value=first, max_value=len(digits) - 1))
    before, here, after = digits[:place], digits[place], digits[place + 1 :]
    other = draw(st.sampled_from("0123456789"))
    return draw(
        st.sampled_from(
            [
                before + other + after,
                before + after,
                before + other + here + after,
                before + after[:1] + here + after[1:],
            ]
        )
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mistyped_number_is_another_number(people: None, data: st.DataObject) -> None:
    region, number = data.draw(st.sampled_from(EXAMPLES))
    stored, stored_in = data.draw(spellings(number, region))
    right = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    wrong = data.draw(st.composite(_mistyped)(right, len(str(number.country_code)) + 1))
    # A trunk prefix behind the country code makes no other number of it, nor does the digit that Mexico gave up.
    assume(phonenumbers.format_number(phonenumbers.parse(wrong), PhoneNumberFormat.E164) != right)
    assume(not wrong.startswith("+521"))
    Person.objects.all().delete()
    Person.objects.create(name="the one", phone=stored, country=stored_in)
    for called in (wrong, f"00{wrong[1:]}"):
        assert phonebook.lookup(called, region="DE") == [], (stored, called)
