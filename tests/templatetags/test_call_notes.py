"""Saved notes and outcomes under the calls of a record: who reads what, and what they cost."""

from datetime import date

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext

from django_voipcti import html, notes
from django_voipcti.models import Call, CallOutcome
from django_voipcti.notes import Content
from tests.calllog.story import LONDON, outbound, ring_group
from tests.journal.conftest import agents  # noqa: F401
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

TAGS = ["call_history", "call_timeline"]


@pytest.fixture
def ada(db):
    return Contact.objects.create(name="Ada", phone=LONDON)


@pytest.fixture
def call(agents, ada):  # noqa: F811
    """A conversation that rang at Ana's and Ben's lines, and that Ana answered: Ana's leg."""
    ring_group("one", lines=("601", "602"), answered_by="601")
    return Call.objects.get(external_id="one-601")


@pytest.fixture
def again(db):
    return CallOutcome.objects.create(name="Call again", asks_for_date=True)


def user(*codenames):
    """A user without a line."""
    made = get_user_model().objects.create_user("sue")
    made.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


def page(tag, record, viewer):
    return Template(f"{{% load voipcti %}}{{% {tag} record %}}").render(Context({"record": record, "user": viewer}))


@pytest.mark.parametrize("tag", TAGS)
def test_text_outcome_day_and_author_stand_under_the_call(call, ada, again, agents, tag):  # noqa: F811
    ana = agents[0].user
    notes.save(ana, call.pk, Content(text="Wants <two>\nchairs.", outcome=again, follow_up_on=date(2026, 12, 1)))
    shown = page(tag, ada, ana)
    assert "Wants &lt;two&gt;<br>chairs." in shown
    assert '<strong class="voipcti-outcome">Call again</strong>' in shown
    assert "follow up on 12/01/2026" in shown
    assert "<cite>ana</cite>" in shown


@pytest.mark.parametrize("tag", TAGS)
def test_who_sees_another_leg_of_the_conversation_reads_the_notes_on_it(call, ada, agents, tag):  # noqa: F811
    notes.save(agents[0].user, call.pk, Content(text="Wants chairs."))
    assert "Wants chairs." in page(tag, ada, agents[1].user)


@pytest.mark.parametrize("tag", TAGS)
def test_who_sees_no_call_of_it_reads_none(call, ada, agents, tag):  # noqa: F811
    notes.save(agents[0].user, call.pk, Content(text="Wants chairs."))
    for stranger in (agents[2].user, AnonymousUser(), None):
        assert "chairs" not in page(tag, ada, stranger)


@pytest.mark.parametrize("tag", TAGS)
def test_drafts_are_shown_to_nobody(call, ada, agents, tag):  # noqa: F811
    notes.keep_draft(agents[0].user, call.pk, Content(text="Wants"))
    assert "voipcti-notes" not in page(tag, ada, agents[0].user)


@pytest.mark.parametrize("tag", TAGS)
def test_an_outcome_alone_is_a_note(call, ada, again, agents, tag):  # noqa: F811
    notes.set_outcome(agents[0].user, call.pk, again)
    shown = page(tag, ada, agents[0].user)
    assert "Call again" in shown
    assert "<q" not in shown


@pytest.mark.parametrize("tag", TAGS)
def test_numbers_in_others_notes_are_masked_for_who_may_not_see_them(call, ada, agents, tag):  # noqa: F811
    notes.save(agents[0].user, call.pk, Content(text="Better on 020 7946 0999."))
    watcher = user("watch_lines")
    notes.save(watcher, call.pk, Content(text="Or 020 7946 0888."))
    shown = page(tag, ada, watcher)
    assert "0999" not in shown
    assert "*999" in shown
    assert "Or 020 7946 0888." in shown
    assert "Better on 020 7946 0999." in page(tag, ada, agents[0].user)
    watcher.user_permissions.add(Permission.objects.get(codename="view_full_number"))
    watcher = get_user_model().objects.get(pk=watcher.pk)
    assert "Better on 020 7946 0999." in page(tag, ada, watcher)


@pytest.mark.parametrize("entries", [html.history_entries, html.timeline_entries])
def test_they_cost_the_same_for_any_number_of_calls_and_notes(ada, agents, entries):  # noqa: F811
    ana = agents[0].user

    def queries(count):
        for number in range(Call.objects.count(), count):
            outbound(f"c{number}", line="601", begin=-number)
            notes.save(ana, Call.objects.get(external_id=f"c{number}").pk, Content(text=f"Note {number}"))
        with CaptureQueriesContext(connection) as captured:
            found = entries(ada, ana, limit=100)
        assert [entry.notes[0].text for entry in found] == [f"Note {number}" for number in range(count)]
        return len(captured)

    entries(ada, ana)
    assert queries(3) == queries(30)
