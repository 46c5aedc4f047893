"""Subscriptions, from SUBSCRIBE to the last NOTIFY, over a wire that the test drives."""

import pytest

from django_voipcti.sip.events import (
    AuthenticationFailed,
    Ignored,
    NotifyReceived,
    RequestServed,
    SubscriptionActive,
    SubscriptionEnded,
)
from django_voipcti.sip.exceptions import LocalProtocolError
from django_voipcti.sip.messages import Request
from django_voipcti.sip.subscription import SUBSCRIBER, Input, State
from tests.sip.wire import CHALLENGE, FarEnd

BOB = "sip:bob@pbx.example.com"
ACTIVE = ("Subscription-State", "active;expires=300")
EVENT = ("Event", "dialog")


@pytest.fixture
def far() -> FarEnd:
    return FarEnd()


class Watch:
    """A subscription that has been begun, and what the tests do to it."""

    def __init__(self, far: FarEnd, *, expires: int = 300, **options: object) -> None:
        self.far = far
        self.id = far.core.subscribe(BOB, expires=expires, now=far.now, **options)  # type: ignore[arg-type]
        self.request = far.request("SUBSCRIBE")

    def accept(self, expires: int = 300) -> list[object]:
        return list(self.far.answer(self.request, 200, ("Expires", expires), ("Contact", "<sip:notifier@192.0.2.9>")))

    def notify(self, state: str = "active;expires=300", **options: object) -> list[object]:
        response = self.far.ask("NOTIFY", self.request, EVENT, ("Subscription-State", state), **options)
        assert response.status == 200
        return list(self.far.events())

    def notified(
        self, cseq: int, *, state: str = "active", expires: int | None = 300, late: bool = False
    ) -> NotifyReceived:
        return NotifyReceived(
            subscription=self.id,
            package="dialog",
            content_type="",
            body=b"",
            cseq=cseq,
            state=state,
            expires=expires,
            late=late,
        )

    def ended(self, reason: str, *, retryable: bool, **facts: int) -> SubscriptionEnded:
        return SubscriptionEnded(subscription=self.id, reason=reason, retryable=retryable, **facts)


@pytest.fixture
def watch(far: FarEnd) -> Watch:
    """A subscription that the server has accepted and notified."""
    watch = Watch(far)
    watch.accept()
    watch.notify()
    return watch


def granted(watch: Watch, seconds: int = 300) -> SubscriptionActive:
    return SubscriptionActive(subscription=watch.id, expires=seconds)


# -- the machine


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@pytest.mark.parametrize("item", Input, ids=lambda item: item.name)
def test_every_pair_is_decided(state: State, item: Input) -> None:
    new = SUBSCRIBER[state].get(item)
    match state, item:
        case State.TERMINATED, _:
            assert new is None
        case State.UNSUBSCRIBING, Input.UNSUBSCRIBED:
            assert new is State.LINGERING
        case _, Input.UNSUBSCRIBED:
            assert new is None
        case _, Input.END | Input.NOTIFY_TERMINATED:
            assert new is State.TERMINATED
        case State.LINGERING | State.UNSUBSCRIBING, _:
            assert new is state
        case _, Input.UNSUBSCRIBE:
            assert new is State.UNSUBSCRIBING
        case _, Input.NOTIFY_ACTIVE:
            assert new is State.ACTIVE
        case _, Input.NOTIFY_PENDING:
            assert new is State.PENDING


# -- the beginning


def test_the_first_subscribe_is_what_voipstudio_and_others_expect(far: FarEnd) -> None:
    request = Watch(far).request
    assert request.uri == BOB
    assert str(request.to) == f"<{BOB}>"
    assert request.via.transport == "WSS"
    assert request.via.host.endswith(".invalid")
    assert request.via.branch.startswith("z9hG4bK")
    assert request.contact is not None
    assert request.contact.uri.params == {"transport": "ws"}
    assert request.contact.uri.host == request.via.host
    assert request.headers.get("Event") == "dialog"
    assert request.headers.get("Accept") == "application/dialog-info+xml"
    assert request.headers.get("Max-Forwards") == "70"
    assert request.headers.get("Content-Length") == "0"
    assert (request.expires, request.cseq.number) == (300, 1)


def test_accept_can_be_left_out(far: FarEnd) -> None:
    assert "Accept" not in Watch(far, accept=()).request.headers


def test_accepted_and_notified(far: FarEnd) -> None:
    watch = Watch(far)
    assert watch.accept() == [granted(watch)]
    assert watch.notify() == [watch.notified(1)]
    assert far.core.get_timer() == 270.0


def test_a_body_is_handed_on_with_its_type(far: FarEnd) -> None:
    watch = Watch(far)
    watch.accept()
    far.ask("NOTIFY", watch.request, EVENT, ACTIVE, ("Content-Type", "Application/Dialog-Info+XML"), body=b"<x/>")
    (event,) = far.events()
    assert isinstance(event, NotifyReceived)
    assert (event.content_type, event.body) == ("application/dialog-info+xml", b"<x/>")


def test_the_notify_may_come_before_the_200(far: FarEnd) -> None:
    watch = Watch(far)
    assert watch.notify() == [watch.notified(1)]
    assert watch.accept() == [granted(watch)]
    far.at(100.0)
    assert far.events() == []
    assert far.core.get_timer() == 270.0


def test_the_notify_alone_keeps_it_alive_until_its_time_is_over(far: FarEnd) -> None:
    watch = Watch(far)
    watch.notify("active;expires=60")
    far.at(32.0)
    assert far.events() == []
    assert far.wait_for_timer() == pytest.approx(46.0)


def test_a_challenge_is_answered_with_the_same_call_id_and_tag_and_the_next_cseq(far: FarEnd) -> None:
    watch = Watch(far)
    assert far.answer(watch.request, 407, ("Proxy-Authenticate", CHALLENGE)) == []
    again = far.request("SUBSCRIBE")
    assert again.call_id == watch.id
    assert again.from_.tag == watch.request.from_.tag
    assert again.cseq.number == 2
    assert again.via.branch != watch.request.via.branch
    assert "Proxy-Authorization" in again.headers
    watch.request = again
    assert watch.accept() == [granted(watch)]


def test_a_wrong_password_ends_it_for_good(far: FarEnd) -> None:
    watch = Watch(far)
    far.answer(watch.request, 401, ("WWW-Authenticate", CHALLENGE))
    assert far.answer(far.request("SUBSCRIBE"), 401, ("WWW-Authenticate", CHALLENGE.replace("n1", "n2"))) == [
        AuthenticationFailed(request=watch.id, realm="pbx.example.com", status=401, why="rejected"),
        watch.ended("unauthorized", retryable=False),
    ]
    far.nothing()


def test_the_server_may_want_a_longer_time(far: FarEnd) -> None:
    watch = Watch(far, expires=2)
    assert far.answer(watch.request, 423, ("Min-Expires", 60)) == []
    watch.request = far.request("SUBSCRIBE")
    assert watch.request.expires == 60
    assert watch.accept(60) == [granted(watch, 60)]


def test_a_server_that_never_has_enough_is_given_up(far: FarEnd) -> None:
    watch = Watch(far, expires=10)
    for _ in range(3):
        assert far.answer(watch.request, 423) == []
        watch.request = far.request("SUBSCRIBE")
    assert watch.request.expires == 13
    assert far.answer(watch.request, 423) == [watch.ended("refused", retryable=False, status=423)]


@pytest.mark.parametrize(
    ("status", "reason", "retryable"),
    [
        (302, "refused", False),
        (403, "refused", False),
        (404, "refused", False),
        (408, "unavailable", True),
        (480, "unavailable", True),
        (481, "gone", True),
        (489, "refused", False),
        (501, "refused", False),
        (503, "unavailable", True),
        (603, "refused", False),
    ],
)
def test_a_refusal_ends_it(far: FarEnd, status: int, reason: str, retryable: bool) -> None:
    watch = Watch(far)
    assert far.answer(watch.request, status, ("Retry-After", 7)) == [
        watch.ended(reason, retryable=retryable, retry_after=7, status=status)
    ]
    assert far.core.get_timer() is None
    assert far.ask("NOTIFY", watch.request, EVENT, ACTIVE).status == 481


def test_provisional_responses_change_nothing(far: FarEnd) -> None:
    watch = Watch(far)
    assert far.answer(watch.request, 100) == []
    assert watch.accept() == [granted(watch)]


def test_no_answer(far: FarEnd) -> None:
    watch = Watch(far)
    assert far.wait_for_timer() == 32.0
    assert far.events() == [watch.ended("no-answer", retryable=True)]


def test_no_notify(far: FarEnd) -> None:
    watch = Watch(far)
    watch.accept()
    assert far.wait_for_timer() == 32.0
    assert far.events() == [watch.ended("no-notify", retryable=True)]
    assert far.core.get_timer() is None


def test_a_grant_above_what_was_asked_for_is_not_believed(far: FarEnd) -> None:
    watch = Watch(far)
    assert watch.accept(99999) == [granted(watch, 300)]


def test_a_2xx_without_expires_grants_what_was_asked_for(far: FarEnd) -> None:
    watch = Watch(far)
    assert far.answer(watch.request, 202) == [granted(watch, 300)]


def test_a_grant_of_nothing_is_an_end(far: FarEnd) -> None:
    watch = Watch(far)
    assert watch.accept(0) == [watch.ended("expired", retryable=True)]


# -- NOTIFY


def test_a_notify_that_was_overtaken_is_answered_200_and_marked_as_late(far: FarEnd, watch: Watch) -> None:
    watch.notify(cseq=4)
    assert watch.notify(cseq=3) == [watch.notified(3, late=True)]
    assert watch.notify(cseq=5) == [watch.notified(5)]


def test_a_notify_that_was_overtaken_moves_nothing(far: FarEnd, watch: Watch) -> None:
    watch.notify(cseq=4)
    due = far.core.get_timer()
    assert watch.notify("active;expires=5", cseq=2) == [watch.notified(2, expires=5, late=True)]
    assert far.core.get_timer() == due
    assert watch.notify("terminated;reason=rejected", cseq=3) == [
        watch.notified(3, state="terminated", expires=None, late=True)
    ]
    assert watch.notify(cseq=5) == [watch.notified(5)]


def test_a_number_that_comes_again_is_answered_200_and_dropped(far: FarEnd, watch: Watch) -> None:
    watch.notify(cseq=4)
    assert watch.notify(cseq=4) == [Ignored(reason="a NOTIFY that came before, or too late")]


def test_what_is_overtaken_after_we_have_left_is_dropped(far: FarEnd, watch: Watch) -> None:
    watch.notify(cseq=4)
    far.core.unsubscribe(watch.id, far.now)
    far.answer(far.request("SUBSCRIBE"), 200, ("Expires", 0))
    assert watch.notify(cseq=3) == [Ignored(reason="a NOTIFY that came before, or too late")]


def test_a_repeated_notify_of_an_open_transaction_is_answered_again_on_an_unreliable_transport() -> None:
    far = FarEnd(reliable=False)
    watch = Watch(far)
    watch.accept()
    notify = far.build("NOTIFY", watch.request, EVENT, ACTIVE)
    assert far.send(notify) == [watch.notified(1)]
    first = far.response()
    assert far.send(notify) == [Ignored(reason="a request that was received before")]
    assert far.response() == first


def test_pending_and_unknown_states_are_told_as_they_are(far: FarEnd, watch: Watch) -> None:
    assert watch.notify("pending") == [watch.notified(2, state="pending", expires=None)]
    assert watch.notify("waiting;expires=0") == [watch.notified(3, state="waiting", expires=0)]


def test_a_notify_may_shorten_the_time(far: FarEnd, watch: Watch) -> None:
    far.at(10.0)
    watch.notify("active;expires=50")
    assert far.wait_for_timer() == 55.0
    far.request("SUBSCRIBE")
    assert far.wait_for_timer() == 60.0
    assert far.events() == [watch.ended("expired", retryable=True)]


@pytest.mark.parametrize(
    ("state", "reason", "retryable", "retry_after"),
    [
        ("terminated", "terminated", True, None),
        ("terminated;reason=deactivated", "deactivated", True, None),
        ("terminated;reason=probation;retry-after=9", "probation", True, 9),
        ("terminated;reason=rejected", "rejected", False, None),
        ("terminated;reason=timeout", "timeout", True, None),
        ("terminated;reason=giveup;retry-after=9", "giveup", True, 9),
        ("terminated;reason=noresource", "noresource", False, None),
        ("terminated;reason=invariant", "invariant", False, None),
        ("terminated;reason=mood", "mood", True, None),
    ],
)
def test_the_notifier_ends_it(
    far: FarEnd, watch: Watch, state: str, reason: str, retryable: bool, retry_after: int | None
) -> None:
    assert watch.notify(state) == [
        watch.notified(2, state="terminated", expires=None),
        SubscriptionEnded(subscription=watch.id, reason=reason, retryable=retryable, retry_after=retry_after),
    ]
    assert far.core.get_timer() is None
    assert far.ask("NOTIFY", watch.request, EVENT, ACTIVE).status == 481


def test_another_event_package_is_refused(far: FarEnd, watch: Watch) -> None:
    response = far.ask("NOTIFY", watch.request, ("Event", "presence"), ACTIVE)
    assert (response.status, response.headers.get("Allow-Events")) == (489, "dialog")
    assert far.ask("NOTIFY", watch.request, ACTIVE).status == 489
    assert far.events() == [RequestServed(method="NOTIFY", status=489)] * 2


def test_a_notify_without_state_is_malformed(far: FarEnd, watch: Watch) -> None:
    assert far.ask("NOTIFY", watch.request, EVENT).status == 400
    assert far.events() == [Ignored(reason="a NOTIFY has no Subscription-State", status=400)]


def test_a_second_notifier_of_a_forked_subscribe_is_refused(far: FarEnd, watch: Watch) -> None:
    assert far.ask("NOTIFY", watch.request, EVENT, ACTIVE, tag="another").status == 481


def test_the_first_notify_decides_who_the_notifier_is(far: FarEnd) -> None:
    watch = Watch(far)
    watch.accept()
    assert watch.notify(tag="another") == [watch.notified(1)]
    assert far.ask("NOTIFY", watch.request, EVENT, ACTIVE).status == 481
    far.core.refresh(watch.id, far.now)
    assert far.request("SUBSCRIBE").to.tag == "another"


def test_a_notifier_without_a_tag_is_served_all_the_same(far: FarEnd) -> None:
    watch = Watch(far)
    notify = far.build("NOTIFY", watch.request, EVENT, ACTIVE)
    notify.headers.set("From", "<sip:bob@pbx.example.com>")
    assert far.send(notify) == [watch.notified(1)]


def test_a_broken_contact_is_refused_before_anything_changes(far: FarEnd, watch: Watch) -> None:
    assert far.ask("NOTIFY", watch.request, EVENT, ACTIVE, contact="<sip:", cseq=2).status == 400
    assert far.events() == [Ignored(reason="an angle bracket is not closed", status=400)]
    assert watch.notify(cseq=2) == [watch.notified(2)]


def test_other_requests_do_not_belong_there(far: FarEnd, watch: Watch) -> None:
    assert far.ask("BYE", watch.request).status == 481
    far.core.receive_message(far.build("ACK", watch.request).to_bytes(), far.now)
    assert far.events()[-1] == Ignored(reason="an ACK for no INVITE of theirs")


# -- refreshing


def test_it_is_refreshed_in_its_dialog_at_90_percent(far: FarEnd, watch: Watch) -> None:
    assert far.wait_for_timer() == 270.0
    refresh = far.request("SUBSCRIBE")
    assert refresh.uri == "sip:far@192.0.2.9"
    assert (refresh.to.tag, refresh.call_id, refresh.cseq.number, refresh.expires) == ("far", watch.id, 2, 300)
    assert far.answer(refresh, 200, ("Expires", 100)) == [granted(watch, 100)]
    assert watch.notify("active;expires=100") == [watch.notified(2, expires=100)]
    assert far.core.get_timer() == 360.0


def test_a_notify_for_the_refresh_that_comes_before_its_200_does_not_refresh_again(far: FarEnd, watch: Watch) -> None:
    far.wait_for_timer()
    refresh = far.request("SUBSCRIBE")
    watch.notify()
    far.at(271.0)
    far.nothing()
    assert far.answer(refresh, 200, ("Expires", 300)) == [granted(watch)]


def test_a_server_that_sends_no_notify_for_a_refresh_keeps_it(far: FarEnd, watch: Watch) -> None:
    far.wait_for_timer()
    far.answer(far.request("SUBSCRIBE"), 200, ("Expires", 300))
    assert far.wait_for_timer() == 540.0
    assert far.events() == []


def test_the_record_route_of_the_answer_is_followed(far: FarEnd) -> None:
    watch = Watch(far)
    far.answer(watch.request, 200, ("Expires", 300), ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"))
    watch.notify()
    far.core.refresh(watch.id, far.now)
    assert far.request("SUBSCRIBE").headers.get_all("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]


def test_a_refresh_may_be_asked_for_and_only_one_is_under_way(far: FarEnd, watch: Watch) -> None:
    far.core.refresh(watch.id, far.now)
    refresh = far.request("SUBSCRIBE")
    far.core.refresh(watch.id, far.now)
    far.core.refresh(watch.id, far.now)
    far.nothing()
    far.answer(refresh, 200, ("Expires", 300))
    second = far.request("SUBSCRIBE")
    far.answer(second, 200, ("Expires", 300))
    far.nothing()


@pytest.mark.parametrize(
    ("status", "reason", "retryable"), [(481, "gone", True), (404, "refused", False), (489, "refused", False)]
)
def test_a_fatal_refusal_of_a_refresh_ends_it(
    far: FarEnd, watch: Watch, status: int, reason: str, retryable: bool
) -> None:
    far.wait_for_timer()
    assert far.answer(far.request("SUBSCRIBE"), status) == [watch.ended(reason, retryable=retryable, status=status)]


def test_a_passing_refusal_of_a_refresh_is_tried_again_until_the_time_is_over(far: FarEnd, watch: Watch) -> None:
    far.wait_for_timer()
    moments = []
    while not (events := far.answer(far.request("SUBSCRIBE"), 503)):
        moments.append(far.wait_for_timer())
        if far.events():
            break
    assert moments[:3] == [285.0, 292.5, 296.25]
    assert moments[-1] == pytest.approx(300.0)
    assert events == []


def test_a_refresh_without_answer_leaves_it_until_its_time_is_over(far: FarEnd, watch: Watch) -> None:
    far.core.refresh(watch.id, far.now)
    far.request("SUBSCRIBE")
    assert far.wait_for_timer() == 32.0
    assert far.events() == []
    assert far.wait_for_timer() == 166.0
    far.request("SUBSCRIBE")


def test_without_an_answer_to_the_refresh_it_expires(far: FarEnd, watch: Watch) -> None:
    far.wait_for_timer()
    assert far.wait_for_timer() == 300.0
    assert far.events() == [watch.ended("expired", retryable=True)]
    assert far.wait_for_timer() == 302.0
    assert far.events() == []


def test_an_answer_that_comes_after_the_end_changes_nothing(far: FarEnd, watch: Watch) -> None:
    far.wait_for_timer()
    refresh = far.request("SUBSCRIBE")
    watch.notify("terminated;reason=noresource")
    assert far.answer(refresh, 200, ("Expires", 300)) == []
    assert far.core.get_timer() is None


# -- the end that we want


def test_unsubscribe(far: FarEnd, watch: Watch) -> None:
    far.core.unsubscribe(watch.id, far.now)
    request = far.request("SUBSCRIBE")
    assert (request.expires, request.to.tag) == (0, "far")
    assert far.answer(request, 200, ("Expires", 0)) == [watch.ended("unsubscribed", retryable=False)]
    # The last documents of the notifier are answered and not told.
    assert watch.notify("active;expires=1") == []
    assert watch.notify("terminated;reason=timeout") == []
    assert far.core.get_timer() is None
    assert far.ask("NOTIFY", watch.request, EVENT, ACTIVE).status == 481


def test_the_last_notify_may_come_before_the_200(far: FarEnd, watch: Watch) -> None:
    far.core.unsubscribe(watch.id, far.now)
    request = far.request("SUBSCRIBE")
    assert watch.notify("active;expires=5") == [watch.notified(2, expires=5)]
    assert watch.notify("terminated;reason=timeout") == [
        watch.notified(3, state="terminated", expires=None),
        watch.ended("unsubscribed", retryable=False),
    ]
    assert far.answer(request, 200) == []


def test_without_a_last_notify_it_is_forgotten_after_a_while(far: FarEnd, watch: Watch) -> None:
    far.core.unsubscribe(watch.id, far.now)
    far.answer(far.request("SUBSCRIBE"), 200)
    far.core.unsubscribe(watch.id, far.now)
    far.core.refresh(watch.id, far.now)
    far.nothing()
    assert far.wait_for_timer() == 32.0
    assert far.events() == []
    assert far.core.get_timer() is None


def test_unsubscribing_waits_for_the_answer_to_the_subscribe_that_is_under_way(far: FarEnd) -> None:
    watch = Watch(far)
    far.core.unsubscribe(watch.id, far.now)
    far.nothing()
    assert watch.accept() == []
    request = far.request("SUBSCRIBE")
    assert (request.expires, request.to.tag) == (0, "far")
    assert far.answer(request, 200) == [watch.ended("unsubscribed", retryable=False)]


@pytest.mark.parametrize("status", [423, 481, 500])
def test_unsubscribing_is_over_whatever_the_answer(far: FarEnd, watch: Watch, status: int) -> None:
    far.core.unsubscribe(watch.id, far.now)
    assert far.answer(far.request("SUBSCRIBE"), status) == [watch.ended("unsubscribed", retryable=False, status=status)]
    assert far.core.get_timer() is None


def test_unsubscribing_is_over_without_an_answer(far: FarEnd, watch: Watch) -> None:
    far.core.unsubscribe(watch.id, far.now)
    assert far.wait_for_timer() == 32.0
    assert far.events() == [watch.ended("unsubscribed", retryable=False)]


def test_unsubscribe_all_leaves_other_things_alone(far: FarEnd) -> None:
    watches = [Watch(far), Watch(far)]
    for watch in watches:
        watch.accept()
    invite = far.core.invite("sip:bob@pbx.example.com", now=far.now)
    far.messages()
    far.core.unsubscribe_all(far.now)
    requests = far.messages()
    assert [(message.call_id, message.expires) for message in requests] == [(watch.id, 0) for watch in watches]
    assert invite not in {message.call_id for message in requests}


def test_what_has_ended_can_be_ended_again(far: FarEnd, watch: Watch) -> None:
    watch.notify("terminated")
    far.core.unsubscribe(watch.id, far.now)
    far.core.refresh(watch.id, far.now)
    far.nothing()
    assert far.events() == []


def test_when_the_connection_is_lost(far: FarEnd, watch: Watch) -> None:
    waiting = Watch(far)
    far.core.connection_lost(far.now)
    assert far.events() == [
        waiting.ended("connection-lost", retryable=True),
        watch.ended("connection-lost", retryable=True),
    ]
    assert far.core.get_timer() is None
    far.nothing()


def test_when_the_connection_is_lost_after_unsubscribing(far: FarEnd, watch: Watch) -> None:
    far.core.unsubscribe(watch.id, far.now)
    far.answer(far.request("SUBSCRIBE"), 200)
    far.core.connection_lost(far.now)
    assert far.events() == []


# -- fetching


def test_fetch(far: FarEnd) -> None:
    watch = Watch(far, expires=0)
    assert watch.request.expires == 0
    assert watch.accept(0) == []
    assert watch.notify("terminated;reason=timeout") == [
        watch.notified(1, state="terminated", expires=None),
        watch.ended("fetched", retryable=False),
    ]
    assert far.core.get_timer() is None


def test_fetch_from_a_server_that_calls_it_active(far: FarEnd) -> None:
    watch = Watch(far, expires=0)
    assert watch.notify("active;expires=0")[-1] == watch.ended("fetched", retryable=False)
    assert watch.accept(0) == []


def test_fetch_without_notify(far: FarEnd) -> None:
    watch = Watch(far, expires=0)
    watch.accept(0)
    far.wait_for_timer()
    assert far.events() == [watch.ended("no-notify", retryable=True)]


# -- our own faults


def test_impossible_subscriptions_are_our_fault(far: FarEnd) -> None:
    with pytest.raises(LocalProtocolError):
        far.core.subscribe(BOB, expires=-1, now=0.0)
    with pytest.raises(LocalProtocolError):
        far.core.subscribe("no uri", now=0.0)
    far.nothing()


def test_thousands_of_subscriptions_need_one_challenge(far: FarEnd) -> None:
    watch = Watch(far)
    far.answer(watch.request, 401, ("WWW-Authenticate", CHALLENGE))
    far.request("SUBSCRIBE")
    for _ in range(1000):
        far.core.subscribe(BOB, now=far.now)
    requests = [message for message in far.messages() if isinstance(message, Request)]
    counts = [message.headers.get("Authorization", "").rpartition("nc=")[2] for message in requests]
    assert counts == [f"{number:08x}" for number in range(2, 1002)]
