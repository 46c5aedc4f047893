"""``manage.py voipcti_simulator``: a local VoIPstudio, until it is told to stop."""

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django_voipcti.simulator import Scenario, Simulator, SimulatorSettings


class Command(BaseCommand):
    """Run the simulator in this process. It touches no database."""

    help = "Run a local VoIPstudio: REST, SIP over WebSocket, webhooks, and a page with the phones."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8020, help="port of REST and page, 0 takes a free one")
        parser.add_argument(
            "--sip-port", type=int, default=None, help="second port, for SIP; by default SIP is on --port too"
        )
        parser.add_argument(
            "--scenario", default="demo", help="demo (phones act by themselves), demo-by-hand, or a JSON file"
        )
        parser.add_argument(
            "--time-scale", type=float, default=1.0, help="real seconds for one second of ringing and waiting"
        )
        parser.add_argument("--webhook", action="append", default=[], metavar="URL", help="send all webhooks there")
        parser.add_argument("--certificate", default="", help="PEM file; makes both ports speak TLS")
        parser.add_argument("--private-key", default="", help="PEM file, if the key is not in the certificate's file")
        parser.add_argument("--no-control", action="store_true", help="serve neither page nor control API")
        parser.add_argument(
            "--control-from-anywhere", action="store_true", help="let other machines drive the phones, too"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from django_voipcti.simulator import SimulatorSettings
        except ModuleNotFoundError as error:
            if error.name != "aiohttp":
                raise
            raise CommandError(
                _("The simulator needs aiohttp. Install it with: pip install 'django-voipcti[simulator]'")
            ) from error
        if options["time_scale"] <= 0:
            raise CommandError(_("--time-scale must be above zero."))
        settings = SimulatorSettings(
            host=options["host"],
            port=options["port"],
            sip_port=options["sip_port"],
            certificate=options["certificate"],
            private_key=options["private_key"],
            time_scale=options["time_scale"],
            control=not options["no_control"],
            control_from_anywhere=options["control_from_anywhere"],
        )
        try:
            asyncio.run(self._run(settings, self._scenario(options)))
        except OSError as error:
            raise CommandError(_("The simulator cannot start: %(error)s") % {"error": error}) from error

    def _scenario(self, options: dict[str, Any]) -> "Scenario":
        from django_voipcti.simulator import WebhookTarget, load_scenario

        try:
            scenario = load_scenario(options["scenario"])
        except (OSError, ValueError) as error:
            raise CommandError(
                _("The scenario %(name)r cannot be read: %(error)s") % {"name": options["scenario"], "error": error}
            ) from error
        scenario.webhooks += [WebhookTarget(url=url) for url in options["webhook"]]
        return scenario

    async def _run(self, settings: "SimulatorSettings", scenario: "Scenario") -> None:
        from django_voipcti.simulator import Simulator

        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with Simulator(settings, scenario=scenario) as simulator:
            self._announce(simulator)
            await stop.wait()
        self.stdout.write(_("Simulator stopped."))

    def _announce(self, simulator: "Simulator") -> None:
        """Say where everything is; the last line is for programs that wait for it."""
        addresses = {"rest": simulator.rest_url, "sip": simulator.sip_url}
        self.stdout.write(f"REST     {simulator.rest_url}")
        self.stdout.write(f"SIP      {simulator.sip_url}   ({simulator.scenario.sip_domain})")
        if simulator.settings.control:
            addresses["control"] = simulator.control_url
            self.stdout.write(f"phones   {simulator.page_url}/")
        for user in simulator.scenario.users:
            self.stdout.write(f"user     {user.email}   {user.name}, {user.extension}")
        self.stdout.write(f"READY {json.dumps(addresses)}")
        self.stdout.flush()
