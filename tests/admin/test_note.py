"""Notes in the admin: on the call's page, in a list of their own, and the outcomes to choose from."""

from datetime import date

import pytest
from django.urls import reverse

from django_voipcti import notes
from django_voipcti.models import CallNote, CallOutcome
from tests.admin.conftest import listed, shown


@pytest.fixture
def again(db):
    return CallOutcome.objects.create(name="Call again", asks_for_date=True)


def write(client, call, **fields):
    """Send the form of a call's page as its button does, and return the page that follows."""
    return client.post(reverse("admin:django_voipcti_call_note", args=[call.pk]), fields, follow=True).content.decode()


def test_a_note_is_written_changed_and_taken_away_on_the_calls_page(boss_client, boss, call, again):
    page = shown(boss_client, call)
    assert f'formaction="{reverse("admin:django_voipcti_call_note", args=[call.pk])}"' in page
    page = write(boss_client, call, text="Wants <the> offer.", outcome=again.pk, follow_up_on="2026-12-01")
    assert "Your note is saved." in page
    assert '<div class="voipcti-note-text">Wants &lt;the&gt; offer.</div>' in page
    assert '<span class="voipcti-badge ring">Call again</span>' in page
    note = CallNote.objects.get()
    assert (note.author, note.outcome, note.follow_up_on) == (boss, again, date(2026, 12, 1))
    assert "Your note is taken away." in write(boss_client, call, text="")
    assert not CallNote.objects.exists()


def test_what_was_typed_elsewhere_stands_in_the_form(boss_client, boss, call):
    notes.keep_draft(boss, call.pk, notes.Content(text="Wants the"))
    page = shown(boss_client, call)
    assert "What you typed on this call is not saved yet." in page
    assert "Wants the</textarea>" in page


def test_what_cannot_be_is_said_and_leaves_the_note(boss_client, boss, call, again):
    notes.save(boss, call.pk, notes.Content(text="Saved.", outcome=again))
    again.is_offered = False
    again.save()
    assert "Outcome: Select a valid choice." in write(boss_client, call, text="x", outcome="4711")
    assert CallNote.objects.get().text == "Saved."
    write(boss_client, call, text="Changed.", outcome=again.pk)  # retired, but chosen already
    assert (CallNote.objects.get().text, CallNote.objects.get().outcome) == ("Changed.", again)


def test_calls_that_may_not_be_seen_take_no_notes(staff, client, call):
    staff("view_call")
    page = write(client, call, text="x")
    assert "There is no such call, or you may not see it." in page
    assert not CallNote.objects.exists()


def test_digits_in_what_others_wrote_are_masked(staff, client, boss, call):
    notes.save(boss, call.pk, notes.Content(text="Ring her on 07700 900123."))
    staff("view_call", "view_callnote", "watch_lines")
    note = CallNote.objects.get()
    for page in (shown(client, call), shown(client, note), listed(client, "callnote")):
        assert "Ring her on" in page
        assert "900123" not in page


def test_notes_are_listed_and_found_by_words(boss_client, boss, call):
    notes.save(boss, call.pk, notes.Content(text="Wants the offer by Friday."))
    assert "by Friday" in listed(boss_client, "callnote", q="offer fri")
    assert "by Friday" not in listed(boss_client, "callnote", q="monday")


def test_drafts_are_not_listed_nor_others_notes(staff, client, boss, call):
    notes.keep_draft(boss, call.pk, notes.Content(text="Wants the"))
    user = staff("view_callnote", "view_call")
    assert "Wants the" not in listed(client, "callnote")
    notes.save(boss, call.pk, notes.Content(text="Wants the"))
    assert "Wants the" not in listed(client, "callnote")
    call.line.user = user
    call.line.save()
    assert "Wants the" in listed(client, "callnote")


def test_outcomes_are_edited_in_their_list(boss_client, again):
    assert "Call again" in listed(boss_client, "calloutcome")
    data = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": again.pk, "form-0-position": 3, "_save": "1"}
    boss_client.post(reverse("admin:django_voipcti_calloutcome_changelist"), data)
    again.refresh_from_db()
    assert (again.position, again.is_offered, again.asks_for_date) == (3, False, False)
