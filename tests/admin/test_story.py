"""Why a call did, or did not, pop: each way that it can go, told as a story on the call's page."""

import re

import pytest
from django.utils.html import strip_tags

from django_voipcti import journal
from django_voipcti.models import Call, CallTrace, Line, PageOutcome, PopRule, TraceStep
from tests.admin.conftest import LONDON, shown
from tests.journal.conftest import at, said
from tests.testapp.models import Contact


def story(client, call):
    """The section as plain text, its lines parted by single blanks."""
    section = shown(client, call).partition("voipcti-story")[2].partition("</section>")[0].partition(">")[2]
    return " ".join(strip_tags(section).split())


def verdict(client, call):
    """The sentence on top, with its tone."""
    found = re.search(r'class="voipcti-result (\w+)">([^<]+)', shown(client, call))
    return found[1], found[2]


@pytest.fixture
def ringing(line):
    """A call that rings at Ana's line."""
    journal.record([said("RINGING", 0, number=LONDON)])
    return Call.objects.get()


@pytest.fixture
def note(ringing):
    """Return `note(step, seconds, ...)`: write a step of the ringing call's way down."""

    def write(step, seconds, user=ringing.line.user, socket="", event="RINGING", **facts):
        return CallTrace.objects.create(
            call=ringing, step=step, at=at(seconds), user=user, socket=socket, event=event, facts=facts
        )

    return write


def told(note, **facts):
    return note(TraceStep.TOLD, 0.01, **{"action": "pop", "reason": "No rule applies.", "found": 0, **facts})


def test_a_pop_that_went_well_is_told_in_order_with_milliseconds(boss_client, ringing, note):
    told(note)
    note(TraceStep.DELIVERED, 0.02, socket="aa11", way="live", own=True)
    note(TraceStep.SHOWN, 0.043, socket="aa11", outcome=PageOutcome.SHOWN, hidden=False, after=14)
    assert verdict(boss_client, ringing) == ("good", "It was on the screen of ana 43 ms after the call came.")
    text = story(boss_client, ringing)
    parts = [
        "+0.010 s No rule applies. What the page does:",
        "+0.010 s Told to the pages of ana, who uses the line",
        "+0.020 s Page aa11 of ana, who uses the line, got it.",
        "+0.043 s Page aa11 of ana: it was shown, 14 ms after the message came.",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_witness_and_how_its_number_was_read_stand_in_it(boss_client, ringing, note):
    told(note, region="GB")
    text = story(boss_client, ringing)
    assert "SIP event: ringing. Recorded " in text
    assert f"The number {LONDON} was read as +44 20 7946 0123" in text
    assert "No record has this number." in text


def test_candidates_stand_with_how_sure_they_are(boss_client, line):
    Contact.objects.create(name="Ada", phone="020 7946 0123")
    [event] = journal.record([said("RINGING", 0, number=LONDON)])
    from django_voipcti import phonebook

    matches = phonebook.lookup(LONDON, region="GB")
    CallTrace.objects.create(
        call=event.call,
        step=TraceStep.TOLD,
        at=at(0),
        user=line.user,
        facts={"found": 1, "candidates": [matches[0].packed()]},
    )
    text = story(boss_client, event.call)
    assert "1 record has this number." in text
    assert "Ada very likely The same number without a country code, written “020 7946 0123”." in text


def test_what_the_viewer_may_not_know_is_masked(staff, client, line):
    Contact.objects.create(name="Ada", phone=LONDON)
    [event] = journal.record([said("RINGING", 0, number=LONDON)])
    from django_voipcti import phonebook

    [match] = phonebook.lookup(LONDON)
    CallTrace.objects.create(
        call=event.call,
        step=TraceStep.TOLD,
        at=at(0),
        user=line.user,
        facts={"found": 1, "candidates": [match.packed()], "reason": f"Rule “{LONDON}”.", "action": "pop"},
    )
    staff("view_call", "watch_lines")
    page = shown(client, event.call)
    for secret in ("Ada", LONDON, "20 7946 0123", "0794601", "442079460"):
        assert secret not in page
    assert "Known contact" in page


def test_a_rule_is_named_and_linked(boss_client, ringing, note):
    rule = PopRule.objects.create(name="Quiet", action="log_only")
    told(note, action="log_only", rule=rule.pk, reason="Rule “Quiet”.")
    assert verdict(boss_client, ringing) == ("wait", "It did not pop, and was not to. Rule “Quiet”.")
    assert f"/poprule/{rule.pk}/change/" in shown(boss_client, ringing)


def test_a_record_entered_since_is_named(boss_client, ringing, note):
    told(note)
    assert "Since then" not in story(boss_client, ringing)
    Contact.objects.create(name="Late Ada", phone=LONDON)
    assert "Since then this number has been entered for: Late Ada" in story(boss_client, ringing)


def test_no_open_page(boss_client, ringing, note):
    told(note)
    assert verdict(boss_client, ringing) == ("bad", "It did not pop: no page of ana was open and connected.")


def test_a_page_that_got_it_and_said_nothing(boss_client, ringing, note):
    told(note)
    note(TraceStep.DELIVERED, 0.02, socket="aa11", way="live", own=True)
    tone, text = verdict(boss_client, ringing)
    assert tone == "bad"
    assert text.startswith("A page of ana got it and never said that it was shown")


def test_a_page_that_kept_it_back_says_why(boss_client, ringing, note):
    told(note)
    note(TraceStep.DELIVERED, 0.02, socket="aa11", way="live", own=True)
    note(TraceStep.SHOWN, 0.04, socket="aa11", outcome=PageOutcome.DO_NOT_DISTURB, hidden=True, after=3)
    tone, text = verdict(boss_client, ringing)
    assert (tone, "does not want to be disturbed" in text) == ("wait", True)
    assert "The browser showed another tab or program." in story(boss_client, ringing)


def test_who_watches_is_not_taken_for_the_user(boss_client, ringing, note, agents):
    told(note)
    note(TraceStep.DELIVERED, 0.02, user=agents[1].user, socket="bb22", way="live", own=False)
    note(TraceStep.SHOWN, 0.04, user=agents[1].user, socket="bb22", outcome=PageOutcome.SHOWN, hidden=False, after=3)
    assert verdict(boss_client, ringing)[0] == "bad"
    assert "Page bb22 of ben, who watches the line, got it." in story(boss_client, ringing)


def test_the_other_ways_to_a_page_are_told_apart(boss_client, ringing, note):
    told(note)
    note(TraceStep.DELIVERED, 1, socket="aa11", way="snapshot", own=True)
    note(TraceStep.DELIVERED, 2, socket="cc33", way="replay", own=True)
    text = story(boss_client, ringing)
    assert "Page aa11 of ana was opened meanwhile and found the call." in text
    assert "Page cc33 of ana came back and was told what it had missed." in text


def test_a_channel_layer_that_was_away(boss_client, ringing, note):
    told(note)
    note(TraceStep.LOST, 0.005, user=None, problem="ConnectionError")
    assert verdict(boss_client, ringing)[1].startswith("It did not pop: the channel layer was away.")
    assert "(ConnectionError)" in story(boss_client, ringing)


def test_a_line_without_a_user(boss_client, ringing, note):
    Line.objects.update(user=None)
    told(note, user=None)
    assert verdict(boss_client, ringing)[1].startswith("It popped for nobody")


def test_a_call_from_the_history_was_never_to_pop(boss_client, line):
    journal.record([said("HANGUP", 60, number=LONDON, source="cdr", started_at=at(0))], tell_pages=False)
    tone, text = verdict(boss_client, Call.objects.get())
    assert (tone, text) == ("wait", "It came from the provider’s history when it was over: nothing pops up for that.")


def test_a_call_of_which_nobody_said_that_it_rings(boss_client, line):
    journal.record([said("CONNECTED", 0, number=LONDON)])
    assert "Nobody ever said that it rings" in verdict(boss_client, Call.objects.get())[1]


def test_a_call_whose_way_is_not_on_record(boss_client, ringing, settings):
    assert "TRACE_POPS" in verdict(boss_client, ringing)[1]
    settings.VOIPCTI = {**settings.VOIPCTI, "TRACE_POPS": True}
    assert "not, or not any more, on record" in verdict(boss_client, ringing)[1]


@pytest.mark.parametrize("number", ["", "602"])
def test_callers_that_nobody_looks_up(boss_client, agents, number):
    journal.record([said("RINGING", 0, number=number)])
    text = story(boss_client, Call.objects.get())
    assert ("a colleague’s" if number else "No number was shown") in text
