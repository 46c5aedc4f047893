"""The record of a call: one row and the right one, whoever says what, in whatever order and however often."""

import dataclasses
import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_voipcti import journal, outcomes, signals
from django_voipcti.enums import CallState, CommandAction, Direction, EndReason, Source
from django_voipcti.events import Party
from django_voipcti.exceptions import ProviderRejected
from django_voipcti.models import Call, CallCommand, CallEvent
from django_voipcti.redaction import PhoneNumber
from tests.journal.conftest import at, said
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]

INBOUND = ["RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP"]


def facts(call):
    """What must not depend on the order of witnesses."""
    return {
        name: getattr(call, name)
        for name in (
            "state",
            "end_reason",
            "started_at",
            "answered_at",
            "ended_at",
            "held_seconds",
            "other_number",
            "conversation_id",
            "context",
            "cause",
        )
    }


def states(call):
    """The states that pages were told, in order."""
    return list(call.events.filter(effective=True).order_by("id").values_list("state", flat=True))


def test_an_inbound_call_from_first_ring_to_hangup(line):
    for second, state in enumerate(INBOUND):
        journal.record([said(state, second * 10)])
    call = Call.objects.get()
    assert states(call) == INBOUND
    assert call.direction == Direction.INBOUND
    assert (call.started_at, call.answered_at, call.ended_at) == (at(0), at(10), at(40))
    assert call.held_seconds == 10
    assert call.end_reason == EndReason.COMPLETED
    assert call.ring_time.total_seconds() == 10
    assert call.talk_time.total_seconds() == 30


def test_the_same_word_twice_is_one_event(line):
    update = said("RINGING", 0, key="n1")
    assert len(journal.record([update, update])) == 1
    assert journal.record([update]) == []
    assert CallEvent.objects.count() == 1


def test_a_late_word_is_kept_as_witness_but_changes_nothing(line):
    journal.record([said("RINGING", 0), said("CONNECTED", 5), said("HANGUP", 9)])
    assert journal.record([said("RINGING", 11, key="late")]) == []
    call = Call.objects.get()
    assert call.state == CallState.HANGUP
    assert call.events.count() == 4
    assert states(call) == ["RINGING", "CONNECTED", "HANGUP"]


def test_every_order_of_the_witnesses_gives_the_same_record(line):
    ordered = [
        said("RINGING", 0, context="RG-1"),
        said("CONNECTED", 4),
        said("ON_HOLD", 6),
        said("CONNECTED", 9),
        said("HANGUP", 20, cause="Normal clearing", end_reason=EndReason.COMPLETED),
    ]
    journal.record(ordered)
    expected = facts(Call.objects.get())
    assert expected["held_seconds"] == 3
    for order in itertools.permutations(ordered):
        Call.objects.all().delete()
        for update in order:
            journal.record([update])
        assert facts(Call.objects.get()) == expected, [update.state for update in order]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_split_and_repetition_gives_the_same_record(line, data):
    ordered = [
        said("RINGING", 0, source=Source.SIP),
        said("RINGING", 1, source=Source.WEBHOOK, conversation_id="root-7", context="RG-7"),
        said("CONNECTED", 4, source=Source.WEBHOOK),
        said("CONNECTED", 5),
        said("ON_HOLD", 8),
        said("HANGUP", 12, source=Source.WEBHOOK, cause="Normal clearing"),
        said("HANGUP", 13, source=Source.CDR, answered_at=at(4), end_reason=EndReason.COMPLETED),
    ]
    Call.objects.all().delete()
    journal.record(ordered)
    expected = facts(Call.objects.get())
    Call.objects.all().delete()
    stream = data.draw(st.permutations(ordered + data.draw(st.lists(st.sampled_from(ordered), max_size=4))))
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        journal.record(stream[:size])
        stream = stream[size:]
    assert facts(Call.objects.get()) == expected


def test_an_outbound_call_that_fails_before_an_answer_is_cancelled_with_its_cause(line):
    outbound = {"direction": Direction.OUTBOUND}
    journal.record([said("RINGING", 0, **outbound)])
    journal.record([said("HANGUP", 3, cause="User busy", end_reason=EndReason.BUSY, **outbound)])
    call = Call.objects.get()
    assert (call.state, call.end_reason, call.cause) == (CallState.CANCEL, EndReason.BUSY, "User busy")


def test_an_answer_that_is_heard_of_late_corrects_the_end(line):
    outbound = {"direction": Direction.OUTBOUND}
    journal.record([said("HANGUP", 9, end_reason=EndReason.FAILED, **outbound)])
    journal.record([said("CONNECTED", 4, **outbound)])
    call = Call.objects.get()
    assert (call.state, call.answered_at) == (CallState.HANGUP, at(4))
    assert states(call) == ["CANCEL"], "pages are not told a second end"


class TestRingGroup:
    """One leg for each member; the legs share a conversation."""

    def ring(self, agents, second=0):
        return [
            said("RINGING", second, line=line.account, call=f"leg-{line.account}", conversation_id="root")
            for line in agents
        ]

    def test_those_who_did_not_answer_did_not_miss_the_call(self, agents):
        journal.record(self.ring(agents))
        journal.record([said("CONNECTED", 5, line="602", call="leg-602")])
        journal.record([said("HANGUP", 5, line="601", call="leg-601"), said("HANGUP", 6, line="603", call="leg-603")])
        journal.record([said("HANGUP", 60, line="602", call="leg-602")])
        reasons = dict(Call.objects.values_list("line__account", "end_reason"))
        assert reasons == {"601": "answered_elsewhere", "602": "completed", "603": "answered_elsewhere"}

    def test_nor_if_the_answer_is_heard_of_last(self, agents):
        journal.record(self.ring(agents))
        journal.record([said("HANGUP", 5, line="601", call="leg-601"), said("HANGUP", 6, line="603", call="leg-603")])
        assert Call.objects.missed().count() == 2
        journal.record([said("CONNECTED", 5, line="602", call="leg-602")])
        assert Call.objects.missed().count() == 0

    def test_all_miss_a_call_that_nobody_answers(self, agents):
        journal.record(self.ring(agents))
        journal.record([said("HANGUP", 30, line=line.account, call=f"leg-{line.account}") for line in agents])
        assert Call.objects.missed().count() == 3

    def test_who_misses_a_transfer_missed_it_although_a_colleague_answered_before(self, agents):
        journal.record(self.ring(agents[:1]))
        journal.record([said("CONNECTED", 5, line="601", call="leg-601")])
        journal.record([said("RINGING", 50, line="602", call="leg-602", conversation_id="root")])
        journal.record([said("HANGUP", 70, line="602", call="leg-602")])
        assert Call.objects.get(line__account="602").end_reason == EndReason.MISSED


class TestClick:
    """A call that began as a click is one row, whichever of the provider's two answers comes first."""

    @pytest.fixture
    def clicked(self, line):
        return journal.open_call(line, PhoneNumber("+442079460123"), now=at(0))

    def outbound(self, state, second, **values):
        return said(state, second, direction=Direction.OUTBOUND, **values)

    def command(self, state, second, clicked, external_id=""):
        """What the provider's answer to our own request says."""
        update = self.outbound(state, second, call=external_id, number="", source=Source.REST)
        return dataclasses.replace(update, call=clicked.pk)

    def test_the_stages_in_order(self, clicked):
        journal.record([self.command("INITIAL", 1, clicked)])
        journal.record([self.command("ACCEPTED", 3, clicked, external_id="77")])
        journal.record([self.outbound("RINGING", 4, call="77"), self.outbound("CONNECTED", 6, call="77")])
        journal.record([self.outbound("HANGUP", 9, call="77")])
        call = Call.objects.get()
        assert states(call) == ["INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "HANGUP"]
        assert (call.pk, call.external_id) == (clicked.pk, "77")

    def test_an_event_that_overtakes_the_answer_is_taken_for_the_click(self, clicked):
        journal.record([self.command("INITIAL", 1, clicked)])
        journal.record([self.outbound("RINGING", 4, call="77", number="442079460123")])
        journal.record([self.command("ACCEPTED", 5, clicked, external_id="77")])
        call = Call.objects.get()
        assert states(call) == ["INITIAL", "ACCEPTED", "RINGING"], "the pick-up is implied, and told once"

    def test_an_event_whose_number_does_not_fit_is_another_call(self, clicked):
        journal.record([self.outbound("RINGING", 4, call="78", number="+33142685300")])
        assert Call.objects.count() == 2

    def test_two_rows_that_turn_out_to_be_one_call_become_one(self, clicked):
        journal.record([self.command("INITIAL", 1, clicked)])
        journal.record([self.outbound("RINGING", 4, call="77", number="")])
        assert Call.objects.count() == 2
        journal.record([self.command("ACCEPTED", 5, clicked, external_id="77")])
        call = Call.objects.get()
        assert (call.pk, call.external_id, call.state) == (clicked.pk, "77", CallState.RINGING)
        assert call.events.count() == 3

    def test_a_colleague_in_the_same_number_does_not_get_the_click(self, clicked, agents):
        journal.record([self.outbound("RINGING", 4, line="602", call="79")])
        assert Call.objects.get(line__account="602").pk != clicked.pk


class TestParties:
    """Who is at the other end, asked once and kept."""

    def test_the_record_is_linked_and_its_name_kept(self, line):
        contact = Contact.objects.create(name="Grace Hopper", phone="+44 (0) 20 7946 0123")
        line.region = "GB"
        line.save()
        journal.record([said("RINGING", 0)])
        call = Call.objects.get()
        assert (call.contact, call.contact_label, call.matches) == (contact, "Grace Hopper", 1)
        contact.name = "Admiral Hopper"
        contact.save()
        journal.record([said("HANGUP", 9)])
        assert Call.objects.get().contact_label == "Grace Hopper"

    def test_a_colleague_is_known_by_his_extension(self, agents):
        journal.record([said("RINGING", 0, number="602")])
        call = Call.objects.get()
        assert (call.other_line, call.internal, call.other_name) == (agents[1], True, "Ben")

    def test_a_withheld_number_is_nobody(self, line):
        journal.record([said("RINGING", 0, number="")])
        call = Call.objects.get()
        assert (call.other_number, call.contact, call.display_name) == ("", None, "withheld number")

    def test_both_ends_of_an_internal_call_are_calls_of_their_own(self, agents):
        journal.record(
            [
                said("RINGING", 0, line="601", number="602", direction=Direction.OUTBOUND),
                said("RINGING", 0, line="602", number="601"),
            ]
        )
        assert set(Call.objects.values_list("line__account", "direction")) == {("601", "OUTBOUND"), ("602", "INBOUND")}


def test_an_update_for_a_line_that_is_not_ours_is_left_out_and_disturbs_no_other(line, caplog):
    told = journal.record([said("RINGING", 0, line="999"), said("RINGING", 0)])
    assert [event.line for event in told] == [line]
    assert "unknown line" in caplog.text


def test_a_batch_costs_the_same_number_of_queries_whatever_its_size(agents):
    def cost(count, name):
        updates = [said("RINGING", n, call=f"{name}{n}", number=f"+4420794600{n:02}") for n in range(count)]
        with CaptureQueriesContext(connection) as queries:
            journal.record(updates)
        return len(queries)

    cost(1, "warm")
    assert cost(40, "many") <= cost(2, "few") + 1


def test_the_host_is_told_after_commit_and_its_mistakes_harm_nobody(line, django_capture_on_commit_callbacks):
    heard = []

    def listener(sender, call, event, previous, **kwargs):
        heard.append((call.pk, event.state, previous))

    def broken(sender, **kwargs):
        raise ValueError("a receiver of the host's")

    signals.call_changed.connect(broken)
    signals.call_changed.connect(listener)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            journal.record([said("RINGING", 0), said("CONNECTED", 2)])
            assert heard == [], "nothing is told before it is committed"
    finally:
        signals.call_changed.disconnect(broken)
        signals.call_changed.disconnect(listener)
    call = Call.objects.get()
    assert heard == [(call.pk, "RINGING", None), (call.pk, "CONNECTED", CallState.RINGING)]


def test_a_recording_that_is_announced_after_the_end_is_noted(line):
    journal.record([said("RINGING", 0), said("CONNECTED", 2), said("HANGUP", 9)])
    journal.record([said(None, 30, recording="m-1", other=Party())])
    assert Call.objects.get().recording == "m-1"


@pytest.mark.parametrize(("state", "reason"), [("succeeded", "transferred"), ("failed", "completed")])
def test_a_call_that_its_user_transferred_ends_so(line, state, reason):
    journal.record([said("RINGING", 0), said("CONNECTED", 2)])
    now = timezone.now()
    CallCommand.objects.create(
        call=Call.objects.get(),
        line=line,
        action=CommandAction.TRANSFER,
        state=state,
        created_at=now,
        expires_at=now,
    )
    journal.record([said("HANGUP", 9)])
    assert Call.objects.get().end_reason == reason


class TestEndOfAClick:
    """The provider's event that a click's call is over comes before the answer that says why."""

    @pytest.fixture
    def command(self, line):
        call = journal.open_call(line, PhoneNumber("+442079460123"), now=at(0))
        now = timezone.now()
        command = CallCommand.objects.create(
            call=call, line=line, action=CommandAction.PLACE, created_at=now, expires_at=now + timedelta(seconds=10)
        )
        CallCommand.objects.claim(command.pk, by="bridge", now=now)
        outbound = {"direction": Direction.OUTBOUND, "call": "77"}
        journal.record([said("RINGING", 1, **outbound)])
        journal.record([said("HANGUP", 3, **outbound)])
        return command

    def test_it_waits_for_the_cause(self, command):
        assert states(command.call) == ["RINGING"]
        outcomes.fail(command, ProviderRejected("486 Busy Here", end_reason=EndReason.BUSY))
        call = Call.objects.get()
        assert (call.state, call.end_reason, call.cause) == (CallState.CANCEL, EndReason.BUSY, "486 Busy Here")
        assert call.ended_at == at(3)
        assert states(call) == ["RINGING", "CANCEL"]

    def test_it_is_over_when_the_click_ends_without_one(self, command):
        outcomes.complete(command)
        call = Call.objects.get()
        assert (call.state, call.end_reason, call.ended_at) == (CallState.HANGUP, EndReason.NO_ANSWER, at(3))
