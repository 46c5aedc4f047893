"""Bridges: alive, lost, stopped."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_voipcti.models import BridgeInstance, LineLease
from tests.admin.conftest import listed, shown


@pytest.fixture
def bridge(db):
    now = timezone.now()
    return BridgeInstance.objects.create(name="bridge-7", started_at=now, heartbeat_at=now)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "running"),
        ({"heartbeat_at": timezone.now() - timedelta(minutes=5)}, "lost"),
        ({"stopped_at": timezone.now()}, "stopped"),
    ],
)
def test_each_shows_whether_it_is_alive(boss_client, bridge, facts, state):
    BridgeInstance.objects.update(**facts)
    assert f">{state}</span>" in listed(boss_client, "bridgeinstance")


def test_the_page_names_its_lines(boss_client, bridge, agents):
    for line in agents[:2]:
        LineLease.objects.create(line=line, instance=bridge, expires_at=timezone.now() + timedelta(seconds=15))
    page = shown(boss_client, bridge)
    assert "<div>Ana ana</div>" in page
    assert "<div>Ben ben</div>" in page
    assert "<div>Cy" not in page
    assert '<td class="field-leases_held">2</td>' in listed(boss_client, "bridgeinstance")
