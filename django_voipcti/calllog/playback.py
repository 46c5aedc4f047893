"""The recording of a call on its way from the provider to a player: who may hear it, which part, and the log of it.

A browser asks for parts (``Range``, RFC 9110 section 14). Where the provider cannot begin in the middle, what comes
before is read and dropped here, so that a player can always jump. Nothing is kept.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.utils.translation import gettext as _

from ..exceptions import CommandRefused
from ..models import Call
from ..providers import UnknownProvider
from ..providers.base import Account, BaseProvider, Sound
from . import access

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["PERMISSION", "Part", "UnsatisfiableRange", "can_play", "open_part"]

PERMISSION = "django_voipcti.play_recordings"

#: One range; of several the first would be an answer that nobody asked for, so they get the whole.
_ONE_RANGE = re.compile(r"\Abytes=(\d{0,15})-(\d{0,15})\Z")


class UnsatisfiableRange(ValueError):
    """The part that is wanted lies beyond the end."""

    def __init__(self, size: int) -> None:
        super().__init__(f"of {size} bytes")
        self.size = size


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A recording, or a part of it, ready to be sent."""

    content_type: str
    first: int
    last: int | None
    """Position of the last byte; None if the size is not known, so that it ends where it ends."""
    size: int | None
    is_whole: bool
    sound: Sound
    backend: BaseProvider

    @property
    def length(self) -> int | None:
        """How many bytes there are to send."""
        return None if self.last is None else self.last - self.first + 1

    async def gathered(self) -> bytes:
        """All of it at once, for a server whose event loop ends with the request: its connections go with it."""
        try:
            return b"".join([chunk async for chunk in self.chunks()])
        finally:
            await self.backend.aclose()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes; the provider's connection is let go of at their end, or when nobody wants more."""
        position, stop = self.sound.start, None if self.last is None else self.last + 1
        try:
            async for chunk in self.sound.chunks:
                begin, position = position, position + len(chunk)
                if position > self.first:
                    wanted = chunk[max(0, self.first - begin) : None if stop is None else max(0, stop - begin)]
                    if wanted:
                        yield wanted
                if stop is not None and position >= stop:
                    return
        finally:
            await self.sound.close()


def can_play(user: "AnyUser", call: Call) -> bool:
    """Whether ``user`` may hear a recording of ``call``, and its provider hands one out. He must see the call."""
    if not call.recording or not user.has_perm(PERMISSION):
        return False
    try:
        return call.line.backend.supports_recordings
    except UnknownProvider:
        return False


async def open_part(user: "AnyUser", call_id: int, wanted: str = "") -> Part:
    """Open the recording of a call for ``user`` and write down that he plays it.

    Args:
        wanted: the header ``Range``; empty for the whole.

    Raises:
        CommandRefused: ``unknown_call``, ``not_allowed``, ``unsupported``.
        UnsatisfiableRange: the part lies beyond the end.
        ProviderError: the provider does not give it.
    """
    call, account = await sync_to_async(_allowed)(user, call_id)
    match = _ONE_RANGE.match(wanted.strip())
    first, last = (match[1], match[2]) if match else ("", "")
    sound = await call.line.backend.open_recording(account, call.recording, start=int(first or 0))
    try:
        part = _part(call.line.backend, sound, first, last)
        await sync_to_async(access.note_play)(user, call, from_start=part.first == 0)
    except BaseException:
        await sound.close()
        raise
    return part


def _allowed(user: "AnyUser", call_id: int) -> tuple[Call, Account]:
    call = Call.objects.visible_to(user).select_related("line").filter(pk=call_id).first()
    if call is None:
        raise CommandRefused(_("There is no such call, or you may not see it."), code="unknown_call")
    if not user.has_perm(PERMISSION):
        raise CommandRefused(_("You may not play recordings. Ask your administrator."), code="not_allowed")
    if not can_play(user, call):
        raise CommandRefused(_("There is no recording of this call."), code="unsupported")
    return call, call.line.as_account()


def _part(backend: BaseProvider, sound: Sound, first: str, last: str) -> Part:
    """Which bytes are sent: RFC 9110 section 14.1.2. Without a known size there are no parts."""
    size = sound.size
    is_whole = size is None or not (first or last)
    begin, end = 0, None if size is None else size - 1
    if size is not None and not is_whole:
        begin = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if begin > end:
            raise UnsatisfiableRange(size)
    return Part(
        content_type=sound.content_type,
        first=begin,
        last=end,
        size=size,
        is_whole=is_whole,
        sound=sound,
        backend=backend,
    )
