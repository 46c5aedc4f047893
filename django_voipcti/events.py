"""What sources say and what providers are asked, as plain values: the seam between providers and everything else.

A :class:`CallUpdate` is one witness's word about one call at one time. SIP events, webhooks, REST answers and history
pages all become call updates and go through :func:`django_voipcti.journal.record`; nothing else writes calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .enums import CallState, Direction, EndReason, Source
from .redaction import PhoneNumber

__all__ = ["CallReference", "CallUpdate", "Party"]


_NO_NUMBER = PhoneNumber("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of a call, as the source shows it."""

    number: PhoneNumber = _NO_NUMBER
    """Number or extension in the provider's spelling; empty if withheld or not shown."""
    name: str = ""
    """Display name as the source gives it; empty if none."""
    account: str = ""
    """The provider's account key of this end, if it is one of the customer's own; empty for outside parties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReference:
    """How a provider's method is told which call is meant."""

    external_id: str
    """The provider's id of this line's leg."""
    conversation_id: str = ""
    """The provider's id that all legs share; empty if it has none."""
    direction: Direction
    state: CallState


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUpdate:
    """What one source says about one call of one line at one time.

    Fields left at their default say nothing: they never overwrite what is known.
    """

    provider: str
    """Alias in ``VOIPCTI["PROVIDERS"]``."""
    account: str
    """The provider's key of the line: a user id, or the user part of an address of record."""
    external_id: str
    """The provider's id of this line's leg; unique within the line. Empty only together with ``call``."""
    source: Source
    observed_at: datetime
    """When we received it (aware)."""
    state: CallState | None = None
    direction: Direction | None = None
    call: int | None = None
    """Primary key of the call, when the update answers one of our own commands."""
    conversation_id: str = ""
    own: Party = field(default_factory=Party)
    other: Party = field(default_factory=Party)
    occurred_at: datetime | None = None
    """When it happened by the source's own clock, if it says so (aware)."""
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None
    """Set together with a final state when the source knows it; otherwise the journal works it out."""
    cause: str = ""
    """The provider's own words for the end."""
    context: str = ""
    """Provider context of the call: queue or ring group id, e.g. ``RG-70001``."""
    recording: str = ""
    """The provider's id of a recording of this call; empty if there is none."""
    key: str = ""
    """De-duplication key, stable when the same word is delivered twice (webhook id, subscription and version);
    empty lets the journal derive one from call, source and state."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The source's payload as received, JSON-able, kept with the event for support."""
