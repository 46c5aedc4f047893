"""The header multimap and the value types of single fields."""

import pytest

from django_voipcti.sip.exceptions import LocalProtocolError, MalformedMessage
from django_voipcti.sip.headers import CSeq, EventHeader, Headers, SubscriptionState, Via, key_of, parse_seconds


def test_names_are_found_in_any_case_and_in_compact_form() -> None:
    headers = Headers([("v", "SIP/2.0/WS a;branch=1"), ("CALL-id", "x"), ("K", "timer")])
    assert headers.get("Via") == "SIP/2.0/WS a;branch=1"
    assert headers.get("i") == "x"
    assert "supported" in headers
    assert "To" not in headers
    assert 5 not in headers
    assert key_of("X-Own") == "x-own"


def test_values_of_lists_are_split_and_others_are_not() -> None:
    headers = Headers([("Via", "a, b"), ("Via", "c"), ("Subject", "one, two"), ("Allow", "")])
    assert headers.get_all("Via") == ["a", "b", "c"]
    assert headers.get("Via") == "a"
    assert headers.get("Subject") == "one, two"
    assert headers.get_all("Subject") == ["one, two"]
    assert headers.get_all("Contact") == []
    assert Headers([("Allow", " , ")]).get("Allow") == ""


def test_a_missing_value_is_none_or_the_default() -> None:
    assert Headers().get("To") is None
    assert Headers().get("To", "x") == "x"


def test_lines_keep_their_order_and_spelling() -> None:
    lines = [("To", "a"), ("x-Own", "1"), ("from", "b")]
    assert list(Headers(lines)) == lines
    assert len(Headers(lines)) == 3


def test_set_replaces_all_lines_at_the_place_of_the_first() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3"), ("C", "4")])
    headers.set("A", "new")
    assert list(headers) == [("A", "new"), ("B", "2"), ("C", "4")]
    headers.set("D", 5)
    assert headers.get("D") == "5"


def test_remove() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    headers.remove("A")
    headers.remove("never there")
    assert list(headers) == [("B", "2")]
    assert headers.get("A") is None


def test_what_was_read_is_read_again_after_a_change() -> None:
    headers = Headers([("Expires", "1"), ("Route", "a, b")])
    assert headers.typed("expires", int) == 1
    assert headers.typed_list("route", str.upper) == ("A", "B")
    assert headers.typed("expires", pytest.fail) == 1
    headers.set("Expires", "2")
    assert headers.typed("expires", int) == 2
    headers.remove("Expires")
    headers.remove("Route")
    assert headers.typed_list("route", str.upper) == ()
    with pytest.raises(MalformedMessage, match="expires is missing"):
        headers.typed("expires", int)


@pytest.mark.parametrize(("name", "value"), [("To", "a\r\nX: y"), ("To", "a\nb"), ("a b", "x"), ("", "x"), ("a:", "x")])
def test_nothing_can_be_injected(name: str, value: str) -> None:
    with pytest.raises(LocalProtocolError):
        Headers().add(name, value)


def test_equality_is_equality_in_meaning() -> None:
    assert Headers([("v", "a, b"), ("To", "x")]) == Headers([("TO", "x"), ("Via", "a"), ("Via", "b")])
    assert Headers([("Via", "b, a")]) != Headers([("Via", "a, b")])
    assert Headers() != "headers"


def test_repr_shows_names_only() -> None:
    assert repr(Headers([("To", "sip:+442079460000@x")])) == "Headers(['To'])"


# -- fields


def test_cseq() -> None:
    assert CSeq.parse("0009  INVITE") == CSeq(9, "INVITE")
    assert str(CSeq(9, "INVITE")) == "9 INVITE"


@pytest.mark.parametrize("text", ["", "1", "INVITE 1", "1INVITE", "2147483648 INVITE", "-1 INVITE", "99999999999 BYE"])
def test_a_broken_cseq_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        CSeq.parse(text)


def test_via() -> None:
    via = Via.parse("SIP / 2.0 / wss  Host.invalid : 5060 ;branch=z9hG4bK1;rport")
    assert via == Via("WSS", "Host.invalid", 5060, {"branch": "z9hG4bK1", "rport": None})
    assert (via.branch, via.sent_by) == ("z9hG4bK1", "host.invalid:5060")
    assert str(via) == "SIP/2.0/WSS Host.invalid:5060;branch=z9hG4bK1;rport"
    bare = Via.parse("SIP/2.0/UDP [2001:db8::1]")
    assert (bare.branch, bare.sent_by, str(bare)) == ("", "[2001:db8::1]", "SIP/2.0/UDP [2001:db8::1]")


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0 a", "SIP/3.0/UDP a", "SIP/2.0/UDP a:123456", "SIP/2.0/UDP a b", "SIP/2.0/UDP a;"]
)
def test_a_broken_via_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Via.parse(text)


def test_event() -> None:
    assert EventHeader.parse("Refer;ID=93") == EventHeader("refer", {"id": "93"})
    assert EventHeader.parse("dialog").id is None
    with pytest.raises(MalformedMessage):
        EventHeader.parse("a b")


def test_subscription_state() -> None:
    assert SubscriptionState.parse("Active;expires=300") == SubscriptionState("active", 300)
    assert SubscriptionState.parse("terminated;reason=Probation;retry-after=5") == SubscriptionState(
        "terminated", None, "probation", 5
    )
    assert SubscriptionState.parse("terminated;reason") == SubscriptionState("terminated")
    with pytest.raises(MalformedMessage):
        SubscriptionState.parse("")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300", 300),
        ("18000;duration=3600", 18000),
        ("120 (I'm in a meeting)", 120),
        ("9" * 20, 2**32 - 1),
        ("9" * 5000, 2**32 - 1),
    ],
)
def test_seconds(text: str, seconds: int) -> None:
    assert parse_seconds(text) == seconds


def test_seconds_without_digits_are_malformed() -> None:
    with pytest.raises(MalformedMessage):
        parse_seconds("-1")
