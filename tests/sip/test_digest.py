"""Digest: the RFCs' examples, both sides, and what is refused."""

from dataclasses import replace

import pytest

from django_voipcti.sip.digest import ALGORITHMS, Challenge, Credentials, answer, choose, verify
from django_voipcti.sip.exceptions import LocalProtocolError, MalformedMessage

# RFC 7616, 3.9.1
MUFASA = Challenge(
    realm="http-auth@example.org",
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    qop=("auth", "auth-int"),
    opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
)
MUFASA_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_3_9_1(algorithm: str, response: str) -> None:
    challenge = replace(MUFASA, algorithm=algorithm)
    credentials = answer(
        Challenge.parse(str(challenge)),
        method="GET",
        uri="/dir/index.html",
        username="Mufasa",
        password="Circle of Life",
        cnonce=MUFASA_CNONCE,
    )
    assert credentials.response == response
    assert (credentials.qop, credentials.nonce_count, credentials.opaque) == ("auth", 1, MUFASA.opaque)
    assert verify(credentials, challenge, method="GET", username="Mufasa", password="Circle of Life")


def test_the_example_of_rfc_7616_3_9_2_as_corrected_by_erratum_4897() -> None:
    challenge = Challenge.parse(
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256,'
        ' nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",'
        ' opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
    )
    credentials = answer(
        challenge,
        method="GET",
        uri="/doe.json",
        username="Jäsøn Doe",
        password="Secret, or not?",
        cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    )
    assert credentials.username == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert credentials.response == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert verify(credentials, challenge, method="GET", username="Jäsøn Doe", password="Secret, or not?")


def test_the_example_of_rfc_2617_without_nonce_count_is_still_answered() -> None:
    challenge = Challenge.parse(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",'
        ' opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    credentials = answer(
        challenge, method="GET", uri="/dir/index.html", username="Mufasa", password="Circle Of Life", cnonce="unused"
    )
    assert credentials.response == "670fd8c2df070c60b045671b8b24ff02"
    assert (credentials.qop, credentials.nonce_count, credentials.cnonce) == (None, None, None)
    assert verify(credentials, challenge, method="GET", username="Mufasa", password="Circle Of Life")


def test_rfc_8760_the_topmost_supported_challenge_is_taken() -> None:
    offered = [
        Challenge(realm="r", nonce="1", algorithm="SHA-3"),
        Challenge(realm="r", nonce="2", algorithm="SHA-256"),
        Challenge(realm="r", nonce="3", algorithm="MD5"),
    ]
    assert choose(offered) is offered[1]
    assert choose(offered[:1]) is None
    assert choose([]) is None


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
@pytest.mark.parametrize("qop", [("auth",), ("auth-int",), ()])
@pytest.mark.parametrize("userhash", [False, True])
def test_every_combination_verifies_and_no_other_password_does(
    algorithm: str, qop: tuple[str, ...], userhash: bool
) -> None:
    challenge = Challenge(realm='r"1', nonce="n", algorithm=algorithm, qop=qop, userhash=userhash)
    credentials = answer(
        challenge, method="INVITE", uri="sip:a@b", username="ä", password="p:w", cnonce="c", nonce_count=3, body=b"sdp"
    )
    received = Credentials.parse(str(credentials))
    assert received == credentials
    right = {"method": "INVITE", "username": "ä", "password": "p:w", "body": b"sdp"}
    assert verify(received, challenge, **right)
    assert not verify(received, challenge, **{**right, "password": "other"})
    assert not verify(received, challenge, **{**right, "username": "other"})
    assert not verify(received, challenge, **{**right, "method": "BYE"})
    assert verify(received, challenge, **{**right, "body": b"changed"}) is (qop != ("auth-int",))


@pytest.mark.parametrize(
    "change",
    [
        {"realm": "other"},
        {"nonce": "other"},
        {"algorithm": "MD5"},
        {"opaque": "other"},
        {"qop": None, "nonce_count": None},
        {"qop": "auth-int"},
        {"nonce_count": None},
        {"cnonce": None},
        {"nonce_count": 2},
        {"uri": "sip:other@b"},
    ],
)
def test_credentials_that_do_not_fit_the_challenge_fail(change: dict[str, object]) -> None:
    challenge = Challenge(realm="r", nonce="n", algorithm="SHA-256", opaque="o")
    credentials = answer(challenge, method="BYE", uri="sip:a@b", username="u", password="p", cnonce="c")
    assert verify(credentials, challenge, method="BYE", username="u", password="p")
    assert not verify(replace(credentials, **change), challenge, method="BYE", username="u", password="p")


def test_an_unasked_qop_fails() -> None:
    asked = Challenge(realm="r", nonce="n", qop=())
    credentials = answer(replace(asked, qop=("auth",)), method="BYE", uri="x", username="u", password="p", cnonce="c")
    assert not verify(credentials, asked, method="BYE", username="u", password="p")


def test_an_algorithm_that_we_do_not_have_fails() -> None:
    challenge = Challenge(realm="r", nonce="n", algorithm="SHA-3")
    assert not challenge.supported
    credentials = replace(
        answer(replace(challenge, algorithm="MD5"), method="BYE", uri="x", username="u", password="p", cnonce="c"),
        algorithm="SHA-3",
    )
    assert not verify(credentials, challenge, method="BYE", username="u", password="p")
    with pytest.raises(LocalProtocolError):
        answer(challenge, method="BYE", uri="x", username="u", password="p", cnonce="c")


def test_a_challenge_with_everything() -> None:
    text = (
        'Digest realm="a \\"b\\"",nonce="n" , algorithm=sha-256 ,qop="auth,auth-int", opaque="",'
        " stale=TRUE, userhash=true, x=y"
    )
    challenge = Challenge.parse(text)
    assert challenge == Challenge(
        realm='a "b"',
        nonce="n",
        algorithm="SHA-256",
        qop=("auth", "auth-int"),
        opaque="",
        stale=True,
        userhash=True,
    )
    assert Challenge.parse(str(challenge)) == challenge


def test_what_is_written_is_read_back() -> None:
    for challenge in (MUFASA, Challenge(realm="r", nonce="n", qop=())):
        assert Challenge.parse(str(challenge)) == challenge
        credentials = answer(challenge, method="BYE", uri="sip:a@b", username="u", password="p", cnonce="c")
        assert Credentials.parse(str(credentials)) == credentials


def test_a_challenge_without_qop_is_of_the_old_kind() -> None:
    challenge = Challenge.parse('digest realm="r", nonce="n"')
    assert (challenge.qop, challenge.algorithm, challenge.supported) == ((), "MD5", True)
    assert not Challenge.parse('Digest realm="r", nonce="n", qop="token"').supported


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        "Basic realm=x",
        'Digest nonce="n"',
        'Digest realm="r"',
        'Digest realm="r", nonce=""',
        "Digest r=1 2",
    ],
)
def test_what_is_no_challenge_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Challenge.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        'Digest username="u"',
        'Digest username="u", realm="r", nonce="n", uri="x", response="0", nc=zz',
        'Digest username="u", realm="r", nonce="n", uri="x", response="0", nc=000000001',
    ],
)
def test_what_are_no_credentials_are_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Credentials.parse(text)


def test_credentials_do_not_show_their_secrets() -> None:
    credentials = answer(MUFASA, method="GET", uri="sip:+442079460000@x", username="Mufasa", password="p", cnonce="c")
    assert "Mufasa" not in repr(credentials)
    assert "79460" not in repr(credentials)
    assert credentials.response not in repr(credentials)
