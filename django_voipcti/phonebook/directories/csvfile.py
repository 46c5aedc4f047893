"""A directory in a CSV file: an export of any address book, read into memory and read again when it changes."""

import csv
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from .. import numbers
from ..reading import Number
from .base import DirectoryEntry, LookupBackend, safe_url

__all__ = ["CsvBackend"]


class CsvBackend(LookupBackend):
    """Rows of a CSV file with a heading line.

    Options:
        path: the file.
        numbers: names of the columns that hold numbers, in any spelling.
        label: name of the column that names the entry.
        company, url, detail: names of further columns; optional.
        region: country code by which national numbers are read; default ``VOIPCTI["DEFAULT_REGION"]``.
        delimiter: default ``","``. encoding: default UTF-8, with or without a byte order mark.

    Costs some 500 bytes of memory a number. A number is found in every spelling, but only whole: there is no suffix
    match here.
    """

    known_options: ClassVar[frozenset[str]] = frozenset(
        {"path", "numbers", "label", "company", "url", "detail", "region", "delimiter", "encoding"}
    )

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        for name in ("path", "numbers", "label"):
            if not options.get(name):
                raise ImproperlyConfigured(f"VOIPCTI['DIRECTORIES'][{alias!r}]: the CSV backend needs {name!r}.")
        self._lock = threading.Lock()
        self._read: tuple[int, int] | None = None
        self._entries: dict[str, list[DirectoryEntry]] = {}

    def lookup(self, number: Number) -> Sequence[DirectoryEntry]:
        """Find the number in memory. Raises OSError, ``csv.Error`` or UnicodeDecodeError if the file cannot be read."""
        return self._current().get(number.e164 or number.national, [])

    def _current(self) -> dict[str, list[DirectoryEntry]]:
        status = os.stat(self.options["path"])
        version = (status.st_mtime_ns, status.st_size)
        with self._lock:
            if version != self._read:
                self._entries, self._read = self._load(), version
            return self._entries

    def _load(self) -> dict[str, list[DirectoryEntry]]:
        options = self.options
        entries: dict[str, list[DirectoryEntry]] = {}
        encoding = options.get("encoding", "utf-8-sig")
        with open(options["path"], encoding=encoding, newline="") as file:
            for row in csv.DictReader(file, delimiter=options.get("delimiter", ",")):
                entry = DirectoryEntry(
                    label=self._cell(row, "label"),
                    company=self._cell(row, "company"),
                    url=safe_url(self._cell(row, "url")),
                    detail=self._cell(row, "detail"),
                )
                if not entry.label:
                    continue
                for column in options["numbers"]:
                    for number in numbers.parse_all(row.get(column) or "", options.get("region", "")):
                        if number.is_dialable:
                            entries.setdefault(number.e164 or number.national, []).append(entry)
        return entries

    def _cell(self, row: Mapping[str, str | None], option: str) -> str:
        column = self.options.get(option)
        return (row.get(column) or "").strip() if column else ""
