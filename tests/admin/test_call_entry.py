"""Calls that are entered by hand: by whom, of which lines, and that they count like any other."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from django_voipcti.calllog import manual
from django_voipcti.enums import Direction, EndReason
from django_voipcti.exceptions import CommandRefused
from django_voipcti.models import Call, CallNote, MissedCall
from tests.admin.conftest import LONDON, listed, shown
from tests.calllog.story import MOBILE, ring_group
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

ADD = "admin:django_voipcti_call_add"


def entered(line, **fields):
    hour_ago = timezone.now() - timedelta(hours=1)
    return manual.EnteredCall(
        **{"line": line, "direction": Direction.OUTBOUND, "number": LONDON, "started_at": hour_ago, **fields}
    )


def post(client, line, **fields):
    started = timezone.localtime() - timedelta(hours=1)
    data = {"line": line.pk, "direction": "OUTBOUND", "number": LONDON, "started_at": f"{started:%Y-%m-%dT%H:%M}"}
    return client.post(reverse(ADD), {**data, "minutes": "4", "text": "", **fields})


class TestEnter:
    def test_a_call_that_was_talked_stands_linked_in_the_log(self, line, boss):
        ada = Contact.objects.create(name="Ada", phone=LONDON)
        call = manual.enter(boss, entered(line, talk_time=timedelta(minutes=4)))
        assert (call.other_e164, call.contact, call.end_reason) == (LONDON, ada, EndReason.COMPLETED)
        assert call.talk_time == timedelta(minutes=4)
        assert [(event.source, event.raw) for event in call.events.all()] == [("manual", {"entered_by": "boss"})]

    @pytest.mark.parametrize(
        ("direction", "reason"), [(Direction.INBOUND, EndReason.MISSED), (Direction.OUTBOUND, EndReason.NO_ANSWER)]
    )
    def test_one_that_nobody_answered_says_so(self, line, boss, direction, reason):
        assert manual.enter(boss, entered(line, direction=direction)).end_reason == reason

    def test_talking_settles_a_missed_call_of_the_same_number(self, agents, boss):
        ring_group("missed", number=MOBILE)
        duty = MissedCall.objects.get()
        started = duty.missed_at + timedelta(minutes=1)
        line = duty.call.line
        manual.enter(boss, entered(line, number=MOBILE, started_at=started, talk_time=timedelta(seconds=30)))
        duty.refresh_from_db()
        assert duty.closed_at is not None

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"number": "nobody"}, "invalid_number"),
            ({"number": ""}, "invalid_number"),
            ({"talk_time": timedelta(hours=3)}, "invalid_argument"),
        ],
    )
    def test_what_cannot_be_is_refused(self, line, boss, fields, code):
        with pytest.raises(CommandRefused) as refusal:
            manual.enter(boss, entered(line, **fields))
        assert refusal.value.code == code
        assert not Call.objects.exists()

    def test_of_lines_that_one_may_not_see_nothing_is_entered(self, line, staff):
        user = staff("add_call")
        with pytest.raises(CommandRefused) as refusal:
            manual.enter(user, entered(line))
        assert refusal.value.code == "not_allowed"


class TestForm:
    def test_it_records_the_call_with_a_note_and_shows_its_page(self, line, boss_client):
        answer = post(boss_client, line, text="Wants a second boiler")
        call = Call.objects.get()
        assert answer.url == reverse("admin:django_voipcti_call_change", args=[call.pk])
        assert CallNote.objects.get().text == "Wants a second boiler"
        page = shown(boss_client, call)
        assert "entered by hand" in page
        assert "It was entered by hand when it was over" in page

    def test_the_list_offers_it_to_those_who_may(self, line, client, staff):
        user = staff("view_call")
        assert reverse(ADD) not in listed(client, "call")
        assert client.get(reverse(ADD)).status_code == 403
        assert post(client, line).status_code == 403
        user.user_permissions.add(Permission.objects.get(codename="add_call"))
        assert reverse(ADD) in listed(client, "call")

    def test_only_lines_that_one_sees_can_be_chosen_and_the_own_one_is(self, agents, client, staff):
        user = staff("view_call", "add_call")
        own, other = agents[0], agents[1]
        own.user = user
        own.save()
        page = client.get(reverse(ADD)).content.decode()
        assert f'<option value="{own.pk}" selected>' in page
        assert f'<option value="{other.pk}"' not in page
        assert "Select a valid choice" in post(client, other).content.decode()

    def test_a_wrong_number_is_said_at_its_field(self, line, boss_client):
        page = post(boss_client, line, number="nobody").content.decode()
        assert "This is not a telephone number." in page
        assert not Call.objects.exists()

    def test_the_beginning_is_now_in_the_users_own_time(self, line, boss_client):
        page = boss_client.get(reverse(ADD)).content.decode()
        assert f'value="{timezone.localtime():%Y-%m-%dT%H}:' in page
