"""The view that plays a call's recording. Asynchronous, since that takes long: no thread waits for it."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from .calllog import playback
from .exceptions import CommandRefused, ProviderError, UnsupportedFeature

__all__ = ["recording"]

_STATUS = {"unknown_call": 404, "unsupported": 404, "not_allowed": 403}


@login_not_required  # answers 403 by itself: a player cannot do anything with a login page
@require_GET
async def recording(request: HttpRequest, call: int) -> HttpResponseBase:
    """The sound of a call, or the part of it that ``Range`` names.

    Answers 200 or 206; 403 and 404 to who may not hear or see it, 416 for a part beyond the end, 502 if the provider
    does not give it.
    """
    user = await sync_to_async(_user)(request)
    if not user.is_authenticated:
        return _refusal(403, "")
    try:
        part = await playback.open_part(user, call, request.headers.get("Range", ""))
    except CommandRefused as refusal:
        return _refusal(_STATUS.get(refusal.code, 403), refusal.message)
    except playback.UnsatisfiableRange as beyond:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{beyond.size}"})
    except (ProviderError, UnsupportedFeature) as error:
        return _refusal(502, str(error))
    return await _sent(request, part, call)


def _user(request: HttpRequest) -> Any:
    """The user, read from the database here, which is done by whoever looks at him first."""
    user: Any = request.user
    str(user.pk)
    return user


async def _sent(request: HttpRequest, part: playback.Part, call: int) -> HttpResponseBase:
    """The part as a response: streamed, or gathered where the server is no ASGI one and cannot wait for it."""
    status = 200 if part.is_whole else 206
    response: HttpResponseBase
    if isinstance(request, ASGIRequest):
        response = StreamingHttpResponse(part.chunks(), status=status, content_type=part.content_type)
    else:
        response = HttpResponse(await part.gathered(), status=status, content_type=part.content_type)
    if part.length is not None:
        response["Content-Length"] = str(part.length)
        response["Accept-Ranges"] = "bytes"
    if not part.is_whole:
        response["Content-Range"] = f"bytes {part.first}-{part.last}/{part.size}"
    response["Content-Disposition"] = f'inline; filename="call-{call}"'
    # A copy in a cache would outlive the permission, the log and the erasure.
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _refusal(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
