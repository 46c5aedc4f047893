"""Who is calling? One statement over the side index, a judgement row by row, and an order of likelihood.

Within the same confidence the record of the user's last conversation with that number comes first, then the user's
own records, then the order in which models were registered and numbers are named. What a person chose for the number
stands before everything (:mod:`.choices`).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.db import connections, router
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ..models import Call, Line, PhonebookEntry
from ..models.phonebook import EntryKind
from . import choices
from .driver import fetch_rows
from .judgement import COLUMNS, FETCHED_DIGITS, RANK, Caller, Candidate, Confidence, judge
from .match import Match, shown_to
from .registry import Registration, registry

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

__all__ = ["Request", "lookup", "lookup_many"]

#: A number that so many records share says nothing about the caller; more are not fetched.
MOST_ROWS = 200
#: Requests answered by one statement; SQLite limits the depth of a condition to 1,000.
_MOST_REQUESTS = 150
#: Calls that are looked through, per number, for the user's last conversation.
_MOST_CALLS = 20

Key = tuple[int, str]


class Request(NamedTuple):
    """One question of :func:`lookup_many`; a pair (number, region) is enough."""

    number: str
    region: str = ""
    user_id: Any = None
    """Whose screen it is for: his choices, his conversations and his records come first."""
    provider: str = ""
    """Alias of the provider that the call came by: extensions of other providers are not meant then."""

    @classmethod
    def of(cls, call: Call) -> "Request":
        """Who is at the other end of a call, as its line's user should see it. The line must be at hand."""
        number = call.other_number or call.other_e164
        return cls(number, call.line.effective_region, call.line.user_id, call.provider)


def lookup(
    number: str,
    *,
    region: str = "",
    user: "AbstractBaseUser | AnonymousUser | None" = None,
    provider: str = "",
) -> list[Match]:
    """Find every record that ``number`` may belong to, the likeliest first.

    Empty for withheld callers, for numbers of our own lines and for what is no number. One query; a second one if the
    number is spelled so oddly that it means another one than it shows; a few more where a person's choices count, or
    several records match and ``user`` is given.

    Args:
        number: the caller in any spelling.
        region: country code by which national spellings are read; empty: ``VOIPCTI["DEFAULT_REGION"]``.
        user: whose screen it is for: records that he may not view lose their name, his own come first.
        provider: alias of the provider that the call came by; without it extensions of all providers are meant.
    """
    caller = Caller(number, region)
    if not caller.is_searchable:
        return []
    user_id = None if user is None else user.pk
    matches = _lookup_one(caller, user_id, provider)
    if not matches and caller.reread():
        matches = _lookup_one(caller, user_id, provider)
    return matches if user is None else shown_to(user, matches)


def lookup_many(requests: "Iterable[tuple[str, str] | Request]") -> "dict[Any, list[Match]]":
    """Look up a batch; every request has an answer, in the order of :func:`lookup`, without regard to permissions.

    One query per 150 requests, and at most two more, plus one per registered model, where choices and preferences
    count: whatever the number of requests.

    Args:
        requests: pairs (number, region) or :class:`Request` objects.
    """
    callers = {request: Caller(request[0], request[1], read=True) for request in requests}
    asking = {request: caller for request, caller in callers.items() if caller.is_searchable}
    rows = _Rows(_fetch_many([caller.reach for caller in asking.values()]))
    questions = [(Request(*request), caller, rows.within(*caller.reach)) for request, caller in asking.items()]
    found = dict(zip(asking, _answer(questions), strict=True))
    return {request: found.get(request, []) for request in callers}


# --- fetching ---------------------------------------------------------------------------------------------------------

#: "a" stands behind every digit in any collation, so [x, xa) holds all digits that begin with x, on every database.
_RANGE = "reversed >= %s AND reversed < %s"
_EQUALITY = "reversed = %s"
_NUMBER = "e164 = %s"
_PLAIN_KINDS = frozenset({EntryKind.VALID.value, EntryKind.POSSIBLE.value})


def _lookup_one(caller: Caller, user_id: Any, provider: str) -> list[Match]:
    low, is_open = caller.reach
    rows = _fetch(_RANGE, (low, f"{low}a")) if is_open else _fetch(_EQUALITY, (low,))
    if len(rows) >= MOST_ROWS and caller.e164:
        rows = [*_fetch(_NUMBER, (caller.e164,)), *(row for row in rows if not row.e164)]
    if len(rows) == 1 and rows[0].e164 and rows[0].kind in _PLAIN_KINDS:
        # One row of one record, nearly always: nothing to rank, no choice to look for.
        row, confidence = rows[0], judge(caller, rows[0])
        registration = registry.by_content_type(row.content_type_id)
        if confidence is None or registration is None:
            return []
        return [_match(row, registration, confidence, _reason(row, confidence))]
    if not rows:
        return []
    return _answer([(Request(caller.text, caller.region, user_id, provider), caller, rows)])[0]


class _Rows:
    """The rows of a batch, to be found by the digits from the end."""

    def __init__(self, rows: Iterable[Candidate]) -> None:
        self._all = [(row.backwards, row) for row in rows]
        self._by_digits: dict[str, list[Candidate]] = {}
        for backwards, row in self._all:
            self._by_digits.setdefault(backwards[:FETCHED_DIGITS], []).append(row)

    def within(self, low: str, is_open: bool) -> list[Candidate]:
        """Rows whose digits begin with ``low``, or (not ``is_open``) are ``low``."""
        if not is_open:
            return [row for row in self._by_digits.get(low[:FETCHED_DIGITS], ()) if row.backwards == low]
        if len(low) == FETCHED_DIGITS:
            return self._by_digits.get(low, [])
        return [row for backwards, row in self._all if backwards.startswith(low)]


def _fetch_many(reaches: Iterable[tuple[str, bool]]) -> list[Candidate]:
    wanted = list(dict.fromkeys(reaches))
    rows: dict[Candidate, None] = {}
    for start in range(0, len(wanted), _MOST_REQUESTS):
        batch = wanted[start : start + _MOST_REQUESTS]
        condition = " OR ".join(f"({_RANGE})" if is_open else _EQUALITY for _low, is_open in batch)
        parameters = [bound for low, is_open in batch for bound in ((low, f"{low}a") if is_open else (low,))]
        rows.update(dict.fromkeys(_fetch(condition, parameters, most=MOST_ROWS * len(batch))))
    return list(rows)


@lru_cache(maxsize=64)
def _select(using: str, condition: str) -> str:
    quote = connections[using].ops.quote_name
    by_attname = {field.attname: str(field.column) for field in PhonebookEntry._meta.concrete_fields}
    columns = ", ".join(quote(by_attname[name]) for name in COLUMNS)
    return f"SELECT {columns} FROM {quote(PhonebookEntry._meta.db_table)} WHERE {condition}"  # noqa: S608  no input


def _fetch(condition: str, parameters: Sequence[str], most: int = MOST_ROWS) -> list[Candidate]:
    using = router.db_for_read(PhonebookEntry)
    rows = fetch_rows(connections[using], _select(using, condition), parameters, most)
    return list(map(Candidate._make, rows))


# --- judging and ranking ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Question:
    """A request, and what was found for it so far."""

    request: Request
    caller: Caller
    best: dict[Key, tuple[Candidate, Confidence]] = field(default_factory=dict)
    """The best row of each record whose number it may be."""
    learned: dict[Key, str] = field(default_factory=dict)
    """Records that a person chose for the number, and the sentence that says who, the weightiest first."""
    has_choices: bool = False
    last_conversation: Key | None = None


def _answer(found: Sequence[tuple[Request, Caller, Sequence[Candidate]]]) -> list[list[Match]]:
    """Judge and rank the rows of every request, with one query of each kind for all of them."""
    questions = [_judged(*each) for each in found]
    _drop_other_providers(questions)
    _learn([question for question in questions if question.has_choices])
    _remember([question for question in questions if len(question.best) > 1 and question.request.user_id is not None])
    return [_ranked(question) for question in questions]


def _judged(request: Request, caller: Caller, rows: Sequence[Candidate]) -> _Question:
    question = _Question(request, caller)
    best = question.best
    for row in rows:
        if row.kind == EntryKind.OWN:
            if row.e164 and row.e164 == caller.e164:
                return _Question(request, caller)  # our own number is nobody's
            continue
        confidence = judge(caller, row)
        if confidence is None or registry.by_content_type(row.content_type_id) is None:
            continue
        if confidence == "learned":
            question.has_choices = True
            continue
        key = (row.content_type_id, row.object_id)
        present = best.get(key)
        if present is None or _row_rank(caller, row, confidence) < _row_rank(caller, *present):
            best[key] = (row, confidence)
    return question


def _row_rank(caller: Caller, row: Candidate, confidence: Confidence) -> tuple[int, bool, int]:
    return RANK[confidence], row.extension != caller.extension, row.position


def _drop_other_providers(questions: Sequence[_Question]) -> None:
    """An extension means the colleague at the provider that the call came by."""
    asking = [question for question in questions if question.request.provider and not question.caller.e164]
    if not asking:
        return
    line_type = ContentType.objects.get_for_model(Line).pk
    lines = {key for question in asking for key in question.best if key[0] == line_type}
    if not lines:
        return
    providers = dict(Line.objects.filter(pk__in=[pk for _type, pk in lines]).values_list("pk", "provider"))
    for question in asking:
        for key in lines & question.best.keys():
            if providers.get(int(key[1])) != question.request.provider:
                del question.best[key]


def _learn(questions: Sequence[_Question]) -> None:
    """Find what people chose for the numbers."""
    by_number = choices.of_numbers({question.caller.key for question in questions})
    missing: dict[int, set[str]] = {}
    for question in questions:
        question.learned = choices.weigh(by_number.get(question.caller.key, []), question.request.user_id)
        for content_type_id, object_id in question.learned.keys() - question.best.keys():
            missing.setdefault(content_type_id, set()).add(object_id)
    rows = {key: row for content_type_id, pks in missing.items() for key, row in _read(content_type_id, pks).items()}
    for question in questions:
        for key in [key for key in question.learned if key not in question.best]:
            if key in rows:
                question.best[key] = (rows[key], "learned")
            else:
                del question.learned[key]  # the record is gone, or may not be found any more


def _read(content_type_id: int, object_ids: Collection[str]) -> dict[Key, Candidate]:
    """Rows for records that are chosen for a number which they do not hold themselves."""
    return {
        key: Candidate(*key, 0, "", EntryKind.LEARNED, False, "", "", "", *values)
        for key, values in choices.shown_records(content_type_id, object_ids).items()
    }


def _remember(questions: Sequence[_Question]) -> None:
    """Find the record with which the user last spoke on the number, where several could be meant."""
    numbers = {question.caller.e164 for question in questions} - {""}
    if not numbers:
        return
    users = {question.request.user_id for question in questions}
    calls = (
        Call.objects.filter(other_e164__in=numbers, line__user__in=users, contact_type__isnull=False)
        .exclude(answered_at=None)
        .order_by("-id")
        .values_list("other_e164", "line__user", "contact_type_id", "contact_id")
    )
    last: dict[tuple[str, Any], Key] = {}
    for e164, user_id, content_type_id, object_id in calls[: _MOST_CALLS * len(numbers)]:
        last.setdefault((e164, user_id), (content_type_id, object_id))
    for question in questions:
        question.last_conversation = last.get((question.caller.e164, question.request.user_id))


def _ranked(question: _Question) -> list[Match]:
    weights = {key: weight for weight, key in enumerate(question.learned)}
    ranked = []
    for key, (row, found) in question.best.items():
        registration = registry.by_content_type(key[0])
        if registration is None:
            continue
        sure: Confidence = "learned" if key in weights else found
        rank = (
            RANK[sure],
            weights.get(key, 0),
            row.extension != question.caller.extension,
            key != question.last_conversation,
            question.request.user_id is None or row.owner_id != question.request.user_id,
            registration.order,
            row.position,
            row.label,
            row.object_id,
        )
        ranked.append((rank, _match(row, registration, sure, question.learned.get(key) or _reason(row, sure))))
    return [match for _rank, match in sorted(ranked, key=lambda entry: entry[0])]


def _match(row: Candidate, registration: Registration, confidence: Confidence, reason: str) -> Match:
    return Match(
        row.content_type_id,
        row.object_id,
        registration.model_label,
        row.label,
        row.company,
        row.url,
        confidence,
        reason,
        row.owner_id,
    )


def _reason(row: Candidate, confidence: Confidence) -> str:
    return _sentence(get_language(), confidence, row.kind == EntryKind.SHORT) % {"text": row.text}


@lru_cache(maxsize=256)
def _sentence(language: str | None, confidence: Confidence, is_short: bool) -> str:
    """Why a row matches, in the active language; looked up once, since a catalogue costs as much as an index."""
    if is_short:
        return _("Internal number %(text)s.")
    if confidence == "exact":
        return _("The same number, written “%(text)s”.")
    if confidence == "national":
        return _("The same number without a country code, written “%(text)s”.")
    return _("The last digits agree with “%(text)s”; its country is unknown.")
