"""Session descriptions of a party without media."""

from django_voipcti.sip.sdp import BlackHole

OFFER = b"\r\n".join(
    [
        b"v=0",
        b"o=- 20 1 IN IP4 192.0.2.1",
        b"s=-",
        b"c=IN IP4 192.0.2.1",
        b"t=0 0",
        b"a=tool:x",
        b"m=audio 20712 RTP/AVP 0 96",
        b"a=rtpmap:0 PCMU/8000",
        b"a=rtpmap:96 opus/48000",
        b"a=rtpmap:99 never/8000",
        b"a=sendonly",
        b"m=video 0 RTP/AVP 31",
        b"m=audio 9 UDP/TLS/RTP/SAVPF 111",
        b"a=rtpmap:111 opus/48000",
        b"",
    ]
)


def test_the_offer_is_inactive_and_goes_nowhere() -> None:
    lines = BlackHole().offer().decode().split("\r\n")
    assert "c=IN IP4 0.0.0.0" in lines
    assert "m=audio 9 RTP/AVP 0 8" in lines
    assert "a=inactive" in lines
    assert lines[-1] == ""


def test_an_answer_has_the_streams_of_the_offer_in_their_order() -> None:
    answer = BlackHole().answer(OFFER)
    assert answer is not None
    assert answer.decode().split("\r\n")[5:-1] == [
        "m=audio 9 RTP/AVP 0 96",
        "a=inactive",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:96 opus/48000",
        "m=video 0 RTP/AVP 31",
        "m=audio 0 UDP/TLS/RTP/SAVPF 111",
    ]


def test_what_cannot_be_accepted_has_no_answer() -> None:
    assert BlackHole().answer(b"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n") is None
    assert BlackHole().answer(b"\xff\xfe not a description") is None


def test_each_description_has_the_next_version() -> None:
    media = BlackHole()
    origins = [media.offer(), media.answer(OFFER), media.offer()]
    assert [origin.decode().split()[3] for origin in origins if origin] == ["1", "2", "3"]
