"""A local VoIPstudio: REST, SIP over WebSocket, webhooks, and phones that can be driven. Needs the extra [simulator].

It is written from what is publicly known of the platform; what nobody outside knows is a switch of :class:`Behaviour`.
"""

from .calls import Cause, Change, ClickToCall, Leg, LegState, OutsideCall
from .clock import LoopClock, ManualClock
from .directory import EngineError
from .engine import Engine
from .faults import Faults, RestFault
from .scenario import (
    Group,
    OutsideScript,
    PhoneScript,
    Scenario,
    Service,
    User,
    WebhookTarget,
    demo_scenario,
    load_scenario,
)
from .server import Simulator, SimulatorThread
from .settings import Behaviour, SimulatorSettings, Timings

__all__ = [
    "Behaviour",
    "Cause",
    "Change",
    "ClickToCall",
    "Engine",
    "EngineError",
    "Faults",
    "Group",
    "Leg",
    "LegState",
    "LoopClock",
    "ManualClock",
    "OutsideCall",
    "OutsideScript",
    "PhoneScript",
    "RestFault",
    "Scenario",
    "Service",
    "Simulator",
    "SimulatorSettings",
    "SimulatorThread",
    "Timings",
    "User",
    "WebhookTarget",
    "demo_scenario",
    "load_scenario",
]
