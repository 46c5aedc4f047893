"""Lines of others on one's page: with the permission, on real phones, over the one connection that there is."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from benchmarks import watching
from tests.conftest import require_tool
from tests.peers.lab import Lab
from tests.peers.page import Page
from tests.support.waiting import eventually


@pytest.fixture
def open_page(office):
    """Return `open_page(name, *permissions)`: a page of somebody without a line."""
    opened = []

    def start(name, *permissions):
        user = get_user_model().objects.create_user(name)
        user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
        opened.append(Page(user))
        return opened[-1].__enter__()

    yield start
    for page in opened:
        page.__exit__()


def calls_on(page):
    """What the page was told, as (line, event)."""
    return [(message["call"]["line"], message["name"]) for message in page.told if "call" in message]


def test_a_supervisor_sees_calls_of_lines_that_he_may_watch(office, open_page):
    supervisor, stranger = open_page("supervisor", "watch_lines"), open_page("stranger")
    ana, ben = office["1001"], office["1002"]
    for agent in (ana, ben):
        node = f"user:{agent.line.account}"
        data = supervisor.ask("subscribe", node=node)["data"]
        assert data == {"uri": node, "line": str(agent.line.pk), "calls": []}
        refusal = stranger.ask("subscribe", node=node)
        assert (refusal["ok"], refusal["error"]["code"]) == (False, "not_allowed")

    ana.phone.dial("1002")
    eventually(lambda: ana.phone.is_talking)
    ana.phone.hang_up()
    ana.saw("ACCEPTED", "RINGING", "CONNECTED", "HANGUP")
    ben.saw("RINGING", "CONNECTED", "HANGUP")

    seen = [(str(agent.line.pk), name) for agent in (ana, ben) for name in agent.events]
    eventually(lambda: sorted(calls_on(supervisor)) == sorted(seen))
    assert calls_on(stranger) == []


def test_all_lines_are_watched_over_one_websocket(open_office):
    office = open_office(dict.fromkeys(("1001", "1002", "1003", "1004")))
    sockets = office.lab.server.rpc("ws.dump")
    assert sockets["info"]["wscounter"] == 1, sockets


def test_two_thousand_lines_take_one_socket_and_one_challenge(tmp_path):
    require_tool("kamailio")
    with Lab(tmp_path) as lab:
        figures = watching.measure(lab.server, 2000)
    assert (figures.sockets, figures.challenges) == (1, 1)
    assert figures.bytes_a_line < 20_000
    assert figures.seconds < 60, "generous: five on a machine of two cores"
