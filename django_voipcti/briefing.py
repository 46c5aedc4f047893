"""What pages are told of calls beside the calls themselves, gathered with a fixed number of queries for all of them.

The decision of the rules follows from the stored call and the rules in force, so it is the same in the live event, in
the replay and in the snapshot.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import connections

from . import phonebook
from .conf import app_settings
from .enums import FINAL_STATES
from .models import Call
from .phonebook.match import has_view_permission

__all__ = ["Briefing", "Matches", "brief", "last_calls", "linked_records", "look_up"]

#: Earlier calls with the same party that a ringing call shows.
LAST_CALLS = 3
#: Parties whose earlier calls one statement finds: SQLite takes 500 parts and 999 parameters.
_PARTIES = 50

#: Records found for the other party, by the call's primary key.
Matches = Mapping[int, Sequence[phonebook.Match]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What goes with one call."""

    matches: Sequence[phonebook.Match] = ()
    contact: phonebook.Match | None = None
    """The record that the call is linked to; None without one, and where a host that decides by record cannot be asked
    about it because it is gone."""
    last_calls: Sequence[Call] = ()
    decision: phonebook.Decision | None = None
    is_learned: bool = False
    """Whether the line's user chose the linked record for the number himself."""


def look_up(calls: Iterable[Call]) -> dict[int, tuple[phonebook.Match, ...]]:
    """Every record with the number of each call, as the line's user should see them ranked. Lines must be at hand."""
    requests = {call.pk: phonebook.Request.of(call) for call in calls if call.other_number and not call.internal}
    found = phonebook.lookup_many(set(requests.values())) if requests else {}
    return {pk: tuple(found[request]) for pk, request in requests.items()}


def brief(
    calls: Collection[Call], *, matches: Matches | None = None, with_last_calls: Iterable[Call] = ()
) -> dict[int, Briefing]:
    """Gather what goes with ``calls``, by primary key.

    Args:
        matches: what was found for them, if they were looked up.
        with_last_calls: those among them that show earlier calls.
    """
    if not calls:
        return {}
    matches = matches or {}
    book = phonebook.RuleBook.load()
    past = last_calls(with_last_calls)
    learned = _learned(calls)
    contacts = linked_records(calls, matches)
    return {
        call.pk: Briefing(
            matches=matches.get(call.pk, ()),
            contact=contacts.get(call.pk),
            last_calls=past.get(call.pk, ()),
            decision=book.decide(phonebook.CallFacts.of(call)),
            is_learned=call.pk in learned,
        )
        for call in calls
    }


def last_calls(calls: Iterable[Call]) -> dict[int, list[Call]]:
    """Ended calls with the same record or number as each of ``calls``, newest first, over all lines: two queries."""
    parties = {call.pk: party for call in calls if (party := _party(call))}
    distinct = iter(dict.fromkeys(parties.values()))
    newest: dict[tuple[tuple[str, object], ...], list[int]] = {}
    while chunk := list(islice(distinct, _PARTIES)):
        newest |= _newest(chunk)
    wanted = {pk for keys in newest.values() for pk in keys}
    found = Call.objects.select_related("line").in_bulk(wanted) if wanted else {}
    return {
        pk: [found[key] for key in newest.get(party, ()) if key != pk and key in found][:LAST_CALLS]
        for pk, party in parties.items()
    }


def _party(call: Call) -> tuple[tuple[str, object], ...]:
    """Whom a call is with, as conditions for other calls; empty if that is not known."""
    if call.contact_id:
        return ("contact_type", call.contact_type_id), ("contact_id", call.contact_id)
    return (("other_e164", call.other_e164),) if call.other_e164 else ()


def _newest(parties: Sequence[tuple[tuple[str, object], ...]]) -> dict[tuple[tuple[str, object], ...], list[int]]:
    """The newest ended calls of each party. Each part is a few steps of an index, which one condition would not be."""
    parts, parameters = [], []
    using = Call.objects.db
    for number, party in enumerate(parties):
        calls = Call.objects.filter(**dict(party), state__in=FINAL_STATES).order_by("-id")
        # One more than is shown: the call that is asked for may be among them.
        sql, values = calls.values("pk")[: LAST_CALLS + 1].query.get_compiler(using=using).as_sql()
        parts.append(f"SELECT {number} AS party, part.* FROM ({sql}) part")  # noqa: S608  no input
        parameters += values
    with connections[using].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        rows = cursor.fetchall()
    newest: dict[tuple[tuple[str, object], ...], list[int]] = {}
    for number, pk in rows:
        newest.setdefault(parties[number], []).append(pk)
    return {party: sorted(keys, reverse=True) for party, keys in newest.items()}


def _learned(calls: Iterable[Call]) -> set[int]:
    """Calls whose linked record the line's user chose himself; one query, if anybody chose at all."""
    requests = {call.pk: phonebook.Request.of(call) for call in calls if call.contact_confidence == "learned"}
    chosen = phonebook.chosen(requests.values())
    linked = {call.pk: (call.contact_type_id, call.contact_id) for call in calls}
    return {pk for pk, request in requests.items() if chosen.get(request) == linked[pk]}


def linked_records(calls: Iterable[Call], matches: Matches) -> dict[int, phonebook.Match]:
    """The linked records as permissions are asked about them, by the call's primary key.

    Django's permissions need no more than the model. A host that decides by record may want to know the owner, who is
    not kept on the call: one query per registered model then.
    """
    contacts: dict[int, phonebook.Match] = {}
    for call in calls:
        linked = phonebook.Match.of_call(call)
        if linked is not None:
            same = (match for match in matches.get(call.pk, ()) if match.key == linked.key)
            contacts[call.pk] = next(same, linked)
    if app_settings.match_permission is has_view_permission:
        return contacts
    open_questions = {pk for pk, contact in contacts.items() if contact not in matches.get(pk, ())}
    read = phonebook.read_records({contacts[pk].key for pk in open_questions}) if open_questions else {}
    return {
        pk: contact if pk not in open_questions else read[contact.key]
        for pk, contact in contacts.items()
        if pk not in open_questions or contact.key in read
    }
