"""``manage.py voipcti_reindex``: make the phonebook's index again, or prove that it is right."""

import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...phonebook import reindex
from ...phonebook.registry import Registration, registry
from ...phonebook.store import Changes

#: Findings of one kind that are listed one by one.
_MOST_LISTED = 50
#: Seconds between two lines of progress where the output is no terminal.
_LINE_EVERY = 10.0
_BAR = 24


class Command(BaseCommand):
    """Read every registered record and bring its rows up to date; with ``--check`` only say what differs."""

    help = "Bring the phonebook's index up to date with the registered records, or check it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Models, batch size, resuming, checking."""
        parser.add_argument("models", nargs="*", metavar="app.Model", help="Only these models; default: all.")
        parser.add_argument(
            "--check", action="store_true", help="Report what differs, write nothing; exit code 1 then."
        )
        parser.add_argument("--resume", action="store_true", help="Go on where a run was broken off.")
        parser.add_argument(
            "--batch-size", type=int, default=reindex.BATCH, help="Records at once (default: %(default)s)."
        )
        parser.add_argument("--no-progress", action="store_true", help="Only the result.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work through the models one after the other."""
        if options["batch_size"] < 1:
            raise CommandError(_("The batch size must be 1 or more."))
        registrations = [self._registration(label) for label in options["models"]] or list(registry)
        if options["check"]:
            self._check(registrations, options)
            return
        for registration in registrations:
            self._rebuild(registration, options)
        if not options["models"]:
            reindex.prune_leftovers()

    def _registration(self, label: str) -> Registration:
        try:
            registration = registry.get(apps.get_model(label))
        except (LookupError, ValueError) as error:
            raise CommandError(_("There is no model %(label)s.") % {"label": label}) from error
        if registration is None:
            known = ", ".join(each.model._meta.label for each in registry)
            raise CommandError(
                _("%(label)s is not registered with the phonebook. Registered: %(known)s.")
                % {"label": label, "known": known}
            )
        return registration

    def _rebuild(self, registration: Registration, options: dict[str, Any]) -> None:
        changes, numbers, findings = Changes(), 0, []
        began = time.monotonic()
        steps = reindex.rebuild(registration, batch=options["batch_size"], resume=options["resume"])
        try:
            for step in self._with_progress(registration, steps, options):
                changes += step.changes
                numbers += step.numbers
                findings += step.findings
        except KeyboardInterrupt:
            raise CommandError(
                _("Broken off. “manage.py voipcti_reindex %(label)s --resume” goes on from here.")
                % {"label": registration.model._meta.label},
                returncode=130,
            ) from None
        changes.removed += reindex.prune(registration)
        self.stdout.write(
            _("%(label)s: %(numbers)s numbers, %(added)s rows added, %(removed)s removed, %(seconds).1f s")
            % {
                "label": registration.model._meta.label,
                "numbers": f"{numbers:,}",
                "added": f"{changes.added:,}",
                "removed": f"{changes.removed:,}",
                "seconds": time.monotonic() - began,
            }
        )
        self._list(findings)

    def _check(self, registrations: list[Registration], options: dict[str, Any]) -> None:
        findings: list[reindex.Finding] = [] if options["models"] else reindex.check_leftovers()
        for registration in registrations:
            steps = reindex.check(registration, batch=options["batch_size"])
            for step in self._with_progress(registration, steps, options):
                findings += step.findings
        self._list(findings)
        drift = sum(finding.is_drift for finding in findings)
        if drift:
            raise CommandError(
                ngettext(
                    "The index differs from the records in %(count)s place. Run “manage.py voipcti_reindex”.",
                    "The index differs from the records in %(count)s places. Run “manage.py voipcti_reindex”.",
                    drift,
                )
                % {"count": f"{drift:,}"}
            )
        self.stdout.write(self.style.SUCCESS(_("The index is in order.")))

    def _list(self, findings: list[reindex.Finding]) -> None:
        listed: Counter[str] = Counter()
        for finding in findings:
            listed[finding.problem] += 1
            if listed[finding.problem] <= _MOST_LISTED:
                self.stdout.write(f"  {finding.problem}: {finding.model} {finding.object_id} {finding.text!r}")
        for problem, count in sorted(listed.items()):
            if count > _MOST_LISTED:
                self.stdout.write(_("  %(problem)s: %(count)s in all") % {"problem": problem, "count": f"{count:,}"})

    def _with_progress(
        self, registration: Registration, steps: Iterator[reindex.Step], options: dict[str, Any]
    ) -> Iterator[reindex.Step]:
        """Pass the steps on and show how far they are: a bar on a terminal, a line now and then elsewhere."""
        if options["no_progress"] or options["verbosity"] < 1:
            yield from steps
            return
        is_terminal = self.stderr.isatty()
        total = reindex.total(registration, resume=options["resume"] and not options["check"])
        began = shown = time.monotonic()
        records = numbers = 0
        for step in steps:
            records += step.records
            numbers += step.numbers
            now = time.monotonic()
            if is_terminal or now - shown >= _LINE_EVERY:
                shown = now
                line = progress_line(registration.model._meta.label, records, total, numbers, now - began)
                self.stderr.write(f"\r{line}" if is_terminal else line, ending="" if is_terminal else "\n")
            yield step
        if is_terminal:
            self.stderr.write("")


def progress_line(label: str, records: int, total: int, numbers: int, seconds: float) -> str:
    """One line: a bar, how many of how many, numbers per second, time left."""
    share = min(records / total, 1.0) if total else 1.0
    bar = "#" * round(share * _BAR)
    left = seconds / share - seconds if share else 0.0
    return _("%(label)s [%(bar)s] %(records)s of %(total)s, %(rate)s numbers/s, %(left)s left") % {
        "label": label,
        "bar": bar.ljust(_BAR, "."),
        "records": f"{records:,}",
        "total": f"{total:,}",
        "rate": f"{numbers / seconds if seconds else 0:,.0f}",
        "left": f"{int(left // 60)}:{int(left % 60):02}",
    }
