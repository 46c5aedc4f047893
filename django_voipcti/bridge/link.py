"""Between a line's session and the connection that serves it."""

from typing import Protocol

__all__ = ["LineLink"]


class LineLink(Protocol):
    """What a connection tells the session of a line that it serves."""

    @property
    def line(self) -> int:
        """Primary key of the line."""
        ...

    def logged_in(self) -> None:
        """The server knows us."""

    def ready(self) -> None:
        """Every subscription of the line is active."""

    def lost(self, sentence: str, *, fatal: bool) -> None:
        """The connection is gone, or could not be made; ``fatal``: it is not tried again with these credentials."""

    def refused(self, uri: str, sentence: str) -> None:
        """The server refuses to tell us about ``uri``."""

    def subscribed(self, uri: str) -> None:
        """A new subscription to ``uri`` begins."""

    def notified(self, uri: str, body: bytes, *, subscription: str, late: bool) -> bool:
        """Take a document; return whether a full one is needed, since there is a gap.

        ``late``: one that the server sent after it was taken before it.
        """
        ...
