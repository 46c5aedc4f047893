"""Two calls through the whole system, step by step, with a phone's hands, an outside party and an agent's page."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lab.phones import Phones

from .timeline import PATIENCE, Page, Timeline, Unexpected

T = TypeVar("T")

#: A contact with the number that calls and is called.
CONTACT, COMPANY, NUMBER = "Harriet Blake", "Brightwater Dental", "442079460101"

#: The contract. Where a telephone system does not show that a call is on hold, nobody holds: see `as_shown`.
INBOUND = ("RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP")
OUTBOUND = ("INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "ON_HOLD", "CONNECTED", "HANGUP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """An agent with a page and a phone."""

    page: Page
    phones: Phones
    extension: str
    shows_hold: bool

    def hand(self, action: str) -> Callable[[], object]:
        """What the agent does with the phone."""
        return lambda: self.phones.phone(self.extension, action)


def office_of(username: str, page: Page, phones: Phones) -> Office:
    """The office of an agent with a line."""
    from django_voipcti.models import Line

    line = Line.objects.get(user__username=username)
    return Office(page=page, phones=phones, extension=line.extension, shows_hold=line.backend.shows_hold)


def inbound(office: Office) -> Timeline:
    """A contact calls; the user's phone answers, holds, resumes and hangs up."""
    timeline = Timeline(f"Inbound: {CONTACT} calls extension {office.extension}")
    page, hand = office.page, office.hand
    rung = page.expect(timeline, "RINGING", "the contact calls", lambda: office.phones.ring(NUMBER, office.extension))
    contact = rung.call["contact"] or {}
    if (contact.get("label"), contact.get("company")) != (CONTACT, COMPANY):
        raise Unexpected(f"The page pops {contact or 'nobody'} instead of {CONTACT}, {COMPANY}.")
    page.expect(timeline, "CONNECTED", "the phone answers", hand("answer"))
    hold(office, timeline)
    page.expect(timeline, "HANGUP", "the phone hangs up", hand("hang_up"))
    return timeline


def outbound(office: Office) -> Timeline:
    """A click rings the user's phone, then the contact; the call is held, resumed and hung up."""
    timeline = Timeline(f"Outbound: a click on {CONTACT}’s number, through Celery")
    page, phones, hand = office.page, office.phones, office.hand

    def pick_up() -> object:
        # INITIAL is told when the platform is asked; the phone rings when it has understood.
        until(lambda: [user for user in phones.state()["users"] if user["picking_up"]], "the own phone rings")
        return phones.phone(office.extension, "answer")

    def contact_answers() -> object:
        (party,) = until(lambda: phones.state()["outside"], "the contact's phone rings")
        return phones.outside(party["id"], "answer")

    def nothing() -> None:
        """The step before has two effects."""

    page.expect(timeline, "INITIAL", "click", lambda: page.ask("call", number=f"+{NUMBER}"))
    page.expect(timeline, "ACCEPTED", "the own phone is picked up", pick_up)
    page.expect(timeline, "RINGING", "the platform dials", nothing)
    page.expect(timeline, "CONNECTED", "the contact answers", contact_answers)
    hold(office, timeline)
    page.expect(timeline, "HANGUP", "the phone hangs up", hand("hang_up"))
    return timeline


def hold(office: Office, timeline: Timeline) -> None:
    """Hold and resume, where that is shown."""
    if office.shows_hold:
        office.page.expect(timeline, "ON_HOLD", "the phone holds", office.hand("hold"))
        office.page.expect(timeline, "CONNECTED", "the phone resumes", office.hand("resume"))


def as_shown(contract: Sequence[str], office: Office) -> Sequence[str]:
    """The contract without the steps that the telephone system does not show."""
    if office.shows_hold:
        return contract
    held = contract.index("ON_HOLD")
    return [*contract[:held], *contract[held + 2 :]]  # and the CONNECTED of the end of it


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
