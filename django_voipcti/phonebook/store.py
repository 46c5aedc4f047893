"""The statements that keep the index. Written out, because this is what each save of a host's record costs.

A record's rows are set with two statements, whatever was there before: delete what is no longer said, add what is new.
Both are idempotent and take the record's ``searchable`` condition into account, so nothing has to be read first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, connections, models, router, transaction
from django.db.models.constants import OnConflict

from ..models import PhonebookEntry
from ..models.phonebook import EntryKind
from .rows import COLUMNS, Row, fingerprint_of

__all__ = [
    "Changes",
    "alias",
    "contents",
    "delete_ids",
    "delete_object",
    "fingerprints",
    "insert",
    "insert_many",
    "set_rows",
]

_BY_ATTNAME = {field.attname: field for field in PhonebookEntry._meta.concrete_fields}
_FIELDS = [_BY_ATTNAME[name] for name in COLUMNS]
_OWNER = COLUMNS.index("owner_id")
#: Rows in one INSERT: SQLite before 3.32 allows 999 parameters.
_INSERT_ROWS = 999 // len(COLUMNS)


@dataclass(slots=True)
class Changes:
    """What setting rows did."""

    added: int = 0
    removed: int = 0

    def __iadd__(self, other: "Changes") -> "Changes":
        self.added += other.added
        self.removed += other.removed
        return self


def alias() -> str:
    """The database that holds the index."""
    return router.db_for_write(PhonebookEntry)


@lru_cache(maxsize=64)
def _insert_sql(using: str, count: int, condition: str) -> str:
    connection = connections[using]
    operations = connection.ops
    columns = ", ".join(operations.quote_name(str(field.column)) for field in _FIELDS)
    head = operations.insert_statement(on_conflict=OnConflict.IGNORE)
    tail = operations.on_conflict_suffix_sql(_FIELDS, OnConflict.IGNORE, (), ()) or ""
    if condition:
        # Columns of a SELECT have no type of their own on PostgreSQL, so each is cast.
        values = ", ".join(f"CAST(%s AS {field.cast_db_type(connection)})" for field in _FIELDS)
        source = " UNION ALL ".join([f"SELECT {values} WHERE EXISTS ({condition})"] * count)
    else:
        values = ", ".join(["%s"] * len(_FIELDS))
        source = "VALUES " + ", ".join([f"({values})"] * count)
    return f"{head} {operations.quote_name(PhonebookEntry._meta.db_table)} ({columns}) {source} {tail}"


@lru_cache(maxsize=256)
def _delete_sql(using: str, count: int, condition: str) -> str:
    table = connections[using].ops.quote_name(PhonebookEntry._meta.db_table)
    stale = [f"NOT EXISTS ({condition})"] if condition else []
    if count:
        stale.append(f"fingerprint NOT IN ({', '.join(['%s'] * count)})")
    return (
        f"DELETE FROM {table} WHERE content_type_id = %s AND object_id = %s AND kind <> %s"  # noqa: S608  no input
        + (f" AND ({' OR '.join(stale)})" if count else "")
    )


def set_rows(
    content_type_id: int, object_id: str, rows: Sequence[Row], searchable: "models.QuerySet[Any] | None"
) -> Changes:
    """Make ``rows`` the record's rows; remove all if ``searchable`` holds nothing. Two statements at most."""
    using = alias()
    condition, parameters = _condition(searchable, using)
    if condition is None:
        rows, condition, parameters = (), "", ()
    changes = Changes()
    with connections[using].cursor() as cursor:
        delete_parameters: list[Any] = [content_type_id, object_id, EntryKind.LEARNED.value]
        if rows:
            delete_parameters += [*parameters, *(row.fingerprint for row in rows)]
        cursor.execute(_delete_sql(using, len(rows), condition if rows else ""), delete_parameters)
        changes.removed += cursor.rowcount
        changes.added += _insert(cursor, using, rows, condition, parameters)
    return changes


def insert(rows: Sequence[Row]) -> int:
    """Add rows; those that stand there already are left alone."""
    using = alias()
    with connections[using].cursor() as cursor:
        return _insert(cursor, using, rows, "", ())


def insert_many(rows: Sequence[Row]) -> int:
    """Add many rows: by COPY on PostgreSQL, which takes a fifth of the time.

    COPY cannot skip rows that stand there already. One may, when a record is saved between the comparison and this;
    then the batch is inserted row by row.
    """
    if not rows:
        return 0
    using = alias()
    connection = connections[using]
    if connection.vendor != "postgresql" or any(type(row.owner_id) not in {int, type(None)} for row in rows):
        return insert(rows)
    table = connection.ops.quote_name(PhonebookEntry._meta.db_table)
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in _FIELDS)
    try:
        with (
            transaction.atomic(using=using),
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
    except IntegrityError:
        return insert(rows)
    return len(rows)


def _insert(cursor: Any, using: str, rows: Sequence[Row], condition: str, condition_parameters: Iterable[Any]) -> int:
    added = 0
    for start in range(0, len(rows), _INSERT_ROWS):
        batch = rows[start : start + _INSERT_ROWS]
        parameters: list[Any] = []
        for row in batch:
            parameters += row if row.owner_id is None or type(row.owner_id) is int else _prepared(row, using)
            parameters += condition_parameters
        cursor.execute(_insert_sql(using, len(batch), condition), parameters)
        added += cursor.rowcount
    return added


def _prepared(row: Row, using: str) -> Row:
    """The owner's key as the database wants it: users may have keys other than integers."""
    target = PhonebookEntry._meta.get_field("owner").target_field
    return row._replace(owner_id=target.get_db_prep_value(row.owner_id, connections[using]))


def delete_object(content_type_id: int, object_ids: Sequence[str]) -> int:
    """Forget records, learned choices included."""
    if not object_ids:
        return 0
    table = connections[alias()].ops.quote_name(PhonebookEntry._meta.db_table)
    marks = ", ".join(["%s"] * len(object_ids))
    sql = f"DELETE FROM {table} WHERE content_type_id = %s AND object_id IN ({marks})"  # noqa: S608  no input
    with connections[alias()].cursor() as cursor:
        cursor.execute(sql, [content_type_id, *object_ids])
        return int(cursor.rowcount)


def delete_ids(ids: Iterable[int]) -> int:
    """Delete rows by primary key."""
    keys, deleted = list(ids), 0
    for start in range(0, len(keys), 500):
        deleted += PhonebookEntry.objects.using(alias()).filter(pk__in=keys[start : start + 500])._raw_delete(alias())
    return deleted


def fingerprints(content_type_id: int, object_ids: Sequence[str]) -> dict[tuple[str, int], int]:
    """The rows that records have now: (record, fingerprint) to primary key, learned choices left out."""
    rows = (
        PhonebookEntry.objects.using(alias())
        .filter(content_type_id=content_type_id, object_id__in=object_ids)
        .exclude(kind=EntryKind.LEARNED)
        .values_list("object_id", "fingerprint", "pk")
    )
    return {(object_id, fingerprint): pk for object_id, fingerprint, pk in rows}


def contents(content_type_id: int, object_ids: Sequence[str]) -> dict[tuple[str, int], int]:
    """As :func:`fingerprints`, but computed from what the rows say now: a row that was tampered with differs."""
    rows = (
        PhonebookEntry.objects.using(alias())
        .filter(content_type_id=content_type_id, object_id__in=object_ids)
        .exclude(kind=EntryKind.LEARNED)
        .values_list("pk", *COLUMNS)
    )
    return {(row[2], fingerprint_of(row[3:-1])): row[0] for row in rows}


def _condition(searchable: "models.QuerySet[Any] | None", using: str) -> tuple[str | None, tuple[Any, ...]]:
    """The query as text for EXISTS; ("", ()) without a condition, (None, ()) if it can hold for nothing."""
    if searchable is None:
        return "", ()
    try:
        sql, parameters = searchable.order_by().values("pk").query.get_compiler(using=searchable.db).as_sql()
    except EmptyResultSet:
        return None, ()
    if searchable.db == using:
        return sql, tuple(parameters)
    # The host's table lives in another database than the index: ask there.
    return ("", ()) if searchable.exists() else (None, ())
