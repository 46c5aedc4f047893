"""Two calls through the whole system, step by step, with a phone's hands, an outside party and an agent's page."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from lab.phones import Phones

from .timeline import PATIENCE, Page, Timeline, Unexpected

T = TypeVar("T")

#: The agent's extension, and a contact with the number that calls and is called.
EXTENSION = "601"
CONTACT, COMPANY, NUMBER = "Harriet Blake", "Brightwater Dental", "442079460101"

INBOUND = ("RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP")
OUTBOUND = ("INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP")


def inbound(page: Page, phones: Phones) -> Timeline:
    """A contact calls; the user's phone answers, holds, resumes and hangs up."""
    timeline = Timeline(f"Inbound: {CONTACT} calls extension {EXTENSION}")

    def hand(action: str) -> Callable[[], object]:
        return lambda: phones.phone(EXTENSION, action)

    rung = page.expect(timeline, "RINGING", "the contact calls", lambda: phones.ring(NUMBER, EXTENSION))
    contact = rung.call["contact"] or {}
    if (contact.get("label"), contact.get("company")) != (CONTACT, COMPANY):
        raise Unexpected(f"The page pops {contact or 'nobody'} instead of {CONTACT}, {COMPANY}.")
    page.expect(timeline, "CONNECTED", "the phone answers", hand("answer"))
    page.expect(timeline, "ON_HOLD", "the phone holds", hand("hold"))
    page.expect(timeline, "CONNECTED", "the phone resumes", hand("resume"))
    page.expect(timeline, "HANGUP", "the phone hangs up", hand("hang_up"))
    return timeline


def outbound(page: Page, phones: Phones) -> Timeline:
    """A click rings the user's phone, then the contact; the call is held, resumed and hung up."""
    timeline = Timeline(f"Outbound: a click on {CONTACT}’s number, through Celery")

    def hand(action: str) -> Callable[[], object]:
        return lambda: phones.phone(EXTENSION, action)

    def pick_up() -> object:
        # INITIAL is told when the platform is asked; the phone rings when it has understood.
        until(lambda: [user for user in phones.state()["users"] if user["picking_up"]], "the own phone rings")
        return phones.phone(EXTENSION, "answer")

    def contact_answers() -> object:
        (party,) = until(lambda: phones.state()["outside"], "the contact's phone rings")
        return phones.outside(party["id"], "answer")

    def nothing() -> None:
        """The step before has two effects."""

    page.expect(timeline, "INITIAL", "click", lambda: page.ask("call", number=f"+{NUMBER}"))
    page.expect(timeline, "ACCEPTED", "the own phone is picked up", pick_up)
    page.expect(timeline, "RINGING", "the platform dials", nothing)
    page.expect(timeline, "CONNECTED", "the contact answers", contact_answers)
    page.expect(timeline, "ON_HOLD", "the phone holds", hand("hold"))
    page.expect(timeline, "CONNECTED", "the phone resumes", hand("resume"))
    page.expect(timeline, "HANGUP", "the phone hangs up", hand("hang_up"))
    return timeline


def until(condition: Callable[[], T], what: str) -> T:
    """Ask until there is an answer, and return it; raise `Unexpected` when that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
    raise Unexpected(f"It did not come about within {PATIENCE:g} s that {what}.")


def check_order(timeline: Timeline, contract: Sequence[str]) -> None:
    """Raise `Unexpected` unless the page was told exactly what the contract says, of one call."""
    if timeline.names != list(contract):
        raise Unexpected(f"{timeline.title}: told {timeline.names} instead of {list(contract)}.")
    calls = {step.call["id"] for step in timeline.steps}
    if len(calls) != 1:
        raise Unexpected(f"{timeline.title}: the steps belong to {len(calls)} calls.")


def check_record(timeline: Timeline) -> str:
    """Raise `Unexpected` unless the call stands in the database as it happened; return in words what stands there."""
    from django_voipcti.models import Call

    call = Call.objects.select_related("line").get(pk=timeline.steps[0].call["id"])
    moments = [call.started_at, call.answered_at, call.ended_at]
    found = {
        "state": call.state,
        "end_reason": call.end_reason,
        "direction": call.direction,
        "contact": call.contact_label,
        "number": call.other_e164,
        "events": list(call.events.told().order_by("id").values_list("state", flat=True)),
        "times in order": None not in moments and moments == sorted(moments),
    }
    expected = {
        "state": "HANGUP",
        "end_reason": "completed",
        "direction": timeline.steps[0].call["direction"],
        "contact": CONTACT,
        "number": f"+{NUMBER}",
        "events": timeline.names,
        "times in order": True,
    }
    wrong = [f"{name} is {found[name]!r}, not {expected[name]!r}" for name in found if found[name] != expected[name]]
    if wrong:
        raise Unexpected(f"{timeline.title}: the record differs: {'; '.join(wrong)}.")
    return f"{call}, {len(timeline.steps)} events, line {call.line}"
