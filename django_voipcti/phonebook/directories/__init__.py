"""Outside directories: who else may know the caller, asked at the same time and within a budget.

All directories together get ``VOIPCTI["DIRECTORY_BUDGET"]`` seconds (default 0.25). Whoever has answered by then is in
the answer; whoever answers later is delivered through ``late``; whoever fails is logged, and missed by nobody.

Directories are asked in threads, at most four questions at a time for each, so one that hangs holds up itself alone.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import connections
from django.utils.module_loading import import_string

from ...conf import SETTING, app_settings
from ...redaction import mask_digits
from .. import numbers
from ..reading import Number
from .base import MOST_ENTRIES, DirectoryEntry, LookupBackend
from .csvfile import CsvBackend
from .httpjson import HttpJsonBackend

__all__ = [
    "CsvBackend",
    "Directories",
    "DirectoryEntry",
    "HttpJsonBackend",
    "Late",
    "LookupBackend",
    "directories",
    "search",
]

logger = logging.getLogger("django_voipcti.phonebook")

#: Called with a directory's alias and its entries when it answers after the budget is spent; in some other thread.
Late = Callable[[str, list[DirectoryEntry]], None]

#: Questions that one directory works on at the same time; more are not asked.
_MOST_AT_ONCE = 4


class Directories:
    """The configured backends by alias, made when they are first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._backends: dict[str, LookupBackend] | None = None
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._pool: ThreadPoolExecutor | None = None

    def backends(self) -> dict[str, LookupBackend]:
        """Every backend. Raises ImproperlyConfigured if one cannot be made."""
        with self._lock:
            if self._backends is None:
                made = {alias: _make(alias, options) for alias, options in app_settings.directories.items()}
                self._slots = {alias: threading.BoundedSemaphore(_MOST_AT_ONCE) for alias in made}
                self._backends = made
            return self._backends

    def forget(self) -> None:
        """Close all backends and drop what was read of the settings."""
        with self._lock:
            backends, self._backends = self._backends or {}, None
            pool, self._pool = self._pool, None
        if pool:
            pool.shutdown(wait=False, cancel_futures=True)
        for backend in backends.values():
            backend.close()

    def ask(self, number: Number) -> dict[str, "Future[list[DirectoryEntry]]"]:
        """Start a question to every directory that is not too busy."""
        backends = self.backends()
        with self._lock:
            if self._pool is None:
                most = max(1, len(backends) * _MOST_AT_ONCE)
                self._pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix="voipcti-directory")
            pool, slots = self._pool, self._slots
        asked = {}
        for alias, backend in backends.items():
            if slots[alias].acquire(blocking=False):
                future = asked[alias] = pool.submit(_answer, backend, number)
                future.add_done_callback(lambda _future, slot=slots[alias]: slot.release())  # type: ignore[misc]
            else:
                logger.warning("Directory %s is still busy with earlier calls and was not asked.", alias)
        return asked


def search(
    number: Number | str, region: str = "", *, budget: float | None = None, late: Late | None = None
) -> list[DirectoryEntry]:
    """Ask every directory at the same time who has ``number``; never raises because of one.

    Args:
        number: the caller, as text or as read.
        region: country code by which a text's national spelling is read.
        budget: seconds that all directories have together; default ``VOIPCTI["DIRECTORY_BUDGET"]``.
        late: called for each directory that answers (with at least one entry) after the budget; may send to the page.

    Returns:
        The entries of all directories that answered in time, in the order of the setting.

    Raises:
        ImproperlyConfigured: a directory cannot be made; a system check says so before.
    """
    read = numbers.parse(number, region) if isinstance(number, str) else number
    if not read.is_dialable or not app_settings.directories:
        return []
    until = time.monotonic() + (app_settings.directory_budget if budget is None else budget)
    asked = directories.ask(read)
    done, _waiting = wait(asked.values(), timeout=max(0.0, until - time.monotonic()))
    found: list[DirectoryEntry] = []
    for alias, future in asked.items():
        if future in done:
            found += _result(alias, future)
        else:
            future.add_done_callback(lambda late_one, alias=alias: _deliver(alias, late_one, late))  # type: ignore[misc]
    return found


def _answer(backend: LookupBackend, number: Number) -> list[DirectoryEntry]:
    try:
        return [replace(entry, source=backend.alias) for entry in backend.lookup(number)[:MOST_ENTRIES]]
    finally:
        connections.close_all()  # this thread's; a backend may have asked the database


def _result(alias: str, future: "Future[list[DirectoryEntry]]") -> list[DirectoryEntry]:
    if future.cancelled():
        return []
    error = future.exception()
    if error is None:
        return future.result()
    logger.warning("Directory %s failed: %s: %s", alias, type(error).__name__, mask_digits(str(error)))
    return []


def _deliver(alias: str, future: "Future[list[DirectoryEntry]]", late: Late | None) -> None:
    found = _result(alias, future)
    if not found or late is None:
        return
    try:
        late(alias, found)
    except Exception as error:  # noqa: BLE001  what the host does with it may fail in any way
        logger.warning("Delivering the late answer of directory %s failed: %s", alias, mask_digits(str(error)))


def _make(alias: str, parameters: Mapping[str, Any]) -> LookupBackend:
    where = f"{SETTING}['DIRECTORIES'][{alias!r}]"
    try:
        backend_class = import_string(parameters["BACKEND"])
    except KeyError:
        raise ImproperlyConfigured(f"{where} has no 'BACKEND'.") from None
    except ImportError as error:
        raise ImproperlyConfigured(f"{where}: {error}") from error
    options = parameters.get("OPTIONS", {})
    unknown: Sequence[str] = sorted(set(options) - backend_class.known_options)
    if unknown:
        known = ", ".join(sorted(backend_class.known_options)) or "none"
        raise ImproperlyConfigured(f"{where} has unknown options {', '.join(unknown)}. Known: {known}.")
    backend: LookupBackend = backend_class(alias, options)
    return backend


directories = Directories()


def _forget_on_change(*, setting: str, **kwargs: Any) -> None:
    if setting == SETTING:
        directories.forget()


setting_changed.connect(_forget_on_change, dispatch_uid="voipcti_directories")
