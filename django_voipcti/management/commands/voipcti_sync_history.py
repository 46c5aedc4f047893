"""``manage.py voipcti_sync_history``: bring the provider's history into the call log."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...calllog import history
from ...exceptions import ProviderError
from ...models import Line

_BAR = 24
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> datetime:
    """A date, a date with time, or how long ago: ``2026-01-31``, ``"2026-01-31 08:00"``, ``36h``, ``30d``, ``8w``."""
    if text[-1:] in _UNITS and text[:-1].isdecimal() and len(text) < 7:
        return timezone.now() - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    try:
        day = parse_date(text)
        found = datetime.combine(day, datetime.min.time()) if day else parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        hint = _("“%(text)s” is no time. Write 2026-01-31, or 30d for thirty days ago.")
        raise ArgumentTypeError(hint % {"text": text})
    return found if timezone.is_aware(found) else timezone.make_aware(found)


class Command(BaseCommand):
    """Read the history of lines window by window, and reconcile it with the calls that were seen live."""

    help = "Bring the providers' call history into the call log. Calls that are known already stay one row."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Time, lines, resuming, pace."""
        parser.add_argument("--since", type=moment, required=True, help="2026-01-31, or 30d for thirty days ago.")
        parser.add_argument("--until", type=moment, default=None, help="Default: now.")
        parser.add_argument(
            "--line", action="append", type=int, default=[], metavar="ID", help="Only this line; may be repeated."
        )
        parser.add_argument("--resume", action="store_true", help="Go on where the last run came to, line by line.")
        parser.add_argument("--batch-size", type=int, default=history.BATCH, help="Calls at once (%(default)s).")
        parser.add_argument("--no-progress", action="store_true", help="Only the result.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work through the lines one after the other; a line that fails does not keep the others from being read."""
        since, until = options["since"], options["until"] or timezone.now() + history.AHEAD
        if since >= until:
            raise CommandError(_("--since must be before --until."))
        if options["batch_size"] < 1:
            raise CommandError(_("The batch size must be 1 or more."))
        lines = self._lines(options["line"])
        failed = 0
        for line in lines:
            start = history.resume_point(line, since) if options["resume"] else since
            failed += not self._read(line, start, until, options)
        if failed:
            text = ngettext(
                "%(count)d line was not read to the end. Run the command again with --resume.",
                "%(count)d lines were not read to the end. Run the command again with --resume.",
                failed,
            )
            raise CommandError(text % {"count": failed})

    def _lines(self, chosen: list[int]) -> list[Line]:
        wanted = Line.objects.filter(pk__in=chosen) if chosen else Line.objects.all()
        lines = history.importable(wanted.order_by("pk"))
        missing = set(chosen) - {line.pk for line in lines}
        if missing:
            text = _("No line %(lines)s that is enabled, logged in, and whose provider keeps a history.")
            raise CommandError(text % {"lines": ", ".join(map(str, sorted(missing)))})
        return lines

    def _read(self, line: Line, since: datetime, until: datetime, options: dict[str, Any]) -> bool:
        began, counts = time.monotonic(), {"calls": 0, "recordings": 0}

        def report(step: history.Step) -> None:
            counts["calls"] += step.calls
            counts["recordings"] += step.recordings
            if not options["no_progress"]:
                share = (step.until - since) / (until - since)
                self._show(progress_line(str(line), share, counts["calls"], time.monotonic() - began))

        try:
            history.read_line(line, since=since, until=until, batch=options["batch_size"], report=report)
        except ProviderError as error:
            self.stderr.write(self.style.ERROR(f"{line}: {error}"))
            return False
        facts = counts | {"line": line, "seconds": time.monotonic() - began}
        self.stdout.write(_("%(line)s: %(calls)d calls, %(recordings)d recordings, %(seconds).1f s") % facts)
        return True

    def _show(self, text: str) -> None:
        is_terminal = self.stderr.isatty()
        self.stderr.write(f"\r{text}" if is_terminal else text, ending="" if is_terminal else "\n")


def progress_line(label: str, share: float, calls: int, seconds: float) -> str:
    """One line: a bar, calls, calls per second, time left."""
    left = seconds / share - seconds if share else 0.0
    return _("%(label)s [%(bar)s] %(calls)s calls, %(rate)s/s, %(left)s left") % {
        "label": label,
        "bar": ("#" * round(share * _BAR)).ljust(_BAR, "."),
        "calls": f"{calls:,}",
        "rate": f"{calls / seconds if seconds else 0:,.0f}",
        "left": f"{int(left // 60)}:{int(left % 60):02}",
    }
