"""Everything the simulated platform knows, without its sockets: what REST, SIP, webhooks and control API share."""

from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from .calls import Change, Leg
from .clock import Clock
from .engine import Engine
from .faults import Faults
from .resources import cdr
from .scenario import Scenario
from .settings import SimulatorSettings
from .tokens import Tokens

__all__ = ["Platform"]


class Platform:
    """The account, its engine, its tokens, its history and its faults."""

    def __init__(self, settings: SimulatorSettings, scenario: Scenario, clock: Clock) -> None:
        self.settings = settings
        self.behaviour = settings.behaviour
        self.faults = Faults()
        self.clock = clock
        self.engine = Engine(
            scenario,
            clock=clock,
            behaviour=settings.behaviour,
            timings=settings.timings,
            time_scale=settings.time_scale,
            first_id=settings.first_call_id,
        )
        self.engine.observers.append(self._record)
        self.on_reset: list[Callable[[], None]] = []
        self._next_row = int(clock.time())
        self.load(scenario)

    def load(self, scenario: Scenario) -> None:
        """Take this scenario and forget calls, history, tokens and faults."""
        self.scenario = scenario
        self.faults.clear()
        self.engine.load(scenario)
        self.tokens = Tokens(self.engine.directory, now=self.clock.time, session_seconds=self.settings.session_seconds)
        self.cdrs: list[dict[str, Any]] = []
        """History rows, oldest first."""
        for callback in self.on_reset:
            callback()

    @property
    def zone(self) -> tzinfo:
        """Of dates that are written as text."""
        name = self.behaviour.time_zone
        return UTC if name == "UTC" else ZoneInfo(name)

    def _record(self, leg: Leg, change: Change) -> None:
        if change is Change.ENDED:
            self._next_row += 1
            self.cdrs.append(cdr(self._next_row, leg, self.zone))
