"""The answer to "who is calling?": a match, and what a user may see of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext as _

from ..conf import app_settings
from ..models import Call, Line
from .driver import fetch_instance
from .judgement import Confidence

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

__all__ = ["Match", "has_view_permission", "masked", "may_view", "shown_to"]


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

    @classmethod
    def of_call(cls, call: Call) -> "Match | None":
        """The record that ``call`` is linked to, as it was then, without its owner; None without a record."""
        if call.contact_type_id is None:
            return None
        model = ContentType.objects.get_for_id(call.contact_type_id).model_class()
        return cls(
            call.contact_type_id,
            call.contact_id,
            model._meta.label_lower if model else "",
            call.contact_label,
            call.contact_company,
            call.contact_url,
            cast(Confidence, call.contact_confidence),
            "",
            None,
        )

    @classmethod
    def unpacked(cls, packed: Sequence[Any]) -> "Match":
        """The match that :meth:`packed` made these values of."""
        match = cls(*packed)
        key: Any = get_user_model()._meta.pk
        return match if match.owner_id is None else replace(match, owner_id=key.to_python(match.owner_id))

    def packed(self) -> list[Any]:
        """This match in numbers and texts, for a trip through the channel layer."""
        owner = None if self.owner_id is None else str(self.owner_id)
        shown = [self.model, self.label, self.company, self.url, self.confidence, self.reason]
        return [self.content_type_id, self.object_id, *shown, owner]

    @property
    def key(self) -> tuple[int, str]:
        """What names the record: content type and primary key."""
        return self.content_type_id, self.object_id

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
    return [match if may_view(user, match) else masked(match) for match in matches]


def masked(match: Match) -> Match:
    """What remains of a match for those who may not view its record."""
    hidden: dict[str, Any] = {"object_id": "", "company": "", "url": "", "owner_id": None}
    return replace(
        match,
        label=_("Known contact"),
        reason=_("The number belongs to a record that you may not view."),
        **hidden,
    )
