"""The errors of the SIP core.

::

    SipError                      never raised itself
    ├── LocalProtocolError        our own code used the core wrongly: always a bug of ours
    └── RemoteProtocolError       the other side sent something wrong
        ├── MalformedMessage      a SIP message, or one of its header fields
        └── MalformedBody         a body: dialog-info, message/sipfrag

``LocalProtocolError`` reaches the caller. A ``RemoteProtocolError`` never leaves ``UserAgentCore``: there it becomes
an answer and an event. It does reach those who call a parser directly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .messages import Request, Response

__all__ = ["LocalProtocolError", "MalformedBody", "MalformedMessage", "RemoteProtocolError", "SipError"]


class SipError(Exception):
    """The root of the tree; catch it, do not raise it."""


class LocalProtocolError(SipError):
    """Our side asked for something that the protocol, or the state of the core, does not allow."""


class RemoteProtocolError(SipError):
    """The other side broke the protocol. The text never quotes what was received, so that it can be logged.

    ``status`` is the SIP status code that fits an answer, if there is anything to be answered.
    """

    def __init__(self, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class MalformedMessage(RemoteProtocolError):
    """A message or a header field cannot be read.

    ``request`` is what could be read of a request, headers unchecked; ``None`` for responses and for noise.
    """

    def __init__(self, text: str, *, status: int = 400, request: Request | None = None) -> None:
        super().__init__(text, status=status)
        self.request = request

    def answer(self, *, to_tag: str | None = None) -> Response | None:
        """Build the refusal, or return ``None`` where nothing may or can be answered (responses, ACK, lost headers)."""
        from .messages import Response

        request = self.request
        if request is None or request.method == "ACK":
            return None
        if "Via" not in request.headers or "CSeq" not in request.headers:
            return None
        return Response.to(request, self.status, to_tag=to_tag)


class MalformedBody(RemoteProtocolError):
    """A body cannot be read as what its Content-Type says."""
