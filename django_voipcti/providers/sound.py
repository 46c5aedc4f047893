"""The sound of a recorded call while it is read from a provider."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

__all__ = ["Sound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A recording that a provider has opened. Whoever got it calls :attr:`close`, read to the end or not."""

    content_type: str
    """Of the kind ``audio/…``."""
    size: int | None
    """Bytes of the whole recording; None if the provider does not say."""
    start: int = 0
    """Position of the first byte of :attr:`chunks`: 0, or what was asked for where the provider can begin there."""
    chunks: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]
