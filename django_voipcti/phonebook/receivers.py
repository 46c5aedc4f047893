"""Signals of the host's models that keep the index: save, delete, many-to-many, and records on the way of a path.

A save never fails because of what a number looks like or a function of the host does: that is logged, the rows stay as
they were, and ``voipcti_reindex --check`` lists the record. An error of the database within a transaction is passed
on, because the transaction is lost with it and hiding that would only move the error.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import DatabaseError, connections, models
from django.db.models import signals

from ..redaction import mask_digits
from . import index, store
from .paths import Hop
from .registry import Registration, Role, registry
from .rows import object_key

__all__ = ["connect", "disconnect"]

logger = logging.getLogger("django_voipcti.phonebook")

#: Set on an instance between the two signals of its saving or deleting: records whose rows it may leave behind.
_LEFT = "_voipcti_left"


def connect(registration: Registration) -> None:
    """Listen to everything that may change rows of ``registration``."""
    for model in registry.watched_models(registration):
        for signal, receiver in _RECEIVERS:
            signal.connect(receiver, sender=model, dispatch_uid="voipcti_phonebook")
    for through in _through_models(registration):
        signals.m2m_changed.connect(_m2m_changed, sender=through, dispatch_uid="voipcti_phonebook")


def disconnect(registration: Registration) -> None:
    """Stop listening for ``registration``; call after it left the registry."""
    still = {model for other in registry for model in registry.watched_models(other)}
    for model in registry.watched_models(registration) - still:
        for signal, _receiver in _RECEIVERS:
            signal.disconnect(sender=model, dispatch_uid="voipcti_phonebook")
    for through in _through_models(registration) - {t for other in registry for t in _through_models(other)}:
        signals.m2m_changed.disconnect(sender=through, dispatch_uid="voipcti_phonebook")


def _before_save(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    """Note whom a record on the way of a path leads to now: saving may move it to another one."""
    if instance._state.adding:
        return
    _note_left(sender, instance, using, only_many=True)


def _saved(
    sender: type[models.Model],
    instance: models.Model,
    using: str,
    update_fields: frozenset[str] | None = None,
    **kwargs: Any,
) -> None:
    left: dict[Registration, set[Any]] = instance.__dict__.pop(_LEFT, {})
    for role in registry.roles(sender):
        if role.hop is not None:
            _guarded(instance, _refresh_dependents, role, instance, using, left.get(role.registration, set()))
        elif _concerns(role.registration, update_fields):
            _guarded(instance, index.refresh_one, role.registration, instance, using)


def _before_delete(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    _note_left(sender, instance, using, only_many=False)


def _deleted(sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any) -> None:
    left: dict[Registration, set[Any]] = instance.__dict__.pop(_LEFT, {})
    for role in registry.roles(sender):
        if role.hop is None:
            key = index.content_type_id(role.registration.model)
            _guarded(instance, store.delete_object, key, [object_key(instance.pk)])
    for registration, pks in left.items():
        _guarded(instance, _refresh_keys, registration, pks, using)


def _m2m_changed(
    sender: type[models.Model], instance: models.Model, action: str, pk_set: set[Any] | None, using: str, **kwargs: Any
) -> None:
    if action == "pre_clear":
        _note_left(type(instance), instance, using, only_many=False)
    if not action.startswith("post_"):
        return
    left: dict[Registration, set[Any]] = instance.__dict__.pop(_LEFT, {})
    model = kwargs["model"]
    for side, pks in ((type(instance), {instance.pk}), (model, pk_set or set())):
        for role in registry.roles(side):
            if not pks:
                continue
            if role.hop is None:
                _guarded(instance, _refresh_keys, role.registration, pks, using)
            else:
                _guarded(instance, _refresh_behind, role, pks, using)
    for registration, keys in left.items():
        _guarded(instance, _refresh_keys, registration, keys, using)


_RECEIVERS: tuple[tuple[Any, Callable[..., None]], ...] = (
    (signals.pre_save, _before_save),
    (signals.post_save, _saved),
    (signals.pre_delete, _before_delete),
    (signals.post_delete, _deleted),
)


def _concerns(registration: Registration, update_fields: frozenset[str] | None) -> bool:
    """Whether a save of these fields may change a row."""
    own = registration.own_fields
    return update_fields is None or own is None or not own.isdisjoint(update_fields)


def _note_left(sender: type[models.Model], instance: models.Model, using: str, *, only_many: bool) -> None:
    for role in registry.roles(sender):
        if role.hop is None or (only_many and not role.hop.is_many):
            continue
        pks = _guarded(instance, _keys_behind, role, [instance.pk], using)
        if pks:
            instance.__dict__.setdefault(_LEFT, {}).setdefault(role.registration, set()).update(pks)


def _keys_behind(role: Role, pks: Iterable[Any], using: str) -> set[Any]:
    """Keys of the registered records whose path leads over any of ``pks``."""
    hop = role.hop
    if hop is None:
        return set(pks)
    records = role.registration.model._base_manager.using(using).filter(**{f"{hop.prefix}__in": list(pks)})
    return set(records.values_list("pk", flat=True))


def _refresh_dependents(role: Role, instance: models.Model, using: str, left: set[Any]) -> None:
    _refresh_behind(role, [instance.pk], using, left)


def _refresh_behind(role: Role, pks: Iterable[Any], using: str, left: Iterable[Any] = ()) -> None:
    """Refresh the records whose path leads over ``pks``, and those with the keys ``left``, in batches."""
    hop = role.hop
    if hop is None:
        return
    if hop.is_many:
        _refresh_keys(role.registration, _keys_behind(role, pks, using) | set(left), using)
    else:
        _refresh_alike(role.registration, hop, pks, using)


def _refresh_alike(registration: Registration, hop: Hop, pks: Iterable[Any], using: str) -> None:
    """Refresh the records that all read the same fields of the record that was saved.

    So when a whole batch turns out unchanged, the save did not concern the index, and the rest (of a company with
    100,000 contacts, say) need not be looked at.
    """
    manager = registration.model._base_manager.using(using)
    behind = manager.filter(**{f"{hop.prefix}__in": list(pks)}).values("pk")
    records = registration.load(manager.filter(pk__in=behind).order_by("pk"))
    last: Any = None
    while True:
        batch = records if last is None else records.filter(pk__gt=last)
        instances = list(batch[: index.BATCH])
        if not instances:
            return
        changes = index.refresh_batch(registration, instances)
        if len(instances) < index.BATCH or not (changes.added or changes.removed):
            return
        last = instances[-1].pk


def _refresh_keys(registration: Registration, pks: set[Any], using: str) -> None:
    """Refresh some records, one transaction after the other: two that add numbers to one record must both count."""
    if not pks:
        return
    with index.locked(registration, pks, using):
        index.refresh(registration.model._base_manager.using(using).filter(pk__in=pks))


def _guarded(instance: models.Model, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run ``function`` so that the host's save does not fail because of it."""
    try:
        return function(*arguments)
    except DatabaseError as error:
        if connections[store.alias()].in_atomic_block:
            raise
        _log(instance, error)
    except Exception as error:  # noqa: BLE001  functions of the host may raise anything
        _log(instance, error)
    return None


def _log(instance: models.Model, error: Exception) -> None:
    logger.error(
        "The phonebook could not read %s %s, its rows stay as they were: %s: %s",
        instance._meta.label,
        instance.pk,
        type(error).__name__,
        mask_digits(str(error)),
    )


def _through_models(registration: Registration) -> set[type[models.Model]]:
    """The tables behind the many-to-many relations on the registration's paths."""
    found: set[type[models.Model]] = set()
    for hop in registration.hops:
        model: Any = registration.model
        for step in hop.prefix.split("__"):
            field = model._meta.get_field(step)
            through = getattr(field, "through", None) or getattr(field.remote_field, "through", None)
            if through is not None:
                found.add(through)
            model = field.related_model
    return found
