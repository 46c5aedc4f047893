"""Everything that this package raises on purpose.

::

    VoipCtiError
    ├── CommandRefused            a user asked for something that is not possible or not allowed; has a sentence for him
    │   └── ConfirmationNeeded      ... unless he says that he means it: see Concern
    ├── ProviderError             the conversation with a provider failed
    │   ├── ProviderUnavailable     ... and may work later: network, time-out, 5xx, 429
    │   ├── ProviderRejected        ... and will not work unless something changes: 4xx
    │   │   ├── AuthenticationFailed    wrong or expired credentials
    │   │   ├── PhoneNotRegistered      the user's own phone is not there to be rung
    │   │   └── CallNotFound            the provider knows no such live call
    │   └── ProviderProtocolError   ... because its answer could not be understood
    ├── UnsupportedFeature        (also a ValueError) the provider cannot do this; says which capability is missing
    └── WebhookRejected           (also a SuspiciousOperation) an unauthentic or oversized webhook delivery

Mistakes in the configuration are ``ImproperlyConfigured``, outside this tree on purpose, so that no handler for
run-time trouble can hide them. Facts are attributes; the text says what happened and what to do; no text holds a
secret or a complete number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import SuspiciousOperation

from .enums import EndReason, SessionEvent


class VoipCtiError(Exception):
    """Root of the tree; never raised itself."""


class CommandRefused(VoipCtiError):
    """A request was refused before anything was sent to a provider.

    Args:
        message: a translated sentence for the person who asked.
        code: stable machine-readable word, e.g. ``"invalid_number"``; listed in docs/reference/messages.
        event: ``SessionEvent.ERROR`` when the request was wrong, ``INFO`` when it merely cannot be done now.
    """

    def __init__(self, message: str, *, code: str, event: SessionEvent = SessionEvent.ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.event = event


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One thing that speaks against a call. Who has heard it may call nevertheless."""

    code: str
    """Stable machine-readable word, e.g. ``"quiet_hours"``; kept with the command if it is overridden."""
    message: str
    """A translated sentence for the person who asked."""
    needs_reason: bool = False
    """Whether he has to say why he calls nevertheless."""


class ConfirmationNeeded(CommandRefused):
    """A call was refused for now: the person who asked has to say that he means it, perhaps with a reason.

    ``CALL_POLICY`` may raise it with concerns of the host's own.

    Args:
        concerns: what speaks against the call; at least one.
        number: whom it is about, in E.164; ``control`` knows.
        token: what a page sends back to confirm; only ``control`` knows how to make it.
    """

    def __init__(self, concerns: Sequence[Concern], *, number: str = "", token: str = "") -> None:
        message = " ".join(concern.message for concern in concerns)
        super().__init__(message, code="needs_confirmation", event=SessionEvent.INFO)
        self.concerns = tuple(concerns)
        self.number = number
        self.token = token

    @property
    def needs_reason(self) -> bool:
        """Whether one of the concerns is overridden with a reason only."""
        return any(concern.needs_reason for concern in self.concerns)


class ProviderError(VoipCtiError):
    """The conversation with a provider failed.

    Args:
        message: the provider's own text where it has one, without secrets.
        status: HTTP or SIP status code, or None where there was no answer.
        end_reason: what this means for a call that was being set up.
    """

    default_end_reason = EndReason.FAILED

    def __init__(self, message: str, *, status: int | None = None, end_reason: EndReason | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.end_reason = end_reason or self.default_end_reason


class ProviderUnavailable(ProviderError):
    """No usable answer, or one that asks to come back: worth a retry.

    Args:
        retry_after: seconds that the provider asked to wait, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        end_reason: EndReason | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, end_reason=end_reason)
        self.retry_after = retry_after


class ProviderRejected(ProviderError):
    """The provider understood and said no; a retry of the same request is useless."""

    default_end_reason = EndReason.REJECTED


class AuthenticationFailed(ProviderRejected):
    """The credentials are wrong, expired or revoked: the line needs a new login."""


class PhoneNotRegistered(ProviderRejected):
    """No phone of the user is registered, so there is nothing to ring first."""

    default_end_reason = EndReason.UNREACHABLE


class CallNotFound(ProviderRejected):
    """The provider has no such live call: it is over, or it is somebody else's."""


class ProviderProtocolError(ProviderError):
    """The provider answered something that is not in its contract."""


class UnsupportedFeature(VoipCtiError, ValueError):
    """The provider lacks a capability.

    Args:
        capability: the name of the flag on the provider class, e.g. ``"supports_hold"``.
    """

    def __init__(self, message: str, *, capability: str) -> None:
        super().__init__(message)
        self.capability = capability


class WebhookRejected(VoipCtiError, SuspiciousOperation):
    """A webhook delivery without the right secret, or one that is too large to be one. Answered with a 4xx.

    Args:
        status: HTTP status code for the sender.
    """

    def __init__(self, message: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.status = status
