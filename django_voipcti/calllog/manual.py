"""Calls that no telephone system knows: taken on a mobile phone, or at a colleague's desk, and entered afterwards."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from .. import journal
from ..enums import CallState, Direction, Source
from ..events import CallUpdate, Party
from ..exceptions import CommandRefused
from ..models import Call, Line
from ..phonebook import numbers
from ..redaction import PhoneNumber

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["PERMISSION", "EnteredCall", "enter"]

PERMISSION = "django_voipcti.add_call"

#: How far ahead of ours a user's clock may be.
_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnteredCall:
    """What somebody remembers of a call."""

    line: Line
    """Whose call it was."""
    direction: Direction
    number: str
    started_at: datetime
    talk_time: timedelta | None = None
    """None: nobody picked up."""


def enter(user: "AnyUser", entered: EnteredCall) -> Call:
    """Record a call by hand. It is linked to a record, opens or settles duties and counts like any other; nothing pops.

    Raises:
        CommandRefused: ``not_allowed``, ``invalid_number``, ``invalid_argument``.
    """
    line = entered.line
    if not (user.has_perm(PERMISSION) and Line.objects.visible_to(user).filter(pk=line.pk).exists()):
        raise CommandRefused(_("You may not enter calls of this line. Ask your administrator."), code="not_allowed")
    if not numbers.parse(entered.number, line.effective_region).is_dialable:
        message = _("This is not a telephone number. Check the digits, or write it as +44 20 7946 0000.")
        raise CommandRefused(message, code="invalid_number")
    now, talked = timezone.now(), entered.talk_time
    if entered.started_at + (talked or timedelta()) > now + _AHEAD:
        raise CommandRefused(_("This call would end in the future."), code="invalid_argument")
    update = CallUpdate(
        provider=line.provider,
        account=line.account,
        external_id=f"manual-{secrets.token_hex(8)}",
        source=Source.MANUAL,
        observed_at=now,
        state=CallState.HANGUP,
        direction=entered.direction,
        other=Party(number=PhoneNumber(entered.number)),
        started_at=entered.started_at,
        answered_at=None if talked is None else entered.started_at,
        ended_at=entered.started_at + (talked or timedelta()),
        raw={"entered_by": user.get_username()},
    )
    journal.record([update], tell_pages=False)
    return Call.objects.get(line=line, external_id=update.external_id)
