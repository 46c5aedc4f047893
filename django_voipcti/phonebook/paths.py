"""Paths from a record to its numbers: ``"phone"``, ``"spouse__phone"``, ``"company.name"``, ``"numbers__value"``.

A path is read like a template variable: attributes, keys of JSON objects, methods without arguments, and relations;
a relation to many yields the values of all. The relations among the steps are the *hops*: saving a record on the far
side of one changes what the path says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import phonenumbers
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ObjectDoesNotExist
from django.db import models

__all__ = ["Hop", "Path", "flatten"]

#: JSON lists may hold lists or objects; deeper nesting than this is no list of numbers.
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Hop:
    """A relation on the way: ``prefix`` is the lookup that leads from the registered model to ``model``."""

    prefix: str
    model: type[models.Model]
    is_many: bool
    """Whether the relation may lead to several records (so that it is prefetched, not joined)."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path, checked against its model."""

    text: str
    steps: tuple[str, ...]
    hops: tuple[Hop, ...]
    fields: frozenset[str]
    """Names (and column attributes) of the model's own concrete fields that the path begins with."""

    @classmethod
    def of(cls, model: type[models.Model], text: str) -> "Path":
        """Check ``text`` against ``model``.

        Raises:
            ImproperlyConfigured: the first step names nothing that the model has.
        """
        steps = tuple(text.replace("__", ".").split("."))
        hops: list[Hop] = []
        fields: frozenset[str] = frozenset()
        current: type[models.Model] | None = model
        lookups: list[str] = []
        for index, step in enumerate(steps):
            if current is None:
                break
            field = _find_field(current, step)
            if field is None:
                if not hasattr(current, step):
                    raise ImproperlyConfigured(
                        f"{model._meta.label} is registered with {text!r}, but {current._meta.label} has no {step!r}."
                        f" Fields: {', '.join(sorted(f.name for f in current._meta.get_fields()))}."
                    )
                break
            if index == 0:
                fields = frozenset({field.name, getattr(field, "attname", field.name)})
            if not field.is_relation:
                break
            current = field.related_model if isinstance(field.related_model, type) else None
            lookups.append(field.name)
            if current is not None:
                is_many = bool(field.many_to_many or field.one_to_many)
                hops.append(Hop("__".join(lookups), current, is_many or any(hop.is_many for hop in hops)))
        return cls(text=text, steps=steps, hops=tuple(hops), fields=fields)

    def values(self, instance: models.Model) -> Iterator[Any]:
        """Everything that the path leads to; nothing where a relation is empty."""
        yield from _follow(instance, self.steps)

    def first(self, instance: models.Model) -> Any:
        """The first value, or None."""
        value: Any = instance
        for step in self.steps:
            value = _step(value, step)
            if value is None:
                return None
            if isinstance(value, models.Manager):
                return next(self.values(instance), None)
        return value


def flatten(value: Any, depth: int = 0) -> Iterator[Any]:
    """Take lists, sets and JSON objects apart down to the texts and number objects in them; drop empty ones."""
    if value is None or value == "" or isinstance(value, bool):
        return
    if isinstance(value, (str, int, phonenumbers.PhoneNumber)):
        yield value
    elif depth < _DEEPEST and isinstance(value, Mapping):
        for part in value.values():
            yield from flatten(part, depth + 1)
    elif depth < _DEEPEST and hasattr(value, "__iter__"):
        for part in value:
            yield from flatten(part, depth + 1)


def _find_field(model: type[models.Model], step: str) -> Any:
    """The field behind an attribute name; reverse relations are known by their accessor (``number_set``)."""
    for field in model._meta.get_fields():
        accessor = field.get_accessor_name() if hasattr(field, "get_accessor_name") else None
        if accessor == step:
            return field
    try:
        return model._meta.get_field(step)
    except FieldDoesNotExist:
        return next((f for f in model._meta.concrete_fields if f.attname == step and not f.is_relation), None)


def _step(value: Any, step: str) -> Any:
    """One step from a value; None where it leads nowhere."""
    if isinstance(value, Mapping):
        return value.get(step)
    try:
        following = getattr(value, step)
    except (AttributeError, ObjectDoesNotExist):
        return None  # a reverse one-to-one without its other side raises a subclass of both
    if isinstance(following, (str, models.Manager)) or not callable(following) or isinstance(following, type):
        return following
    return following()


def _follow(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if value is None:
        return
    if not steps:
        yield value
        return
    following = _step(value, steps[0])
    if isinstance(following, models.Manager):
        for related in following.all():
            yield from _follow(related, steps[1:])
    else:
        yield from _follow(following, steps[1:])
