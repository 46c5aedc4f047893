"""What is published: the wheel holds what a host needs and nothing else, and every dependency has its reason."""

import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import django_voipcti
from tests.support.processes import ROOT
from tests.test_architecture import imports

NEEDED = {
    "django_voipcti/__init__.py",
    "django_voipcti/py.typed",
    "django_voipcti/migrations/0001_initial.py",
}


def names_of_requirements(text: str) -> set[str]:
    return {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in text.split("\n") if line.strip()}


@pytest.fixture(scope="module")
def setup_cfg() -> ConfigParser:
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    return config


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the source distribution and from it the wheel, from a copy: an old `build/` must not leak into it."""
    source = tmp_path_factory.mktemp("source") / "project"
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns(".venv", ".git", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", "var"),
    )
    result = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", source / "dist", source],
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = (source / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def files_of_the_package() -> set[str]:
    """Return every file below django_voipcti/ that is not made by Python or gettext's extraction."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "django_voipcti").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_package(wheel):
    shipped = {name for name in wheel.namelist() if name.startswith("django_voipcti/")}
    assert files_of_the_package() - shipped == set(), "named neither in packages nor in package_data (setup.cfg)"
    assert shipped >= NEEDED


@pytest.mark.parametrize("folder", ["static", "templates", "migrations"])
def test_the_wheel_holds_what_django_looks_for_in_folders(wheel, folder):
    assert [name for name in wheel.namelist() if name.startswith(f"django_voipcti/{folder}/")]


def test_the_wheel_holds_nothing_else(wheel):
    outside = {name.split("/")[0] for name in wheel.namelist()} - {"django_voipcti"}
    assert all(re.fullmatch(r"django_voipcti-[^/]+\.dist-info", name) for name in outside), outside


def test_the_metadata_say_what_the_package_says(metadata):
    assert metadata["Name"] == "django-voipcti"
    assert metadata["Version"] == django_voipcti.__version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_changelog_names_the_version_or_what_is_unreleased():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(django_voipcti.__version__)


def test_pyproject_holds_the_build_system_only():
    tables = re.findall(r"^\[(.+)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert tables == ["build-system"]


def test_every_dependency_has_its_reason(setup_cfg):
    required = names_of_requirements(setup_cfg["options"]["install_requires"])
    reasons = re.split(r"^## ", (ROOT / "docs/topics/dependencies.md").read_text(), flags=re.MULTILINE)
    given = {reason.split("\n")[0].strip(): reason for reason in reasons[1:]}
    assert required == set(given) - {"Extras", "Brought along"}
    for name in required:
        assert "Alive:" in given[name], name
        assert len(given[name].split()) >= 20, name


def test_what_is_brought_along_has_its_licence_and_needs_no_file_that_is_not_here():
    folder = ROOT / "django_voipcti/static/django_voipcti/dashboard"
    version = re.search(r"Chart\.js v(\S+)", (folder / "chart.umd.min.js").read_text()).group(1)
    assert "The MIT License" in (folder / "chart.LICENSE.md").read_text()
    assert "sourceMappingURL" not in (folder / "chart.umd.min.js").read_text()
    page = (ROOT / "docs/topics/dependencies.md").read_text().split("## Brought along")[1]
    assert f"`chart.js` {version}" in page


def test_every_optional_dependency_is_listed(setup_cfg):
    page = (ROOT / "docs/topics/dependencies.md").read_text().split("## Extras")[1]
    for extra, packages in setup_cfg["options.extras_require"].items():
        assert f"`{extra}`" in page
        for name in names_of_requirements(packages):
            assert name.removeprefix("pytest") in page, f"{name} of [{extra}]"


#: Imported under another name than that of the distribution, or always there with one that is required.
PROVIDED_BY = {"channels_redis": "channels-redis", "asgiref": "django", "kombu": "celery"}


def test_every_import_is_declared(setup_cfg):
    required = names_of_requirements(setup_cfg["options"]["install_requires"])
    simulator = names_of_requirements(setup_cfg["options.extras_require"]["simulator"])
    undeclared = {}
    for path in (ROOT / "django_voipcti").rglob("*.py"):
        allowed = required | simulator if "simulator" in path.relative_to(ROOT).parts else required
        for name in imports(path):
            top = name.split(".")[0]
            if top not in {*sys.stdlib_module_names, "django_voipcti"} and PROVIDED_BY.get(top, top) not in allowed:
                undeclared[path.relative_to(ROOT).as_posix()] = top
    assert undeclared == {}


def test_the_package_itself_imports_nothing():
    code = "import sys; before = set(sys.modules); import django_voipcti; print(set(sys.modules) - before)"
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path("/")
    ).stdout
    assert output.strip() == "{'django_voipcti'}"
