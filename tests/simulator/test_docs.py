"""The reference names every switch, timing, fault and route."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from django_voipcti.simulator import Behaviour, Faults, RestFault, Scenario, Simulator, Timings
from django_voipcti.simulator.directory import Directory
from django_voipcti.simulator.faults import KINDS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs/reference/simulator-api.md").read_text()
HOW_TO = (ROOT / "docs/howto/simulator.md").read_text()


@pytest.mark.parametrize("kind", [Behaviour, Timings, Faults, RestFault], ids=lambda kind: kind.__name__)
def test_every_field_is_named(kind):
    missing = [item.name for item in dataclasses.fields(kind) if not re.search(rf"\b{item.name}\b", REFERENCE)]
    assert missing == []


def test_every_kind_of_fault_is_named():
    assert [kind for kind in KINDS if f"`{kind}`" not in REFERENCE] == []


async def test_every_route_is_named(simulator):
    paths = set()
    for resource in simulator._runner.app.router.resources():
        path = resource.canonical.removeprefix("/{version}/voipstudio")
        if not path.startswith(("/static", "/{path}")):
            paths.add(path)
    assert [path for path in sorted(paths) if path not in REFERENCE] == []


async def test_the_scenario_of_the_how_to_can_be_loaded():
    [example] = re.findall(r"```json\n(.*?)```", HOW_TO, re.DOTALL)
    scenario = Scenario.from_dict(json.loads(example))
    Directory(scenario)
    async with Simulator(scenario=scenario) as simulator:
        assert simulator.engine.phone("11").script.answer_after == 2
        assert simulator.engine.phone("12").registered is False


def test_every_option_of_the_command_is_named():
    source = (ROOT / "django_voipcti/management/commands/voipcti_simulator.py").read_text()
    assert [option for option in re.findall(r'"(--[a-z-]+)"', source) if option not in HOW_TO] == []
