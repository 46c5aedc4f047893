"""One WebSocket to a real server: subscriptions, documents, failures, and coming back from each of them."""

import asyncio
import ssl
from http import HTTPStatus

import pytest

from django_voipcti.bridge.backoff import Retries
from django_voipcti.bridge.connection import SipConnection
from django_voipcti.exceptions import ProviderUnavailable
from django_voipcti.providers.base import SipProfile
from django_voipcti.redaction import Secret
from django_voipcti.sip.events import RequestAnswered
from tests.bridge.sip_server import SipServer
from tests.bridge.test_translate import dialog

ANA = "sip:601@pbx.example"
BEN = "sip:602@pbx.example"


class Link:
    """A line that notes what its connection tells it."""

    def __init__(self, line=1, gaps=0):
        self.line = line
        self.told = []
        self.bodies = []
        self.late = []
        self._gaps = gaps

    def logged_in(self):
        self.told.append("logged in")

    def ready(self):
        self.told.append("ready")

    def lost(self, sentence, *, fatal):
        self.told.append("rejected" if fatal else "lost")
        self.sentence = sentence

    def refused(self, uri, sentence):
        self.told.append(f"refused {uri}")
        self.sentence = sentence

    def subscribed(self, uri):
        self.told.append(f"subscribed {uri}")

    def notified(self, uri, body, *, subscription, late):
        self.bodies.append((uri, body))
        self.late += [body] if late else []
        self._gaps -= 1
        return self._gaps >= 0


@pytest.fixture
async def server():
    async with SipServer(passwords={"601": "secret", "602": "other"}) as running:
        yield running


@pytest.fixture
async def connect():
    """Return `connect(profile, link, ...)`: a running connection, stopped with the test."""
    running = []

    def start(profile, *links, room=None, retries=None):
        connection = SipConnection(
            profile,
            room=room or always_room,
            gate=asyncio.Semaphore(4),
            retries=retries or Retries(first=0.01, cap=0.05),
        )
        for link in links:
            connection.add(link, profile)
        connection.start()
        running.append(connection)
        return connection

    yield start
    for connection in running:
        await connection.stop()


async def always_room():
    """A spool that never fills."""


def profile(server, *, password="secret", watch=(ANA,), **values):
    values = {"url": server.url, "domain": "pbx.example", "username": "601"} | values
    return SipProfile(password=Secret(password), watch=watch, **values)


async def test_a_line_logs_in_subscribes_and_is_ready(server, connect, aeventually):
    link = Link()
    connect(profile(server), link)
    await aeventually(lambda: "ready" in link.told)
    assert link.told == [f"subscribed {ANA}", "logged in", "ready"]
    assert [request.method for request in server.requests] == ["SUBSCRIBE", "SUBSCRIBE"]
    assert server.requests[0].via.sent_by.endswith(".invalid")


async def test_the_handshake_asks_for_sip_and_no_compression(connect, aeventually):
    seen = []
    async with SipServer(handshake=lambda socket, request: seen.append(request)) as server:
        connect(profile(server), Link())
        await aeventually(lambda: seen)
        assert seen[0].headers["Sec-WebSocket-Protocol"] == "sip"
        assert "Sec-WebSocket-Extensions" not in seen[0].headers


async def test_several_lines_share_one_connection_and_hear_only_their_own_documents(server, connect, aeventually):
    ana, ben = Link(1), Link(2)
    connection = connect(profile(server), ana)
    connection.add(ben, profile(server, watch=(BEN,)))
    await aeventually(lambda: "ready" in ana.told and "ready" in ben.told)
    await server.notify(BEN, dialog("c1", "early"))
    await aeventually(lambda: any(b"c1" in body for _uri, body in ben.bodies))
    assert server.accepted == 1
    assert not any(b"c1" in body for _uri, body in ana.bodies)


async def test_a_line_is_ready_when_all_that_it_watches_is_active(server, connect, aeventually):
    server.refusals[BEN] = (403, {})
    link = Link()
    connect(profile(server, watch=(ANA, BEN)), link)
    await aeventually(lambda: f"refused {BEN}" in link.told and "logged in" in link.told)
    assert "ready" not in link.told


async def test_a_line_that_watches_nothing_is_ready_with_the_connection(server, connect, aeventually):
    early, late = Link(1), Link(2)
    connection = connect(profile(server, watch=()), early)
    await aeventually(lambda: early.told == ["logged in", "ready"])
    connection.add(late, profile(server, watch=()))
    assert late.told == ["logged in", "ready"]


async def test_a_line_that_leaves_gives_its_subscription_back(server, connect, aeventually):
    ana, ben = Link(1), Link(2)
    connection = connect(profile(server), ana)
    connection.add(ben, profile(server, watch=(BEN,)))
    await aeventually(lambda: len(server.live()) == 2)
    connection.remove(ben)
    await aeventually(lambda: not server.live(BEN))
    assert server.live(ANA)


async def test_stopping_unsubscribes_before_it_closes(server, connect, aeventually):
    connection = connect(profile(server), Link())
    await aeventually(lambda: server.live(ANA))
    await connection.stop()
    assert not server.live(ANA)
    assert server.requests[-1].expires == 0 or server.requests[-2].expires == 0
    await aeventually(lambda: not server.sockets)


async def test_a_cut_connection_comes_back_and_subscribes_anew(server, connect, aeventually):
    link = Link()
    connect(profile(server), link)
    await aeventually(lambda: "ready" in link.told)
    link.told.clear()
    server.cut()
    await aeventually(lambda: "ready" in link.told)
    assert link.told == ["lost", f"subscribed {ANA}", "logged in", "ready"]


async def test_a_restarted_server_is_found_again(server, connect, aeventually):
    link = Link()
    connect(profile(server), link)
    await aeventually(lambda: "ready" in link.told)
    await server.stop()
    await aeventually(lambda: "lost" in link.told)
    link.told.clear()
    await server.start()
    await aeventually(lambda: "ready" in link.told)
    assert server.live(ANA)


async def test_a_wrong_password_is_tried_once_and_not_again(server, connect, aeventually):
    link = Link()
    connection = connect(profile(server, password="mistyped"), link)
    await aeventually(lambda: "rejected" in link.told)
    assert "Log the line in again" in link.sentence
    assert connection._task is not None
    await aeventually(connection._task.done)
    assert server.accepted == 1


async def test_a_line_that_joins_a_rejected_connection_is_told_at_once(server, connect, aeventually):
    first, second = Link(1), Link(2)
    connection = connect(profile(server, password="mistyped"), first)
    await aeventually(lambda: "rejected" in first.told)
    connection.add(second, profile(server, password="mistyped", watch=(BEN,)))
    assert second.told == ["rejected"]


async def test_commands_go_through_the_core_and_hear_their_events(server, connect, aeventually):
    link = Link()
    connection = connect(profile(server), link)
    await aeventually(lambda: "ready" in link.told)
    handle = connection.apply(lambda core, now: core.send_options(now))
    events = [event async for event in connection.listen(handle)]
    assert events == [RequestAnswered(request=handle, method="OPTIONS", status=200, reason="OK")]


async def test_a_command_while_disconnected_says_so(connect):
    async with SipServer() as server:
        gone = profile(server)
    connection = connect(gone, Link())
    with pytest.raises(ProviderUnavailable, match="not connected"):
        connection.apply(lambda core, now: core.send_options(now))


async def test_a_command_that_the_connection_loses_hears_its_end(server, connect, aeventually):
    server.on_request = lambda request: None
    link = Link()
    connection = connect(profile(server), link)
    await aeventually(lambda: "ready" in link.told)
    handle = connection.apply(lambda core, now: core.send_options(now))
    listening = connection.listen(handle)
    await aeventually(lambda: any(request.method == "OPTIONS" for request in server.requests))
    server.cut()
    assert [event.reason async for event in listening] == ["connection-lost"]


async def test_a_gap_asks_for_the_full_state(server, connect, aeventually):
    link = Link(gaps=1)
    connect(profile(server), link)
    await aeventually(lambda: len(link.bodies) >= 2)
    assert sum(request.headers.get("Authorization") is not None for request in server.requests) >= 2


async def test_a_full_spool_stops_the_reading(server, connect, aeventually):
    free = asyncio.Event()
    link = Link()

    async def room():
        if link.bodies:
            await free.wait()

    connect(profile(server), link, room=room)
    await aeventually(lambda: "ready" in link.told and link.bodies)
    read = len(link.bodies)
    for number in range(5):
        await server.notify(ANA, dialog(f"c{number}", "early"))
    # The answers of the server to these show that it has sent them; none was read.
    assert len(link.bodies) == read
    free.set()
    await aeventually(lambda: len(link.bodies) == read + 5)


async def test_noise_from_the_server_disturbs_nobody(server, connect, aeventually):
    link = Link()
    connect(profile(server), link)
    await aeventually(lambda: "ready" in link.told)
    (socket,) = server.sockets
    for noise in ("\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "ü" * 2000, b"\xff\x00\xfe", ""):
        await socket.send(noise)
    await server.notify(ANA, dialog("c1", "early"))
    await aeventually(lambda: any(b"c1" in body for _uri, body in link.bodies))
    assert "lost" not in link.told


async def test_a_message_above_the_limit_costs_the_connection_not_the_bridge(server, connect, aeventually):
    link = Link()
    connect(profile(server), link)
    await aeventually(lambda: "ready" in link.told)
    (socket,) = server.sockets
    await socket.send("x" * 400_000)
    await aeventually(lambda: link.told.count("ready") == 2)


async def test_a_document_that_was_overtaken_is_marked_as_late(server, connect, aeventually):
    link = Link()
    connect(profile(server), link)
    await aeventually(lambda: "ready" in link.told and link.bodies)
    await server.notify(ANA, dialog("new", "confirmed"), version=5, cseq=7)
    await server.notify(ANA, dialog("old", "early"), version=4, cseq=6)
    await server.notify(ANA, dialog("newer", "confirmed"), version=6, cseq=8)
    await aeventually(lambda: b"newer" in link.bodies[-1][1])
    (late,) = link.late
    assert b'"old"' in late


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "does not allow this line to watch its calls"),
        (404, "does not know this line"),
        (489, "does not offer call state"),
    ],
)
async def test_a_refused_subscription_says_what_to_do(server, connect, aeventually, status, words):
    server.refusals[ANA] = (status, {})
    link = Link()
    connect(profile(server), link)
    await aeventually(lambda: f"refused {ANA}" in link.told)
    assert words in link.sentence


async def test_a_subscription_that_the_server_cannot_serve_now_is_asked_for_again(server, connect, aeventually):
    server.refusals[ANA] = (503, {"Retry-After": "0"})
    link = Link()
    connect(profile(server), link)
    await aeventually(lambda: link.told.count(f"subscribed {ANA}") >= 2)
    del server.refusals[ANA]
    await aeventually(lambda: "ready" in link.told)


# --- what stands in the way of a connection ---------------------------------------------------------------------------


def refuse_with(status):
    return lambda socket, request: socket.respond(HTTPStatus(status), "no\n")


@pytest.mark.parametrize(
    ("status", "told", "words"),
    [
        (401, "rejected", "refuses us (HTTP 401)"),
        (403, "rejected", "refuses us (HTTP 403)"),
        (404, "lost", "answers HTTP 404"),
        (503, "lost", "answers HTTP 503"),
    ],
)
async def test_a_refused_handshake(connect, aeventually, status, told, words):
    async with SipServer(handshake=refuse_with(status)) as server:
        link = Link()
        connect(profile(server), link)
        await aeventually(lambda: told in link.told)
        assert words in link.sentence


async def test_a_websocket_that_does_not_speak_sip(connect, aeventually):
    async with SipServer(subprotocols=None) as server:
        link = Link()
        connect(profile(server), link)
        await aeventually(lambda: "lost" in link.told)
        assert "does not speak SIP" in link.sentence


async def test_a_name_that_dns_does_not_know(connect, aeventually, server):
    link = Link()
    connect(profile(server, url="ws://no-such-host.invalid:8088/"), link)
    await aeventually(lambda: "lost" in link.told)
    assert "unknown to DNS" in link.sentence


async def test_a_port_where_nobody_listens(connect, aeventually, free_port, server):
    link = Link()
    connect(profile(server, url=f"ws://127.0.0.1:{free_port}/"), link)
    await aeventually(lambda: "lost" in link.told)
    assert "refuses connections" in link.sentence


async def test_tls_where_the_server_speaks_none(connect, aeventually, server):
    link = Link()
    connect(profile(server, url=server.url.replace("ws:", "wss:")), link)
    await aeventually(lambda: "lost" in link.told)
    assert "TLS" in link.sentence


async def test_a_certificate_that_nobody_vouches_for(connect, aeventually, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with SipServer(ssl_context=context) as server:
        link = Link()
        connect(profile(server), link)
        await aeventually(lambda: "lost" in link.told)
        assert "certificate" in link.sentence


async def test_a_certificate_of_a_private_authority(connect, aeventually, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with SipServer(ssl_context=context) as server:
        link = Link()
        trusting = ssl.create_default_context(cafile=str(certificate))
        connect(profile(server, ssl_context=trusting), link)
        await aeventually(lambda: "ready" in link.told)
        assert server.requests[0].headers.get("Via", "").startswith("SIP/2.0/WSS")
