"""What a number alone tells: country, region, kind of line, local time there; and numbers within running text."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from phonenumbers import PhoneNumberType

from ..conf import app_settings

if TYPE_CHECKING:
    from .numbers import Number

__all__ = [
    "FoundNumber",
    "NumberFacts",
    "describe",
    "find_in_text",
    "is_ready_to_describe",
    "prepare_to_describe",
    "whereabouts",
]

_is_ready = False
_loading = threading.Lock()

_LINE_TYPES: dict[int, Any] = {
    PhoneNumberType.FIXED_LINE: _("fixed line"),
    PhoneNumberType.MOBILE: _("mobile phone"),
    PhoneNumberType.FIXED_LINE_OR_MOBILE: _("fixed line or mobile phone"),
    PhoneNumberType.TOLL_FREE: _("free of charge"),
    PhoneNumberType.PREMIUM_RATE: _("premium rate"),
    PhoneNumberType.SHARED_COST: _("shared cost"),
    PhoneNumberType.VOIP: _("internet telephony"),
    PhoneNumberType.PERSONAL_NUMBER: _("personal number"),
    PhoneNumberType.PAGER: _("pager"),
    PhoneNumberType.UAN: _("company number"),
    PhoneNumberType.VOICEMAIL: _("voicemail"),
}
_OTHER_KINDS: dict[str, Any] = {
    "short": _("internal or service number"),
    "withheld": _("withheld number"),
    "sip": _("SIP address"),
    "unreadable": _("not a telephone number"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFacts:
    """What is known of a number without knowing whose it is. Texts are in the active language."""

    country: str = ""
    """ISO 3166 code, e.g. ``DE``; empty if unknown."""
    country_name: str = ""
    region: str = ""
    """Town, area or state of a geographic number; empty where the numbering plan does not say."""
    line_type: str = ""
    time_zones: tuple[str, ...] = ()
    """Names of the time zones in which the number may be."""
    local_time: datetime | None = None
    """The time there (aware), if all candidate zones show the same clock now; else None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNumber:
    """A number within a text."""

    start: int
    end: int
    text: str
    number: "Number"


def prepare_to_describe() -> None:
    """Begin to load the tables of place names beside everything else, so that the first call need not wait for them."""
    if not _loading.acquire(blocking=False):
        return  # begun already
    threading.Thread(target=_load, name="voipcti-places", daemon=True).start()


def is_ready_to_describe() -> bool:
    """Whether the tables of place names are loaded."""
    return _is_ready


def _load() -> None:
    global _is_ready
    from phonenumbers import geocoder, timezone  # noqa: F401

    _is_ready = True


def describe(number: "Number | str", region: str = "", *, now: datetime | None = None) -> NumberFacts:
    """Say what the number alone tells. Costs about a second and 60 MB once a process: place names are loaded then."""
    from . import numbers

    read = numbers.parse(number, region) if isinstance(number, str) else number
    if not read.e164:
        return NumberFacts(line_type=str(_OTHER_KINDS.get(read.kind, "")))
    # Imported here: the tables of place names are large, and most processes never describe a number.
    _load()
    from phonenumbers import geocoder
    from phonenumbers import timezone as zones

    parsed = phonenumbers.parse(read.e164)
    language = (translation.get_language() or "en").partition("-")[0]
    country_name = geocoder.country_name_for_number(parsed, language)
    place = geocoder.description_for_number(parsed, language)
    line_type = _LINE_TYPES.get(phonenumbers.number_type(parsed), pgettext_lazy("kind of telephone line", "unknown"))
    names = tuple(name for name in zones.time_zones_for_number(parsed) if name != zones.UNKNOWN_TIMEZONE)
    return NumberFacts(
        country=read.country,
        country_name=country_name,
        region=place if place != country_name else "",
        line_type=str(line_type),
        time_zones=names,
        local_time=_local_time(names, now or timezone.now()),
    )


def whereabouts(e164: str) -> tuple[str, tuple[str, ...]]:
    """Country code, and the names of all time zones in which a number may be; loads no place names.

    Mobile phones and numbers of unknown kind are in every zone of their country, or of their country code.
    """
    from phonenumbers import timezone as zones  # 2 MB that only those need who place calls

    parsed = phonenumbers.parse(e164)
    names = zones.time_zones_for_number(parsed)
    if names == (zones.UNKNOWN_TIMEZONE,):
        names = zones.time_zones_for_geographical_number(parsed)
    country = phonenumbers.region_code_for_number(parsed) or ""
    return country, tuple(name for name in names if name != zones.UNKNOWN_TIMEZONE)


def find_in_text(text: str, region: str = "") -> Iterator[FoundNumber]:
    """Find the valid numbers of a running text, in order. Costs some 4 ms per kilobyte: for pages, not for events."""
    from . import numbers

    region = region or app_settings.default_region
    for match in phonenumbers.PhoneNumberMatcher(text, region.upper()):
        number = numbers.parse(match.raw_string, region)
        if number.e164:
            yield FoundNumber(start=match.start, end=match.end, text=match.raw_string, number=number)


def _local_time(names: tuple[str, ...], now: datetime) -> datetime | None:
    """The time in all of the zones, if they agree: a number of a large country may be in several."""
    clocks = []
    for name in names:
        try:
            clocks.append(now.astimezone(ZoneInfo(name)))
        except ZoneInfoNotFoundError:
            return None
    offsets = {clock.utcoffset() for clock in clocks}
    return clocks[0] if len(offsets) == 1 else None
