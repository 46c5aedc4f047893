"""Transactions: what they send, when they fire, to whom they report, on both kinds of transport."""

import pytest

from django_voipcti.sip.exceptions import LocalProtocolError
from django_voipcti.sip.messages import Request, Response, parse_message
from django_voipcti.sip.timers import TimerQueue, Timing
from django_voipcti.sip.transactions import ClientTransaction, Failure, State, TransactionLayer


class Bench:
    """A transaction layer, what it sends, and a user that takes notes."""

    def __init__(self, *, reliable: bool) -> None:
        self.timers = TimerQueue()
        self.outbox: list[bytes] = []
        self.layer = TransactionLayer(timing=Timing(reliable=reliable), timers=self.timers, outbox=self.outbox)
        self.heard: list[object] = []

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        self.heard.append(response.status)

    def on_failure(self, transaction: ClientTransaction, failure: Failure, now: float) -> None:
        self.heard.append(failure)

    def sent(self) -> list[str]:
        first_words = [data.decode().split()[0 if not data.startswith(b"SIP") else 1] for data in self.outbox]
        self.outbox.clear()
        return first_words

    def fires_at(self, end: float = 1000.0) -> list[float]:
        """Let time pass; return when something was sent."""
        moments = []
        while (moment := self.timers.next()) is not None and moment < end:
            self.timers.run(moment)
            moments += [moment] * len(self.sent())
        return moments


def request(method: str, branch: str = "z9hG4bK1", *, cseq: int = 1) -> Request:
    return Request(
        method,
        "sip:bob@example.com",
        [
            ("Via", f"SIP/2.0/UDP a.invalid;branch={branch}"),
            ("Route", "<sip:p1;lr>, <sip:p2;lr>"),
            ("From", "<sip:alice@example.com>;tag=1"),
            ("To", "<sip:bob@example.com>"),
            ("Call-ID", "c1"),
            ("CSeq", f"{cseq} {method}"),
        ],
    )


def response(to: Request, status: int) -> Response:
    return Response.to(to, status, to_tag="b")


# -- client


@pytest.mark.parametrize("reliable", [True, False])
def test_a_non_invite_request_is_answered(reliable: bool) -> None:
    bench = Bench(reliable=reliable)
    options = request("OPTIONS")
    transaction = bench.layer.request(options, bench, 0.0)
    assert bench.sent() == ["OPTIONS"]
    assert bench.layer.receive_response(response(options, 100), 0.1)
    assert bench.layer.receive_response(response(options, 200), 0.2)
    assert bench.heard == [100, 200]
    assert transaction.state is (State.TERMINATED if reliable else State.COMPLETED)


def test_a_repeated_final_response_is_absorbed_for_a_while_on_an_unreliable_transport() -> None:
    bench = Bench(reliable=False)
    options = request("OPTIONS")
    bench.layer.request(options, bench, 0.0)
    for now in (0.1, 0.2):
        assert bench.layer.receive_response(response(options, 200), now)
    assert bench.heard == [200]
    assert bench.timers.next() == pytest.approx(5.1)
    bench.timers.run(5.1)
    assert not bench.layer.receive_response(response(options, 200), 6.0)


def test_on_a_reliable_transport_nothing_is_sent_twice_and_silence_ends_in_32_seconds() -> None:
    bench = Bench(reliable=True)
    bench.layer.request(request("OPTIONS"), bench, 0.0)
    bench.layer.request(request("INVITE", "z9hG4bK2"), bench, 0.0)
    assert bench.sent() == ["OPTIONS", "INVITE"]
    assert bench.fires_at() == []
    assert bench.heard == [Failure.TIMEOUT, Failure.TIMEOUT]
    assert len(bench.timers) == 0


def test_timer_e_doubles_up_to_t2() -> None:
    bench = Bench(reliable=False)
    bench.layer.request(request("OPTIONS"), bench, 0.0)
    bench.sent()
    assert bench.fires_at() == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.heard == [Failure.TIMEOUT]


def test_timer_e_is_t2_once_there_was_a_provisional_response() -> None:
    bench = Bench(reliable=False)
    options = request("OPTIONS")
    bench.layer.request(options, bench, 0.0)
    bench.sent()
    bench.layer.receive_response(response(options, 100), 0.1)
    assert bench.fires_at(10.0) == [0.5, 4.5, 8.5]


def test_timer_a_doubles_without_end() -> None:
    bench = Bench(reliable=False)
    bench.layer.request(request("INVITE"), bench, 0.0)
    bench.sent()
    assert bench.fires_at() == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.heard == [Failure.TIMEOUT]


@pytest.mark.parametrize("reliable", [True, False])
def test_a_refused_invite_gets_its_ack_from_the_transaction(reliable: bool) -> None:
    bench = Bench(reliable=reliable)
    invite = request("INVITE", cseq=7)
    bench.layer.request(invite, bench, 0.0)
    bench.sent()
    bench.layer.receive_response(response(invite, 486), 0.1)
    (data,) = bench.outbox
    ack = parse_message(data)
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, str(ack.cseq), ack.to.tag) == ("ACK", invite.uri, "7 ACK", "b")
    assert ack.vias == invite.vias
    assert ack.headers.get_all("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert bench.heard == [486]


def test_a_repeated_refusal_is_acknowledged_again_on_an_unreliable_transport() -> None:
    bench = Bench(reliable=False)
    invite = request("INVITE")
    bench.layer.request(invite, bench, 0.0)
    bench.sent()
    for now in (0.1, 0.2):
        assert bench.layer.receive_response(response(invite, 486), now)
    assert bench.sent() == ["ACK", "ACK"]
    assert bench.heard == [486]
    bench.timers.run(40.0)
    assert not bench.layer.receive_response(response(invite, 486), 40.0)


def test_an_invite_rings_as_long_as_it_wants_and_takes_every_2xx_for_32_seconds() -> None:
    bench = Bench(reliable=True)
    invite = request("INVITE")
    bench.layer.request(invite, bench, 0.0)
    bench.layer.receive_response(response(invite, 180), 0.1)
    assert bench.timers.next() is None
    for now in (100.0, 101.0):
        assert bench.layer.receive_response(response(invite, 200), now)
    assert bench.heard == [180, 200, 200]
    assert not bench.layer.receive_response(response(invite, 486), 102.0)
    bench.timers.run(132.0)
    assert not bench.layer.receive_response(response(invite, 200), 132.0)


def test_an_invite_may_be_abandoned() -> None:
    bench = Bench(reliable=True)
    invite = request("INVITE")
    transaction = bench.layer.request(invite, bench, 0.0)
    bench.layer.receive_response(response(invite, 180), 0.1)
    transaction.abandon(1.0)
    assert not bench.layer.receive_response(response(invite, 200), 2.0)


def test_a_response_that_nobody_waits_for_is_not_taken() -> None:
    bench = Bench(reliable=True)
    assert not bench.layer.receive_response(response(request("OPTIONS"), 200), 0.0)


def test_when_the_connection_is_lost_only_those_who_wait_are_told() -> None:
    bench = Bench(reliable=True)
    answered = request("INVITE", "z9hG4bK2")
    bench.layer.request(request("OPTIONS"), bench, 0.0)
    bench.layer.request(answered, bench, 0.0)
    bench.layer.receive_response(response(answered, 200), 0.1)
    served = bench.layer.serve(request("OPTIONS", "z9hG4bK3"))
    bench.layer.fail_all(1.0)
    assert bench.heard == [200, Failure.CONNECTION_LOST]
    assert (served.state, bench.layer.open_servers, len(bench.timers)) == (State.TERMINATED, 0, 0)


# -- server


def test_a_served_request_is_over_with_its_answer_on_a_reliable_transport() -> None:
    bench = Bench(reliable=True)
    options = request("OPTIONS")
    transaction = bench.layer.serve(options)
    assert bench.layer.find_server(options, "OPTIONS") is transaction
    transaction.respond(response(options, 100), 0.0)
    transaction.respond(response(options, 200), 0.0)
    assert bench.sent() == ["100", "200"]
    assert bench.layer.find_server(options, "OPTIONS") is None
    with pytest.raises(LocalProtocolError):
        transaction.respond(response(options, 200), 0.1)


def test_a_repeated_request_gets_the_last_answer_again_on_an_unreliable_transport() -> None:
    bench = Bench(reliable=False)
    options = request("OPTIONS")
    transaction = bench.layer.serve(options)
    assert transaction.receive(options, 0.0)
    assert bench.sent() == []
    transaction.respond(response(options, 200), 0.0)
    assert transaction.receive(options, 0.1)
    assert bench.sent() == ["200", "200"]
    bench.timers.run(32.0)
    assert not transaction.receive(options, 33.0)


def test_a_refused_invite_of_theirs_is_repeated_until_the_ack() -> None:
    bench = Bench(reliable=False)
    invite = request("INVITE")
    transaction = bench.layer.serve(invite)
    transaction.respond(response(invite, 480), 0.0)
    assert bench.sent() == ["480"]
    assert bench.fires_at(9.0) == [0.5, 1.5, 3.5, 7.5]
    ack = request("ACK")
    assert bench.layer.find_server(ack, "INVITE") is transaction
    assert transaction.receive(ack, 9.0)
    assert transaction.state is State.CONFIRMED
    assert transaction.receive(ack, 9.1)
    assert bench.fires_at() == []
    assert transaction.state is State.TERMINATED


def test_a_refusal_without_ack_is_given_up() -> None:
    bench = Bench(reliable=True)
    transaction = bench.layer.serve(request("INVITE"))
    transaction.respond(response(transaction.request, 480), 0.0)
    assert bench.timers.next() == 32.0
    bench.timers.run(32.0)
    assert transaction.state is State.TERMINATED


def test_an_accepted_invite_of_theirs_absorbs_what_is_repeated() -> None:
    bench = Bench(reliable=True)
    invite = request("INVITE")
    transaction = bench.layer.serve(invite)
    transaction.respond(response(invite, 200), 0.0)
    assert bench.sent() == ["200"]
    assert transaction.receive(invite, 0.1)
    assert transaction.receive(request("ACK"), 0.2)
    assert bench.sent() == []
    assert bench.fires_at() == []
    assert transaction.state is State.TERMINATED


@pytest.mark.parametrize("branch", ["old", "z9hG4bK"])
def test_requests_without_a_unique_branch_are_told_apart_by_the_rest(branch: str) -> None:
    bench = Bench(reliable=True)
    invite = request("INVITE", branch)
    transaction = bench.layer.serve(invite)
    assert bench.layer.find_server(request("ACK", branch), "INVITE") is transaction
    assert bench.layer.find_server(request("INVITE", branch, cseq=2), "INVITE") is None
