"""The page of one call: the timeline, who said what, commands, and the calls around it."""

import re

from django.urls import reverse

from django_voipcti import control, journal
from django_voipcti.enums import LineStatus
from django_voipcti.models import Call
from tests.admin.conftest import LONDON, shown
from tests.journal.conftest import at, said
from tests.testapp.models import Contact


def segments(page):
    """States of the drawn bar, in order."""
    return re.findall(r'class="segment (\w+)"', page)


def test_the_timeline_shows_each_state_in_order(boss_client, call):
    assert segments(shown(boss_client, call)) == ["ringing", "connected", "on_hold", "connected"]


def test_the_timeline_works_under_a_strict_policy(boss_client, call):
    drawing = shown(boss_client, call).partition("voipcti-timeline")[2].partition("</svg>")[0]
    assert "style=" not in drawing
    assert "<style" not in drawing
    assert "onclick" not in drawing


def test_every_witness_is_listed_also_those_that_changed_nothing(boss_client, call):
    page = shown(boss_client, call)
    assert page.count("changed the call") == 5
    assert page.count("nothing new") == 1
    assert "+4.000 s" in page
    assert "+64.000 s" in page


def test_what_was_received_can_be_read(boss_client, call):
    assert "&quot;state&quot;: &quot;early&quot;" in shown(boss_client, call)


def test_it_says_whom_outside_directories_know_under_the_number(boss_client, line):
    [event] = journal.record([said("RINGING", 0, number=LONDON)])
    [call] = journal.note_directory([event.call_id], [{"label": "Acme <Ltd>", "source": "suppliers"}])
    assert "Acme &lt;Ltd&gt; (suppliers)" in shown(boss_client, call)


def test_a_recording_has_a_player_for_who_may_play_it(boss_client, staff, client, line):
    journal.record([said("CONNECTED", 0, number=LONDON), said("HANGUP", 9, recording="77")])
    call = Call.objects.get()
    player = f'<audio controls preload="none" src="{reverse("admin:django_voipcti_call_recording", args=[call.pk])}">'
    assert player in shown(boss_client, call)
    staff("view_call", "watch_lines")
    assert "<audio" not in shown(client, call)


def test_a_call_without_events_has_a_page(boss_client, line):
    from django_voipcti.redaction import PhoneNumber

    call = journal.open_call(line, PhoneNumber(LONDON), now=at(0))
    page = shown(boss_client, call)
    assert "voipcti-timeline" not in page
    assert "Nothing was heard of this call yet." in page


def test_commands_stand_with_who_asked_and_what_came_of_them(boss_client, line):
    line.set_secrets({"token": "t"})
    line.save()
    line.set_status(LineStatus.READY)
    control.place_call(line.user, LONDON)
    page = shown(boss_client, Call.objects.get())
    assert "Commands" in page
    assert ">ana<" in page
    assert ">waiting<" in page


def test_the_other_legs_of_the_conversation_are_linked(boss_client, agents):
    journal.record(
        [
            said("RINGING", 0, line="601", call="leg-1", conversation_id="root"),
            said("RINGING", 0, line="602", call="leg-2", conversation_id="root"),
            said("RINGING", 0, line="603", call="other", conversation_id="elsewhere"),
        ]
    )
    first, second, _third = Call.objects.order_by("pk")
    legs = shown(boss_client, first).partition("Other legs of this conversation")[2].partition("</section>")[0]
    assert reverse("admin:django_voipcti_call_change", args=[second.pk]) in legs
    assert legs.count("<tr>") == 2, "a head and one leg"


def test_other_calls_of_the_contact_are_listed_without_this_one(boss_client, line):
    Contact.objects.create(name="Ada", phone=LONDON)
    journal.record(
        [
            said("RINGING", 0, call="c1", number=LONDON),
            said("RINGING", 1, call="c2", number=LONDON),
            said("RINGING", 2, call="c3", number="+442079460999"),
        ]
    )
    first, second, _third = Call.objects.order_by("pk")
    others = shown(boss_client, first).partition("Other calls with this contact")[2].partition("</section>")[0]
    assert reverse("admin:django_voipcti_call_change", args=[second.pk]) in others
    assert others.count("<tr>") == 2


def test_a_reason_that_we_worked_out_says_so(boss_client, call):
    assert "completed (worked out, the provider did not say)" in shown(boss_client, call)
