"""``manage.py voipcti_purge``: delete calls that are older than they may be."""

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from ...calllog import retention


class Command(BaseCommand):
    """Delete in batches what may not be kept any longer."""

    help = "Delete calls, with their events, and entries of the access log that are older than the settings allow."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The batch size."""
        parser.add_argument("--batch-size", type=int, default=retention.BATCH, help="Calls at once (%(default)s).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge and say how much that was."""
        if options["batch_size"] < 1:
            raise CommandError(_("The batch size must be 1 or more."))
        calls: Counter[str] = Counter()
        deliveries: Counter[str] = Counter()
        now, batch = timezone.now(), options["batch_size"]
        for alias, gone, delivered in retention.purge(now, batch=batch):
            calls[alias] += gone
            deliveries[alias] += delivered
        for alias in sorted(calls):
            facts = {"provider": alias, "calls": calls[alias], "deliveries": deliveries[alias]}
            self.stdout.write(_("%(provider)s: %(calls)d calls and %(deliveries)d webhook deliveries deleted") % facts)
        looks = sum(retention.purge_access_log(now, batch=batch))
        if looks:
            self.stdout.write(_("%(entries)d entries of the access log deleted") % {"entries": looks})
        steps = sum(retention.purge_traces(now, batch=batch))
        if steps:
            self.stdout.write(_("%(steps)d steps of ways to the screen deleted") % {"steps": steps})
        if not (calls or looks or steps):
            self.stdout.write(_("Nothing is older than it may be."))
