"""`manage.py voipcti_check_line`: test the connection of lines step by step, from the machine where the bridge runs."""

from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils.translation import gettext as _

from ... import sessions
from ...models import Line
from ...providers.base import ProbeStep, StepOutcome


class Command(BaseCommand):
    """Prints a report for each line; exit code 1 if any step failed."""

    help = "Test the connection of lines and say what to do about a step that fails."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("lines", nargs="*", help="id, account or extension; none tests all enabled lines")

    def handle(self, *args: Any, lines: list[str], **options: Any) -> None:
        failures = 0
        for line in _chosen(lines):
            self.stdout.write(self.style.MIGRATE_HEADING(f"{line} ({line.provider})"))
            steps = async_to_sync(sessions.probe)(line)
            failures += any(step.failed for step in steps)
            for step in steps:
                self._print(step)
        if failures:
            raise CommandError(_("%(n)s of the lines cannot work as they are.") % {"n": failures})

    def _print(self, step: ProbeStep) -> None:
        style = {StepOutcome.OK: self.style.SUCCESS, StepOutcome.FAILED: self.style.ERROR}.get(step.outcome, str)
        self.stdout.write(f"  {style(f'{step.outcome.label:<10}')} {step.title}: {step.sentence}")
        if step.advice:
            self.stdout.write(f"  {'':<10} {step.advice}")


def _chosen(names: list[str]) -> list[Line]:
    if not names:
        return list(Line.objects.enabled())
    found: dict[int, Line] = {}
    for name in names:
        named = Q(account=name) | Q(extension=name)
        lines = Line.objects.filter(named | Q(pk=int(name)) if name.isdecimal() and len(name) < 10 else named)
        if not lines:
            raise CommandError(_("There is no line %(name)s: give its id, account or extension.") % {"name": name})
        found |= {line.pk: line for line in lines}
    return list(found.values())
