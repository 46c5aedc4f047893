"""Registered records as matches, read from the host's tables: what somebody names, not what a number leads to."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from ..models import Line, PhonebookEntry
from ..models.phonebook import EntryKind
from .index import content_type_id
from .judgement import Confidence
from .match import Match, may_view
from .registry import Registration, registry
from .rows import object_key, shown

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

__all__ = ["as_match", "find_record", "numbers_of", "read_records"]

_CALLABLE = (EntryKind.VALID, EntryKind.POSSIBLE, EntryKind.SHORT, EntryKind.SIP)


def as_match(
    registration: Registration, record: models.Model, reason: str = "", confidence: Confidence = "learned"
) -> Match:
    """A record as it is now, as a match."""
    label, company, url, owner_id = shown(registration, record)
    return Match(
        content_type_id=content_type_id(registration.model),
        object_id=object_key(record.pk),
        model=registration.model_label,
        label=label,
        company=company,
        url=url,
        confidence=confidence,
        reason=reason,
        owner_id=owner_id,
    )


def find_record(
    model: str, object_id: str, user: "AbstractBaseUser | AnonymousUser"
) -> tuple[models.Model, Match] | None:
    """The record that a page names, and as a match; None unless it may be found and ``user`` may view it.

    Args:
        model: ``app_label.model`` in lower case, of a registered model.
        object_id: its primary key as text; may be anything, since a page is a stranger.
    """
    registration = next((each for each in registry if each.model_label == model and each.model is not Line), None)
    if registration is None:
        return None
    try:
        records = registration.model._default_manager.filter(pk=object_id)
    except (ValueError, TypeError, ValidationError):
        return None  # not what keys of this model look like
    if registration.searchable is not None:
        records = registration.searchable(records)
    record = registration.load(records).first()
    if record is None:
        return None
    match = as_match(registration, record)
    return (record, match) if may_view(user, match) else None


def read_records(keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], Match]:
    """Records by content type and primary key; those that are gone are left out. One query per model."""
    by_model: dict[int, set[str]] = {}
    for type_id, object_id in keys:
        by_model.setdefault(type_id, set()).add(object_id)
    found: dict[tuple[int, str], Any] = {}
    for type_id, object_ids in by_model.items():
        registration = registry.by_content_type(type_id)
        if registration is None:
            continue
        for record in registration.load(registration.model._base_manager.filter(pk__in=object_ids)):
            match = as_match(registration, record)
            found[match.key] = match
    return found


def numbers_of(keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], list[str]]:
    """The numbers of records by content type and primary key, as they can be called, in the order of the record.

    From the index: one query, whichever models they are of.
    """
    by_model: dict[int, set[str]] = {}
    for type_id, object_id in keys:
        by_model.setdefault(type_id, set()).add(object_id)
    wanted = models.Q(pk__in=())
    for type_id, object_ids in by_model.items():
        wanted |= models.Q(content_type=type_id, object_id__in=object_ids)
    entries = PhonebookEntry.objects.filter(wanted, kind__in=_CALLABLE).order_by("position", "pk")
    found: dict[tuple[int, str], list[str]] = {key: [] for key in keys}
    for type_id, object_id, e164, national in entries.values_list("content_type_id", "object_id", "e164", "national"):
        number = e164 or national
        if number not in found[type_id, object_id]:
            found[type_id, object_id].append(number)
    return found
