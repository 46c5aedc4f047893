"""The 49 messages of RFC 4475, each with what the RFC wants of it.

The files are those of the archive in the RFC's appendix A, octet by octet, under the RFC's names. One was mended: there
``baddn`` lacks the empty line that ends a header, which is no part of what section 3.1.2.15 is about.
"""

from pathlib import Path

import pytest

from django_voipcti.sip.core import UserAgentCore
from django_voipcti.sip.events import Ignored, RequestServed
from django_voipcti.sip.exceptions import MalformedMessage
from django_voipcti.sip.messages import Request, Response, parse_message
from tests.sip.wire import make_core

FOLDER = Path(__file__).parent / "torture"

#: Section and name → how a user agent that takes no calls and keeps no registrations answers.
WELL_FORMED = {
    "3.1.1.1 wsinv": 481,  # has a To tag
    "3.1.1.2 intmeth": 405,
    "3.1.1.3 esc01": 480,
    "3.1.1.4 escnull": 405,
    "3.1.1.5 esc02": 405,
    "3.1.1.6 lwsdisp": 200,
    "3.1.1.7 longreq": 480,
    "3.1.1.8 dblreq": 405,  # the second request in the frame is not looked at
    "3.1.1.9 semiuri": 200,
    "3.1.1.10 transports": 200,
    "3.1.1.11 mpart01": 405,
    # Faults that an element may be lenient about, and we are.
    "3.1.2.11 escruri": 480,
    "3.1.2.12 baddate": 480,
    "3.1.2.14 badaspec": 200,
    "3.1.2.15 baddn": 200,
    # Sound messages that something else is wrong with.
    "3.2.1 badbranch": 200,
    "3.3.2 unkscm": 416,
    "3.3.3 novelsc": 416,
    "3.3.4 unksm2": 405,
    "3.3.5 bext01": 420,
    "3.3.6 invut": 480,
    "3.3.7 regaut01": 405,
    "3.3.11 zeromf": 200,
    "3.3.12 cparam01": 405,
    "3.3.13 cparam02": 405,
    "3.3.14 regescrt": 405,
    "3.3.15 sdp01": 480,
    "3.4.1 inv2543": 480,
}

#: Requests that are refused because they are malformed.
MALFORMED = {
    "3.1.2.1 badinv01": 400,
    "3.1.2.2 clerr": 400,
    "3.1.2.3 ncl": 400,
    "3.1.2.4 scalar02": 400,
    "3.1.2.6 quotbal": 400,
    "3.1.2.7 ltgtruri": 400,
    "3.1.2.8 lwsruri": 400,
    "3.1.2.9 lwsstart": 400,
    "3.1.2.10 trws": 400,
    "3.1.2.13 regbadct": 400,
    "3.1.2.16 badvers": 505,
    "3.1.2.17 mismatch01": 400,
    "3.1.2.18 mismatch02": 400,
    "3.3.1 insuf": 400,
    "3.3.8 multi01": 400,
    "3.3.9 mcl01": 400,
}

#: Responses; True if they are well-formed. All of them are dropped, because nobody waits for them.
RESPONSES = {
    "3.1.1.12 unreason": True,
    "3.1.1.13 noreason": True,
    "3.1.2.5 scalarlg": False,
    "3.1.2.19 bigcode": False,
    "3.3.10 bcast": True,
}


def read(case: str) -> bytes:
    return (FOLDER / f"{case.split()[1]}.sip").read_bytes()


@pytest.fixture
def core() -> UserAgentCore:
    return make_core()


def test_every_message_has_its_outcome() -> None:
    names = sorted(case.split()[1] for case in (*WELL_FORMED, *MALFORMED, *RESPONSES))
    assert names == sorted(path.stem for path in FOLDER.glob("*.sip"))
    assert len(names) == 49


@pytest.mark.parametrize("case", WELL_FORMED)
def test_well_formed_requests_are_read_written_and_served(case: str, core: UserAgentCore) -> None:
    message = parse_message(read(case))
    assert isinstance(message, Request)
    assert parse_message(message.to_bytes()) == message
    core.receive_message(read(case), 0.0)
    (answer,) = core.data_to_send()
    response = parse_message(answer)
    assert isinstance(response, Response)
    assert response.status == WELL_FORMED[case]
    assert response.vias == message.vias
    assert core.events() == [RequestServed(method=message.method, status=response.status)]


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_requests_are_refused(case: str, core: UserAgentCore) -> None:
    core.receive_message(read(case), 0.0)
    (answer,) = core.data_to_send()
    assert answer.startswith(f"SIP/2.0 {MALFORMED[case]} ".encode())
    (event,) = core.events()
    assert isinstance(event, Ignored)
    assert event.status == MALFORMED[case]


@pytest.mark.parametrize("case", RESPONSES)
def test_responses_are_dropped(case: str, core: UserAgentCore) -> None:
    if RESPONSES[case]:
        message = parse_message(read(case))
        assert parse_message(message.to_bytes()) == message
    else:
        with pytest.raises(MalformedMessage):
            parse_message(read(case))
    core.receive_message(read(case), 0.0)
    assert core.data_to_send() == []
    (event,) = core.events()
    assert isinstance(event, Ignored)


# -- what is in them


def test_the_short_tortuous_invite() -> None:
    message = parse_message(read("3.1.1.1 wsinv"))
    assert isinstance(message, Request)
    assert message.uri.params == {"unknownparam": None}
    assert (message.to.uri, message.to.tag) == ("sip:vivekg@chair-dnrc.example.com", "1918181833n")
    assert (message.from_.display, message.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert message.cseq == (9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.headers.get("Subject") == ""
    assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert message.contact is not None
    assert message.contact.display == 'Quoted string ""'
    assert message.contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}


def test_the_wide_range_of_characters() -> None:
    message = parse_message(read("3.1.1.2 intmeth"))
    assert isinstance(message, Request)
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.uri.host == "example.com"
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.tag == "_token~1'+`*%!-."


def test_one_request_in_a_frame() -> None:
    message = parse_message(read("3.1.1.8 dblreq"))
    assert isinstance(message, Request)
    assert (message.method, message.body) == ("REGISTER", b"")


def test_a_semicolon_in_the_user_part() -> None:
    message = parse_message(read("3.1.1.9 semiuri"))
    assert isinstance(message, Request)
    assert message.uri.user == "user;par=u%40example.net"
    assert message.uri.params == {}
