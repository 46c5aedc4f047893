"""Linking calls after they were recorded: beside whatever else is written about them at the same moment."""

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import journal, phonebook
from django_voipcti.models import Call
from tests.journal.conftest import said
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

NUMBER = "+442079460123"


@pytest.fixture
def grace(line):
    return Contact.objects.create(name="Grace", phone=NUMBER)


def at_once(*functions):
    """Run functions in threads that begin together; raise what they raise."""
    errors = []
    barrier = threading.Barrier(len(functions))

    def run(function):
        try:
            barrier.wait(10)
            function()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


def test_what_is_recorded_linked_and_answered_at_the_same_moment_is_all_kept(line):
    calls = []
    for number in range(8):
        [event] = journal.record([said("RINGING", 0, call=f"c{number}")])
        calls.append(event.call_id)
    Contact.objects.create(name="Grace", phone=NUMBER)
    found = phonebook.lookup(NUMBER)
    for number, pk in enumerate(calls):
        at_once(
            lambda number=number: journal.record([said("CONNECTED", 3, call=f"c{number}")]),
            lambda pk=pk: journal.link({pk: found}),
            lambda pk=pk: journal.note_directory([pk], [{"label": "Acme"}]),
        )
    for call in Call.objects.all():
        assert (call.state, call.contact_label) == ("CONNECTED", "Grace")
        assert call.directory == [{"label": "Acme"}]


def test_an_answer_is_kept_once_and_names_only_who_has_no_name(grace):
    [event] = journal.record([said("RINGING", 0)])
    acme = {"label": "Acme", "company": "", "url": "", "source": "a"}
    [call] = journal.note_directory([event.call_id], [acme])
    assert journal.note_directory([event.call_id], [acme]) == []
    assert (call.other_name, call.known_name) == ("", "Grace")
    [stranger] = journal.record([said("RINGING", 0, call="c2", number="+442079460199")])
    [call] = journal.note_directory([stranger.call_id], [acme, {**acme, "label": "B"}])
    assert (call.known_name, len(call.directory)) == ("Acme", 2)


def test_colleagues_are_not_linked(agents):
    [event] = journal.record([said("RINGING", 0, number="602")])
    assert journal.link({event.call_id: phonebook.lookup("602")}) == []
    assert journal.note_directory([event.call_id], [{"label": "Acme"}]) == []


@pytest.mark.parametrize("size", [1, 40])
def test_a_batch_costs_a_fixed_number_of_queries(grace, size):
    journal.record([said("RINGING", 0, call=f"c{n}") for n in range(size)])
    Call.objects.update(contact_type=None, contact_id="", contact_label="", matches=0)
    found = dict.fromkeys(Call.objects.values_list("pk", flat=True), phonebook.lookup(NUMBER))
    with CaptureQueriesContext(connection) as queries:
        assert len(journal.link(found)) == size
    statements = [query["sql"] for query in queries if not query["sql"].startswith(("BEGIN", "COMMIT"))]
    # Lines of the calls, those locked, the calls, and the change.
    assert len(statements) == 4
