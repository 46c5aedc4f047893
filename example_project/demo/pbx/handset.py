"""The hands of a person at a baresip phone, and what the person sees on it, by the phone's own events."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from django_voipcti.sip.uri import SipUri

from .phones import Baresip
from .server import CTI_USER, HOST

__all__ = ["CannotBeDone", "Handset", "HandsetCall"]

#: Seconds between two tries to reach a phone that is starting.
_TRY_EVERY = 0.1
#: Seconds for a phone to obey.
_PATIENCE = 5.0
#: A call in the answer to the command listcalls: state, whether it is on hold, other end.
_LISTED = re.compile(r"\[line \d+\].*?(\(on hold\))?\s+(sips?:\S+)")


class CannotBeDone(Exception):
    """The phone cannot do that now; the text says why."""


@dataclass(slots=True, kw_only=True)
class HandsetCall:
    """A call as the phone shows it."""

    id: int
    key: str
    """Its SIP Call-ID."""
    incoming: bool
    peer: str
    """SIP URI of the other end."""
    name: str
    """Its display name."""
    state: str
    """``INITIAL`` (rings for a click on a page), ``RINGING``, ``CONNECTED``, ``ON_HOLD``."""
    by_click: bool = False
    """Whether it is the click's own leg: the number is called when it is answered."""

    @property
    def other(self) -> str:
        """Number, extension or user name of the other end."""
        return SipUri(self.peer).user or ""


class Handset:
    """One phone in a person's hands.

    Args:
        phone: the phone, which somebody else starts.
        name, email: whose it is.
        changed: called after every change.
        pick_up_after: seconds after which a click is answered by itself; None: it waits for :meth:`answer`.
    """

    def __init__(
        self,
        phone: Baresip,
        *,
        name: str,
        email: str,
        changed: Callable[[], None],
        pick_up_after: float | None = None,
    ) -> None:
        self.phone = phone
        self.name = name
        self.email = email
        self.registered = False
        self._changed = changed
        self._pick_up_after = pick_up_after
        self._ids = count(1)
        self._calls: dict[str, HandsetCall] = {}
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._tokens = count(1)
        self._picking: asyncio.Task[None] | None = None
        # One person has one pair of hands: what is chosen stays chosen until the button is pressed.
        self._hands = asyncio.Lock()

    @property
    def calls(self) -> Sequence[HandsetCall]:
        """What is on its display, in order of the calls' beginning; the leg of an answered click is not."""
        return [call for call in self._calls.values() if not call.by_click or call.state == "INITIAL"]

    @property
    def picking_up(self) -> HandsetCall | None:
        """The click that rings."""
        return next((call for call in self.calls if call.state == "INITIAL"), None)

    # --- life -----------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Take the phone into one's hands; waits until it has started."""
        while True:
            try:
                self._reader, self._writer = await asyncio.open_connection(HOST, self.phone.control_port)
                return
            except OSError:
                await asyncio.sleep(_TRY_EVERY)

    async def watch(self) -> None:
        """Follow what happens on the phone until it is gone."""
        asking = asyncio.create_task(self._ask_whether_registered())
        try:
            while True:
                length = int((await self._reader.readuntil(b":"))[:-1])
                message = json.loads((await self._reader.readexactly(length + 1))[:-1])
                if message.get("response"):
                    self._on_answer(message)
                elif message.get("event"):
                    self._on_event(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.registered = False
            self._calls.clear()
            self._changed()
        finally:
            asking.cancel()
            self._writer.close()

    async def _ask_whether_registered(self) -> None:
        # The phone has registered before anybody listened.
        if "OK" in await self._command("reginfo"):
            self.registered = True
            self._changed()

    # --- what the person does -------------------------------------------------------------------------------------

    async def answer(self, call: int | None = None) -> None:
        """Lift the receiver; the call that one is in is held."""
        if sum(other.incoming and other.state in ("INITIAL", "RINGING") for other in self.calls) > 1:
            # Seen with 1.0.0: it would answer neither.
            raise CannotBeDone(f"The phone of {self.name} answers one call at a time: decline the other one first.")
        await self._press("accept", call, "INITIAL", "RINGING", incoming=True)

    async def decline(self, call: int | None = None) -> None:
        """Refuse what rings."""
        await self._press("hangup", call, "INITIAL", "RINGING", incoming=True)

    async def hold(self, call: int | None = None) -> None:
        """Press hold."""
        await self._press("hold", call, "CONNECTED")

    async def resume(self, call: int | None = None) -> None:
        """Press hold again."""
        await self._press("resume", call, "ON_HOLD")

    async def hang_up(self, call: int | None = None) -> None:
        """Put the receiver down."""
        await self._press("hangup", call, "CONNECTED", "ON_HOLD", "RINGING", "INITIAL")

    async def dial(self, number: str) -> None:
        """Call somebody from the phone itself."""
        async with self._hands:
            await self._command("dial", self.phone.address(number))

    async def unregister(self) -> None:
        """Pull the plug: calls end, and nobody reaches the phone."""
        async with self._hands:
            await self._command("uadel", self.phone.address(self.phone.user))
            self.registered = False
            self._calls.clear()
            self._changed()

    async def register(self) -> None:
        """Plug it in."""
        async with self._hands:
            if not self.registered:
                await self._command("uanew", self.phone.account())

    async def _press(self, button: str, wanted: int | None, *states: str, incoming: bool = False) -> None:
        async with self._hands:
            call = self._find(wanted, states, incoming=incoming)
            # The phone acts on one of its calls: choose it.
            await self._command("callfind", call.key)
            await self._command(button)
            await self._look_at_holds()

    def _find(self, wanted: int | None, states: Sequence[str], *, incoming: bool) -> HandsetCall:
        fitting = [call for call in self.calls if call.state in states and (call.incoming or not incoming)]
        chosen = [call for call in fitting if wanted in (None, call.id)]
        if not chosen:
            raise CannotBeDone(f"There is no such call on the phone of {self.name}.")
        return min(chosen, key=lambda call: states.index(call.state))

    async def _look_at_holds(self) -> None:
        """No event tells of holding, and answering one call holds the other: ask."""
        listed = [(match[2], bool(match[1])) for match in _LISTED.finditer(await self._command("listcalls"))]
        for call in self._calls.values():
            if call.state not in ("CONNECTED", "ON_HOLD"):
                continue
            for position, (peer, held) in enumerate(listed):
                if peer == call.peer:
                    call.state = "ON_HOLD" if held else "CONNECTED"
                    del listed[position]
                    break
        self._changed()

    async def _command(self, name: str, parameters: str = "") -> str:
        token = str(next(self._tokens))
        message = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(b"%d:%s," % (len(message), message))
            return await asyncio.wait_for(answer, _PATIENCE)
        except (TimeoutError, ConnectionError):
            raise CannotBeDone(f"The phone of {self.name} does not answer.") from None
        finally:
            del self._answers[token]

    # --- what the phone shows -------------------------------------------------------------------------------------

    def _on_answer(self, message: dict[str, Any]) -> None:
        answer = self._answers.get(str(message.get("token")))
        if answer is not None and not answer.done():
            answer.set_result(str(message.get("data", "")))

    def _on_event(self, event: dict[str, Any]) -> None:
        kind, key = event.get("type"), event.get("id")
        if kind == "REGISTER_OK":
            self.registered = True
        elif kind in ("REGISTER_FAIL", "UNREGISTERING"):
            self.registered = False
        elif kind in ("CALL_INCOMING", "CALL_OUTGOING", "CALL_PROGRESS", "CALL_RINGING") and key:
            self._begin(key, event)
        elif kind == "CALL_ESTABLISHED" and key:
            self._begin(key, event)
            self._calls[key].state = "CONNECTED"
        elif kind == "CALL_CLOSED":
            self._calls.pop(str(key), None)
        else:
            return
        self._changed()

    def _begin(self, key: str, event: dict[str, Any]) -> None:
        if key in self._calls:
            return
        peer = str(event.get("peeruri", ""))
        incoming = event.get("direction") == "incoming"
        by_click = incoming and SipUri(peer).user == CTI_USER
        call = self._calls[key] = HandsetCall(
            id=next(self._ids),
            key=key,
            incoming=incoming,
            peer=peer,
            name=str(event.get("peerdisplayname", "")),
            state="INITIAL" if by_click else "RINGING",
            by_click=by_click,
        )
        if by_click and self._pick_up_after is not None:
            asyncio.get_running_loop().call_later(self._pick_up_after, self._pick_up, call)

    def _pick_up(self, call: HandsetCall) -> None:
        if call.state == "INITIAL" and call.key in self._calls:
            self._picking = asyncio.create_task(self._answer_click(call.id))

    async def _answer_click(self, call: int) -> None:
        # It may have been taken back meanwhile.
        with suppress(CannotBeDone):
            await self.answer(call)
