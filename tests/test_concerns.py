"""Who may be called when: what is asked first, what confirms it, and what is kept."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import signing
from django.utils import timezone

from django_voipcti import concerns, control, journal, phonebook, policy
from django_voipcti.enums import SessionEvent
from django_voipcti.exceptions import CommandRefused, Concern, ConfirmationNeeded
from django_voipcti.models import Call, CallCommand, DoNotCallNumber
from tests.journal.conftest import Beginning, said
from tests.test_callers import user_with
from tests.test_control import make_line
from tests.testapp.models import Contact, Person

pytestmark = pytest.mark.django_db

LONDON, MOBILE = "+442079460123", "+447700900123"
ANYTHING_QUIET = "It may be anything from midnight to 7 a.m. there: until 8 a.m. nobody is called unasked."


@pytest.fixture
def ana():
    user = user_with("ana", "view_contact")
    make_line(user, "601", label="Ana")
    return user


@pytest.fixture
def ben():
    user = user_with("ben", "view_contact")
    make_line(user, "602", label="Ben")
    return user


@pytest.fixture
def settings_of(settings):
    def change(**values):
        settings.VOIPCTI = {**settings.VOIPCTI, **values}

    return change


def asked(user, number=LONDON, **said_so):
    """What has to be confirmed before `user` calls, by code."""
    with pytest.raises(ConfirmationNeeded) as caught:
        control.place_call(user, number, **said_so)
    question = caught.value
    assert (question.code, question.event) == ("needs_confirmation", SessionEvent.INFO)
    assert not CallCommand.objects.exists()
    return {concern.code: concern.message for concern in question.concerns}, question


def talked(ended_before, *, line="602", number=LONDON, **facts):
    """A conversation that ended so many seconds ago."""
    Beginning.moment = timezone.now() - timedelta(seconds=ended_before + 60)
    facts = {"line": line, "number": number, "call": f"talk-{ended_before}-{line}", **facts}
    journal.record([said("RINGING", 0, **facts), said("CONNECTED", 10, **facts), said("HANGUP", 60, **facts)])


class TestRecentCall:
    def test_whom_a_colleague_just_spoke_to_is_called_after_a_question_only(self, ana, ben):
        talked(70)
        codes, question = asked(ana)
        assert codes == {"recent_call": "Ben spoke to this customer 1 minute ago."}
        assert question.needs_reason is False

    def test_it_is_asked_of_whom_it_was_too(self, ana):
        talked(5, line="601")
        assert asked(ana)[0] == {"recent_call": "You spoke to this customer less than a minute ago."}

    def test_somebody_who_talks_to_the_customer_now_is_named(self, ana, ben):
        Beginning.is_now()
        journal.record([said("RINGING", 0, line="602"), said("CONNECTED", 5, line="602")])
        assert asked(ana)[0] == {"recent_call": "Ben is talking to this customer at the moment."}

    def test_another_number_of_the_same_record_counts(self, ana, ben, register):
        register(Contact, numbers=["phone", "mobile"], label="name")
        Contact.objects.create(name="Grace Hopper", phone=LONDON, mobile=MOBILE)
        talked(30, number=MOBILE)
        assert list(asked(ana)[0]) == ["recent_call"]

    def test_calls_that_nobody_answered_or_that_are_long_over_do_not_count(self, ana, ben):
        talked(121)
        Beginning.is_now()
        journal.record([said("RINGING", 0, line="602", call="m"), said("HANGUP", 5, line="602", call="m")])
        assert control.place_call(ana, LONDON).overridden == []

    def test_how_long_is_a_setting_and_zero_is_never(self, ana, ben, settings_of):
        talked(300)
        settings_of(RECENT_CALL_MINUTES=10)
        assert list(asked(ana)[0]) == ["recent_call"]
        settings_of(RECENT_CALL_MINUTES=0)
        control.place_call(ana, LONDON)

    def test_colleagues_are_called_without_questions(self, ana, ben, settings_of):
        settings_of(QUIET_HOURS=("00:00", "23:59"))
        control.place_call(ana, "602")


class TestDoNotCall:
    @pytest.mark.parametrize("pattern", [LONDON, "+4420*", "+44*"])
    def test_a_listed_number_and_the_beginning_of_it_ask_for_a_reason(self, ana, pattern):
        DoNotCallNumber.objects.create(pattern=pattern, note="Wrote to us in May.")
        codes, question = asked(ana)
        text = "The number is on the do-not-call list. The note says: Wrote to us in May."
        assert codes == {"do_not_call": text}
        assert question.needs_reason is True

    def test_other_numbers_are_called(self, ana):
        DoNotCallNumber.objects.create(pattern="+442079460124")
        DoNotCallNumber.objects.create(pattern="+4479*")
        control.place_call(ana, LONDON)

    def test_a_record_says_so_itself(self, ana, register):
        register(Contact, numbers=["phone"], label="name", do_not_call=lambda contact: contact.name == "Grace")
        contact = Contact.objects.create(name="Grace", phone=LONDON)
        assert asked(ana)[0] == {"do_not_call": "Grace does not want to be called."}
        Contact.objects.filter(pk=contact.pk).update(name="Ada")
        control.place_call(ana, LONDON)

    def test_a_text_of_the_record_is_said_and_a_path_will_do(self, ana, register):
        register(Contact, numbers=["phone"], label="name", do_not_call="mobile")
        Contact.objects.create(name="Grace", phone=LONDON, mobile="Asked by letter")
        text = "Grace does not want to be called. The record says: Asked by letter"
        assert asked(ana)[0] == {"do_not_call": text}

    def test_who_may_not_view_the_record_does_not_learn_whose_it_is(self, register):
        cy = user_with("cy")
        make_line(cy, "603")
        register(Contact, numbers=["phone"], label="name", do_not_call="mobile")
        Contact.objects.create(name="Grace", phone=LONDON, mobile="Asked by letter")
        assert asked(cy)[0] == {"do_not_call": "Known contact does not want to be called."}

    def test_a_function_that_fails_leaves_it_to_a_person(self, ana, register, caplog):
        register(Contact, numbers=["phone"], label="name", do_not_call=lambda contact: 1 / 0)
        Contact.objects.create(name="Grace", phone=LONDON)
        assert asked(ana)[0] == {"do_not_call": "Whether Grace wants to be called could not be found out."}
        assert "do_not_call of testapp.contact failed" in caplog.text

    def test_a_path_that_leads_nowhere_is_found_at_the_start(self, register):
        with pytest.raises(Exception, match="has no 'opted_out'"):
            register(Person, numbers=["phone"], do_not_call="opted_out")

    def test_a_host_may_let_no_reason_help(self, ana, settings_of):
        settings_of(DO_NOT_CALL_IS_FINAL=True)
        DoNotCallNumber.objects.create(pattern=LONDON)
        for confirmed in ((), ("do_not_call",)):
            with pytest.raises(CommandRefused) as caught:
                control.place_call(ana, LONDON, confirmed=confirmed, reason="They asked me to")
            assert caught.value.code == "do_not_call"
            assert not isinstance(caught.value, ConfirmationNeeded)


class TestQuietHours:
    @pytest.mark.parametrize(
        ("clock", "begin", "end", "quiet"),
        [
            ("21:00", "21:00", "08:00", True),
            ("20:59", "21:00", "08:00", False),
            ("00:00", "21:00", "08:00", True),
            ("07:59", "21:00", "08:00", True),
            ("08:00", "21:00", "08:00", False),
            ("13:00", "12:00", "14:00", True),
            ("14:00", "12:00", "14:00", False),
            ("12:00", "12:00", "12:00", False),
        ],
    )
    def test_a_span_may_lead_over_midnight(self, clock, begin, end, quiet):
        assert concerns.is_quiet(time.fromisoformat(clock), begin, end) is quiet

    def about(self, user, number, hour, minute=0):
        """The concerns when it is so late in London, in winter."""
        line = user.voipcti_lines.get()
        now = datetime(2026, 1, 7, hour, minute, tzinfo=ZoneInfo("Europe/London"))
        found = concerns.about(user, line, policy.destination(line, number), now=now)
        return {concern.code: concern.message for concern in found}

    @pytest.mark.parametrize(
        ("hour", "number", "text"),
        [
            (23, LONDON, "It is 11 p.m. there: until 8 a.m. nobody is called unasked."),
            (12, LONDON, None),
            (12, "+61255501000", "It is 11 p.m. there: until 8 a.m. nobody is called unasked."),  # Sydney
            (12, "+12025550164", "It is 7 a.m. there: until 8 a.m. nobody is called unasked."),  # Washington
            (14, "+12025550164", None),
            # A free number of North America may be answered anywhere in it.
            (14, "+18005550100", ANYTHING_QUIET),
            (23, "+80012345678", None),  # free numbers of the world are nowhere
        ],
    )
    def test_the_clock_of_the_called_party_counts(self, ana, settings_of, hour, number, text):
        settings_of(QUIET_HOURS=("21:00", "08:00"))
        assert self.about(ana, number, hour).get("quiet_hours") == text

    def test_countries_may_have_hours_of_their_own(self, ana, settings_of):
        settings_of(QUIET_HOURS={"FR": ("20:00", "10:00"), "DE": None, "*": ("22:00", "07:00")})
        assert self.about(ana, LONDON, 20, 30) == {}
        assert self.about(ana, "+493023125134", 23) == {}
        assert list(self.about(ana, "+33199001132", 20, 30)) == ["quiet_hours"]

    def test_without_the_setting_nobody_is_asked(self, ana):
        assert self.about(ana, LONDON, 3) == {}


class TestConfirming:
    @pytest.fixture
    def listed(self, ben):
        """A number on the list, to which a colleague has just spoken."""
        DoNotCallNumber.objects.create(pattern=LONDON)
        talked(30)

    def test_all_that_speaks_against_it_is_asked_at_once(self, ana, listed):
        assert set(asked(ana)[0]) == {"do_not_call", "recent_call"}

    @pytest.mark.parametrize("by", ["token", "codes"])
    def test_it_is_confirmed_and_kept_with_the_reason(self, ana, listed, by):
        _codes, question = asked(ana)
        confirmed = question.token if by == "token" else ["recent_call", "do_not_call"]
        command = control.place_call(ana, "020 7946 0123", confirmed=confirmed, reason="  She asked me\nto call ")
        command.refresh_from_db()
        assert (sorted(command.overridden), command.reason) == (["do_not_call", "recent_call"], "She asked me to call")
        assert CallCommand.objects.overriding("do_not_call").get() == CallCommand.objects.overriding().get() == command
        assert not CallCommand.objects.overriding("quiet_hours").exists()

    def test_a_reason_is_needed_where_the_rule_says_so(self, ana, listed):
        _codes, question = asked(ana)
        with pytest.raises(CommandRefused) as caught:
            control.place_call(ana, LONDON, confirmed=question.token, reason=" ")
        assert caught.value.code == "reason_needed"
        assert not Call.objects.filter(commands__isnull=False).exists()

    def test_no_reason_is_needed_for_a_second_call(self, ana, ben):
        talked(30)
        assert control.place_call(ana, LONDON, confirmed=asked(ana)[1].token).overridden == ["recent_call"]

    def test_what_comes_up_meanwhile_is_asked_anew(self, ana, ben):
        DoNotCallNumber.objects.create(pattern=LONDON)
        _codes, question = asked(ana)
        talked(5)
        codes, _question = asked(ana, confirmed=question.token, reason="r")
        assert set(codes) == {"do_not_call", "recent_call"}

    def test_a_late_confirmation_dials_nothing_and_asks_anew(self, ana, ben, monkeypatch):
        talked(5)
        _codes, question = asked(ana)
        real = signing.time.time
        monkeypatch.setattr(signing.time, "time", lambda: real() + concerns.QUESTION_SECONDS + 1)
        assert list(asked(ana, confirmed=question.token)[0]) == ["recent_call"]

    def test_a_token_is_for_one_user_and_one_number(self, ana, ben):
        for number in (LONDON, MOBILE):
            DoNotCallNumber.objects.create(pattern=number)
        _codes, question = asked(ana)
        asked(ana, MOBILE, confirmed=question.token, reason="r")
        asked(ben, LONDON, confirmed=question.token, reason="r")
        asked(ana, LONDON, confirmed=question.token + "x", reason="r")
        asked(ana, LONDON, confirmed="do_not_call", reason="r")

    def test_what_is_forbidden_stays_forbidden(self, ana, listed, settings_of):
        settings_of(ALLOWED_COUNTRIES=["FR"])
        with pytest.raises(CommandRefused) as caught:
            control.place_call(ana, LONDON, confirmed=["do_not_call", "recent_call"], reason="r")
        assert caught.value.code == "number_not_allowed"

    def test_a_host_asks_with_words_of_its_own(self, ana, settings_of):
        def policy(*, user, line, number):
            raise ConfirmationNeeded([Concern(code="in_debt", message="The invoice of May is unpaid.")])

        settings_of(CALL_POLICY=policy)
        codes, question = asked(ana)
        assert codes == {"in_debt": "The invoice of May is unpaid."}
        assert control.place_call(ana, LONDON, confirmed=question.token).overridden == ["in_debt"]


def test_whom_a_user_asks_before_a_transfer_is_asked_about_too(ana):
    Beginning.is_now()
    journal.record([said("RINGING", 0, line="601", number=MOBILE), said("CONNECTED", 5, line="601", number=MOBILE)])
    held = Call.objects.get()
    DoNotCallNumber.objects.create(pattern=LONDON)
    with pytest.raises(ConfirmationNeeded) as caught:
        control.consult(ana, held.pk, LONDON)
    command = control.consult(ana, held.pk, LONDON, confirmed=caught.value.token, reason="He waits for us.")
    assert (command.overridden, command.reason) == (["do_not_call"], "He waits for us.")


def test_the_phonebook_says_why_a_number_must_not_be_called(ana):
    DoNotCallNumber.objects.create(pattern=LONDON)
    assert phonebook.objections(LONDON, ana) == ["The number is on the do-not-call list."]
    assert phonebook.objections(MOBILE, ana) == []
