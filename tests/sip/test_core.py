"""The user agent as its driver sees it: what comes in, what goes out, what is told."""

import pytest

from django_voipcti.sip.core import UserAgentCore, UserAgentSettings
from django_voipcti.sip.events import (
    AuthenticationFailed,
    Ignored,
    KeepAliveReceived,
    RequestAnswered,
    RequestRejected,
    RequestServed,
    SubscriptionActive,
)
from django_voipcti.sip.exceptions import LocalProtocolError
from django_voipcti.sip.messages import Limits, Request, Response, parse_message
from tests.sip.wire import CHALLENGE, DOMAIN, ConnectionPair, FarEnd, make_core


@pytest.fixture
def far() -> FarEnd:
    return FarEnd()


def request(method: str, *headers: tuple[str, object], branch: str = "z9hG4bK1", uri: str = "sip:alice@x") -> Request:
    return Request(
        method,
        uri,
        [
            ("Via", f"SIP/2.0/WSS far.example.com;branch={branch}"),
            ("From", "<sip:bob@example.com>;tag=1"),
            ("To", "<sip:alice@example.com>"),
            ("Call-ID", "c1"),
            ("CSeq", f"1 {method}"),
            *headers,
        ],
    )


# -- the driver's contract


def test_a_new_core_has_nothing_to_say(far: FarEnd) -> None:
    far.nothing()
    assert far.events() == []
    assert far.core.get_timer() is None


def test_what_was_taken_is_not_given_again(far: FarEnd) -> None:
    far.core.send_options(0.0)
    assert len(far.core.data_to_send()) == 1
    assert far.core.data_to_send() == []
    far.core.connection_lost(1.0)
    assert len(far.core.events()) == 1
    assert far.core.events() == []


def test_the_same_inputs_give_the_same_bytes() -> None:
    def run() -> list[bytes]:
        core = make_core()
        core.subscribe("sip:bob@example.com", now=0.0)
        core.invite("sip:bob@example.com", now=1.0)
        core.handle_timer(40.0)
        return core.data_to_send()

    assert run() == run()


def test_without_a_factory_identifiers_are_unguessable() -> None:
    settings = UserAgentSettings(user="alice", domain=DOMAIN)
    first, second = UserAgentCore(settings), UserAgentCore(settings)
    assert first.send_options(0.0) != second.send_options(0.0)


@pytest.mark.parametrize("data", ["\r\n", "\r\n\r\n", b"\r\n", "", b"  "])
def test_keep_alives_are_told_and_not_answered(far: FarEnd, data: bytes | str) -> None:
    assert far.send(data) == [KeepAliveReceived()]
    far.nothing()


@pytest.mark.parametrize("data", ["garbage", b"\x00\xff\xfe", "GET / HTTP/1.1\r\n\r\n", "x" * 300_001, "\udcff"])
def test_garbage_is_told_and_not_answered(far: FarEnd, data: bytes | str) -> None:
    (event,) = far.send(data)
    assert isinstance(event, Ignored)
    assert event.status is None
    far.nothing()


def test_text_and_binary_frames_are_the_same(far: FarEnd) -> None:
    raw = request("OPTIONS").to_bytes()
    assert far.send(raw.decode()) == FarEnd().send(raw)


# -- two cores on one wire


def test_two_cores_ask_each_other_for_a_sign_of_life() -> None:
    pair = ConnectionPair()
    asked = pair.left.send_options(0.0)
    answered, served = pair.run()
    assert answered == [RequestAnswered(request=asked, method="OPTIONS", status=200, reason="OK")]
    assert served == [RequestServed(method="OPTIONS", status=200)]
    assert len(pair.carried) == 2


@pytest.mark.parametrize("reliable", [True, False])
def test_a_core_takes_no_calls_and_the_other_learns_it(reliable: bool) -> None:
    pair = ConnectionPair(reliable=reliable)
    pair.left.invite("sip:bob@example.com", now=0.0)
    failed, served = pair.run()
    assert [type(event).__name__ for event in failed] == ["InviteFailed"]
    assert served == [RequestServed(method="INVITE", status=480)]
    messages = [parse_message(data) for data in pair.carried]
    assert [m.method if isinstance(m, Request) else m.status for m in messages] == ["INVITE", 480, "ACK"]


@pytest.mark.parametrize(
    ("method", "status"),
    [("NOTIFY", 481), ("BYE", 481), ("INFO", 481), ("UPDATE", 481), ("MESSAGE", 405), ("REGISTER", 405), ("NEWS", 405)],
)
def test_what_else_a_core_answers_outside_of_dialogs(method: str, status: int) -> None:
    pair = ConnectionPair()
    asked = pair.left.request(method, "sip:bob@example.com", now=0.0)
    (event,), _ = pair.run()
    assert isinstance(event, RequestRejected)
    assert (event.request, event.method, event.status) == (asked, method, status)
    response = parse_message(pair.carried[1])
    assert "NOTIFY" in response.headers.get_all("Allow")
    assert response.to.tag is not None


# -- requests of theirs


def test_a_scheme_that_we_do_not_know(far: FarEnd) -> None:
    assert far.send(request("OPTIONS", uri="tel:+44")) == [RequestServed(method="OPTIONS", status=416)]


def test_an_extension_that_we_do_not_have(far: FarEnd) -> None:
    far.send(request("OPTIONS", ("Require", "100rel, timer")))
    response = far.response()
    assert (response.status, response.headers.get_all("Unsupported")) == (420, ["100rel", "timer"])


def test_a_dialog_that_we_do_not_have(far: FarEnd) -> None:
    stray = request("BYE")
    stray.headers.set("To", "<sip:alice@example.com>;tag=unknown")
    far.send(stray)
    assert far.response().status == 481


def test_a_dialog_of_ours_with_another_tag(far: FarEnd) -> None:
    far.core.subscribe("sip:bob@example.com", now=0.0)
    subscribe = far.request("SUBSCRIBE")
    stray = far.build("NOTIFY", subscribe, ("Event", "dialog"), ("Subscription-State", "active"))
    stray.headers.set("To", "<sip:alice@example.com>;tag=other")
    far.send(stray)
    assert far.response().status == 481
    ack = far.build("ACK", subscribe)
    ack.headers.set("To", "<sip:alice@example.com>;tag=other")
    assert far.send(ack) == [Ignored(reason="an ACK for no INVITE of theirs")]


def test_cancel_belongs_to_an_invite(far: FarEnd) -> None:
    assert far.send(request("CANCEL")) == [RequestServed(method="CANCEL", status=481)]
    far.messages()
    far.send(request("INVITE", branch="z9hG4bK2"))
    assert far.response().status == 480
    assert far.send(request("CANCEL", branch="z9hG4bK2")) == [RequestServed(method="CANCEL", status=200)]


def test_the_ack_for_our_refusal_is_taken_silently(far: FarEnd) -> None:
    far.send(request("INVITE"))
    assert far.send(request("ACK")) == []
    assert far.send(request("ACK", branch="z9hG4bK9")) == [Ignored(reason="an ACK for no INVITE of theirs")]


def test_a_repeated_request_is_not_served_twice(far: FarEnd) -> None:
    far.send(request("INVITE"))
    first = far.response()
    assert far.send(request("INVITE")) == [Ignored(reason="a request that was received before")]
    assert far.response() == first


def test_open_requests_are_limited() -> None:
    far = FarEnd(limits=Limits(transactions=2))
    for number in range(2):
        far.send(request("INVITE", branch=f"z9hG4bK{number}"))
    far.messages()
    assert far.send(request("INVITE", branch="z9hG4bK9")) == [Ignored(reason="too many open requests", status=503)]
    assert far.response().status == 503


@pytest.mark.parametrize(
    "header",
    [
        ("Contact", "<sip:"),
        ("Record-Route", "x"),
        ("Event", "a b"),
        ("Subscription-State", ""),
        ("Expires", "soon"),
        ("Min-Expires", "x"),
        ("Retry-After", "x"),
    ],
)
def test_a_field_that_cannot_be_read_is_refused(far: FarEnd, header: tuple[str, str]) -> None:
    (event,) = far.send(request("OPTIONS", header))
    assert isinstance(event, Ignored)
    assert event.status == far.response().status == 400


def test_a_request_uri_whose_parts_cannot_be_read_is_refused(far: FarEnd) -> None:
    far.send(request("OPTIONS", uri="sip:a@b@c"))
    assert far.response().status == 400


# -- responses


def test_a_response_with_two_vias_was_not_for_us(far: FarEnd) -> None:
    far.core.send_options(0.0)
    response = Response.to(far.request("OPTIONS"), 200)
    response.headers.add("Via", "SIP/2.0/WSS elsewhere")
    assert far.send(response) == [Ignored(reason="a response that nobody waits for")]


def test_a_malformed_response_is_dropped(far: FarEnd) -> None:
    far.core.send_options(0.0)
    response = Response.to(far.request("OPTIONS"), 200, headers=[("Expires", "soon")])
    assert far.send(response) == [Ignored(reason="a number of seconds cannot be read")]
    far.nothing()


# -- single requests


def test_a_request_with_headers_and_a_body(far: FarEnd) -> None:
    asked = far.core.request(
        "NOTIFY",
        "sip:1001@pbx.example.com",
        headers=[("Event", "talk"), ("Subscription-State", "terminated")],
        body=b"x",
        now=0.0,
    )
    sent = far.request("NOTIFY")
    assert (sent.call_id, sent.uri, sent.body) == (asked, "sip:1001@pbx.example.com", b"x")
    assert sent.event is not None
    assert far.answer(sent, 100) == []
    assert far.answer(sent, 481, ("Retry-After", 3)) == [
        RequestRejected(
            request=asked, method="NOTIFY", status=481, reason="Call/Transaction Does Not Exist", retry_after=3
        )
    ]


def test_options_go_to_the_domain(far: FarEnd) -> None:
    far.core.send_options(0.0)
    assert far.request("OPTIONS").uri == f"sip:{DOMAIN}"


def test_no_answer(far: FarEnd) -> None:
    asked = far.core.send_options(0.0)
    far.request("OPTIONS")
    assert far.wait_for_timer() == 32.0
    assert far.events() == [RequestRejected(request=asked, method="OPTIONS", status=None, reason="timeout")]


def test_a_challenge_and_a_wrong_password(far: FarEnd) -> None:
    asked = far.core.send_options(0.0)
    far.answer(far.request("OPTIONS"), 401, ("WWW-Authenticate", CHALLENGE))
    signed = far.request("OPTIONS")
    assert "Authorization" in signed.headers
    assert far.answer(signed, 401, ("WWW-Authenticate", CHALLENGE)) == [
        AuthenticationFailed(request=asked, realm=DOMAIN, status=401, why="rejected"),
        RequestRejected(request=asked, method="OPTIONS", status=None, reason="unauthorized"),
    ]


@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE", "ACK", "CANCEL", "", "two words"])
def test_methods_that_are_no_single_requests(far: FarEnd, method: str) -> None:
    with pytest.raises(LocalProtocolError):
        far.core.request(method, "sip:a@b", now=0.0)


def test_a_request_to_nowhere(far: FarEnd) -> None:
    with pytest.raises(LocalProtocolError):
        far.core.request("OPTIONS", "nowhere", now=0.0)


def test_on_an_unreliable_transport_requests_are_repeated() -> None:
    far = FarEnd(reliable=False, via_transport="UDP")
    far.core.subscribe("sip:bob@example.com", now=0.0)
    first = far.request("SUBSCRIBE")
    assert far.wait_for_timer() == 0.5
    assert far.request("SUBSCRIBE") == first
    assert far.answer(first, 200) == [SubscriptionActive(subscription=first.call_id, expires=300)]


def test_a_lost_connection_leaves_nothing_to_be_sent(far: FarEnd) -> None:
    asked = far.core.send_options(0.0)
    far.core.connection_lost(1.0)
    far.nothing()
    assert far.events() == [RequestRejected(request=asked, method="OPTIONS", status=None, reason="connection-lost")]
