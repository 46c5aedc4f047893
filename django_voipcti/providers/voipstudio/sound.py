"""Reading a recording: ``GET /monitors/{id}.mp3``. The platform sends the whole file whatever ``Range`` says."""

import re
from collections.abc import AsyncIterator

import httpx2
from django.utils.translation import gettext as _

from django_voipcti.exceptions import ProviderProtocolError, ProviderRejected
from django_voipcti.providers.base import Sound
from django_voipcti.redaction import Secret

from .client import RestClient, unreachable

__all__ = ["open_sound"]

#: The name comes from a webhook or the history: digits alone can lead nowhere else.
_NAME = re.compile(r"\A\d{1,20}\Z")
_RANGE = re.compile(r"\Abytes (\d{1,15})-\d{1,15}/(\d{1,15})\Z")


async def open_sound(client: RestClient, recording: str, *, token: Secret, start: int) -> Sound:
    """The recording from ``start``, if the platform begins there, else from its beginning."""
    if not _NAME.match(recording):
        raise ProviderRejected(_("This is no name of a recording at VoIPstudio."))
    headers = {"Range": f"bytes={start}-"} if start else {}
    response = await client.open(f"/monitors/{recording}.mp3", token=token, headers=headers)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    place = _RANGE.match(response.headers.get("Content-Range", "")) if response.status_code == 206 else None
    if not kind.startswith("audio/") or (response.status_code == 206 and not place):
        await response.aclose()
        raise ProviderProtocolError(
            _("VoIPstudio sent something else than the recording."), status=response.status_code
        )
    length = response.headers.get("Content-Length", "")
    # Compressed all the same, it is longer than it says.
    whole = int(length) if length.isdecimal() and "Content-Encoding" not in response.headers else None
    return Sound(
        content_type=kind,
        size=int(place[2]) if place else whole,
        start=int(place[1]) if place else 0,
        chunks=_chunks(response),
        close=response.aclose,
    )


async def _chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        raise unreachable(error) from error
