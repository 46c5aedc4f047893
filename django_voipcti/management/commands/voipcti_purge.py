"""``manage.py voipcti_purge``: delete calls that are older than they may be."""

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from ...calllog import retention


class Command(BaseCommand):
    """Delete in batches what ``RETENTION_DAYS`` does not allow to keep."""

    help = 'Delete calls, with their events, that are older than VOIPCTI["RETENTION_DAYS"] allows.'

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The batch size."""
        parser.add_argument("--batch-size", type=int, default=retention.BATCH, help="Calls at once (%(default)s).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge and say how much that was."""
        if options["batch_size"] < 1:
            raise CommandError(_("The batch size must be 1 or more."))
        calls: Counter[str] = Counter()
        deliveries: Counter[str] = Counter()
        for alias, gone, delivered in retention.purge(timezone.now(), batch=options["batch_size"]):
            calls[alias] += gone
            deliveries[alias] += delivered
        for alias in sorted(calls):
            facts = {"provider": alias, "calls": calls[alias], "deliveries": deliveries[alias]}
            self.stdout.write(_("%(provider)s: %(calls)d calls and %(deliveries)d webhook deliveries deleted") % facts)
        if not calls:
            self.stdout.write(_("Nothing is older than it may be."))
