"""REFER, and what its NOTIFYs tell."""

import pytest

from django_voipcti.sip.events import (
    AuthenticationFailed,
    Ignored,
    InviteEnded,
    ReferAccepted,
    ReferEnded,
    ReferProgress,
    RequestServed,
)
from django_voipcti.sip.exceptions import LocalProtocolError, MalformedBody
from django_voipcti.sip.messages import Request
from django_voipcti.sip.refer import PATIENCE, REFER, Input, State, parse_sipfrag
from tests.sip.wire import CHALLENGE, FarEnd

TARGET = "sip:1002@pbx.example.com"
FRAGMENT = ("Content-Type", "message/sipfrag;version=2.0")


@pytest.fixture
def far() -> FarEnd:
    return FarEnd()


class Referral:
    """An answered call in which a REFER has been sent."""

    def __init__(self, far: FarEnd) -> None:
        self.far = far
        self.invite = far.core.invite("sip:1001@pbx.example.com", now=far.now)
        self.request = far.request("INVITE")
        far.answer(self.request, 200, ("Contact", "<sip:1001@192.0.2.7>"))
        far.request("ACK")
        far.events()
        self.id = far.core.refer(self.invite, TARGET, far.now)
        self.refer = far.request("REFER")

    def notify(
        self, fragment: str, state: str = "active;expires=60", *, event: str | None = None, **options: object
    ) -> list[object]:
        event = f"refer;id={self.id}" if event is None else event
        response = self.far.ask(
            "NOTIFY",
            self.request,
            ("Event", event),
            ("Subscription-State", state),
            FRAGMENT,
            body=fragment.encode(),
            **options,
        )
        assert response.status == 200
        return list(self.far.events())

    def accepted(self, status: int = 202) -> ReferAccepted:
        return ReferAccepted(invite=self.invite, refer=self.id, status=status)

    def progress(self, status: int, reason: str) -> ReferProgress:
        return ReferProgress(invite=self.invite, refer=self.id, status=status, reason=reason)

    def ended(self, status: int | None, reason: str, *, refused: bool = False) -> ReferEnded:
        return ReferEnded(invite=self.invite, refer=self.id, status=status, reason=reason, refused=refused)


@pytest.fixture
def referral(far: FarEnd) -> Referral:
    return Referral(far)


# -- the machine and the fragment


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@pytest.mark.parametrize("item", Input, ids=lambda item: item.name)
def test_every_pair_is_decided(state: State, item: Input) -> None:
    new = REFER[state].get(item)
    if state is State.ENDED:
        assert new is None
    else:
        assert new is (State.ENDED if item is Input.DONE else State.ACTIVE)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"SIP/2.0 100 Trying", 100, "Trying"),
        (b"SIP/2.0 200 OK\r\n", 200, "OK"),
        (b"\r\nsip/2.0 486 Busy Here\r\nTo: <sip:a@b>\r\n\r\n", 486, "Busy Here"),
        (b"SIP/2.0 180\n", 180, ""),
        ("SIP/2.0 404 Kein Anschluß".encode(), 404, "Kein Anschluß"),
    ],
)
def test_a_fragment(body: bytes, status: int, reason: str) -> None:
    assert parse_sipfrag(body) == (status, reason)


@pytest.mark.parametrize(
    "body", [b"", b"INVITE sip:a@b SIP/2.0", b"SIP/2.0 99 x", b"SIP/2.0 2000 x", b"HTTP/1.1 200 OK"]
)
def test_a_fragment_without_status_line_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse_sipfrag(body)


# -- the referral


def test_the_request(referral: Referral) -> None:
    assert referral.refer.uri == "sip:1001@192.0.2.7"
    assert referral.refer.headers.get("Refer-To") == f"<{TARGET}>"
    assert referral.refer.headers.get("Referred-By") == "<sip:alice@pbx.example.com>"
    assert referral.refer.contact == referral.request.contact
    assert referral.refer.cseq.number == referral.id == 2


def test_a_server_that_tells_everything(far: FarEnd, referral: Referral) -> None:
    assert far.answer(referral.refer, 202) == [referral.accepted()]
    assert referral.notify("SIP/2.0 100 Trying") == [referral.progress(100, "Trying")]
    assert referral.notify("SIP/2.0 180 Ringing") == [referral.progress(180, "Ringing")]
    assert referral.notify("SIP/2.0 200 OK", "terminated;reason=noresource") == [referral.ended(200, "OK")]
    far.core.bye(referral.invite, far.now)
    assert far.answer(far.request("BYE"), 200) == [InviteEnded(invite=referral.invite, by="local")]


def test_the_first_notify_may_come_before_the_202_and_without_an_id(far: FarEnd, referral: Referral) -> None:
    assert referral.notify("SIP/2.0 100 Trying", event="refer") == [referral.progress(100, "Trying")]
    assert far.answer(referral.refer, 100) == []
    assert far.answer(referral.refer, 200) == [referral.accepted(200)]


@pytest.mark.parametrize(
    ("status", "reason"), [(302, "Moved"), (404, "Not Found"), (486, "Busy Here"), (603, "Decline")]
)
def test_the_other_party_is_not_reached(far: FarEnd, referral: Referral, status: int, reason: str) -> None:
    far.answer(referral.refer, 202)
    assert referral.notify(f"SIP/2.0 {status} {reason}", "terminated;reason=noresource") == [
        referral.ended(status, reason)
    ]


def test_the_final_status_counts_even_if_the_notifier_goes_on(far: FarEnd, referral: Referral) -> None:
    far.answer(referral.refer, 202)
    assert referral.notify("SIP/2.0 200 OK", "active;expires=1") == [referral.ended(200, "OK")]
    response = far.ask("NOTIFY", referral.request, ("Event", "refer"), ("Subscription-State", "terminated"))
    assert response.status == 481


@pytest.mark.parametrize(
    ("fragment", "state", "reason"),
    [
        ("SIP/2.0 180 Ringing", "terminated;reason=timeout", "timeout"),
        ("SIP/2.0 100 Trying", "terminated", "terminated"),
    ],
)
def test_an_end_without_a_final_status(far: FarEnd, referral: Referral, fragment: str, state: str, reason: str) -> None:
    assert referral.notify(fragment, state) == [referral.ended(None, reason)]


def test_a_body_that_cannot_be_read(far: FarEnd, referral: Referral) -> None:
    assert referral.notify("nonsense") == [Ignored(reason="the sipfrag body has no status line")]
    assert referral.notify("", "terminated;reason=giveup") == [
        Ignored(reason="the sipfrag body has no status line"),
        referral.ended(None, "giveup"),
    ]


@pytest.mark.parametrize("status", [405, 420, 501, 603])
def test_a_phone_that_refuses(far: FarEnd, referral: Referral, status: int) -> None:
    (event,) = far.answer(referral.refer, status)
    assert isinstance(event, ReferEnded)
    assert (event.status, event.refused) == (status, True)
    assert far.ask("INFO", referral.request).status == 200


def test_a_challenge_is_answered_and_both_numbers_name_the_refer(far: FarEnd, referral: Referral) -> None:
    assert far.answer(referral.refer, 407, ("Proxy-Authenticate", CHALLENGE)) == []
    again = far.request("REFER")
    assert again.cseq.number == 3
    assert far.answer(again, 202) == [referral.accepted()]
    assert referral.notify("SIP/2.0 100 Trying", event="refer;id=3") == [referral.progress(100, "Trying")]


def test_a_wrong_password(far: FarEnd, referral: Referral) -> None:
    far.answer(referral.refer, 407, ("Proxy-Authenticate", CHALLENGE))
    assert far.answer(far.request("REFER"), 407, ("Proxy-Authenticate", CHALLENGE)) == [
        AuthenticationFailed(request=referral.invite, realm="pbx.example.com", status=407, why="rejected"),
        referral.ended(None, "unauthorized", refused=True),
    ]


def test_no_answer_to_the_refer(far: FarEnd, referral: Referral) -> None:
    far.at(32.0)
    assert far.events() == [referral.ended(None, "timeout")]
    assert far.answer(referral.refer, 202) == [Ignored(reason="a response that nobody waits for")]


def test_an_answer_after_the_end(far: FarEnd, referral: Referral) -> None:
    referral.notify("SIP/2.0 200 OK")
    assert far.answer(referral.refer, 202) == []


def test_no_answer_to_the_refer_but_a_notify(far: FarEnd, referral: Referral) -> None:
    referral.notify("SIP/2.0 100 Trying")
    far.at(32.0)
    assert far.events() == []
    assert referral.notify("SIP/2.0 200 OK") == [referral.ended(200, "OK")]


def test_accepted_and_then_silence(far: FarEnd, referral: Referral) -> None:
    far.now = 5.0
    far.answer(referral.refer, 202)
    far.at(36.9)
    assert far.events() == []
    far.at(37.0)
    assert far.events() == [referral.ended(None, "timeout")]


def test_a_phone_that_tells_100_may_ring_for_minutes(far: FarEnd, referral: Referral) -> None:
    far.answer(referral.refer, 202)
    referral.notify("SIP/2.0 100 Trying")
    far.at(PATIENCE - 1)
    assert far.events() == []
    far.at(PATIENCE)
    assert far.events() == [referral.ended(None, "timeout")]


def test_the_call_is_kept_for_the_notifys_after_the_bye(far: FarEnd, referral: Referral) -> None:
    far.answer(referral.refer, 202)
    assert far.ask("BYE", referral.request).status == 200
    far.events()
    assert far.ask("INFO", referral.request).status == 481
    far.events()
    assert referral.notify("SIP/2.0 200 OK") == [referral.ended(200, "OK")]
    assert far.ask("INFO", referral.request).status == 481


def test_glare_a_phone_that_holds_us_while_it_is_asked_to_call(far: FarEnd, referral: Referral) -> None:
    """We never send a re-INVITE, so theirs crosses our REFER and needs no 491; baresip 1.1 does this."""
    offer = b"v=0\r\no=- 1 2 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    offer += b"m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"
    response = far.ask("INVITE", referral.request, ("Content-Type", "application/sdp"), body=offer)
    assert response.status == 200
    assert b"a=inactive" in response.body
    far.events()
    assert far.answer(referral.refer, 202) == [referral.accepted()]
    assert referral.notify("SIP/2.0 200 OK", "terminated;reason=noresource") == [referral.ended(200, "OK")]


def test_glare_a_phone_that_hangs_up_while_it_is_asked_to_call(far: FarEnd, referral: Referral) -> None:
    assert far.ask("BYE", referral.request).status == 200
    assert InviteEnded(invite=referral.invite, by="remote") in far.events()
    assert far.answer(referral.refer, 481)[-1] == referral.ended(481, "Call/Transaction Does Not Exist", refused=True)


def test_a_notify_that_was_overtaken_is_answered_and_dropped(far: FarEnd, referral: Referral) -> None:
    referral.notify("SIP/2.0 180 Ringing", cseq=5)
    assert referral.notify("SIP/2.0 100 Trying", cseq=4) == [
        Ignored(reason="a later request has overtaken this NOTIFY")
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Event", "dialog"), ("Subscription-State", "active")], 489),
        ([("Subscription-State", "active")], 489),
        ([("Event", "refer")], 400),
        ([("Event", "refer;id=99"), ("Subscription-State", "active")], 481),
    ],
)
def test_notifys_that_do_not_belong_here(
    far: FarEnd, referral: Referral, headers: list[tuple[str, str]], status: int
) -> None:
    assert far.ask("NOTIFY", referral.request, *headers).status == status
    assert far.events() == [RequestServed(method="NOTIFY", status=status)]


def test_two_refers_are_told_apart(far: FarEnd, referral: Referral) -> None:
    second = far.core.refer(referral.invite, TARGET, far.now)
    far.answer(far.request("REFER"), 202)
    far.events()
    assert referral.notify("SIP/2.0 200 OK", event=f"refer;id={second}") == [
        ReferEnded(invite=referral.invite, refer=second, status=200, reason="OK")
    ]
    assert referral.notify("SIP/2.0 486 Busy Here") == [referral.ended(486, "Busy Here")]


@pytest.mark.parametrize("notified", [False, True])
def test_the_connection_is_lost(far: FarEnd, referral: Referral, notified: bool) -> None:
    if notified:
        referral.notify("SIP/2.0 100 Trying")
    far.core.connection_lost(far.now)
    assert far.events() == [
        referral.ended(None, "connection-lost"),
        InviteEnded(invite=referral.invite, by="failure"),
    ]


def test_the_connection_is_lost_after_the_refer_was_answered(far: FarEnd, referral: Referral) -> None:
    far.answer(referral.refer, 202)
    far.core.connection_lost(far.now)
    assert far.events() == [
        referral.ended(None, "connection-lost"),
        InviteEnded(invite=referral.invite, by="failure"),
    ]


def test_the_connection_is_lost_after_the_bye(far: FarEnd, referral: Referral) -> None:
    far.answer(referral.refer, 202)
    far.ask("BYE", referral.request)
    far.events()
    far.core.connection_lost(far.now)
    assert far.events() == [referral.ended(None, "connection-lost")]


def test_only_an_answered_call_can_be_referred(far: FarEnd) -> None:
    invite = far.core.invite("sip:1001@pbx.example.com", now=far.now)
    with pytest.raises(LocalProtocolError):
        far.core.refer(invite, TARGET, far.now)
    with pytest.raises(LocalProtocolError):
        far.core.refer(invite, "no uri", far.now)
    assert [message.method for message in far.messages() if isinstance(message, Request)] == ["INVITE"]
