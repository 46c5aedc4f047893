"""Notes on calls: drafts, saving, who reads what, outcomes, words that find them, and what erasure leaves."""

import threading
from datetime import date

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import connection, connections, transaction
from django.db.models import ProtectedError

from django_voipcti import callers, journal, notes, signals
from django_voipcti.exceptions import CommandRefused
from django_voipcti.journal.erasure import delete_calls
from django_voipcti.models import Call, CallNote, CallOutcome
from django_voipcti.notes import Content
from tests.calllog.story import LONDON, outbound, ring_group
from tests.calllog.test_person import exported, person
from tests.journal.conftest import agents, line, said  # noqa: F401
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]


@pytest.fixture
def ana(agents):  # noqa: F811
    return agents[0].user


@pytest.fixture
def ben(agents):  # noqa: F811
    return agents[1].user


@pytest.fixture
def call(agents):  # noqa: F811
    """A call that Ana talks on."""
    journal.record([said("RINGING", 0), said("CONNECTED", 5)])
    return Call.objects.get()


@pytest.fixture
def again(db):
    return CallOutcome.objects.create(name="Call again", asks_for_date=True)


@pytest.fixture
def told():
    """Notes that the signal told of."""
    found = []

    def hear(note, **kwargs):
        found.append((note.text, str(note.outcome or "")))

    signals.call_noted.connect(hear)
    yield found
    signals.call_noted.disconnect(hear)


def code_of(refusal):
    return refusal.value.code


# --- drafts -----------------------------------------------------------------------------------------------------------


def test_what_is_typed_is_kept_for_its_author_alone_until_it_is_saved(call, ana, told):
    watcher = get_user_model().objects.create_superuser("root")
    notes.keep_draft(ana, call.pk, Content(text="Wants the"))
    notes.keep_draft(ana, call.pk, Content(text="Wants the offer"))
    [draft] = notes.drafts(ana)
    assert (draft.draft_text, draft.text, draft.saved_at) == ("Wants the offer", "", None)
    assert notes.drafts(watcher) == []
    assert [note.draft_text for note in notes.notes_on(ana, call.pk)[1]] == ["Wants the offer"]
    assert notes.notes_on(watcher, call.pk)[1] == []
    assert told == []


def test_saving_takes_the_place_of_the_draft_and_of_what_was_saved_before(call, ana, again, told):
    notes.keep_draft(ana, call.pk, Content(text="Wants"))
    notes.save(ana, call.pk, Content(text="  Wants the offer. \n", outcome=again, follow_up_on=date(2026, 12, 1)))
    notes.save(ana, call.pk, Content(text="Wants two offers.", outcome=again))
    note = CallNote.objects.get()
    assert (note.text, note.outcome, note.follow_up_on, note.author) == ("Wants two offers.", again, None, ana)
    assert note.saved_at is not None
    assert notes.drafts(ana) == []
    assert told == [("Wants the offer.", "Call again"), ("Wants two offers.", "Call again")]


def test_a_draft_on_a_saved_note_leaves_what_others_read(call, ana):
    notes.save(ana, call.pk, Content(text="Wants the offer."))
    notes.keep_draft(ana, call.pk, Content(text="Wants nothing"))
    assert CallNote.objects.get().text == "Wants the offer."
    notes.throw_away(ana, call.pk)
    assert (CallNote.objects.get().text, notes.drafts(ana)) == ("Wants the offer.", [])


def test_what_says_nothing_leaves_no_row(call, ana, told):
    notes.keep_draft(ana, call.pk, Content(text="W"))
    notes.keep_draft(ana, call.pk, Content(text=""))
    assert not CallNote.objects.exists()
    notes.save(ana, call.pk, Content(text="Wants"))
    notes.save(ana, call.pk, Content(text=" "))
    assert not CallNote.objects.exists()
    notes.keep_draft(ana, call.pk, Content(text="W"))
    notes.throw_away(ana, call.pk)
    assert not CallNote.objects.exists()
    assert notes.throw_away(ana, call.pk) is None
    assert told == [("Wants", "")]


def test_the_version_rises_also_over_a_row_that_was_deleted(call, ana):
    versions = [notes.keep_draft(ana, call.pk, Content(text=text)).version for text in ("a", "", "b", "")]
    assert versions == sorted(set(versions))


def test_two_tabs_that_begin_at_once_make_one_note(call, ana):
    barrier, faults = threading.Barrier(4), []

    def type_text(text):
        try:
            barrier.wait(10)
            notes.keep_draft(ana, call.pk, Content(text=text))
        except Exception as fault:
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=type_text, args=(text,)) for text in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert CallNote.objects.count() == 1


def test_a_draft_stays_with_the_call_when_the_contact_is_made_after_hanging_up(call, ana):
    notes.keep_draft(ana, call.pk, Content(text="Is Ada."))
    journal.record([said("HANGUP", 30)])
    ada = Contact.objects.create(name="Ada", phone=LONDON)
    callers.link_earlier(LONDON)
    [draft] = notes.drafts(ana)
    assert (draft.draft_text, draft.call.contact) == ("Is Ada.", ada)
    notes.save(ana, call.pk, Content(text="Is Ada."))
    calls = list(Call.objects.for_object(ada))
    assert [note.text for note in CallNote.objects.of_calls(calls)[call.pk]] == ["Is Ada."]


# --- who reads what ---------------------------------------------------------------------------------------------------


def test_a_note_is_shown_on_every_leg_of_the_conversation_and_on_no_other_call(agents, ana, ben):  # noqa: F811
    ring_group("one", answered_by="601", lines=("601", "602"))
    outbound("other", line="602")
    mine, other_leg = Call.objects.filter(conversation_id="one").order_by("line")
    notes.save(ana, mine.pk, Content(text="Ours."))
    found = CallNote.objects.of_calls(list(Call.objects.order_by("pk")))
    texts = {call.external_id: [note.text for note in found[call.pk]] for call in Call.objects.all()}
    assert texts == {"one-601": ["Ours."], "one-602": ["Ours."], "other": []}
    assert CallNote.objects.visible_to(ben).get().text == "Ours."
    notes.save(ana, mine.pk, Content(text="Ours, changed."))
    notes.save(ben, other_leg.pk, Content(text="And mine."))
    assert [note.text for note in notes.notes_on(ana, mine.pk)[1]] == ["Ours, changed.", "And mine."]


def test_calls_of_others_take_no_notes(call, ben):
    for refused in (
        lambda: notes.keep_draft(ben, call.pk, Content(text="x")),
        lambda: notes.save(ben, call.pk, Content(text="x")),
        lambda: notes.set_outcome(ben, call.pk, None),
        lambda: notes.throw_away(ben, call.pk),
        lambda: notes.notes_on(ben, call.pk),
        lambda: notes.notes_on(AnonymousUser(), call.pk),
        lambda: notes.notes_on(ben, "x"),
    ):
        with pytest.raises(CommandRefused) as refusal:
            refused()
        assert code_of(refusal) == "unknown_call"
    assert not CallNote.objects.visible_to(ben).exists()
    ben.user_permissions.add(Permission.objects.get(codename="watch_lines"))
    ben = get_user_model().objects.get(pk=ben.pk)
    notes.save(ben, call.pk, Content(text="x"))
    assert CallNote.objects.visible_to(ben).get().text == "x"


def test_a_note_outlives_its_author(call, ana, agents):  # noqa: F811
    watcher = get_user_model().objects.create_superuser("root", last_name="Root")
    notes.save(watcher, call.pk, Content(text="Wants the offer."))
    assert CallNote.objects.get().author_name == "Root"
    watcher.delete()
    assert (CallNote.objects.get().author, CallNote.objects.get().author_name) == (None, "")
    notes.save(ana, call.pk, Content(text="Mine."))
    assert CallNote.objects.count() == 2


# --- outcomes ---------------------------------------------------------------------------------------------------------


def test_an_outcome_is_chosen_without_touching_what_is_written_or_typed(call, ana, again, told):
    notes.save(ana, call.pk, Content(text="Saved."))
    notes.keep_draft(ana, call.pk, Content(text="Typing"))
    note = notes.set_outcome(ana, call.pk, again)
    assert (note.text, note.outcome, note.draft_text, note.draft_outcome) == ("Saved.", again, "Typing", again)
    assert told[-1] == ("Saved.", "Call again")


def test_an_outcome_in_use_is_retired_and_stays_where_it_is(call, ana, again):
    notes.save(ana, call.pk, Content(outcome=again))
    with pytest.raises(ProtectedError):
        again.delete()
    again.is_offered = False
    again.save()
    assert list(CallOutcome.objects.offered()) == []
    assert notes.read_content("", str(again.pk)).outcome == again


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("x" * 4001,), "invalid_argument"),
        (("", "", "2026-02-30"), "invalid_argument"),
        (("", "", "tomorrow"), "invalid_argument"),
        (("", "4711"), "unknown_outcome"),
        (("", "x"), "unknown_outcome"),
        (("", "9" * 30), "unknown_outcome"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(db, arguments, code):
    with pytest.raises(CommandRefused) as refusal:
        notes.read_content(*arguments)
    assert code_of(refusal) == code


# --- finding, export, erasure, age ------------------------------------------------------------------------------------


def test_words_and_beginnings_of_words_find_saved_notes(call, ana):
    notes.save(ana, call.pk, Content(text="Möchte das Angebot bis Freitag."))
    for text in ("angebot", "Freitag, Angebot", "ange", "MÖCHTE" if connection.vendor == "postgresql" else "chte"):
        assert CallNote.objects.saying(text).count() == 1, text
    for text in ("Samstag", "Angebot Samstag", "", "!?", "& | ! :* ( '"):
        assert not CallNote.objects.saying(text).exists(), text
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # the planner reads a table this small
            assert "voipcti_note_words" in CallNote.objects.saying("offer friday").explain()


def test_a_person_is_exported_with_notes_and_erased_without(agents, ana, ben, again):  # noqa: F811
    ring_group("one", answered_by="601", lines=("601",))
    # Ben was asked to take over: his leg is with a colleague, not with the caller.
    journal.record([said("CONNECTED", 8, line="602", call="asked", number="601", conversation_id="one")])
    journal.record([said("HANGUP", 20, line="602", call="asked", number="601", conversation_id="one")])
    outbound("stranger", number="+442079469999")
    first, asked, stranger = Call.objects.order_by("pk")
    notes.save(ana, first.pk, Content(text="Ada is angry.", outcome=again))
    notes.save(ben, asked.pk, Content(text="Ada wants money back."))
    notes.save(ben, stranger.pk, Content(text="Nice man."))
    rows = [row["text"] for row in exported(LONDON) if row["kind"] == "call_note"]
    assert rows == ["Ada is angry.", "Ada wants money back."]
    person("erase", LONDON, "--yes")
    left = {(note.call.external_id, note.text, note.outcome) for note in CallNote.objects.all()}
    assert left == {("one-601", "", again), ("stranger", "Nice man.", None)}


def test_a_call_that_is_deleted_takes_its_notes_along(call, ana):
    notes.save(ana, call.pk, Content(text="x"))
    delete_calls([call.pk])
    assert not CallNote.objects.exists()
