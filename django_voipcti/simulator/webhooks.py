"""Webhooks: one POST per event and target, Basic credentials from the address, again after an answer other than 2xx."""

import asyncio
import base64
import secrets
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from .calls import Change, Leg
from .clock import Timer
from .resources import webhook_body, webhook_name
from .scenario import WebhookTarget
from .state import Platform

__all__ = ["Delivery", "Webhooks"]

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_KEPT = 500


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One event on its way to one target."""

    target: WebhookTarget
    body: dict[str, Any]
    attempts: int = 0
    status: int = 0
    """Of the last answer; 0: none."""


class Webhooks:
    """Sends webhooks. Each target gets its events in order, unless one fails (it comes again later) or a fault mixes
    them: the platform promises neither order nor exactly-once."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._session: aiohttp.ClientSession | None = None
        self._queues: dict[str, asyncio.Queue[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[Timer] = []
        self._held: list[Delivery] = []
        self.deliveries: deque[Delivery] = deque(maxlen=_KEPT)
        """The latest ones, oldest first."""
        platform.engine.observers.append(self._leg_changed)

    async def close(self) -> None:
        """Stop sending."""
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._queues.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def emit(self, body: dict[str, Any]) -> None:
        """Send an event to every target that asked for it. ``id`` and ``event_time`` must be in the body."""
        name = body["event_name"]
        for target in self._platform.scenario.webhooks:
            if any(wanted in {"*", name, name.partition(".")[0] + ".*"} for wanted in target.events):
                self._schedule(target, body)

    def event_id(self) -> str:
        """An id in the platform's form."""
        return f"sim01.{secrets.token_hex(7)}.{secrets.randbelow(90_000_000) + 10_000_000}"

    def recording_ready(self, leg: Leg, *, monitor_id: int, size: int) -> None:
        """Announce a recording."""
        now = self._platform.clock.time()
        body = webhook_body(
            leg,
            "monitor.audio_ready",
            event_id=self.event_id(),
            now=now,
            zone=self._platform.zone,
            behaviour=self._platform.behaviour,
        )
        kept = ("id", "event_time", "event_name", "call_id", "duration", "src", "src_id", "dst", "dst_id")
        self.emit(
            {
                **{name: body[name] for name in kept},
                "customer_id": self._platform.scenario.customer_id,
                "user_id": int(leg.owner),
                "monitor_id": monitor_id,
                "size": size,
            }
        )

    def _leg_changed(self, leg: Leg, change: Change) -> None:
        behaviour = self._platform.behaviour
        names = [webhook_name(leg, change, behaviour)]
        if change is Change.RINGING and behaviour.missed_at_ring and leg.context.startswith("RG-"):
            names.append("call.missed")
        # Queues, menus and rooms send none of their own.
        if not leg.owner.isdigit() or (leg.number > 1 and behaviour.shared_call_ids):
            return
        for name in filter(None, names):
            self.emit(
                webhook_body(
                    leg,
                    name,
                    event_id=self.event_id(),
                    now=self._platform.clock.time(),
                    zone=self._platform.zone,
                    behaviour=behaviour,
                )
            )

    # --- sending ------------------------------------------------------------------------------------------------

    def _schedule(self, target: WebhookTarget, body: dict[str, Any]) -> None:
        faults = self._platform.faults
        if faults.webhook_lose:
            faults.webhook_lose -= 1
            return
        deliveries = [Delivery(target=target, body=body) for _ in range(1 + faults.webhook_copies)]
        if faults.webhook_reorder and not self._held:
            self._held = deliveries
            return
        for delivery in (*deliveries, *self._held):
            self._enqueue(delivery)
        self._held = []

    def _enqueue(self, delivery: Delivery) -> None:
        url = delivery.target.url
        if url not in self._queues:
            self._queues[url] = asyncio.Queue()
            task = asyncio.get_running_loop().create_task(self._work(self._queues[url]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._queues[url].put_nowait(delivery)

    async def _work(self, queue: "asyncio.Queue[Delivery]") -> None:
        while True:
            delivery = await queue.get()
            await self._post(delivery)
            if delivery not in self.deliveries:
                self.deliveries.append(delivery)
            self._platform.engine.touch()
            if not 200 <= delivery.status < 300 and delivery.attempts <= self._platform.behaviour.webhook_retries:
                seconds = self._platform.engine.timings.webhook_retry * self._platform.engine.time_scale
                self._timers.append(self._platform.clock.call_later(seconds, partial(queue.put_nowait, delivery)))

    async def _post(self, delivery: Delivery) -> None:
        delivery.attempts += 1
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        parts = urlsplit(delivery.target.url)
        headers = {}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        try:
            async with self._session.post(url, json=delivery.body, headers=headers, allow_redirects=False) as response:
                await response.read()
                delivery.status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            delivery.status = 0
