"""Two agents with real phones, a bridge as a process of its own, and what their pages are told."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model

from django_voipcti import control, realtime
from django_voipcti.enums import LineStatus
from django_voipcti.models import Call, CallCommand, Line
from tests.peers.desk_phone import DeskPhone
from tests.peers.lab import Lab, Phone
from tests.peers.relay import Relay
from tests.support.waiting import eventually

__all__ = ["Agent", "Office", "pages_of"]


class Agent:
    """A user with a line, a phone and an open page."""

    def __init__(self, line: Line, phone: Phone | DeskPhone | None, told: list[dict[str, Any]]) -> None:
        self.line = line
        self.user = line.user
        self.phone = phone
        self._told = told

    @property
    def events(self) -> list[str]:
        """Names of the call events that the agent's pages were told, in order."""
        return [message["name"] for message in self._told if "call" in message]

    @property
    def call_events(self) -> list[tuple[str, str]]:
        """The same with the id of the call."""
        return [(message["name"], message["call"]["id"]) for message in self._told if "call" in message]

    @property
    def statuses(self) -> list[str]:
        """Names of the session events that the pages were told."""
        return [message["name"] for message in self._told if "call" not in message]

    @property
    def messages(self) -> list[str]:
        """Sentences that the agent's pages were told beside calls, in order."""
        return [message["message"] for message in self._told if "call" not in message]

    def saw(self, *names: str) -> None:
        """Wait until the pages were told exactly these call events."""

        def told() -> bool:
            assert self.events == list(names), f"told: {self.events}"
            return True

        eventually(told, 20, describe=f"{self.line} sees {names}")

    def call(self) -> Call:
        """The agent's only call."""
        return Call.objects.get(line=self.line)

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


@contextmanager
def pages_of(user_id: int) -> Iterator[list[dict[str, Any]]]:
    """Collect what a user's pages are told, through the real channel layer."""
    told: list[dict[str, Any]] = []
    listening: Future[Callable[[], object]] = Future()

    async def collect(channel: str) -> None:
        layer: Any = get_channel_layer()
        while True:
            told.append((await layer.receive(channel))["message"])

    async def listen() -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(realtime.user_group(user_id), channel)
        collecting = asyncio.create_task(collect(channel))
        loop, leave = asyncio.get_running_loop(), asyncio.Event()
        listening.set_result(lambda: loop.call_soon_threadsafe(leave.set))
        await leave.wait()
        # Cancelled once and at the end only: a channel whose receive() is cancelled hears nothing any more.
        collecting.cancel()
        # The layer's own task goes on for ever otherwise.
        await layer.flush()

    thread = threading.Thread(target=asyncio.run, args=(listen(),), daemon=True)
    thread.start()
    leave = listening.result(10)
    try:
        yield told
    finally:
        leave()
        thread.join()
