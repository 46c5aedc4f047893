"""From a text to numbers: which of its readings is the likeliest, and how sure that is.

A text is taken apart into segments (several numbers in one field), a segment into number and extension, and the number
is tried as written, then with the plus that is missing or the prefix that another country uses. The first reading that
is valid by a numbering plan wins; else the first that is possible by its length; else the digits stand for themselves.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumberFormat, PhoneNumberType, ValidationResult

from . import spelling

__all__ = ["SUPERSEDED", "Kind", "Number", "read_all"]

Kind = Literal["valid", "possible", "short", "withheld", "sip", "unreadable"]

#: E.164 allows 15 digits; two more leave room for prefixes that a telephone system puts in front, and four for the
#: international prefix of another country ("0011" in Australia).
_MOST_DIGITS = 17
_MOST_DIGITS_WITH_PREFIX = 19
_MOST_SHORT_DIGITS = 6
_FEWEST_DIGITS = 7
#: From this length on, digits without a plus are tried as an international number (country code included).
_FEWEST_INTERNATIONAL_DIGITS = 11

#: International prefixes in general use, longest first, for texts that were written in another country than the region.
_INTERNATIONAL_PREFIXES = ("0011", "011", "010", "810", "00")

#: Country codes whose numbers networks still show in a form that the numbering plan has given up, with the digits in
#: front of the national number that are no longer dialled: Mexico's mobile phones until 2019.
SUPERSEDED = {"52": ("1", 10)}

#: Country codes with the prefixes that national calls had and have no longer, but that still stand in records: Mexico's
#: until 2019, the zero before Italian mobile numbers until 2001.
_FORMER_PREFIXES = {"52": ("044", "045", "01"), "39": ("0",)}

_COUNTRY_WAS_WRITTEN = frozenset({CountryCodeSource.FROM_NUMBER_WITH_PLUS_SIGN, CountryCodeSource.FROM_NUMBER_WITH_IDD})
_NO_COUNTRY = frozenset({phonenumbers.UNKNOWN_REGION, phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY, None})

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


class _Reading(NamedTuple):
    """One way to understand the digits."""

    text: str
    is_guess: bool = False
    """Whether the plus was put there by us: good enough if the result is valid, never by length alone."""
    is_foreign: bool = False
    """Whether that plus makes a country code of digits which are not the region's own."""


@lru_cache(maxsize=8192)
def read_all(raw: str, region: str) -> tuple[Number, ...]:
    """Every number of ``raw``, the readable ones first; at least one, ``withheld`` or ``unreadable`` if need be.

    Args:
        region: upper-case country code for national spellings; an unknown one leaves their country open.
    """
    text = spelling.tidy(raw)
    if spelling.is_withheld(text):
        return (Number(raw, "", "", "", "", "withheld"),)
    if spelling.is_plain(text):
        number = _read_digits(raw, text, region, "")
        return (number,) if number.kind != "unreadable" else _read_run(raw, text, region)
    address = _read_address(raw, text, region)
    if address:
        return (address,)
    segments = spelling.segments(text)
    if len(segments) < 2:
        found = _read_segment(raw, text, region)
        return found if found[0].kind != "unreadable" else _read_run(raw, text, region)
    return _in_order([number for segment in segments for number in _read_segment(segment, segment, region)], raw)


def _in_order(numbers: list[Number], raw: str) -> tuple[Number, ...]:
    """Valid numbers first. Beside them what is merely possible counts as a remainder that cannot be read."""
    valid = [number for number in numbers if number.kind == "valid"]
    rest = [number for number in numbers if number.kind != "valid"]
    if valid:
        return (*valid, *(_unreadable(number.raw) for number in rest))
    readable = [number for number in rest if number.kind != "unreadable"]
    return tuple(readable) or (_unreadable(raw),)


def _read_run(raw: str, text: str, region: str) -> tuple[Number, ...]:
    """Read what makes no number as several with words, dashes or blanks between them; each must be complete then."""
    for pieces in spelling.runs(text):
        numbers = [number for piece in pieces for number in _read_segment(piece, piece, region)]
        if len(numbers) > 1 and all(_complete(number).kind == "valid" for number in numbers):
            return tuple(numbers)
    return (_unreadable(raw),)


def _read_segment(raw: str, text: str, region: str) -> tuple[Number, ...]:
    """Read what may be one number with slashes in it ("089/123456") or several ("0171 1234567 / 0172 1234567")."""
    before = spelling.before_word(text)
    if before:
        first = _read_segment(before, before, region)
        if first[0].kind == "valid" and not first[0].assumed:
            rest = text[len(before) :].strip()
            return _in_order([*first, *map(_complete, _read_segment(rest, rest, region))], raw)
    pieces = spelling.slashed(text)
    if len(pieces) < 2:
        return (_read_one(raw, text, region),)
    if spelling.is_country_code(pieces[0]):
        return _read_segment(raw, text.replace("/", " ", 1), region)
    apart = spelling.slashed(text, spelling.APART)
    if 1 < len(apart) < len(pieces):
        # "0171/1234567 / 0172/7654321": the slashes between blanks part the numbers, the others are within them.
        return _in_order([number for part in apart for number in _read_segment(part, part, region)], raw)
    before = spelling.before_alternative(text)
    if before:
        first = _read_segment(before, before, region)
        if first[0].kind == "valid":
            return (*first, _unreadable(text[len(before) :].strip(" /")))
    # What opens a number of its own, or stands apart from one that is complete, must not be glued to it.
    anew = any(map(spelling.begins_anew, pieces[1:]))
    if not anew and not spelling.is_spaced(text) and min(map(spelling.count_digits, pieces)) < _FEWEST_DIGITS:
        whole = _read_one(raw, text, region)
        if whole.kind == "valid":
            return (whole,)
    # A piece is a number of its own if it is complete; "1234567" behind "0157/" is not, whatever it may be elsewhere.
    complete = [_complete(_read_one(piece, piece, region)) for piece in pieces]
    if anew and spelling.is_area_code(pieces[0], pieces[1:], text) and complete[-1].kind != "valid":
        # "0639/01 23 45": subscribers' numbers may begin with a zero, and an area code is nobody's number.
        whole = _read_one(raw, text, region)
        if whole.kind == "valid":
            return (whole,)
    if all(number.kind == "valid" for number in complete):
        return tuple(complete)
    if anew or (spelling.is_spaced(text) and complete[0].kind == "valid"):
        return _in_order(complete, raw)
    whole = _read_one(raw, text, region)
    if whole.kind != "valid" and any(number.kind == "valid" for number in complete):
        return _in_order(complete, raw)
    return (whole,)


def _complete(number: Number) -> Number:
    return number if number.kind == "valid" and not number.assumed else _unreadable(number.raw)


def _read_address(raw: str, text: str, region: str) -> Number | None:
    """Read a SIP address: the number in it, or the address itself."""
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
    """Read a text that holds one number at most, among words perhaps."""
    main, extension = spelling.split_extension(text)
    number = _read_digits(raw, spelling.without_words(main), region, extension, words=main)
    if number.kind == "valid":
        return number
    spelled = spelling.keypad_digits(main)
    if spelled:
        as_spelled = _judge_valid(raw, spelled, region, extension)
        return as_spelled if as_spelled and _may_be_spelled(as_spelled, text) else _unreadable(raw)
    return number


def _read_digits(raw: str, text: str, region: str, extension: str, words: str = "") -> Number:
    """Read a text of digits and punctuation. ``words`` is the text with the words that stood in it, if there are."""
    digits = spelling.bare_digits(text)
    if not digits or len(digits) > _MOST_DIGITS_WITH_PREFIX:
        return _unreadable(raw)
    without_trunk_prefix: Number | None = None
    for reading in _readings(text, digits, region):
        number = _judge_valid(raw, reading.text, region, extension, reading.is_foreign)
        if number:
            if number.assumed and len(digits) <= _MOST_SHORT_DIGITS:
                break  # "30123" is somebody's extension rather than an area code with three digits
            if number.assumed and not reading.is_foreign and _is_rather_foreign(digits):
                without_trunk_prefix = without_trunk_prefix or number
                continue
            return number
    if without_trunk_prefix:
        return without_trunk_prefix
    short = spelling.short_number(words or text)
    if short:
        return Number(raw, "", short, "", "", "short")
    return _judge_possible(raw, _readings(text, digits, region), region, extension) or _unknown_country(
        raw, text, digits, extension
    )


def _is_rather_foreign(digits: str) -> bool:
    """Whether digits without plus and trunk prefix are rather another country's, complete, than the region's own.

    "33612345678" in Germany is a French mobile phone; "15712345678" is a German one whose zero a spreadsheet ate,
    though it could be American.
    """
    return len(digits) >= _FEWEST_INTERNATIONAL_DIGITS and (len(digits) > 11 or digits[0] != "1")


def _readings(text: str, digits: str, region: str) -> Iterator[_Reading]:
    """Readings in order of plausibility: as written, then with the plus that is missing or too much."""
    plus = "+" in text
    as_international = not plus and len(digits) >= _FEWEST_INTERNATIONAL_DIGITS
    # "4930…" in Germany is the country code rather than an area whose trunk zero is missing.
    at_home = as_international and digits.startswith(_country_code(region))
    if at_home:
        yield _Reading(f"+{digits}", is_guess=True)
    if "(0)" in text and (plus or digits.startswith("00")):
        # Left to the library, Colombia's "0" makes a carrier's code of the digit behind it. Italy keeps its zero.
        yield _Reading(text.replace("(0)", "", 1), is_guess=True)
    yield _Reading(text)
    if plus and digits[0] == "0":
        yield _Reading(digits)
    if not plus and digits[0] in "08":
        prefix = next((prefix for prefix in _INTERNATIONAL_PREFIXES if digits.startswith(prefix)), "")
        rest = digits[len(prefix) :].lstrip("0")
        if prefix and rest:
            yield _Reading(f"+{rest}")
    if as_international and not at_home:
        yield _Reading(f"+{digits}", is_guess=True, is_foreign=True)
    old = digits.lstrip("0")
    for country_code, prefixes in _FORMER_PREFIXES.items():
        if plus or old.startswith(country_code):
            rest = old.removeprefix(country_code) if old.startswith(country_code) else ""
        else:
            rest = digits if _country_code(region) == country_code else ""
        for prefix in prefixes:
            if rest.startswith(prefix):
                yield _Reading(f"+{country_code}{rest.removeprefix(prefix)}", is_guess=True)
    for country_code, (old_prefix, length) in SUPERSEDED.items():
        if old.startswith(country_code + old_prefix) and len(old) == len(country_code + old_prefix) + length:
            yield _Reading(f"+{country_code}{old[-length:]}", is_guess=True)


def _library_parse(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _judge_valid(raw: str, text: str, region: str, extension: str, is_foreign: bool = False) -> Number | None:
    parsed = _library_parse(text, region)
    if parsed is None:
        return None
    country = phonenumbers.region_code_for_number(parsed)
    if country is None or not phonenumbers.is_valid_number_for_region(parsed, country):
        return None
    national = phonenumbers.national_significant_number(parsed)
    assumed = is_foreign or (
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
        "" if country in _NO_COUNTRY else country,
        "valid",
        assumed,
    )


def _judge_possible(raw: str, readings: Iterable[_Reading], region: str, extension: str) -> Number | None:
    """Read a number that no numbering plan knows, by its length alone."""
    is_written = False
    for reading in readings:
        parsed = None if reading.is_guess else _library_parse(reading.text, region)
        if parsed is None:
            continue
        is_written = is_written or parsed.country_code_source in _COUNTRY_WAS_WRITTEN
        if phonenumbers.is_possible_number_with_reason(parsed) != ValidationResult.IS_POSSIBLE:
            continue
        national = phonenumbers.national_significant_number(parsed)
        country = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
        return Number(
            raw,
            f"+{parsed.country_code}{national}",
            national,
            extension or parsed.extension or "",
            "" if country in _NO_COUNTRY else country,
            "possible",
            assumed=not is_written,
        )
    return None


def _unknown_country(raw: str, text: str, digits: str, extension: str) -> Number:
    """Keep the digits of a number that may be one in some other country; one with a plus has no such excuse."""
    bare = digits.lstrip("0")
    if len(bare) < _FEWEST_DIGITS or len(digits) > _MOST_DIGITS or "+" in text:
        return _unreadable(raw)
    return Number(raw, "", bare, extension, "", "possible", assumed=True)


def _unreadable(raw: str) -> Number:
    return Number(raw, "", "", "", "", "unreadable")


def _may_be_spelled(number: Number, text: str) -> bool:
    """Whether letters may stand for keys: "212-555-HELP", "0800-flowers", but not "0171 Schmidt"."""
    if text.upper() == text:
        return True
    return phonenumbers.number_type(phonenumbers.parse(number.e164)) in _SPELLED_LINE_TYPES


@lru_cache(maxsize=512)
def _country_code(region: str) -> str:
    """The digits of the region's country code; something that no number begins with, for an unknown region."""
    return str(phonenumbers.country_code_for_region(region)) if region in phonenumbers.SUPPORTED_REGIONS else "-"


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
