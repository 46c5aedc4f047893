"""Who shares a connection with whom."""

import pytest

from django_voipcti.bridge.hub import ConnectionHub
from tests.bridge.sip_server import SipServer
from tests.bridge.test_connection import ANA, BEN, Link, always_room, profile


@pytest.fixture
async def server():
    async with SipServer(passwords={"601": "secret", "602": "other"}) as running:
        yield running


async def test_lines_with_the_same_credentials_share_a_connection(server, aeventually):
    hub = ConnectionHub(room=always_room)
    ana, ben, stale = Link(1), Link(2), Link(3)
    first = hub.attach(profile(server), ana)
    second = hub.attach(profile(server, watch=(BEN,)), ben)
    third = hub.attach(profile(server, password="mistyped"), stale)
    assert first is second
    assert third is not first
    await aeventually(lambda: "ready" in ana.told and "ready" in ben.told and "rejected" in stale.told)
    await hub.detach(first, ana)
    await aeventually(lambda: not server.live(ANA))
    assert server.live(BEN)
    await hub.detach(second, ben)
    await hub.detach(third, stale)
    assert not server.live()
    assert hub.attach(profile(server), ana) is not first
    await hub.detach(hub.attach(profile(server), ana), ana)
