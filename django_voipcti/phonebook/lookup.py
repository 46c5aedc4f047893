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
from django.utils.translation import gettext as _

from ..models import Call, Line, PhonebookEntry
from ..models.phonebook import EntryKind
from . import choices
from .judgement import COLUMNS, RANK, Caller, Candidate, Confidence, judge
from .match import Match, shown_to
from .registry import Registration, registry
from .rows import object_key, shown

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


def lookup(
    number: str,
    *,
    region: str = "",
    user: "AbstractBaseUser | AnonymousUser | None" = None,
    provider: str = "",
) -> list[Match]:
    """Find every record that ``number`` may belong to, the likeliest first.

    Empty for withheld callers, for numbers of our own lines and for what is no number. One query; a second one if the
    number is not found as it stands and means another one when read; a few more where a person's choices count or
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
    rows = _fetch(*caller.condition())
    if not rows and caller.reread():
        rows = _fetch(*caller.condition())
    if not rows:
        return []
    request = Request(number, region, None if user is None else user.pk, provider)
    (matches,) = _answer([(request, caller, rows)])
    return matches if user is None else shown_to(user, matches)


def lookup_many(requests: "Iterable[tuple[str, str] | Request]") -> "dict[Any, list[Match]]":
    """Look up a batch; every request has an answer, in the order of :func:`lookup`, without regard to permissions.

    One query per 150 requests, and at most two more, plus one per registered model, where choices and preferences
    count: whatever the number of requests.

    Args:
        requests: pairs (number, region) or :class:`Request` objects.
    """
    callers = {request: Caller(request[0], request[1], read=True) for request in requests}
    asking = [caller for caller in callers.values() if caller.is_searchable]
    rows = _fetch_many(asking)
    known: dict[str, list[Candidate]] = {}
    for row in rows:
        known.setdefault(row.e164, []).append(row)
    unknown = known.get("", [])
    questions = [
        (
            Request(*request),
            caller,
            rows if caller.is_vague else [*(known.get(caller.e164, ()) if caller.e164 else ()), *unknown],
        )
        for request, caller in callers.items()
        if caller.is_searchable
    ]
    answers: dict[Any, list[Match]] = {request: [] for request in callers}
    searchable = [request for request, caller in callers.items() if caller.is_searchable]
    answers.update(zip(searchable, _answer(questions), strict=True))
    return answers


# --- fetching ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _select(using: str, condition: str) -> str:
    quote = connections[using].ops.quote_name
    by_attname = {field.attname: str(field.column) for field in PhonebookEntry._meta.concrete_fields}
    columns = ", ".join(quote(by_attname[name]) for name in COLUMNS)
    return f"SELECT {columns} FROM {quote(PhonebookEntry._meta.db_table)} WHERE {condition}"  # noqa: S608  no input


def _fetch(condition: str, parameters: Sequence[str], most: int = MOST_ROWS) -> list[Candidate]:
    using = router.db_for_read(PhonebookEntry)
    with connections[using].cursor() as cursor:
        cursor.execute(_select(using, condition), parameters)
        return [Candidate._make(row) for row in cursor.fetchmany(most)]


def _fetch_many(callers: Sequence[Caller]) -> list[Candidate]:
    rows: dict[Candidate, None] = {}
    for start in range(0, len(callers), _MOST_REQUESTS):
        conditions = [caller.condition() for caller in callers[start : start + _MOST_REQUESTS]]
        shapes = " OR ".join(shape for shape, _parameters in conditions)
        parameters = [parameter for _shape, each in conditions for parameter in each]
        rows.update(dict.fromkeys(_fetch(shapes, parameters, most=MOST_ROWS * len(conditions))))
    return list(rows)


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
        if confidence is None or _registration(row.content_type_id) is None:
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
    line_type = ContentType.objects.get_for_model(Line).pk
    asking = [question for question in questions if question.request.provider and not question.caller.e164]
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
    registration = _registration(content_type_id)
    if registration is None:
        return {}
    records = registration.model._base_manager.filter(pk__in=object_ids)
    if registration.searchable is not None:
        records = registration.searchable(records)
    rows: dict[Key, Candidate] = {}
    for record in registration.load(records):
        key = (content_type_id, object_key(record.pk))
        rows[key] = Candidate(*key, 0, "", EntryKind.LEARNED, False, "", "", "", *shown(registration, record))
    return rows


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
    if len(question.best) == 1 and not question.learned:
        ((row, confidence),) = question.best.values()
        return [_match(row, confidence, _reason(row, confidence))]
    weights = {key: weight for weight, key in enumerate(question.learned)}
    ranked = []
    for key, (row, found) in question.best.items():
        sure: Confidence = "learned" if key in weights else found
        registration = _registration(key[0])
        rank = (
            RANK[sure],
            weights.get(key, 0),
            row.extension != question.caller.extension,
            key != question.last_conversation,
            question.request.user_id is None or row.owner_id != question.request.user_id,
            registration.order if registration else 0,
            row.position,
            row.label,
            row.object_id,
        )
        ranked.append((rank, _match(row, sure, question.learned.get(key) or _reason(row, sure))))
    return [match for _rank, match in sorted(ranked, key=lambda entry: entry[0])]


def _registration(content_type_id: int) -> Registration | None:
    return registry.get(ContentType.objects.get_for_id(content_type_id).model_class())


def _match(row: Candidate, confidence: Confidence, reason: str) -> Match:
    content_type = ContentType.objects.get_for_id(row.content_type_id)
    return Match(
        content_type_id=row.content_type_id,
        object_id=row.object_id,
        model=f"{content_type.app_label}.{content_type.model}",
        label=row.label,
        company=row.company,
        url=row.url,
        confidence=confidence,
        reason=reason,
        owner_id=row.owner_id,
    )


def _reason(row: Candidate, confidence: Confidence) -> str:
    if row.kind == EntryKind.SHORT:
        return _("Internal number %(text)s.") % {"text": row.text}
    if confidence == "exact":
        return _("The same number, written “%(text)s”.") % {"text": row.text}
    if confidence == "national":
        return _("The same number without a country code, written “%(text)s”.") % {"text": row.text}
    return _("The last digits agree with “%(text)s”; its country is unknown.") % {"text": row.text}
