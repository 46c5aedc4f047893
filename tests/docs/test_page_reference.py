"""The pages about scripts and tags name everything that there is, and nothing that is not."""

import re

import pytest

from django_voipcti.templatetags.voipcti import register
from tests.support.processes import ROOT

STATIC = ROOT / "django_voipcti/static/django_voipcti"
CONNECTOR = (STATIC / "connector.js").read_text()
PANEL = (STATIC / "panel.js").read_text()
STYLES = (STATIC / "panel.css").read_text()
SCRIPTS = (ROOT / "docs/reference/javascript.md").read_text()
TAGS = (ROOT / "docs/reference/template-tags.md").read_text()


def test_every_public_method_of_the_connector_is_in_the_table():
    [body] = re.findall(r"^export class Connector \{\n(.*?)^\}", CONNECTOR, re.DOTALL | re.MULTILINE)
    methods = set(re.findall(r"^  (?!constructor|get )(\w+)\(", body, re.MULTILINE))
    rows = re.findall(r"^\| (`.*?`) \|", SCRIPTS.partition("### Events")[0], re.MULTILINE)
    written = {name for row in rows for name in re.findall(r"`(\w+)\(", row)}
    assert written == methods


def test_every_getter_of_the_connector_is_named():
    getters = set(re.findall(r"^  get (\w+)\(", CONNECTOR, re.MULTILINE))
    assert getters == {"calls", "lines", "user", "state", "online", "preferences", "snapshot", "lastEventId"}
    assert all(f"`{getter}`" in SCRIPTS for getter in getters)


def test_every_event_is_named():
    [table] = re.findall(r"export const EVENT = Object.freeze\(\{(.*?)\}\)", CONNECTOR, re.DOTALL)
    names = re.findall(r'"(\w+)"', table)
    assert len(names) == 14
    assert all(f"`{name}`" in SCRIPTS for name in names)


def test_every_custom_property_and_part_is_named():
    properties = set(re.findall(r"var\((--voipcti-[\w-]+)", STYLES))
    assert properties == set(re.findall(r"`(--voipcti-[\w-]+)`", SCRIPTS))
    parts = {part for script in STATIC.glob("*.js") for part in re.findall(r'\bpart: "(\w+)"', script.read_text())}
    [written] = re.findall(r"^Parts for `::part\(\)`: (.*)\.$", SCRIPTS, re.MULTILINE)
    assert parts == set(re.findall(r"`(\w+)`", written))


def test_every_tag_and_filter_has_its_heading():
    assert {*register.tags, *register.filters} == set(re.findall(r"^## (\w+)$", TAGS, re.MULTILINE))


def declared(kind, text):
    return set(re.findall(rf"^export {kind} (?:default )?(\w+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    "script", ["connector", "shared", "notices", "caller", "attach", "transfer", "dial", "context", "panel"]
)
def test_the_typescript_declarations_of_a_module_name_what_it_exports(script):
    code, types = ((STATIC / f"{script}.{kind}").read_text() for kind in ("js", "d.ts"))
    for kind in ("const", "class", "function"):
        assert declared(f"declare {kind}", types) == declared(rf"{kind}\*?", code)


def test_every_script_has_its_declarations():
    assert {path.name for path in STATIC.glob("*.js")} == {
        path.name.replace(".d.ts", ".js") for path in STATIC.glob("*.d.ts")
    }


TYPED = [("connector", "Connector"), ("cti-compat", "CompatConnector")]


@pytest.mark.parametrize(("script", "declaration"), TYPED)
def test_the_typescript_declarations_name_every_method(script, declaration):
    """Types say what the code does: a method that is missing in one of the two is a defect."""
    code, types = ((STATIC / f"{script}.{kind}").read_text() for kind in ("js", "d.ts"))
    [(indent, body)] = re.findall(r"^( *)(?:export )?class Connector \{\n(.*?)^\1\}$", code, re.DOTALL | re.MULTILINE)
    [shape] = re.findall(rf"(?:class|interface) {declaration} \{{\n(.*?)^\}}", types, re.DOTALL | re.MULTILINE)
    written = set(re.findall(rf"^{indent}  (?!constructor)(?:get )?(\w+)\(.*\) \{{$", body, re.MULTILINE))
    assert written == set(re.findall(r"^  (?:readonly )?(?!constructor)(\w+)[(:]", shape, re.MULTILINE))
