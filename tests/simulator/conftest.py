"""A running simulator per test, with an HTTP client and watchers for its users. Platform seconds take a hundredth."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from aiohttp import web

from django_voipcti.simulator import (
    Engine,
    ManualClock,
    Simulator,
    SimulatorSettings,
    Timings,
    WebhookTarget,
    demo_scenario,
)
from tests.simulator.sip_client import RawWatcher

ANA, BEN, CHRIS, DORA = 200341, 200342, 200343, 200344
CALLER = "447700900123"


@pytest.fixture
def clock() -> ManualClock:
    """Time that stands still until the test moves it."""
    return ManualClock()


@pytest.fixture
def engine(clock: ManualClock) -> Engine:
    """The demo's account with phones that wait for hands, without any socket."""
    return Engine(demo_scenario(), clock=clock, first_id=1000)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A simulator with the demo's account, listening. Nobody stops ringing by himself: a loaded machine is slow."""
    patient = Timings(own_phone=10_000.0, user=10_000.0, outside=10_000.0)
    scenario = demo_scenario()
    scenario.groups[0].ring_time = 10_000.0
    async with Simulator(SimulatorSettings(time_scale=0.01, timings=patient), scenario=scenario) as running:
        yield running


class Client:
    """An HTTP client of one user."""

    def __init__(self, http: httpx2.AsyncClient, token: str = "") -> None:
        self.http = http
        self.headers = {"X-Auth-Token": token} if token else {}

    async def request(self, method: str, path: str, body: Any = None, **params: str) -> httpx2.Response:
        options = {} if body is None else {"json": body}
        return await self.http.request(method, path, headers=self.headers, params=params or None, **options)

    async def get(self, path: str, **params: str) -> httpx2.Response:
        return await self.request("GET", path, **params)

    async def post(self, path: str, body: Any = None) -> httpx2.Response:
        return await self.request("POST", path, body)

    async def patch(self, path: str, body: Any = None) -> httpx2.Response:
        return await self.request("PATCH", path, body)

    async def delete(self, path: str) -> httpx2.Response:
        return await self.request("DELETE", path)


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client with the interface's root as its base."""
    async with httpx2.AsyncClient(base_url=simulator.rest_url, timeout=10) as client:
        yield client


@pytest.fixture
def as_user(simulator: Simulator, http: httpx2.AsyncClient) -> Callable[[int], Client]:
    """`as_user(ANA)`: a client with a session of that user."""

    def login(user: int) -> Client:
        token = simulator.platform.tokens.open_session(simulator.engine.directory.user(user))
        return Client(http, token.value)

    return login


@pytest.fixture
def ana(as_user: Callable[[int], Client]) -> Client:
    """Ana's client."""
    return as_user(ANA)


@pytest.fixture
async def watcher_of(simulator: Simulator) -> AsyncIterator[Callable[..., Any]]:
    """`await watcher_of(ANA)`: an open WebSocket that speaks as the original connector's does."""
    async with AsyncExitStack() as stack:

        async def connect(user: int, **options: Any) -> RawWatcher:
            watcher = RawWatcher(
                options.pop("url", simulator.sip_url),
                str(user),
                simulator.engine.directory.user(user).digest_password,
                simulator.scenario.sip_domain,
                **options,
            )
            return await stack.enter_async_context(watcher)

        yield connect


@pytest.fixture
async def watcher(watcher_of: Callable[..., Any]) -> RawWatcher:
    """Ana's, subscribed to herself."""
    watcher = await watcher_of(ANA)
    await watcher.subscribe(str(ANA))
    return watcher


class Receiver:
    """A webhook endpoint: keeps what it gets, answers with ``statuses`` one after another, then 200."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append(await request.json())
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    def target(self, *events: str, credentials: str = "") -> WebhookTarget:
        url = self.url.replace("://", f"://{credentials}@") if credentials else self.url
        return WebhookTarget(url=url, events=list(events or ["*"]))

    @property
    def names(self) -> list[str]:
        return [body["event_name"] for body in self.bodies]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A webhook endpoint that listens."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()
