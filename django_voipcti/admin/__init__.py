"""The admin: lines, teams, screen pop rules and the ignore list to manage, calls and everything else to look at.

Calls, commands, deliveries and bridges are read-only, because only the journal, ``control`` and the processes write
them. Calls show complete numbers only to those with the permission ``view_full_number``, and only calls of the user's
own lines, of teams that he leads, or of all with the permission to watch them (``watch_lines``).
"""

from .access import CallAccessAdmin
from .bridge import BridgeInstanceAdmin
from .call import CallAdmin
from .choice import PhonebookChoiceAdmin
from .command import CallCommandAdmin
from .dashboard import CallFiguresAdmin
from .delivery import WebhookDeliveryAdmin
from .ignored import DoNotCallNumberAdmin, IgnoredNumberAdmin
from .line import LineAdmin
from .missed import MissedCallAdmin
from .note import CallNoteAdmin, CallOutcomeAdmin
from .phonebook import PhonebookEntryAdmin
from .pop_rule import PopRuleAdmin
from .team import TeamAdmin

__all__ = [
    "BridgeInstanceAdmin",
    "CallAccessAdmin",
    "CallAdmin",
    "CallCommandAdmin",
    "CallFiguresAdmin",
    "CallNoteAdmin",
    "CallOutcomeAdmin",
    "DoNotCallNumberAdmin",
    "IgnoredNumberAdmin",
    "LineAdmin",
    "MissedCallAdmin",
    "PhonebookChoiceAdmin",
    "PhonebookEntryAdmin",
    "PopRuleAdmin",
    "TeamAdmin",
    "WebhookDeliveryAdmin",
]
