"""Rules that no linter knows: who may name a provider, read settings or sleep, and how long a module may get.

The import directions are contracts in setup.cfg (`lint-imports`).
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import ROOT

PACKAGE = ROOT / "django_voipcti"
LONGEST_MODULE = 450
LONGEST_FUNCTION = 50
#: A comment that begins so, in the first lines of a long module or function, says why it is one.
REASON = "# Long because "


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of all that a module imports: `from a import b` as `a.b`, relative names resolved."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = here[: -node.level] if node.level else ()
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


PROVIDERS = sorted(
    path.name.removesuffix(".py")
    for path in (PACKAGE / "providers").iterdir()
    if path.name not in {"__init__.py", "base.py", "dialogs.py", "sound.py", "__pycache__"}
)
#: These names are words of the field as well (the protocol; an adjective): nobody could avoid them.
COMMON_WORDS = {"sip", "dummy"}
#: The simulator is the local VoIPstudio.
AT_HOME = {"voipstudio": {"providers", "simulator"}}


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name not in COMMON_WORDS])
def test_no_module_outside_its_folder_mentions_a_provider(provider):
    at_home = AT_HOME.get(provider, {"providers"})
    mentions = [
        f"{named(path)}:{number}"
        for path in modules(PACKAGE)
        if path.relative_to(PACKAGE).parts[0] not in at_home
        # The simulator's command carries its purpose in its name.
        and path.stem != "voipcti_simulator"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if provider in line.lower()
    ]
    assert mentions == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_module_outside_its_folder_imports_a_provider(provider):
    inside = PACKAGE / "providers" / provider
    importers = [
        named(path)
        for path in modules(PACKAGE)
        if inside not in path.parents and path != inside.with_suffix(".py")
        for name in imports(path)
        if f"{name}.".startswith(f"django_voipcti.providers.{provider}.")
    ]
    assert importers == []


#: Where `django.conf` may be read; everybody else asks django_voipcti.conf.
READS_DJANGO_SETTINGS = {"conf.py", "checks.py", "providers/__init__.py", "apps.py"}
#: The user model's name is a setting that Django's own models take from there as well.
MODELS_NAME_THE_USER_MODEL = "AUTH_USER_MODEL"


def test_settings_are_read_in_one_place():
    readers = {}
    for path in modules(PACKAGE):
        place = path.relative_to(PACKAGE)
        if place.as_posix() in READS_DJANGO_SETTINGS or place.parts[:2] == ("management", "commands"):
            continue
        source = path.read_text()
        if "django.conf.settings" not in set(imports(path)):
            continue
        used = set(re.findall(r"\bsettings\.([A-Z_]+)", source))
        if used != {MODELS_NAME_THE_USER_MODEL}:
            readers[named(path)] = used
    assert readers == {}


def test_the_sip_core_needs_the_standard_library_only():
    allowed = {*sys.stdlib_module_names, "django_voipcti.sip"}
    foreign = {
        f"{named(path)}: {name}"
        for path in modules(PACKAGE / "sip")
        for name in imports(path)
        if name.split(".")[0] not in allowed and not name.startswith("django_voipcti.sip")
    }
    assert foreign == set()


#: The one place where tests let time pass.
WAITING = ROOT / "tests/support/waiting.py"


def test_no_test_sleeps():
    sleepers = [
        f"{named(path)}:{node.lineno}"
        for path in modules(ROOT / "tests")
        if path != WAITING
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "sleep"}
        # asyncio.sleep(0) only lets other tasks run.
        and [ast.unparse(argument) for argument in node.args] != ["0"]
    ]
    assert sleepers == []


def test_long_modules_say_why():
    unexplained = {
        named(path): len(lines)
        for path in modules(PACKAGE)
        if len(lines := path.read_text().splitlines()) > LONGEST_MODULE
        and not any(REASON in line for line in lines[:30])
    }
    assert unexplained == {}


def test_long_functions_say_why():
    unexplained = {}
    for path in modules(PACKAGE):
        source = path.read_text()
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = lines[node.lineno - 1 : node.end_lineno]
                if len(body) > LONGEST_FUNCTION and not any(REASON in line for line in body):
                    unexplained[f"{named(path)}:{node.lineno} {node.name}"] = len(body)
    assert unexplained == {}
