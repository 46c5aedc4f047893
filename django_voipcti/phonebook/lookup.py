"""Who is calling? One statement over the side index, then a judgement row by row.

The statement fetches what may fit: rows with the same E.164 number, and rows of unknown country whose last digits are
those of the caller (a range over the digits backwards, which both PostgreSQL and SQLite answer from an index). The
judgement is Python and strict: a row of another country, another extension or with one more digit is nobody.

=============  =====================================================================================================
``exact``      the same number, or the same internal number
``national``   the same number, where the country or the area code was assumed on one side
``suffix``     at least nine digits agree from the end; the country of one side is unknown
``learned``    a person chose this record for this number
=============  =====================================================================================================
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.db import connections, models, router
from django.utils.translation import gettext as _

from ..models import PhonebookEntry
from ..models.phonebook import EntryKind
from . import numbers, spelling
from .registry import Registration, registry

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

__all__ = ["Confidence", "Match", "lookup", "lookup_many"]

Confidence = Literal["exact", "national", "suffix", "learned"]

#: Digits from the end that two numbers must share at least when the country of one is unknown.
FEWEST_SUFFIX_DIGITS = 9
#: Digits from the end by which candidates are fetched; the judgement then looks at all of them.
_FETCHED_DIGITS = 7
_FETCHED_DIGITS_OF_UNKNOWN = 9
#: A number that so many records share says nothing about the caller; more are not fetched.
MOST_ROWS = 200
#: Requests answered by one statement; SQLite limits the depth of a condition to 1,000.
_MOST_REQUESTS = 150
_FEWEST_CANONICAL = 11

_RANK: dict[str, int] = {"learned": 0, "exact": 1, "national": 2, "suffix": 3}


@dataclass(frozen=True, slots=True)
class Match:
    """One record that the number may belong to."""

    content_type_id: int
    object_id: str
    model: str
    """``app_label.model`` in lower case."""
    label: str
    company: str
    url: str
    confidence: Confidence
    reason: str
    """Why it matches: a sentence in the active language."""
    owner_id: int | None

    def instance(self) -> models.Model | None:
        """The record itself, fetched now; None if it is gone."""
        model = ContentType.objects.get_for_id(self.content_type_id).model_class()
        if model is None:
            return None
        return model._base_manager.filter(pk=self.object_id).first()


class _Candidate(NamedTuple):
    """A row as fetched; the order of :data:`_FETCHED`."""

    content_type_id: int
    object_id: str
    field: str
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


_FETCHED = _Candidate._fields


def lookup(number: str, *, region: str = "", user: "AbstractBaseUser | AnonymousUser | None" = None) -> list[Match]:
    """Find every record that ``number`` may belong to, the likeliest first.

    Empty for withheld callers, for numbers of our own lines and for what is no number. One query; a second one if the
    number is not spelled as E.164 and that matters.

    Args:
        number: the caller in any spelling.
        region: country code by which national spellings are read; empty: ``VOIPCTI["DEFAULT_REGION"]``.
        user: whose screen it is for: records that he may not view lose their name, his own come first.
    """
    caller = _Caller(number, region)
    if not caller.is_searchable:
        return []
    rows = _fetch(*caller.condition())
    if not rows and caller.reread():
        rows = _fetch(*caller.condition())
    return _matches(caller, rows)


def lookup_many(requests: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[Match]]:
    """Look up a batch of (number, region) with one query per 150 requests; every request has an answer."""
    callers = {request: _Caller(*request, as_read=True) for request in requests}
    asking = [caller for caller in callers.values() if caller.is_searchable]
    rows: dict[tuple[Any, ...], _Candidate] = {}
    for start in range(0, len(asking), _MOST_REQUESTS):
        conditions = [caller.condition() for caller in asking[start : start + _MOST_REQUESTS]]
        shapes = " OR ".join(shape for shape, _parameters in conditions)
        parameters = [parameter for _shape, each in conditions for parameter in each]
        for row in _fetch(shapes, parameters, most=MOST_ROWS * len(conditions)):
            rows[row] = row
    known: dict[str, list[_Candidate]] = {}
    for row in rows:
        known.setdefault(row.e164, []).append(row)  # type: ignore[arg-type]
    unknown = known.pop("", [])
    every = [row for group in known.values() for row in group]
    return {
        request: _matches(caller, [*known.get(caller.e164, ()), *(every if caller.is_vague else ()), *unknown])
        if caller.is_searchable
        else []
        for request, caller in callers.items()
    }


class _Caller:
    """The number that is looked up. A canonical spelling is asked for as it stands and read only if that matters."""

    __slots__ = ("_number", "e164", "is_vague", "region", "text")

    def __init__(self, text: str, region: str, *, as_read: bool = False) -> None:
        self.text, self.region = text, region
        self._number: numbers.Number | None = None
        self.e164 = ""
        self.is_vague = False
        if not as_read and len(text) >= _FEWEST_CANONICAL and numbers.is_canonical(text):
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
        """Read the text; return whether that asks for other rows than the text itself did."""
        if self._number is not None:
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
    def digits(self) -> str:
        """The digits of a caller of unknown country, leading zeros dropped."""
        return spelling.bare_digits(spelling.tidy(self.text)).lstrip("0")

    def condition(self) -> tuple[str, list[str]]:
        """SQL that fetches the candidates."""
        if self.is_vague:
            low = self.digits[::-1][:_FETCHED_DIGITS_OF_UNKNOWN]
            return _BY_DIGITS, [low, f"{low}a"]
        if self.e164:
            # Before it is read, the country code is unknown; the length makes sure that the digits are national ones.
            low = (self.e164[1:] if self._number is None else self.number.national)[::-1][:_FETCHED_DIGITS]
            return _BY_NUMBER, [self.e164, low, f"{low}a"]
        return _BY_KEY, [self.number.national[::-1]]

    def is_same_extension(self, row: _Candidate) -> bool:
        """Whether the extension, where both sides have one, is the same."""
        if not row.extension or (self._number is None and numbers.is_canonical(self.text)):
            return True
        return not self.number.extension or self.number.extension == row.extension


#: Digits are compared with digits only; "a" stands behind every digit in any collation.
_BY_NUMBER = "e164 = %s OR (e164 = '' AND reversed >= %s AND reversed < %s)"
_BY_DIGITS = "(reversed >= %s AND reversed < %s)"
_BY_KEY = "(e164 = '' AND reversed = %s)"


@lru_cache(maxsize=64)
def _select(using: str, condition: str) -> str:
    operations = connections[using].ops
    by_attname = {field.attname: field.column for field in PhonebookEntry._meta.concrete_fields}
    columns = ", ".join(operations.quote_name(by_attname[name]) for name in _FETCHED)
    table = operations.quote_name(PhonebookEntry._meta.db_table)
    return f"SELECT {columns} FROM {table} WHERE {condition}"  # noqa: S608  conditions are constants of this module


def _fetch(condition: str, parameters: Sequence[str], most: int = MOST_ROWS) -> list[_Candidate]:
    using = router.db_for_read(PhonebookEntry)
    with connections[using].cursor() as cursor:
        cursor.execute(_select(using, condition), parameters)
        return [_Candidate._make(row) for row in cursor.fetchmany(most)]


def _matches(caller: _Caller, rows: Sequence[_Candidate]) -> list[Match]:
    """Judge the candidates, keep the best row of each record, rank the records."""
    best: dict[tuple[int, str], tuple[tuple[Any, ...], _Candidate, Confidence]] = {}
    for row in rows:
        if row.kind == EntryKind.OWN:
            if row.e164 and row.e164 == caller.e164:
                return []
            continue
        confidence = _judge(caller, row)
        if confidence is None:
            continue
        registration = _registration(row.content_type_id)
        if registration is None:
            continue
        rank = (_RANK[confidence], bool(row.extension), registration.order, row.position, row.label, row.object_id)
        key = (row.content_type_id, row.object_id)
        if key not in best or rank < best[key][0]:
            best[key] = (rank, row, confidence)
    ranked = sorted(best.values(), key=lambda entry: entry[0])
    return [_match(row, confidence) for _rank, row, confidence in ranked]


def _judge(caller: _Caller, row: _Candidate) -> Confidence | None:
    """How surely the row's number is the caller's; None: it is not."""
    if row.e164:
        if row.e164 == caller.e164:
            if not caller.is_same_extension(row):
                return None
            is_weak = row.assumed or (caller._number is not None and caller._number.assumed)
            return "national" if is_weak else "exact"
        if not caller.is_vague:
            return None
        return _judge_digits(caller.digits, row.e164[1:], row.national)
    number = caller.number
    if row.kind in {EntryKind.SHORT, EntryKind.SIP}:
        same = row.national in {number.national, spelling.tidy(caller.text).replace(" ", "")}
        return "exact" if (same and not number.e164) or (same and number.assumed) else None
    if row.kind != EntryKind.POSSIBLE or number.kind not in {"valid", "possible"}:
        return None
    if not caller.is_same_extension(row):
        return None
    if caller.e164:
        return _judge_digits(row.national, caller.e164[1:], number.national)
    return _judge_digits(row.national, caller.digits, number.national)


def _judge_digits(unknown: str, full: str, national: str) -> Confidence | None:
    """Compare digits of unknown country with a number of which all digits are known.

    Whole equality is a national match. Otherwise nine digits must agree and the rest must be explicable: one digit for
    an outside line in front, a prefix before the country code, or a part of the area code that was left out.
    """
    if unknown in {full, national}:
        return "national"
    if min(len(unknown), len(national)) < FEWEST_SUFFIX_DIGITS:
        return None
    if unknown.endswith(full) or national.endswith(unknown):
        return "suffix"
    if unknown.endswith(national) and len(unknown) - len(national) == 1:
        return "suffix"
    return None


def _registration(content_type_id: int) -> Registration | None:
    return registry.get(ContentType.objects.get_for_id(content_type_id).model_class())


def _match(row: _Candidate, confidence: Confidence) -> Match:
    content_type = ContentType.objects.get_for_id(row.content_type_id)
    return Match(
        content_type_id=row.content_type_id,
        object_id=row.object_id,
        model=f"{content_type.app_label}.{content_type.model}",
        label=row.label,
        company=row.company,
        url=row.url,
        confidence=confidence,
        reason=_reason(row, confidence),
        owner_id=row.owner_id,
    )


def _reason(row: _Candidate, confidence: Confidence) -> str:
    if row.kind == EntryKind.SHORT:
        return _("Internal number %(text)s.") % {"text": row.text}
    if confidence == "exact":
        return _("The same number, written “%(text)s”.") % {"text": row.text}
    if confidence == "national":
        return _("The same number without a country code, written “%(text)s”.") % {"text": row.text}
    return _("The last digits agree with “%(text)s”; its country is unknown.") % {"text": row.text}
