"""The simulator with its sockets: for a running event loop, or in a thread of its own for synchronous callers."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from .clock import Clock, LoopClock
from .control import ControlApi
from .engine import Engine
from .faults import Faults
from .recordings import Recordings
from .rest import BASE_PATH, RestApi
from .scenario import Scenario, demo_scenario
from .settings import SimulatorSettings
from .sip_server import SipServer
from .state import Platform
from .webhooks import Webhooks

__all__ = ["Simulator", "SimulatorThread"]

T = TypeVar("T")


class Simulator:
    """A local VoIPstudio: ``async with Simulator() as simulator: simulator.rest_url, simulator.sip_url, ...``.

    Args:
        settings: where it listens and how it behaves.
        scenario: the account; by default Acme of :func:`.demo_scenario`, whose phones wait for hands.
        clock: for tests that move time by hand.
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        *,
        scenario: Scenario | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or SimulatorSettings()
        self.platform = Platform(self.settings, scenario or demo_scenario(), clock or LoopClock())
        self.sip = SipServer(self.platform)
        self.webhooks = Webhooks(self.platform)
        self.recordings = Recordings(self.platform, self.webhooks)
        self._rest = RestApi(self.platform, self.recordings)
        self._control = ControlApi(self)
        self._runner: web.AppRunner | None = None
        self.port = self.settings.port
        self.sip_port = self.settings.sip_port

    # --- what callers use ---------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The switch: calls, phones, outside parties."""
        return self.platform.engine

    @property
    def faults(self) -> Faults:
        """What goes wrong on demand."""
        return self.platform.faults

    @property
    def scenario(self) -> Scenario:
        """The account."""
        return self.platform.scenario

    @property
    def rest_url(self) -> str:
        """Root of the REST interface."""
        return f"{self.page_url}{BASE_PATH}"

    @property
    def page_url(self) -> str:
        """The page with the phones, without a slash at the end."""
        return f"{'https' if self.settings.certificate else 'http'}://{self._address}:{self.port}"

    @property
    def control_url(self) -> str:
        """Root of the control API."""
        return f"{self.page_url}/control"

    @property
    def sip_url(self) -> str:
        """Address for SIP over WebSocket."""
        port = self.port if self.sip_port is None else self.sip_port
        return f"{'wss' if self.settings.certificate else 'ws'}://{self._address}:{port}"

    @property
    def _address(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.settings.host, self.settings.host)  # noqa: S104
        return f"[{host}]" if ":" in host and not host.startswith("[") else host

    # --- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen. Ports that were 0 are known afterwards, and stay the same over a restart."""
        app = web.Application(client_max_size=2**20)
        self._rest.add_to(app)
        if self.settings.control:
            self._control.add_to(app)
        app.router.add_get("/{path:.*}", self._root)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        self.port = await self._listen(self._runner, self.port)
        if self.sip_port is not None:
            self.sip_port = await self._listen(self._runner, self.sip_port)

    async def _listen(self, runner: web.AppRunner, port: int) -> int:
        site = web.TCPSite(runner, self.settings.host, port, ssl_context=self._tls(), reuse_address=True)
        await site.start()
        address = runner.addresses[-1]
        return int(address[1])

    def _tls(self) -> ssl.SSLContext | None:
        if not self.settings.certificate:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.settings.certificate, self.settings.private_key or None)
        return context

    async def _root(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket on any path is SIP; the platform's real one is opened on ``/``."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.sip.handle(request)
        if request.path == "/" and self.settings.control:
            return await self._control.page(request)
        raise web.HTTPNotFound

    async def stop(self) -> None:
        """Close all sockets and stop listening. Calls, tokens and history are kept for another start."""
        runner, self._runner = self._runner, None
        await self.webhooks.close()
        self._control.close()
        if runner is not None:
            for site in tuple(runner.sites):
                await site.stop()
            await self.sip.close()
            await runner.cleanup()

    async def restart(self, *, forget_calls: bool = True) -> None:
        """Go away and come back on the same ports, as a platform does that restarts: subscriptions and nonces are lost.

        Calls in progress are gone without a word unless ``forget_calls`` is false; tokens stay good.
        """
        self.sip.subscriptions.close()
        self.sip.drop_all()
        await self.stop()
        if forget_calls:
            self.engine.forget_calls()
        await self.start()

    def reset(self, scenario: Scenario | None = None) -> None:
        """Begin again with this scenario (or a new copy of the demo): no calls, history, sessions, subscriptions."""
        self.platform.load(scenario or demo_scenario())

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()


class SimulatorThread:
    """A simulator with an event loop of its own, for synchronous tests.

    ``with SimulatorThread() as platform: platform.do(lambda engine: engine.call_from_outside("447700900123", "601"))``.
    Attributes that only read addresses are taken from ``simulator``; everything that touches calls goes through
    :meth:`do` or :meth:`run`, which execute in the simulator's thread.
    """

    def __init__(self, settings: SimulatorSettings | None = None, *, scenario: Scenario | None = None) -> None:
        self._arguments = (settings, scenario)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="voipcti-simulator", daemon=True)
        self.simulator: Simulator

    @property
    def rest_url(self) -> str:
        return self.simulator.rest_url

    @property
    def sip_url(self) -> str:
        return self.simulator.sip_url

    @property
    def control_url(self) -> str:
        return self.simulator.control_url

    def do(self, action: Callable[[Engine], T]) -> T:
        """Call ``action(engine)`` in the simulator's thread and return its result, or raise its error."""

        async def call() -> T:
            return action(self.simulator.engine)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(timeout=30)

    def run(self, action: Callable[[Simulator], Awaitable[T]]) -> T:
        """The same for a coroutine function that takes the simulator, e.g. ``lambda s: s.restart()``."""

        async def call() -> T:
            return await action(self.simulator)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(timeout=30)

    def start(self) -> None:
        """Start thread and simulator; returns when it listens."""
        self._thread.start()
        settings, scenario = self._arguments
        self.simulator = Simulator(settings, scenario=scenario)
        try:
            asyncio.run_coroutine_threadsafe(self.simulator.start(), self._loop).result(timeout=30)
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """Stop both."""
        asyncio.run_coroutine_threadsafe(self.simulator.stop(), self._loop).result(timeout=30)
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
