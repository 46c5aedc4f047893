"""The transaction tables, walked pair by pair, against the figures of RFC 3261 and RFC 6026."""

import pytest

from django_voipcti.sip.machines import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    Input,
    Machine,
    State,
)
from django_voipcti.sip.timers import Timer

MACHINES = [INVITE_CLIENT, NON_INVITE_CLIENT, INVITE_SERVER, NON_INVITE_SERVER]

#: Every legal pair, written as the figures read: state, input, new state.
FIGURES = {
    "INVITE client": """
        CALLING PROVISIONAL PROCEEDING | CALLING SUCCESS ACCEPTED | CALLING FAILURE COMPLETED
        CALLING TIMER_A CALLING | CALLING TIMER_B TERMINATED | CALLING TRANSPORT_ERROR TERMINATED
        PROCEEDING PROVISIONAL PROCEEDING | PROCEEDING SUCCESS ACCEPTED | PROCEEDING FAILURE COMPLETED
        PROCEEDING ABANDON TERMINATED | PROCEEDING TRANSPORT_ERROR TERMINATED
        ACCEPTED SUCCESS ACCEPTED | ACCEPTED TIMER_M TERMINATED | ACCEPTED TRANSPORT_ERROR TERMINATED
        COMPLETED FAILURE COMPLETED | COMPLETED TIMER_D TERMINATED | COMPLETED TRANSPORT_ERROR TERMINATED
    """,
    "non-INVITE client": """
        TRYING PROVISIONAL PROCEEDING | TRYING SUCCESS COMPLETED | TRYING FAILURE COMPLETED
        TRYING TIMER_E TRYING | TRYING TIMER_F TERMINATED | TRYING TRANSPORT_ERROR TERMINATED
        PROCEEDING PROVISIONAL PROCEEDING | PROCEEDING SUCCESS COMPLETED | PROCEEDING FAILURE COMPLETED
        PROCEEDING TIMER_E PROCEEDING | PROCEEDING TIMER_F TERMINATED | PROCEEDING TRANSPORT_ERROR TERMINATED
        COMPLETED SUCCESS COMPLETED | COMPLETED FAILURE COMPLETED | COMPLETED TIMER_K TERMINATED
        COMPLETED TRANSPORT_ERROR TERMINATED
    """,
    "INVITE server": """
        PROCEEDING PROVISIONAL PROCEEDING | PROCEEDING SUCCESS ACCEPTED | PROCEEDING FAILURE COMPLETED
        PROCEEDING REQUEST PROCEEDING | PROCEEDING TRANSPORT_ERROR TERMINATED
        ACCEPTED SUCCESS ACCEPTED | ACCEPTED REQUEST ACCEPTED | ACCEPTED ACK ACCEPTED | ACCEPTED TIMER_L TERMINATED
        ACCEPTED TRANSPORT_ERROR TERMINATED
        COMPLETED REQUEST COMPLETED | COMPLETED ACK CONFIRMED | COMPLETED TIMER_G COMPLETED
        COMPLETED TIMER_H TERMINATED | COMPLETED TRANSPORT_ERROR TERMINATED
        CONFIRMED ACK CONFIRMED | CONFIRMED TIMER_I TERMINATED | CONFIRMED TRANSPORT_ERROR TERMINATED
    """,
    "non-INVITE server": """
        TRYING PROVISIONAL PROCEEDING | TRYING SUCCESS COMPLETED | TRYING FAILURE COMPLETED | TRYING REQUEST TRYING
        TRYING TRANSPORT_ERROR TERMINATED
        PROCEEDING PROVISIONAL PROCEEDING | PROCEEDING SUCCESS COMPLETED | PROCEEDING FAILURE COMPLETED
        PROCEEDING REQUEST PROCEEDING | PROCEEDING TRANSPORT_ERROR TERMINATED
        COMPLETED REQUEST COMPLETED | COMPLETED TIMER_J TERMINATED | COMPLETED TRANSPORT_ERROR TERMINATED
    """,
}


def expected(machine: Machine) -> dict[tuple[str, str], str]:
    triples = (item.split() for line in FIGURES[machine.name].splitlines() for item in line.split("|") if item.strip())
    return {(state, item): new for state, item, new in triples}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@pytest.mark.parametrize("item", Input, ids=lambda item: item.name)
def test_every_pair_is_as_in_the_figure(machine: Machine, state: State, item: Input) -> None:
    new = machine.table.get(state, {}).get(item)
    assert (new.name if new else None) == expected(machine).get((state.name, item.name))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_is_reached_and_can_be_left_for_the_end(machine: Machine) -> None:
    reached, open_states = {machine.start}, [machine.start]
    while open_states:
        for new in machine.table[open_states.pop()].values():
            if new not in reached:
                reached.add(new)
                open_states.append(new)
    assert reached == set(machine.table)
    assert State.TERMINATED in reached
    assert machine.table[State.TERMINATED] == {}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_a_timer_runs_exactly_where_the_table_knows_what_to_do_when_it_fires(machine: Machine) -> None:
    for state, moves in machine.table.items():
        known = {Timer(item.name[-1]) for item in moves if item.name.startswith("TIMER_")}
        assert known == set(machine.timers.get(state, ()))
