"""What people chose for a number is remembered, counts first, and can be forgotten."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import phonebook
from django_voipcti.exceptions import CommandRefused
from django_voipcti.models import PhonebookChoice, PhonebookEntry
from tests.testapp.models import Company, Contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("germany", "family"), pytest.mark.database_matrix]

NUMBER = "+4989123456"


@pytest.fixture
def family(register: Any) -> None:
    register(Contact, numbers=["phone", "mobile"], label="name")
    register(Company, numbers=["phone"], label="name", searchable=lambda queryset: queryset.exclude(name="gone"))
    for name in ("Husband", "Wife"):
        Contact.objects.create(name=name, phone="089 123456")


@pytest.fixture
def agent() -> Any:
    return get_user_model().objects.create_superuser("agent")


@pytest.fixture
def colleague() -> Any:
    return get_user_model().objects.create_superuser("colleague")


def found(user: Any = None, number: str = NUMBER) -> list[tuple[str, str, str]]:
    return [(match.label, match.confidence, match.reason) for match in phonebook.lookup(number, user=user)]


def names(user: Any = None, number: str = NUMBER) -> list[str]:
    return [label for label, _confidence, _reason in found(user, number)]


def match_of(label: str) -> phonebook.Match:
    return next(match for match in phonebook.lookup(NUMBER) if match.label == label)


def test_a_choice_comes_first_from_then_on(agent: Any) -> None:
    assert names(agent) == ["Husband", "Wife"]
    phonebook.choose(NUMBER, match_of("Wife"), agent)
    assert found(agent)[0] == ("Wife", "learned", "You chose this record for the number.")
    assert names(agent) == ["Wife", "Husband"]


def test_the_choice_of_a_colleague_counts_until_one_has_chosen_oneself(agent: Any, colleague: Any) -> None:
    phonebook.choose(NUMBER, match_of("Wife"), colleague)
    assert found(agent)[0] == ("Wife", "learned", "colleague chose this record for the number.")
    assert names() == ["Wife", "Husband"]
    phonebook.choose(NUMBER, match_of("Husband"), agent)
    assert names(agent) == ["Husband", "Wife"]
    assert names(colleague) == ["Wife", "Husband"]


def test_choosing_again_replaces_the_choice(agent: Any) -> None:
    phonebook.choose(NUMBER, match_of("Wife"), agent)
    phonebook.choose("089/12 34 56", match_of("Husband"), agent)
    assert names(agent) == ["Husband", "Wife"]
    assert PhonebookChoice.objects.count() == 1
    assert PhonebookEntry.objects.filter(kind="learned").count() == 1


def test_a_choice_can_be_forgotten(agent: Any) -> None:
    phonebook.choose(NUMBER, match_of("Wife"), agent)
    assert phonebook.forget(NUMBER, agent) == 1
    assert found(agent)[0][:2] == ("Husband", "exact")
    assert not PhonebookEntry.objects.filter(kind="learned").exists()
    assert phonebook.forget(NUMBER, agent) == 0


def test_forgetting_leaves_the_choice_of_others(agent: Any, colleague: Any) -> None:
    phonebook.choose(NUMBER, match_of("Wife"), agent)
    phonebook.choose(NUMBER, match_of("Wife"), colleague)
    phonebook.forget(NUMBER, agent)
    assert names(agent) == ["Wife", "Husband"]


def test_an_attached_record_is_found_by_everybody_with_its_name_of_today(agent: Any) -> None:
    acme = Company.objects.create(name="Acme")
    phonebook.attach("+4930555555", acme, agent)
    Company.objects.filter(pk=acme.pk).update(name="Acme Ltd")
    assert found(number="030 555555") == [("Acme Ltd", "learned", "The number was attached to this record.")]
    phonebook.forget("+4930555555", instance=acme)
    assert names(number="030 555555") == []


@pytest.mark.parametrize("number", ["101", "sip:alice@example.org", "22 12 34 56 78 90"])
def test_numbers_without_an_international_form_are_remembered_too(number: str) -> None:
    acme = Company.objects.create(name="Acme")
    phonebook.attach(number, acme)
    assert names(number=number) == ["Acme"]
    assert phonebook.lookup_many([(number, "")])[number, ""][0].label == "Acme"


def test_a_record_that_is_gone_or_hidden_is_not_found_by_an_old_choice() -> None:
    acme = Company.objects.create(name="Acme")
    phonebook.attach("+4930555555", acme)
    Company.objects.filter(pk=acme.pk).update(name="gone")
    assert names(number="+4930555555") == []
    acme.delete()
    assert names(number="+4930555555") == []
    assert not PhonebookEntry.objects.filter(kind="learned").exists()


def test_saving_the_record_keeps_what_was_learned(agent: Any) -> None:
    wife = Contact.objects.get(name="Wife")
    phonebook.choose(NUMBER, match_of("Wife"), agent)
    wife.phone = "030 1234567"
    wife.save()
    assert found(agent)[0][:2] == ("Wife", "learned")


def test_callers_without_a_number_cannot_be_remembered(agent: Any) -> None:
    with pytest.raises(CommandRefused, match="no number"):
        phonebook.choose("anonymous", match_of("Wife"), agent)
    with pytest.raises(LookupError, match="not registered"):
        phonebook.attach(NUMBER, agent)


def test_choices_of_a_batch_cost_a_fixed_number_of_queries(agent: Any, colleague: Any) -> None:
    for index in range(6):
        phonebook.attach(f"+49305555{index:02}", Company.objects.create(name=f"C{index}"))

    def queries(count: int) -> int:
        requests = [phonebook.Request(f"+49305555{index:02}", "DE", agent.pk) for index in range(count)]
        with CaptureQueriesContext(connection) as captured:
            answers = phonebook.lookup_many(requests)
        assert all(answers.values())
        return len(captured)

    assert queries(6) == queries(2) == 3
