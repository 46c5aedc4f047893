"""Places in the call log that are named by a row: what begins behind one costs the same wherever it is."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.dateparse import parse_datetime

__all__ = ["Cursor"]

_SEPARATOR = "~"
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place between two rows: beside the row of this moment and key."""

    moment: datetime
    key: int

    def __str__(self) -> str:
        return f"{self.moment.isoformat()}{_SEPARATOR}{self.key}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """The cursor that an address names.

        Raises:
            ValueError: it names none.
        """
        moment, _separator, key = text.rpartition(_SEPARATOR)
        read = parse_datetime(moment)
        if read is None or read.tzinfo is None or not key.isdecimal() or len(key) > _MOST_DIGITS:
            raise ValueError(text)
        return cls(moment=read, key=int(key))

    def older(self, field: str) -> Q:
        """Rows behind this one. The first condition is implied, and is what an index range begins at."""
        same = Q(**{field: self.moment}, pk__lt=self.key)
        return Q(**{f"{field}__lte": self.moment}) & (Q(**{f"{field}__lt": self.moment}) | same)

    def newer(self, field: str) -> Q:
        """Rows before this one."""
        same = Q(**{field: self.moment}, pk__gt=self.key)
        return Q(**{f"{field}__gte": self.moment}) & (Q(**{f"{field}__gt": self.moment}) | same)
