"""What the package stores. Only :mod:`django_voipcti.journal` changes a call; only ``control`` makes commands."""

from .bridge import BridgeInstance, LineLease
from .call import Call, CallEvent
from .command import CallCommand
from .delivery import WebhookDelivery
from .line import Line
from .phonebook import PhonebookEntry

__all__ = [
    "BridgeInstance",
    "Call",
    "CallCommand",
    "CallEvent",
    "Line",
    "LineLease",
    "PhonebookEntry",
    "WebhookDelivery",
]
