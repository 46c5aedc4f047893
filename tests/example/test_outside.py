"""The people outside, at their wire: what loopback is too quick for in the tests with a real server."""

import asyncio

import pytest

from django_voipcti.sip.messages import Request, Response, parse_message
from example_project.demo.pbx.outside import Outside

OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\n"
)


class Server(asyncio.DatagramProtocol):
    """The SIP server's end of the trunk."""

    def __init__(self):
        self.received = asyncio.Queue()

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, addr):
        self.trunk = addr
        self.received.put_nowait(parse_message(data))

    def send(self, message):
        self.transport.sendto(message if isinstance(message, bytes) else message.to_bytes(), self.trunk)

    async def next(self, what):
        """The next message, which must be a request of this method or a response with this status."""
        message = await asyncio.wait_for(self.received.get(), 5)
        assert what == (message.method if isinstance(message, Request) else message.status)
        return message


@pytest.fixture
async def server():
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    yield made
    transport.close()


@pytest.fixture
async def outside(server):
    made = Outside(server.port, changed=lambda: None)
    await made.open(0)
    server.trunk = ("127.0.0.1", made.port)
    yield made
    made.close()


def answer(invite, status, **details):
    return Response.to(invite, status, to_tag="phone", headers=[("Contact", "<sip:1001@127.0.0.1:9>")], **details)


def invite_of(server, call_id="call-1", *, to_tag="", body=b""):
    to = "<sip:+442079460101@pbx.test>" + (f";tag={to_tag}" if to_tag else "")
    lines = [
        ("Via", f"SIP/2.0/UDP 127.0.0.1:{server.port};branch=z9hG4bK{call_id}{to_tag}"),
        ("From", '"Ana" <sip:1001@pbx.test>;tag=ana'),
        ("To", to),
        ("Call-ID", call_id),
        ("CSeq", "2 INVITE" if to_tag else "1 INVITE"),
        ("Contact", "<sip:1001@127.0.0.1:9>"),
        ("Max-Forwards", 70),
    ]
    return Request("INVITE", "sip:+442079460101@pbx.test", lines, body)


async def test_a_caller_who_gives_up_at_once_waits_for_the_first_answer_with_his_cancel(server, outside):
    party = outside.call("+442079460101", "1001")
    invite = await server.next("INVITE")
    assert invite.from_.uri == "sip:+442079460101@trunk.test"
    outside.hang_up(party)
    assert server.received.empty(), "RFC 3261 section 9.1"
    server.send(answer(invite, 180))
    cancel = await server.next("CANCEL")
    assert (cancel.via.branch, cancel.cseq.number) == (invite.via.branch, invite.cseq.number)
    server.send(answer(invite, 487))
    ack = await server.next("ACK")
    assert (ack.via.branch, ack.to.tag) == (invite.via.branch, "phone")
    assert not outside.parties


async def test_an_answer_that_crosses_the_cancel_is_taken_and_the_call_ended(server, outside):
    party = outside.call("", "1001")
    invite = await server.next("INVITE")
    assert invite.from_.uri == "sip:anonymous@anonymous.invalid"
    server.send(answer(invite, 180))
    server.send(answer(invite, 200, body=OFFER))
    outside.hang_up(party)
    for method in ("CANCEL", "ACK", "BYE"):
        await server.next(method)
    assert not outside.parties


async def test_a_refusal_ends_the_call(server, outside):
    outside.call("+442079460101", "1001", name="Harriet")
    invite = await server.next("INVITE")
    assert invite.from_.display == "Harriet"
    server.send(answer(invite, 486))
    await server.next("ACK")
    assert not outside.parties


async def test_who_is_called_rings_answers_and_is_held(server, outside):
    server.send(invite_of(server))
    ringing = await server.next(180)
    (party,) = outside.parties
    assert (party.number, party.inside, party.state) == ("+442079460101", "1001", "ringing")
    outside.answer(party)
    await server.next(200)
    server.send(invite_of(server, to_tag=ringing.to.tag, body=OFFER))
    held = await server.next(200)
    assert b"a=recvonly" in held.body
    outside.answer(party)
    outside.hang_up(party)
    await server.next("BYE")


async def test_a_caller_inside_takes_his_call_back(server, outside):
    invite = invite_of(server)
    server.send(invite)
    await server.next(180)
    lines = [(name, "1 CANCEL" if name == "CSeq" else value) for name, value in invite.headers]
    server.send(Request("CANCEL", invite.uri, lines))
    await server.next(200)
    await server.next(487)
    assert not outside.parties


async def test_what_makes_no_sense_disturbs_nobody(server, outside):
    party = outside.call("+442079460101", "1001")
    invite = await server.next("INVITE")
    for noise in (b"", b"nonsense", answer(invite_of(server, "another"), 200)):
        server.send(noise)
    server.send(answer(invite, 180))
    server.send(invite_of(server))
    await server.next(180)
    assert party in outside.parties
    assert party.heard
