"""What one user may see and do with records, remembered for a short time: a busy page asks no database."""

import logging
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser

from ..conf import app_settings
from ..models import Line
from .match import Match, has_view_permission, may_view
from .registry import registry

__all__ = ["Viewer"]

logger = logging.getLogger("django_voipcti.phonebook")

#: Seconds after which a permission that was taken away, or given, counts.
REMEMBERED = 30.0
#: Seconds before that in which no answer counts as known any more: whoever was told that it is needs it a moment later.
_MARGIN = 5.0
#: Answers that are kept: a host that decides by record is asked about each.
_MOST_ANSWERS = 5000

_NUMBERS = "numbers"


class Viewer:
    """One user's permissions. Not for several threads at once.

    Args:
        user: as read just now.
        clock: seconds, monotonic.
    """

    def __init__(self, user: Any, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._user = user
        self._clock = clock
        self._answers: dict[Hashable, bool] = {}
        self._until = clock() + REMEMBERED

    @property
    def pk(self) -> Any:
        """The user's primary key."""
        return self._user.pk

    @property
    def user(self) -> Any:
        """The user, with permissions that are not older than :data:`REMEMBERED`; may be read anew."""
        self._renew()
        return self._user

    def knows(self, matches: Iterable[Match], *, numbers: bool = False) -> bool:
        """Whether all questions about these records, and with ``numbers`` the one about numbers, are answered from
        memory, without a query, in the next moment.
        """
        if numbers and _NUMBERS not in self._answers:
            return False
        return self._clock() < self._until - _MARGIN and all(_view_key(match) in self._answers for match in matches)

    def may_view(self, match: Match) -> bool:
        """Whether the user may see who this is. A host's function that fails says no."""
        return self._answer(_view_key(match), lambda user: _may_view(user, match))

    def may_see_numbers(self) -> bool:
        """Whether the user may see complete numbers of calls that are not his own."""
        return self._answer(_NUMBERS, lambda user: bool(user.has_perm("django_voipcti.view_full_number")))

    def may_search(self) -> bool:
        """Whether the user may look for calls by the names of records: what is found is told.

        Not where Django's permissions keep a registered model from him. What a host decides record by record cannot be
        asked beforehand; there the rows say "known contact".
        """
        if app_settings.match_permission is not has_view_permission:
            return True
        models = [registration.model for registration in registry if registration.model is not Line]
        codes = [f"{model._meta.app_label}.view_{model._meta.model_name}" for model in models]
        return bool(self.user.has_perms(codes))

    def may_add(self, model: str) -> bool:
        """Whether the user may add a record of ``app_label.model``."""
        app_label, _dot, name = model.partition(".")
        return self._answer(("add", model), lambda user: bool(user.has_perm(f"{app_label}.add_{name}")))

    def _answer(self, key: Hashable, ask: Callable[[Any], bool]) -> bool:
        self._renew()
        if key not in self._answers:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            self._answers[key] = ask(self._user)
        return self._answers[key]

    def _renew(self) -> None:
        """Forget what is too old. A user object keeps its permissions for ever, so it is read again too."""
        if self._clock() < self._until:
            return
        self._answers.clear()
        self._until = self._clock() + REMEMBERED
        self._user = get_user_model()._default_manager.filter(pk=self._user.pk).first() or AnonymousUser()


def _view_key(match: Match) -> Hashable:
    """Django's permissions are by model; a host may decide by record."""
    if app_settings.match_permission is has_view_permission:
        return "view", match.model
    return "view", match.key


def _may_view(user: Any, match: Match) -> bool:
    try:
        return may_view(user, match)
    except Exception as error:  # noqa: BLE001  the host may fail in any way; the call pops up none the less
        logger.error("MATCH_PERMISSION failed for %s: %s: %s", match.model, type(error).__name__, error)
        return False
