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
from django.db import models

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
    done = 0
    while instances := list(_records(registration, after)[:batch]):
        after = instances[-1].pk
        done += len(instances)
        step = _rebuild_batch(registration, instances)
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


def _rebuild_batch(registration: Registration, instances: list[models.Model]) -> Step:
    """Compare a batch without any lock; write what differs under one, from what the records say then."""
    difference = _compare(registration, instances)
    numbers, changes = difference.numbers, store.Changes()
    errors = [finding for finding in difference.findings if finding.problem == "error"]
    differing = difference.records()
    stale = [instance for instance in instances if object_key(instance.pk) in differing]
    if stale:
        pks = [instance.pk for instance in stale]
        with index.locked(registration, pks, stale[0]._state.db or store.alias()):
            fresh = list(registration.load(registration.model._base_manager.filter(pk__in=pks).order_by("pk")))
            depth = max((hop.prefix.count("__") + 1 for hop in registration.hops), default=0)
            if [_said(instance, depth) for instance in fresh] != [_said(instance, depth) for instance in stale]:
                difference = _compare(registration, fresh)
            changes.removed += store.delete_ids(difference.obsolete)
            changes.added += store.insert_many(difference.missing)
    return Step(records=len(instances), numbers=numbers, changes=changes, findings=errors)


def _said(instance: models.Model, depth: int) -> tuple[Any, ...]:
    """Everything that was read of a record, and of those which were loaded with it, ``depth`` relations far."""
    values = {name: value for name, value in vars(instance).items() if name[0] != "_"}
    if not depth:
        return (values,)
    single = instance._state.fields_cache
    many = getattr(instance, "_prefetched_objects_cache", {})
    return (
        values,
        {name: related and _said(related, depth - 1) for name, related in single.items()},
        {name: [_said(related, depth - 1) for related in records] for name, records in many.items()},
    )


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
