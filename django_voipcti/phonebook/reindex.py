"""Making the whole index again, and proving that it is right, while everything else goes on.

Records are read in the order of their keys, a batch at a time, so memory stays flat and a run that was broken off goes
on where it stopped. Rows are compared by all that they say: what stands there already is neither deleted nor written,
so lookups find everybody at every moment, and a second run over an index in order writes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connections, models, transaction

from ..models import PhonebookChoice, PhonebookEntry, ReindexProgress
from ..models.phonebook import EntryKind
from . import choices, index, store
from .registry import Registration, registry
from .rows import Row, object_key, rows_of

__all__ = ["Finding", "Step", "check", "check_leftovers", "prune", "rebuild", "total"]

#: Records of a batch.
BATCH = 1000
#: Keys of the index that are held against the host's table at once.
_PRUNE_BATCH = 1000


@dataclass(slots=True, kw_only=True)
class Finding:
    """Something that ``--check`` has to report about one record."""

    model: str
    object_id: str
    problem: str
    """``missing``, ``obsolete``, ``orphan``, ``unreadable`` or ``error``."""
    text: str = ""
    """The text that could not be read, the number that is missing, or the error."""

    @property
    def is_drift(self) -> bool:
        """Whether the index differs from the records; a text that nobody can read is no fault of the index."""
        return self.problem != "unreadable"


@dataclass(slots=True, kw_only=True)
class Step:
    """What one batch came to."""

    records: int
    numbers: int
    changes: store.Changes = field(default_factory=store.Changes)
    findings: list[Finding] = field(default_factory=list)


def total(registration: Registration, *, resume: bool = False) -> int:
    """How many records are to be read."""
    return _records(registration, _resume_after(registration) if resume else None).count()


def rebuild(registration: Registration, *, batch: int = BATCH, resume: bool = False) -> Iterator[Step]:
    """Bring the rows of every record of a model up to date; yields after each batch, which is then committed.

    Args:
        batch: records that are read, compared and written together.
        resume: go on behind the last batch of a run that was broken off.
    """
    after = _resume_after(registration) if resume else None
    done, fill = 0, not _has_rows(registration)
    while True:
        instances, step = (_fill_batch if fill else _repair_batch)(registration, after, batch)
        if not instances:
            break
        after = instances[-1].pk
        done += len(instances)
        fill = step.changes.added > step.numbers / 2
        _note_progress(registration, after, done)
        yield step
    _note_progress(registration, None, done)


def prune(registration: Registration) -> int:
    """Remove rows and choices of records that are gone; returns how many rows."""
    removed = 0
    content_type_id = index.content_type_id(registration.model)
    for orphans in _orphans(registration):
        removed += store.delete_object(content_type_id, orphans)
    kept = PhonebookChoice.objects.filter(content_type_id=content_type_id)
    chosen = set(kept.values_list("object_id", flat=True))
    kept.filter(object_id__in=chosen - _existing(registration, chosen)).delete()
    return removed


def prune_leftovers() -> int:
    """Remove rows of models that are no longer registered, and put the marks of learned choices in order."""
    registered = [index.content_type_id(registration.model) for registration in registry]
    stale = PhonebookEntry.objects.using(store.alias()).exclude(content_type_id__in=registered)
    removed: int = stale._raw_delete(store.alias())
    added, gone = choices.restore_markers()
    return removed + added + gone


def check(registration: Registration, *, batch: int = BATCH) -> Iterator[Step]:
    """Compare every record with its rows and report what differs; writes nothing."""
    after = None
    while instances := list(_records(registration, after)[:batch]):
        after = instances[-1].pk
        yield _check_batch(registration, instances)
    for orphans in _orphans(registration):
        label = registration.model._meta.label
        yield Step(
            records=0,
            numbers=0,
            findings=[Finding(model=label, object_id=object_id, problem="orphan") for object_id in orphans],
        )


def check_leftovers() -> list[Finding]:
    """Rows of models that are not registered."""
    registered = [index.content_type_id(registration.model) for registration in registry]
    stale = PhonebookEntry.objects.using(store.alias()).exclude(content_type_id__in=registered)
    return [
        Finding(model=str(ContentType.objects.get_for_id(pk)), object_id="", problem="orphan", text=f"{count}")
        for pk, count in stale.values_list("content_type").annotate(models.Count("pk")).order_by()
    ]


def _records(registration: Registration, after: Any) -> "models.QuerySet[Any]":
    records = registration.model._base_manager.order_by("pk")
    return registration.load(records if after is None else records.filter(pk__gt=after))


def _resume_after(registration: Registration) -> Any:
    progress = ReindexProgress.objects.filter(content_type_id=index.content_type_id(registration.model)).first()
    return registration.model._meta.pk.to_python(progress.after_key) if progress else None


def _wanted(
    registration: Registration, instances: list[models.Model]
) -> tuple[dict[tuple[str, int], Row], list[Finding]]:
    """The rows that records should have; a record that cannot be read is a finding, and the others go on."""
    content_type_id = index.content_type_id(registration.model)
    wanted: dict[tuple[str, int], Row] = {}
    findings: list[Finding] = []
    for instance in index.searchable_only(registration, instances):
        try:
            rows = rows_of(registration, instance, content_type_id)
        except Exception as error:  # noqa: BLE001  functions of the host may raise anything
            text = f"{type(error).__name__}: {error}"
            findings.append(_finding(registration, object_key(instance.pk), "error", text))
            continue
        wanted.update(((row.object_id, row.fingerprint), row) for row in rows)
    return wanted, findings


Batch = tuple[list[models.Model], Step]


def _fill_batch(registration: Registration, after: Any, batch: int) -> Batch:
    """Read a batch under lock and write it: for records of which most have no rows yet."""
    records = _records(registration, after)
    connection = connections[records.db]
    if not connection.features.has_select_for_no_key_update:
        instances = list(records[:batch])
        return instances, _written(_compare(registration, instances), instances)
    with transaction.atomic(using=records.db):
        instances = list(records.select_for_update(no_key=True, of=("self",))[:batch])
        return instances, _written(_compare(registration, instances), instances)


def _repair_batch(registration: Registration, after: Any, batch: int) -> Batch:
    """Compare a batch without a lock; read what differs again under one, and write that."""
    instances = list(_records(registration, after)[:batch])
    difference = _compare(registration, instances)
    differing = difference.records()
    stale = [instance.pk for instance in instances if object_key(instance.pk) in differing]
    if not stale:
        return instances, Step(records=len(instances), numbers=difference.numbers, findings=difference.errors())
    with index.locked(registration, stale, instances[0]._state.db or store.alias()):
        fresh = list(registration.load(registration.model._base_manager.filter(pk__in=stale)))
        step = _written(_compare(registration, fresh), instances)
    step.numbers, step.findings = difference.numbers, difference.errors()
    return instances, step


def _written(difference: "_Difference", instances: list[models.Model]) -> Step:
    """Write what differs."""
    changes = store.Changes()
    with transaction.atomic(using=store.alias()):
        changes.removed += store.delete_ids(difference.obsolete)
        changes.added += store.insert_many(difference.missing)
    return Step(records=len(instances), numbers=difference.numbers, changes=changes, findings=difference.errors())


def _has_rows(registration: Registration) -> bool:
    content_type_id = index.content_type_id(registration.model)
    return PhonebookEntry.objects.using(store.alias()).filter(content_type_id=content_type_id).exists()


@dataclass(slots=True, kw_only=True)
class _Difference:
    """What is wrong with the rows of some records."""

    numbers: int
    missing: list[Row]
    obsolete: dict[int, str]
    """Primary keys of rows that should not be, with the record's key."""
    findings: list[Finding]

    def records(self) -> set[str]:
        """Keys of the records whose rows differ."""
        return {row.object_id for row in self.missing} | set(self.obsolete.values())

    def errors(self) -> list[Finding]:
        """Records that could not be read at all."""
        return [finding for finding in self.findings if finding.problem == "error"]


def _compare(registration: Registration, instances: list[models.Model]) -> _Difference:
    wanted, findings = _wanted(registration, instances)
    content_type_id = index.content_type_id(registration.model)
    present = store.contents(content_type_id, [object_key(instance.pk) for instance in instances])
    broken = {finding.object_id for finding in findings}
    return _Difference(
        numbers=len(wanted),
        missing=[row for address, row in wanted.items() if address not in present],
        obsolete={
            pk: address[0] for address, pk in present.items() if address not in wanted and address[0] not in broken
        },
        findings=[
            *findings,
            *(
                _finding(registration, row.object_id, "unreadable", row.text)
                for row in wanted.values()
                if row.kind == EntryKind.UNREADABLE
            ),
        ],
    )


def _check_batch(registration: Registration, instances: list[models.Model]) -> Step:
    difference = _compare(registration, instances)
    findings = [
        *difference.findings,
        *(_finding(registration, row.object_id, "missing", row.text) for row in difference.missing),
        *(_finding(registration, object_id, "obsolete") for object_id in difference.obsolete.values()),
    ]
    return Step(records=len(instances), numbers=difference.numbers, findings=findings)


def _note_progress(registration: Registration, after: Any, done: int) -> None:
    """Remember how far the run has come; with ``after`` None that it is over."""
    progress = ReindexProgress.objects.using(store.alias())
    content_type_id = index.content_type_id(registration.model)
    if after is None:
        progress.filter(content_type_id=content_type_id).delete()
        return
    defaults = {"after_key": object_key(after), "records": done}
    progress.update_or_create(content_type_id=content_type_id, defaults=defaults)


def _finding(registration: Registration, object_id: str, problem: str, text: str = "") -> Finding:
    return Finding(model=registration.model._meta.label, object_id=object_id, problem=problem, text=text)


def _orphans(registration: Registration) -> Iterator[list[str]]:
    """Keys in the index that no record has, in batches."""
    content_type_id = index.content_type_id(registration.model)
    rows = PhonebookEntry.objects.using(store.alias()).filter(content_type_id=content_type_id).order_by("object_id")
    after = ""
    while True:
        keys = list(
            islice(rows.filter(object_id__gt=after).values_list("object_id", flat=True).distinct(), _PRUNE_BATCH)
        )
        if not keys:
            return
        after = keys[-1]
        existing = _existing(registration, keys)
        orphans = [key for key in keys if key not in existing]
        if orphans:
            yield orphans


def _existing(registration: Registration, keys: Any) -> set[str]:
    """Those of some keys that records have."""
    field = registration.model._meta.pk
    readable = []
    for key in keys:
        try:
            readable.append(field.to_python(key))
        except (ValueError, TypeError):
            continue
    found = registration.model._base_manager.filter(pk__in=readable).values_list("pk", flat=True)
    return {object_key(pk) for pk in found}
