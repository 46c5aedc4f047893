"""Missed calls as work: which conversations open a duty, what closes it, who hears of it when it is late."""

import logging
from datetime import timedelta
from itertools import permutations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.template import Context, Template
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from django_voipcti import duties, html, journal, signals, tasks
from django_voipcti.enums import Direction, EndReason
from django_voipcti.models import Call, Line, MissedCall
from tests.admin.conftest import boss, boss_client, staff  # noqa: F401
from tests.calllog.story import LONDON, MOBILE, outbound, ring_group
from tests.journal.conftest import agents, at, line, said  # noqa: F401
from tests.settings import VOIPCTI
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

with_deadline = override_settings(VOIPCTI=VOIPCTI | {"CALLBACK_DEADLINE": 30})


def test_a_conversation_that_nobody_answered_opens_one_duty(agents):  # noqa: F811
    ring_group("one")
    missed = MissedCall.objects.open().get()
    assert (missed.call.line, missed.missed_at, missed.due_at) == (agents[0], at(20), None)
    assert missed.outcome == ""


def test_answered_elsewhere_is_never_missed(agents):  # noqa: F811
    ring_group("one", answered_by="603")
    assert not MissedCall.objects.exists()


def test_nothing_is_open_while_another_line_rings_still(agents):  # noqa: F811
    journal.record(
        [
            said("RINGING", 0, line="601", call="a", conversation_id="one"),
            said("RINGING", 0, line="602", call="b", conversation_id="one"),
            said("HANGUP", 10, line="601", call="a", conversation_id="one"),
        ]
    )
    assert not MissedCall.objects.exists()
    journal.record([said("HANGUP", 12, line="602", call="b", conversation_id="one")])
    assert MissedCall.objects.get().missed_at == at(12)


def test_a_duty_is_withdrawn_when_it_turns_out_that_somebody_had_answered(agents):  # noqa: F811
    ring_group("one", lines=("601", "602"))
    assert MissedCall.objects.count() == 1
    journal.record(
        [
            said(
                "HANGUP",
                40,
                line="602",
                call="one-602",
                source="cdr",
                conversation_id="one",
                answered_at=at(5),
                end_reason=EndReason.COMPLETED,
            )
        ]
    )
    assert not MissedCall.objects.exists()


@pytest.mark.parametrize("number", ["", "anonymous", "602"])
def test_nobody_can_be_called_back_without_a_number_and_colleagues_see_it_themselves(agents, number):  # noqa: F811
    ring_group("one", lines=("601",), number=number)
    assert Call.objects.missed().count() == 1
    assert not MissedCall.objects.exists()


def test_old_history_is_no_work(agents):  # noqa: F811
    ring_group("one", begin=-timedelta(days=15).total_seconds())
    assert Call.objects.missed().exists()
    assert not MissedCall.objects.exists()


def test_a_call_back_by_anybody_closes_it_and_says_after_how_long(agents):  # noqa: F811
    ring_group("one", lines=("601",))
    outbound("back", line="602", begin=20 + 295)
    missed = MissedCall.objects.get()
    assert (missed.closed_at, missed.closed_by, missed.closed_by_call.line) == (at(320), agents[1].user, agents[1])
    assert missed.outcome == "called back by ben after 5\xa0minutes"


def test_an_attempt_that_is_not_answered_leaves_it_open(agents):  # noqa: F811
    ring_group("one")
    outbound("back", answered=False)
    assert MissedCall.objects.open().count() == 1


def test_it_closes_as_soon_as_they_talk(agents):  # noqa: F811
    ring_group("one")
    journal.record([said("CONNECTED", 60, call="back", direction=Direction.OUTBOUND)])
    assert not MissedCall.objects.open().exists()


def test_any_number_of_the_contact_closes_it(agents):  # noqa: F811
    Contact.objects.create(name="Ada", phone=LONDON, mobile=MOBILE)
    ring_group("one")
    outbound("back", number=MOBILE)
    assert not MissedCall.objects.open().exists()


def test_a_strangers_conversation_and_an_earlier_one_do_not(agents):  # noqa: F811
    outbound("before", begin=-100)
    ring_group("one")
    outbound("stranger", number=MOBILE)
    assert MissedCall.objects.open().count() == 1


def test_the_caller_who_gets_through_himself_closes_all_his(agents):  # noqa: F811
    ring_group("one")
    ring_group("two", begin=60)
    ring_group("three", begin=120, answered_by="603")
    assert [missed.outcome for missed in MissedCall.objects.order_by("pk")] == [
        "called again after 1\xa0minute, answered by cy",
        "called again after 0\xa0minutes, answered by cy",
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_witnesses_does_not_matter(agents, order):  # noqa: F811
    told = [
        lambda: ring_group("one", lines=("601",)),
        lambda: ring_group("two", lines=("602",), begin=40),
        lambda: outbound("back"),
    ]
    for index in order:
        told[index]()
    assert {missed.closed_at for missed in MissedCall.objects.all()} == {at(105)}
    assert MissedCall.objects.count() == 2


def test_settling_again_changes_nothing(agents):  # noqa: F811
    ring_group("one")
    ring_group("two", number=MOBILE)
    outbound("back")
    before = list(MissedCall.objects.values())
    duties.settle([call.pk for call in Call.objects.all()])
    assert list(MissedCall.objects.values()) == before


def test_a_failure_here_harms_neither_the_record_nor_the_caller(agents, caplog):  # noqa: F811
    with override_settings(VOIPCTI=VOIPCTI | {"CALLBACK_DEADLINE": "soon"}), caplog.at_level(logging.ERROR):
        ring_group("one")
    assert Call.objects.missed().count() == 3
    assert not MissedCall.objects.exists()
    assert "on_commit" in caplog.text
    tasks.watch_missed_calls()
    assert MissedCall.objects.count() == 1


@pytest.fixture
def overdue():
    """What the host heard."""
    heard = []

    def receiver(missed, **kwargs):
        heard.append(missed)

    signals.callback_overdue.connect(receiver)
    yield heard
    signals.callback_overdue.disconnect(receiver)


@with_deadline
def test_the_host_hears_once_of_what_is_late(agents, overdue):  # noqa: F811
    ring_group("one", begin=-100)
    ring_group("two", number=MOBILE, begin=60)
    tasks.watch_missed_calls()
    tasks.watch_missed_calls()
    assert [missed.call.other_e164 for missed in overdue] == [LONDON]
    late, waiting = MissedCall.objects.order_by("missed_at")
    assert late.due_at == at(-50)
    assert late.late_told_at
    assert not waiting.late_told_at


@with_deadline
def test_what_was_called_back_in_time_is_never_late(agents, overdue):  # noqa: F811
    ring_group("one", begin=-100)
    outbound("back", begin=-75)
    tasks.watch_missed_calls()
    assert overdue == []


def test_users_see_those_that_rang_at_their_own_lines(agents):  # noqa: F811
    ring_group("one", lines=("601", "602"))
    ring_group("two", lines=("603",), number=MOBILE)
    seen = [MissedCall.objects.visible_to(agent.user).count() for agent in agents]
    assert seen == [1, 1, 1]
    assert MissedCall.objects.visible_to(get_user_model().objects.create_superuser("root")).count() == 2


def test_the_tag_lists_whom_to_call_back(agents):  # noqa: F811
    Contact.objects.create(name="Ada", phone=LONDON)
    ring_group("one", lines=("601",))
    ana, ben = agents[0].user, agents[1].user
    source = Template("{% load voipcti %}{% missed_calls who %}")
    page = source.render(Context({"who": ana, "user": ana}))
    assert "Known contact" in page
    assert "Ada" not in page
    ana.user_permissions.add(Permission.objects.get(codename="view_contact"))
    ana = type(ana).objects.get(pk=ana.pk)
    page = source.render(Context({"who": ana, "user": ana}))
    assert "Ada" in page
    assert f'data-voipcti-number="{LONDON}"' in page
    assert "Nobody waits" in source.render(Context({"who": ana, "user": ben}))
    assert "Nobody waits" in source.render(Context({"who": ana}))


def test_a_watcher_without_the_permission_sees_masked_numbers(agents, staff):  # noqa: F811
    ring_group("one", lines=("601",))
    (entry,) = html.missed_entries(agents[0].user, viewer=staff("watch_lines"))
    assert "0123" not in entry.number


def test_the_admin_lists_open_ones_and_ticks_them_off_in_bulk(agents, boss, boss_client):  # noqa: F811
    ring_group("one")
    ring_group("two", number=MOBILE)
    address = reverse("admin:django_voipcti_missedcall_changelist")
    chosen = [str(missed.pk) for missed in MissedCall.objects.all()]
    answer = boss_client.post(address, {"action": "tick_off", "_selected_action": chosen}, follow=True)
    assert "2 missed calls were ticked off." in answer.content.decode()
    assert {missed.closed_by for missed in MissedCall.objects.all()} == {boss}
    assert MissedCall.objects.first().outcome.startswith("ticked off by boss after")
    listed = {
        query: boss_client.get(address, query and {"duty": query}).context["cl"].result_count
        for query in ("", "done", "late", "all")
    }
    assert listed == {"": 0, "done": 2, "late": 0, "all": 2}


def test_ticking_off_needs_the_permission_and_numbers_are_masked(agents, staff, client):  # noqa: F811
    ring_group("one")
    staff("view_missedcall", "watch_lines")
    address = reverse("admin:django_voipcti_missedcall_changelist")
    page = client.get(address).content.decode()
    assert "7946 0123" not in page
    client.post(address, {"action": "tick_off", "_selected_action": [str(MissedCall.objects.get().pk)]})
    assert MissedCall.objects.open().count() == 1


def test_the_sweep_looks_at_the_last_day_only(agents):  # noqa: F811
    Call.objects.bulk_create(
        [
            Call(
                line=Line.objects.first(),
                provider="default",
                external_id=f"c{days}",
                conversation_id=f"c{days}",
                direction=Direction.INBOUND,
                state="HANGUP",
                end_reason=EndReason.MISSED,
                other_e164=LONDON,
                **dict.fromkeys(
                    ("state_at", "created_at", "started_at", "ended_at"), timezone.now() - timedelta(days=days)
                ),
            )
            for days in (0, 2)
        ]
    )
    assert duties.sweep() == 1
    assert MissedCall.objects.get().conversation_id == "c0"
