"""Who is calling, as it turns out after the call came: chosen, forgotten, attached, or entered as a new record.

What people say is remembered by the phonebook, written on calls by the journal, and told to the pages that show them.
Open calls are linked at once; the earlier ones of a number by tasks, in batches.
"""

import logging
import os
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from celery import current_app
from django.contrib.contenttypes.models import ContentType
from django.db import models, router, transaction
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from . import control, journal, phonebook, realtime
from .briefing import look_up
from .exceptions import CommandRefused
from .models import Call, Line, PhonebookEntry
from .models.phonebook import EntryKind

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = [
    "LINK_EARLIER_TASK",
    "LINK_RECORDS_TASK",
    "attach",
    "choose",
    "forget",
    "link_earlier",
    "link_records",
    "record_of_call",
    "records_listed",
    "suggest",
]

logger = logging.getLogger(__name__)

LINK_EARLIER_TASK = "voipcti.link_earlier_calls"
LINK_RECORDS_TASK = "voipcti.link_records"

#: Digits from the end by which open calls are compared with the numbers of a record before they are looked up again.
_ENDING = 7
#: Records of a model that wait to be handed over.
_MOST_WAITING = 10_000
#: Seconds until a broker that was away is tried again: a try costs more than a save.
_PAUSE = 1.0
_NO_CALLERS = (EntryKind.OWN, EntryKind.LEARNED, EntryKind.UNREADABLE)


def choose(user: Any, call_id: int | str, model: str, object_id: str) -> None:
    """Remember that the number of a call means a record to ``user``, and link the call.

    Args:
        call_id: a call of the user's own lines.
        model: ``app_label.model`` of a registered model.

    Raises:
        CommandRefused: ``unknown_call``, ``unknown_record``, ``invalid_number``.
    """
    call = _outside_call(user, call_id)
    _record, match = _record_of(user, model, object_id)
    with transaction.atomic():
        phonebook.choose(call.other_number, match, user, region=call.line.effective_region)
        _look_again([call])


def forget(user: Any, call_id: int | str) -> None:
    """Forget what ``user`` chose for the number of a call, and link the call as it would be without that.

    Raises:
        CommandRefused: ``unknown_call``, ``invalid_number``.
    """
    call = _outside_call(user, call_id)
    with transaction.atomic():
        phonebook.forget(call.other_number, user, region=call.line.effective_region)
        _look_again([call])


def attach(user: Any, call_id: int | str, model: str, object_id: str) -> int:
    """Let the number of a call belong to a record, for everybody; return how many earlier calls will be linked.

    Raises:
        CommandRefused: ``unknown_call``, ``unknown_record``, ``invalid_number``.
    """
    call = _outside_call(user, call_id)
    record, _match = _record_of(user, model, object_id)
    region = call.line.effective_region
    with transaction.atomic():
        phonebook.attach(call.other_number, record, user, region=region)
        _look_again([call])
        earlier = phonebook.unlinked_calls(call.other_number, region=region).exclude(pk=call.pk).count()
        if earlier:
            transaction.on_commit(lambda: _hand_over(LINK_EARLIER_TASK, call.pk), robust=True)
    return earlier


def suggest(user: Any, text: str) -> list[phonebook.Match]:
    """Records that ``user`` may view and whose search fields hold the words of ``text``."""
    return phonebook.suggest(text, user)


def records_listed(content_type_id: int, object_ids: Sequence[str]) -> None:
    """The phonebook has got new rows of these records: have calls linked when they are committed."""
    if ContentType.objects.get_for_id(content_type_id).model_class() is not Line:
        keys = list(object_ids)
        using = router.db_for_write(PhonebookEntry)
        transaction.on_commit(lambda: _outbox.add(content_type_id, keys), using=using, robust=True)


def link_records(content_type_id: int, object_ids: Collection[str]) -> int:
    """Look open calls with the numbers of these records up again, then link earlier calls; return how many of those."""
    rows = PhonebookEntry.objects.filter(content_type=content_type_id, object_id__in=object_ids)
    rows = rows.exclude(kind__in=_NO_CALLERS)
    listed = {e164 or national for e164, national in rows.values_list("e164", "national")}
    endings = {_ending(number) for number in listed}
    live = Call.objects.live().filter(other_line=None).exclude(other_number="").select_related("line")
    concerned = [call for call in live if _ending(call.other_e164 or call.other_number) in endings]
    if concerned:
        _look_again(concerned)
    earlier = Call.objects.filter(contact_type=None, other_line=None)
    numbers = set(earlier.filter(other_e164__in=listed - {""}).values_list("other_e164", flat=True))
    numbers |= set(earlier.filter(other_e164="", other_number__in=listed).values_list("other_number", flat=True))
    return sum(link_earlier(number) for number in sorted(numbers))


def link_earlier(number: str = "", region: str = "") -> int:
    """Link calls that are linked to no record, in batches of a transaction each; return how many were linked.

    Args:
        number: only the calls of this number; empty: of every number in the index.
    """
    linked = 0
    for batch in phonebook.link_batches(number, region=region):
        linked += len(journal.link(dict(batch), only_unlinked=True))
    return linked


def _look_again(calls: Collection[Call]) -> None:
    """Link calls to what their numbers mean now, and tell the pages that show them."""
    found = look_up(calls)
    journal.link({call.pk: found.get(call.pk, ()) for call in calls})
    transaction.on_commit(lambda: _tell(found), robust=True)


def _tell(found: dict[int, tuple[phonebook.Match, ...]]) -> None:
    calls = Call.objects.filter(pk__in=found).select_related("line").order_by("pk")
    realtime.publish_calls(list(calls), found)


def _outside_call(user: Any, call_id: int | str) -> Call:
    """The user's own call with somebody outside who shows a number."""
    call = control.own_call(user, call_id)
    if call.internal:
        raise CommandRefused(_("This is a colleague, who needs no record."), code="invalid_number")
    return call


def _record_of(user: "AnyUser", model: str, object_id: str) -> tuple[models.Model, phonebook.Match]:
    found = phonebook.find_record(model, object_id, user)  # type: ignore[arg-type]
    if found is None:
        raise CommandRefused(_("There is no such record, or you may not view it."), code="unknown_record")
    return found


def record_of_call(user: Any, call_id: int | str, model: str, object_id: str) -> tuple[Call, models.Model]:
    """The user's own call, and a record that he may view and that the call may be about.

    Raises:
        CommandRefused: ``unknown_call``, ``unknown_record``.
    """
    call = _outside_call(user, call_id)
    record, _match = _record_of(user, model, object_id)
    return call, record


def _ending(number: str) -> str:
    """The last digits, or all of a short number."""
    return "".join(character for character in number if character.isdigit())[-_ENDING:] or number


class _Outbox:
    """Starts the linking of records' calls beside the saves that cause it: no save waits for a broker.

    Saves that follow each other closely share a task. At the end of the process what waits is sent first. While the
    broker is away it is tried once a second, however much is saved; the rest is left to ``voipcti.link_calls``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, dict[str, None]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._away_until = 0.0

    def add(self, content_type_id: int, object_ids: Iterable[str]) -> None:
        with self._lock:
            if time.monotonic() < self._away_until:
                return
            is_asked = bool(self._waiting)
            keys = self._waiting.setdefault(content_type_id, {})
            if len(keys) >= _MOST_WAITING:
                return  # the broker hangs; voipcti.link_calls catches up
            keys.update(dict.fromkeys(object_ids))
            if self._pool is None:
                self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="voipcti-outbox")
            if not is_asked:
                self._pool.submit(self._send)

    def _send(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for content_type_id, keys in waiting.items():
            for start in range(0, len(keys), phonebook.BACKFILL):
                batch = list(keys)[start : start + phonebook.BACKFILL]
                if not _hand_over(LINK_RECORDS_TASK, content_type_id, batch):
                    self._away_until = time.monotonic() + _PAUSE
                    return


_outbox = _Outbox()
# Threads do not survive a fork, and whoever forks a process sends what waits in it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_outbox.__init__)  # type: ignore[misc]


def _hand_over(task: str, *arguments: Any) -> bool:
    """Start a task; return whether there was a broker. Without one it is left: ``voipcti.link_calls`` catches up."""
    try:
        current_app.send_task(task, args=arguments, retry=False)
    except OperationalError as error:
        logger.warning("No broker for %s, so earlier calls are not linked yet: %s", task, error)
        return False
    return True
