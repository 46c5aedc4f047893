"""How long calls are kept, provider by provider, and deleting what is older, in batches."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ..conf import app_settings
from ..journal.erasure import delete_calls
from ..models import Call, WebhookDelivery
from ..models.call import CallQuerySet

__all__ = ["BATCH", "days_kept", "expired_calls", "purge"]

BATCH = 1000


def days_kept(provider: str) -> float | None:
    """Days for which calls of the provider (alias) are kept; None: for ever."""
    days = app_settings.retention_days
    if isinstance(days, (int, float)) or days is None:
        return days
    return days.get(provider, days.get("*"))


def purge(now: datetime, *, batch: int = BATCH) -> Iterator[tuple[str, int, int]]:
    """Delete what is older than it may be; yield (provider, calls, deliveries) after each batch.

    A batch is a transaction: the journal waits for one at most, and a run that is broken off has lost nothing. Calls
    that are live stay, however old they say they are.
    """
    aliases = set(Call.objects.order_by().values_list("provider", flat=True).distinct())
    aliases |= set(WebhookDelivery.objects.order_by().values_list("alias", flat=True).distinct())
    for alias in sorted(aliases):
        days = days_kept(alias)
        if days is None:
            continue
        before = now - timedelta(days=days)
        while keys := list(expired_calls(alias, before).values_list("pk", flat=True)[:batch]):
            yield alias, delete_calls(keys), 0
        deliveries = WebhookDelivery.objects.filter(alias=alias, received_at__lt=before).order_by("pk")
        while keys := list(deliveries.values_list("pk", flat=True)[:batch]):
            yield alias, 0, WebhookDelivery.objects.filter(pk__in=keys).delete()[0]


def expired_calls(provider: str, before: datetime) -> CallQuerySet:
    """Ended calls of the provider that began before then, oldest first."""
    return Call.objects.filter(provider=provider, started_at__lt=before, ended_at__isnull=False).order_by("started_at")
