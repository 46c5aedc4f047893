"""The only creator of commands: what a user may ask of a call, checked before anything is sent anywhere.

Each function writes a :class:`~django_voipcti.models.CallCommand` and has a Celery task drive it after commit; or it
raises :exc:`~django_voipcti.exceptions.CommandRefused` with a sentence for the person who asked. Nothing here waits
for a telephone. The second half is the end of a command's life: finished or failed by the bridge, or given up when no
bridge claimed it in time.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError

from . import journal, policy, realtime, signals
from .conf import app_settings
from .enums import CallState, CommandAction, CommandState, Direction, EndReason, LineStatus, SessionEvent, Source
from .events import CallUpdate
from .exceptions import CommandRefused, ProviderError
from .models import Call, CallCommand, Line

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = [
    "answer",
    "complete",
    "expire",
    "expire_overdue",
    "fail",
    "hang_up",
    "hold",
    "line_for",
    "own_call",
    "place_call",
    "resume",
    "transfer",
]

logger = logging.getLogger(__name__)

#: The Celery task that sees a command through.
DRIVE_TASK = "voipcti.drive_command"

#: Which capability an action needs.
_CAPABILITIES = {
    CommandAction.PLACE: "supports_place",
    CommandAction.ANSWER: "supports_answer",
    CommandAction.HOLD: "supports_hold",
    CommandAction.RESUME: "supports_hold",
    CommandAction.TRANSFER: "supports_blind_transfer",
    CommandAction.HANG_UP: "supports_hang_up",
}

#: In which states an action makes sense.
_STATES = {
    CommandAction.ANSWER: frozenset({CallState.RINGING}),
    CommandAction.HOLD: frozenset({CallState.CONNECTED}),
    CommandAction.RESUME: frozenset({CallState.ON_HOLD}),
    CommandAction.TRANSFER: frozenset({CallState.CONNECTED, CallState.ON_HOLD}),
    CommandAction.HANG_UP: frozenset(CallState) - {CallState.HANGUP, CallState.CANCEL},
}

_UNSUPPORTED = {
    CommandAction.PLACE: gettext_lazy("%(provider)s cannot place calls from here: dial on your phone."),
    CommandAction.ANSWER: gettext_lazy("%(provider)s cannot answer from here: pick up your phone."),
    CommandAction.HOLD: gettext_lazy("%(provider)s cannot hold a call from here: press hold on your phone."),
    CommandAction.RESUME: gettext_lazy("%(provider)s cannot resume a call from here: press hold on your phone."),
    CommandAction.TRANSFER: gettext_lazy("%(provider)s cannot transfer from here: transfer on your phone."),
    CommandAction.HANG_UP: gettext_lazy("%(provider)s cannot hang up from here: put down your phone."),
}


# --- asking -----------------------------------------------------------------------------------------------------------


def place_call(user: "AnyUser", number: str, *, line: Line | None = None) -> CallCommand:
    """Ring the user's own phone, then ``number``.

    Args:
        number: in any spelling; national ones are read by the country of the line.
        line: one of the user's own; by default the one that is ready.

    Raises:
        CommandRefused: codes ``not_allowed``, ``no_line``, ``line_not_ready``, ``unsupported``, ``empty_number``,
            ``invalid_number``, ``own_number``, ``number_not_allowed``, ``too_many_calls``, ``already_calling``, or
            what the host's ``CALL_POLICY`` says.
    """
    line = line_for(user, line)
    _require(line, CommandAction.PLACE)
    dialled = policy.destination(line, number)
    policy.check_call(user, line, dialled)
    now = timezone.now()
    with transaction.atomic():
        Line.objects.locked(Q(pk=line.pk))
        policy.check_repetition(line, dialled.number, now)
        call = journal.open_call(line, dialled.number, now=now)
        return _enqueue(call, line, CommandAction.PLACE, user, {"number": str(dialled.number)})


def answer(user: "AnyUser", call_id: int | str | None = None) -> CallCommand:
    """Make the user's phone answer ``call_id``, or the call that has rung longest on the user's own lines.

    Raises:
        CommandRefused: ``nothing_rings``, ``unknown_call``, ``wrong_state``, ``unsupported``.
    """
    if call_id is None:
        ringing = Call.objects.of_user(user).filter(state=CallState.RINGING, direction=Direction.INBOUND)
        call_id = ringing.order_by("started_at").values_list("pk", flat=True).first()
        if call_id is None:
            raise CommandRefused(_("No call is ringing."), code="nothing_rings", event=SessionEvent.INFO)
    return _ask(user, call_id, CommandAction.ANSWER)


def hold(user: "AnyUser", call_id: int | str) -> CallCommand:
    """Put a connected call on hold. Raises as :func:`answer`."""
    return _ask(user, call_id, CommandAction.HOLD)


def resume(user: "AnyUser", call_id: int | str) -> CallCommand:
    """Take a call off hold. Raises as :func:`answer`."""
    return _ask(user, call_id, CommandAction.RESUME)


def hang_up(user: "AnyUser", call_id: int | str) -> CallCommand:
    """End a live call: declines one that rings in, takes back one just asked for. Raises as :func:`answer`."""
    return _ask(user, call_id, CommandAction.HANG_UP)


def transfer(user: "AnyUser", call_id: int | str, number: str) -> CallCommand:
    """Connect the other party of a call to ``number`` (extension or telephone number) and drop out.

    Raises:
        CommandRefused: as :func:`answer`, and the number codes of :func:`place_call`.
    """
    call = own_call(user, call_id)
    dialled = policy.destination(call.line, number)
    policy.check_destination(call.line, dialled)
    return _ask(user, call_id, CommandAction.TRANSFER, number=str(dialled.number))


def line_for(user: "AnyUser", line: Line | None = None) -> Line:
    """The line that a click of ``user`` uses: ``line`` if it is his and in use, else his first ready one.

    Raises:
        CommandRefused: ``not_allowed``, ``no_line``, ``line_not_ready``.
    """
    if not user.is_authenticated:
        raise CommandRefused(_("Log in to make calls."), code="not_allowed")
    lines = list(Line.objects.enabled().filter(user_id=user.pk).order_by("pk"))
    if line is not None:
        lines = [own for own in lines if own.pk == line.pk]
    if not lines:
        raise CommandRefused(
            _("You have no telephone line here. Log in to your telephone account, or ask your administrator."),
            code="no_line",
        )
    ready = [own for own in lines if own.status == LineStatus.READY]
    if not ready:
        detail = lines[0].status_text or lines[0].get_status_display()
        raise CommandRefused(
            _("Your line “%(line)s” is not connected (%(detail)s). Try again in a moment.")
            % {"line": lines[0], "detail": detail},
            code="line_not_ready",
            event=SessionEvent.INFO,
        )
    return ready[0]


def _ask(user: "AnyUser", call_id: int | str, action: CommandAction, **arguments: Any) -> CallCommand:
    """Check one action on one existing call and write its command."""
    call = own_call(user, call_id)
    _require(call.line, action)
    state = CallState(call.state)
    possible = state in _STATES[action]
    if action is CommandAction.ANSWER:
        possible = possible and call.direction == Direction.INBOUND
    if not possible:
        raise CommandRefused(
            _("Cannot do this now: the call is %(state)s.") % {"state": state.label},
            code="wrong_state",
            event=SessionEvent.INFO,
        )
    with transaction.atomic():
        Line.objects.locked(Q(pk=call.line_id))
        open_states = (CommandState.PENDING, CommandState.CLAIMED)
        same = CallCommand.objects.filter(call=call, action=action, state__in=open_states).first()
        if same is not None:
            return same
        command = _enqueue(call, call.line, action, user, arguments)
        if action is CommandAction.HANG_UP and state is CallState.REQUESTED:
            _take_back(call, command)
        return command


def own_call(user: "AnyUser", call_id: int | str) -> Call:
    """The call, if it is on a line of the user's own; a stranger's call looks like one that does not exist."""
    try:
        return Call.objects.of_user(user).select_related("line").get(pk=call_id)
    except (Call.DoesNotExist, ValueError, TypeError, OverflowError):
        raise CommandRefused(_("There is no such call on your lines."), code="unknown_call") from None


def _require(line: Line, action: CommandAction) -> None:
    if not getattr(line.backend, _CAPABILITIES[action]):
        message = str(_UNSUPPORTED[action]) % {"provider": line.backend.display_name or line.provider}
        raise CommandRefused(message, code="unsupported", event=SessionEvent.INFO)


def _enqueue(call: Call, line: Line, action: CommandAction, user: "AnyUser", arguments: dict[str, Any]) -> CallCommand:
    """Write the command; it is driven after commit."""
    now = timezone.now()
    command = CallCommand.objects.create(
        call=call,
        line=line,
        action=action,
        arguments=arguments,
        requested_by_id=user.pk,
        created_at=now,
        expires_at=now + timedelta(seconds=app_settings.command_ttl),
    )
    transaction.on_commit(lambda: _drive(command.pk), robust=True)
    return command


def _drive(command_id: int) -> None:
    """Hand a command to the workers, by the task's name: ``tasks`` stands above this module and calls into it.

    A broker that is away does not lose the command, since bridges sweep the table every second.
    """
    try:
        current_app.send_task(DRIVE_TASK, args=(command_id,), retry=False, ignore_result=True)
    except OperationalError:
        logger.exception("command %s was not queued; a bridge will find it", command_id)


def _take_back(call: Call, command: CallCommand) -> None:
    """Hang up a call that no bridge has begun: its place command is closed, so that nothing rings afterwards."""
    now = timezone.now()
    waiting = CallCommand.objects.filter(call=call, action=CommandAction.PLACE, state=CommandState.PENDING)
    if waiting.update(state=CommandState.EXPIRED, finished_at=now, message=_("Taken back by the user.")):
        CallCommand.objects.filter(pk=command.pk).update(state=CommandState.SUCCEEDED, finished_at=now)
        journal.record([_end_of(call, EndReason.CANCELLED, _("Taken back before your phone rang."))])


# --- ending -----------------------------------------------------------------------------------------------------------


def complete(command: CallCommand, message: str = "") -> None:
    """The bridge carried the command out."""
    with _line_locked(command):
        if CallCommand.objects.finish(command.pk, state=CommandState.SUCCEEDED, now=timezone.now(), message=message):
            _end_if_over(command)
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


def _give_up(command: CallCommand, reason: EndReason, message: str) -> None:
    call = Call.objects.select_related("line").get(pk=command.call_id)
    if command.action == CommandAction.PLACE and not CallState(call.state).is_talking:
        journal.record([_end_of(call, reason, message)])
    elif command.requested_by_id is not None:
        user = command.requested_by_id
        transaction.on_commit(lambda: realtime.tell_user(user, SessionEvent.INFO, message, call=call))
    _finished(command)


def _end_if_over(command: CallCommand) -> None:
    """End a click's call whose end was heard of while the click was still being carried out."""
    call = Call.objects.select_related("line").get(pk=command.call_id)
    if command.action == CommandAction.PLACE and call.is_live and call.ended_at is not None:
        journal.record([replace(_end_of(call, None, ""), state=CallState.HANGUP)])


@contextmanager
def _line_locked(command: CallCommand) -> Iterator[None]:
    """One transaction for the outcome of a command and what it means for the call, or neither.

    The line comes first, as in the journal, so that the two never wait for each other.
    """
    with transaction.atomic():
        Line.objects.locked(Q(pk=command.line_id))
        yield


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
