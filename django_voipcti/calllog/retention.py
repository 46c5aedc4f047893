"""How long calls are kept, line by line and provider by provider, and deleting what is older, in batches."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ..conf import app_settings
from ..journal.erasure import delete_calls
from ..models import Call, CallAccess, CallTrace, Line, WebhookDelivery
from ..models.call import CallQuerySet

__all__ = ["BATCH", "days_kept", "purge", "purge_access_log", "purge_traces"]

BATCH = 1000


def days_kept(provider: str) -> float | None:
    """Days for which calls of the provider (alias) are kept where the line says nothing; None: for ever."""
    days = app_settings.retention_days
    if isinstance(days, (int, float)) or days is None:
        return days
    return days.get(provider, days.get("*"))


def purge(now: datetime, *, batch: int = BATCH) -> Iterator[tuple[str, int, int]]:
    """Delete what is older than it may be; yield (provider, calls, deliveries) after each batch.

    A batch is a transaction: the journal waits for one at most, and a run that is broken off has lost nothing. Calls
    that are live stay, however old they say they are. Webhooks as received are not told apart by line: they go with
    the first of a provider's lines.
    """
    aliases = set(Call.objects.order_by().values_list("provider", flat=True).distinct())
    aliases |= set(WebhookDelivery.objects.order_by().values_list("alias", flat=True).distinct())
    for alias in sorted(aliases):
        days = days_kept(alias)
        own = Line.objects.filter(provider=alias).order_by("pk").values_list("pk", "retention_days")
        of_lines = {line: own_days for line, own_days in own if own_days is not None}
        for line, own_days in of_lines.items():
            yield from _in_batches(alias, Call.objects.filter(line=line), now - timedelta(days=own_days), batch)
        if days is not None:
            yield from _in_batches(alias, _without_own_days(alias), now - timedelta(days=days), batch)
        asked: list[float] = [*of_lines.values(), *([] if days is None else [days])]
        if not asked:
            continue
        before = now - timedelta(days=min(asked))
        deliveries = WebhookDelivery.objects.filter(alias=alias, received_at__lt=before).order_by("pk")
        while keys := list(deliveries.values_list("pk", flat=True)[:batch]):
            yield alias, 0, WebhookDelivery.objects.filter(pk__in=keys).delete()[0]


def purge_access_log(now: datetime, *, batch: int = BATCH) -> Iterator[int]:
    """Delete what the access log may not keep any longer; yield how many rows after each batch."""
    days = app_settings.access_log_days
    if days is None:
        return
    old = CallAccess.objects.filter(at__lt=now - timedelta(days=days)).order_by("at")
    while keys := list(old.values_list("pk", flat=True)[:batch]):
        yield CallAccess.objects.filter(pk__in=keys).delete()[0]


def purge_traces(now: datetime, *, batch: int = BATCH) -> Iterator[int]:
    """Delete the ways of calls to the screen that are older than they may be; yield how many steps after each batch."""
    days = app_settings.trace_days
    if days is None:
        return
    old = CallTrace.objects.filter(at__lt=now - timedelta(days=days)).order_by("at")
    while keys := list(old.values_list("pk", flat=True)[:batch]):
        yield CallTrace.objects.filter(pk__in=keys).delete()[0]


def _without_own_days(provider: str) -> CallQuerySet:
    """Calls of the provider's lines that say nothing themselves. By key, as the journal's index wants it."""
    lines = Line.objects.filter(retention_days=None).values("pk")
    return Call.objects.filter(provider=provider, line__in=lines)


def _in_batches(alias: str, calls: CallQuerySet, before: datetime, batch: int) -> Iterator[tuple[str, int, int]]:
    """Delete ended calls among these that began before then, oldest first."""
    expired = calls.filter(started_at__lt=before, ended_at__isnull=False).order_by("started_at")
    while keys := list(expired.values_list("pk", flat=True)[:batch]):
        yield alias, delete_calls(keys), 0
