"""What a line's dialog documents come to: each fact told once, never backwards, and every end noticed."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_voipcti.bridge.translate import LineTranslator
from django_voipcti.enums import CallState, Direction, EndReason, Source
from django_voipcti.events import Party
from django_voipcti.providers.base import Account, DialogIdentity
from django_voipcti.redaction import PhoneNumber
from django_voipcti.sip.exceptions import SipError

URI = "sip:601@pbx.example"
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ACCOUNT = Account(line=7, key="601", extension="601")


def by_id(account, dialog):
    return DialogIdentity(external_id=dialog.id)


def by_extension(account, dialog):
    return DialogIdentity(external_id=dialog.id, once=False)


def read_party(number, name, *, dialled):
    return Party(number=PhoneNumber(number), name=name)


def dialog(
    name, state, *, direction="recipient", other="sip:+442079460123@pbx.example", display="", extra="", held=False
):
    """One <dialog> element; `extra` are attributes of <state>."""
    rendering = '<param pname="+sip.rendering" pval="no"/>' if held else ""
    shown = f' display="{display}"' if display else ""
    direction = f' direction="{direction}"' if direction else ""
    remote = f"<remote><identity{shown}>{other}</identity></remote>" if other else ""
    return (
        f'<dialog id="{name}"{direction}><state{" " if extra else ""}{extra}>{state}</state>'
        f'<local><identity>{URI}</identity><target uri="{URI}">{rendering}</target></local>{remote}</dialog>'
    )


def document(version, *dialogs, state="full"):
    return (
        f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="{state}" entity="{URI}">'
        f"{''.join(dialogs)}</dialog-info>"
    ).encode()


class Line:
    """A translator, and what it said so far."""

    def __init__(self, identify=by_id, *, read_party=read_party, known=None, watch=(URI,)):
        self.translator = LineTranslator(
            alias="pbx", account=ACCOUNT, identify=identify, read_party=read_party, watch=watch, known=known
        )
        self.subscription = 0
        self.updates = []
        self.subscribe()

    def subscribe(self, uri=URI):
        self.subscription += 1
        self.translator.subscribed(uri)

    def notify(self, body, *, uri=URI, seconds=0):
        said = self.translator.notify(
            uri, body, subscription=f"s{self.subscription}", now=NOW + timedelta(seconds=seconds)
        )
        self.updates += said.updates
        return said

    @property
    def states(self):
        return [(update.external_id, update.state) for update in self.updates]

    def overtaken(self, body, *, seconds=0):
        said = self.translator.overtaken(
            URI, body, subscription=f"s{self.subscription}", now=NOW + timedelta(seconds=seconds)
        )
        self.updates += said.updates
        return said

    def states_of(self, name):
        return [state for external_id, state in self.states if external_id == name]


def test_an_inbound_call_is_told_whole():
    line = Line()
    line.notify(document(1, dialog("c1", "early", display="Jane Caller")))
    (update,) = line.updates
    assert (update.provider, update.account, update.external_id) == ("pbx", "601", "c1")
    assert (update.source, update.state, update.direction) == (Source.SIP, CallState.RINGING, Direction.INBOUND)
    assert update.other == Party(number=PhoneNumber("+442079460123"), name="Jane Caller")
    assert update.own == Party(number=PhoneNumber("601"), account="601")
    assert update.observed_at == NOW
    assert update.raw["dialog"]["state"] == "early"


@pytest.mark.parametrize(
    ("direction", "dialog_state", "expected"),
    [
        ("initiator", "trying", CallState.ACCEPTED),
        ("initiator", "Trying", CallState.ACCEPTED),
        ("initiator", "proceeding", CallState.ACCEPTED),
        ("initiator", "early", CallState.RINGING),
        ("initiator", "confirmed", CallState.CONNECTED),
        ("recipient", "trying", None),
        ("recipient", "proceeding", CallState.RINGING),
        ("recipient", "early", CallState.RINGING),
        ("recipient", "confirmed", CallState.CONNECTED),
        ("receiver", "early", CallState.RINGING),
        ("", "early", CallState.RINGING),
        ("", "confirmed", CallState.CONNECTED),
        ("", "trying", None),
        ("recipient", "ringing-somewhere", None),
    ],
)
def test_what_a_first_dialog_state_means(direction, dialog_state, expected):
    line = Line()
    line.notify(document(1, dialog("c1", dialog_state, direction=direction)))
    assert line.states == ([("c1", expected)] if expected else [])


def test_hold_is_a_confirmed_dialog_that_renders_no_media():
    line = Line()
    for version, held in enumerate((False, True, False), 1):
        line.notify(document(version, dialog("c1", "confirmed", held=held)))
    assert line.states_of("c1") == [CallState.CONNECTED, CallState.ON_HOLD, CallState.CONNECTED]


def test_an_end_that_is_still_marked_as_held_is_an_end():
    line = Line()
    line.notify(document(1, dialog("c1", "confirmed", held=True)))
    line.notify(document(2, dialog("c1", "terminated", held=True)))
    assert line.states_of("c1") == [CallState.ON_HOLD, CallState.HANGUP]


def test_nothing_is_told_twice():
    line = Line()
    for version in range(1, 6):
        line.notify(document(version, dialog("c1", "confirmed")))
    assert line.states == [("c1", CallState.CONNECTED)]


def test_a_name_that_comes_later_is_told():
    line = Line()
    line.notify(document(1, dialog("c1", "early", other="")))
    line.notify(document(2, dialog("c1", "early")))
    assert [update.other.number for update in line.updates] == ["", "+442079460123"]


def test_a_terminated_dialog_that_lingers_is_told_once():
    line = Line()
    line.notify(document(1, dialog("c1", "early")))
    for version in range(2, 8):
        line.notify(document(version, dialog("c1", "terminated"), dialog("c2", "early")))
    line.subscribe()
    line.notify(document(1, dialog("c1", "terminated"), dialog("c2", "early")))
    assert line.states_of("c1") == [CallState.RINGING, CallState.HANGUP]
    assert line.states_of("c2") == [CallState.RINGING]


def test_a_call_that_is_over_when_we_first_hear_of_it_is_told_once_and_whole():
    line = Line()
    for version in range(1, 4):
        line.notify(document(version, dialog("c1", "terminated")))
    (update,) = line.updates
    assert (update.state, update.direction, update.other.number) == (
        CallState.HANGUP,
        Direction.INBOUND,
        "+442079460123",
    )


def test_an_extension_that_is_idle_when_we_first_hear_of_it_had_no_call():
    line = Line(by_extension)
    line.notify(document(1, dialog("601", "terminated")))
    assert line.updates == []


def test_a_call_that_vanishes_is_over():
    line = Line()
    line.notify(document(1, dialog("c1", "confirmed"), dialog("c2", "early")))
    line.notify(document(2, dialog("c2", "early")))
    assert line.states_of("c1") == [CallState.CONNECTED, CallState.HANGUP]
    assert line.updates[-1].raw["vanished"] is True
    assert line.updates[-1].end_reason is None


def test_an_empty_body_means_that_there_are_no_calls():
    line = Line()
    line.notify(b"")
    line.notify(document(2, dialog("c1", "early")))
    line.notify(b"", seconds=5)
    assert line.states_of("c1") == [CallState.RINGING, CallState.HANGUP]


def test_a_partial_document_ends_nothing_by_silence():
    line = Line()
    line.notify(document(1, dialog("c1", "confirmed")))
    line.notify(document(2, dialog("c2", "early"), state="partial"))
    assert line.states_of("c1") == [CallState.CONNECTED]
    assert line.translator.live == ("c1", "c2")


def test_a_gap_between_partial_documents_asks_for_the_full_state():
    line = Line()
    assert not line.notify(document(1)).resubscribe
    assert line.notify(document(4, dialog("c1", "early"), state="partial")).resubscribe
    assert line.states == [("c1", CallState.RINGING)]


def test_calls_that_ended_while_nobody_listened_are_over_after_the_reconnect():
    line = Line()
    line.notify(document(1, dialog("c1", "confirmed"), dialog("c2", "early")))
    line.subscribe()
    line.notify(document(1, dialog("c2", "confirmed")))
    assert line.states_of("c1") == [CallState.CONNECTED, CallState.HANGUP]
    assert line.states_of("c2") == [CallState.RINGING, CallState.CONNECTED]


def test_a_new_bridge_ends_what_the_record_thinks_is_live_and_the_server_does_not_show():
    line = Line(known={"c1": CallState.CONNECTED, "c2": CallState.RINGING})
    line.notify(document(1, dialog("c2", "confirmed")))
    assert line.states == [("c2", CallState.CONNECTED), ("c1", CallState.HANGUP)]


def test_a_new_bridge_ends_nothing_before_every_watched_address_has_spoken():
    other = "sip:602@pbx.example"
    line = Line(known={"c1": CallState.CONNECTED}, watch=(URI, other))
    line.notify(b"")
    assert line.updates == []
    line.notify(document(1, dialog("c1", "confirmed")), uri=other)
    assert line.translator.live == ("c1",)


def test_a_call_that_the_record_knows_is_not_told_again():
    line = Line(known={"c1": CallState.CONNECTED})
    line.notify(document(1, dialog("c1", "terminated")))
    assert line.states == [("c1", CallState.HANGUP)]


@pytest.mark.parametrize(
    ("before", "extra", "reason", "cause"),
    [
        ("early", "", None, ""),
        ("early", 'event="rejected" code="486"', EndReason.BUSY, "486 rejected"),
        ("early", 'event="rejected" code="603"', EndReason.DECLINED, "603 rejected"),
        ("early", 'event="rejected" code="404"', EndReason.UNREACHABLE, "404 rejected"),
        ("early", 'event="rejected"', EndReason.DECLINED, "rejected"),
        ("early", 'event="cancelled" code="487"', None, "487 cancelled"),
        ("early", 'event="replaced"', EndReason.ANSWERED_ELSEWHERE, "replaced"),
        ("confirmed", 'event="replaced"', EndReason.TRANSFERRED, "replaced"),
        ("confirmed", 'event="remote-bye"', None, "remote-bye"),
        ("confirmed", 'event="error" code="503"', None, "503 error"),
    ],
)
def test_why_a_call_ended_as_far_as_the_server_says_it(before, extra, reason, cause):
    line = Line()
    line.notify(document(1, dialog("c1", before)))
    line.notify(document(2, dialog("c1", "terminated", extra=extra)))
    assert (line.updates[-1].end_reason, line.updates[-1].cause) == (reason, cause)


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("sip:+442079460123@pbx.example", "+442079460123"),
        ("sips:602@pbx.example;user=phone", "602"),
        ("sip:%23123@pbx.example", "#123"),
        ("sip:07700900123;phone-context=+44@pbx.example", "07700900123"),
        ("tel:+442079460123", "+442079460123"),
        ("sip:jane.doe@pbx.example", "jane.doe"),
        ("sip:anonymous@anonymous.invalid", ""),
        ("sip:Restricted@pbx.example", ""),
        ("602", "602"),
        ("", ""),
    ],
)
def test_the_number_in_an_identity(uri, number):
    line = Line()
    line.notify(document(1, dialog("c1", "early", other=uri)))
    assert line.updates[0].other.number == number


@pytest.mark.parametrize("display", ["+44 20 7946 0123", "Anonymous", "+442079460123"])
def test_a_display_name_that_names_nobody_is_no_name(display):
    line = Line()
    line.notify(document(1, dialog("c1", "early", display=display)))
    assert line.updates[0].other.name == ""


def test_a_leg_that_the_provider_hides_is_not_told():
    line = Line(lambda account, dialog: None)
    line.notify(document(1, dialog("c1", "early")))
    line.notify(document(2))
    assert line.updates == []


def test_facts_that_the_provider_reads_from_a_dialog_come_along():
    def identify(account, dialog):
        return DialogIdentity(external_id=dialog.id, conversation_id="root", started_at=NOW, context="RG-1")

    line = Line(identify)
    line.notify(document(1, dialog("c1", "early")))
    (update,) = line.updates
    assert (update.conversation_id, update.started_at, update.context) == ("root", NOW, "RG-1")


def test_the_provider_reads_numbers_and_names_in_its_own_spelling():
    def read(number, name, *, dialled):
        return Party(number=PhoneNumber("+" + number), name=name.upper())

    line = Line(read_party=read)
    line.notify(document(1, dialog("c1", "early", other="sip:442079460123@pbx.example", display="Jane")))
    assert line.updates[0].other == Party(number=PhoneNumber("+442079460123"), name="JANE")


@pytest.mark.parametrize(("direction", "dialled"), [("initiator", True), ("recipient", False)])
def test_the_provider_is_told_which_end_was_dialled(direction, dialled):
    line = Line(read_party=lambda number, name, *, dialled: Party(number=PhoneNumber(number), name=str(dialled)))
    line.notify(document(1, dialog("c1", "early", direction=direction)))
    assert line.updates[0].other.name == str(dialled)


def test_the_same_document_delivered_twice_has_the_same_keys():
    one, other = Line(), Line()
    for line in (one, other):
        line.notify(document(1, dialog("c1", "early")))
        line.notify(document(2, dialog("c1", "terminated")))
    assert [update.key for update in one.updates] == [update.key for update in other.updates]
    assert len({update.key for update in one.updates}) == 2


@pytest.mark.parametrize("body", [b"<", b"not xml", b"<presence/>", b"\xff\xfe\x00", b"<!DOCTYPE x><dialog-info/>"])
def test_a_document_that_cannot_be_read_changes_nothing(body):
    line = Line()
    line.notify(document(1, dialog("c1", "early")))
    with pytest.raises(SipError):
        line.notify(body)
    assert line.translator.live == ("c1",)


# --- servers that let documents overtake each other -------------------------------------------------------------------

LIFE = ("Trying", "early", "confirmed", "terminated")


@pytest.mark.parametrize("order", list(permutations(LIFE)))
def test_states_in_any_order_never_go_backwards(order):
    line = Line()
    for version, state in enumerate(order, 1):
        line.notify(document(version, dialog("c1", state, direction="initiator")))
    told = line.states_of("c1")
    until_the_end = told[: told.index(CallState.HANGUP) + 1]
    ranks = [LIFE.index(name) for state in until_the_end for name in LIFE if state == MEANING[name]]
    assert ranks == sorted(ranks)
    answered_late = order.index("confirmed") > order.index("terminated")
    assert told[len(until_the_end) :] == [CallState.CONNECTED] * answered_late


class TestWitnesses:
    """What is heard too late to be told, but proves that a call was answered."""

    ENDED = (dialog("c1", "early"), dialog("c1", "terminated"))

    def line_after(self, *dialogs):
        line = Line()
        for version, element in enumerate(dialogs, 1):
            line.notify(document(version, element), seconds=version)
        return line

    def test_an_answer_that_its_end_has_overtaken(self):
        line = self.line_after(*self.ENDED)
        line.overtaken(document(1, dialog("c1", "confirmed")), seconds=5)
        witness = line.updates[-1]
        assert (witness.external_id, witness.state) == ("c1", CallState.CONNECTED)
        assert witness.answered_at == NOW + timedelta(seconds=2), "at its end at the latest"
        assert witness.observed_at == NOW + timedelta(seconds=5)

    def test_is_heard_once(self):
        line = self.line_after(*self.ENDED)
        for version in (1, 2):
            line.overtaken(document(version, dialog("c1", "confirmed")))
        assert line.states_of("c1") == [CallState.RINGING, CallState.HANGUP, CallState.CONNECTED]

    def test_is_not_needed_where_the_answer_was_told(self):
        line = self.line_after(dialog("c1", "confirmed"), dialog("c1", "terminated"))
        line.overtaken(document(1, dialog("c1", "confirmed")))
        line.notify(document(4, dialog("c1", "confirmed")))
        assert line.states_of("c1") == [CallState.CONNECTED, CallState.HANGUP]

    def test_an_answer_that_a_newer_ringing_has_overtaken_is_an_answer(self):
        line = self.line_after(dialog("c1", "early"))
        line.overtaken(document(1, dialog("c1", "confirmed")))
        assert line.states_of("c1") == [CallState.RINGING, CallState.CONNECTED]

    def test_an_old_hold_is_no_hold_now(self):
        line = self.line_after(dialog("c1", "early"))
        line.overtaken(document(1, dialog("c1", "confirmed", held=True)))
        line.overtaken(document(2, dialog("c1", "confirmed")))
        assert line.states_of("c1") == [CallState.RINGING, CallState.CONNECTED]

    def test_hold_that_the_newer_document_shows_stays(self):
        line = self.line_after(dialog("c1", "confirmed", held=True))
        line.overtaken(document(1, dialog("c1", "confirmed")))
        assert line.states_of("c1") == [CallState.ON_HOLD]

    @pytest.mark.parametrize("state", ["Trying", "early", "terminated", "nonsense"])
    def test_other_late_words_say_nothing(self, state):
        line = self.line_after(dialog("c1", "early"))
        line.overtaken(document(1, dialog("c1", state), dialog("c2", state)))
        assert line.states == [("c1", CallState.RINGING)]

    def test_a_call_that_is_known_from_late_documents_only_is_not_told(self):
        line = self.line_after()
        assert line.overtaken(document(1, dialog("c1", "confirmed"))).updates == ()
        assert line.overtaken(b"").updates == ()

    def test_where_ids_are_used_again_an_old_document_may_be_about_any_call(self):
        line = Line(by_extension)
        line.notify(document(1, dialog("601", "early")))
        assert line.overtaken(document(2, dialog("601", "confirmed"))).updates == ()

    def test_a_leg_that_the_provider_hides_has_no_witness(self):
        line = Line(lambda account, dialog: None)
        assert line.overtaken(document(2, dialog("c1", "confirmed"))).updates == ()

    def test_a_late_document_that_cannot_be_read_is_refused(self):
        with pytest.raises(SipError):
            Line().overtaken(b"<dialog")


MEANING = {
    "Trying": CallState.ACCEPTED,
    "early": CallState.RINGING,
    "confirmed": CallState.CONNECTED,
    "terminated": CallState.HANGUP,
}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.sampled_from(["full", "partial"]),
            st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([*LIFE, "nonsense"]), max_size=2),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_whatever_a_server_sends_each_call_has_one_life(documents, once):
    """No update after an end but one that proves an answer, no second end, no repetition; and no exception."""
    line = Line(by_id if once else by_extension)
    for seconds, (version, kind, dialogs, again) in enumerate(documents):
        if again:
            line.subscribe()
        body = document(version, *(dialog(name, state) for name, state in dialogs.items()), state=kind)
        line.notify(body, seconds=seconds)
    for name in {external_id for external_id, _state in line.states}:
        states = line.states_of(name)
        end = states.index(CallState.HANGUP) if CallState.HANGUP in states else len(states)
        assert (end < len(states)) == (name not in line.translator.live)
        after = states[end + 1 :]
        assert after == [] or (after == [CallState.CONNECTED] and CallState.CONNECTED not in states[:end])
    keys = [update.key for update in line.updates]
    assert len(keys) == len(set(keys))


# --- servers with one id for each extension ---------------------------------------------------------------------------


def test_an_id_that_is_used_again_names_a_new_call_each_time():
    line = Line(by_extension)
    states = ("early", "confirmed", "terminated", "early", "terminated")
    for version, state in enumerate(states, 1):
        line.notify(document(version, dialog("601", state)), seconds=version)
    names = list(dict.fromkeys(name for name, _state in line.states))
    assert len(names) == 2
    assert all(name.startswith("601~") for name in names)
    assert line.states_of(names[0]) == [CallState.RINGING, CallState.CONNECTED, CallState.HANGUP]
    assert line.states_of(names[1]) == [CallState.RINGING, CallState.HANGUP]


def test_a_second_caller_on_a_talking_extension_is_a_call_of_his_own():
    line = Line(by_extension)
    line.notify(document(1, dialog("601", "confirmed", direction="", other="")), seconds=1)
    line.notify(document(2, dialog("601", "early", other="sip:602@pbx.example")), seconds=2)
    line.notify(document(3, dialog("601", "confirmed", direction="", other="")), seconds=3)
    line.notify(document(4, dialog("601", "terminated", direction="", other="")), seconds=4)
    first, second = dict.fromkeys(name for name, _state in line.states)
    assert line.states_of(first) == [CallState.CONNECTED, CallState.HANGUP]
    assert line.states_of(second) == [CallState.RINGING, CallState.HANGUP]


@pytest.mark.parametrize(("first", "direction"), [("confirmed", Direction.OUTBOUND), ("early", None)])
def test_a_stretch_that_begins_with_talking_was_dialled_by_the_line(first, direction):
    line = Line(by_extension)
    line.notify(document(1, dialog("601", first, direction="", other="")))
    assert [update.direction for update in line.updates] == [direction]


class TestACallThatWePlaced:
    """It goes on in the dialog of our own leg, whose ends and direction say nothing of it."""

    @pytest.fixture
    def placed(self):
        return {"call": None}

    @pytest.fixture
    def line(self, placed):
        def identify(account, dialog):
            if placed["call"] is None:
                return None
            return DialogIdentity(external_id=f"{dialog.id}~c5", call=placed["call"])

        line = Line(identify)
        line.notify(document(1, dialog("601", "early", other="sip:cti@pbx.example")))
        line.notify(document(2, dialog("601", "confirmed", direction="", other="")))
        assert line.updates == []
        placed["call"] = 5
        return line

    def told(self, line):
        return [(u.call, u.state, u.direction, u.other, u.end_reason) for u in line.updates]

    def test_ends_with_it(self, line):
        line.notify(document(3, dialog("601", "terminated", direction="", other="")))
        assert self.told(line) == [(5, CallState.HANGUP, None, Party(), None)]
        assert line.updates[0].external_id == "601~c5"

    def test_is_held_and_resumed_in_it(self, line):
        line.notify(document(3, dialog("601", "confirmed", direction="", other="", held=True)))
        line.notify(document(4, dialog("601", "confirmed", direction="", other="")))
        line.notify(document(5, dialog("601", "terminated", direction="", other="")))
        states = [CallState.ON_HOLD, CallState.CONNECTED, CallState.HANGUP]
        assert [(call, state) for call, state, *_rest in self.told(line)] == [(5, state) for state in states]
        assert all(party == Party() for _call, _state, _direction, party, _reason in self.told(line))
        assert len({update.external_id for update in line.updates}) == 1

    @pytest.mark.parametrize("state", ["confirmed", "terminated"])
    def test_is_found_by_a_new_bridge(self, state):
        line = Line(by_extension, known={"601~c5": CallState.CONNECTED})
        line.notify(document(1, dialog("601", state, direction="", other="")))
        line.notify(document(2, dialog("601", "terminated", direction="", other="")))
        assert line.states == [("601~c5", CallState.HANGUP)]


def test_a_new_bridge_goes_on_with_the_call_of_an_extension():
    line = Line(by_extension, known={"601~abc": CallState.RINGING})
    line.notify(document(1, dialog("601", "confirmed")))
    assert line.states == [("601~abc", CallState.CONNECTED)]


def test_ended_calls_are_remembered_within_bounds():
    line = Line()
    version = 0
    for count in range(1200):
        version += 2
        line.notify(document(version - 1, dialog(f"c{count}", "early")))
        line.notify(document(version, dialog(f"c{count}", "terminated")))
    assert len(line.translator._ended) <= 500
    assert line.translator.live == ()
