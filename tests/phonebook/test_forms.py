"""The form field takes any spelling and gives E.164."""

import pytest
from django import forms

from django_voipcti.phonebook.forms import NumberField


class ContactForm(forms.Form):
    phone = NumberField(region="DE", required=False)
    extension = NumberField(region="DE", required=False, allow_short=True)


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("089/12 34 56", "+4989123456"),
        ("+1 (212) 555-2368", "+12125552368"),
        ("089 123456 ext. 12", "+4989123456;ext=12"),
        ("", ""),
    ],
)
def test_any_spelling_is_cleaned_to_e164(typed: str, cleaned: str) -> None:
    form = ContactForm({"phone": typed})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["phone"] == cleaned


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("hello", "not a telephone number"),
        ("101", "not a telephone number"),
        ("0171 1234567 / 0172 7654321", "several numbers"),
    ],
)
def test_mistakes_are_told(typed: str, message: str) -> None:
    form = ContactForm({"phone": typed})
    assert message in str(form.errors["phone"])


def test_an_extension_will_do_where_it_is_allowed() -> None:
    form = ContactForm({"extension": "101"})
    assert form.is_valid()
    assert form.cleaned_data["extension"] == "101"


def test_the_box_shows_the_number_as_people_write_it() -> None:
    assert 'value="089 123456"' in str(ContactForm(initial={"phone": "+4989123456"})["phone"])
    assert 'value="+1 212-555-2368"' in str(ContactForm(initial={"phone": "+12125552368"})["phone"])
    assert 'value="hello"' in str(ContactForm({"phone": "hello"})["phone"])
    assert 'type="tel"' in str(ContactForm()["phone"])
