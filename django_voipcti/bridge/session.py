"""One line in the bridge: its account, its subscriptions, its calls, how it stands, and what it missed."""

import asyncio
import logging
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from ..enums import CallState, LineStatus
from ..exceptions import ProviderError
from ..models import Call, Line
from ..providers.base import Account, BaseProvider, SipPort
from ..sip.exceptions import SipError
from ..transport.failures import explain, is_fatal
from .backoff import Retries
from .translate import LineTranslator

if TYPE_CHECKING:
    from .connection import SipConnection
    from .database import Database
    from .hub import ConnectionHub
    from .leases import HeldLine
    from .status import StatusBoard
    from .writer import JournalWriter

__all__ = ["LineSession"]

logger = logging.getLogger(__name__)

#: A call may have begun this long before nobody watched any more.
_BEFORE_GAP = timedelta(hours=2)
#: Seconds after which the history is asked: at once, and when the provider has surely written down the last call.
_HISTORY_DELAYS = (0.0, 30.0)
_TRIES = 3


class LineSession:
    """Keeps one line going until it is stopped. It restarts what fails, and says how the line stands.

    It is the :class:`~django_voipcti.bridge.link.LineLink` of its connection.
    """

    def __init__(
        self,
        held: "HeldLine",
        *,
        provider: BaseProvider,
        hub: "ConnectionHub",
        writer: "JournalWriter",
        board: "StatusBoard",
        database: "Database",
    ) -> None:
        self.held = held
        self.provider = provider
        self.account: Account | None = None
        self._hub = hub
        self._writer = writer
        self._board = board
        self._database = database
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._translator: LineTranslator | None = None
        self._connection: SipConnection | None = None
        self._unseen_since = held.unseen_since
        self._dead = ""
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def line(self) -> int:
        """Primary key of the line."""
        return self.held.pk

    @property
    def age(self) -> float:
        """Seconds since this bridge took the line up."""
        return self._clock() - self._began

    @property
    def port(self) -> SipPort | None:
        """The line's SIP connection, if its provider has one."""
        return self._connection

    @property
    def has_live_calls(self) -> bool:
        """Whether the server shows calls of this line."""
        return self._translator is not None and bool(self._translator.live)

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, in a task of its own."""
        self._task = asyncio.create_task(self._run(), name=f"line-{self.line}")

    @property
    def failed(self) -> bool:
        """Whether the task ended, which only a defect can do."""
        return self._task is not None and self._task.done()

    async def stop(self, sentence: str) -> None:
        """Unsubscribe, and say why the line is no longer connected."""
        tasks = [task for task in (self._task, *self._side_tasks) if task is not None]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                logger.error("line %s: %r", self.line, result, exc_info=result, extra={"action": "bridge.line.defect"})
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await self._hub.detach(connection, self)
        self._board.set(self.line, LineStatus.LOGGED_OUT, sentence)

    async def _run(self) -> None:
        retries = Retries()
        while True:
            try:
                await self._begin()
            except Line.DoesNotExist:
                logger.info("line %s was deleted", self.line, extra={"action": "bridge.line.deleted"})
                break
            except Exception as error:
                if not isinstance(error, ProviderError) and not is_fatal(error):
                    logger.exception("line %s cannot begin", self.line, extra={"action": "bridge.line.defect"})
                self._board.set(self.line, LineStatus.ERROR, explain(error))
                if is_fatal(error):
                    break
            else:
                await self._keep_alive()
            await asyncio.sleep(retries.next_delay())
        # Nothing more to do until the supervisor ends this session, because the line has changed.
        await asyncio.Event().wait()

    async def _begin(self) -> None:
        account, known = await self._database.insist(_load, self.line)
        self.account = account
        provider = self.provider
        if not provider.supports_sip_events:
            if provider.keep_alive_interval is not None and not account.login:
                await provider.keep_alive(account)
            self.logged_in()
            self.ready()
            return
        profile = await provider.sip_profile(account)
        self._translator = LineTranslator(
            alias=provider.alias,
            account=account,
            identify=provider.identify_dialog,
            read_party=provider.read_party,
            watch=profile.watch,
            known=known,
        )
        self._connection = self._hub.attach(profile, self)

    async def _keep_alive(self) -> None:
        """Keep the provider's credentials from expiring, for ever."""
        interval = self.provider.keep_alive_interval
        # A node's login is another line's, which looks after it.
        if interval is None or self.account is None or self.account.login:
            await asyncio.Event().wait()
            return
        # Spread out, so that a thousand lines which began together do not ask together.
        wait = interval * random.uniform(0.05, 1.0)  # noqa: S311  no secret
        while True:
            await asyncio.sleep(wait)
            wait = interval * random.uniform(0.9, 1.0)  # noqa: S311
            try:
                await self.provider.keep_alive(self.account)
            except ProviderError as error:
                logger.warning(
                    "line %s: keep-alive failed: %s",
                    self.line,
                    type(error).__name__,
                    extra={"action": "bridge.keep_alive"},
                )
                if is_fatal(error):
                    self.credentials_died(error)

    def credentials_died(self, error: ProviderError) -> None:
        """The provider refuses the line's credentials. Call events may go on; commands cannot."""
        self._dead = explain(error)
        self._board.set(self.line, LineStatus.ERROR, self._dead)

    # --- LineLink -------------------------------------------------------------------------------------------------

    def logged_in(self) -> None:
        """The provider knows us."""
        if not self._dead:
            self._board.set(self.line, LineStatus.LOGGED_IN)

    def ready(self) -> None:
        """Call state flows."""
        if not self._dead:
            self._board.set(self.line, LineStatus.READY)
        since, self._unseen_since = self._unseen_since, None
        if since is not None and self.account is not None and not self.account.login:
            self._aside(self._fill_gap(since))

    def lost(self, sentence: str, *, fatal: bool) -> None:
        """Call state no longer flows."""
        self._unseen_since = self._unseen_since or timezone.now()
        self._board.set(self.line, LineStatus.ERROR if fatal else LineStatus.LOGGED_OUT, sentence)

    def refused(self, uri: str, sentence: str) -> None:
        """The server does not tell about one of the line's URIs."""
        self._board.set(self.line, LineStatus.ERROR, sentence)

    def subscribed(self, uri: str) -> None:
        """Documents about ``uri`` are counted anew."""
        if self._translator is not None:
            self._translator.subscribed(uri)

    def notified(self, uri: str, body: bytes, *, subscription: str, late: bool) -> bool:
        """Hand on what a document says; return whether a full one is needed."""
        if self._translator is None:
            return False
        try:
            take = self._translator.overtaken if late else self._translator.notify
            said = take(uri, body, subscription=subscription, now=timezone.now())
        except SipError as error:
            logger.warning("line %s: %s", self.line, error, extra={"action": "bridge.bad_document"})
            return False
        for update in said.updates:
            logger.debug(
                "line %s: call %s is %s", self.line, update.external_id, update.state, extra={"action": "bridge.call"}
            )
        self._writer.submit(said.updates)
        return said.resubscribe

    # --- what nobody saw ------------------------------------------------------------------------------------------

    def _aside(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.create_task(work, name=f"line-{self.line}-history")
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)

    async def _fill_gap(self, since: datetime) -> None:
        """Ask the provider for calls since ``since``, a little before and some time after."""
        for delay in _HISTORY_DELAYS:
            await asyncio.sleep(delay)
            retries = Retries(first=2.0)
            for _try in range(_TRIES):
                try:
                    async with self._hub.gate:
                        await self._ask_history(since - _BEFORE_GAP)
                except ProviderError as error:
                    logger.warning(
                        "line %s: no history: %s", self.line, type(error).__name__, extra={"action": "bridge.history"}
                    )
                    await asyncio.sleep(retries.next_delay())
                else:
                    break

    async def _ask_history(self, since: datetime) -> None:
        if self.account is None:
            return
        if self.provider.supports_live_calls:
            self._writer.submit(list(await self.provider.live_calls(self.account)))
        if self.provider.supports_history:
            until = timezone.now() + timedelta(minutes=1)
            async for update in self.provider.history(self.account, since=since, until=until):
                await self._writer.room()
                self._writer.submit([update])


def _load(line: int) -> tuple[Account, dict[str, CallState]]:
    """The line's account, and its live calls by external id."""
    account = Line.objects.select_related("via").get(pk=line).as_account()
    live = Call.objects.live().filter(line=line, external_id__isnull=False).values_list("external_id", "state")
    return account, {external_id: CallState(state) for external_id, state in live if external_id}


def stopped() -> str:
    """Why a line is logged out while no bridge holds it."""
    return _("The telephone connection was stopped. It comes back when a bridge runs.")
