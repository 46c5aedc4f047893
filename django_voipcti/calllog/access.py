"""The log of who has seen which calls: one row for each page opened, export made, recording played."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from ..models import AccessKind, Call, CallAccess
from ..redaction import mask_digits

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["note_export", "note_play", "note_view"]

#: A recording that is listened to again after this long is played anew, wherever the player goes on.
_SAME_PLAY = timedelta(hours=1)
_LONGEST_DETAIL = 300


def note_view(user: "AnyUser", call: Call) -> CallAccess:
    """Write down that ``user`` opens the page of ``call``."""
    return _note(user, AccessKind.VIEWED, call=call)


def note_export(user: "AnyUser", *, calls: int, detail: str = "") -> CallAccess:
    """Write down that ``user`` takes ``calls`` calls away as a file. Call it before the first row is sent.

    Args:
        calls: how many, as well as it is known.
        detail: format and filters in words. Complete numbers in it are masked.
    """
    return _note(user, AccessKind.EXPORTED, calls=calls, detail=detail)


def note_play(user: "AnyUser", call: Call, *, from_start: bool) -> CallAccess | None:
    """Write down that ``user`` plays the recording of ``call``; None if this goes on with what he plays already.

    A browser fetches a recording in parts, and again wherever the listener jumps to.
    """
    now = timezone.now()
    if not from_start and _is_playing(user, call, now):
        return None
    return _note(user, AccessKind.PLAYED, call=call)


def _is_playing(user: "AnyUser", call: Call, now: datetime) -> bool:
    played = CallAccess.objects.filter(call=call, user=user.pk, kind=AccessKind.PLAYED, at__gt=now - _SAME_PLAY)
    return played.exists()


def _note(
    user: "AnyUser", kind: AccessKind, *, call: Call | None = None, calls: int = 1, detail: str = ""
) -> CallAccess:
    return CallAccess.objects.create(
        at=timezone.now(),
        kind=kind,
        user_id=user.pk,
        user_name=user.get_username()[:190],
        call=call,
        calls=calls,
        detail=mask_digits(detail)[:_LONGEST_DETAIL],
    )
