"""The only creator of commands: what a user may ask of a call, checked before anything is sent anywhere.

Each function writes a :class:`~django_voipcti.models.CallCommand` and has a Celery task drive it after commit; or it
raises :exc:`~django_voipcti.exceptions.CommandRefused` with a sentence for the person who asked. Nothing here waits
for a telephone. How a command ends is written down by :mod:`django_voipcti.outcomes`.
"""

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError

from . import concerns, journal, outcomes, policy
from .conf import app_settings
from .enums import (
    TALKING_STATES,
    CallState,
    CommandAction,
    CommandState,
    Direction,
    LineStatus,
    SessionEvent,
)
from .exceptions import CommandRefused
from .models import Call, CallCommand, Line

if TYPE_CHECKING:
    from .typing import AnyUser

__all__ = [
    "answer",
    "complete_transfer",
    "consult",
    "hang_up",
    "hold",
    "line_for",
    "own_call",
    "place_call",
    "resume",
    "return_to_call",
    "transfer",
]

logger = logging.getLogger(__name__)

#: The Celery task that sees a command through.
DRIVE_TASK = "voipcti.drive_command"

_LONGEST_REASON = CallCommand._meta.get_field("reason").max_length or 0

#: Which capability an action needs.
_CAPABILITIES = {
    CommandAction.PLACE: "supports_place",
    CommandAction.ANSWER: "supports_answer",
    CommandAction.HOLD: "supports_hold",
    CommandAction.RESUME: "supports_hold",
    CommandAction.TRANSFER: "supports_blind_transfer",
    CommandAction.CONSULT: "supports_attended_transfer",
    CommandAction.COMPLETE: "supports_attended_transfer",
    CommandAction.RETURN: "supports_attended_transfer",
    CommandAction.HANG_UP: "supports_hang_up",
}

#: In which states an action makes sense.
_STATES = {
    CommandAction.ANSWER: frozenset({CallState.RINGING}),
    CommandAction.HOLD: frozenset({CallState.CONNECTED}),
    CommandAction.RESUME: frozenset({CallState.ON_HOLD}),
    CommandAction.TRANSFER: TALKING_STATES,
    CommandAction.CONSULT: TALKING_STATES,
    CommandAction.COMPLETE: TALKING_STATES,
    CommandAction.RETURN: TALKING_STATES,
    CommandAction.HANG_UP: frozenset(CallState) - {CallState.HANGUP, CallState.CANCEL},
}

_ASK_ON_THE_PHONE = gettext_lazy("%(provider)s cannot ask before a transfer from here: do it on your phone.")

_UNSUPPORTED = {
    CommandAction.PLACE: gettext_lazy("%(provider)s cannot place calls from here: dial on your phone."),
    CommandAction.ANSWER: gettext_lazy("%(provider)s cannot answer from here: pick up your phone."),
    CommandAction.HOLD: gettext_lazy("%(provider)s cannot hold a call from here: press hold on your phone."),
    CommandAction.RESUME: gettext_lazy("%(provider)s cannot resume a call from here: press hold on your phone."),
    CommandAction.TRANSFER: gettext_lazy("%(provider)s cannot transfer from here: transfer on your phone."),
    CommandAction.CONSULT: _ASK_ON_THE_PHONE,
    CommandAction.COMPLETE: _ASK_ON_THE_PHONE,
    CommandAction.RETURN: _ASK_ON_THE_PHONE,
    CommandAction.HANG_UP: gettext_lazy("%(provider)s cannot hang up from here: put down your phone."),
}


def place_call(
    user: "AnyUser",
    number: str,
    *,
    line: Line | None = None,
    confirmed: Collection[str] | str = (),
    reason: str = "",
) -> CallCommand:
    """Ring the user's own phone, then ``number``.

    Args:
        number: in any spelling; national ones are read by the country of the line.
        line: one of the user's own; by default the one that is ready.
        confirmed: what the user has heard and sets aside: codes of concerns, or the token of a
            :exc:`~django_voipcti.exceptions.ConfirmationNeeded`, which is good for two minutes.
        reason: why he calls nevertheless; kept with the command.

    Raises:
        ConfirmationNeeded: something speaks against the call, and has not been confirmed.
        CommandRefused: codes ``not_allowed``, ``no_line``, ``line_not_ready``, ``unsupported``, ``empty_number``,
            ``invalid_number``, ``own_number``, ``number_not_allowed``, ``too_many_calls``, ``already_calling``,
            ``do_not_call``, ``reason_needed``, or what the host's ``CALL_POLICY`` says.
    """
    line = line_for(user, line)
    _require(line, CommandAction.PLACE)
    dialled = policy.destination(line, number)
    said = _set_aside(user, line, dialled, confirmed, reason)
    now = timezone.now()
    with transaction.atomic():
        Line.objects.locked(Q(pk=line.pk))
        policy.check_repetition(line, dialled.number, now)
        call = journal.open_call(line, dialled.number, now=now)
        return _enqueue(call, line, CommandAction.PLACE, user, {"number": str(dialled.number)}, **said)


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


def consult(
    user: "AnyUser", call_id: int | str, number: str, *, confirmed: Collection[str] | str = (), reason: str = ""
) -> CallCommand:
    """Put a call on hold and call ``number`` to ask whether it may be transferred there.

    The command's call is the new one, the consultation. It ends by :func:`complete_transfer`, by
    :func:`return_to_call`, or when either of its parties hangs up.

    Args:
        confirmed, reason: as for :func:`place_call`.

    Raises:
        ConfirmationNeeded: as :func:`place_call`.
        CommandRefused: as :func:`answer`, the number codes of :func:`place_call`, and ``already_consulting``.
    """
    call = own_call(user, call_id)
    _require_possible(call, CommandAction.CONSULT)
    dialled = policy.destination(call.line, number)
    said = _set_aside(user, call.line, dialled, confirmed, reason)
    now = timezone.now()
    with transaction.atomic():
        Line.objects.locked(Q(pk=call.line_id))
        if Call.objects.pair(call) is not None:
            raise CommandRefused(
                _("You are asking somebody about this call already. Complete the transfer, or return to the caller."),
                code="already_consulting",
                event=SessionEvent.INFO,
            )
        policy.check_repetition(call.line, dialled.number, now)
        consultation = journal.open_call(call.line, dialled.number, now=now, consultation_of=call)
        return _enqueue(consultation, call.line, CommandAction.CONSULT, user, {"number": str(dialled.number)}, **said)


def complete_transfer(user: "AnyUser", call_id: int | str) -> CallCommand:
    """Connect the caller on hold with whom the user has asked, and drop out. The command's call is the one on hold.

    Args:
        call_id: the call on hold, or the consultation.

    Raises:
        CommandRefused: ``unknown_call``, ``no_consultation``, ``not_answered``, ``unsupported``.
    """
    held, consultation = _pair(user, call_id)
    if not CallState(consultation.state).is_talking:
        raise CommandRefused(
            _("%(name)s has not answered yet. Wait, or return to the caller.") % {"name": consultation.display_name},
            code="not_answered",
            event=SessionEvent.INFO,
        )
    return _ask_of(held, CommandAction.COMPLETE, user, consultation=consultation.pk)


def return_to_call(user: "AnyUser", call_id: int | str) -> CallCommand:
    """End a consultation and talk to the caller on hold again. Arguments and errors as :func:`complete_transfer`."""
    held, consultation = _pair(user, call_id)
    command = _ask_of(held, CommandAction.RETURN, user, consultation=consultation.pk)
    if consultation.state == CallState.REQUESTED:
        with transaction.atomic():
            Line.objects.locked(Q(pk=held.line_id))
            outcomes.take_back(consultation, command)
    return command


def _pair(user: "AnyUser", call_id: int | str) -> tuple[Call, Call]:
    """The user's call on hold and its consultation, either of which was named."""
    pair = Call.objects.pair(own_call(user, call_id))
    if pair is None:
        raise CommandRefused(
            _("Nobody is being asked about this call any more."), code="no_consultation", event=SessionEvent.INFO
        )
    return pair


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
    """Check one action on one existing call of the user's and write its command."""
    return _ask_of(own_call(user, call_id), action, user, **arguments)


def _require_possible(call: Call, action: CommandAction) -> None:
    """Refuse what the provider cannot do, or what makes no sense in the state of the call."""
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


def _ask_of(call: Call, action: CommandAction, user: "AnyUser", **arguments: Any) -> CallCommand:
    """As :func:`_ask`, of a call that is known to be the user's."""
    _require_possible(call, action)
    with transaction.atomic():
        Line.objects.locked(Q(pk=call.line_id))
        open_states = (CommandState.PENDING, CommandState.CLAIMED)
        same = CallCommand.objects.filter(call=call, action=action, state__in=open_states).first()
        if same is not None:
            return same
        command = _enqueue(call, call.line, action, user, arguments)
        if action is CommandAction.HANG_UP and call.state == CallState.REQUESTED:
            outcomes.take_back(call, command)
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


def _set_aside(
    user: "AnyUser", line: Line, dialled: policy.Destination, confirmed: Collection[str] | str, reason: str
) -> dict[str, Any]:
    """Check a call, and return what is kept with its command about concerns that were set aside."""
    if isinstance(confirmed, str):
        confirmed = concerns.heard(confirmed, user, dialled.number)
    overridden = policy.check_call(user, line, dialled, confirmed=confirmed, reason=reason)
    # A reason is kept in one line.
    return {"overridden": overridden, "reason": " ".join(reason.split())[:_LONGEST_REASON]} if overridden else {}


def _enqueue(
    call: Call, line: Line, action: CommandAction, user: "AnyUser", arguments: dict[str, Any], **said: Any
) -> CallCommand:
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
        **said,
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
