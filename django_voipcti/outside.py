"""Outside directories, asked about callers whom nobody in the host's records knows; whichever way the call goes.

Numbers on the ignore list, which show nothing, are not asked about.

The pop is out before anybody is asked. What the directories answer within their budget is told to the pages as one
message, what comes later as further ones; all of it is kept on the call. Threads do the asking, a few in each process;
when more callers wait than they can take, further ones are left out with a line in the log.
"""

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

from . import phonebook, realtime
from .briefing import look_up
from .conf import app_settings
from .models import Call
from .phonebook.directories import DirectoryEntry, search
from .redaction import mask_digits

__all__ = ["Keep", "ask"]

logger = logging.getLogger(__name__)

#: Numbers that are asked about at the same time, in one process. Each takes the directories' budget at most.
_THREADS = 4
#: Numbers that wait or are asked about; beyond that directories could not answer in time anyway.
_MOST_OPEN = 200
#: Longest texts that are kept of an answer.
_LENGTHS = {"label": 190, "company": 190, "url": 500, "source": 100}

Entries = list[dict[str, str]]
#: Writes answers on calls (primary keys) and returns those that changed: the journal's, who is the only one to write.
Keep = Callable[[Collection[int], Entries], list[Call]]

_Question = tuple[str, str]

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_open: dict[_Question, set[int]] = {}


def _begin() -> None:
    """Start empty; also after a fork, which no thread survives."""
    global _lock, _pool
    _lock, _pool = threading.Lock(), None
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)


def ask(calls: Iterable[Call], keep: Keep) -> None:
    """Ask all directories about the other parties of some committed calls. Returns at once and never raises.

    Calls that ring at several lines with one number are one question.
    """
    global _pool
    if not app_settings.directories:
        return
    for call in calls:
        question = (call.other_number, call.line.effective_region)
        if not phonebook.numbers.parse(*question).is_dialable:
            continue
        with _lock:
            if question in _open:
                _open[question].add(call.pk)
                continue
            if len(_open) >= _MOST_OPEN:
                logger.warning("directories are not asked about call %s: too many callers wait", call.pk)
                continue
            _open[question] = {call.pk}
            if _pool is None:
                _pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="voipcti-outside")
            _pool.submit(_ask_one, question, keep)


def _ask_one(question: _Question, keep: Keep) -> None:
    calls = _open[question]

    def late(_alias: str, entries: Sequence[DirectoryEntry]) -> None:
        _deliver(calls, entries, keep)

    found: list[DirectoryEntry] = []
    try:
        if not phonebook.RuleBook.load().ignores(phonebook.numbers.dial_string(*question)):
            found = search(*question, late=late)
    except Exception as error:  # noqa: BLE001  a directory that cannot be made, say: a system check tells of it
        logger.warning("directories cannot be asked: %s: %s", type(error).__name__, mask_digits(str(error)))
    finally:
        connections.close_all()  # this thread's
    with _lock:
        del _open[question]
    _deliver(calls, found, keep)


def _deliver(calls: set[int], entries: Sequence[DirectoryEntry], keep: Keep) -> None:
    """Keep and tell what was answered; whatever goes wrong, the call is recorded and the pop is out."""
    # A backend of the host may fill a field with None, or with a text in the reader's language.
    answers = [
        {name: str(getattr(entry, name) or "")[:length] for name, length in _LENGTHS.items()}
        for entry in entries
        if entry.label
    ]
    if not answers:
        return
    with _lock:
        concerned = sorted(calls)
    try:
        changed = keep(concerned, answers)
        realtime.publish_calls(changed, look_up(changed))
    except Exception as error:  # noqa: BLE001  the database may be away just now
        logger.warning("a directory's answer is lost: %s: %s", type(error).__name__, mask_digits(str(error)))
    finally:
        connections.close_all()  # this thread's
