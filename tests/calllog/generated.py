"""Two hundred conversations of every kind, made up by chance from one seed, and what they amount to in plain Python.

The expectation is worked out from the stories as they were made up, never from what the journal stored of them.
"""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django_voipcti import journal
from django_voipcti.enums import CallState, Direction, EndReason, Outcome, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.redaction import PhoneNumber

ZONE = ZoneInfo("Europe/Berlin")
#: Three weeks with the night in which the clocks go back.
FIRST, LAST = date(2025, 10, 13), date(2025, 11, 2)
LINES = ("601", "602", "603", "604", "605")
STEPS = (5, 10, 15, 20, 30, 45, 60, 90, 120)
CALLERS = tuple(f"+4420794601{number:02}" for number in range(30))


@dataclass(frozen=True)
class Leg:
    """One line's part; moments in seconds after the start of the conversation."""

    line: str
    way: Direction
    start: float
    answer: float | None
    end: float | None
    reason: EndReason | None = None
    colleague: str = ""


@dataclass(frozen=True)
class Story:
    """A conversation, and what everybody who was there would say came of it."""

    name: str
    start: datetime
    legs: tuple[Leg, ...]
    outcome: Outcome | None
    """None: it is not over."""
    lines: frozenset[str]
    waited: float = 0.0
    number: str = ""

    @property
    def day(self):
        return self.start.astimezone(ZONE).date()

    @property
    def is_inbound(self):
        return self.outcome in {Outcome.ANSWERED, Outcome.MISSED, Outcome.TURNED_AWAY, Outcome.ELSEWHERE}


@dataclass
class Sums:
    calls: int = 0
    waited_ms: int = 0
    within: list[int] = field(default_factory=lambda: [0] * len(STEPS))

    def add(self, story):
        self.calls += 1
        self.waited_ms += round(story.waited * 1000)
        for place, step in enumerate(STEPS):
            self.within[place] += story.outcome == Outcome.ANSWERED and story.waited <= step


class Office:
    """Makes the stories up."""

    def __init__(self, seed=7):
        self.chance = random.Random(seed)
        self.made = 0

    def stories(self, count=200):
        kinds = [
            *[self.answered_ring_group] * 6,
            *[self.missed_ring_group] * 4,
            *[self.hunted] * 3,
            *[self.transferred] * 3,
            *[self.turned_away] * 2,
            *[self.answered_elsewhere] * 2,
            *[self.outbound] * 5,
            *[self.internal] * 3,
            *[self.passed_on] * 2,
            *[self.consulted] * 2,
            self.still_ringing,
        ]
        return [self.chance.choice(kinds)() for _each in range(count)]

    # --- kinds ------------------------------------------------------------------------------------------------------

    def answered_ring_group(self):
        lines, wait, talk = self.some_lines(1, 4), self.seconds(1, 130), self.seconds(2, 900)
        taker = self.chance.choice(lines)
        legs = [
            Leg(line, Direction.INBOUND, 0, wait, wait + talk, EndReason.COMPLETED)
            if line == taker
            else Leg(line, Direction.INBOUND, 0, None, wait, EndReason.ANSWERED_ELSEWHERE)
            for line in lines
        ]
        return self.story(legs, Outcome.ANSWERED, {taker}, wait)

    def missed_ring_group(self):
        lines, wait = self.some_lines(1, 4), self.seconds(3, 150)
        legs = [Leg(line, Direction.INBOUND, 0, None, wait, EndReason.MISSED) for line in lines]
        return self.story(legs, Outcome.MISSED, set(lines), wait)

    def hunted(self):
        """One telephone after the other; the last one is picked up, or nobody is there."""
        lines, legs, began = self.some_lines(2, 4), [], 0.0
        answered = self.chance.random() < 0.5
        for line in lines:
            ring = self.seconds(5, 30)
            if answered and line == lines[-1]:
                end = began + ring + self.seconds(10, 300)
                legs.append(Leg(line, Direction.INBOUND, began, began + ring, end, EndReason.COMPLETED))
                return self.story(legs, Outcome.ANSWERED, {line}, began + ring)
            legs.append(Leg(line, Direction.INBOUND, began, None, began + ring, EndReason.MISSED))
            began += ring
        return self.story(legs, Outcome.MISSED, set(lines), began)

    def transferred(self):
        first, second = self.some_lines(2, 2)
        wait, ring = self.seconds(1, 40), self.seconds(1, 20)
        passed_on = wait + self.seconds(10, 200)
        end = passed_on + ring + self.seconds(5, 600)
        legs = [
            Leg(first, Direction.INBOUND, 0, wait, passed_on, EndReason.TRANSFERRED),
            Leg(second, Direction.INBOUND, passed_on, passed_on + ring, end, EndReason.COMPLETED),
        ]
        return self.story(legs, Outcome.ANSWERED, {first}, wait)

    def turned_away(self):
        lines, after = self.some_lines(1, 2), self.seconds(0, 5)
        reason = self.chance.choice([EndReason.BUSY, EndReason.DECLINED, EndReason.REJECTED, EndReason.FAILED])
        legs = [Leg(line, Direction.INBOUND, 0, None, after, reason) for line in lines]
        return self.story(legs, Outcome.TURNED_AWAY, set(lines))

    def answered_elsewhere(self):
        lines, after = self.some_lines(1, 3), self.seconds(2, 30)
        legs = [Leg(line, Direction.INBOUND, 0, None, after, EndReason.ANSWERED_ELSEWHERE) for line in lines]
        return self.story(legs, Outcome.ELSEWHERE, set(lines))

    def outbound(self):
        (line,), wait = self.some_lines(1, 1), self.seconds(2, 40)
        if self.chance.random() < 0.6:
            leg = Leg(line, Direction.OUTBOUND, 0, wait, wait + self.seconds(3, 1200), EndReason.COMPLETED)
            return self.story([leg], Outcome.REACHED, {line}, wait)
        reason = self.chance.choice([EndReason.NO_ANSWER, EndReason.BUSY, EndReason.CANCELLED])
        return self.story([Leg(line, Direction.OUTBOUND, 0, None, wait, reason)], Outcome.NOT_REACHED, {line})

    def internal(self):
        caller, called = self.some_lines(2, 2)
        wait, talk = self.seconds(1, 20), self.seconds(5, 300)
        answer, end = (wait, wait + talk) if self.chance.random() < 0.7 else (None, wait)
        why = EndReason.COMPLETED if answer else EndReason.NO_ANSWER
        legs = [
            Leg(called, Direction.INBOUND, 0, answer, end, why if answer else EndReason.MISSED, colleague=caller),
            Leg(caller, Direction.OUTBOUND, 0, answer, end, why, colleague=called),
        ]
        return self.story(legs, Outcome.INTERNAL, {caller})

    def passed_on(self):
        """A line of ours calls somebody and hands him to a colleague."""
        first, second = self.some_lines(2, 2)
        wait, ring = self.seconds(2, 40), self.seconds(1, 20)
        handed = wait + self.seconds(10, 200)
        end = handed + ring + self.seconds(5, 600)
        legs = [
            Leg(first, Direction.OUTBOUND, 0, wait, handed, EndReason.TRANSFERRED),
            Leg(second, Direction.INBOUND, handed, handed + ring, end, EndReason.COMPLETED, colleague=first),
        ]
        return self.story(legs, Outcome.REACHED, {first}, wait)

    def consulted(self):
        """Whoever took the call asks a colleague, with the caller on hold, in the same conversation."""
        first, second = self.some_lines(2, 2)
        wait, ring = self.seconds(1, 40), self.seconds(1, 20)
        asked = wait + self.seconds(10, 200)
        answered = asked + ring
        told, end = answered + self.seconds(5, 60), answered + self.seconds(60, 300)
        legs = [
            Leg(first, Direction.OUTBOUND, asked, answered, told, EndReason.COMPLETED, colleague=second),
            Leg(second, Direction.INBOUND, asked, answered, told, EndReason.COMPLETED, colleague=first),
            Leg(first, Direction.INBOUND, 0, wait, end, EndReason.COMPLETED),
        ]
        return self.story(legs, Outcome.ANSWERED, {first}, wait)

    def still_ringing(self):
        """Somebody has been called, and the other telephone of the group still rings: counted when all is over."""
        first, second = self.some_lines(2, 2)
        legs = [
            Leg(first, Direction.INBOUND, 0, None, self.seconds(1, 9), EndReason.DECLINED),
            Leg(second, Direction.INBOUND, 0, None, None),
        ]
        return self.story(legs, None, set())

    # --- pieces -----------------------------------------------------------------------------------------------------

    def some_lines(self, least, most):
        return self.chance.sample(LINES, self.chance.randint(least, most))

    def seconds(self, least, most):
        """Often a whole number, so that limits such as 20 seconds are met exactly."""
        value = self.chance.uniform(least, most)
        return float(round(value)) if self.chance.random() < 0.4 else round(value, 3)

    def moment(self):
        days = (LAST - FIRST).days
        day = FIRST + timedelta(days=self.chance.randint(0, days))
        if self.chance.random() < 0.15:
            # Around midnight, and in the hour that there is twice.
            clock = self.chance.choice([(23, 59, 30), (0, 0, 5), (2, 30, 0), (0, 59, 59)])
        else:
            clock = (self.chance.randint(7, 19), self.chance.randint(0, 59), self.chance.randint(0, 59))
        return datetime(day.year, day.month, day.day, *clock, fold=self.chance.randint(0, 1), tzinfo=ZONE)

    def story(self, legs, outcome, lines, waited=0.0):
        self.made += 1
        number = self.chance.choice(CALLERS) if self.chance.random() < 0.9 else "anonymous"
        return Story(f"s{self.made}", self.moment(), tuple(legs), outcome, frozenset(lines), waited, number)


def tell(stories):
    """Let the journal hear of all legs, in disorder, as a provider's history tells them."""
    updates = [update for story in stories for update in updates_of(story)]
    random.Random(1).shuffle(updates)
    for start in range(0, len(updates), 50):
        journal.record(updates[start : start + 50], tell_pages=False)


def updates_of(story):
    for leg in story.legs:
        name = f"{story.name}-{leg.line}-{leg.way}"
        yield CallUpdate(
            provider="default",
            account=leg.line,
            external_id=name,
            key=name,
            source=Source.CDR,
            conversation_id=story.name,
            direction=leg.way,
            state=CallState.RINGING if leg.end is None else CallState.HANGUP,
            end_reason=leg.reason,
            other=Party(number=PhoneNumber(leg.colleague or story.number), account=leg.colleague),
            observed_at=after(story, leg.end or 0) + timedelta(seconds=2),
            started_at=after(story, leg.start),
            answered_at=None if leg.answer is None else after(story, leg.answer),
            ended_at=None if leg.end is None else after(story, leg.end),
        )


def after(story, seconds):
    """Real seconds later, whatever the clocks on the wall do."""
    return story.start.astimezone(ZoneInfo("UTC")) + timedelta(seconds=seconds)


# --- what it amounts to -----------------------------------------------------------------------------------------------


def counted(stories, since, until, lines=None):
    """Stories that are over and belong to some of these lines (None: all), of these days."""
    return [
        story
        for story in stories
        if story.outcome and since <= story.day <= until and (lines is None or story.lines & set(lines))
    ]


def sums_by_outcome(stories):
    sums = defaultdict(Sums)
    for story in stories:
        sums[story.outcome].add(story)
    return dict(sums)


def calls_by_day(stories):
    days = defaultdict(Counter)
    for story in stories:
        days[story.day][story.outcome] += 1
    return {day: dict(outcomes) for day, outcomes in days.items()}


def grid(stories, *outcomes):
    cells = Counter(
        (story.start.astimezone(ZONE).weekday(), story.start.astimezone(ZONE).hour)
        for story in stories
        if story.outcome in outcomes
    )
    return [[cells[day, hour] for hour in range(24)] for day in range(7)]


def work(stories, since, until, line):
    """What one line did: legs by the day on which they began."""
    found = dict.fromkeys(("taken", "elsewhere", "placed", "internal", "rang_ms", "talked", "talk_ms"), 0)
    for story in stories:
        for leg in story.legs:
            day = after(story, leg.start).astimezone(ZONE).date()
            if leg.line != line or leg.end is None or not since <= day <= until:
                continue
            if leg.colleague:
                found["internal"] += 1
                continue
            inbound, answered = leg.way == Direction.INBOUND, leg.answer is not None
            found["placed"] += not inbound
            found["talked"] += answered
            if answered:
                found["talk_ms"] += round((leg.end - leg.answer) * 1000)
            if inbound and answered:
                found["taken"] += 1
                found["rang_ms"] += round((leg.answer - leg.start) * 1000)
            # That a colleague took it says the provider; where it called it missed, the journal knows better.
            someone = any(each.answer is not None and each.answer >= leg.start for each in story.legs)
            found["elsewhere"] += (
                inbound
                and not answered
                and (leg.reason == EndReason.ANSWERED_ELSEWHERE or (leg.reason == EndReason.MISSED and someone))
            )
    return found


def callers(stories, since, until, lines=None):
    """Number, conversations and answered ones, most frequent first."""
    calls, answered = Counter(), Counter()
    for story in stories:
        legs = [
            leg
            for leg in story.legs
            if leg.way == Direction.INBOUND
            and not leg.colleague
            and leg.end is not None
            and (lines is None or leg.line in lines)
            and since <= after(story, leg.start).astimezone(ZONE).date() <= until
        ]
        if legs and story.number.startswith("+"):
            calls[story.number] += 1
            answered[story.number] += any(leg.answer is not None for leg in legs)
    ranked = sorted(calls.items(), key=lambda entry: (-entry[1], entry[0]))
    return [(number, count, answered[number]) for number, count in ranked[:10]]
