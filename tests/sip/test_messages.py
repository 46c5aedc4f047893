"""Reading, building and writing whole messages."""

import pytest

from django_voipcti.sip.exceptions import MalformedMessage
from django_voipcti.sip.headers import CSeq, EventHeader, Headers, SubscriptionState
from django_voipcti.sip.messages import Limits, Request, Response, parse_message

HEAD = (
    "OPTIONS sip:bob@example.com SIP/2.0\r\n"
    "Via: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\n"
    "From: <sip:alice@example.com>;tag=1\r\n"
    "To: <sip:bob@example.com>\r\n"
    "Call-ID: c1\r\n"
    "CSeq: 1 OPTIONS\r\n"
)


def text(*lines: str, body: str = "") -> str:
    return HEAD + "".join(f"{line}\r\n" for line in lines) + "\r\n" + body


def test_a_request() -> None:
    message = parse_message(text("Contact: <sip:a@a.invalid>", body="hello"))
    assert isinstance(message, Request)
    assert (message.method, message.uri, message.body) == ("OPTIONS", "sip:bob@example.com", b"hello")
    assert message.call_id == "c1"
    assert message.cseq == CSeq(1, "OPTIONS")
    assert (message.from_.tag, message.to.tag) == ("1", None)
    assert message.via.branch == "z9hG4bK1"
    assert message.contact is not None
    assert message.contact.uri == "sip:a@a.invalid"


def test_a_response() -> None:
    message = parse_message(text().replace("OPTIONS sip:bob@example.com SIP/2.0", "sip/2.0 404 Kein Anschluß"))
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (404, "Kein Anschluß")
    assert message.to.uri == "sip:bob@example.com"


@pytest.mark.parametrize("line", ["SIP/2.0 100 ", "SIP/2.0 100"])
def test_a_reason_phrase_may_be_empty(line: str) -> None:
    message = parse_message(text().replace("OPTIONS sip:bob@example.com SIP/2.0", line))
    assert isinstance(message, Response)
    assert message.reason == ""


def test_fields_that_may_be_missing() -> None:
    bare = parse_message(text())
    assert bare.contact is None
    assert bare.contacts == bare.record_routes == ()
    assert bare.event is bare.subscription_state is bare.content_type is None
    assert bare.expires is bare.min_expires is bare.retry_after is None


def test_fields_that_are_there() -> None:
    message = parse_message(
        text(
            "Contact: <sip:a@b>, <sip:c@d>",
            "Record-Route: <sip:p1;lr>, <sip:p2;lr>",
            "o: dialog;id=7",
            "Subscription-State: active;expires=5",
            "Content-Type: Application/SDP ;charset=utf-8",
            "Expires: 300",
            "Min-Expires: 60",
            "Retry-After: 5 (soon)",
        )
    )
    assert [str(contact.uri) for contact in message.contacts] == ["sip:a@b", "sip:c@d"]
    assert [str(route.uri) for route in message.record_routes] == ["sip:p1;lr", "sip:p2;lr"]
    assert message.event == EventHeader("dialog", {"id": "7"})
    assert message.subscription_state == SubscriptionState("active", 5)
    assert message.content_type == "application/sdp"
    assert (message.expires, message.min_expires, message.retry_after) == (300, 60, 5)


def test_a_star_is_no_contact() -> None:
    assert parse_message(text("Contact: *")).contacts == ()


def test_folded_lines_are_joined() -> None:
    message = parse_message(text("Subject: one \r\n  two\r\n\tthree"))
    assert message.headers.get("Subject") == "one two three"


def test_blanks_before_the_colon_and_any_case() -> None:
    message = parse_message(text().replace("Call-ID: ", "CALL-id \t:  "))
    assert message.call_id == "c1"


def test_several_vias_on_one_line_and_on_two() -> None:
    message = parse_message(text("Via: SIP/2.0/UDP b, SIP/2.0/TCP c"))
    assert [via.host for via in message.vias] == ["a.invalid", "b", "c"]


def test_the_body_is_cut_at_content_length_which_counts_bytes() -> None:
    assert parse_message(text("Content-Length: 5", body="grüße and more")).body == "grü".encode() + b"\xc3"
    assert parse_message(text("l: 0", body="x")).body == b""


def test_empty_lines_before_the_message_are_skipped() -> None:
    assert isinstance(parse_message("\r\n\r\n" + text()), Request)


def test_bytes_that_are_no_utf8_survive_a_round_trip() -> None:
    raw = text("Subject: X", "Content-Length: 2", body="\x00\x01").encode().replace(b"Subject: X", b"Subject: \xff\xfe")
    assert parse_message(raw).to_bytes() == raw


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (text("Content-Length: 3", body="ab"), 400),
        (text("Content-Length: x"), 400),
        (text("Content-Length: 99999999999"), 400),
        (text().replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), 505),
        (text("no colon"), 400),
        (text(": no name"), 400),
        (text("two words: x"), 400),
        (text("To: <sip:other@example.com>"), 400),
        (text().replace("CSeq: 1 OPTIONS", "CSeq: 1 BYE"), 400),
        (text().replace("sip:bob@example.com SIP", "nouri SIP"), 400),
        (text("X: " + "y" * 9000), 400),
        (text(*["X: y"] * 200), 513),
        (text(*["X: y"] * 400), 513),
        (text().replace("OPTIONS sip", "OPTIONS  sip"), 400),
    ],
)
def test_a_malformed_request_is_refused_with_a_fitting_answer(raw: str, status: int) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(raw)
    assert caught.value.status == status
    answer = caught.value.answer(to_tag="t")
    if caught.value.request is not None and "Via" in caught.value.request.headers:
        assert answer is not None
        assert (answer.status, answer.headers.get("Call-ID")) == (status, "c1")
    else:
        assert "larger" in str(caught.value) or "more header lines" in str(caught.value)


@pytest.mark.parametrize("field", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_mandatory_fields(field: str) -> None:
    lines = [line for line in text().split("\r\n") if not line.startswith(f"{field}:")]
    with pytest.raises(MalformedMessage) as caught:
        parse_message("\r\n".join(lines))
    assert str(caught.value) == f"{field.lower()} is missing"
    assert (caught.value.answer() is None) is (field in ("Via", "CSeq"))


@pytest.mark.parametrize("field", ["From: <sip:a@b", "To: x", "Via: SIP/2.0", "CSeq: one OPTIONS", "Call-ID:"])
def test_unreadable_mandatory_fields(field: str) -> None:
    name = field.partition(":")[0]
    lines = [field if line.startswith(f"{name}:") else line for line in text().split("\r\n")]
    with pytest.raises(MalformedMessage):
        parse_message("\r\n".join(lines))


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "garbage",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        text().replace("\r\n", "\n"),
        text("X: a\rb"),
        text("X: a\nb"),
        text().replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 999 x"),
        text().replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 20 x"),
        text().replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 200 x", 1).replace("CSeq: 1 OPTIONS", "CSeq: x"),
        text(*["X: y"] * 200).replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 200 x", 1),
        "x" * 300_001,
    ],
)
def test_what_cannot_be_answered_is_refused_without_an_answer(raw: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(raw)
    assert caught.value.answer() is None


def test_an_ack_is_never_answered() -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(text("Content-Length: x").replace("OPTIONS", "ACK"))
    assert caught.value.answer() is None


def test_a_request_line_that_cannot_be_read_is_answered_if_its_headers_can() -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(text("broken line").replace("sip:bob@example.com SIP", "<sip:bob@example.com> SIP"))
    answer = caught.value.answer()
    assert answer is not None
    assert answer.status == 400


def test_limits_are_the_callers() -> None:
    with pytest.raises(MalformedMessage, match="larger than the limit"):
        parse_message(text(), Limits(message_size=100))


# -- building


def test_content_length_is_always_that_of_the_body() -> None:
    request = Request("MESSAGE", "sip:bob@example.com", [("Content-Length", 99)], "grüße".encode())
    assert request.to_bytes() == "MESSAGE sip:bob@example.com SIP/2.0\r\nContent-Length: 7\r\n\r\ngrüße".encode()


def test_a_response_copies_what_belongs_to_the_transaction() -> None:
    request = parse_message(text("Record-Route: <sip:p;lr>", "Subject: x", "Via: SIP/2.0/UDP b"))
    assert isinstance(request, Request)
    response = Response.to(request, 200, to_tag="t", headers=[("Expires", 5)], body=b"x")
    assert list(response.headers) == [
        ("Via", "SIP/2.0/WSS a.invalid;branch=z9hG4bK1"),
        ("From", "<sip:alice@example.com>;tag=1"),
        ("To", "<sip:bob@example.com>;tag=t"),
        ("Call-ID", "c1"),
        ("CSeq", "1 OPTIONS"),
        ("Record-Route", "<sip:p;lr>"),
        ("Via", "SIP/2.0/UDP b"),
        ("Expires", "5"),
    ]
    assert (response.reason, response.body) == ("OK", b"x")


@pytest.mark.parametrize(("status", "tag", "routed"), [(100, None, False), (180, "t", True), (404, "t", False)])
def test_who_gets_a_tag_and_a_route(status: int, tag: str | None, routed: bool) -> None:
    request = parse_message(text("Record-Route: <sip:p;lr>"))
    assert isinstance(request, Request)
    response = Response.to(request, status, to_tag="t")
    assert response.to.tag == tag
    assert ("Record-Route" in response.headers) is routed


def test_an_existing_tag_stays() -> None:
    request = parse_message(text().replace("To: <sip:bob@example.com>", "To: <sip:bob@example.com> ; TAG = old"))
    assert isinstance(request, Request)
    assert Response.to(request, 200, to_tag="new").to.tag == "old"
    assert Response.to(request, 200).to.tag == "old"


def test_an_unknown_status_has_a_reason_phrase_too() -> None:
    assert Response(299).start_line() == "SIP/2.0 299 Unknown"
    assert Response(299, "").start_line() == "SIP/2.0 299 "


def test_equality_is_equality_in_meaning() -> None:
    left = parse_message(text("Content-Length: 0"))
    assert left == parse_message(text().replace("Via:", "v:"))
    assert left != parse_message(text(body="x"))
    assert left != Response(200)
    assert left != "text"


def test_accessors_follow_a_change_of_the_headers() -> None:
    request = Request("BYE", "sip:a@b", Headers([("Via", "SIP/2.0/WS a")]))
    with pytest.raises(MalformedMessage):
        _ = request.from_
    request.headers.add("From", "<sip:a@b>;tag=1")
    assert request.from_.tag == "1"


def test_repr_shows_no_number() -> None:
    request = parse_message(text().replace("bob", "+442079460000"))
    assert "79460" not in repr(request)
    assert "79460" not in repr(Response.to(request, 200))  # type: ignore[arg-type]
