"""Who is at the other end: a colleague's line, else the host's records. Asked once per call, in the call's own
transaction, and kept on the call, so that history does not change when a record is renamed."""

from collections.abc import Iterable, Sequence

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q

from .. import phonebook
from ..models import Call, Line
from .merge import Change

__all__ = ["identify", "set_contact"]

#: Longest text that is taken for an extension or an account key of a colleague.
_EXTENSION_LENGTH = 10


def identify(changes: Iterable[Change]) -> list[Call]:
    """Find the other party of every call whose number has just become known; a few queries for all of them.

    Returns the calls with somebody outside whom no record of the host names.
    """
    asking = [change for change in changes if change.needs_lookup and change.call.other_number]
    if not asking:
        return []
    colleagues = _colleagues(asking)
    unknown: list[tuple[Change, phonebook.Request]] = []
    for change in asking:
        call = change.call
        change.needs_lookup = False
        region = call.line.effective_region
        call.other_e164 = phonebook.numbers.parse(call.other_number, region).e164
        colleague = colleagues.get((call.provider, call.other_number))
        if colleague is not None and colleague.pk != call.line_id:
            call.other_line = colleague
            call.other_name = call.other_name or str(colleague)
        else:
            unknown.append((change, phonebook.Request.of(call)))
    if not unknown:
        return []
    found = phonebook.lookup_many([request for _change, request in unknown])
    for change, request in unknown:
        change.matches = tuple(found.get(request, ()))
        if change.matches:
            set_contact(change.call, change.matches)
    return [change.call for change, _request in unknown if not change.matches]


def _colleagues(asking: Iterable[Change]) -> dict[tuple[str, str], Line]:
    """Lines of ours by provider and number, for the numbers among ``asking`` that may be internal."""
    numbers = {change.call.other_number for change in asking}
    short = {number for number in numbers if len(number) <= _EXTENSION_LENGTH}
    e164 = numbers - short
    found: dict[tuple[str, str], Line] = {}
    for line in Line.objects.filter(Q(extension__in=short) | Q(account__in=short) | Q(phone_number__in=e164)):
        for number in (line.account, line.phone_number, line.extension):
            if number:
                found[line.provider, number] = line
    return found


def set_contact(call: Call, matches: Sequence[phonebook.Match]) -> None:
    """Note the best match on the call, with the names as they are today; nothing where there is none."""
    best = matches[0] if matches else None
    call.contact_type = ContentType.objects.get_for_id(best.content_type_id) if best else None
    call.contact_id = best.object_id if best else ""
    call.contact_label = best.label[:190] if best else ""
    call.contact_company = best.company[:190] if best else ""
    call.contact_url = best.url[:500] if best else ""
    call.contact_confidence = str(best.confidence) if best else ""
    call.matches = len(matches)
