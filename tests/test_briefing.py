"""What goes with calls on their way to pages: a fixed number of queries, and the same decision on every way."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import briefing, journal, phonebook, realtime
from django_voipcti.models import Call, CallEvent, PopRule
from tests.journal.conftest import said
from tests.test_callers import user_with
from tests.test_consumers import make_line
from tests.testapp.models import Company, Contact

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]


@pytest.fixture
def ana(db):
    user = user_with("ana", "view_contact", "add_contact")
    make_line(user)
    return user


def number_of(position):
    return f"+4420794{position:05}"


def history(calls, contacts, *, each=1):
    """`calls` ringing calls, of which `contacts` come from a record each; every party called `each` times before."""
    company = Company.objects.create(name="Acme")
    for position in range(contacts):
        Contact.objects.create(name=f"Contact {position}", phone=number_of(position), company=company)
        Contact.objects.create(name=f"Another {position}", phone=number_of(position))
    past = [(position, time) for position in range(calls) for time in range(each)]
    for state, seconds in (("RINGING", 0), ("HANGUP", 5)):
        journal.record(
            [said(state, seconds, call=f"p{n}-{t}", number=number_of(n)) for n, t in past],
            tell_pages=False,
        )
    journal.record([said("RINGING", 20, call=f"c{n}", number=number_of(n)) for n in range(calls)], tell_pages=False)


def queries_of(function, *arguments):
    ContentType.objects.get_for_model(Contact)  # asked once a process
    with CaptureQueriesContext(connection) as queries:
        result = function(*arguments)
    return len(queries), result


def told_of_all():
    events = CallEvent.objects.select_related("call__line").filter(call__state="RINGING")
    found = briefing.look_up([event.call for event in events])
    return [
        realtime.Told(event=event, call=event.call, previous=None, matches=found.get(event.call_id, ()))
        for event in events
    ]


#: Rules, ignore list; the keys of earlier calls, those calls with their lines.
OF_A_PUBLISH = 4
#: Those; lines, newest event, calls; phonebook, last conversations; permissions of user and groups.
OF_A_SNAPSHOT = OF_A_PUBLISH + 3 + 2 + 2


@pytest.mark.parametrize(
    ("calls", "contacts", "each"), [(1, 1, 20), (20, 1, 1), (20, 20, 1), (20, 10, 20), (45, 45, 3)]
)
def test_pops_cost_a_fixed_number_of_queries_whatever_calls_and_contacts_there_are(ana, calls, contacts, each):
    history(calls, contacts, each=each)
    told = told_of_all()
    assert queries_of(realtime.publish, told)[0] == OF_A_PUBLISH
    count, snapshot = queries_of(realtime.snapshot, ana)
    assert count == OF_A_SNAPSHOT
    shown = snapshot["calls"]
    assert len(shown) == calls
    assert sum(bool(call["matches"]) for call in shown) == contacts
    assert {len(call["lastCalls"]) for call in shown} == {min(each, 3)}


@pytest.mark.parametrize("size", [1, 20])
def test_choices_cost_one_query_more_and_owners_one_per_model(ana, settings, size):
    history(size, size)
    for call in Call.objects.live().select_related("line"):
        phonebook.choose(call.other_number, phonebook.lookup(call.other_number)[0], ana)
        journal.link(briefing.look_up([call]))
    told = [realtime.Told(event=each.event, call=each.call, previous=None) for each in told_of_all()]
    assert queries_of(realtime.publish, told)[0] == OF_A_PUBLISH + 1
    settings.VOIPCTI = {**settings.VOIPCTI, "MATCH_PERMISSION": lambda user, match: match.owner_id is None}
    assert queries_of(realtime.publish, told)[0] == OF_A_PUBLISH + 2


def test_replay_costs_a_fixed_number_of_queries(ana):
    history(3, 1)
    realtime.replay(ana, 0)  # the user's permissions are read once
    few = queries_of(realtime.replay, ana, 0)
    journal.record([said("CONNECTED", 30, call=f"c{n}", number=number_of(n)) for n in range(3)])
    many = queries_of(realtime.replay, ana, 0)
    assert few[0] == many[0]
    assert len(many[1]) == len(few[1]) + 3


def test_many_parties_are_asked_for_in_parts(ana):
    """One statement takes fifty of them."""
    history(60, 0)
    calls = list(Call.objects.live())
    count, past = queries_of(briefing.last_calls, calls)
    assert count == 3
    assert {len(found) for found in past.values()} == {1}


def test_earlier_calls_are_those_of_the_record_on_all_its_numbers(ana):
    grace = Contact.objects.create(name="Grace", phone=number_of(1), mobile=number_of(2))
    for position in (1, 2, 2, 1):
        call = f"p{CallEvent.objects.count()}"
        journal.record([said("RINGING", 0, call=call, number=number_of(position))])
        journal.record([said("HANGUP", 1, call=call, number=number_of(position))])
    [event] = journal.record([said("RINGING", 9, number=number_of(1))])
    [past] = briefing.last_calls([event.call]).values()
    newest = Call.objects.for_object(grace).exclude(pk=event.call_id).order_by("-pk")[:3]
    assert past == list(newest)


# --- the same decision everywhere -------------------------------------------------------------------------------------

RULES = [
    ({"matches": "none", "action": "silent"}, {"matched": False}, "silent"),
    ({"matches": "several", "action": "log_only"}, {"matched": True}, "log_only"),
    ({"matches": "several", "action": "open_record"}, {"matched": True}, "open_record"),
    ({"direction": "OUTBOUND", "action": "log_only"}, {"matched": False}, "pop"),
    ({"context": "RG-*", "action": "log_only"}, {"matched": False}, "log_only"),
    ({"provider": "default", "matches": "none", "action": "open_form"}, {"matched": False}, "pop"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("rule", "case", "action"), RULES)
def test_event_replay_and_snapshot_say_the_same(ana, monkeypatch, rule, case, action):
    PopRule.objects.create(name="The rule", **rule)
    if case["matched"]:
        history(0, 1)
    sent = []
    monkeypatch.setattr(realtime, "_send_all", sent.extend)
    first = CallEvent.objects.count()
    journal.record([said("RINGING", 0, number=number_of(0), context="RG-7")])
    journal.record([said("CONNECTED", 5, number=number_of(0))])
    live = [personal_of(ana, message, background) for group, message, background in sent if "user" in group]
    events = [message for message in live if message["type"] == "event"]
    [shown] = realtime.snapshot(ana)["calls"]
    replayed = realtime.replay(ana, first)
    decisions = [message["call"]["pop"] for message in events + replayed] + [shown["pop"]]
    assert len(decisions) == 5
    assert decisions == [decisions[0]] * 5
    assert decisions[0]["action"] == action
    assert bool(decisions[0]["url"]) == (action == "open_record")


def personal_of(user, message, background):
    from django_voipcti import personal

    return personal.make(message, background, phonebook.Viewer(user))


def test_a_number_on_the_ignore_list_shows_nothing(ana):
    phonebook.ignore(number_of(1))
    journal.record([said("RINGING", 0, number=number_of(1))])
    [shown] = realtime.snapshot(ana)["calls"]
    assert shown["pop"] == {"action": "log_only", "reason": "The number is on the ignore list.", "url": ""}


def test_the_form_of_an_unknown_caller_is_opened_for_those_who_may_fill_it_in(ana, register):
    register(Contact, numbers=["phone"], label="name", create_url="/contacts/new/")
    PopRule.objects.create(name="Enter strangers", matches="none", action="open_form")
    ben = user_with("ben")
    make_line(ben, "602")
    journal.record([said("RINGING", 0), said("RINGING", 1, line="602", call="c2")])
    [of_ana] = realtime.snapshot(ana)["calls"]
    [of_ben] = realtime.snapshot(ben)["calls"]
    address = "/contacts/new/?phone=%2B442079460123"
    assert of_ana["create"] == [{"model": "testapp.contact", "label": "New contact", "url": address}]
    assert (of_ana["pop"]["action"], of_ana["pop"]["url"]) == ("open_form", address)
    assert (of_ben["create"], of_ben["pop"]["action"], of_ben["pop"]["url"]) == ([], "pop", "")


def bad_address(number):
    raise RuntimeError(f"no form for {number}")


def test_a_form_whose_address_cannot_be_made_is_left_out(ana, register, caplog):
    register(Contact, numbers=["phone"], label="name", create_url=bad_address)
    journal.record([said("RINGING", 0)])
    [shown] = realtime.snapshot(ana)["calls"]
    assert shown["create"] == []
    assert "No form for a new testapp.Contact: RuntimeError" in caplog.text
    assert "2079460123" not in caplog.text


@pytest.mark.parametrize(("number", "about"), [("602", None), ("anonymous", None), ("+442079460123", "GB")])
def test_what_the_number_tells(ana, number, about):
    journal.record([said("RINGING", 0, number=number)])
    [shown] = realtime.snapshot(ana)["calls"]
    assert (shown["about"] and shown["about"]["country"]) == about


def test_pages_are_told_of_the_call_alone_when_the_database_is_away(ana, monkeypatch, caplog):
    """A call that rings is worth more than what goes with it."""
    [event] = journal.record([said("RINGING", 0)])
    sent = []
    monkeypatch.setattr(realtime, "_send_all", sent.extend)
    told = [realtime.Told(event=event, call=event.call, previous=None)]
    with connection.execute_wrapper(_away):
        realtime.publish(told)
    assert [message["name"] for _group, message, _background in sent] == ["RINGING"] * len(sent)
    assert sent
    assert "less than there is to know" in caplog.text


def _away(*_arguments):
    from django.db import OperationalError

    raise OperationalError("the database is away")
