"""Thousands of lines over one WebSocket: one challenge for all, and a server that is never flooded."""

import asyncio

import pytest

from django_voipcti.bridge.backoff import Retries
from django_voipcti.bridge.connection import SipConnection
from django_voipcti.providers.base import SipProfile
from django_voipcti.redaction import Secret
from django_voipcti.sip.digest import Credentials
from tests.bridge.sip_server import SipServer
from tests.bridge.test_connection import Link, always_room
from tests.bridge.test_translate import dialog
from tests.support.waiting import aeventually

#: What a connection asks for at once.
AT_ONCE = 50


def uri(number):
    return f"sip:{number}@pbx.example"


@pytest.fixture
async def server():
    async with SipServer(passwords={"cti": "secret"}) as running:
        yield running


@pytest.fixture
async def watch(server):
    """Return `watch(links)`: a connection of the CTI user's that serves them, stopped with the test."""
    running = []

    def profile(link):
        return SipProfile(
            url=server.url,
            domain="pbx.example",
            username="cti",
            password=Secret("secret"),
            watch=(uri(link.line),),
        )

    def start(links):
        connection = SipConnection(
            profile(links[0]), room=always_room, gate=asyncio.Semaphore(4), retries=Retries(first=0.01, cap=0.05)
        )
        for link in links:
            connection.add(link, profile(link))
        connection.start()
        running.append(connection)
        return connection

    yield start
    for connection in running:
        await connection.stop()


def challenged(server):
    return [request for request in server.requests if "Authorization" not in request.headers]


async def test_two_thousand_lines_take_one_socket_and_one_challenge(server, watch):
    links = [Link(number) for number in range(2000)]
    watch(links)
    await aeventually(lambda: all("ready" in link.told for link in links), 60)
    assert server.accepted == 1
    assert len(server.live()) == 2000
    assert len(challenged(server)) == 1
    answers = [Credentials.parse(request.headers.get("Authorization")) for request in server.requests[1:]]
    assert [answer.nonce_count for answer in answers] == list(range(1, 2001)), "one nonce, never counted twice"
    assert len({answer.nonce for answer in answers}) == 1

    await server.notify(uri(1234), dialog("d1", "early"))
    await aeventually(lambda: links[1234].bodies[-1][1])
    assert [link.line for link in links if any(body for _uri, body in link.bodies)] == [1234]


async def test_after_a_reconnect_it_is_one_challenge_again(server, watch):
    links = [Link(number) for number in range(200)]
    watch(links)
    await aeventually(lambda: all("ready" in link.told for link in links))
    server.cut()
    await aeventually(lambda: all(link.told.count("ready") == 2 for link in links))
    assert len(server.live()) == 200
    assert len(challenged(server)) == 2


class TestAServerThatTakesItsTime:
    """It has only so many requests to answer at any moment."""

    @pytest.fixture
    def server(self, server):
        server.held = []
        return server

    async def held(self, server, connection, number):
        """So many requests wait at the server, and no more come."""
        await aeventually(lambda: len(server.held) == number)
        # What is sent after them has come, too.
        probes = sum(request.method == "OPTIONS" for request in server.requests)
        connection.apply(lambda core, now: core.send_options(now))
        await aeventually(lambda: sum(request.method == "OPTIONS" for request in server.requests) > probes)
        assert len(server.held) == number

    async def test_is_asked_for_one_line_first_and_then_for_so_many_at_once(self, server, watch):
        links = [Link(number) for number in range(AT_ONCE + 20)]
        connection = watch(links)
        await self.held(server, connection, 1)
        await server.release()
        await self.held(server, connection, 1)  # with credentials
        await server.release()
        await self.held(server, connection, AT_ONCE)
        await server.release()
        await self.held(server, connection, 19)
        await server.release()
        await aeventually(lambda: all("ready" in link.told for link in links))

    async def test_does_not_hear_of_lines_that_are_gone_before_their_turn(self, server, watch):
        links = [Link(number) for number in range(3)]
        connection = watch(links)
        await self.held(server, connection, 1)
        connection.remove(links[1])
        await server.release()
        await self.held(server, connection, 1)
        await server.release()
        await self.held(server, connection, 1)
        await server.release()
        await aeventually(lambda: "ready" in links[2].told)
        assert links[1].told == []
        assert {request.to.uri.user for request in server.requests if request.method == "SUBSCRIBE"} == {"0", "2"}

    async def test_lets_the_next_one_in_when_a_line_is_gone_before_its_answer(self, server, watch):
        links = [Link(number) for number in range(2)]
        connection = watch(links)
        await self.held(server, connection, 1)
        connection.remove(links[0])
        await aeventually(lambda: len(server.held) == 2)
        server.held, held = None, server.held
        for socket, request in held:
            await server._answer(socket, request)
        await aeventually(lambda: "ready" in links[1].told)

    async def test_may_refuse_the_first_one(self, server, watch):
        server.refusals[uri(0)] = (404, {})
        links = [Link(number) for number in range(3)]
        watch(links)
        await aeventually(lambda: server.held)
        server.held, held = None, server.held
        for socket, request in held:
            await server._answer(socket, request)
        await aeventually(lambda: all("ready" in link.told for link in links[1:]))
        assert f"refused {uri(0)}" in links[0].told
