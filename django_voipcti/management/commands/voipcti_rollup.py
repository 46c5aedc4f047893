"""``manage.py voipcti_rollup``: bring the dashboard's daily figures up to date."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...calllog import rollup

#: Seconds between two lines of progress where the output is no terminal.
_LINE_EVERY = 10.0
_BAR = 24


class Command(BaseCommand):
    """Roll up the days that are over and have no figures yet, or have changed since."""

    help = "Work out the figures of each day for the dashboard: of days that have none, or were changed since."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Everything anew, and silence."""
        parser.add_argument("--all", action="store_true", help="Every day anew, except those whose calls are deleted.")
        parser.add_argument("--no-progress", action="store_true", help="Only the result.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work through the days, oldest first. What is done stays done when the run is broken off."""
        now = timezone.now()
        days = rollup.due(now, anew=options["all"])
        if not days:
            self.stdout.write(_("The figures of all days are up to date."))
            return
        quiet = options["no_progress"] or options["verbosity"] < 1
        began = shown = time.monotonic()
        is_terminal, done = self.stderr.isatty(), 0
        for step in rollup.roll(days, now):
            done += step
            moment = time.monotonic()
            if not quiet and (is_terminal or moment - shown >= _LINE_EVERY):
                shown = moment
                line = progress_line(done, len(days), moment - began)
                self.stderr.write(f"\r{line}" if is_terminal else line, ending="" if is_terminal else "\n")
        if is_terminal and not quiet:
            self.stderr.write("")
        text = ngettext(
            "%(days)d day rolled up in %(seconds).1f s", "%(days)d days rolled up in %(seconds).1f s", len(days)
        )
        self.stdout.write(text % {"days": len(days), "seconds": time.monotonic() - began})


def progress_line(done: int, total: int, seconds: float) -> str:
    """One line: a bar, how many of how many days, time left."""
    share = done / total
    left = seconds / share - seconds
    return _("[%(bar)s] %(done)d of %(total)d days, %(left)s left") % {
        "bar": ("#" * round(share * _BAR)).ljust(_BAR, "."),
        "done": done,
        "total": total,
        "left": f"{int(left // 60)}:{int(left % 60):02}",
    }
