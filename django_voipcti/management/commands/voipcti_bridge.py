"""``manage.py voipcti_bridge``: hold the telephone lines and carry out their commands."""

import asyncio
import logging
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext_lazy as _

from django_voipcti.bridge.supervisor import EXIT_UNFINISHED, Supervisor, default_name


class Command(BaseCommand):
    """Runs until SIGTERM or SIGINT. Exit codes: 0 stopped; 1 a part failed; 3 stopped with work left."""

    help = str(
        _(
            "Connect the enabled lines to their providers, record their calls and carry out commands. "
            "Start as many of these as you like; they share the lines."
        )
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", default="", help=str(_("name of this bridge; unique among all that run")))
        parser.add_argument(
            "--drain-seconds",
            type=float,
            default=10.0,
            help=str(_("how long commands under way may take to finish after SIGTERM (default: 10)")),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"] or default_name()
        if len(name) > 120 or options["drain_seconds"] < 0:
            raise CommandError(_("--name has at most 120 characters, --drain-seconds is not negative."))

        async def run() -> int:
            return await Supervisor(name=name, drain_seconds=options["drain_seconds"], say=self._say).run()

        code = asyncio.run(run())
        if code == EXIT_UNFINISHED:
            # A thread may still wait for a database that does not answer; it must not keep the process.
            self.stdout.flush()
            logging.shutdown()
            os._exit(code)
        if code:
            sys.exit(code)

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()
