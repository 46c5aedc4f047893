"""`manage.py smoke`: one inbound and one outbound call through every process of the system, checked."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm import demo_data
from demo import smoke
from demo.networks import NETWORKS, MissingPrograms
from demo.processes import ChildFailed
from demo.supervisor import PROJECT, Demo, Stopped
from demo.timeline import Page, Timeline, Unexpected
from lab.phones import Phones, Refused


class Command(BaseCommand):
    """Exit codes: 0 both calls went as the contract says, 1 they did not."""

    help = "Start the demo in a temporary folder, make one inbound and one outbound call, and check every step of them."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--provider", choices=sorted(NETWORKS), default=settings.TELEPHONE_SYSTEM, help="as of the command demo"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        provider = options["provider"]
        if "DATA_DIR" not in os.environ or provider != settings.TELEPHONE_SYSTEM:
            # Again, with a folder of its own: the settings have read theirs already, and a demo may be running there.
            with tempfile.TemporaryDirectory(prefix="voipcti-smoke-") as folder:
                again = [sys.executable, str(PROJECT / "manage.py"), "smoke"]
                place = {"DATA_DIR": os.environ.get("DATA_DIR", folder), "TELEPHONE_SYSTEM": provider}
                sys.exit(subprocess.call(again, env={**os.environ, **place}))
        begun = time.monotonic()
        try:
            with Demo(settings.DATA_DIR, provider=provider, port=0, by_hand=True, say=self._say) as demo:
                self._say(f"Everything answers after {time.monotonic() - begun:.1f} s.\n")
                self._make_calls(demo)
                demo.check()
        except (ChildFailed, MissingPrograms, Refused, Unexpected) as error:
            raise CommandError(str(error)) from error
        except Stopped:
            raise CommandError("Stopped before the calls were made.") from None
        self._say(self.style.SUCCESS(f"Both calls went as they should. {time.monotonic() - begun:.1f} s in all."))

    def _make_calls(self, demo: Demo) -> None:
        username = demo_data.USERS[0][0]
        phones = Phones(demo.network.control_url)
        with closing(phones), Page(demo.addresses.web, username, demo_data.PASSWORD) as page:
            office = smoke.office_of(username, page, phones)
            for make, contract in [(smoke.inbound, smoke.INBOUND), (smoke.outbound, smoke.OUTBOUND)]:
                timeline = make(office)
                self._show(timeline)
                smoke.check_order(timeline, smoke.as_shown(contract, office))
                self._say(f"  In the record: {smoke.check_record(timeline)}\n")

    def _show(self, timeline: Timeline) -> None:
        title, *table = timeline.lines()
        self._say("\n".join([self.style.MIGRATE_HEADING(title), *table]))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
