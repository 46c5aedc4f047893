"""What may be dialled, by whom and how often: the checks before a call is placed or transferred.

Rules that a person may set aside, with a reason, stand in :mod:`django_voipcti.concerns`; these cannot be.

Numbers that have no international form (extensions, service codes such as ``#123``) are the provider's business; the
country and premium-rate rules judge the others.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import phonenumbers
from django.utils import timezone
from django.utils.translation import gettext as _

from . import concerns, phonebook
from .conf import app_settings
from .enums import PLACING_ACTIONS, SessionEvent
from .exceptions import CommandRefused, Concern, ConfirmationNeeded
from .models import Call, CallCommand, Line
from .redaction import PhoneNumber

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = ["Destination", "check_call", "check_destination", "check_repetition", "destination"]

#: Shortest and longest number without an international form that is taken for an extension or service code.
_SHORT_DIGITS = range(1, 7)

_SERVICE_CHARACTERS = frozenset("0123456789*#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A number that has been understood."""

    number: PhoneNumber
    """As it goes to the provider: E.164 with plus, or an extension or service code."""
    is_international: bool
    """Whether it is in E.164."""


def destination(line: Line, text: str) -> Destination:
    """Read what the user typed or clicked.

    Raises:
        CommandRefused: ``empty_number``, ``invalid_number``.
    """
    text = text.strip()
    if not text:
        raise CommandRefused(_("Enter a number to call."), code="empty_number")
    compact = "".join(text.split())
    if len(compact) in _SHORT_DIGITS and set(compact) <= _SERVICE_CHARACTERS:
        return Destination(number=PhoneNumber(compact), is_international=False)
    number = phonebook.numbers.parse(text, line.effective_region)
    if not number.e164:
        raise CommandRefused(
            _("“%(number)s” is not a telephone number. Check the digits, or write it as +44 20 7946 0000.")
            % {"number": text[:40]},
            code="invalid_number",
        )
    return Destination(number=PhoneNumber(number.e164), is_international=True)


def check_call(
    user: "AnyUser", line: Line, wanted: Destination, *, confirmed: Collection[str] = (), reason: str = ""
) -> list[str]:
    """Whether ``user`` may call ``wanted`` from ``line`` now; returns the codes of concerns that he sets aside.

    Args:
        confirmed: codes of the concerns that he has heard.
        reason: why he calls nevertheless.

    Raises:
        ConfirmationNeeded: something else speaks against it, with what a page needs to confirm all of it.
        CommandRefused: ``own_number``, ``number_not_allowed``, ``too_many_calls``, ``do_not_call``,
            ``reason_needed``, or the host's own code.
    """
    check_destination(line, wanted)
    since = timezone.now() - timedelta(minutes=1)
    recent = CallCommand.objects.filter(
        requested_by_id=user.pk, action__in=PLACING_ACTIONS, created_at__gte=since
    ).count()
    if recent >= app_settings.calls_per_minute:
        raise CommandRefused(
            _("You placed %(count)d calls within a minute, which is the limit. Wait a little.") % {"count": recent},
            code="too_many_calls",
        )
    found = [*_concerns_of_host(user, line, wanted), *concerns.about(user, line, wanted)]
    codes = [concern.code for concern in found]
    if not set(codes) <= set(confirmed):
        raise ConfirmationNeeded(found, number=wanted.number, token=concerns.token(user, wanted.number, codes))
    if any(concern.needs_reason for concern in found) and not reason.strip():
        raise CommandRefused(_("Say why you call nevertheless."), code="reason_needed", event=SessionEvent.INFO)
    return codes


def _concerns_of_host(user: "AnyUser", line: Line, wanted: Destination) -> Sequence[Concern]:
    """What ``CALL_POLICY`` wants to be confirmed; what it refuses, it raises."""
    if app_settings.call_policy is None:
        return ()
    try:
        app_settings.call_policy(user=user, line=line, number=wanted.number)
    except ConfirmationNeeded as asked:
        return asked.concerns
    return ()


def check_destination(line: Line, wanted: Destination) -> None:
    """Whether ``wanted`` may be reached from ``line`` at all.

    Raises:
        CommandRefused: ``own_number``, ``number_not_allowed``.
    """
    if wanted.number in {line.extension, line.account, line.phone_number} - {""}:
        raise CommandRefused(_("This is your own number."), code="own_number")
    if not wanted.is_international:
        return
    parsed = phonenumbers.parse(wanted.number)
    country = phonenumbers.region_code_for_number(parsed)
    allowed = app_settings.allowed_countries
    if allowed and country not in allowed:
        raise CommandRefused(
            _("Calls to this country are not allowed here. Ask your administrator."), code="number_not_allowed"
        )
    premium = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.PREMIUM_RATE
    if premium and not app_settings.allow_premium_rate:
        raise CommandRefused(
            _("Premium-rate numbers are not allowed here. Ask your administrator."), code="number_not_allowed"
        )


def check_repetition(line: Line, number: PhoneNumber, now: datetime) -> None:
    """Refuse a second click on a number that this line is calling already.

    Raises:
        CommandRefused: ``already_calling``.
    """
    recent = Call.objects.live().filter(line=line, other_number=number, created_at__gte=now - timedelta(minutes=2))
    if recent.filter(commands__action__in=PLACING_ACTIONS).exists():
        raise CommandRefused(_("You are calling this number already."), code="already_calling", event=SessionEvent.INFO)
