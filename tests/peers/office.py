"""Two agents with real phones, a bridge as a process of its own, and what their pages are told."""

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.utils import timezone

from django_voipcti import control, presenters, realtime
from django_voipcti.enums import CallState, Direction, EndReason, LineStatus
from django_voipcti.models import Call, CallCommand, Line
from tests.peers.desk_phone import DeskPhone
from tests.peers.lab import Lab, Phone
from tests.peers.page import Page
from tests.peers.relay import Relay
from tests.support.waiting import eventually

__all__ = ["Agent", "Office", "make_line"]


#: What a page is told of a call, and is right from its last event on.
_TOLD = ("status", "direction", "endReason", "source", "destination", "e164", "startedAt", "answeredAt", "endedAt")


class Agent:
    """A user with a line, a phone and an open page."""

    def __init__(self, line: Line, phone: Phone | DeskPhone | None, page: Page) -> None:
        self.line = line
        self.user = line.user
        self.phone = phone
        self.page = page

    @property
    def events(self) -> list[str]:
        """Names of the call events that the agent's page was told, in order."""
        return [name for name, _call in self.call_events]

    @property
    def call_events(self) -> list[tuple[str, str]]:
        """The same with the id of the call."""
        return [(message["name"], message["call"]["id"]) for message in self.page.told if "call" in message]

    def events_of(self, call: Call) -> list[str]:
        """Names of the events of one call."""
        return [name for name, pk in self.call_events if pk == str(call.pk)]

    @property
    def statuses(self) -> list[str]:
        """Names of the session events that the page was told."""
        return [message["name"] for message in self.page.told if "call" not in message]

    @property
    def messages(self) -> list[str]:
        """Sentences that the agent's page was told beside calls, in order."""
        return [message["message"] for message in self.page.told if "call" not in message]

    def saw(self, *names: str) -> None:
        """Wait until the page was told exactly these call events."""

        def told() -> bool:
            assert self.events == list(names), f"told: {self.events}"
            return True

        eventually(told, 20, describe=f"{self.line} sees {names}")

    def call(self) -> Call:
        """The agent's only call."""
        return Call.objects.get(line=self.line)

    def ended(
        self, state: CallState, reason: EndReason, *, direction: Direction, other: str, answered: bool, pk: int = 0
    ) -> Call:
        """Judge the row of the only call, or of the one named, which is over; the page was told the same of it."""
        call = Call.objects.get(pk=pk) if pk else self.call()
        assert (call.state, call.end_reason, call.direction) == (state, reason, direction)
        assert (call.own_number, call.other_e164 or call.other_number) == (self.line.extension, other)
        assert (call.answered_at is not None) is answered
        assert call.started_at <= (call.answered_at or call.started_at) <= call.ended_at <= timezone.now()
        last = [message["call"] for message in self.page.told if message.get("call", {}).get("id") == str(call.pk)][-1]
        row = presenters.present_call(call)
        assert {name: last[name] for name in _TOLD} == {name: row[name] for name in _TOLD}
        return call

    def click(self, number: str) -> CallCommand:
        """Click on a number."""
        return self._nudged(control.place_call(self.user, number))

    def ask(self, action: Callable[..., CallCommand], *arguments: str, call: Call | None = None) -> CallCommand:
        """Press a button of a call, by default of the only one: ``ask(control.hang_up)``."""
        return self._nudged(action(self.user, (call or self.call()).pk, *arguments))

    def _nudged(self, command: CallCommand) -> CallCommand:
        # What a Celery worker does with the command's task.
        realtime.nudge_bridges(self.line.pk)
        return command


class Office:
    """The lab, its bridge and its agents."""

    def __init__(self, lab: Lab, agents: dict[str, Agent], relay: Relay) -> None:
        self.lab = lab
        self.agents = agents
        #: The cable between bridge and server.
        self.relay = relay

    def __getitem__(self, user: str) -> Agent:
        return self.agents[user]

    def is_ready(self) -> bool:
        """Whether every line is connected."""
        return not Line.objects.exclude(status=LineStatus.READY).exists()


def make_line(user: str) -> Line:
    """An agent's line at the lab's server."""
    owner = get_user_model().objects.create_user(f"agent-{user}")
    line = Line(provider="default", account=user, extension=user, label=f"Agent {user}", region="GB", user=owner)
    line.set_secrets({"password": "unused: the CTI user watches"})
    line.save()
    return line
