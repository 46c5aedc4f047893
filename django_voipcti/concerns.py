"""What speaks against calling somebody now, although it is allowed: who is about to call hears it, and decides.

Rules that nobody can set aside stand in :mod:`django_voipcti.policy`. A concern is set aside by whoever calls, with a
reason where it asks for one; which ones, and why, is kept with the command. A page confirms with a token that names
the user, the number and the concerns that he has heard, and is good for two minutes only: what was asked about longer
ago, or what has come up meanwhile, is asked about anew, so that nothing is dialled for a question that nobody
remembers.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core import signing
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from . import phonebook
from .conf import app_settings
from .exceptions import CommandRefused, Concern
from .models import Call, Line

if TYPE_CHECKING:
    from .policy import Destination
    from .typing import AnyUser

__all__ = ["QUESTION_SECONDS", "about", "heard", "is_quiet", "token"]

#: Seconds in which a question may be answered.
QUESTION_SECONDS = 120

_SALT = "django_voipcti.concerns"
#: Newest calls of a number or record among which a recent conversation is looked for.
_NEWEST = 20
_CERTAIN = frozenset({"exact", "learned"})
#: Minutes.
_DAY = 24 * 60


def about(user: "AnyUser", line: Line, wanted: "Destination", *, now: datetime | None = None) -> list[Concern]:
    """Everything that speaks against ``user`` calling ``wanted`` now; nothing does for extensions and service codes.

    Raises:
        CommandRefused: ``do_not_call``, where ``DO_NOT_CALL_IS_FINAL``.
    """
    if not wanted.is_international:
        return []
    now = now or timezone.now()
    matches = phonebook.lookup(wanted.number, region=line.effective_region, provider=line.provider)
    return [
        *_do_not_call(user, wanted, matches),
        *_quiet_hours(wanted, now),
        *_recent_call(user, wanted, matches, now),
    ]


# --- the questions, and their answers ---------------------------------------------------------------------------------


def token(user: "AnyUser", number: str, codes: Collection[str]) -> str:
    """What a page sends back when its user has heard these concerns about this number and means it."""
    return signing.dumps([str(user.pk), number, sorted(codes)], salt=_SALT, compress=True)


def heard(text: str, user: "AnyUser", number: str) -> frozenset[str]:
    """The concerns that a token says ``user`` has heard; none if it is too old, or about somebody else."""
    try:
        user_id, asked_about, codes = signing.loads(text, salt=_SALT, max_age=QUESTION_SECONDS)
    except (signing.BadSignature, ValueError):
        return frozenset()
    return frozenset(codes) if (user_id, asked_about) == (str(user.pk), number) else frozenset()


# --- the rules --------------------------------------------------------------------------------------------------------


def _do_not_call(user: "AnyUser", wanted: "Destination", matches: list[phonebook.Match]) -> Iterator[Concern]:
    said = phonebook.objections(wanted.number, user, matches)  # type: ignore[arg-type]  # nobody anonymous has a line
    if not said:
        return
    if app_settings.do_not_call_is_final:
        raise CommandRefused(" ".join(said), code="do_not_call")
    yield Concern(code="do_not_call", message=" ".join(said), needs_reason=True)


def _quiet_hours(wanted: "Destination", now: datetime) -> Iterator[Concern]:
    country, zones = phonebook.numbers.whereabouts(wanted.number)
    span = _span_of(country)
    if span is None:
        return
    clocks = [clock for zone in zones if (clock := _clock(now, zone))]
    quiet = {clock.time().replace(second=0, microsecond=0) for clock in clocks if is_quiet(clock.time(), *span)}
    if not quiet:
        return
    begin = _minutes(time.fromisoformat(span[0]))
    shown = [_shown(clock) for clock in sorted(quiet, key=lambda clock: (_minutes(clock) - begin) % _DAY)]
    values = {"time": _range(shown), "until": _shown(time.fromisoformat(span[1]))}
    # A number of a large country, or a mobile phone in one, may be in several zones: one that is quiet is enough.
    if len({clock.utcoffset() for clock in clocks}) == 1:
        message = _("It is %(time)s there: until %(until)s nobody is called unasked.") % values
    else:
        message = _("It may be %(time)s there: until %(until)s nobody is called unasked.") % values
    yield Concern(code="quiet_hours", message=message, needs_reason=True)


def _range(clocks: list[str]) -> str:
    """Times of day that follow one another, in words."""
    if len(clocks) == 1:
        return clocks[0]
    words = _("%(first)s or %(last)s") if len(clocks) == 2 else _("anything from %(first)s to %(last)s")
    return words % {"first": clocks[0], "last": clocks[-1]}


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _shown(clock: time) -> str:
    return time_format(clock, "TIME_FORMAT")


def is_quiet(clock: time, begin: str, end: str) -> bool:
    """Whether a time of day lies between two others, the first included; the span may lead over midnight."""
    first, last = time.fromisoformat(begin), time.fromisoformat(end)
    return first <= clock < last if first <= last else clock >= first or clock < last


def _span_of(country: str) -> tuple[str, str] | None:
    setting = app_settings.quiet_hours
    return setting.get(country, setting.get("*")) if isinstance(setting, Mapping) else setting


def _clock(now: datetime, zone: str) -> datetime | None:
    try:
        return now.astimezone(ZoneInfo(zone))
    except ZoneInfoNotFoundError:
        return None


def _recent_call(
    user: "AnyUser", wanted: "Destination", matches: list[phonebook.Match], now: datetime
) -> Iterator[Concern]:
    """Somebody of ours talks to the customer, or has just done so: on this number, or on another one of the record."""
    span = timedelta(minutes=app_settings.recent_call_minutes)
    if not span:
        return
    parties = [Q(other_e164=wanted.number)]
    certain = [match for match in matches if match.confidence in _CERTAIN and match.model != Line._meta.label_lower]
    parties += [Q(contact_type=match.content_type_id, contact_id=match.object_id) for match in certain]
    # Each a few steps of an index; the conditions on time are for Python, since no index has them too.
    calls = (
        call
        for party in parties
        for call in Call.objects.filter(party).select_related("line").order_by("-id")[:_NEWEST]
    )
    talks = [call for call in calls if call.answered_at and (call.is_live or _end(call) > now - span)]
    if not talks:
        return
    newest = max(talks, key=lambda call: (call.is_live, _end(call)))
    yield Concern(code="recent_call", message=_conversation(newest, user, now))


def _conversation(call: Call, user: "AnyUser", now: datetime) -> str:
    is_own = call.line.user_id == user.pk
    if call.is_live:
        if is_own:
            return _("You are talking to this customer at the moment.")
        return _("%(colleague)s is talking to this customer at the moment.") % {"colleague": call.line}
    minutes = int((now - _end(call)).total_seconds() // 60)
    if minutes < 1:
        when = _("less than a minute ago")
    else:
        when = ngettext("%(count)d minute ago", "%(count)d minutes ago", minutes) % {"count": minutes}
    if is_own:
        return _("You spoke to this customer %(when)s.") % {"when": when}
    return _("%(colleague)s spoke to this customer %(when)s.") % {"colleague": call.line, "when": when}


def _end(call: Call) -> datetime:
    """When the conversation ended, or began if it goes on."""
    moment: Any = call.ended_at or call.answered_at
    return moment  # type: ignore[no-any-return]
