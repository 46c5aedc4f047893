"""SIP URIs and name-addr values."""

import pytest

from django_voipcti.sip.exceptions import MalformedMessage
from django_voipcti.sip.uri import NameAddr, SipUri, escape_user


def test_a_uri_is_its_text_and_its_parts() -> None:
    uri = SipUri.parse("sip:alice:pw@Example.COM:5061;transport=ws;lr?subject=x")
    assert uri == "sip:alice:pw@Example.COM:5061;transport=ws;lr?subject=x"
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == ("sip", "alice", "pw", "example.com", 5061)
    assert uri.params == {"transport": "ws", "lr": None}
    assert uri.headers == "subject=x"


@pytest.mark.parametrize(
    ("text", "user", "host"),
    [
        ("sips:example.com", None, "example.com"),
        ("sip:[2001:db8::1]:5060", None, "[2001:db8::1]"),
        ("sip:user;par=u%40x@example.com", "user;par=u%40x", "example.com"),
        ("tel:+442079460000;phone-context=+44", "+442079460000", ""),
        ("soap.beep://192.0.2.103:3002", "//192.0.2.103:3002", ""),
    ],
)
def test_user_and_host(text: str, user: str | None, host: str) -> None:
    uri = SipUri.parse(text)
    assert (uri.user, uri.host) == (user, host)


def test_parameters_of_other_schemes_are_read() -> None:
    assert SipUri("tel:+44;phone-context=x").params == {"phone-context": "x"}
    assert SipUri("tel:+44").params == {}


@pytest.mark.parametrize("text", ["", "alice", "sip:", "sip:a b@c", "sip:<a@b>", "1sip:a@b", 'sip:"a"@b'])
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        SipUri.parse(text)


@pytest.mark.parametrize("text", ["sip:a@b@c", "sip:a@b:70000", "sip:a@b:123456", "sip:@", "sip:a@[zz]"])
def test_a_sip_uri_with_impossible_parts_is_refused_when_they_are_read(text: str) -> None:
    with pytest.raises(MalformedMessage):
        _ = SipUri.parse(text).host


def test_build() -> None:
    uri = SipUri.build(user=escape_user("a b@c"), host="example.com", port=5080, params={"transport": "ws"})
    assert uri == "sip:a%20b%40c@example.com:5080;transport=ws"
    assert SipUri.build(host="example.com") == "sip:example.com"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("sip:a@b", "sip:a@B", True),
        ("sip:a@b", "sip:A@b", False),
        ("sip:a@b;transport=ws", "sip:a@b;transport=WS", True),
        ("sip:a@b;transport=ws", "sip:a@b", False),
        ("sip:a@b;foo=1", "sip:a@b", True),
        ("sip:a@b:5060", "sip:a@b", False),
    ],
)
def test_comparison_after_19_1_4(left: str, right: str, same: bool) -> None:
    assert SipUri(left).matches(right) is same


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sip:+442079460000@example.com", "SipUri('sip:***00@example.com')"),
        ("sip:123@example.com", "SipUri('sip:***@example.com')"),
        ("sip:example.com", "SipUri('sip:example.com')"),
        ("tel:+442079460000", "SipUri('tel:***00')"),
    ],
)
def test_repr_masks_the_user_part(text: str, shown: str) -> None:
    assert repr(SipUri(text)) == shown


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b>;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("sip:a@b", "", "sip:a@b", {}),
        ('"A \\"B\\" <C>" <sip:a@b;lr> ; x = "y;z"', 'A "B" <C>', "sip:a@b;lr", {"x": "y;z"}),
        ("Anna  Maria <sip:a@b>", "Anna Maria", "sip:a@b", {}),
        ("caller<sip:a@b>", "caller", "sip:a@b", {}),
        ("< sip:a@b >", "", "sip:a@b", {}),
    ],
)
def test_name_addr(text: str, display: str, uri: str, params: dict[str, str]) -> None:
    value = NameAddr.parse(text)
    assert value == NameAddr(display, SipUri(uri), params)
    assert NameAddr.parse(str(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<sip:a@b",
        '"A <sip:a@b>',
        '"A" sip:a@b',
        'A" <sip:a@b>',
        "<sip:a@b> x",
        "sip:a@b?x=y",
        "sip:a,b@c",
        "<sip:a@b>;;",
        "sip:a@b;",
    ],
)
def test_a_broken_name_addr_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        NameAddr.parse(text)


def test_tag() -> None:
    value = NameAddr.parse("<sip:a@b>")
    assert value.tag is None
    assert value.with_tag("t").tag == "t"
    assert str(NameAddr("Anna", SipUri("sip:a@b"), {"tag": "t"})) == "Anna <sip:a@b>;tag=t"
    assert "sip:***@b" in repr(value)
