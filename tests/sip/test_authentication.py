"""Which challenge is answered, with which nonce, how often."""

from django_voipcti.sip.authentication import Attempts, Authenticator, Refusal
from django_voipcti.sip.digest import Credentials
from django_voipcti.sip.ids import SequentialIds
from django_voipcti.sip.messages import Request, Response


def make(*, password: str | None = "secret", preemptive: bool = True) -> Authenticator:
    return Authenticator(username="alice", password=password, ids=SequentialIds(), preemptive=preemptive)


def challenge(*values: str, status: int = 401, name: str = "WWW-Authenticate") -> Response:
    return Response(status, None, [(name, value) for value in values])


def digest(nonce: str, *, realm: str = "r", extra: str = "") -> str:
    return f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{extra}'


def signed(authenticator: Authenticator, attempts: Attempts, name: str = "Authorization") -> list[Credentials]:
    request = Request("BYE", "sip:a@b")
    authenticator.sign(request, attempts)
    return [Credentials.parse(value) for value in request.headers.get_all(name)]


def test_a_challenge_is_answered() -> None:
    authenticator, attempts = make(), Attempts()
    assert signed(authenticator, attempts) == []
    assert authenticator.learn(challenge(digest("n")), attempts) is None
    (credentials,) = signed(authenticator, attempts)
    assert (credentials.username, credentials.nonce, credentials.nonce_count) == ("alice", "n", 1)


def test_a_proxy_is_answered_in_its_own_header() -> None:
    authenticator, attempts = make(), Attempts()
    assert authenticator.learn(challenge(digest("n"), status=407, name="Proxy-Authenticate"), attempts) is None
    assert signed(authenticator, attempts) == []
    assert len(signed(authenticator, attempts, "Proxy-Authorization")) == 1


def test_the_nonce_is_used_again_with_a_rising_count() -> None:
    authenticator = make()
    authenticator.learn(challenge(digest("n")), Attempts())
    assert [signed(authenticator, Attempts())[0].nonce_count for _ in range(3)] == [1, 2, 3]


def test_without_preemption_only_asked_requests_are_signed() -> None:
    authenticator, attempts = make(preemptive=False), Attempts()
    authenticator.learn(challenge(digest("n")), attempts)
    assert len(signed(authenticator, attempts)) == 1
    assert signed(authenticator, Attempts()) == []


def test_a_rejected_password_is_not_sent_again() -> None:
    authenticator, attempts = make(), Attempts()
    authenticator.learn(challenge(digest("n1")), attempts)
    assert authenticator.learn(challenge(digest("n2")), attempts) == Refusal(realm="r", why="rejected")
    assert signed(authenticator, Attempts()) == []


def test_a_stale_nonce_is_replaced_but_not_for_ever() -> None:
    authenticator, attempts = make(), Attempts()
    results = [authenticator.learn(challenge(digest(f"n{n}", extra=", stale=true")), attempts) for n in range(6)]
    assert results == [None] * 5 + [Refusal(realm="r", why="rejected")]


def test_a_nonce_that_was_sent_unasked_may_be_refused_once() -> None:
    authenticator = make()
    authenticator.learn(challenge(digest("n1")), Attempts())
    attempts = Attempts()
    signed(authenticator, attempts)
    assert authenticator.learn(challenge(digest("n2")), attempts) is None
    assert signed(authenticator, attempts)[0].nonce == "n2"


def test_two_realms_are_both_answered() -> None:
    authenticator, attempts = make(), Attempts()
    assert authenticator.learn(challenge(digest("n1", realm="a"), digest("n2", realm="b")), attempts) is None
    assert [credentials.realm for credentials in signed(authenticator, attempts)] == ["a", "b"]


def test_a_second_realm_on_the_way_is_answered_as_well() -> None:
    authenticator, attempts = make(), Attempts()
    assert authenticator.learn(challenge(digest("n1", realm="proxy")), attempts) is None
    assert authenticator.learn(challenge(digest("n2", realm="phone")), attempts) is None
    assert len(signed(authenticator, attempts)) == 2


def test_the_topmost_supported_challenge_of_a_realm_is_taken() -> None:
    authenticator, attempts = make(), Attempts()
    response = challenge(
        "Basic realm=x",
        digest("n0", extra=", algorithm=SHA-3"),
        digest("n1", extra=", algorithm=SHA-256"),
        digest("n2", extra=", algorithm=MD5"),
    )
    assert authenticator.learn(response, attempts) is None
    assert signed(authenticator, attempts)[0].algorithm == "SHA-256"


def test_what_cannot_be_answered() -> None:
    assert make().learn(challenge("Basic realm=x"), Attempts()) == Refusal(realm="", why="unsupported")
    assert make().learn(challenge(digest("n", extra=", algorithm=SHA-3")), Attempts()) == Refusal(
        realm="r", why="unsupported"
    )
    assert make(password=None).learn(challenge(digest("n")), Attempts()) == Refusal(realm="r", why="no-password")
    assert signed(make(password=None), Attempts()) == []


def test_realms_do_not_pile_up() -> None:
    authenticator = make()
    for number in range(10):
        authenticator.learn(challenge(digest("n", realm=f"r{number}")), Attempts())
    assert [credentials.realm for credentials in signed(authenticator, Attempts())] == ["r6", "r7", "r8", "r9"]
