"""The whole SIP lab, replayed: Kamailio, Asterisk 16 and 22, baresip and linphone, as they were on the wire.

Two ways. First each message and each document by itself. Then each transcript as a conversation: a core takes the place
of the recorded client, does at each point what that client did, and hears what the servers and phones said to it, with
nothing changed but the identifiers that the core has made itself.
"""

import re
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from django_voipcti.sip.dialoginfo import Dialog, DialogInfo, DialogInfoTracker, parse_dialog_info
from django_voipcti.sip.events import (
    InviteAnswered,
    InviteFailed,
    NotifyReceived,
    ReferEnded,
    SipEvent,
    SubscriptionActive,
    SubscriptionEnded,
)
from django_voipcti.sip.headers import Headers
from django_voipcti.sip.messages import Request, Response, parse_message
from tests.sip.transcripts import PATHS, Document, Frame, read
from tests.sip.wire import FarEnd, make_core


def noted(info: DialogInfo) -> Document:
    """A document in the words of the transcript's notes."""

    def describe(dialog: Dialog) -> tuple[object, ...]:
        remote = dialog.remote
        tags = (dialog.local_tag is not None, dialog.remote_tag is not None)
        ends = (remote.display, remote.identity_uri, remote.target_uri) if remote else ("", "", "")
        return (dialog.id, dialog.call_id, dialog.direction, dialog.state, *tags, *ends)

    assert info.version is not None
    return Document(info.version, info.state, info.entity, tuple(map(describe, info.dialogs)))


def without_display(document: Document) -> Document:
    """The lab's client did not note Kamailio's display names, which stand at the target."""
    dialogs = tuple((*dialog[:6], *dialog[7:]) for dialog in document.dialogs)
    return Document(document.version, document.state, document.entity, dialogs)


def documents(path: Path) -> list[DialogInfo]:
    """Every dialog-info document that the client received."""
    messages = [parse_message(frame.data) for frame in read(path) if isinstance(frame, Frame) and not frame.sent]
    return [parse_dialog_info(m.body) for m in messages if m.content_type == "application/dialog-info+xml"]


def test_the_whole_lab_is_here() -> None:
    frames = [item for path in PATHS for item in read(path) if isinstance(item, Frame)]
    assert (len(PATHS), len(frames)) == (52, 1606)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_message_is_read_and_written_equal_in_meaning(path: Path) -> None:
    for frame in read(path):
        if isinstance(frame, Frame):
            message = parse_message(frame.data)
            assert parse_message(message.to_bytes()) == message
            body = frame.data.partition(b"\r\n\r\n")[2]
            assert message.body == body


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_document_says_what_the_client_noted(path: Path) -> None:
    notes = [item for item in read(path) if isinstance(item, Document)]
    found = [noted(info) for info in documents(path)]
    if path.stem == "15_latency":
        assert notes == []
        assert len(found) == 60
        return
    assert [without_display(document) for document in found] == [without_display(document) for document in notes]
    for document, note in zip(found, notes, strict=True):
        for dialog, noted_dialog in zip(document.dialogs, note.dialogs, strict=True):
            assert noted_dialog[6] in ("", dialog[6])


def test_asterisk_shows_hold_and_kamailio_does_not() -> None:
    held = Counter(path.stem for path in PATHS for info in documents(path) if any(d.on_hold for d in info.dialogs))
    assert set(held) == {
        f"{server}_{scenario}"
        for server in ("ast16", "ast22")
        for scenario in ("02b_hold_by_the_other_side", "06_sip_3pcc_refer")
    }


# -- the conversation


class Replay:
    """A core in the place of the recorded client."""

    #: What the recorded client said of its own accord; authentication, ACK and answers are the core's own doing.
    FOLLOWED = ("SUBSCRIBE", "INVITE", "REFER", "BYE")

    def __init__(self) -> None:
        # The lab's client answered each challenge anew.
        self.core = make_core(user="cti", domain="pbx.test", password="lab", preemptive_auth=False)
        self.now = 0.0
        #: Recorded text → the core's: Call-IDs, tags, branches.
        self.names: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.unsent: list[Request] = []
        self.answers: list[tuple[str, int]] = []
        self.events: list[SipEvent] = []
        self.strayed: set[str] = set()

    def take(self, frame: Frame) -> None:
        """Follow one frame of the transcript."""
        self.now = max(self.now, frame.at)
        message = parse_message(frame.data)
        if frame.sent:
            if isinstance(message, Request) and message.method in self.FOLLOWED:
                self.do(message)
        elif message.call_id in self.ids and message.call_id not in self.strayed:
            self.hear(frame.data)
        self.collect()

    def do(self, recorded: Request) -> None:
        """Do what the recorded client did, unless the core has done it already (an answer to a challenge)."""
        call = recorded.call_id
        mine = self.find(recorded)
        if mine is None and call not in self.strayed:
            self.command(recorded)
            self.collect()
            mine = self.find(recorded)
        if mine is None:
            # Not what a core would do: a probe that forges, or goes on after an end.
            self.strayed.add(call)
            return
        assert mine.cseq == recorded.cseq
        if recorded.to.tag is not None:
            assert mine.to.tag == recorded.to.tag
            assert mine.headers.get_all("Route") == [self.translate(v) for v in recorded.headers.get_all("Route")]
        if recorded.method != "SUBSCRIBE" or recorded.to.tag is None:
            # (The recorded client refreshed at the Contact of the 200, the core at that of the last NOTIFY.)
            assert mine.uri == recorded.uri
        self.names[recorded.via.branch] = mine.via.branch

    def find(self, recorded: Request) -> Request | None:
        """Take the core's request of that kind for that call, if it has made one."""
        wanted = (self.ids.get(recorded.call_id), recorded.method)
        for mine in self.unsent:
            if (mine.call_id, mine.method) == wanted:
                self.unsent.remove(mine)
                return mine
        return None

    def command(self, recorded: Request) -> None:
        core, call, method = self.core, self.ids.get(recorded.call_id), recorded.method
        if call is None:
            if recorded.to.tag is not None or method not in ("SUBSCRIBE", "INVITE"):
                return
            if method == "SUBSCRIBE":
                event, accept = recorded.headers.get("Event", ""), tuple(recorded.headers.get_all("Accept"))
                expires = 3600 if recorded.expires is None else recorded.expires
                call = core.subscribe(recorded.uri, event=event, accept=accept, expires=expires, now=self.now)
            else:
                call = core.invite(recorded.uri, body=recorded.body, ring_time=None, now=self.now)
            self.ids[recorded.call_id] = self.names[recorded.call_id] = call
            self.collect()
            tags = [mine.from_.tag for mine in self.unsent if mine.call_id == call]
            self.names[recorded.from_.tag or ""] = tags[0] or ""
        elif method == "SUBSCRIBE":
            (core.unsubscribe if recorded.expires == 0 else core.refresh)(call, self.now)
        elif method == "BYE":
            core.bye(call, self.now)
        elif method == "REFER" and any(isinstance(e, InviteAnswered) and e.invite == call for e in self.events):
            core.refer(call, re.sub(r"[<>]", "", recorded.headers.get("Refer-To", "")), self.now)

    def hear(self, data: bytes) -> None:
        message = parse_message(data)
        if isinstance(message, Response) and message.via.branch not in self.names:
            return  # the answer to something that the core did not say
        head, end, body = data.partition(b"\r\n\r\n")
        self.core.receive_message(self.translate(head.decode()).encode() + end + body, self.now)

    def translate(self, text: str) -> str:
        """Put the core's identifiers in the place of the recorded ones."""
        for recorded, mine in self.names.items():
            text = text.replace(recorded, mine)
        return text

    def collect(self) -> None:
        for data in self.core.data_to_send():
            message = parse_message(data)
            if isinstance(message, Response):
                self.answers.append((message.cseq.method, message.status))
            elif message.method != "ACK":
                self.unsent.append(message)
        self.events += self.core.events()


def replay(path: Path) -> Replay:
    result = Replay()
    for frame in read(path):
        if isinstance(frame, Frame):
            result.take(frame)
    return result


#: Transcripts in which the probe did what no core would: forged requests, REFERs outside of dialogs, wrong packages.
STRAYING = {
    "11_expiry": "goes on after the end",
    "30_remote_control_of_a_foreign_call": "REFER and NOTIFY outside of dialogs",
    "34_kamailio_dlg_bridge_and_forged_refer": "a forged REFER",
    "40_linphone_talk_hold_refer": "REFER outside of dialogs",
    "sidphone_30_remote_control_of_a_foreign_call": "REFER outside of dialogs",
}


#: Of the order tests only the sequence of CSeq, version and state was noted.
ORDERS = [path for path in PATHS if path.stem.startswith("91_")]


@pytest.mark.parametrize("path", [path for path in PATHS if path not in ORDERS], ids=lambda path: path.stem)
def test_a_core_in_the_place_of_the_client_lives_through_it(path: Path) -> None:
    run = replay(path)
    assert (run.strayed != set()) is (path.stem in STRAYING)
    # Every NOTIFY is answered, and handed on with its body unless we had unsubscribed.
    notifys = [event for event in run.events if isinstance(event, NotifyReceived)]
    assert {status for method, status in run.answers if method == "NOTIFY"} <= {200, 481}
    if path.stem not in STRAYING:
        bodies = [parse_dialog_info(event.body) for event in notifys if event.body]
        left_over = [e for e in run.events if isinstance(e, SubscriptionEnded) and e.reason == "unsubscribed"]
        assert 0 <= len(documents(path)) - len(bodies) <= len(left_over)
    assert [event for event in run.events if isinstance(event, SubscriptionActive)] != []


def states(events: list[SipEvent]) -> dict[str, list[str]]:
    """What a table of the dialogs tells of each call, in order."""
    tracker, seen = DialogInfoTracker(), defaultdict(list)
    for event in events:
        if isinstance(event, NotifyReceived) and event.body and not event.late:
            for dialog in tracker.apply(parse_dialog_info(event.body)).changed:
                seen[dialog.id].append(dialog.state)
    return seen


def test_the_race_of_two_server_workers() -> None:
    run = replay(next(path for path in PATHS if path.stem.startswith("90_")))
    assert list(states(run.events).values()) == [["terminated"], ["trying", "terminated"]]
    (late,) = [event for event in run.events if isinstance(event, NotifyReceived) and event.late]
    assert [dialog.state for dialog in parse_dialog_info(late.body).dialogs] == ["early", "terminated"]


@pytest.mark.parametrize("path", ORDERS, ids=lambda path: path.stem)
def test_after_notifys_that_overtook_each_other_every_call_is_over(path: Path) -> None:
    far = FarEnd()
    far.core.subscribe("sip:1001@pbx.test", now=0.0)
    subscribe = far.request("SUBSCRIBE")
    far.answer(subscribe, 200, ("Expires", 300))
    events: list[SipEvent] = []
    disorder = 0
    for call, notes in re.findall(r"call (\d+): (.*)", path.read_text()):
        steps = [(int(cseq), int(version), state) for cseq, version, state in re.findall(r"(\d+)/v(\d+)/(\w+)", notes)]
        assert len(steps) >= 3
        disorder += sum(later[0] < earlier[0] for earlier, later in pairwise(steps))
        for cseq, version, state in steps:
            body = (
                f'<dialog-info version="{version}" state="full" entity="x"><dialog id="call {call}" call-id="{call}">'
                f"<state>{state}</state></dialog></dialog-info>"
            )
            headers = [("Event", "dialog"), ("Subscription-State", "active;expires=300")]
            assert far.ask("NOTIFY", subscribe, *headers, body=body.encode(), cseq=cseq).status == 200
            events += far.events()
    seen = states(events)
    assert len(seen) == 20
    assert {told[-1] for told in seen.values()} == {"terminated"}
    assert all(told.count("terminated") == 1 for told in seen.values())
    assert (disorder > 0) is not path.stem.endswith("children1")


@pytest.mark.parametrize(
    ("stem", "status"),
    [
        ("20_click_to_dial_no_sdp", 200),
        ("21_click_to_dial_blackhole_sdp", 200),
        ("23_click_to_dial_as_cti_user", 200),
        ("25_click_to_dial_bad_number", 404),
        ("26_click_to_dial_to_trunk", 200),
        ("27_click_to_dial_busy", 486),
        ("ast16_06_sip_3pcc_refer", 200),
        ("ast22_06_sip_3pcc_refer", 200),
    ],
)
def test_click_to_dial(stem: str, status: int) -> None:
    run = replay(next(path for path in PATHS if path.stem == stem))
    (answered,) = [event for event in run.events if isinstance(event, InviteAnswered)]
    (referred,) = [event for event in run.events if isinstance(event, ReferEnded)]
    assert referred.invite == answered.invite
    assert (referred.status, referred.refused) == (status, False)
    assert not any(isinstance(event, InviteFailed) for event in run.events)


def test_what_the_server_says_about_expiry() -> None:
    run = replay(next(path for path in PATHS if path.stem == "11_expiry"))
    ended = {event.reason for event in run.events if isinstance(event, SubscriptionEnded)}
    assert "timeout" in ended or "expired" in ended


def test_headers_of_real_servers_are_equal_to_themselves_only() -> None:
    frames = [item for item in read(PATHS[0]) if isinstance(item, Frame)]
    headers: list[Headers] = [parse_message(frame.data).headers for frame in frames]
    assert all((a == b) is (i == j) for i, a in enumerate(headers) for j, b in enumerate(headers))
