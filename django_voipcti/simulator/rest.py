"""The REST interface: https://voipstudio.com/docs/api/introduction/ as far as a telephony client needs it."""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from .calls import Leg, LegState
from .directory import EngineError
from .faults import RestFault
from .filters import select
from .recordings import Recording, Recordings
from .resources import live_call, text_date
from .scenario import Group, User
from .state import Platform
from .tokens import Token

__all__ = ["BASE_PATH", "RestApi", "error_body", "json_response"]

BASE_PATH = "/v1.2/voipstudio"
_PREFIX = r"/{version:v1(?:\.[12])?}/voipstudio"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, X-Auth-Token, Authorization",
    "Access-Control-Max-Age": "600",
}
_CDR_PROPERTIES = [
    "id", "call_id", "live_id", "parent_live_id", "root_live_id", "is_root", "calldate", "type", "disposition",
    "duration", "billsec", "src", "src_id", "src_name", "dst", "dst_id", "dst_name", "clid", "context",
    "destination", "t_cause", "user_id",
]  # fmt: skip
_USER_PROPERTIES = ["id", "first_name", "last_name", "email", "ext", "active", "dnd", "nb_sip_locations", "cli"]
_TOKEN_PROPERTIES = ["name", "token", "created_at", "expiry"]
_CALL_PROPERTIES = ["id", "state", "src", "dst", "src_id", "dst_id", "context", "destination", "start_time"]
_MONITOR_PROPERTIES = ["id", "call_id", "timestamp", "caller", "called", "duration", "type", "size", "user_id"]
_QUEUE_PROPERTIES = ["id", "name", "number", "ring_strategy", "ring_time", "skip_busy"]

Handler = Callable[[web.Request, User], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str, *, field: str = "", detail: str = "", code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, field=field, detail=detail, code=code)


def error_body(message: str, *, field: str = "", detail: str = "", code: str = "") -> dict[str, Any]:
    """The platform's error form."""
    errors = [{"field": field, "message": detail or message, "code": code}] if field else []
    return {"message": message, "errors": errors}


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.json_response(data, status=status, headers=headers)


def _one(data: Mapping[str, Any], status: int = 200) -> web.Response:
    return json_response({"data": data, "links": {}}, status)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError as error:
        raise Refusal(400, "The body is no valid JSON.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "The body is no JSON object.")
    return body


class RestApi:
    """The handlers. They validate, ask the engine and answer."""

    def __init__(self, platform: Platform, recordings: Recordings) -> None:
        self._platform = platform
        self._recordings = recordings

    def add_to(self, app: web.Application) -> None:
        """Register middleware and routes."""
        app.middlewares.append(self._middleware)
        for method, path, handler in (
            ("GET", "/me", self.me),
            ("GET", "/ping", self.ping),
            ("POST", "/logout", self.logout),
            ("GET", "/apitokens", self.api_tokens),
            ("POST", "/apitokens", self.mint_token),
            ("DELETE", "/apitokens/{token}", self.revoke_token),
            ("GET", "/users", self.users),
            ("GET", r"/users/{id:\d+}", self.user),
            ("GET", "/queues", self.queues),
            ("GET", r"/queues/{id:\d+}", self.queue),
            ("PATCH", r"/queues/{id:\d+}", self.change_queue),
            ("GET", "/calls", self.calls),
            ("POST", "/calls", self.place_call),
            ("GET", r"/calls/{id:\d+}", self.call),
            ("PATCH", r"/calls/{id:\d+}", self.change_call),
            ("DELETE", r"/calls/{id:\d+}", self.hang_up),
            ("POST", "/webcalls", self.web_call),
            ("GET", "/cdrs", self.cdrs),
            ("GET", r"/cdrs/{id:\d+}", self.cdr),
            ("GET", "/monitors", self.monitors),
            ("GET", r"/monitors/{id:\d+}", self.monitor),
            ("GET", r"/monitors/{id:\d+}.mp3", self.monitor_file),
        ):
            app.router.add_route(method, _PREFIX + path, self._authenticated(handler))
        app.router.add_post(_PREFIX + "/login", self.login)
        app.router.add_post(_PREFIX + "/login2fa", self.second_factor)

    # --- around every request -----------------------------------------------------------------------------------

    @web.middleware
    async def _middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        parts = request.path.split("/", 3)
        if len(parts) < 3 or parts[2] != "voipstudio":
            return await handler(request)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=_CORS)
        fault = self._platform.faults.strike(request.method, "/" + (parts[3] if len(parts) > 3 else ""))
        response: web.StreamResponse
        try:
            response = await (handler(request) if fault is None else self._fail(request, fault))
        except EngineError as error:
            body = error_body("Validation failed", field=error.field, detail=error.message, code=error.code)
            response = json_response(body, 400)
        except Refusal as refusal:
            response = json_response(refusal.body, refusal.status)
        except web.HTTPException as error:
            response = json_response(error_body(error.reason), error.status)
        response.headers.update(_CORS)
        return response

    async def _fail(self, request: web.Request, fault: RestFault) -> web.StreamResponse:
        if fault.kind == "hang":
            await asyncio.Event().wait()
        if fault.kind == "drop" and request.transport is not None:
            request.transport.abort()
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.kind == "broken_json":
            return web.Response(status=fault.status, text='{"data": [{"id": 12', content_type="application/json")
        if fault.kind == "empty":
            return web.Response(status=fault.status, headers=headers)
        return json_response(error_body("Simulated fault"), fault.status, headers)

    def _authenticated(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def wrapper(request: web.Request) -> web.StreamResponse:
            return await handler(request, self._token(request).user)

        return wrapper

    def _token(self, request: web.Request) -> Token:
        """Who asks: X-Auth-Token, or Basic with ``user id:token`` or ``e-mail:token``."""
        value = request.headers.get("X-Auth-Token", "")
        who = ""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if not value and scheme.lower() == "basic":
            try:
                who, colon, value = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                colon = ""
            if not colon:
                raise Refusal(400, "Unable to parse the credentials.")
        token = self._platform.tokens.use(value) if value else None
        if token is None or (who and who not in {str(token.user.id), token.user.email}):
            raise Refusal(401, "Unauthorized", field="token", detail="Missing, invalid or expired token.")
        return token

    # --- logging in ---------------------------------------------------------------------------------------------

    def _session(self, user: User) -> web.Response:
        token = self._platform.tokens.open_session(user)
        return json_response({"message": "Logged in", "user_token": token.value, "user_id": user.id})

    async def login(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        if status := self._platform.faults.refuse_logins:
            raise Refusal(status, "Login refused", field="email", detail="Logins are refused at the moment.")
        email, password = body.get("email"), body.get("password")
        if not isinstance(email, str) or not isinstance(password, str) or not email or not password:
            raise Refusal(400, "Validation failed", field="email", detail="E-mail and password are required.")
        user = self._platform.tokens.check_password(email, password)
        if user is None:
            raise Refusal(401, "Unauthorized", field="password", detail="Invalid e-mail or password.")
        if user.second_factor:
            nonce = self._platform.tokens.ask_second_factor(user)
            return json_response({"message": "Two factor authentication required", "nonce": nonce}, 202)
        return self._session(user)

    async def second_factor(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        user = self._platform.tokens.check_second_factor(str(body.get("nonce", "")), str(body.get("code", "")))
        if user is None:
            raise Refusal(401, "Unauthorized", field="code", detail="Invalid code.")
        return self._session(user)

    async def logout(self, request: web.Request, user: User) -> web.StreamResponse:
        token = self._token(request)
        if not token.name:
            self._platform.tokens.revoke(token.value)
        return json_response({"message": "Logged out"})

    async def me(self, request: web.Request, user: User) -> web.StreamResponse:
        return _one(
            {
                **self._user(user),
                "customer_id": self._platform.scenario.customer_id,
                "sip_password": user.digest_password,
                "sip_domain": self._platform.scenario.sip_domain,
            }
        )

    async def ping(self, request: web.Request, user: User) -> web.StreamResponse:
        return _one({"response": "Pong", "user_id": user.id})

    # --- tokens -------------------------------------------------------------------------------------------------

    def _api_token(self, token: Token) -> dict[str, Any]:
        return {
            "name": token.name,
            "token": token.value,
            "created_at": text_date(token.created_at, self._platform.zone),
            "expiry": int(token.lifetime),
        }

    async def api_tokens(self, request: web.Request, user: User) -> web.StreamResponse:
        rows = [self._api_token(token) for token in self._platform.tokens.named(user)]
        return json_response(select(rows, request.query, properties=_TOKEN_PROPERTIES))

    async def mint_token(self, request: web.Request, user: User) -> web.StreamResponse:
        body = await _body(request)
        name, expiry = body.get("name"), body.get("expiry", 604800)
        if not isinstance(name, str) or not name:
            raise EngineError("Value is required.", field="name")
        if not isinstance(expiry, int) or isinstance(expiry, bool) or expiry < 0:
            raise EngineError("Value is not a number of seconds.", field="expiry")
        token = self._platform.tokens.mint(user, name=name, lifetime=float(expiry))
        return _one(self._api_token(token), 201)

    async def revoke_token(self, request: web.Request, user: User) -> web.StreamResponse:
        value = request.match_info["token"]
        if all(token.value != value for token in self._platform.tokens.named(user)):
            raise Refusal(404, "Not Found")
        self._platform.tokens.revoke(value)
        return web.Response(status=204)

    # --- people -------------------------------------------------------------------------------------------------

    def _user(self, user: User) -> dict[str, Any]:
        return {
            "id": user.id,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "email": user.email,
            "ext": user.extension,
            "active": user.active,
            "dnd": user.dnd,
            # Locations that were ever set up, whether the phone is online or not.
            "nb_sip_locations": 1,
            "cli": user.caller_id,
        }

    async def users(self, request: web.Request, user: User) -> web.StreamResponse:
        rows = [self._user(entry) for entry in self._platform.scenario.users]
        return json_response(select(rows, request.query, properties=_USER_PROPERTIES))

    async def user(self, request: web.Request, user: User) -> web.StreamResponse:
        for entry in self._platform.scenario.users:
            if entry.id == int(request.match_info["id"]):
                return _one(self._user(entry))
        raise Refusal(404, "Not Found")

    def _queue(self, group: Group, query: Mapping[str, str]) -> dict[str, Any]:
        members: list[Any] = list(group.members)
        if "users" in query.get("include", "").split(","):
            columns = query.get("fields[users]", "id,first_name,last_name,status").split(",")
            members = []
            for user in self._platform.scenario.users:
                if user.id in group.members:
                    full = {**self._user(user), "status": user.id not in group.away}
                    members.append({name: full[name] for name in columns if name in full})
        return {
            "id": group.id,
            "name": group.name,
            "number": group.number,
            "users": members,
            "ring_strategy": "A",
            "ring_time": int(group.ring_time),
            "skip_busy": group.skip_busy,
        }

    async def queues(self, request: web.Request, user: User) -> web.StreamResponse:
        rows = [self._queue(group, request.query) for group in self._platform.scenario.groups]
        return json_response(select(rows, request.query, properties=_QUEUE_PROPERTIES))

    def _group(self, request: web.Request) -> Group:
        for group in self._platform.scenario.groups:
            if group.id == int(request.match_info["id"]):
                return group
        raise Refusal(404, "Not Found")

    async def queue(self, request: web.Request, user: User) -> web.StreamResponse:
        return _one(self._queue(self._group(request), request.query))

    async def change_queue(self, request: web.Request, user: User) -> web.StreamResponse:
        group = self._group(request)
        for entry in (await _body(request)).get("users", []):
            if not isinstance(entry, dict) or entry.get("id") not in group.members:
                raise EngineError("Value is not a member of this queue.", field="users")
            if entry.get("status", True):
                group.away.discard(entry["id"])
            else:
                group.away.add(entry["id"])
        self._platform.engine.touch()
        return _one(self._queue(group, request.query))

    # --- calls --------------------------------------------------------------------------------------------------

    def _call(self, leg: Leg) -> dict[str, Any]:
        return live_call(leg, self._platform.behaviour, self._platform.clock.time())

    def _leg(self, request: web.Request, user: User) -> Leg:
        """The user's own live call; anybody else's does not exist for him."""
        leg = self._platform.engine.find(int(request.match_info["id"]), user.id)
        if leg is None:
            raise Refusal(404, "Not Found")
        return leg

    async def calls(self, request: web.Request, user: User) -> web.StreamResponse:
        rows = [self._call(leg) for leg in self._platform.engine.legs(user.id)]
        return json_response(select(rows, request.query, properties=_CALL_PROPERTIES))

    async def call(self, request: web.Request, user: User) -> web.StreamResponse:
        return _one(self._call(self._leg(request, user)))

    async def place_call(self, request: web.Request, user: User) -> web.StreamResponse:
        body = await _body(request)
        to = body.get("to")
        if not isinstance(to, str) or not to:
            raise EngineError("Value is required.", field="to", code="SF0001")
        caller = str(body.get("from") or user.id)
        if all(str(entry.id) != caller for entry in self._platform.scenario.users):
            raise EngineError("Value is not valid: a user id is expected.", field="from")
        placed = self._platform.engine.place_call(int(caller), to, caller_id=str(body.get("caller_id") or ""))
        settled = asyncio.Event()
        placed.done.append(settled.set)
        if not placed.outcome:
            await settled.wait()
        if placed.outcome == "picked_up" and placed.leg is not None:
            return _one(self._call(placed.leg), 201)
        behaviour = self._platform.behaviour
        status, message = {
            "unregistered": (behaviour.unregistered_status, "No VoIP client of the user is registered."),
            "declined": (behaviour.declined_status, "The user rejected the call."),
        }.get(placed.outcome, (behaviour.unanswered_status, "The user did not pick up."))
        raise Refusal(status, message)

    async def change_call(self, request: web.Request, user: User) -> web.StreamResponse:
        leg = self._leg(request, user)
        body = await _body(request)
        behaviour = self._platform.behaviour
        if "state" in body:
            if body["state"] not in behaviour.answer_words:
                raise EngineError("Value is not valid.", field="state")
            if not leg.incoming or leg.state is not LegState.RINGING:
                raise EngineError("The call is not ringing.", field="state")
            self._platform.engine.answer(leg)
        elif "dst" in body:
            self._platform.engine.transfer(leg, str(body["dst"]))
        elif {"action_url", "action_text"} & body.keys():
            if not body.get("action_url") or not body.get("action_text"):
                raise EngineError("action_url and action_text belong together.", field="action_url")
            leg.action_url, leg.action_text = str(body["action_url"]), str(body["action_text"])
            self._platform.engine.touch()
        else:
            raise EngineError("Nothing to change.", field="state")
        if behaviour.patch_status != 200:
            return web.Response(status=behaviour.patch_status)
        return _one(self._call(leg))

    async def hang_up(self, request: web.Request, user: User) -> web.StreamResponse:
        self._platform.engine.hang_up(self._leg(request, user))
        return web.Response(status=204)

    async def web_call(self, request: web.Request, user: User) -> web.StreamResponse:
        source = str((await _body(request)).get("from", ""))
        # What integrators met in practice, whatever the number.
        raise EngineError(f"Per minute call rate exceeded for {source}. Please contact support.", field="from")

    # --- history ------------------------------------------------------------------------------------------------

    def _cdrs(self, user: User) -> list[dict[str, Any]]:
        rows = self._platform.cdrs
        return rows if user.supervisor else [row for row in rows if row["user_id"] == user.id]

    async def cdrs(self, request: web.Request, user: User) -> web.StreamResponse:
        return json_response(select(self._cdrs(user), request.query, properties=_CDR_PROPERTIES))

    async def cdr(self, request: web.Request, user: User) -> web.StreamResponse:
        for row in self._cdrs(user):
            if row["id"] == int(request.match_info["id"]):
                return _one(row)
        raise Refusal(404, "Not Found")

    async def monitors(self, request: web.Request, user: User) -> web.StreamResponse:
        rows = [self._recordings.row(item) for item in self._recordings.visible_to(user.id, all_users=user.supervisor)]
        return json_response(select(rows, request.query, properties=_MONITOR_PROPERTIES))

    def _recording(self, request: web.Request, user: User) -> Recording:
        for recording in self._recordings.visible_to(user.id, all_users=user.supervisor):
            if recording.id == int(request.match_info["id"]):
                return recording
        raise Refusal(404, "Not Found")

    async def monitor(self, request: web.Request, user: User) -> web.StreamResponse:
        return _one(self._recordings.row(self._recording(request, user)))

    async def monitor_file(self, request: web.Request, user: User) -> web.StreamResponse:
        # The whole file always, whatever Range says, and without a name.
        return web.Response(body=self._recording(request, user).content, content_type="audio/mpeg")
