"""How a provider reads dialogs (RFC 4235): what it sees of one, and which call it says that it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["AGAIN", "DialogIdentity", "DialogView", "ParticipantView"]

#: Between the id of a dialog and what tells its calls from each other, where a server uses ids again.
AGAIN = "~"


class ParticipantView(Protocol):
    """One end of a dialog, as far as providers read it."""

    @property
    def identity_uri(self) -> str:
        """Address of the end; empty if the server does not show it."""
        ...

    @property
    def params(self) -> Mapping[str, str]:
        """Parameters of the end's target, names in lower case."""
        ...


class DialogView(Protocol):
    """The part of a dialog (RFC 4235 section 4.1) from which a provider tells which call it is."""

    @property
    def id(self) -> str: ...
    @property
    def call_id(self) -> str | None: ...
    @property
    def direction(self) -> str | None: ...
    @property
    def local(self) -> ParticipantView | None: ...
    @property
    def remote(self) -> ParticipantView | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogIdentity:
    """Which call a dialog belongs to, in the provider's terms."""

    external_id: str
    conversation_id: str = ""
    once: bool = True
    """Whether an id names one call for ever. False where a server re-uses ids (one per extension): then an ended
    dialog may come to life again as a new call, and ids of calls are the dialog's with :data:`AGAIN` and a mark."""
    started_at: datetime | None = None
    """When the call began, if the dialog carries it in the provider's own way (aware)."""
    context: str = ""
    """Provider context of the call, e.g. a queue or ring group, if the dialog carries it."""
    call: int | None = None
    """A call that we placed and that goes on in this dialog, which shows our own leg's facts (one id per extension):
    its ends and direction say nothing of the call."""
