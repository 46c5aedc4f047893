"""The control API and its page: drive phones, outside parties and faults over HTTP. Loopback only, unless allowed."""

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from .calls import Cause, Leg, OutsideCall
from .directory import EngineError
from .phones import Phone
from .resources import live_call
from .scenario import OutsideScript, PhoneScript, Scenario, WebhookTarget

if TYPE_CHECKING:
    from .server import Simulator

__all__ = ["ControlApi"]

_STATIC = Path(__file__).parent / "static" / "simulator"
#: Seconds for which ``GET /control/state?since=n`` waits for a change.
_LONGEST_WAIT = 25.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlApi:
    """Handlers; see docs/reference/simulator-api.md."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._revision = 1
        self._changed = asyncio.Event()
        self._restarts: set[asyncio.Task[None]] = set()
        simulator.engine.watchers.append(self._touch)

    def _touch(self) -> None:
        self._revision += 1
        self._changed.set()

    def close(self) -> None:
        """Let those who wait for a change go."""
        self._changed.set()

    def add_to(self, app: web.Application) -> None:
        """Register routes."""
        for method, path, handler in (
            ("GET", "/state", self.state),
            ("POST", "/calls", self.inbound),
            ("POST", r"/users/{user}/phone/{action}", self.phone),
            ("POST", r"/outside/{id:\d+}/{action}", self.outside),
            ("PATCH", "/faults", self.change_faults),
            ("POST", "/faults/{action}", self.strike),
            ("PATCH", "/behaviour", self.change_behaviour),
            ("PATCH", "/timings", self.change_timings),
            ("PUT", "/outside", self.change_outside),
            ("PUT", "/webhooks", self.change_webhooks),
            ("POST", "/reset", self.reset),
        ):
            app.router.add_route(method, "/control" + path, self._guarded(handler))
        app.router.add_get("/static/{name}", self._guarded(self.static))

    def _guarded(self, handler: Handler) -> Handler:
        async def wrapper(request: web.Request) -> web.StreamResponse:
            self._check_origin(request)
            try:
                return await handler(request)
            except EngineError as error:
                return web.json_response({"error": error.message, "field": error.field}, status=409)
            except (KeyError, LookupError) as error:
                return web.json_response({"error": f"There is no {error}."}, status=404)
            except (ValueError, TypeError) as error:
                return web.json_response({"error": str(error)}, status=400)

        return wrapper

    def _check_origin(self, request: web.Request) -> None:
        """Only this machine, and no page of another site that is open in a browser of this machine."""
        if not self._simulator.settings.control_from_anywhere:
            peer = ipaddress.ip_address(request.remote or "0.0.0.0")  # noqa: S104
            host = urlsplit(f"//{request.host}").hostname or ""
            if not peer.is_loopback or host not in {"localhost", "127.0.0.1", "::1"}:
                raise web.HTTPForbidden(text="The control API is served on loopback only.")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="Requests of other sites are refused.")

    # --- state --------------------------------------------------------------------------------------------------

    async def state(self, request: web.Request) -> web.StreamResponse:
        """Everything there is to see; with ``since`` (a revision) as soon as there is something newer."""
        since = int(request.query.get("since", "0"))
        if since >= self._revision:
            self._changed.clear()
            try:
                async with asyncio.timeout(min(float(request.query.get("wait", _LONGEST_WAIT)), _LONGEST_WAIT)):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return web.json_response(self._snapshot())

    def _snapshot(self) -> dict[str, Any]:
        simulator = self._simulator
        scenario, engine = simulator.scenario, simulator.engine
        return {
            "revision": self._revision,
            "customer": scenario.customer,
            "sip_domain": scenario.sip_domain,
            "rest_url": simulator.rest_url,
            "sip_url": simulator.sip_url,
            "time_scale": engine.time_scale,
            "numbers": scenario.numbers,
            "users": [self._phone(phone) for phone in engine.phones.values()],
            "groups": [
                {"id": group.id, "name": group.name, "number": group.number, "members": group.members}
                for group in scenario.groups
            ],
            "calls": [self._leg(leg) for leg in engine.legs()],
            "outside": [self._outside(call) for call in engine.outside_calls],
            "history": simulator.platform.cdrs[-20:],
            "subscriptions": [
                {"node": item.node, "expires_at": int(item.expires_at), "version": item.version}
                for item in simulator.sip.subscriptions
            ],
            "sockets": len(simulator.sip.connections),
            "webhooks": [
                {"event": item.body["event_name"], "attempts": item.attempts, "status": item.status}
                for item in list(simulator.webhooks.deliveries)[-20:]
            ],
            "faults": asdict(simulator.faults),
            "behaviour": asdict(simulator.platform.behaviour),
            "timings": asdict(engine.timings),
        }

    def _phone(self, phone: Phone) -> dict[str, Any]:
        user = phone.user
        return {
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "extension": user.extension,
            "registered": phone.registered,
            "dnd": user.dnd,
            "call_waiting": phone.call_waiting,
            "supervisor": user.supervisor,
            "script": asdict(phone.script),
            "calls": [self._leg(leg) for leg in phone.legs],
            "picking_up": phone.request.leg.id if phone.request and phone.request.leg else None,
        }

    def _leg(self, leg: Leg) -> dict[str, Any]:
        row = live_call(leg, self._simulator.platform.behaviour, self._simulator.platform.clock.time())
        return {
            **row,
            "state": leg.state.value,
            "owner": leg.owner,
            "incoming": leg.incoming,
            "root_id": leg.conversation.id,
            "other_number": leg.other.number,
            "other_name": leg.other.name,
        }

    def _outside(self, call: OutsideCall) -> dict[str, Any]:
        peer = call.conversation.peer(call)
        return {
            "id": call.id,
            "root_id": call.conversation.id,
            "number": call.party.number,
            "name": call.party.name,
            "state": call.state,
            "dialled": call.conversation.dialled,
            "with": peer.party.name if peer is not None else "",
        }

    # --- driving ------------------------------------------------------------------------------------------------

    async def inbound(self, request: web.Request) -> web.StreamResponse:
        """``{"from": "447700900123", "to": "601", "name": "..."}``: somebody outside calls."""
        body = await _body(request)
        call = self._simulator.engine.call_from_outside(
            str(body.get("from", "")), str(body.get("to", "")), name=str(body.get("name", ""))
        )
        legs = [self._leg(leg) for leg in call.conversation.legs if leg.live]
        return web.json_response({"outside": self._outside(call), "calls": legs}, status=201)

    async def phone(self, request: web.Request) -> web.StreamResponse:
        """Do something with a user's phone; ``call`` in the body chooses one of several calls."""
        body = await _body(request)
        phone = self._simulator.engine.phone(request.match_info["user"])
        call = int(body["call"]) if body.get("call") is not None else None
        to = str(body.get("to", ""))
        actions: dict[str, Callable[[], object]] = {
            "register": phone.register,
            "unregister": phone.unregister,
            "answer": lambda: phone.answer(call),
            "decline": lambda: phone.decline(call),
            "hold": lambda: phone.hold(call),
            "resume": lambda: phone.resume(call),
            "hang_up": lambda: phone.hang_up(call),
            "transfer": lambda: phone.transfer(to, call),
            "dial": lambda: phone.dial(to),
            "configure": lambda: self._configure(phone, body),
        }
        action = actions.get(request.match_info["action"])
        if action is None:
            raise KeyError(f"phone action {request.match_info['action']}; known: {', '.join(actions)}")
        action()
        return web.json_response(self._phone(phone))

    def _configure(self, phone: Phone, body: dict[str, Any]) -> None:
        if "script" in body:
            phone.script = PhoneScript(**body["script"])
        phone.user.dnd = bool(body.get("dnd", phone.user.dnd))
        phone.call_waiting = bool(body.get("call_waiting", phone.call_waiting))
        self._simulator.engine.touch()

    async def outside(self, request: web.Request) -> web.StreamResponse:
        """Let an outside party answer, decline, be busy, be unreachable, hang up, or press a digit."""
        engine = self._simulator.engine
        wanted = int(request.match_info["id"])
        call = next((item for item in engine.outside_calls if item.id == wanted), None)
        if call is None:
            raise KeyError(f"outside call {wanted}")
        body = await _body(request)
        actions: dict[str, Callable[[], object]] = {
            "answer": lambda: engine.answer(call),
            "decline": lambda: engine.decline(call),
            "busy": lambda: engine.decline(call, Cause.BUSY),
            "unreachable": lambda: engine.decline(call, Cause.UNREACHABLE),
            "hang_up": lambda: engine.hang_up(call),
            "press": lambda: engine.press(call, str(body.get("digit", ""))),
        }
        action = actions.get(request.match_info["action"])
        if action is None:
            raise KeyError(f"action {request.match_info['action']}; known: {', '.join(actions)}")
        action()
        return web.json_response(self._outside(call))

    # --- faults and switches ------------------------------------------------------------------------------------

    async def change_faults(self, request: web.Request) -> web.StreamResponse:
        self._simulator.faults.change(await _body(request))
        self._touch()
        return web.json_response(asdict(self._simulator.faults))

    async def strike(self, request: web.Request) -> web.StreamResponse:
        """Something that happens once."""
        action = request.match_info["action"]
        body = await _body(request)
        simulator = self._simulator
        if action == "drop_websockets":
            simulator.sip.drop_all()
        elif action == "expire_tokens":
            user = simulator.engine.directory.user(body["user"]) if "user" in body else None
            simulator.platform.tokens.expire(user)
        elif action == "end_subscriptions":
            for subscription in simulator.sip.subscriptions:
                simulator.sip.subscriptions.end(subscription, str(body.get("reason", "deactivated")))
        elif action == "restart":
            # After the answer is out.
            task = asyncio.get_running_loop().create_task(self._restart())
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)
            return web.json_response({"restarting": True}, status=202)
        elif action == "clear":
            simulator.faults.clear()
        else:
            raise KeyError(f"fault {action}; known: drop_websockets, expire_tokens, end_subscriptions, restart, clear")
        self._touch()
        return web.json_response(asdict(simulator.faults))

    async def _restart(self) -> None:
        await asyncio.sleep(0.05)
        await self._simulator.restart()

    async def change_behaviour(self, request: web.Request) -> web.StreamResponse:
        self._simulator.platform.behaviour.change(await _body(request))
        self._touch()
        return web.json_response(asdict(self._simulator.platform.behaviour))

    async def change_timings(self, request: web.Request) -> web.StreamResponse:
        self._simulator.engine.timings.change(await _body(request))
        self._touch()
        return web.json_response(asdict(self._simulator.engine.timings))

    async def change_outside(self, request: web.Request) -> web.StreamResponse:
        """``{"447700900123": {"busy_after": 1}, "*": {}}``: how outside numbers behave from now on."""
        body = await _body(request)
        scripts = {number: OutsideScript(**script) for number, script in body.items()}
        self._simulator.scenario.outside = scripts
        self._touch()
        return web.json_response({number: asdict(script) for number, script in scripts.items()})

    async def change_webhooks(self, request: web.Request) -> web.StreamResponse:
        """``{"webhooks": [{"url": "...", "events": ["call.*"]}]}``."""
        known = {item.name for item in fields(WebhookTarget)}
        targets = []
        for entry in (await _body(request)).get("webhooks", []):
            if set(entry) - known or urlsplit(entry.get("url", "")).scheme not in {"http", "https"}:
                raise ValueError("A webhook has an http(s) url and, if not all events, a list of events.")
            targets.append(WebhookTarget(**entry))
        self._simulator.scenario.webhooks = targets
        self._touch()
        return web.json_response({"webhooks": len(targets)})

    async def reset(self, request: web.Request) -> web.StreamResponse:
        """Begin again; ``{"scenario": {...}}`` takes another account."""
        body = await _body(request)
        self._simulator.reset(Scenario.from_dict(body["scenario"]) if "scenario" in body else None)
        return web.json_response(self._snapshot())

    # --- page ---------------------------------------------------------------------------------------------------

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page at ``/``."""
        self._check_origin(request)
        return _file("index.html", "text/html")

    async def static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        kind = {"simulator.js": "text/javascript", "simulator.css": "text/css"}.get(name)
        if kind is None:
            raise web.HTTPNotFound
        return _file(name, kind)


_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"


def _file(name: str, kind: str) -> web.FileResponse:
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-cache",
        # Not left to the machine's own table, which may say text/plain; no browser runs that as a module.
        "Content-Type": f"{kind}; charset=utf-8",
    }
    return web.FileResponse(_STATIC / name, headers=headers)


async def _body(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    if not text:
        return {}
    # A form of another site cannot send this type without being asked for permission first.
    if request.content_type != "application/json":
        raise ValueError("Content-Type must be application/json.")
    body = json.loads(text)
    if not isinstance(body, dict):
        raise ValueError("A JSON object is expected.")
    return body
