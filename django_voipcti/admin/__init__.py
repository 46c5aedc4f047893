"""The admin: lines to manage, calls and everything else to look at.

Calls, commands, deliveries and bridges are read-only, because only the journal, ``control`` and the processes write
them. Calls show complete numbers only to those with the permission ``view_full_number``, and only calls of the user's
own lines unless he may watch others' (``watch_lines``).
"""

from .bridge import BridgeInstanceAdmin
from .call import CallAdmin
from .command import CallCommandAdmin
from .delivery import WebhookDeliveryAdmin
from .line import LineAdmin
from .missed import MissedCallAdmin
from .phonebook import PhonebookEntryAdmin

__all__ = [
    "BridgeInstanceAdmin",
    "CallAdmin",
    "CallCommandAdmin",
    "LineAdmin",
    "MissedCallAdmin",
    "PhonebookEntryAdmin",
    "WebhookDeliveryAdmin",
]
