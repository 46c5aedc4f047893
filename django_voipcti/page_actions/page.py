"""What an action may use of the connection that it runs on."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from channels.db import database_sync_to_async
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser

from ..phonebook import Viewer
from ..trace import Deliveries

__all__ = ["Data", "Page", "in_thread"]

Data = dict[str, Any]


class Page(ABC):
    """One page of a signed-in user, as its actions see it."""

    user: Any
    groups: list[str]
    viewer: Viewer
    """Remembers what the user may view."""
    deliveries: Deliveries
    """What this page has been told of calls that may pop."""

    @abstractmethod
    async def send_message(self, envelope: Data) -> None:
        """Send a message to this page alone."""

    @abstractmethod
    async def join(self, group: str) -> None:
        """Get the messages of a group, too."""

    @abstractmethod
    async def leave(self, group: str) -> None:
        """Get the messages of a group no more."""

    def as_user(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function with the user as he is now: a user object keeps its permissions as long as it lives."""
        user = auth.get_user_model()._default_manager.filter(pk=self.user.pk, is_active=True).first()
        return function(user or AnonymousUser(), *arguments)


async def in_thread(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Run code that uses the database in a thread, with its connection looked after."""
    return await database_sync_to_async(function)(*arguments, **named)
