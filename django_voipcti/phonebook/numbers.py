"""Telephone numbers: reading any spelling, showing them, dialling them, searching for them.

Reading never raises. What cannot be read says so in :attr:`Number.kind`; what was only assumed says so in
:attr:`Number.assumed`. Judgement about countries comes from ``phonenumbers`` (the metadata of Google's libphonenumber).

National numbers need a region (ISO 3166 code). Where the caller has none, ``VOIPCTI["DEFAULT_REGION"]`` counts; a
line's own is :attr:`django_voipcti.models.Line.effective_region`.
"""

import re
from functools import lru_cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberFormat

from ..conf import app_settings
from . import spelling
from .describe import (
    FoundNumber,
    NumberFacts,
    describe,
    find_in_text,
    is_ready_to_describe,
    prepare_to_describe,
    whereabouts,
)
from .reading import SUPERSEDED, Kind, Number, read_all

__all__ = [
    "FoundNumber",
    "Kind",
    "Number",
    "NumberFacts",
    "describe",
    "dial_string",
    "display",
    "find_in_text",
    "is_canonical",
    "is_ready_to_describe",
    "may_be_misspelled",
    "parse",
    "parse_all",
    "prepare_to_describe",
    "search_keys",
    "whereabouts",
]

_CANONICAL = re.compile(r"\+[1-9][0-9]{6,14}")
_SUPERSEDED = tuple(f"+{code}{old}" for code, (old, _length) in SUPERSEDED.items())


def parse(text: str, region: str = "") -> Number:
    """Read the (first) number of ``text``; national spellings count for ``region``. Never raises."""
    return parse_all(text, region)[0]


def parse_all(text: str, region: str = "") -> tuple[Number, ...]:
    """Read every number of a field that may hold several ("0171 1234567 / 089 765432"). Never raises, never empty.

    A piece that cannot be read beside others that can is part of the answer, as ``unreadable``.
    """
    return read_all(str(text), (region or app_settings.default_region).upper())


def is_canonical(text: str) -> bool:
    """Whether ``text`` is spelled as E.164 (which does not say that such a number exists)."""
    return _CANONICAL.fullmatch(text) is not None


def may_be_misspelled(e164: str) -> bool:
    """Whether a text in the form of E.164 may mean another number: a trunk prefix behind the country code
    ("+49 0 89…"), a country code that does not exist, or a form that the numbering plan has given up."""
    for length in (2, 3, 4):
        prefix = _trunk_prefix(e164[1:length])
        if prefix is not None:
            return e164.startswith(prefix, length) if prefix else e164.startswith(_SUPERSEDED)
    return True


@lru_cache(maxsize=1024)
def _trunk_prefix(country_code: str) -> str | None:
    """The prefix of national calls in a country; None if there is no such country code."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(country_code))
    if regions is None:
        return None
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(regions[0], None)
    return (metadata.national_prefix or "") if metadata else ""


def display(text: str, region: str = "") -> str:
    """Write a number as people do: national form within ``region``'s country code, international otherwise.

    What is no ordinary number (extension, SIP address, unreadable) comes back as it stood.
    """
    return _display(str(text), (region or app_settings.default_region).upper())


def dial_string(text: str, region: str = "") -> str:
    """What a telephone has to dial: E.164 with plus, an extension's digits or ``user@host``; empty if there is none."""
    number = parse(text, region)
    return (number.e164 or number.national) if number.is_dialable else ""


def search_keys(text: str, region: str = "") -> list[str]:
    """Every spelling in which a provider may have given the number: compare calls by ``other_e164__in`` and
    ``other_number__in``. Empty if ``text`` is no number."""
    number = parse(text, region)
    if not number.is_dialable:
        return []
    keys = [number.e164, number.national, spelling.bare_digits(spelling.tidy(str(text)))]
    if number.e164:
        digits = number.e164[1:]
        keys += [digits, f"00{digits}", f"011{digits}", f"0{number.national}"]
    return list(dict.fromkeys(key for key in keys if key))


@lru_cache(maxsize=4096)
def _display(text: str, region: str) -> str:
    number = parse(text, region)
    if not number.e164:
        return number.national if number.kind in {"short", "sip"} else spelling.tidy(text)
    parsed = phonenumbers.parse(number.e164)
    parsed.extension = number.extension or None
    at_home = parsed.country_code == phonenumbers.country_code_for_region(region)
    return phonenumbers.format_number(
        parsed, PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    )
