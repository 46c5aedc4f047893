"""`manage.py smoke`: one inbound and one outbound call through every process of the system, checked."""

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from crm import demo_data
from demo import smoke
from demo.processes import ChildFailed
from demo.supervisor import PROJECT, Demo, Stopped
from demo.timeline import Page, Timeline, Unexpected
from lab.phones import Phones, Refused


class Command(BaseCommand):
    """Exit codes: 0 both calls went as the contract says, 1 they did not."""

    help = "Start the demo in a temporary folder, make one inbound and one outbound call, and check every step of them."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if "DATA_DIR" not in os.environ:
            # Again, with a folder of its own: the settings have read theirs already, and a demo may be running there.
            with tempfile.TemporaryDirectory(prefix="voipcti-smoke-") as folder:
                again = [sys.executable, str(PROJECT / "manage.py"), "smoke"]
                sys.exit(subprocess.call(again, env={**os.environ, "DATA_DIR": folder}))
        begun = time.monotonic()
        try:
            with Demo(settings.DATA_DIR, port=0, by_hand=True, say=self._say) as demo:
                self._say(f"Everything answers after {time.monotonic() - begun:.1f} s.\n")
                self._make_calls(demo)
                demo.check()
        except (ChildFailed, Refused, Unexpected) as error:
            raise CommandError(str(error)) from error
        except Stopped:
            raise CommandError("Stopped before the calls were made.") from None
        self._say(self.style.SUCCESS(f"Both calls went as they should. {time.monotonic() - begun:.1f} s in all."))

    def _make_calls(self, demo: Demo) -> None:
        phones = Phones(f"{demo.addresses.simulator}/control")
        page = Page(demo.addresses.web, demo_data.USERS[0][0], demo_data.PASSWORD)
        try:
            for make, contract in [(smoke.inbound, smoke.INBOUND), (smoke.outbound, smoke.OUTBOUND)]:
                timeline = make(page, phones)
                self._show(timeline)
                smoke.check_order(timeline, contract)
                self._say(f"  In the record: {smoke.check_record(timeline)}\n")
        finally:
            page.close()
            phones.close()

    def _show(self, timeline: Timeline) -> None:
        title, *table = timeline.lines()
        self._say("\n".join([self.style.MIGRATE_HEADING(title), *table]))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
