"""Who holds which line: taken once, renewed in time, free when run out, shared fairly, never moved in mid-call."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from django_voipcti.bridge.leases import Leases, Replaced, mark_abandoned
from django_voipcti.enums import LineStatus
from django_voipcti.models import BridgeInstance, Line, LineLease

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]


def make_lines(count, **values):
    lines = []
    for number in range(601, 601 + count):
        line = Line(provider="default", account=str(number), **values)
        line.set_secrets({"token": "t"})
        line.save()
        lines.append(line)
    return lines


def bridge(name):
    leases = Leases(name)
    leases.register()
    return leases


def run_out(leases):
    """As if the bridge had been killed a while ago."""
    past = timezone.now() - timedelta(minutes=1)
    LineLease.objects.filter(instance=leases.instance).update(expires_at=past)
    BridgeInstance.objects.filter(pk=leases.instance.pk).update(heartbeat_at=past)


def test_a_bridge_alone_takes_every_enabled_line_with_credentials():
    lines = make_lines(3)
    Line.objects.filter(pk=lines[0].pk).update(enabled=False)
    Line.objects.filter(pk=lines[1].pk).update(secrets="")
    assert bridge("one").round().held.keys() == {lines[2].pk}


def test_a_line_of_a_provider_that_left_the_settings_is_left_alone():
    (line,) = make_lines(1)
    Line.objects.filter(pk=line.pk).update(provider="gone")
    assert bridge("one").round().held == {}


def test_a_line_is_held_by_one_bridge():
    lines = make_lines(4)
    one, two = bridge("one"), bridge("two")
    held = [set(one.round().held), set(two.round().held)]
    assert held[0] | held[1] == {line.pk for line in lines}
    assert not held[0] & held[1]


def test_each_bridge_takes_its_share_and_no_more_than_its_limit():
    make_lines(5)
    with override_settings(VOIPCTI={"PROVIDERS": {"default": {}}, "MAX_LINES_PER_BRIDGE": 2}):
        found = bridge("one").round()
    assert len(found.held) == 2
    assert found.unheld == 3


def test_a_newcomer_gets_lines_from_one_that_has_too_many():
    lines = make_lines(4)
    one = bridge("one")
    assert len(one.round().held) == 4
    two = bridge("two")
    assert two.round().held == {}
    found = one.round()
    assert len(found.surplus) == 2
    one.release(found.surplus)
    assert set(two.round().held) == set(found.surplus)
    assert one.round().surplus == two.round().surplus == ()
    assert {line.pk for line in lines} == set(one.round().held) | set(two.round().held)


def test_lines_with_calls_are_not_moved():
    lines = make_lines(2)
    one = bridge("one")
    one.round()
    bridge("two")
    busy = {line.pk for line in lines}
    assert one.round(busy=busy).surplus == ()
    assert one.round(busy={lines[0].pk}).surplus == (lines[1].pk,)


def test_the_lines_of_a_killed_bridge_go_to_another_one_with_the_time_since_when_nobody_watched():
    (line,) = make_lines(1)
    one = bridge("one")
    one.round()
    run_out(one)
    expired = LineLease.objects.get().expires_at
    found = bridge("two").round()
    assert found.held[line.pk].unseen_since == expired - timedelta(seconds=one.seconds)
    assert one.round().held == {}


def test_a_bridge_that_leaves_in_good_order_frees_its_lines_at_once():
    (line,) = make_lines(1)
    one = bridge("one")
    one.round()
    line.set_status(LineStatus.LOGGED_OUT, "stopped")
    one.leave()
    found = bridge("two").round()
    assert found.held[line.pk].unseen_since == line.status_at
    assert found.bridges == 1
    assert BridgeInstance.objects.get(name="one").stopped_at is not None


def test_a_bridge_that_is_started_again_under_its_name_goes_on_with_its_lines():
    (line,) = make_lines(1)
    bridge("one").round()
    heartbeat = BridgeInstance.objects.get().heartbeat_at
    found = bridge("one").round()
    assert found.held[line.pk].unseen_since == heartbeat


def test_a_bridge_whose_name_was_taken_over_must_go():
    make_lines(1)
    first = bridge("one")
    first.round()
    bridge("one").round()
    with pytest.raises(Replaced):
        first.round()
    first.leave()
    assert BridgeInstance.objects.get().stopped_at is None


def test_a_change_that_a_session_depends_on_shows():
    (line,) = make_lines(1)
    one = bridge("one")
    before = one.round().held[line.pk]
    assert one.round().held[line.pk] == before
    line.set_secrets({"token": "new"})
    line.save()
    assert one.round().held[line.pk] != before


def test_a_status_or_a_name_is_no_such_change():
    (line,) = make_lines(1)
    one = bridge("one")
    before = one.round().held[line.pk]
    line.set_status(LineStatus.READY)
    Line.objects.filter(pk=line.pk).update(label="Ana")
    assert one.round().held[line.pk] == before


def test_a_disabled_line_is_no_longer_held():
    (line,) = make_lines(1)
    one = bridge("one")
    one.round()
    Line.objects.filter(pk=line.pk).update(enabled=False)
    assert one.round().held == {}


def test_a_round_costs_the_same_for_two_lines_and_for_fifty(django_assert_max_num_queries):
    make_lines(50)
    one = bridge("one")
    with django_assert_max_num_queries(12):
        one.round()
    with django_assert_max_num_queries(8):
        assert len(one.round().held) == 50


@pytest.mark.django_db(transaction=True)
def test_bridges_that_reach_for_the_same_lines_at_the_same_time_never_both_get_one():
    make_lines(8)
    bridges = [bridge(name) for name in ("one", "two", "three")]
    start = threading.Barrier(len(bridges))
    held = {}

    def reach(leases):
        start.wait(10)
        held[leases.name] = set(leases.round().held)
        connection.close()

    threads = [threading.Thread(target=reach, args=(leases,)) for leases in bridges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(held) == 3
    assert sum(map(len, held.values())) == len(set().union(*held.values()))


def test_lines_that_no_bridge_holds_any_more_do_not_look_connected():
    kept, lost, idle = make_lines(3)
    for line in (kept, lost):
        line.set_status(LineStatus.READY)
    one = bridge("one")
    one.round()
    LineLease.objects.filter(line=lost).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert mark_abandoned() == 1
    for line in (kept, lost, idle):
        line.refresh_from_db()
    assert (kept.status, lost.status) == (LineStatus.READY, LineStatus.LOGGED_OUT)
    assert "No bridge holds this line" in lost.status_text
    assert mark_abandoned() == 0
