"""`demo --provider sip`: the example on a real Kamailio with two real phones, driven through its phone lab."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from example_project.demo.timeline import Page, Timeline
from tests.conftest import require_tool
from tests.example.test_demo import group_is_alive
from tests.support.demo import PASSWORD, RunningDemo, environment, manage
from tests.support.waiting import eventually

pytestmark = pytest.mark.peer

NAMES = {"valkey", "kamailio", "phone-1001", "phone-1002", "exchange", "bridge", "worker", "web"}
ANA, BEN = "1001", "1002"
#: Harriet Blake, Brightwater Dental.
NUMBER = "020 7946 0101"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """The demo on the real network; phones wait for hands."""
    for tool in ("kamailio", "baresip"):
        require_tool(tool)
    with RunningDemo(tmp_path_factory.mktemp("sip"), provider="sip") as running:
        yield running


@pytest.fixture(scope="module")
def chris(office):
    """The supervisor, logged in."""
    client = office.client("chris")
    yield client
    client.close()


@pytest.fixture
def page(office, chris):
    """Ana's open page, while nobody is on the line and everybody knows."""
    office.quiet()
    eventually(lambda: not busy(office))
    eventually(lambda: "Nobody is on the phone." in chris.get("/team/").text)
    with Page(office.web, "ana", PASSWORD) as opened:
        yield opened
    office.quiet()


@pytest.fixture
def lab(office, chris):
    """Return `lab(...)`: press a button of the phone lab; returns the page that follows."""

    def press(**fields):
        answer = office.post(chris, "/lab/do/", **fields)
        assert answer.is_success
        return answer.text

    return press


def busy(office):
    state = office.state()
    return [state["outside"], [user["calls"] for user in state["users"] if user["calls"]]] != [[], []]


def on_the_phone_of(office, extension):
    """What the display of a phone shows: (state, other number, other name) of each call."""
    (user,) = [user for user in office.state()["users"] if user["extension"] == extension]
    return [(call["state"], call["other_number"], call["other_name"]) for call in user["calls"]]


def test_it_runs_the_real_programs(office):
    assert set(office.pids) == NAMES
    assert "Kamailio and its phones" in office.process.output
    assert [(user["name"], user["registered"]) for user in office.state()["users"]] == [
        ("Ana Ruiz", True),
        ("Ben Okafor", True),
    ]


def test_somebody_calls_and_the_lab_answers_holds_and_resumes(office, page, lab, chris):
    timeline = Timeline("inbound")
    rung = page.expect(timeline, "RINGING", "ring", lambda: lab(kind="ring", number=NUMBER, to=ANA))
    assert rung.call["contact"]["label"] == "Harriet Blake"
    assert on_the_phone_of(office, ANA) == [("RINGING", "+442079460101", "")]
    page.expect(timeline, "CONNECTED", "answer", lambda: lab(kind="phone", user=ANA, action="answer"))
    lab(kind="phone", user=ANA, action="hold")
    assert on_the_phone_of(office, ANA) == [("ON_HOLD", "+442079460101", "")]
    lab(kind="phone", user=ANA, action="resume")
    assert on_the_phone_of(office, ANA) == [("CONNECTED", "+442079460101", "")]
    (party,) = office.state()["outside"]
    assert (party["state"], party["with"]) == ("connected", "Ana Ruiz")
    over = page.expect(
        timeline, "HANGUP", "hang up", lambda: lab(kind="outside", call=str(party["id"]), action="hang_up")
    )
    assert timeline.names == ["RINGING", "CONNECTED", "HANGUP"], "Kamailio does not show who holds"
    admin = chris.get("/admin/django_voipcti/call/", params={"q": NUMBER}).text
    assert over.call["id"] in admin
    assert "Harriet Blake" in admin


def test_a_click_rings_the_own_phone_and_then_the_number(office, page, lab, chris):
    timeline = Timeline("outbound")
    page.expect(timeline, "INITIAL", "click", lambda: page.ask("call", number=NUMBER))
    eventually(lambda: on_the_phone_of(office, ANA) == [("INITIAL", "", "Click-to-call")])
    page.expect(timeline, "ACCEPTED", "pick up", lambda: lab(kind="phone", user=ANA, action="answer"))
    page.expect(timeline, "RINGING", "dial", lambda: None)
    (party,) = office.state()["outside"]
    assert (party["number"], party["state"]) == ("+442079460101", "ringing")
    assert "Harriet Blake" in chris.get("/lab/").text
    page.expect(timeline, "CONNECTED", "answer", lambda: lab(kind="outside", call=str(party["id"]), action="answer"))
    eventually(lambda: on_the_phone_of(office, ANA) == [("CONNECTED", "+442079460101", "")])
    page.expect(timeline, "HANGUP", "hang up", lambda: lab(kind="phone", user=ANA, action="hang_up"))
    eventually(lambda: not busy(office))


@pytest.mark.parametrize(("action", "reason"), [("busy", "busy"), ("decline", "declined")])
def test_somebody_outside_does_not_want_to_be_called(office, page, action, reason):
    timeline = Timeline("refused")
    page.expect(timeline, "INITIAL", "click", lambda: page.ask("call", number=NUMBER))
    eventually(lambda: on_the_phone_of(office, ANA))
    page.expect(timeline, "ACCEPTED", "pick up", lambda: office.phone(ANA, "answer"))
    page.expect(timeline, "RINGING", "dial", lambda: None)
    cancelled = page.expect(timeline, "CANCEL", action, lambda: office.outside(action))
    assert cancelled.call["endReason"] == reason
    eventually(lambda: not busy(office))


def test_a_phone_declines_and_the_caller_is_gone(office, page):
    timeline = Timeline("declined")
    page.expect(timeline, "RINGING", "ring", lambda: office.ring("447700900999", ANA))
    page.expect(timeline, "HANGUP", "decline", lambda: office.phone(ANA, "decline"))
    eventually(lambda: not busy(office))


def test_a_caller_gives_up(office, page):
    timeline = Timeline("given up")
    rung = page.expect(timeline, "RINGING", "ring", lambda: office.ring("anonymous", ANA))
    assert rung.call["number"] == ""
    page.expect(timeline, "HANGUP", "give up", lambda: office.outside("hang_up"))
    eventually(lambda: not busy(office))


def test_a_second_call_is_answered_and_the_first_one_held(office, page):
    def states():
        return [call[0] for call in on_the_phone_of(office, ANA)]

    office.ring("442079460101", ANA)
    eventually(lambda: states() == ["RINGING"])
    office.phone(ANA, "answer")
    eventually(lambda: states() == ["CONNECTED"])
    office.ring("442079460213", ANA)
    eventually(lambda: states() == ["CONNECTED", "RINGING"])
    office.phone(ANA, "answer")
    eventually(lambda: states() == ["ON_HOLD", "CONNECTED"])
    first, second = office.state()["users"][0]["calls"]
    office.phone(ANA, "hang_up", call=first["id"])
    eventually(lambda: on_the_phone_of(office, ANA) == [("CONNECTED", second["other_number"], "")])


def test_of_two_calls_that_ring_one_is_declined_first(office, page, lab):
    for number in ("442079460101", "442079460213"):
        office.ring(number, ANA)
        eventually(lambda number=number: f"+{number}" in str(on_the_phone_of(office, ANA)))
    assert "decline the other one first" in lab(kind="phone", user=ANA, action="answer")
    second = office.state()["users"][0]["calls"][1]["id"]
    office.phone(ANA, "decline", call=second)
    eventually(lambda: [call[1] for call in on_the_phone_of(office, ANA)] == ["+442079460101"])
    office.phone(ANA, "answer")
    eventually(lambda: [call[0] for call in on_the_phone_of(office, ANA)] == ["CONNECTED"])


def test_colleagues_call_each_other(office, page):
    office.phone(BEN, "dial", to=ANA)
    eventually(lambda: on_the_phone_of(office, ANA) == [("RINGING", BEN, "Ben Okafor")])
    assert on_the_phone_of(office, BEN) == [("RINGING", ANA, "Ana Ruiz")]
    office.phone(ANA, "answer")
    eventually(lambda: on_the_phone_of(office, BEN) == [("CONNECTED", ANA, "Ana Ruiz")])


def test_an_unplugged_phone_is_told_of_in_words(office, page, lab):
    lab(kind="phone", user=ANA, action="unregister")
    try:
        assert "The phone of Ana Ruiz is unplugged: nobody reaches it." in lab(kind="ring", number=NUMBER, to=ANA)
        timeline = Timeline("unplugged")
        page.expect(timeline, "INITIAL", "click", lambda: page.ask("call", number=NUMBER))
        cancelled = page.expect(timeline, "CANCEL", "nobody is there", lambda: None)
        assert "not registered" in cancelled.call["cause"]
    finally:
        lab(kind="phone", user=ANA, action="register")
        eventually(lambda: office.state()["users"][0]["registered"])


def test_what_cannot_be_done_is_refused_in_words(office, page, lab):
    assert "There is no such call on the phone of Ana Ruiz." in lab(kind="phone", user=ANA, action="hang_up")
    assert "That call is over." in lab(kind="outside", call="4711", action="answer")
    assert "There is no phone 4711." in lab(kind="ring", number=NUMBER, to="4711")
    assert "no button for “transfer”" in lab(kind="phone", user=ANA, action="transfer", to=BEN)


def test_the_lab_tells_news_as_they_happen(office, page, chris):
    before = office.state()["revision"]
    office.ring("442079460101", ANA)
    news = chris.get("/lab/phones/", params={"since": str(before)})
    assert int(news.headers["X-Revision"]) > before


def test_smoke_makes_both_calls_on_the_real_network(tmp_path):
    for tool in ("kamailio", "baresip"):
        require_tool(tool)
    done = subprocess.run(
        manage("smoke", "--provider", "sip"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Both calls went as they should." in done.stdout


def test_phones_act_by_themselves_and_ctrl_c_in_a_call_leaves_nothing(tmp_path):
    for tool in ("kamailio", "baresip"):
        require_tool(tool)
    before = pbx_folders()
    with RunningDemo(tmp_path, provider="sip", by_hand=False) as demo:
        timeline = Timeline("by itself")
        with Page(demo.web, "ana", PASSWORD) as page:
            page.expect(timeline, "INITIAL", "click", lambda: page.ask("call", number=NUMBER))
            for name in ("ACCEPTED", "RINGING", "CONNECTED"):
                page.expect(timeline, name, "wait", lambda: None)
        assert pbx_folders() - before
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(60) == 0
        assert demo.process.output.endswith("Stopped. Nothing is left running.\n")
        eventually(lambda: not [name for name, pid in demo.pids.items() if group_is_alive(pid)])
    assert pbx_folders() <= before


def pbx_folders():
    return set(Path(tempfile.gettempdir()).glob("voipcti-pbx-*"))


def test_without_the_programs_it_says_what_to_install_and_starts_nothing(tmp_path):
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    done = subprocess.run(
        manage("demo", "--provider", "sip", "--port", "0"),
        env=environment(tmp_path / "data") | {"PATH": os.fspath(nowhere)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "apt install --no-install-recommends" in done.stderr
    assert "baresip-core" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "logs").exists()
