"""What people know better than the index: "it was his wife", "this is their warehouse".

A choice is kept as a :class:`PhonebookChoice`; a marker row in the index lets the one statement of a lookup notice
that there is one. Choosing is a user's own memory, and the newest one counts for those who have none of their own;
attaching is for everybody.
"""

from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ..exceptions import CommandRefused
from ..models import PhonebookChoice, PhonebookEntry
from ..models.phonebook import EntryKind
from . import store
from .judgement import Caller
from .match import Match
from .registry import registry
from .rows import object_key, shown

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = ["attach", "choose", "chosen", "forget", "markers", "of_numbers", "restore_markers", "weigh"]


def choose(number: str, match: Match, user: "AbstractBaseUser", *, region: str = "") -> PhonebookChoice:
    """Remember that ``number`` means ``match`` to ``user``; replaces what he chose before.

    Raises:
        CommandRefused: ``invalid_number``, or ``not_allowed`` for a match whose record the user may not know.
    """
    if not match.object_id:
        raise CommandRefused(_("You may not view this record, so you cannot choose it."), code="not_allowed")
    return _keep(_key(number, region), match.content_type_id, match.object_id, user=user, is_attached=False)


def attach(
    number: str, instance: models.Model, user: "AbstractBaseUser | None" = None, *, region: str = ""
) -> PhonebookChoice:
    """Let everybody know that ``number`` belongs to ``instance``, without changing the record itself.

    Link the earlier calls of the number afterwards: see :func:`django_voipcti.phonebook.unlinked_calls`.

    Args:
        user: who says so; None for a program.

    Raises:
        CommandRefused: ``invalid_number``.
        LookupError: the record's model is not registered.
    """
    registration = registry.of(type(instance))
    content_type_id = ContentType.objects.get_for_model(registration.model).pk
    return _keep(_key(number, region), content_type_id, object_key(instance.pk), user=user, is_attached=True)


def forget(
    number: str, user: "AbstractBaseUser | None" = None, *, instance: models.Model | None = None, region: str = ""
) -> int:
    """Forget what ``user`` chose for ``number``, or (with ``instance``) that the number was attached to that record.

    Returns the number of choices that are forgotten.
    """
    stale = PhonebookChoice.objects.filter(number=_key(number, region))
    if instance is None:
        stale = stale.filter(user_id=_user_id(user), is_attached=False)
    else:
        content_type_id = ContentType.objects.get_for_model(registry.of(type(instance)).model).pk
        stale = stale.filter(content_type_id=content_type_id, object_id=object_key(instance.pk), is_attached=True)
    return discard(stale)


def discard(stale: "models.QuerySet[PhonebookChoice]") -> int:
    """Forget some choices, whoever made them; return how many there were."""
    with transaction.atomic(using=store.alias()):
        addresses = set(stale.order_by().values_list("number", "content_type_id", "object_id"))
        count, _details = stale.delete()
        _remove_markers(addresses)
    return count


def records(choices: Iterable[PhonebookChoice]) -> dict[tuple[int, str], Match]:
    """The records that choices point to, by content type and key; one query for each registered model.

    Missing are records that are gone, or may not be found any more. Knows no permissions: see
    :func:`django_voipcti.phonebook.shown_to`.
    """
    wanted: dict[int, set[str]] = {}
    for choice in choices:
        wanted.setdefault(choice.content_type_id, set()).add(choice.object_id)
    found = {}
    for content_type_id, object_ids in wanted.items():
        registration = registry.by_content_type(content_type_id)
        for key, (label, company, url, owner_id) in shown_records(content_type_id, object_ids).items():
            model = registration.model_label if registration else ""
            found[key] = Match(*key, model, label, company, url, "learned", "", owner_id)
    return found


def shown_records(
    content_type_id: int, object_ids: Collection[str]
) -> dict[tuple[int, str], tuple[str, str, str, Any]]:
    """What a pop-up shows (name, company, address, owner) of those records that may be found; one query."""
    registration = registry.by_content_type(content_type_id)
    if registration is None:
        return {}
    instances = registration.model._base_manager.filter(pk__in=object_ids)
    if registration.searchable is not None:
        instances = registration.searchable(instances)
    return {
        (content_type_id, object_key(instance.pk)): shown(registration, instance)
        for instance in registration.load(instances)
    }


def of_numbers(numbers: Collection[str]) -> dict[str, list[PhonebookChoice]]:
    """The choices for some numbers, newest first, in one query; none without numbers."""
    found: dict[str, list[PhonebookChoice]] = {}
    if numbers:
        for choice in PhonebookChoice.objects.filter(number__in=numbers).select_related("user"):
            found.setdefault(choice.number, []).append(choice)
    return found


def chosen(requests: Iterable[tuple[str, str, Any, str]]) -> dict[Any, tuple[int, str]]:
    """The record that the user of each request chose himself for the number; left out where he did not. One query."""
    asking = {request: Caller(request[0], request[1], read=True).key for request in requests}
    by_number = of_numbers(set(asking.values()) - {""})
    return {
        request: (choice.content_type_id, choice.object_id)
        for request, number in asking.items()
        for choice in by_number.get(number, ())
        if not choice.is_attached and choice.user_id is not None and choice.user_id == request[2]
    }


def weigh(candidates: Iterable[PhonebookChoice], user_id: Any) -> dict[tuple[int, str], str]:
    """What counts for a user, the weightiest first: his own choice or else the newest one; then attached records.

    Returns records with the sentence that says who chose them.
    """
    candidates = list(candidates)
    personal = [choice for choice in candidates if not choice.is_attached]
    own = [choice for choice in personal if user_id is not None and choice.user_id == user_id]
    learned: dict[tuple[int, str], str] = {}
    for choice in [*(own or personal)[:1], *(choice for choice in candidates if choice.is_attached)]:
        learned.setdefault((choice.content_type_id, choice.object_id), _sentence(choice, user_id))
    return learned


def markers(addresses: Iterable[tuple[str, int, str]]) -> list[PhonebookEntry]:
    """The rows of the index that stand for choices, given as (number, content type, record)."""
    return [
        PhonebookEntry(
            content_type_id=content_type_id,
            object_id=object_id,
            kind=EntryKind.LEARNED,
            e164=number if number.startswith("+") else "",
            national="" if number.startswith("+") else number,
            reversed=number.removeprefix("+")[::-1],
            fingerprint=_fingerprint(number),
        )
        for number, content_type_id, object_id in addresses
    ]


def restore_markers() -> tuple[int, int]:
    """Make the marker rows what the choices say; returns how many were added and removed."""
    wanted = set(PhonebookChoice.objects.values_list("number", "content_type_id", "object_id"))
    present = {
        (row.e164 or row.national, row.content_type_id, row.object_id): row.pk
        for row in PhonebookEntry.objects.filter(kind=EntryKind.LEARNED).iterator()
    }
    missing = wanted - present.keys()
    PhonebookEntry.objects.bulk_create(markers(missing), ignore_conflicts=True)
    removed = store.delete_ids([pk for address, pk in present.items() if address not in wanted])
    return len(missing), removed


def _keep(
    number: str, content_type_id: int, object_id: str, *, user: "AbstractBaseUser | None", is_attached: bool
) -> PhonebookChoice:
    record = {"content_type_id": content_type_id, "object_id": object_id}
    user_id, now = _user_id(user), timezone.now()
    with transaction.atomic(using=store.alias()):
        if is_attached:
            choice, _made = PhonebookChoice.objects.get_or_create(
                number=number, is_attached=True, **record, defaults={"user_id": user_id, "made_at": now}
            )
        else:
            before = set(
                PhonebookChoice.objects.filter(number=number, user_id=user_id, is_attached=False).values_list(
                    "number", "content_type_id", "object_id"
                )
            )
            choice, _made = PhonebookChoice.objects.update_or_create(
                number=number, user_id=user_id, is_attached=False, defaults={**record, "made_at": now}
            )
            _remove_markers(before - {(number, content_type_id, object_id)})
        PhonebookEntry.objects.bulk_create(markers([(number, content_type_id, object_id)]), ignore_conflicts=True)
    return choice


def _user_id(user: "AbstractBaseUser | None") -> Any:
    return None if user is None else user.pk


def _remove_markers(addresses: Iterable[tuple[str, int, str]]) -> None:
    """Remove the markers of choices that are gone, unless somebody else made the same one."""
    for number, content_type_id, object_id in addresses:
        record = {"content_type_id": content_type_id, "object_id": object_id}
        if not PhonebookChoice.objects.filter(number=number, **record).exists():
            PhonebookEntry.objects.filter(kind=EntryKind.LEARNED, fingerprint=_fingerprint(number), **record).delete()


def _key(number: str, region: str) -> str:
    caller = Caller(number, region, read=True)
    if not caller.is_searchable or not caller.key:
        raise CommandRefused(_("This caller has no number that could be remembered."), code="invalid_number")
    return caller.key


def _sentence(choice: PhonebookChoice, user_id: Any) -> str:
    if choice.is_attached:
        return _("The number was attached to this record.")
    if choice.user_id == user_id:
        return _("You chose this record for the number.")
    return _("%(user)s chose this record for the number.") % {"user": choice.user}


def _fingerprint(number: str) -> int:
    digest = blake2b(f"learned\x1f{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
