"""Actions on calls: place, answer, hold, resume, transfer, hang up, and out of sight."""

from typing import Any

from django.utils.translation import gettext as _

from .. import control, realtime
from ..exceptions import CommandRefused
from ..models import CallCommand, Line, PageOutcome
from .page import Data, Page, in_thread

__all__ = ["CallActions"]

#: Milliseconds that a page may say it took; what is more was no painting.
_LONGEST = 3_600_000


class CallActions(Page):
    """What a user does with calls; the application decides whether he may."""

    async def _do_place_call(self, number: str, line: str | None = None, confirm: str = "", reason: str = "") -> Data:
        return _command(await in_thread(self._place, number, line, confirm, reason))

    def _place(self, number: str, line: str | None, confirm: str, reason: str) -> CallCommand:
        chosen = _own_line(self.user, line) if line else None
        return control.place_call(self.user, number, line=chosen, confirmed=confirm, reason=reason)

    async def _do_answer(self, call: str | None = None) -> Data:
        return _command(await in_thread(control.answer, self.user, call or None))

    async def _do_hold(self, call: str) -> Data:
        return _command(await in_thread(control.hold, self.user, call))

    async def _do_resume(self, call: str) -> Data:
        return _command(await in_thread(control.resume, self.user, call))

    async def _do_terminate(self, call: str) -> Data:
        return _command(await in_thread(control.hang_up, self.user, call))

    async def _do_transfer(self, call: str, number: str) -> Data:
        return _command(await in_thread(control.transfer, self.user, call, number))

    async def _do_consult(self, call: str, number: str, confirm: str = "", reason: str = "") -> Data:
        """The reply's call is the new one."""
        return _command(await in_thread(control.consult, self.user, call, number, confirmed=confirm, reason=reason))

    async def _do_complete_transfer(self, call: str) -> Data:
        return _command(await in_thread(control.complete_transfer, self.user, call))

    async def _do_return_to_call(self, call: str) -> Data:
        return _command(await in_thread(control.return_to_call, self.user, call))

    async def _do_dismiss(self, call: str) -> Data:
        """Take a call out of sight on all pages of this user; who answers or hangs up is another matter."""
        await in_thread(realtime.tell_dismissed, self.user.pk, call)
        return {}

    async def _do_shown(self, call: str, how: str, hidden: bool = False, after: int = 0) -> Data:
        """Note what the page did with a call: see :mod:`django_voipcti.trace`."""
        if how not in PageOutcome.values:
            raise CommandRefused(_("A page shows calls in one of the ways of the manual."), code="invalid_argument")
        self.deliveries.shown(call, PageOutcome(how), is_hidden=hidden, after=min(after, _LONGEST))
        return {}


def _own_line(user: Any, line: str) -> Line:
    """A line of the user's own by its id. Raises ``CommandRefused``: ``no_line``."""
    found = Line.objects.filter(user_id=user.pk, pk=line).first() if line.isdecimal() else None
    if found is None:
        raise CommandRefused(_("You have no such telephone line."), code="no_line")
    return found


def _command(command: CallCommand) -> Data:
    return {"call": str(command.call_id), "command": str(command.pk)}
