"""The answer to "who is calling?": a match, and what a user may see of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext as _

from ..conf import app_settings
from ..models import Line
from .driver import fetch_instance
from .judgement import Confidence

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

__all__ = ["Match", "has_view_permission", "may_view", "shown_to"]


@dataclass(frozen=True, slots=True)
class Match:
    """One record that the number may belong to."""

    content_type_id: int
    object_id: str
    """The record's primary key as text; empty if the user may not know it."""
    model: str
    """``app_label.model`` in lower case."""
    label: str
    company: str
    url: str
    confidence: Confidence
    reason: str
    """Why it matches: a sentence in the active language."""
    owner_id: int | None

    def instance(self) -> models.Model | None:
        """The record itself, fetched now; None if it is gone or must not be known."""
        model = ContentType.objects.get_for_id(self.content_type_id).model_class()
        if model is None or not self.object_id:
            return None
        return fetch_instance(model, self.object_id)


def has_view_permission(user: "AbstractBaseUser | AnonymousUser", match: Match) -> bool:
    """The default of ``VOIPCTI["MATCH_PERMISSION"]``: Django's ``view`` permission for the record's model."""
    app_label, _dot, model = match.model.partition(".")
    return bool(user.has_perm(f"{app_label}.view_{model}"))  # type: ignore[union-attr]


def may_view(user: "AbstractBaseUser | AnonymousUser", match: Match) -> bool:
    """Whether ``user`` may see who this is. Colleagues' extensions are no secret."""
    return match.model == Line._meta.label_lower or app_settings.match_permission(user, match)


def shown_to(user: "AbstractBaseUser | AnonymousUser", matches: Iterable[Match]) -> list[Match]:
    """The matches as ``user`` may see them: what he may not view is a "known contact" without name, link and key."""
    return [match if may_view(user, match) else _masked(match) for match in matches]


def _masked(match: Match) -> Match:
    hidden: dict[str, Any] = {"object_id": "", "company": "", "url": "", "owner_id": None}
    return replace(
        match,
        label=_("Known contact"),
        reason=_("The number belongs to a record that you may not view."),
        **hidden,
    )
