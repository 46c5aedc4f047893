"""Calls of our own, from INVITE to BYE, over a wire that the test drives."""

import pytest

from django_voipcti.sip.caller import CALLER, Input, State
from django_voipcti.sip.events import (
    AuthenticationFailed,
    Ignored,
    InviteAnswered,
    InviteEnded,
    InviteFailed,
    InviteProgress,
    RequestServed,
)
from django_voipcti.sip.exceptions import LocalProtocolError
from django_voipcti.sip.messages import Request, Response
from tests.sip.wire import CHALLENGE, FarEnd

PHONE = "sip:1001@pbx.example.com"
CONTACT = ("Contact", "<sip:1001@192.0.2.7:5071>")
ROUTES = ("Record-Route", "<sip:192.0.2.1;r2=on;lr>, <sip:192.0.2.1:8088;transport=ws;r2=on;lr>")


@pytest.fixture
def far() -> FarEnd:
    return FarEnd()


class Call:
    """A call that has been begun."""

    def __init__(self, far: FarEnd, **options: object) -> None:
        self.far = far
        self.id = far.core.invite(PHONE, now=far.now, **options)  # type: ignore[arg-type]
        self.request = far.request("INVITE")

    def ring(self, tag: str = "far") -> list[object]:
        return list(self.far.answer(self.request, 180, tag=tag))

    def pick_up(self, *headers: tuple[str, object], body: bytes = b"sdp", tag: str = "far") -> list[object]:
        return list(self.far.answer(self.request, 200, CONTACT, *headers, body=body, tag=tag))

    def progress(self, status: int = 180, tag: str = "far", reason: str = "Ringing") -> InviteProgress:
        return InviteProgress(invite=self.id, status=status, reason=reason, to_tag=tag)

    def failed(self, status: int | None, reason: str, **facts: object) -> InviteFailed:
        return InviteFailed(invite=self.id, status=status, reason=reason, **facts)  # type: ignore[arg-type]

    def ended(self, by: str) -> InviteEnded:
        return InviteEnded(invite=self.id, by=by)  # type: ignore[arg-type]


@pytest.fixture
def call(far: FarEnd) -> Call:
    """A call that is answered and acknowledged."""
    call = Call(far)
    call.ring()
    call.pick_up()
    far.request("ACK")
    return call


# -- the machine


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@pytest.mark.parametrize("item", Input, ids=lambda item: item.name)
def test_every_pair_is_decided(state: State, item: Input) -> None:
    new = CALLER[state].get(item)
    match state, item:
        case State.CALLING | State.EARLY, Input.PROVISIONAL:
            assert new is State.EARLY
        case State.CALLING | State.EARLY, Input.SUCCESS:
            assert new is State.CONFIRMED
        case State.CALLING | State.EARLY, Input.HANG_UP:
            assert new is State.CANCELLING
        case State.CALLING | State.EARLY | State.CANCELLING, Input.FAILURE:
            assert new is State.ENDED
        case State.CANCELLING, Input.PROVISIONAL | Input.HANG_UP:
            assert new is State.CANCELLING
        case State.CANCELLING, Input.SUCCESS:
            assert new is State.ENDING
        case State.CONFIRMED, Input.HANG_UP:
            assert new is State.ENDING
        case State.CONFIRMED | State.ENDING, Input.BYE | Input.LOST:
            assert new is State.ENDED
        case State.CONFIRMED | State.ENDING | State.ENDED, Input.SUCCESS:
            assert new is state
        case State.ENDING | State.ENDED, Input.HANG_UP:
            assert new is state
        case State.ENDING | State.ENDED, Input.BYE_DONE:
            assert new is State.ENDED
        case _:
            assert new is None


# -- the beginning


def test_the_invite_has_what_a_phone_needs(far: FarEnd) -> None:
    request = Call(far, headers=[("Call-Info", "<sip:x>;answer-after=0")]).request
    assert request.uri == PHONE
    assert request.contact is not None
    assert request.content_type == "application/sdp"
    assert b"a=inactive" in request.body
    assert request.headers.get("Call-Info") == "<sip:x>;answer-after=0"
    assert "BYE" in request.headers.get_all("Allow")


def test_it_can_be_sent_without_an_offer_or_with_ones_own(far: FarEnd) -> None:
    bare = Call(far, body=b"").request
    assert (bare.body, bare.content_type) == (b"", None)
    own = Call(far, body=b"x", content_type="text/plain").request
    assert (own.body, own.content_type) == (b"x", "text/plain")


def test_a_call_that_is_answered(far: FarEnd) -> None:
    call = Call(far)
    assert far.answer(call.request, 100) == []
    assert call.ring() == [call.progress()]
    assert call.pick_up() == [InviteAnswered(invite=call.id, body=b"sdp")]
    ack = far.request("ACK")
    assert (ack.uri, ack.to.tag, ack.cseq.number, ack.body) == ("sip:1001@192.0.2.7:5071", "far", 1, b"")
    assert ack.via.branch != call.request.via.branch
    # The ring time was 60 seconds; only the transaction waits on for other branches.
    assert far.core.get_timer() == 32.0


def test_through_two_record_routing_hops_every_request_takes_the_way_back(far: FarEnd) -> None:
    call = Call(far)
    call.pick_up(ROUTES)
    way = ["<sip:192.0.2.1:8088;transport=ws;r2=on;lr>", "<sip:192.0.2.1;r2=on;lr>"]
    assert far.request("ACK").headers.get_all("Route") == way
    far.core.bye(call.id, far.now)
    assert far.request("BYE").headers.get_all("Route") == way


def test_a_challenge_is_acknowledged_and_answered_and_the_ack_carries_the_credentials(far: FarEnd) -> None:
    call = Call(far)
    assert far.answer(call.request, 407, ("Proxy-Authenticate", CHALLENGE)) == []
    ack, invite = far.messages()
    assert isinstance(ack, Request)
    assert (ack.method, ack.via.branch) == ("ACK", call.request.via.branch)
    assert isinstance(invite, Request)
    assert (invite.cseq.number, invite.call_id) == (2, call.id)
    call.request = invite
    call.pick_up()
    ack = far.request("ACK")
    assert ack.cseq.number == 2
    assert ack.headers.get("Proxy-Authorization") == invite.headers.get("Proxy-Authorization")


def test_a_wrong_password(far: FarEnd) -> None:
    call = Call(far)
    far.answer(call.request, 401, ("WWW-Authenticate", CHALLENGE))
    _, second = far.messages()
    assert isinstance(second, Request)
    assert far.answer(second, 401, ("WWW-Authenticate", CHALLENGE)) == [
        AuthenticationFailed(request=call.id, realm="pbx.example.com", status=401, why="rejected"),
        call.failed(None, "unauthorized"),
    ]


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "Not Found"), (486, "Busy Here"), (503, "Service Unavailable"), (603, "Decline")]
)
def test_a_refusal(far: FarEnd, status: int, reason: str) -> None:
    call = Call(far)
    assert far.answer(call.request, status, ("Retry-After", 5)) == [call.failed(status, reason, retry_after=5)]
    assert far.request("ACK").to.tag == "far"
    assert far.core.get_timer() is None
    assert far.ask("BYE", call.request).status == 481


def test_a_redirection_is_told_in_order_of_preference_and_not_followed(far: FarEnd) -> None:
    call = Call(far)
    contacts = ("Contact", "<sip:plain@x>, <sip:low@x>;q=0.1, <sip:high@x>;q=0.9, <sip:odd@x>;q=much")
    assert far.answer(call.request, 302, contacts) == [
        call.failed(302, "Moved Temporarily", targets=("sip:high@x", "sip:low@x", "sip:plain@x", "sip:odd@x"))
    ]
    far.request("ACK")


def test_no_answer_from_the_server(far: FarEnd) -> None:
    call = Call(far)
    assert far.wait_for_timer() == 32.0
    assert far.events() == [call.failed(None, "timeout")]


def test_no_answer_from_the_phone(far: FarEnd) -> None:
    call = Call(far, ring_time=20.0)
    call.ring()
    assert far.wait_for_timer() == 20.0
    cancel = far.request("CANCEL")
    far.answer(cancel, 200)
    assert far.answer(call.request, 487) == [call.failed(487, "no-answer")]
    far.request("ACK")


def test_it_may_ring_for_ever(far: FarEnd) -> None:
    call = Call(far, ring_time=None)
    call.ring()
    assert far.core.get_timer() is None


def test_without_an_offer_of_ours_the_ack_answers_theirs(far: FarEnd) -> None:
    call = Call(far, body=b"")
    call.pick_up(("Content-Type", "application/sdp"), body=b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n")
    ack = far.request("ACK")
    assert ack.content_type == "application/sdp"
    assert b"m=audio 9 RTP/AVP 0\r\na=inactive" in ack.body


def test_an_offer_that_cannot_be_answered_gets_a_bare_ack(far: FarEnd) -> None:
    call = Call(far, body=b"")
    call.pick_up(body=b"nonsense")
    assert far.request("ACK").body == b""


# -- giving up


def test_cancel_while_it_rings(far: FarEnd) -> None:
    call = Call(far)
    call.ring()
    far.core.cancel(call.id, far.now)
    cancel = far.request("CANCEL")
    assert cancel.uri == PHONE
    assert cancel.vias == call.request.vias
    assert (str(cancel.cseq), cancel.call_id, cancel.to.tag) == ("1 CANCEL", call.id, None)
    far.core.cancel(call.id, far.now)
    far.nothing()
    assert far.answer(cancel, 200) == []
    assert far.answer(call.request, 487) == [call.failed(487, "Request Terminated", cancelled=True)]
    far.request("ACK")


def test_cancel_waits_for_a_provisional_response(far: FarEnd) -> None:
    call = Call(far)
    far.core.cancel(call.id, far.now)
    far.nothing()
    assert far.answer(call.request, 100) == []
    far.request("CANCEL")
    assert call.ring() == []
    far.nothing()


def test_a_challenge_that_comes_after_we_gave_up_is_not_answered(far: FarEnd) -> None:
    call = Call(far)
    far.core.cancel(call.id, far.now)
    assert far.answer(call.request, 407, ("Proxy-Authenticate", CHALLENGE)) == [
        call.failed(407, "Proxy Authentication Required", cancelled=True)
    ]
    far.request("ACK")
    far.nothing()


def test_the_server_never_answers_a_call_that_we_gave_up(far: FarEnd) -> None:
    call = Call(far)
    far.core.cancel(call.id, far.now)
    assert far.wait_for_timer() == 32.0
    assert far.events() == [call.failed(None, "timeout", cancelled=True)]


def test_an_answer_that_wins_the_race_is_acknowledged_and_hung_up(far: FarEnd) -> None:
    call = Call(far)
    call.ring()
    far.core.cancel(call.id, far.now)
    far.request("CANCEL")
    assert call.pick_up() == [call.failed(None, "cancelled", cancelled=True)]
    ack, bye = far.messages()
    assert [message.method for message in (ack, bye) if isinstance(message, Request)] == ["ACK", "BYE"]
    assert isinstance(bye, Request)
    assert far.answer(bye, 200) == []
    assert far.ask("BYE", call.request).status == 481


def test_a_cancelled_invite_without_final_response_is_given_up(far: FarEnd) -> None:
    call = Call(far)
    call.ring()
    far.core.cancel(call.id, far.now)
    far.answer(far.request("CANCEL"), 200)
    assert far.wait_for_timer() == 32.0
    assert far.events() == [call.failed(None, "cancelled", cancelled=True)]
    call.pick_up()
    far.nothing()


# -- forks


def test_several_phones_ring_and_the_first_to_answer_has_the_call(far: FarEnd) -> None:
    call = Call(far)
    assert call.ring("desk") == [call.progress(tag="desk")]
    assert call.ring("mobile") == [call.progress(tag="mobile")]
    call.pick_up(tag="mobile")
    assert far.request("ACK").to.tag == "mobile"
    assert far.ask("BYE", call.request, tag="desk").status == 481
    assert far.ask("BYE", call.request, tag="mobile").status == 200


def test_a_second_phone_that_answers_gets_ack_and_bye(far: FarEnd) -> None:
    call = Call(far)
    call.pick_up(tag="desk")
    far.request("ACK")
    assert call.pick_up(tag="mobile") == []
    ack, bye = far.messages()
    assert [message.to.tag for message in (ack, bye)] == ["mobile", "mobile"]
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert far.answer(bye, 200) == []
    assert far.ask("INFO", call.request, tag="desk").status == 200


def test_even_after_the_call_is_over(far: FarEnd) -> None:
    call = Call(far)
    call.pick_up(tag="desk")
    far.request("ACK")
    far.ask("BYE", call.request, tag="desk")
    far.events()
    assert call.pick_up(tag="mobile") == []
    ack, bye = far.messages()
    assert [message.to.tag for message in (ack, bye)] == ["mobile", "mobile"]
    assert isinstance(bye, Request)
    far.answer(bye, 200)
    far.wait_for_timer()
    assert far.events() == []


def test_a_fork_has_an_end(far: FarEnd) -> None:
    call = Call(far)
    for number in range(32):
        call.pick_up(tag=f"branch {number}")
    assert len(far.messages()) == 32 + 31
    assert call.pick_up(tag="one more") == [Ignored(reason="too many branches of a fork have answered")]
    far.nothing()


def test_a_repeated_200_is_acknowledged_again(far: FarEnd) -> None:
    call = Call(far)
    call.pick_up()
    first = far.request("ACK")
    assert call.pick_up() == []
    assert far.request("ACK") == first


# -- hanging up


def test_we_hang_up(far: FarEnd, call: Call) -> None:
    far.core.bye(call.id, far.now)
    bye = far.request("BYE")
    assert (bye.uri, bye.to.tag, bye.cseq.number) == ("sip:1001@192.0.2.7:5071", "far", 2)
    far.core.bye(call.id, far.now)
    far.nothing()
    assert far.answer(bye, 100) == []
    assert far.answer(bye, 200) == [call.ended("local")]
    far.core.bye(call.id, far.now)
    far.nothing()


@pytest.mark.parametrize("status", [408, 481, 500])
def test_a_bye_is_the_end_whatever_the_answer(far: FarEnd, call: Call, status: int) -> None:
    far.core.bye(call.id, far.now)
    assert far.answer(far.request("BYE"), status) == [call.ended("local")]


def test_a_bye_without_answer(far: FarEnd, call: Call) -> None:
    far.core.bye(call.id, far.now)
    far.request("BYE")
    far.at(32.0)
    assert far.events() == [call.ended("local")]


def test_they_hang_up(far: FarEnd, call: Call) -> None:
    assert far.ask("BYE", call.request).status == 200
    assert far.events() == [RequestServed(method="BYE", status=200), call.ended("remote")]
    assert far.ask("BYE", call.request).status == 481


def test_both_hang_up_at_once(far: FarEnd, call: Call) -> None:
    far.core.bye(call.id, far.now)
    bye = far.request("BYE")
    assert far.ask("BYE", call.request).status == 200
    assert far.events()[-1] == call.ended("local")
    assert far.answer(bye, 481) == []


def test_the_connection_is_lost(far: FarEnd) -> None:
    ringing = Call(far)
    talking = Call(far)
    talking.pick_up()
    far.request("ACK")
    leaving = Call(far)
    leaving.pick_up()
    far.core.bye(leaving.id, far.now)
    far.events()
    far.core.connection_lost(far.now)
    assert far.events() == [
        ringing.failed(None, "connection-lost"),
        talking.ended("failure"),
        leaving.ended("failure"),
    ]
    assert far.core.get_timer() is None


def test_the_connection_is_lost_after_a_cancelled_call_was_answered(far: FarEnd) -> None:
    call = Call(far)
    call.ring()
    far.core.cancel(call.id, far.now)
    call.pick_up()
    far.events()
    far.core.connection_lost(far.now)
    assert far.events() == []


# -- requests of theirs


def test_there_is_no_dialog_before_the_answer(far: FarEnd) -> None:
    call = Call(far)
    call.ring()
    assert far.ask("UPDATE", call.request).status == 481


@pytest.mark.parametrize(("method", "status"), [("INFO", 200), ("OPTIONS", 200), ("REFER", 405), ("MESSAGE", 405)])
def test_other_requests(far: FarEnd, call: Call, method: str, status: int) -> None:
    response = far.ask(method, call.request)
    assert response.status == status
    assert "BYE" in response.headers.get_all("Allow")


def test_a_request_out_of_order_is_refused(far: FarEnd, call: Call) -> None:
    far.ask("INFO", call.request, cseq=9)
    assert far.ask("BYE", call.request, cseq=8).status == 500
    assert far.ask("BYE", call.request, cseq=10).status == 200


# -- our own faults


def test_calls_that_do_not_exist(far: FarEnd) -> None:
    far.core.cancel("nobody", far.now)
    far.core.bye("nobody", far.now)
    far.nothing()
    with pytest.raises(LocalProtocolError):
        far.core.refer("nobody", "sip:1002@pbx.example.com", far.now)
    with pytest.raises(LocalProtocolError):
        far.core.invite("no uri", now=far.now)


def test_the_answer_to_a_cancel_may_be_missing(far: FarEnd) -> None:
    call = Call(far)
    call.ring()
    far.core.cancel(call.id, far.now)
    far.request("CANCEL")
    far.send(Response.to(call.request, 487, to_tag="far"))
    far.messages()
    far.events()
    far.at(32.0)
    assert far.events() == []
    assert far.core.get_timer() is None
