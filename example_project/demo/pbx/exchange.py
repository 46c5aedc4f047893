"""`python -m demo.pbx.exchange FILE`: hands for the phones and voices for the people outside, over HTTP.

The control API is the part of the simulator's that the phone lab uses (docs/reference/simulator-api.md), with real
phones behind it: the page does not know which network it drives. Loopback only.
"""

import asyncio
import json
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from .handset import CannotBeDone, Handset, HandsetCall
from .outside import Outside, Party
from .plan import Plan
from .server import HOST

#: Seconds for which ``GET /control/state?since=n`` waits for a change.
LONGEST_WAIT = 25.0
#: What a party that is called can answer instead of picking up.
REFUSALS = {"busy": 486, "decline": 603, "unreachable": 404}
#: Names of this machine; a page of another site may have made its own name point here.
OWN_HOSTS = {"localhost", "127.0.0.1"}
#: Seconds after which, without hands, a click is answered and somebody outside picks up.
PICK_UP_AFTER, ANSWER_AFTER = 1.5, 3.0


class Exchange:
    """Everybody with a phone, inside and outside."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.revision = 1
        self.changed = asyncio.Event()
        self._outside = Outside(
            plan.server_port, changed=self._touch, answer_after=None if plan.by_hand else ANSWER_AFTER
        )
        self._handsets = [
            Handset(
                person.phone,
                name=person.name,
                email=person.email,
                changed=self._touch,
                pick_up_after=None if plan.by_hand else PICK_UP_AFTER,
            )
            for person in plan.people
        ]
        self._watching: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Take everything into one's hands."""
        await self._outside.open(self._plan.trunk_port)
        for handset in self._handsets:
            await handset.connect()
            self._watching.append(asyncio.create_task(handset.watch()))

    async def close(self) -> None:
        """Let everything go."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        self._outside.close()

    def _touch(self) -> None:
        self.revision += 1
        self.changed.set()

    # --- what there is to see -------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything there is to see."""
        return {
            "revision": self.revision,
            "users": [self._shown(handset) for handset in self._handsets],
            "groups": [],
            "outside": [self._shown_outside(party) for party in self._outside.parties],
        }

    def _shown(self, handset: Handset) -> dict[str, Any]:
        clicked = handset.picking_up
        return {
            "id": handset.phone.user,
            "name": handset.name,
            "email": handset.email,
            "extension": handset.phone.user,
            "registered": handset.registered,
            "calls": [self._shown_call(call) for call in handset.calls],
            "picking_up": clicked.id if clicked else None,
        }

    def _shown_call(self, call: HandsetCall) -> dict[str, Any]:
        return {
            "id": call.id,
            "state": call.state,
            # A click rings as a call out that waits for its caller.
            "incoming": call.incoming and not call.by_click,
            "other_number": "" if call.by_click or not _is_number(call.other) else call.other,
            "other_name": "Click-to-call" if call.by_click else self._name_of(call.other) or call.name,
        }

    def _shown_outside(self, party: Party) -> dict[str, Any]:
        return {
            "id": party.id,
            "number": party.number,
            "name": party.name,
            "state": party.state,
            "dialled": party.dialled,
            "with": self._name_of(party.inside) if party.state == "connected" else "",
        }

    def _name_of(self, user: str) -> str:
        return next((handset.name for handset in self._handsets if handset.phone.user == user), "")

    # --- what can be done -----------------------------------------------------------------------------------------

    def ring(self, number: str, to: str, name: str = "") -> dict[str, Any]:
        """Somebody outside calls a user."""
        handset = self._handset(to)
        if not handset.registered:
            raise CannotBeDone(f"The phone of {handset.name} is unplugged: nobody reaches it.")
        party = self._outside.call(_as_dialled(number), handset.phone.user, name=name)
        return {"outside": self._shown_outside(party)}

    async def press(self, user: str, action: str, *, call: int | None, to: str) -> dict[str, Any]:
        """Somebody does something with his phone."""
        handset = self._handset(user)
        on_a_call: dict[str, Callable[[int | None], Awaitable[None]]] = {
            "answer": handset.answer,
            "decline": handset.decline,
            "hold": handset.hold,
            "resume": handset.resume,
            "hang_up": handset.hang_up,
        }
        if action in on_a_call:
            await on_a_call[action](call)
        elif action == "dial":
            await handset.dial(to)
        elif action == "register":
            await handset.register()
        elif action == "unregister":
            await handset.unregister()
        else:
            raise CannotBeDone(f"These phones have no button for “{action}”.")
        return self._shown(handset)

    def let_outside(self, wanted: int, action: str) -> dict[str, Any]:
        """Somebody outside does something."""
        party = next((party for party in self._outside.parties if party.id == wanted), None)
        if party is None:
            raise CannotBeDone("That call is over.")
        if action == "hang_up":
            self._outside.hang_up(party)
        elif party.state != "ringing":
            raise CannotBeDone("Only somebody who is called can do that.")
        elif action == "answer":
            self._outside.answer(party)
        elif action in REFUSALS:
            self._outside.refuse(party, REFUSALS[action])
        else:
            raise CannotBeDone(f"People outside do not know what “{action}” means.")
        return self._shown_outside(party)

    def _handset(self, user: str) -> Handset:
        for handset in self._handsets:
            if user in (handset.phone.user, handset.email):
                return handset
        raise CannotBeDone(f"There is no phone {user}.")


class ControlApi:
    """The exchange over HTTP."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application(middlewares=[_guard])
        application.router.add_get("/control/state", self._state)
        application.router.add_post("/control/calls", self._ring)
        application.router.add_post(r"/control/users/{user}/phone/{action}", self._press)
        application.router.add_post(r"/control/outside/{id:\d+}/{action}", self._let_outside)
        return application

    async def _state(self, request: web.Request) -> web.Response:
        """Everything; with ``since`` (a revision) as soon as there is something newer."""
        exchange = self._exchange
        if int(request.query.get("since", "0")) >= exchange.revision:
            exchange.changed.clear()
            wait = min(float(request.query.get("wait", LONGEST_WAIT)), LONGEST_WAIT)
            with suppress(TimeoutError):
                await asyncio.wait_for(exchange.changed.wait(), wait)
        return web.json_response(exchange.state())

    async def _ring(self, request: web.Request) -> web.Response:
        body = await _body(request)
        rung = self._exchange.ring(str(body.get("from", "")), str(body.get("to", "")), str(body.get("name", "")))
        return web.json_response(rung, status=201)

    async def _press(self, request: web.Request) -> web.Response:
        body = await _body(request)
        call = int(body["call"]) if body.get("call") is not None else None
        names = request.match_info
        shown = await self._exchange.press(names["user"], names["action"], call=call, to=str(body.get("to", "")))
        return web.json_response(shown)

    async def _let_outside(self, request: web.Request) -> web.Response:
        await _body(request)
        names = request.match_info
        return web.json_response(self._exchange.let_outside(int(names["id"]), names["action"]))


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse pages of other sites that are open in a browser of this machine, and say in words what cannot be done."""
    origin = request.headers.get("Origin")
    if urlsplit(f"//{request.host}").hostname not in OWN_HOSTS or origin is not None:
        raise web.HTTPForbidden(text="The control API is for this machine's own programs.")
    try:
        return await handler(request)
    except CannotBeDone as error:
        return web.json_response({"error": str(error)}, status=409)
    except (ValueError, TypeError) as error:
        return web.json_response({"error": str(error)}, status=400)


async def _body(request: web.Request) -> Mapping[str, Any]:
    text = await request.text()
    body = json.loads(text) if text else {}
    if not isinstance(body, dict):
        raise ValueError("A JSON object is expected.")
    return body


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\+?\d+", text) is not None


def _as_dialled(number: str) -> str:
    """A number as networks write it, with a plus; empty if it is withheld."""
    return f"+{number.removeprefix('+')}" if _is_number(number) else ""


async def run(plan: Plan) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    exchange = Exchange(plan)
    runner = web.AppRunner(ControlApi(exchange).application(), access_log=None, shutdown_timeout=0.5)
    opening = asyncio.create_task(exchange.open())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        opening.cancel()
        return
    opening.result()
    await runner.setup()
    await web.TCPSite(runner, HOST, plan.port).start()
    await stopping
    # Those who wait for news go first.
    exchange.changed.set()
    await runner.cleanup()
    await exchange.close()


if __name__ == "__main__":
    asyncio.run(run(Plan.read(Path(sys.argv[1]))))
