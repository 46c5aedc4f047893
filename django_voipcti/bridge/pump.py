"""Commands: claimed once, carried out side by side, their outcome written down and told.

The row is the command; a nudge only makes it faster, and a sweep every second finds what a lost nudge left. A command
that was not claimed in time is given up and never dials.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import DatabaseError, connections
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import outcomes
from ..conf import app_settings
from ..enums import PLACING_ACTIONS, CallState, CommandAction, CommandState, EndReason, Source
from ..events import CallReference, CallUpdate
from ..exceptions import AuthenticationFailed, ProviderError, ProviderRejected, ProviderUnavailable, UnsupportedFeature
from ..models import BridgeInstance, Call, CallCommand
from ..redaction import PhoneNumber, mask_digits
from .database import Database, is_away

if TYPE_CHECKING:
    from .session import LineSession
    from .writer import JournalWriter

__all__ = ["CommandPump"]

logger = logging.getLogger(__name__)

#: Seconds between two looks for commands that nobody nudged us about.
SWEEP_INTERVAL = 1.0

#: Seconds that a provider gets. Placing includes the time until the user picks up his own phone.
TIME_LIMITS: Mapping[CommandAction, float] = dict.fromkeys(CommandAction, 30.0) | dict.fromkeys(PLACING_ACTIONS, 120.0)

#: Before a claimed command of a bridge that is gone is given up: its call may still show up in the line's full state.
_ORPHAN_GRACE = timedelta(seconds=10)

#: Seconds that a cancelled command gets to clean up, e.g. to send a CANCEL.
_CANCEL_SECONDS = 3.0

#: What a call is in when the provider has done it.
_HOLD_STATES = {
    CommandAction.HOLD: CallState.ON_HOLD,
    CommandAction.RESUME: CallState.CONNECTED,
    CommandAction.RETURN: CallState.CONNECTED,
}

#: States of a call in which nothing but our own word stands for it.
_NOT_SEEN = frozenset({CallState.REQUESTED, CallState.INITIAL})


class CommandPump:
    """Carries out the commands of this bridge's lines.

    Args:
        name: of this bridge, noted with each claim.
        sessions: the lines' sessions by primary key, as they come and go.
        time_limits: seconds that the provider gets for each action.
    """

    def __init__(
        self,
        *,
        name: str,
        database: Database,
        writer: "JournalWriter",
        sessions: Mapping[int, "LineSession"],
        time_limits: Mapping[CommandAction, float] = TIME_LIMITS,
    ) -> None:
        self._name = name
        self._time_limits = time_limits
        self._database = database
        self._writer = writer
        self._sessions = sessions
        self._wake = asyncio.Event()
        self._in_flight: dict[int, _Work] = {}
        self._stopping = False
        self._sweeping = asyncio.Lock()

    @property
    def in_flight(self) -> int:
        """How many commands are being carried out."""
        return len(self._in_flight)

    @property
    def busy_lines(self) -> set[int]:
        """Lines with a command under way."""
        return {work.command.line_id for work in self._in_flight.values()}

    def wake(self) -> None:
        """Look for commands now."""
        self._wake.set()

    async def run(self) -> None:
        """Claim and carry out commands, for ever."""
        while True:
            self._wake.clear()
            async with self._sweeping:
                if not self._stopping:
                    await self._sweep()
            try:
                async with asyncio.timeout(SWEEP_INTERVAL):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def drain(self, seconds: float) -> int:
        """Claim nothing more, wait for what is under way, then cancel it; return how many were cancelled."""
        self._stopping = True
        # What a sweep has claimed but not begun is under way as well.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, _CANCEL_SECONDS)), self._sweeping:
                pass
        tasks = [work.task for work in self._in_flight.values()]
        if not tasks:
            return 0
        _done, unfinished = await asyncio.wait(tasks, timeout=max(seconds, 0.0))
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=_CANCEL_SECONDS)
        return len(unfinished)

    async def _sweep(self) -> None:
        settled = [pk for pk, session in self._sessions.items() if session.age >= _ORPHAN_GRACE.total_seconds()]
        try:
            claimed = await self._database.run(_look, list(self._sessions), settled, list(self._in_flight), self._name)
        except DatabaseError as error:
            if not is_away(error):
                raise
            logger.warning("no commands while the database is away: %s", error, extra={"action": "bridge.pump.away"})
            return
        for command in claimed:
            task = asyncio.create_task(self._carry_out(command), name=f"command-{command.pk}")
            self._in_flight[command.pk] = _Work(command, task)
            task.add_done_callback(partial(self._forget, command.pk))

    def _forget(self, command: int, task: "asyncio.Task[None]") -> None:
        del self._in_flight[command]
        if not task.cancelled() and task.exception() is not None:
            logger.error("command %s: %r", command, task.exception(), exc_info=task.exception())

    # --- one command ----------------------------------------------------------------------------------------------

    async def _carry_out(self, command: CallCommand) -> None:
        """Ask the provider, then write down what came of it."""
        action = CommandAction(command.action)
        logger.info(
            "command %s (%s) on line %s", command.pk, action, command.line_id, extra={"action": "bridge.command.begun"}
        )
        error: ProviderError | None = None
        try:
            async with asyncio.timeout(self._time_limits[action]):
                await self._ask(command, action)
        except ProviderError as refusal:
            error = refusal
        except UnsupportedFeature as unsupported:
            error = ProviderRejected(str(unsupported))
        except TimeoutError:
            error = ProviderUnavailable(
                _("The provider did not answer in time. Look at your phone before you repeat it.")
            )
        except asyncio.CancelledError:
            # Cancelled by a hang-up or by the end of the drain time; both are outcomes to be told, so it ends here.
            error = self._why_cancelled(command)
        except Exception:
            logger.exception("command %s failed by a defect", command.pk, extra={"action": "bridge.command.defect"})
            error = ProviderUnavailable(_("Something went wrong on our side. The administrator finds it in the log."))
        await self._finish(command, error)

    async def _ask(self, command: CallCommand, action: CommandAction) -> None:
        session = self._sessions.get(command.line_id)
        if session is None or session.account is None:
            raise ProviderUnavailable(_("Your line is not connected at the moment. Try again."))
        if timezone.now() >= command.expires_at:
            # Claimed in time, but the database took so long about it that the user no longer waits.
            raise ProviderUnavailable(_("Your request came too late to the telephone connection. Try again."))
        provider, account, sip = session.provider, session.account, session.port
        number = PhoneNumber(command.arguments.get("number", ""))
        if action is CommandAction.PLACE:
            await provider.place_call(account, call=command.call_id, number=number, report=self._report, sip=sip)
            return
        if action is CommandAction.CONSULT:
            await self._consult(command, session, number)
            return
        reference: CallReference = command.call.as_reference()
        if action is CommandAction.TRANSFER:
            await provider.transfer(account, reference, number=number, sip=sip)
        elif action is CommandAction.COMPLETE:
            consultation = await self._consultation(command)
            await provider.complete_transfer(account, reference, consultation.as_reference(), sip=sip)
        elif action is CommandAction.RETURN:
            await self._return(command, session)
        elif action is not CommandAction.HANG_UP:
            await getattr(provider, action.value)(account, reference, sip=sip)
        elif reference.external_id or not await self._take_back(command.call_id):
            await provider.hang_up(account, reference, sip=sip)
            # It may be being placed still: what waits for its progress need wait no longer.
            await self._take_back(command.call_id)
        if action in _HOLD_STATES and not provider.shows_hold:
            # Nobody else will ever say so.
            await self._report(_of_command(command.call, account.key, _HOLD_STATES[action]))

    async def _consult(self, command: CallCommand, session: "LineSession", number: PhoneNumber) -> None:
        """Call whom the user wants to ask, while the first call waits."""
        provider, account = session.provider, session.account
        held = await self._database.run(_held_by, command)
        if account is None or held is None or not held.is_live:
            raise ProviderRejected(_("The call that you wanted to ask about is over."), end_reason=EndReason.CANCELLED)
        unsaid = not provider.shows_hold and held.state != CallState.ON_HOLD

        async def report(update: CallUpdate) -> None:
            nonlocal unsaid
            if unsaid:
                unsaid = False
                # As above: nobody else will ever say so.
                await self._report(_of_command(held, account.key, CallState.ON_HOLD))
            await self._report(update)

        await provider.consult(
            account,
            held.as_reference(),
            consultation=command.call_id,
            number=number,
            report=report,
            sip=session.port,
        )

    async def _return(self, command: CallCommand, session: "LineSession") -> None:
        consultation = await self._consultation(command)
        if not consultation.external_id:
            await self._take_back(consultation.pk)
        if session.account is not None:
            references = command.call.as_reference(), consultation.as_reference()
            await session.provider.return_to_call(session.account, *references, sip=session.port)
        await self._take_back(consultation.pk)

    async def _consultation(self, command: CallCommand) -> Call:
        return await self._database.run(Call.objects.get, pk=command.arguments["consultation"])

    async def _report(self, update: CallUpdate) -> None:
        await self._writer.room()
        self._writer.submit([update])

    async def _take_back(self, call: int) -> bool:
        """Stop placing a call that is being placed; whether it was."""
        placing = [
            work
            for work in self._in_flight.values()
            if work.command.action in PLACING_ACTIONS and work.command.call_id == call
        ]
        for work in placing:
            work.taken_back = True
            work.task.cancel()
        if placing:
            await asyncio.wait([work.task for work in placing], timeout=_CANCEL_SECONDS)
        return bool(placing)

    def _why_cancelled(self, command: CallCommand) -> ProviderError:
        work = self._in_flight.get(command.pk)
        if work is not None and work.taken_back:
            return ProviderRejected(_("Taken back by you."), end_reason=EndReason.CANCELLED)
        return ProviderUnavailable(
            _("The telephone connection was restarted while it carried out your request. Look at your phone.")
        )

    async def _finish(self, command: CallCommand, error: ProviderError | None) -> None:
        """Write the outcome, after everything that the provider reported about it."""
        await self._writer.written()
        if error is None:
            await self._database.insist(outcomes.complete, command)
        else:
            logger.warning(
                "command %s failed: %s",
                command.pk,
                mask_digits(error.message),
                extra={"action": "bridge.command.failed"},
            )
            await self._database.insist(outcomes.fail, command, error)
        session = self._sessions.get(command.line_id)
        if isinstance(error, AuthenticationFailed) and session is not None:
            session.credentials_died(error)


@dataclass(slots=True)
class _Work:
    """A command under way."""

    command: CallCommand
    task: asyncio.Task[None]
    taken_back: bool = False


def _of_command(call: Call, account: str, state: CallState) -> CallUpdate:
    """What a command that was carried out says about a call."""
    return CallUpdate(
        provider=call.provider,
        account=account,
        external_id=call.external_id or "",
        call=call.pk,
        source=Source.COMMAND,
        observed_at=timezone.now(),
        state=state,
    )


# --- units of work ----------------------------------------------------------------------------------------------------


def _look(lines: Collection[int], settled: Collection[int], mine: Collection[int], name: str) -> list[CallCommand]:
    """Claim what waits for ``lines``, oldest first; give up what is overdue and what a dead bridge left."""
    waiting = CallCommand.objects.pending(timezone.now()).filter(line__in=lines).order_by("pk")
    claimed = [command for command in waiting.select_related("call") if _claim_one(command.pk, name)]
    try:
        outcomes.expire_overdue()
        _settle(settled, [*mine, *(command.pk for command in claimed)], name)
    except DatabaseError as error:
        # What is claimed must be carried out none the less; the rest has time until the next look.
        logger.warning("commands that are over wait: %s", error, extra={"action": "bridge.pump.away"})
        connections.close_all()
    return claimed


def _held_by(command: CallCommand) -> Call | None:
    """The call that waits while a consultation is on."""
    return Call.objects.filter(consultations=command.call_id).first()


def _claim_one(pk: int, name: str) -> bool:
    return CallCommand.objects.claim(pk, by=name, now=timezone.now())


def _settle(lines: Collection[int], mine: Collection[int], name: str) -> None:
    """End the commands on ``lines`` that a bridge claimed which is gone.

    Nobody knows how far it came, so they are not run again. Where the call shows up none the less, the request has
    plainly been carried out.
    """
    now = timezone.now()
    alive = BridgeInstance.objects.filter(
        stopped_at__isnull=True, heartbeat_at__gt=now - timedelta(seconds=app_settings.lease_seconds)
    ).exclude(name=name)
    orphans = (
        CallCommand.objects.filter(state=CommandState.CLAIMED, line__in=lines, claimed_at__lt=now - _ORPHAN_GRACE)
        .exclude(pk__in=mine)
        .exclude(claimed_by__in=alive.values("name"))
        .select_related("call")
    )
    for command in orphans:
        logger.warning("command %s was left by %s", command.pk, command.claimed_by, extra={"action": "bridge.orphan"})
        begun = command.action in PLACING_ACTIONS and command.call.state not in _NOT_SEEN
        if begun:
            outcomes.complete(command)
        else:
            outcomes.fail(
                command,
                ProviderUnavailable(
                    _("The telephone connection broke down while it carried out your request. Look at your phone.")
                ),
            )
