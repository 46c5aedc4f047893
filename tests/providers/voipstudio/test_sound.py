"""Reading a recording: which address is asked, what counts as sound, and that nobody is followed elsewhere."""

import httpx2
import pytest

from django_voipcti.exceptions import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from django_voipcti.providers.voipstudio import VoipStudioProvider
from tests.providers.voipstudio.service import ACCOUNT, MINTED, ROOT, SOUND

AUDIO = {"Content-Type": "audio/mpeg"}
FILE = "/monitors/77.mp3"


async def read(provider, start=0):
    sound = await provider.open_recording(ACCOUNT, "77", start=start)
    try:
        return sound, b"".join([chunk async for chunk in sound.chunks])
    finally:
        await sound.close()


async def test_the_file_is_asked_for_with_the_lines_token_and_uncompressed(provider, service):
    sound, heard = await read(provider)
    [sent] = service.sent
    assert (sent.method, sent.path, sent.token) == ("GET", FILE, MINTED)
    assert sent.headers["accept-encoding"] == "identity"
    assert "range" not in sent.headers
    assert (heard, sound.size, sound.start, sound.content_type) == (SOUND, len(SOUND), 0, "audio/mpeg")


async def test_the_platform_sends_all_of_it_whatever_range_says(provider, service):
    sound, heard = await read(provider, 100)
    assert service.sent[0].headers["range"] == "bytes=100-"
    assert (heard, sound.start, sound.size) == (SOUND, 0, len(SOUND))


async def test_a_part_is_taken_as_what_it_says_it_is(provider, service):
    headers = {**AUDIO, "Content-Range": f"bytes 100-{len(SOUND) - 1}/{len(SOUND)}"}
    service.reply("GET", FILE, httpx2.Response(206, content=SOUND[100:], headers=headers))
    sound, heard = await read(provider, 100)
    assert (heard, sound.start, sound.size) == (SOUND[100:], 100, len(SOUND))


@pytest.mark.parametrize(
    ("status", "headers"),
    [(200, {"Content-Type": "text/html"}), (200, {}), (206, AUDIO), (206, {**AUDIO, "Content-Range": "bytes */9"})],
)
async def test_what_is_no_sound_is_not_passed_on(provider, service, status, headers):
    service.reply("GET", FILE, httpx2.Response(status, content=b"<html>", headers=headers))
    with pytest.raises(ProviderProtocolError):
        await read(provider)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_nor_is_the_token_carried_anywhere(provider, service, status):
    service.reply("GET", FILE, httpx2.Response(status, headers={"Location": "http://169.254.169.254/latest/meta-data"}))
    with pytest.raises(ProviderProtocolError):
        await read(provider)
    assert [sent.path for sent in service.sent] == [FILE]


async def test_a_recording_that_is_gone(provider, service):
    service.replies.pop(("GET", FILE))
    with pytest.raises(ProviderRejected) as caught:
        await read(provider)
    assert caught.value.status == 404


class Broken(httpx2.AsyncByteStream):
    """A body whose connection breaks in the middle."""

    async def __aiter__(self):
        yield b"12345"
        raise httpx2.ReadError("reset")

    async def aclose(self):
        pass


async def test_a_connection_that_breaks_in_the_middle_is_told_as_ours():
    def respond(request):
        assert request.url.path == f"{ROOT}{FILE}"
        return httpx2.Response(200, headers=AUDIO, stream=Broken())

    provider = VoipStudioProvider("default", {"transport": httpx2.MockTransport(respond)})
    with pytest.raises(ProviderUnavailable):
        await read(provider)
    await provider.aclose()
