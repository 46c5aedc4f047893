"""How surely a row of the index is the caller: pure comparison of numbers, no database.

=============  =====================================================================================================
``exact``      the same number, or the same internal number
``national``   the same number, where the country or the area code was assumed on one side
``suffix``     at least nine digits agree from the end; the country of one side is unknown
``learned``    a person chose this record for this number
=============  =====================================================================================================

The rule behind all of it: two numbers whose countries are both known are the same or they are not. Only where a country
is unknown do digits from the end count, and then everything in front of them must be explicable.
"""

from typing import Any, Literal, NamedTuple

from ..models.phonebook import EntryKind
from . import numbers, spelling

__all__ = ["COLUMNS", "FETCHED_DIGITS", "RANK", "Caller", "Candidate", "Confidence", "judge"]

Confidence = Literal["exact", "national", "suffix", "learned"]

#: Best first.
RANK: dict[Confidence, int] = {"learned": 0, "exact": 1, "national": 2, "suffix": 3}

#: Digits from the end that two numbers must share at least when the country of one is unknown.
FEWEST_SUFFIX_DIGITS = 9
#: Digits from the end by which candidates are fetched; the judgement then looks at all of them.
FETCHED_DIGITS = 7
#: "+", a country code of three digits at most and seven digits: short enough for FETCHED_DIGITS to be national ones.
_FEWEST_CANONICAL = 11


class Candidate(NamedTuple):
    """A row of the index as it is fetched."""

    content_type_id: int
    object_id: str
    position: int
    text: str
    kind: str
    assumed: bool
    e164: str
    national: str
    extension: str
    label: str
    company: str
    url: str
    owner_id: Any

    @property
    def backwards(self) -> str:
        """The row's ``reversed``."""
        return (self.e164[1:] or self.national)[::-1]


COLUMNS = Candidate._fields


class Caller:
    """The number that is looked up. A canonical spelling is asked for as it stands and read only if that matters."""

    __slots__ = ("_number", "e164", "is_vague", "region", "text")

    def __init__(self, text: str, region: str, *, read: bool = False) -> None:
        self.text, self.region = text, region
        self._number: numbers.Number | None = None
        self.e164 = ""
        self.is_vague = False
        if not read and len(text) >= _FEWEST_CANONICAL and numbers.is_canonical(text):
            self.e164 = text
        else:
            self.reread()

    @property
    def number(self) -> numbers.Number:
        """The number as read."""
        if self._number is None:
            self._number = numbers.parse(self.text, self.region)
        return self._number

    def reread(self) -> bool:
        """Read the text; return whether it means another number than the one that its spelling shows."""
        if self._number is not None or (self.e164 and not numbers.may_be_misspelled(self.e164)):
            return False
        number, before = self.number, self.e164
        self.is_vague = number.kind == "possible" and number.assumed
        self.e164 = "" if self.is_vague else number.e164
        return self.e164 != before and self.is_searchable

    @property
    def is_searchable(self) -> bool:
        """Whether anybody can be found by it."""
        return bool(self.e164) or self.number.is_dialable

    @property
    def is_assumed(self) -> bool:
        """Whether country or area code were assumed."""
        return self._number is not None and self._number.assumed

    @property
    def extension(self) -> str:
        """The caller's extension; a canonical spelling has none."""
        return self._number.extension if self._number is not None else ""

    @property
    def key(self) -> str:
        """What a learned choice is kept under."""
        return self.e164 or self.number.national

    @property
    def digits(self) -> str:
        """The digits as they were sent, leading zeros dropped: all that is known of a number of unknown country."""
        return spelling.bare_digits(spelling.tidy(self.text)).lstrip("0")

    @property
    def reach(self) -> tuple[str, bool]:
        """What ``reversed`` of a candidate begins with, and whether more may follow: the last digits, backwards."""
        if self.e164:
            # Before it is read, the country code is unknown; the length makes sure that the digits are national ones.
            digits = self.e164 if self._number is None else self._number.national
            return digits[: -FETCHED_DIGITS - 1 : -1], True
        digits = self.digits if self.is_vague else ""
        if len(digits) >= FETCHED_DIGITS:
            return digits[: -FETCHED_DIGITS - 1 : -1], True
        return self.number.national[::-1], False


def judge(caller: Caller, row: Candidate) -> Confidence | None:
    """How surely the row's number is the caller's; None: it is not."""
    if row.kind == EntryKind.LEARNED:
        return "learned" if (row.e164 or row.national) == caller.key else None
    if row.e164:
        if row.e164 == caller.e164:
            if not _is_same_extension(caller, row):
                return None
            return "national" if row.assumed or caller.is_assumed else "exact"
        if not caller.is_vague:
            return None
        return _judge_digits(caller.digits, row.e164[1:], row.national)
    number = caller.number
    if row.kind == EntryKind.SHORT:
        return "exact" if row.national == _as_keyed(caller) else None
    if row.kind == EntryKind.SIP:
        return "exact" if number.kind == "sip" and row.national == number.national else None
    if row.kind != EntryKind.POSSIBLE or number.kind not in {"valid", "possible"}:
        return None
    if not _is_same_extension(caller, row):
        return None
    full = caller.e164[1:] or caller.digits
    return _judge_digits(row.national, full, number.national)


def _as_keyed(caller: Caller) -> str:
    """An internal number as somebody would key it; empty where a country was named, so that it is none."""
    number = caller.number
    if number.kind == "short":
        return number.national
    return spelling.tidy(caller.text).replace(" ", "") if number.assumed else ""


def _is_same_extension(caller: Caller, row: Candidate) -> bool:
    """Whether the extensions, where both sides have one, are the same: behind a switchboard others are others."""
    return not row.extension or not caller.extension or row.extension == caller.extension


def _judge_digits(unknown: str, full: str, national: str) -> Confidence | None:
    """Compare digits of unknown country with a number of which all digits are known.

    Whole equality is a national match. Otherwise nine digits must agree and the rest must be explicable: one digit for
    an outside line in front, a prefix before the country code, or a part of the area code that was left out.
    """
    if unknown in {full, national}:
        return "national"
    if min(len(unknown), len(national)) < FEWEST_SUFFIX_DIGITS:
        return None
    if unknown.endswith(full) or (national.endswith(unknown) and len(national) - len(unknown) <= 2):
        return "suffix"
    if unknown.endswith(national) and len(unknown) - len(national) == 1:
        return "suffix"
    return None
