"""What the package stores. Only :mod:`django_voipcti.journal` changes a call; only ``control`` makes commands."""

from .access import AccessKind, CallAccess
from .bridge import BridgeInstance, LineLease
from .call import Call, CallEvent
from .command import CallCommand
from .delivery import WebhookDelivery
from .duty import MissedCall
from .figures import CallFigures, LineFigures, LineSet, RolledDay
from .history import HistoryProgress
from .line import Line
from .mixins import CallsMixin
from .note import CallNote, CallOutcome
from .phonebook import PhonebookChoice, PhonebookEntry, ReindexProgress
from .preferences import PopMoment, UserPreferences
from .rules import DoNotCallNumber, IgnoredNumber, PopAction, PopRule
from .team import Team
from .trace import CallTrace, PageOutcome, TraceStep

__all__ = [
    "AccessKind",
    "BridgeInstance",
    "Call",
    "CallAccess",
    "CallCommand",
    "CallEvent",
    "CallFigures",
    "CallNote",
    "CallOutcome",
    "CallTrace",
    "CallsMixin",
    "DoNotCallNumber",
    "HistoryProgress",
    "IgnoredNumber",
    "Line",
    "LineFigures",
    "LineLease",
    "LineSet",
    "MissedCall",
    "PageOutcome",
    "PhonebookChoice",
    "PhonebookEntry",
    "PopAction",
    "PopMoment",
    "PopRule",
    "ReindexProgress",
    "RolledDay",
    "Team",
    "TraceStep",
    "UserPreferences",
    "WebhookDelivery",
]
