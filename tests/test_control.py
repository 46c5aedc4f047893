"""What users may ask of calls, and what they are told when they may not."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from celery import Celery
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.test import override_settings
from django.utils import timezone

from django_voipcti import control, journal, outcomes, signals
from django_voipcti.enums import CallState, CommandAction, CommandState, EndReason, LineStatus, SessionEvent
from django_voipcti.exceptions import CommandRefused, ProviderUnavailable
from django_voipcti.models import Call, CallCommand, Line
from tests.celery_app import app as celery_app
from tests.journal.conftest import said

pytestmark = pytest.mark.django_db

LONDON = "+442079460123"


def make_line(user, account, **values):
    line = Line(
        provider="default",
        account=account,
        extension=account,
        user=user,
        region="GB",
        status=LineStatus.READY,
        **values,
    )
    line.set_secrets({"token": "t"})
    line.save()
    return line


@pytest.fixture
def ana():
    return get_user_model().objects.create_user("ana", password="x")


@pytest.fixture
def ben():
    return get_user_model().objects.create_user("ben", password="x")


@pytest.fixture
def line(ana):
    return make_line(ana, "601")


@pytest.fixture
def ringing(line):
    journal.record([said("RINGING", 0)])
    return Call.objects.get()


@pytest.fixture
def connected(ringing):
    journal.record([said("CONNECTED", 2)])
    ringing.refresh_from_db()
    return ringing


def said_of(state, call):
    """An update about the call of a click."""
    return replace(said(state, 5, call=f"of-{call.pk}"), call=call.pk)


def refusal(call, *arguments, **keywords):
    """The code and the kind of event with which `call` is refused; the sentence must be one."""
    with pytest.raises(CommandRefused) as caught:
        call(*arguments, **keywords)
    assert caught.value.message.rstrip().endswith(".")
    return caught.value.code, caught.value.event


class TestPlaceCall:
    def test_a_click_makes_a_requested_call_and_a_pending_command(self, ana, line):
        command = control.place_call(ana, "020 7946 0123")
        assert (command.action, command.state, command.requested_by) == (CommandAction.PLACE, "pending", ana)
        assert command.arguments == {"number": LONDON}
        assert command.expires_at - command.created_at == timedelta(seconds=10)
        assert (command.call.state, command.call.other_e164) == (CallState.REQUESTED, LONDON)

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("", "empty_number"),
            ("   ", "empty_number"),
            ("no number at all", "invalid_number"),
            ("+44 20 7946 01234567890123", "invalid_number"),
            ("601", "own_number"),
        ],
    )
    def test_what_is_no_number_to_call_is_an_error(self, ana, line, text, code):
        assert refusal(control.place_call, ana, text) == (code, SessionEvent.ERROR)
        assert not Call.objects.exists()

    @pytest.mark.parametrize("text", ["602", "#123", "12"])
    def test_extensions_and_service_codes_go_to_the_provider_as_they_are(self, ana, line, text):
        assert control.place_call(ana, text).arguments == {"number": text}

    def test_the_own_number_is_not_called(self, ana, line):
        Line.objects.filter(pk=line.pk).update(phone_number=LONDON)
        assert refusal(control.place_call, ana, "020 7946 0123")[0] == "own_number"

    def test_nobody_calls_without_a_line_or_without_logging_in(self, ana):
        assert refusal(control.place_call, ana, LONDON) == ("no_line", SessionEvent.ERROR)
        assert refusal(control.place_call, AnonymousUser(), LONDON) == ("not_allowed", SessionEvent.ERROR)

    def test_nobody_calls_from_somebody_elses_line(self, ana, ben, line):
        assert refusal(control.place_call, ben, LONDON, line=line) == ("no_line", SessionEvent.ERROR)

    def test_a_line_that_is_not_connected_says_why(self, ana, line):
        line.set_status(LineStatus.ERROR, "wrong password")
        with pytest.raises(CommandRefused, match="wrong password") as caught:
            control.place_call(ana, LONDON)
        assert (caught.value.code, caught.value.event) == ("line_not_ready", SessionEvent.INFO)

    def test_a_second_click_on_the_same_number_does_not_ring_twice(self, ana, line):
        control.place_call(ana, LONDON)
        assert refusal(control.place_call, ana, "020 7946 0123") == ("already_calling", SessionEvent.INFO)

    def test_toll_fraud_is_stopped(self, ana, line):
        assert refusal(control.place_call, ana, "+44 909 879 0000")[0] == "number_not_allowed"
        with override_settings(VOIPCTI=configured(ALLOWED_COUNTRIES=["GB"])):
            assert refusal(control.place_call, ana, "+33 1 42 68 53 00")[0] == "number_not_allowed"
            control.place_call(ana, LONDON)

    def test_a_user_places_only_so_many_calls_a_minute(self, ana, line):
        with override_settings(VOIPCTI=configured(CALLS_PER_MINUTE=2)):
            control.place_call(ana, "602")
            control.place_call(ana, "603")
            assert refusal(control.place_call, ana, "604") == ("too_many_calls", SessionEvent.ERROR)

    def test_the_host_has_the_last_word(self, ana, line):
        with override_settings(VOIPCTI=configured(CALL_POLICY="tests.test_control.do_not_call")):
            assert refusal(control.place_call, ana, LONDON) == ("do_not_call", SessionEvent.ERROR)


def do_not_call(*, user, line, number):
    """A host's policy that allows nothing."""
    raise CommandRefused(f"{user} may not call this number.", code="do_not_call")


def configured(**keys):
    """The tests' settings with some keys changed."""
    from django.conf import settings

    return {**settings.VOIPCTI, **keys}


class TestActions:
    def test_each_action_is_possible_in_its_states_only(self, ana, ringing):
        assert refusal(control.hold, ana, ringing.pk) == ("wrong_state", SessionEvent.INFO)
        assert refusal(control.resume, ana, ringing.pk)[0] == "wrong_state"
        assert refusal(control.transfer, ana, ringing.pk, "602")[0] == "wrong_state"
        assert control.answer(ana, ringing.pk).action == CommandAction.ANSWER

    def test_answer_without_a_call_takes_the_own_one_that_has_rung_longest(self, ana, ben, line, ringing):
        make_line(ben, "602")
        journal.record([said("RINGING", -5, line="602", call="other"), said("RINGING", 3, call="later")])
        assert control.answer(ana).call == ringing
        assert refusal(control.answer, get_user_model()(pk=99)) == ("nothing_rings", SessionEvent.INFO)

    def test_a_connected_call_can_be_held_transferred_and_ended(self, ana, connected):
        assert refusal(control.answer, ana, connected.pk)[0] == "wrong_state"
        assert control.hold(ana, connected.pk).action == CommandAction.HOLD
        assert control.transfer(ana, str(connected.pk), "602").arguments == {"number": "602"}
        assert control.hang_up(ana, connected.pk).action == CommandAction.HANG_UP

    def test_a_call_is_transferred_after_asking(self, ana, connected):
        command = control.consult(ana, connected.pk, "602")
        consultation = command.call
        assert (command.action, command.arguments) == (CommandAction.CONSULT, {"number": "602"})
        assert (consultation.consultation_of, consultation.state) == (connected, CallState.REQUESTED)
        assert refusal(control.complete_transfer, ana, connected.pk) == ("not_answered", SessionEvent.INFO)
        journal.record([said_of("CONNECTED", consultation)])
        for either in (connected, consultation):
            completed = control.complete_transfer(ana, either.pk)
            assert (completed.action, completed.call) == (CommandAction.COMPLETE, connected)
            assert completed.arguments == {"consultation": consultation.pk}

    def test_one_is_asked_at_a_time(self, ana, connected):
        consultation = control.consult(ana, connected.pk, "602").call
        assert refusal(control.consult, ana, connected.pk, "603") == ("already_consulting", SessionEvent.INFO)
        journal.record([said_of("HANGUP", consultation)])
        assert refusal(control.complete_transfer, ana, connected.pk) == ("no_consultation", SessionEvent.INFO)
        assert control.consult(ana, connected.pk, "603").call.consultation_of == connected

    def test_asking_keeps_to_the_rules_of_calling(self, ana, ben, line, connected):
        assert refusal(control.consult, ana, connected.pk, "no number")[0] == "invalid_number"
        assert refusal(control.consult, ana, connected.pk, "+44 909 879 0000")[0] == "number_not_allowed"
        assert refusal(control.consult, ben, connected.pk, "603")[0] == "unknown_call"
        with override_settings(VOIPCTI=configured(CALLS_PER_MINUTE=1)):
            control.consult(ana, connected.pk, "602")
            assert refusal(control.place_call, ana, "604")[0] == "too_many_calls"

    def test_nobody_is_asked_about_a_call_that_rings(self, ana, ringing):
        assert refusal(control.consult, ana, ringing.pk, "602")[0] == "wrong_state"

    def test_who_returns_before_anything_was_done_takes_the_question_back(self, ana, connected):
        asked = control.consult(ana, connected.pk, "602")
        back = control.return_to_call(ana, asked.call_id)
        for command in (asked, back):
            command.refresh_from_db()
        assert (asked.state, back.state) == (CommandState.EXPIRED, CommandState.SUCCEEDED)
        asked.call.refresh_from_db()
        assert (asked.call.state, asked.call.end_reason) == (CallState.CANCEL, EndReason.CANCELLED)
        connected.refresh_from_db()
        assert connected.state == CallState.CONNECTED

    def test_a_provider_that_cannot_ask_first_says_so(self, ana, connected):
        lesser = {"default": {"BACKEND": "django_voipcti.providers.dummy.DummyProvider"}}
        lesser["default"]["OPTIONS"] = {"without": ["supports_attended_transfer"]}
        with override_settings(VOIPCTI=configured(PROVIDERS=lesser)):
            assert refusal(control.consult, ana, connected.pk, "602") == ("unsupported", SessionEvent.INFO)

    def test_the_same_request_twice_is_one_command(self, ana, connected):
        assert control.hang_up(ana, connected.pk) == control.hang_up(ana, connected.pk)

    @pytest.mark.parametrize("call_id", ["", "nonsense", None, 10**30, "-1", 424242])
    def test_a_call_that_does_not_exist_is_an_error(self, ana, line, call_id):
        assert refusal(control.hang_up, ana, call_id) == ("unknown_call", SessionEvent.ERROR)

    def test_somebody_elses_call_looks_like_none(self, ben, ringing):
        make_line(ben, "602")
        assert refusal(control.hang_up, ben, ringing.pk) == ("unknown_call", SessionEvent.ERROR)

    def test_a_click_can_be_taken_back_before_anything_rings(self, ana, line):
        placed = control.place_call(ana, LONDON)
        control.hang_up(ana, placed.call_id)
        placed.refresh_from_db()
        assert placed.state == CommandState.EXPIRED
        placed.call.refresh_from_db()
        assert (placed.call.state, placed.call.end_reason) == (CallState.CANCEL, EndReason.CANCELLED)
        assert not CallCommand.objects.claim(placed.pk, by="bridge", now=timezone.now())


class TestOutcome:
    def late(self, command):
        """As if the time to live were over."""
        CallCommand.objects.filter(pk=command.pk).update(expires_at=timezone.now())

    def test_a_click_that_no_bridge_takes_up_is_given_up_and_never_dials(self, ana, line):
        command = control.place_call(ana, LONDON)
        assert outcomes.expire(command.pk) is False, "not before its time"
        self.late(command)
        assert outcomes.expire_overdue() == 1
        assert outcomes.expire(command.pk) is False, "nor twice"
        assert not CallCommand.objects.claim(command.pk, by="bridge", now=timezone.now())
        call = Call.objects.get()
        assert (call.state, call.end_reason) == (CallState.CANCEL, EndReason.FAILED)
        assert "not take up" in call.cause

    @pytest.mark.database_matrix
    def test_a_command_is_claimed_once(self, ana, line):
        command = control.place_call(ana, LONDON)
        now = timezone.now()
        assert CallCommand.objects.claim(command.pk, by="one", now=now)
        assert not CallCommand.objects.claim(command.pk, by="two", now=now)
        self.late(command)
        assert outcomes.expire(command.pk) is False, "a claimed command is the bridge's to finish"

    def test_a_claimed_command_is_finished_once_and_the_host_hears_of_it(
        self, ana, line, django_capture_on_commit_callbacks
    ):
        heard = []

        def listener(sender, command, **kwargs):
            heard.append((command.action, command.state, command.message))

        command = control.place_call(ana, LONDON)
        CallCommand.objects.claim(command.pk, by="one", now=timezone.now())
        signals.command_finished.connect(listener)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                outcomes.fail(command, ProviderUnavailable("No answer.", end_reason=EndReason.UNREACHABLE))
                outcomes.complete(command)
        finally:
            signals.command_finished.disconnect(listener)
        assert heard == [("place", "failed", "No answer.")]
        call = Call.objects.get()
        assert (call.state, call.end_reason, call.cause) == (CallState.CANCEL, EndReason.UNREACHABLE, "No answer.")


@pytest.mark.django_db(transaction=True)
def test_a_click_is_accepted_at_once_while_the_broker_is_away(ana, line, settings, caplog, free_port):
    away = Celery("away", broker=f"redis://127.0.0.1:{free_port}/0", set_as_current=False)
    away.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    away.set_current()
    try:
        began = time.monotonic()
        command = control.place_call(ana, LONDON)
        took = time.monotonic() - began
    finally:
        celery_app.set_current()
    assert took < 2, "seconds"
    assert "a bridge will find it" in caplog.text
    assert CallCommand.objects.pending(timezone.now()).get() == command
