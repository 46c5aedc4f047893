"""Keeping the side index: one record after a save, many after a bulk operation."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from django.contrib.contenttypes.models import ContentType
from django.db import connections, models, transaction

from . import store
from .registry import Registration, registry
from .rows import Row, object_key, rows_of
from .store import Changes

__all__ = [
    "BATCH",
    "content_type_id",
    "locked",
    "on_new_rows",
    "refresh",
    "refresh_batch",
    "refresh_one",
    "remove",
    "searchable_only",
    "wanted_rows",
]

#: Records that are compared and written together by bulk operations.
BATCH = 500

T = TypeVar("T")

#: Called with a content type and the keys of records that got new rows. Whoever links calls to records wants to know.
Listener = Callable[[int, list[str]], None]

_listeners: list[Listener] = []


def on_new_rows(listener: Listener) -> None:
    """Have ``listener`` called, in the transaction that adds the rows, when records get new ones; not by a reindex."""
    if listener not in _listeners:
        _listeners.append(listener)


def _tell(content_type_id: int, object_ids: list[str]) -> None:
    for listener in _listeners:
        listener(content_type_id, object_ids)


def content_type_id(model: type[models.Model]) -> int:
    """The key of the model's content type; asked once a process."""
    return ContentType.objects.get_for_model(model).pk


def refresh_one(registration: Registration, instance: models.Model, using: str | None = None) -> Changes:
    """Bring the rows of one record up to date. Two statements, plus what its relations need to be read."""
    key = content_type_id(registration.model)
    queryset = None
    if registration.searchable is not None:
        manager = registration.model._base_manager.using(using or instance._state.db)
        queryset = registration.searchable(manager.filter(pk=instance.pk))
    object_id = object_key(instance.pk)
    changes = store.set_rows(key, object_id, rows_of(registration, instance, key), queryset)
    if changes.added:
        _tell(key, [object_id])
    return changes


def refresh(records: "models.QuerySet[Any] | Iterable[models.Model]") -> Changes:
    """Bring the index up to date after an operation that sends no signals.

    For ``bulk_create``, ``bulk_update``, ``QuerySet.update`` and raw SQL::

        Contact.objects.filter(pk__in=pks).update(archived=True)
        phonebook.refresh(Contact.objects.filter(pk__in=pks))

    Args:
        records: records of one registered model, as a queryset (read again from the database) or as instances.
            Deleted records are no longer in any queryset: name their keys to :func:`remove`.

    Raises:
        LookupError: the model is not registered.
    """
    changes = Changes()
    if isinstance(records, models.QuerySet):
        registration = registry.of(records.model)
        for batch in _in_batches(_stream(registration.load(records))):
            changes += refresh_batch(registration, batch)
        return changes
    for batch in _in_batches(iter(records)):
        changes += refresh_batch(registry.of(type(batch[0])), batch)
    return changes


def refresh_batch(registration: Registration, instances: list[models.Model]) -> Changes:
    """Bring the rows of some records up to date with a fixed number of queries."""
    wanted = wanted_rows(registration, instances)
    key = content_type_id(registration.model)
    present = store.fingerprints(key, [object_key(instance.pk) for instance in instances])
    missing = [row for address, row in wanted.items() if address not in present]
    obsolete = [pk for address, pk in present.items() if address not in wanted]
    removed = store.delete_ids(obsolete)
    added = store.insert(missing) if missing else 0
    if added:
        _tell(key, sorted({row.object_id for row in missing}))
    return Changes(added=added, removed=removed)


def wanted_rows(registration: Registration, instances: list[models.Model]) -> dict[tuple[str, int], Row]:
    """The rows that records should have, by (record, fingerprint)."""
    instances = searchable_only(registration, instances)
    key = content_type_id(registration.model)
    return {
        (row.object_id, row.fingerprint): row for instance in instances for row in rows_of(registration, instance, key)
    }


@contextmanager
def locked(registration: Registration, pks: Iterable[Any], using: str) -> Iterator[None]:
    """Hold others off from saving some records until the rows that were read from them are written.

    The lock is the weakest that does that (it does not collide with what a foreign key to the record takes), and the
    keys are in order, so that two of us do not wait for each other. Databases without row locks go without.
    """
    if not connections[using].features.has_select_for_no_key_update:
        yield
        return
    with transaction.atomic(using=using):
        records = registration.model._base_manager.using(using).filter(pk__in=list(pks)).order_by("pk")
        list(records.select_for_update(no_key=True).values_list("pk"))
        yield


def searchable_only(registration: Registration, instances: list[models.Model]) -> list[models.Model]:
    """Those of some records that may be found; one query if the registration has a condition."""
    if registration.searchable is None or not instances:
        return instances
    manager = registration.model._base_manager.using(instances[0]._state.db)
    candidates = manager.filter(pk__in=[instance.pk for instance in instances])
    searchable = set(registration.searchable(candidates).values_list("pk", flat=True))
    return [instance for instance in instances if instance.pk in searchable]


def remove(model: type[models.Model], pks: Iterable[Any]) -> int:
    """Forget records that were deleted without signals (``_raw_delete``, SQL, another program), by primary key."""
    key = content_type_id(registry.of(model).model)
    return sum(store.delete_object(key, batch) for batch in _in_batches(object_key(pk) for pk in pks))


def _stream(queryset: "models.QuerySet[Any]") -> Iterator[Any]:
    return queryset.iterator(chunk_size=BATCH)


def _in_batches(records: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH)):
        yield batch
