"""Who may see whom, and whose record comes first."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import phonebook
from django_voipcti.exceptions import CommandRefused
from django_voipcti.models import Call, Line
from tests.testapp.models import Contact, Customer, Person, VipPerson

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("germany", "contacts"), pytest.mark.database_matrix]

NUMBER = "+4989123456"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def contacts(register: Any) -> None:
    register(Contact, numbers=["phone"], label="name", owner="owner", url="get_absolute_url")


@pytest.fixture
def agent() -> Any:
    user = get_user_model().objects.create_user("agent")
    user.user_permissions.add(Permission.objects.get(codename="view_contact"))
    return user


def names(**options: Any) -> list[str]:
    return [match.label for match in phonebook.lookup(NUMBER, **options)]


def conversation(line: Line, contact: Contact, number: str = NUMBER) -> None:
    Call.objects.create(
        line=line,
        provider=line.provider,
        external_id=f"{contact.pk}",
        conversation_id=f"{contact.pk}",
        direction="INBOUND",
        state="HANGUP",
        state_at=NOON,
        created_at=NOON,
        started_at=NOON,
        answered_at=NOON,
        other_e164=number,
        other_number=number,
        contact_type=ContentType.objects.get_for_model(Contact),
        contact_id=str(contact.pk),
    )


def test_who_may_not_view_the_record_sees_a_known_contact() -> None:
    Contact.objects.create(name="Anna", phone="089 123456")
    stranger = get_user_model().objects.create_user("stranger")
    (match,) = phonebook.lookup(NUMBER, user=stranger)
    assert (match.label, match.company, match.url, match.object_id, match.owner_id) == (
        "Known contact",
        "",
        "",
        "",
        None,
    )
    assert match.instance() is None
    assert "089" not in match.reason
    with pytest.raises(CommandRefused, match="may not view"):
        phonebook.choose(NUMBER, match, stranger)


def test_who_may_view_it_sees_it(agent: Any) -> None:
    Contact.objects.create(name="Anna", phone="089 123456")
    assert names(user=agent) == ["Anna"]


def only_own(user: Any, match: phonebook.Match) -> bool:
    return match.owner_id == user.pk


def test_the_host_may_decide_itself(agent: Any, settings: Any) -> None:
    settings.VOIPCTI = {**settings.VOIPCTI, "MATCH_PERMISSION": f"{__name__}.only_own"}
    Contact.objects.create(name="Anna", phone="089 123456")
    Contact.objects.create(name="Bert", phone="089 123456", owner=agent)
    assert names(user=agent) == ["Bert", "Known contact"]


def test_matches_of_a_batch_are_masked_when_they_are_shown(agent: Any) -> None:
    Contact.objects.create(name="Anna", phone="089 123456")
    (matches,) = phonebook.lookup_many([(NUMBER, "DE")]).values()
    stranger = get_user_model().objects.create_user("stranger")
    assert [match.label for match in phonebook.shown_to(stranger, matches)] == ["Known contact"]
    assert [match.label for match in phonebook.shown_to(agent, matches)] == ["Anna"]


def test_ones_own_records_come_first(agent: Any) -> None:
    Contact.objects.create(name="Anna", phone="089 123456")
    Contact.objects.create(name="Bert", phone="089 123456", owner=agent)
    assert names() == ["Anna", "Bert"]
    assert names(user=agent) == ["Bert", "Anna"]


def test_the_last_conversation_outweighs_the_owner(agent: Any) -> None:
    anna = Contact.objects.create(name="Anna", phone="089 123456")
    bert = Contact.objects.create(name="Bert", phone="089 123456", owner=agent)
    carl = Contact.objects.create(name="Carl", phone="089 123456")
    line = Line.objects.create(account="1", user=agent)
    conversation(line, bert)
    conversation(line, carl)
    conversation(Line.objects.create(account="2"), anna)
    assert names(user=agent) == ["Carl", "Bert", "Anna"]


def test_a_better_confidence_outweighs_every_preference(agent: Any) -> None:
    Contact.objects.create(name="Vague", phone="89 123456", owner=agent)
    Contact.objects.create(name="Sure", phone="089 123456")
    matches = phonebook.lookup(NUMBER, user=agent)
    assert [(match.label, match.confidence) for match in matches] == [("Sure", "exact"), ("Vague", "national")]


def test_preferences_of_a_batch_cost_one_query_more(agent: Any) -> None:
    line = Line.objects.create(account="1", user=agent)
    requests = []
    for index in range(5):
        number = f"+49891000{index:02}"
        for name in ("a", "b"):
            contact = Contact.objects.create(name=f"{name}{index}", phone=number)
        conversation(line, contact, number)
        requests.append(phonebook.Request(number, "DE", agent.pk))
    with CaptureQueriesContext(connection) as queries:
        answers = phonebook.lookup_many(requests)
    assert len(queries) == 2
    assert [matches[0].label for matches in answers.values()] == ["b0", "b1", "b2", "b3", "b4"]


def test_an_extension_means_the_colleague_at_the_same_provider() -> None:
    Line.objects.create(account="1", label="Carla", extension="101", provider="default")
    Line.objects.create(account="1", label="Dora", extension="101", provider="other")
    assert [match.label for match in phonebook.lookup("101", provider="other")] == ["Dora"]
    assert {match.label for match in phonebook.lookup("101")} == {"Carla", "Dora"}
    request = phonebook.Request("101", "DE", None, "default")
    assert [match.label for match in phonebook.lookup_many([request])[request]] == ["Carla"]


def test_colleagues_are_no_secret() -> None:
    Line.objects.create(account="1", label="Carla", extension="101")
    stranger = get_user_model().objects.create_user("stranger")
    assert [match.label for match in phonebook.lookup("101", user=stranger)] == ["Carla"]


def test_the_record_itself_is_read_as_the_orm_would(register: Any) -> None:
    register(Person, numbers=["phone"], label="name")
    register(Customer, numbers=["phone"], label="name")
    made: list[Any] = [
        Person.objects.create(name="Eve", phone="089 111111", numbers=["a", {"b": 1}], archived=True),
        VipPerson.objects.create(name="Vip", phone="089 111111"),
        Customer.objects.create(name="C", phone="089 111111"),
    ]
    instances = [match.instance() for match in phonebook.lookup("+4989111111")]
    by_orm = [Person.objects.get(pk=made[0].pk), Person.objects.get(pk=made[1].pk), Customer.objects.get(pk=made[2].pk)]
    assert instances == by_orm
    for instance, expected in zip(instances, by_orm, strict=True):
        values = [getattr(instance, field.attname) for field in expected._meta.concrete_fields]
        assert values == [getattr(expected, field.attname) for field in expected._meta.concrete_fields]
        assert instance is not None
        assert not instance._state.adding
