"""Who does not want to be called: the list that people keep, and what the host's records say themselves.

Asked when somebody is about to call, and never kept: what a record says is read from the record as it is then.
"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from ..models import DoNotCallNumber
from ..redaction import mask_digits
from .lookup import lookup
from .match import Match, masked, may_view
from .paths import Path
from .registry import Registration, registry

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = ["objections"]

logger = logging.getLogger("django_voipcti.phonebook")

#: A number that is only similar is nobody's wish.
_CERTAIN = frozenset({"exact", "learned"})


def objections(number: str, user: "AbstractBaseUser", matches: list[Match] | None = None) -> list[str]:
    """Why ``number`` must not be called, a sentence each; empty if nothing speaks against it.

    One query for the list, and one for each certain match of a model that was registered with ``do_not_call``.

    Args:
        number: in E.164.
        user: who asks; records that he may not view are not named.
        matches: what :func:`~django_voipcti.phonebook.lookup` found for the number, without regard to permissions.
    """
    found = []
    entry = DoNotCallNumber.objects.naming(number).first()
    if entry is not None:
        listed = _("The number is on the do-not-call list.")
        found.append(_with_words(listed, _("The note says: %(words)s"), entry.note))
    found += _objections_of_records(lookup(number) if matches is None else matches, user)
    return found


def _objections_of_records(matches: list[Match], user: "AbstractBaseUser") -> Iterator[str]:
    for match in matches:
        registration = registry.by_content_type(match.content_type_id)
        if registration is None or registration.do_not_call is None or match.confidence not in _CERTAIN:
            continue
        is_shown = may_view(user, match)
        who = (match if is_shown else masked(match)).label
        try:
            said = _ask(registration, match)
        except Exception as error:  # noqa: BLE001  the host may fail in any way: then a person decides
            logger.error("do_not_call of %s failed: %s: %s", match.model, type(error).__name__, mask_digits(str(error)))
            yield _("Whether %(who)s wants to be called could not be found out.") % {"who": who}
            continue
        if said:
            objection = _("%(who)s does not want to be called.") % {"who": who}
            words = said if is_shown and isinstance(said, str) else ""
            yield _with_words(objection, _("The record says: %(words)s"), words)


def _with_words(sentence: str, introduction: str, words: str) -> str:
    """A sentence, and behind it what somebody wrote."""
    return f"{sentence} {introduction % {'words': words.strip()}}" if words.strip() else sentence


def _ask(registration: Registration, match: Match) -> Any:
    """What the record says now: a text, another value that counts as yes, or nothing."""
    record = match.instance()
    reader = registration.do_not_call
    if record is None or reader is None:
        return None
    value = reader.first(record) if isinstance(reader, Path) else reader(record)
    if callable(value):
        value = value()
    return str(value) if value and not isinstance(value, bool | int) else value
