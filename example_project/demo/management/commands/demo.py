"""`manage.py demo`: the whole system on this machine until Ctrl-C."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm import demo_data
from demo.networks import NETWORKS, MissingPrograms
from demo.processes import ChildFailed
from demo.supervisor import Demo, Stopped


class Command(BaseCommand):
    """Exit codes: 0 stopped on request, 1 a process failed, or a program is not installed."""

    help = "Serve the CRM with a telephone system, each process of a real deployment, until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="of the web server (default: 8000, or the next free one)")
        parser.add_argument(
            "--provider",
            choices=sorted(NETWORKS),
            default=settings.TELEPHONE_SYSTEM,
            help="voipstudio: simulated; sip: Kamailio and baresip phones, where these are installed",
        )
        parser.add_argument(
            "--by-hand", action="store_true", help="phones do nothing by themselves; drive them in the phone lab"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        provider = options["provider"]
        if provider != settings.TELEPHONE_SYSTEM:
            # Again, as the settings have been made for another one.
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "TELEPHONE_SYSTEM": provider})  # noqa: S606
        wishes = {"provider": provider, "port": options["port"], "by_hand": options["by_hand"]}
        try:
            with Demo(settings.DATA_DIR, **wishes, say=self._say) as demo:
                self._welcome(demo)
                demo.wait()
                self._say("\nStopping …")
        except MissingPrograms as error:
            raise CommandError(str(error)) from error
        except ChildFailed as error:
            raise CommandError(f"{error}\nEverything else has been stopped.") from error
        except Stopped:
            pass
        self._say("Stopped. Nothing is left running.")

    def _welcome(self, demo: Demo) -> None:
        web = demo.addresses.web
        logs = demo.folder / "logs"
        names = ", ".join(f"{name} ({pid})" for name, pid in demo.pids.items())
        lines = [
            "",
            f"  Larkspur is open:  {self.style.SUCCESS(web)}",
            "",
            "    ana     agent",
            "    ben     agent",
            f"    chris   supervisor, and the admin at {web}/admin/",
            f"    password for all three: {demo_data.PASSWORD}",
            "",
            f"  Make a phone ring:  {web}/lab/",
            f"  Processes: {names}",
            f"  Logs: {logs}",
            "  Ctrl-C stops everything.",
            "",
        ]
        self._say("\n".join(lines))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        sys.stdout.flush()
