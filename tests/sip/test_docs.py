"""The reference page about SIP says what the code does: its tables are the code's."""

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import pytest

from django_voipcti.sip import caller, events, machines, refer, subscription

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "sip-rfc.md").read_text(encoding="utf-8")

TABLES: dict[str, Mapping[Enum, Mapping[Enum, Enum]]] = {
    "INVITE client transaction": machines.INVITE_CLIENT.table,
    "Non-INVITE client transaction": machines.NON_INVITE_CLIENT.table,
    "INVITE server transaction": machines.INVITE_SERVER.table,
    "Non-INVITE server transaction": machines.NON_INVITE_SERVER.table,
    "Subscription": subscription.SUBSCRIBER,
    "Call of our own": caller.CALLER,
    "REFER": refer.REFER,
}


def rendered(table: Mapping[Enum, Mapping[Enum, Enum]]) -> str:
    """A machine as the page shows it: one row for each pair of states, with the inputs that lead there."""
    rows = ["| from | to | on |", "| --- | --- | --- |"]
    for state, moves in table.items():
        for new in dict.fromkeys(moves.values()):
            inputs = ", ".join(item.name for item, target in moves.items() if target is new)
            rows.append(f"| {state.name} | {new.name if new is not state else '(stays)'} | {inputs} |")
    return "\n".join(rows)


@pytest.mark.parametrize("title", TABLES)
def test_the_page_shows_each_machine_as_its_table_is(title: str) -> None:
    section = PAGE.partition(f"### {title}\n\n")[2].partition("\n\n")[0]
    assert section.strip() == rendered(TABLES[title])


@pytest.mark.parametrize(
    "number",
    [3261, 3264, 3265, 3311, 3515, 3891, 4235, 4475, 5626, 6026, 6665, 7118, 7616, 8760],
)
def test_the_page_says_how_far_each_rfc_is_followed(number: int) -> None:
    rows = [line for line in PAGE.splitlines() if re.match(rf"\| (\[?RFC )?{number}\b", line)]
    assert rows
    assert all(re.search(r"\| (complete|partial|none) \|", row) for row in rows)


def test_the_page_names_every_event() -> None:
    assert [name for name in events.__all__ if f"`{name}`" not in PAGE] == []
