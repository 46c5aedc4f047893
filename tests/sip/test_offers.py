"""What the other side may change in a call of ours: re-INVITE and UPDATE."""

import pytest

from django_voipcti.sip.events import InviteEnded, RequestServed
from django_voipcti.sip.messages import Request
from tests.sip.wire import FarEnd

HOLD = b"v=0\r\no=- 1 2 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"
SDP = ("Content-Type", "application/sdp")


@pytest.fixture
def far() -> FarEnd:
    return FarEnd()


@pytest.fixture
def invite(far: FarEnd) -> Request:
    """The INVITE of a call that is answered; its transaction is over."""
    far.core.invite("sip:1001@pbx.example.com", now=far.now)
    request = far.request("INVITE")
    far.answer(request, 200, ("Contact", "<sip:1001@192.0.2.7>"))
    far.request("ACK")
    far.at(40.0)
    far.events()
    return request


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_an_offer_is_answered_inactive(far: FarEnd, invite: Request, method: str) -> None:
    response = far.ask(method, invite, SDP, body=HOLD)
    assert (response.status, response.content_type) == (200, "application/sdp")
    assert b"m=audio 9 RTP/AVP 0\r\na=inactive" in response.body
    assert response.contact == invite.contact
    assert far.events() == [RequestServed(method=method, status=200)]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_an_offer_that_cannot_be_answered_is_refused(far: FarEnd, invite: Request, method: str) -> None:
    assert far.ask(method, invite, SDP, body=b"nonsense").status == 488


def test_a_reinvite_without_an_offer_gets_one(far: FarEnd, invite: Request) -> None:
    assert b"m=audio 9 RTP/AVP 0 8" in far.ask("INVITE", invite).body


def test_an_update_without_an_offer_refreshes_the_session_only(far: FarEnd, invite: Request) -> None:
    response = far.ask("UPDATE", invite)
    assert (response.status, response.body, response.content_type) == (200, b"", None)


def test_it_may_move_the_target(far: FarEnd, invite: Request) -> None:
    far.ask("UPDATE", invite, contact="<sip:1001@198.51.100.1>")
    far.core.bye(invite.call_id, far.now)
    assert far.request("BYE").uri == "sip:1001@198.51.100.1"


def test_our_200_is_repeated_until_the_ack(far: FarEnd, invite: Request) -> None:
    response = far.ask("INVITE", invite, SDP, body=HOLD)
    assert [far.wait_for_timer() - 40.0 for _ in range(4)] == [0.5, 1.5, 3.5, 7.5]
    assert far.messages() == [response] * 4
    number = response.cseq.number
    for cseq in (number - 1, number):
        far.send(far.build("ACK", invite, cseq=cseq))
    far.at(50.0)
    far.nothing()


def test_an_ack_that_comes_with_the_branch_of_its_invite_counts_too(far: FarEnd, invite: Request) -> None:
    reinvite = far.build("INVITE", invite, SDP, body=HOLD)
    far.send(reinvite)
    far.response()
    ack = far.build("ACK", invite, cseq=reinvite.cseq.number)
    ack.headers.set("Via", str(reinvite.via))
    assert far.send(ack) == []
    far.at(50.0)
    far.nothing()


def test_without_an_ack_the_call_is_ended(far: FarEnd, invite: Request) -> None:
    far.ask("INVITE", invite, SDP, body=HOLD)
    far.events()
    while far.now < 72.0:
        far.wait_for_timer()
    assert far.now == 72.0
    *repeated, bye = far.messages()
    assert len(repeated) == 10
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert far.answer(bye, 200) == [InviteEnded(invite=invite.call_id, by="local")]


def test_when_they_hang_up_nothing_is_repeated(far: FarEnd, invite: Request) -> None:
    far.ask("INVITE", invite, SDP, body=HOLD)
    far.ask("BYE", invite)
    far.at(60.0)
    far.nothing()
