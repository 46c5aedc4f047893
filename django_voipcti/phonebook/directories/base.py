"""The interface of an outside directory: a CRM elsewhere, a company address book, a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..reading import Number

__all__ = ["DirectoryEntry", "LookupBackend", "safe_url"]

#: Entries of one directory that are shown for one number.
MOST_ENTRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryEntry:
    """Somebody whom an outside directory knows under a number."""

    label: str
    company: str = ""
    url: str = ""
    """Address of the record there: absolute http(s), or a path on this site; empty if there is none."""
    detail: str = ""
    """One more line, in the directory's own words."""
    source: str = ""
    """Alias of the directory; filled in by :func:`search`."""


class LookupBackend:
    """An outside directory behind an alias in ``VOIPCTI["DIRECTORIES"]``.

    Subclasses implement :meth:`lookup`. One instance per process answers from several threads at once.
    """

    #: Names that may stand in OPTIONS; others are a configuration error.
    known_options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        self.alias = alias
        self.options = dict(options)

    def lookup(self, number: Number) -> Sequence[DirectoryEntry]:
        """Find ``number``. May block and may raise: a slow or broken directory delays and loses nothing else.

        Called with numbers that can be dialled only; has no user and no transaction.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Release what the backend holds."""


def safe_url(text: str) -> str:
    """``text`` if a page may link to it; else empty. A directory is not trusted with ``javascript:`` links."""
    if text.startswith(("https://", "http://")) or (text.startswith("/") and not text.startswith(("//", "/\\"))):
        return text
    return ""
