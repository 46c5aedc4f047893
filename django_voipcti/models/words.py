"""Finding rows by words: PostgreSQL's own full text search, and something that does on other databases.

Configuration ``simple``: no stemming, so names and notes of any language are found, and no extension is needed. The
indexes are made by migrations (``voipcti_note_words``, ``voipcti_call_words``), written as the condition is here.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connections, models
from django.db.models import F, Func, Q, Value

__all__ = ["has_words", "words_of"]


def words_of(text: str) -> list[str]:
    """The words of what somebody typed into a search box; anything else parts them."""
    return "".join(character if character.isalnum() else " " for character in text).split()


def has_words(columns: Sequence[str], text: str, *, using: str) -> Any:
    """A condition: together, these columns have every word of ``text``, or a word that begins with it.

    Other databases than PostgreSQL read the table, and find words in the middle of words too.

    Args:
        using: alias of the database that is asked.
    """
    words = words_of(text)
    if not words:
        return Q(pk__in=())
    if connections[using].vendor == "postgresql":
        return _Matches(*map(F, columns), Value(" & ".join(f"{word}:*" for word in words)))
    found = Q()
    for word in words:
        anywhere = Q()
        for column in columns:
            anywhere |= Q(**{f"{column}__icontains": word})
        found &= anywhere
    return found


class _Matches(Func):
    """Columns, the last argument being the query, as the indexes are written."""

    output_field = models.BooleanField()

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_context: Any) -> tuple[str, tuple[Any, ...]]:
        *columns, query = map(compiler.compile, self.get_source_expressions())
        text = " || ' ' || ".join(sql for sql, _params in columns)
        params = tuple(param for _sql, some in (*columns, query) for param in some)
        return f"(to_tsvector('simple', {text}) @@ to_tsquery('simple', {query[0]}))", params
