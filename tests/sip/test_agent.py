"""Who we are on a connection."""

import pytest

from django_voipcti.sip.agent import Agent, UserAgentSettings
from django_voipcti.sip.exceptions import LocalProtocolError
from django_voipcti.sip.ids import SequentialIds


def make(**settings: object) -> Agent:
    values: dict[str, object] = {"user": "alice", "domain": "example.com"}
    return Agent(UserAgentSettings(**{**values, **settings}), SequentialIds())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("transport", "in_contact"), [("WSS", "ws"), ("WS", "ws"), ("TCP", "tcp"), ("TLS", "tls"), ("UDP", "udp")]
)
def test_via_and_contact(transport: str, in_contact: str) -> None:
    agent = make(via_transport=transport)
    assert agent.new_via().startswith(f"SIP/2.0/{transport} host1.invalid;branch=z9hG4bK")
    assert str(agent.contact) == f"<sip:user2@host1.invalid;transport={in_contact}>"


def test_a_fixed_contact() -> None:
    agent = make(contact_user="me", contact_host="192.0.2.1")
    assert str(agent.contact) == "<sip:me@192.0.2.1;transport=ws>"
    assert "192.0.2.1" in agent.new_via()


def test_the_address_is_escaped_and_each_use_has_its_tag() -> None:
    agent = make(user="a b", display_name='Anna "A"')
    first, second = agent.identity(), agent.identity()
    assert str(first).startswith('"Anna \\"A\\"" <sip:a%20b@example.com>;tag=')
    assert first.tag != second.tag


@pytest.mark.parametrize("wrong", [{"user": ""}, {"domain": ""}, {"via_transport": "wss"}, {"domain": "a b"}])
def test_impossible_settings(wrong: dict[str, str]) -> None:
    with pytest.raises(LocalProtocolError):
        make(**wrong)


def test_settings_do_not_show_their_secrets() -> None:
    settings = UserAgentSettings(user="447700900123", domain="example.com", password="secret", display_name="Anna")
    assert repr(settings).count("447700900123") == repr(settings).count("secret") == repr(settings).count("Anna") == 0
