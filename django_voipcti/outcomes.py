"""How commands end: done or failed by the bridge, given up when no bridge claimed them in time, or taken back.

Each outcome is written together with what it means for the call, and told to the user who asked.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from . import journal, realtime, signals
from .enums import PLACING_ACTIONS, CallState, CommandAction, CommandState, Direction, EndReason, SessionEvent, Source
from .events import CallUpdate
from .exceptions import ProviderError
from .models import Call, CallCommand, Line

__all__ = ["complete", "expire", "expire_overdue", "fail", "take_back"]

logger = logging.getLogger(__name__)


def complete(command: CallCommand, message: str = "") -> None:
    """The bridge carried the command out."""
    with _line_locked(command):
        if CallCommand.objects.finish(command.pk, state=CommandState.SUCCEEDED, now=timezone.now(), message=message):
            _end_if_over(command)
            if command.action == CommandAction.COMPLETE:
                journal.join(*_transferred(command))
            _finished(command)


def fail(command: CallCommand, error: ProviderError) -> None:
    """The provider did not do it: write the outcome, end a call that was being set up, tell the user why."""
    with _line_locked(command):
        finished = CallCommand.objects.finish(
            command.pk, state=CommandState.FAILED, now=timezone.now(), message=error.message
        )
        if finished:
            _give_up(command, error.end_reason, error.message)


def expire(command_id: int) -> bool:
    """Give up one command that no bridge claimed in time; True for the one caller that did."""
    command = CallCommand.objects.filter(pk=command_id).first()
    if command is None:
        return False
    with _line_locked(command):
        if not CallCommand.objects.expire(command_id, now=timezone.now()):
            return False
        message = _("The telephone connection did not take up your request in time, so nothing was done. Try again.")
        logger.warning("command %s expired unclaimed", command_id, extra={"action": "command.expired"})
        _give_up(command, EndReason.FAILED, message)
    return True


def expire_overdue() -> int:
    """Give up every overdue command; returns how many."""
    overdue = CallCommand.objects.overdue(timezone.now()).values_list("pk", flat=True)
    return sum(expire(pk) for pk in list(overdue))


def take_back(call: Call, command: CallCommand) -> None:
    """Hang up a call that no bridge has begun: its place command is closed, so that nothing rings afterwards."""
    now = timezone.now()
    waiting = CallCommand.objects.filter(call=call, action__in=PLACING_ACTIONS, state=CommandState.PENDING)
    if waiting.update(state=CommandState.EXPIRED, finished_at=now, message=_("Taken back by the user.")):
        CallCommand.objects.filter(pk=command.pk).update(state=CommandState.SUCCEEDED, finished_at=now)
        journal.record([_end_of(call, EndReason.CANCELLED, _("Taken back before your phone rang."))])


def _give_up(command: CallCommand, reason: EndReason, message: str) -> None:
    call = Call.objects.select_related("line").get(pk=command.call_id)
    if command.action in PLACING_ACTIONS and not CallState(call.state).is_talking:
        journal.record([_end_of(call, reason, message)])
    elif command.requested_by_id is not None:
        user = command.requested_by_id
        transaction.on_commit(lambda: realtime.tell_user(user, SessionEvent.INFO, message, call=call))
    _finished(command)


def _end_if_over(command: CallCommand) -> None:
    """End a click's call whose end was heard of while the click was still being carried out."""
    call = Call.objects.select_related("line").get(pk=command.call_id)
    if command.action in PLACING_ACTIONS and call.is_live and call.ended_at is not None:
        journal.record([replace(_end_of(call, None, ""), state=CallState.HANGUP)])


@contextmanager
def _line_locked(command: CallCommand) -> Iterator[None]:
    """One transaction for the outcome of a command and what it means for the call, or neither.

    The lines come first, as in the journal, so that the two never wait for each other.
    """
    with transaction.atomic():
        lines = {command.line_id}
        if command.action == CommandAction.COMPLETE:
            lines.update(journal.legs_of(*_transferred(command)).values_list("line", flat=True))
        Line.objects.locked(Q(pk__in=lines))
        yield


def _transferred(command: CallCommand) -> list[Call]:
    """The two calls that a transfer connects, as the record has them now."""
    return list(Call.objects.filter(pk__in=(command.call_id, command.arguments["consultation"])).order_by("pk"))


def _finished(command: CallCommand) -> None:
    command.refresh_from_db()
    transaction.on_commit(lambda: signals.command_finished.send_robust(sender=CallCommand, command=command))


def _end_of(call: Call, reason: EndReason | None, cause: str) -> CallUpdate:
    """What we say ourselves about a call that could not be set up."""
    return CallUpdate(
        provider=call.provider,
        account=call.line.account,
        external_id=call.external_id or "",
        call=call.pk,
        source=Source.COMMAND,
        observed_at=timezone.now(),
        direction=Direction(call.direction),
        state=CallState.CANCEL,
        end_reason=reason,
        cause=cause,
    )
