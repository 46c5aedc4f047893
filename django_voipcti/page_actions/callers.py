"""Actions on who is calling: choose, forget, attach, and search for a record."""

from typing import Any

from channels.db import database_sync_to_async
from django.db import connections

from .. import callers, presenters
from .page import Data, Page, in_thread

__all__ = ["CallerActions"]


class CallerActions(Page):
    """What a user says about the caller."""

    async def _do_choose(self, call: str, model: str, objectId: str) -> Data:
        await in_thread(self.as_user, callers.choose, call, model, objectId)
        return {}

    async def _do_forget(self, call: str) -> Data:
        await in_thread(self.as_user, callers.forget, call)
        return {}

    async def _do_attach(self, call: str, model: str, objectId: str) -> Data:
        return {"linked": await in_thread(self.as_user, callers.attach, call, model, objectId)}

    async def _do_suggest(self, text: str) -> Data:
        # Not in the thread that all pages share: a search may read a whole table of the host's.
        search = database_sync_to_async(self._search, thread_sensitive=False)
        found = await search(text)
        return {"records": [presenters.present_match(match) for match in found]}

    def _search(self, text: str) -> Any:
        try:
            return self.as_user(callers.suggest, text)
        finally:
            connections.close_all()  # this thread's: nobody looks after it once the loop has no more use for it
