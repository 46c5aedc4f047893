"""Telephone numbers: reading any spelling, showing them, dialling them, searching for them.

Reading never raises. What cannot be read says so in :attr:`Number.kind`; what was only assumed says so in
:attr:`Number.assumed`. Judgement about countries comes from ``phonenumbers`` (the metadata of Google's libphonenumber).

National numbers need a region (ISO 3166 code). Where the caller has none, ``VOIPCTI["DEFAULT_REGION"]`` counts; a
line's own is :attr:`django_voipcti.models.Line.effective_region`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumberFormat, PhoneNumberType

from ..conf import app_settings
from . import spelling
from .describe import FoundNumber, NumberFacts, describe, find_in_text

__all__ = [
    "FoundNumber",
    "Kind",
    "Number",
    "NumberFacts",
    "describe",
    "dial_string",
    "display",
    "find_in_text",
    "parse",
    "parse_all",
    "search_keys",
]

Kind = Literal["valid", "possible", "short", "withheld", "sip", "unreadable"]

#: E.164 allows 15 digits; two more leave room for prefixes that a telephone system puts in front.
_MOST_DIGITS = 17
_MOST_SHORT_DIGITS = 6
_FEWEST_DIGITS = 7
#: From this length on, digits without a plus are tried as an international number (country code included).
_FEWEST_INTERNATIONAL_DIGITS = 11

#: International prefixes in general use, longest first, for texts that were written in another country than the region.
_INTERNATIONAL_PREFIXES = ("0011", "011", "010", "810", "00")
_CANONICAL = re.compile(r"\+[1-9]\d{6,14}")

#: Numbers that networks still show in a form that the numbering plan has given up: (country code, pattern, new form).
_SUPERSEDED = (("52", re.compile(r"1(\d{10})"), r"\1"),)  # Mexico, since 2019 without the 1 for mobile phones

_SPELLED_LINE_TYPES = frozenset(
    {
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.UAN,
    }
)


@dataclass(frozen=True, slots=True)
class Number:
    """One telephone number as read from a text."""

    raw: str
    """The text as it stood."""
    e164: str
    """``+`` and up to 15 digits; empty if the country is unknown or the text is no ordinary number."""
    national: str
    """National significant digits; for ``short`` the number itself, for ``sip`` the address ``user@host``."""
    extension: str
    """Digits behind "ext.", "x", "#" and the like; empty if none."""
    country: str
    """ISO 3166 code; empty if unknown or none (satellite and international toll-free numbers)."""
    kind: Kind
    """``valid`` by the numbering plan; ``possible`` by length alone; ``short`` (extension, service or emergency
    number); ``withheld`` (also an empty text); ``sip`` (an address without a number); ``unreadable``."""
    assumed: bool = False
    """Country or area was not written but taken from the region: a weaker witness than a complete number."""

    @property
    def digits(self) -> str:
        """All digits, country code included where it is known."""
        return self.e164[1:] or self.national

    @property
    def is_dialable(self) -> bool:
        """Whether there is something that a telephone could dial."""
        return self.kind not in {"withheld", "unreadable"}


def parse(text: str, region: str = "") -> Number:
    """Read the (first) number of ``text``; national spellings count for ``region``. Never raises."""
    return parse_all(text, region)[0]


def parse_all(text: str, region: str = "") -> tuple[Number, ...]:
    """Read every number of a field that may hold several ("0171 1234567 / 089 765432"). Never raises, never empty.

    A piece that cannot be read beside others that can is part of the answer, as ``unreadable``.
    """
    return _read_all(str(text), (region or app_settings.default_region).upper())


def is_canonical(text: str) -> bool:
    """Whether ``text`` is spelled as E.164 (which does not say that such a number exists)."""
    return _CANONICAL.fullmatch(text) is not None


def display(text: str, region: str = "") -> str:
    """Write a number as people do: national form within ``region``'s country code, international otherwise.

    What is no ordinary number (extension, SIP address, unreadable) comes back as it stood.
    """
    return _display(text, (region or app_settings.default_region).upper())


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
        return number.national if number.kind in {"short", "sip"} else spelling.tidy(str(text))
    parsed = phonenumbers.parse(number.e164)
    parsed.extension = number.extension or None
    at_home = parsed.country_code == phonenumbers.country_code_for_region(region)
    return phonenumbers.format_number(
        parsed, PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    )


@lru_cache(maxsize=8192)
def _read_all(raw: str, region: str) -> tuple[Number, ...]:
    text = spelling.tidy(raw)
    special = _read_special(raw, text, region)
    if special:
        return (special,)
    pieces = spelling.parts(text)
    if len(pieces) < 2:
        return (_read_one(raw, text, region),)
    numbers = tuple(_read_one(piece, piece, region) for piece in pieces)
    if all(number.kind == "valid" for number in numbers):
        return numbers
    # "089/123456" is one number with a slash; "0171 1 / 0171 2" is not, and must not be glued into one.
    separate = not spelling.may_be_one(text, pieces) or (spelling.is_spaced(text) and numbers[0].kind == "valid")
    whole = None if separate else _read_one(raw, text, region)
    if whole and whole.kind == "valid":
        return (whole,)
    if any(number.kind == "valid" for number in numbers):
        # Readable ones first; a remainder like the "12" of "089 123456 / 12" stays visible as unreadable.
        return tuple(
            sorted(
                (number if number.kind == "valid" else _unreadable(number.raw) for number in numbers),
                key=lambda number: number.kind != "valid",
            )
        )
    return (whole or _unreadable(raw),)


def _read_special(raw: str, text: str, region: str) -> Number | None:
    """Callers without a number: withheld ones and SIP addresses."""
    if spelling.is_withheld(text):
        return Number(raw, "", "", "", "", "withheld")
    sip = spelling.sip_parts(text)
    if sip is None:
        return None
    if not sip.address:
        return Number(raw, "", "", "", "", "withheld")
    if sip.number:
        number = _read_one(raw, sip.number, region)
        if number.kind != "unreadable":
            return number
    return Number(raw, "", sip.address, "", "", "sip")


def _read_one(raw: str, text: str, region: str) -> Number:
    """Read a tidied text that holds one number at most."""
    main, extension = spelling.split_extension(text)
    spelled = spelling.keypad_digits(main)
    main = spelling.without_words(main)
    digits = spelling.bare_digits(main)
    if not digits or len(digits) > _MOST_DIGITS:
        return _unreadable(raw)
    for candidate in _candidates(main, digits):
        number = _judge_valid(raw, candidate, region, extension)
        if number:
            if number.assumed and len(digits) <= _MOST_SHORT_DIGITS:
                break  # "30123" is somebody's extension rather than an area code with three digits
            return number
    if spelled:
        number = _judge_valid(raw, spelled, region, extension)
        return number if number and _may_be_spelled(number, text) else _unreadable(raw)
    short = spelling.short_number(text)
    if short:
        return Number(raw, "", short, "", "", "short")
    return _judge_possible(raw, main, digits, region, extension)


def _candidates(main: str, digits: str) -> list[str]:
    """Readings in order of plausibility: as written, then with the plus that is missing or too much."""
    candidates = [main]
    plus = "+" in main
    if plus and digits.startswith("0"):
        candidates.append(digits)
    if not plus:
        rest = next(
            (digits[len(prefix) :] for prefix in _INTERNATIONAL_PREFIXES if digits.startswith(prefix)), ""
        ).lstrip("0")
        if rest:
            candidates.append(f"+{rest}")
        if len(digits) >= _FEWEST_INTERNATIONAL_DIGITS:
            candidates.append(f"+{digits}")
    for country_code, old, new in _SUPERSEDED:
        rest = digits.lstrip("0").removeprefix(country_code)
        if rest != digits and old.fullmatch(rest):
            candidates.append(f"+{country_code}{old.sub(new, rest)}")
    return candidates


def _library_parse(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _judge_valid(raw: str, text: str, region: str, extension: str) -> Number | None:
    parsed = _library_parse(text, region)
    if parsed is None:
        return None
    country = phonenumbers.region_code_for_number(parsed)
    if country is None or not phonenumbers.is_valid_number_for_region(parsed, country):
        return None
    national = phonenumbers.national_significant_number(parsed)
    assumed = (
        parsed.country_code_source == CountryCodeSource.FROM_DEFAULT_COUNTRY
        and _writes_trunk_prefix(region)
        and spelling.bare_digits(text) == national
        and _needs_trunk_prefix(parsed, national)
    )
    return Number(
        raw,
        f"+{parsed.country_code}{national}",
        national,
        extension or parsed.extension or "",
        "" if country == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else country,
        "valid",
        assumed,
    )


def _judge_possible(raw: str, main: str, digits: str, region: str, extension: str) -> Number:
    parsed = _library_parse(main, region)
    explicit = parsed is not None and parsed.country_code_source in {
        CountryCodeSource.FROM_NUMBER_WITH_PLUS_SIGN,
        CountryCodeSource.FROM_NUMBER_WITH_IDD,
    }
    if parsed and phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE:
        national = phonenumbers.national_significant_number(parsed)
        country = phonenumbers.region_code_for_country_code(parsed.country_code)
        return Number(
            raw,
            f"+{parsed.country_code}{national}",
            national,
            extension or parsed.extension or "",
            "" if country in {phonenumbers.UNKNOWN_REGION, phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY} else country,
            "possible",
            not explicit,
        )
    bare = digits.lstrip("0")
    if not explicit and "+" not in main and len(bare) >= _FEWEST_DIGITS:
        return Number(raw, "", bare, extension, "", "possible", assumed=True)
    return _unreadable(raw)


def _unreadable(raw: str) -> Number:
    return Number(raw, "", "", "", "", "unreadable")


def _may_be_spelled(number: Number, text: str) -> bool:
    """Whether letters may stand for keys: "212-555-HELP", "0800-flowers", but not "0171 Schmidt"."""
    if text.upper() == text:
        return True
    return phonenumbers.number_type(phonenumbers.parse(number.e164)) in _SPELLED_LINE_TYPES


@lru_cache(maxsize=512)
def _writes_trunk_prefix(region: str) -> bool:
    """Whether national numbers of the region are written with a prefix ("0" in most of Europe, none in the USA)."""
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or not metadata.national_prefix:
        return False
    return any(
        metadata.national_prefix in (form.national_prefix_formatting_rule or "").replace("\\1", "")
        for form in metadata.number_format
    )


def _needs_trunk_prefix(parsed: phonenumbers.PhoneNumber, national: str) -> bool:
    """Whether this very number would be written with the prefix ("1300 …" in Australia would not)."""
    written = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    return spelling.bare_digits(written.partition(" ext")[0]) != national
