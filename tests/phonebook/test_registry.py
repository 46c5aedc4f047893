"""Registering: mistakes are told at start-up, what a save may concern is known."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_voipcti.models import Line
from django_voipcti.phonebook.registry import registry
from tests.testapp.models import Company, Contact, Group, Person, PersonNumber, VipPerson


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"numbers": ["fone"]},
            r"Contact is registered with 'fone', but .* has no 'fone'. Fields: .*phone",
        ),
        ({"numbers": ["company__fone"]}, r"'company__fone', but testapp.Company has no 'fone'"),
        ({"numbers": "phone"}, r"numbers= must be a list, such as \['phone'\]"),
        ({"numbers": []}, r"name at least one field"),
        ({"numbers": ["phone"], "label": "nmae"}, r"has no 'nmae'"),
        ({"numbers": ["phone"], "depends": ["nothing"]}, r"has no 'nothing'"),
    ],
)
def test_mistakes_are_told(register: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        register(Contact, **options)


def test_a_model_is_registered_once(register: Any) -> None:
    register("testapp.Contact", numbers=["phone"])
    with pytest.raises(ImproperlyConfigured, match="already registered"):
        register(Contact, numbers=["phone"])


def test_models_rank_in_the_order_of_their_registration(register: Any) -> None:
    register(Company, numbers=["phone"])
    register(Contact, numbers=["phone"])
    assert [registration.model for registration in registry] == [Line, Company, Contact]


def test_saving_fields_that_no_row_shows_concerns_nobody(register: Any) -> None:
    register(Contact, numbers=["phone"], label="name", company="company.name")
    register(Company, numbers=["phone"], label=str)
    register(Person, numbers=["phone"], label=str, depends=["name", "spouse__phone"])
    assert registry.of(Contact).own_fields == {"phone", "name", "company", "company_id"}
    assert registry.of(Company).own_fields is None
    assert registry.of(Person).own_fields == {"phone", "name", "spouse", "spouse_id"}


def test_everything_on_the_way_of_a_path_is_watched(register: Any) -> None:
    register(Person, numbers=["further_numbers__value", "groups__phone"], label="name")
    assert registry.watched_models(registry.of(Person)) == {Person, VipPerson, PersonNumber, Group}
    assert registry.of(VipPerson).model is Person
    with pytest.raises(LookupError, match=r"testapp.Group is not registered"):
        registry.of(Group)
