"""Celery tasks. Each takes primary keys, may run twice without harm, and never waits for a telephone.

The names are part of the interface: hosts route and schedule by them. Two belong into the beat schedule:
``voipcti.expire_commands`` every 5 seconds or so (the bridges do the same while they run, so it matters when none does)
and ``voipcti.process_waiting_deliveries`` every few minutes. Five more where they are wanted:
``voipcti.watch_missed_calls`` every minute (a deadline for calling back), ``voipcti.sync_history`` every hour,
``voipcti.roll_up`` every hour (the dashboard's figures), ``voipcti.purge`` every night; and ``voipcti.link_calls``
every night, for records that were entered while no broker was there.
"""

import logging
import random
from datetime import timedelta
from itertools import chain
from typing import Any

from celery import shared_task
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.utils import timezone

from . import callers, duties, journal, outcomes, realtime
from .bridge.leases import mark_abandoned
from .calllog import history, retention, rollup
from .enums import CommandState
from .exceptions import ProviderError
from .models import Call, CallCommand, Line, WebhookDelivery
from .providers import providers

__all__ = [
    "drive_command",
    "expire_commands",
    "link_calls",
    "link_earlier_calls",
    "link_records",
    "process_delivery",
    "process_waiting_deliveries",
    "purge",
    "roll_up",
    "sync_history",
    "watch_missed_calls",
]

logger = logging.getLogger(__name__)

#: Seconds between a nudge that nobody followed and the next one; the last value repeats.
_NUDGE_AGAIN = (0.5, 1.0, 2.0)

#: Deliveries are tried this often while the database refuses.
_DELIVERY_TRIES = 8

#: A delivery that is younger than this is probably being worked off.
_DELIVERY_GRACE = timedelta(minutes=2)
_DELIVERY_BATCH = 500


@shared_task(name="voipcti.drive_command", bind=True, ignore_result=True, acks_late=True, max_retries=None)
def drive_command(task: Any, command_id: int) -> None:
    """See to it that a bridge takes a command up in time, and that the user is told if none does.

    Between two looks the task stands in the broker, not in a worker's slot.
    """
    command = CallCommand.objects.filter(pk=command_id, state=CommandState.PENDING).first()
    if command is None:
        return
    remaining = (command.expires_at - timezone.now()).total_seconds()
    if remaining <= 0:
        outcomes.expire(command_id)
        return
    realtime.nudge_bridges(command.line_id)
    pause = _NUDGE_AGAIN[min(task.request.retries, len(_NUDGE_AGAIN) - 1)]
    raise task.retry(countdown=min(pause, remaining + 0.05))


@shared_task(name="voipcti.expire_commands", ignore_result=True)
def expire_commands() -> None:
    """Give up what no bridge claimed in time, and say so where a line has lost its bridge altogether."""
    outcomes.expire_overdue()
    mark_abandoned()


@shared_task(name="voipcti.process_delivery", bind=True, ignore_result=True, acks_late=True)
def process_delivery(task: Any, delivery_id: int) -> None:
    """Read a stored webhook delivery and record what it says; again and again while the database refuses.

    What the delivery does and that it was processed are one transaction. What cannot be read keeps its failure text and
    can be processed again after an upgrade.
    """
    try:
        with transaction.atomic():
            _process(delivery_id)
    except (OperationalError, InterfaceError) as error:
        if task.request.retries >= _DELIVERY_TRIES:
            _note_failure(delivery_id, error)
            raise
        ceiling = min(2.0**task.request.retries, 60.0)
        raise task.retry(
            exc=error,
            countdown=random.uniform(ceiling / 2, ceiling),  # noqa: S311  no secret
            max_retries=_DELIVERY_TRIES,
        ) from error
    # Whatever a delivery holds, the worker goes on and the reason stands with the delivery.
    except Exception as error:
        logger.exception("webhook delivery %s cannot be processed", delivery_id, extra={"action": "delivery.failed"})
        _note_failure(delivery_id, error)


@shared_task(name="voipcti.process_waiting_deliveries", ignore_result=True)
def process_waiting_deliveries() -> int:
    """Start the work on deliveries that were stored while no broker was there; return how many.

    Those that failed are left to an operator: the same code would fail again.
    """
    waiting = WebhookDelivery.objects.filter(
        processed_at=None, failure="", received_at__lt=timezone.now() - _DELIVERY_GRACE
    )
    found = list(waiting.order_by("pk").values_list("pk", flat=True)[:_DELIVERY_BATCH])
    for pk in found:
        process_delivery.delay(pk)
    return len(found)


@shared_task(name="voipcti.watch_missed_calls", ignore_result=True)
def watch_missed_calls() -> None:
    """Open the duties that a killed process left out, and report those past their deadline."""
    duties.sweep()
    duties.tell_late()


@shared_task(name="voipcti.sync_history", ignore_result=True, acks_late=True)
def sync_history(line_id: int | None = None, days: float = 7) -> None:
    """Read the provider's history from where the last run came to, at most ``days`` back; one task for each line.

    A provider that is away is asked again by the next run.
    """
    lines = Line.objects.all() if line_id is None else Line.objects.filter(pk=line_id)
    for line in history.importable(lines):
        if line_id is None:
            sync_history.delay(line.pk, days)
            continue
        now = timezone.now()
        since = history.resume_point(line, now - timedelta(days=days))
        try:
            history.read_line(line, since=since, until=now + history.AHEAD)
        except ProviderError as error:
            logger.warning("line %s: no history: %s", line.pk, type(error).__name__, extra={"action": "history.failed"})


@shared_task(name="voipcti.purge", ignore_result=True)
def purge() -> int:
    """Delete what is older than it may be kept; return how many calls."""
    now = timezone.now()
    for _rows in chain(retention.purge_access_log(now), retention.purge_traces(now)):
        pass
    return sum(calls for _alias, calls, _deliveries in retention.purge(now))


@shared_task(name="voipcti.roll_up", ignore_result=True)
def roll_up() -> int:
    """Bring the dashboard's roll-up up to date; return how many days that took."""
    now = timezone.now()
    return sum(rollup.roll(rollup.due(now), now))


@shared_task(name=callers.LINK_EARLIER_TASK, ignore_result=True, acks_late=True)
def link_earlier_calls(call_id: int) -> int:
    """Link the earlier calls of a call's number to the record that it belongs to now; return how many."""
    call = Call.objects.select_related("line").filter(pk=call_id).first()
    return callers.link_earlier(call.other_number, call.line.effective_region) if call else 0


@shared_task(name=callers.LINK_RECORDS_TASK, ignore_result=True, acks_late=True)
def link_records(content_type_id: int, object_ids: list[str]) -> int:
    """Link open and earlier calls with the numbers of some records; return how many earlier ones."""
    return callers.link_records(content_type_id, object_ids)


@shared_task(name="voipcti.link_calls", ignore_result=True, acks_late=True)
def link_calls() -> int:
    """Link every call that is linked to no record although its number stands in the index; return how many."""
    return callers.link_earlier()


def _process(delivery_id: int) -> None:
    delivery = WebhookDelivery.objects.select_for_update().filter(pk=delivery_id, processed_at=None).first()
    if delivery is None:
        return
    updates = providers[delivery.alias].parse_webhook(
        headers=delivery.headers, body=delivery.body.encode(), received_at=delivery.received_at
    )
    journal.record(updates)
    delivery.processed_at, delivery.failure = timezone.now(), ""
    delivery.save(update_fields=["processed_at", "failure"])


def _note_failure(delivery_id: int, error: Exception) -> None:
    try:
        WebhookDelivery.objects.filter(pk=delivery_id).update(failure=f"{type(error).__name__}: {error}")
    except DatabaseError:
        logger.warning("the failure of delivery %s could not be noted", delivery_id)
