"""Testing a connection step by step: the way of the bridge, once, with a report instead of another try.

Name, port, encryption, WebSocket, login, subscription and the first NOTIFY, each with a limit of its own and all within
ten seconds. Leaves nothing behind: the subscription is given back.
"""

import asyncio
import socket as sockets
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ..sip.events import AuthenticationFailed, NotifyReceived, SipEvent, SubscriptionActive, SubscriptionEnded
from .failures import Diagnosis, diagnose, diagnose_refusal
from .profile import SipProfile, is_loopback
from .report import ProbeStep, StepOutcome
from .websocket import new_core, open_socket

__all__ = ["STEPS", "probe"]

#: All steps, in their order.
STEPS = ("name", "tcp", "tls", "websocket", "login", "subscription", "notify")

#: Seconds for one step, and for all of them.
_STEP_SECONDS = 4.0
_ALL_SECONDS = 10.0
#: Seconds for the server to confirm that the subscription is over.
_FAREWELL_SECONDS = 1.0

_PORTS = {"ws": 80, "wss": 443}


async def probe(profile: SipProfile) -> list[ProbeStep]:
    """Connect as ``profile`` says, subscribe to the first of what it watches, and report every step.

    The steps after one that failed are reported as not tried. Raises nothing but what is a defect.
    """
    test = _Probe(profile)
    try:
        async with asyncio.timeout(_ALL_SECONDS):
            await test.run()
    except _Failed:
        pass
    except TimeoutError:
        test.fail(diagnose(TimeoutError(), host=profile.host))
    return test.report()


class _Failed(Exception):
    """A step failed, and is in the report."""


class _Probe:
    """One test under way."""

    def __init__(self, profile: SipProfile) -> None:
        self._profile = profile
        self._core = new_core(profile)
        self._clock = asyncio.get_running_loop().time
        self._steps: list[ProbeStep] = []
        self._challenged = False
        address = urlsplit(profile.url)
        self._host, self._port = address.hostname or "", address.port or _PORTS[address.scheme]
        self._secure = address.scheme == "wss"

    # --- the report -------------------------------------------------------------------------------------------------

    def report(self) -> list[ProbeStep]:
        """All steps; those that nobody came to as not tried."""
        skipped = _("An earlier step failed.")
        rest = STEPS[len(self._steps) :]
        return [
            *self._steps,
            *(ProbeStep(name=name, outcome=StepOutcome.SKIPPED, sentence=skipped) for name in rest),
        ]

    def fail(self, why: Diagnosis) -> None:
        """The step under way failed."""
        if len(self._steps) < len(STEPS):
            self._add(StepOutcome.FAILED, why.sentence, why.advice)

    def _ok(self, sentence: str, advice: str = "") -> None:
        self._add(StepOutcome.OK, sentence, advice)

    def _failed(self, why: Diagnosis) -> _Failed:
        self.fail(why)
        return _Failed()

    def _add(self, outcome: StepOutcome, sentence: str, advice: str) -> None:
        name = STEPS[len(self._steps)]
        self._steps.append(ProbeStep(name=name, outcome=outcome, sentence=sentence, advice=advice))

    # --- the way to the WebSocket -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Every step in turn; raises ``_Failed`` where it ends early."""
        addresses = await self._resolve()
        sock = await self._connect(addresses)
        socket = await self._open(sock)
        try:
            await self._subscribe(socket)
        except ConnectionClosed as error:
            raise self._failed(_closed(error, self._profile.host)) from error
        finally:
            await socket.close()

    async def _resolve(self) -> list[tuple[int, Any]]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                found = await loop.getaddrinfo(self._host, self._port, type=sockets.SOCK_STREAM)
        except TimeoutError as error:
            raise self._failed(
                Diagnosis(
                    _("The name service does not answer for %(host)s.") % {"host": self._host},
                    _("Check this machine's name service."),
                )
            ) from error
        except (OSError, UnicodeError) as error:
            raise self._failed(diagnose(sockets.gaierror(), host=self._host)) from error
        addresses: list[tuple[int, Any]] = [(family, address) for family, _kind, _protocol, _name, address in found]
        shown = ", ".join(dict.fromkeys(str(address[0]) for _family, address in addresses[:3]))
        if shown == self._host:
            self._ok(_("%(address)s is an address; there is no name to look up.") % {"address": shown})
        else:
            self._ok(_("%(host)s stands for %(addresses)s.") % {"host": self._host, "addresses": shown})
        return addresses

    async def _connect(self, addresses: list[tuple[int, Any]]) -> sockets.socket:
        """Connect to the first address that answers, as the bridge does."""
        loop = asyncio.get_running_loop()
        trouble: OSError = TimeoutError()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STEP_SECONDS):
                for family, address in addresses:
                    sock = sockets.socket(family, sockets.SOCK_STREAM)
                    sock.setblocking(False)
                    try:
                        await loop.sock_connect(sock, address)
                    except OSError as error:
                        sock.close()
                        trouble = error
                    except BaseException:
                        sock.close()
                        raise
                    else:
                        self._ok(_("Port %(port)s takes connections.") % {"port": self._port})
                        return sock
        raise self._failed(diagnose(trouble, host=self._profile.host))

    async def _open(self, sock: sockets.socket) -> ClientConnection:
        before = len(self._steps)
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                socket = await open_socket(self._profile, sock=sock, on_secured=self._say_encryption)
        except (OSError, WebSocketException, ValueError) as error:
            if isinstance(error, ssl.SSLError):
                # With TLS 1.3 a client certificate is missed after we believed to be connected.
                del self._steps[before:]
            raise self._failed(self._why_not_open(error, secured=len(self._steps) > before)) from error
        self._ok(_("The server opens a WebSocket and speaks SIP over it."))
        return socket

    def _why_not_open(self, error: Exception, *, secured: bool) -> Diagnosis:
        host = self._profile.host
        if isinstance(error, TimeoutError) and not secured:
            return Diagnosis(
                _("%(host)s does not answer to TLS.") % {"host": host}, _("Does it take wss:// on this port, or ws://?")
            )
        if isinstance(error, ConnectionError) and self._secure:
            return Diagnosis(
                _("%(host)s cuts the connection during the handshake.") % {"host": host},
                _("Does it take wss:// on this port? Does it demand a client certificate?"),
            )
        if isinstance(error, TimeoutError):
            return Diagnosis(
                _("%(host)s does not answer as a WebSocket server.") % {"host": host},
                _("Check the port, and whether the address is ws:// or wss:// (TLS)."),
            )
        # A redirect cannot be followed with a connection that is there already.
        cause = error.__cause__ if isinstance(error.__cause__, InvalidStatus) else error
        return diagnose(cause, host=host)

    def _say_encryption(self, transport: asyncio.BaseTransport) -> None:
        if not self._secure:
            advice = _(
                "The password is safe (digest), but whoever can listen on the way sees who calls whom. Use wss://."
            )
            self._add(
                StepOutcome.SKIPPED,
                _("The address is ws://: nothing is encrypted."),
                "" if is_loopback(self._host) else advice,
            )
            return
        seconds = ssl.cert_time_to_seconds(transport.get_extra_info("peercert")["notAfter"])
        end = datetime.fromtimestamp(seconds, tz=UTC)
        self._ok(_("The certificate is trusted, and valid until %(date)s.") % {"date": date_format(end)})

    # --- the conversation -------------------------------------------------------------------------------------------

    async def _subscribe(self, socket: ClientConnection) -> None:
        core, profile = self._core, self._profile
        name = core.subscribe(profile.watch[0], expires=profile.expires, now=self._clock())
        rejected: AuthenticationFailed | None = None
        notify: NotifyReceived | None = None
        active = False
        until = self._clock() + _STEP_SECONDS
        while not (active and notify) and (events := await self._turn(socket, until)) is not None:
            for event in events:
                match event:
                    case AuthenticationFailed():
                        rejected = event
                    case NotifyReceived():
                        notify = event
                    case SubscriptionActive():
                        active = True
                    case SubscriptionEnded(reason="unauthorized"):
                        raise self._failed(self._why_rejected(rejected))
                    case SubscriptionEnded():
                        self._say_refused(event)
                        raise _Failed
        if not active:
            raise self._failed(
                Diagnosis(
                    _("%(host)s does not answer to SIP.") % {"host": profile.host},
                    _("It opens WebSockets, but a SUBSCRIBE gets no answer: check the server's log, and the domain."),
                )
            )
        self._say_login()
        self._ok(_("The server lets us watch the calls of this line."))
        self._say_notify(notify)
        core.unsubscribe(name, self._clock())
        until = self._clock() + _FAREWELL_SECONDS
        while (events := await self._turn(socket, until)) is not None:
            if any(isinstance(event, SubscriptionEnded) for event in events):
                return

    async def _turn(self, socket: ClientConnection, until: float) -> list[SipEvent] | None:
        """Send what waits, take one message or timer, and return what happened; None when the time is over."""
        core = self._core
        for frame in core.data_to_send():
            self._challenged = self._challenged or b"\r\nAuthorization:" in frame or b"-Authorization:" in frame
            await socket.send(frame, text=True)
        timer = core.get_timer()
        try:
            async with asyncio.timeout_at(until if timer is None else min(until, timer)):
                received = await socket.recv(decode=False)
        except TimeoutError:
            if self._clock() >= until:
                return None
            core.handle_timer(self._clock())
        else:
            core.receive_message(received, self._clock())
        return core.events()

    def _why_rejected(self, rejected: AuthenticationFailed | None) -> Diagnosis:
        host, domain = self._profile.host, self._profile.domain
        realm = rejected.realm if rejected is not None else ""
        if rejected is not None and rejected.why == "unsupported":
            return Diagnosis(
                _("%(host)s asks for the password in a way that is not known here.") % {"host": host},
                _("Let the server offer digest with MD5, SHA-256 or SHA-512-256."),
            )
        advice = _("Check both; SIP servers do not say which of the two is wrong.")
        if realm and realm != domain:
            advice += " " + _(
                "It asks for the realm “%(realm)s”, and the line's domain is “%(domain)s”: check the domain, too."
            ) % {"realm": realm[:100], "domain": domain}
        return Diagnosis(_("%(host)s does not accept the user name and password.") % {"host": host}, advice)

    def _say_login(self) -> None:
        if self._challenged:
            self._ok(_("The server accepts the user name and password."))
        else:
            self._ok(
                _("The server asks for no password."), _("Anybody may watch calls there. Let the server ask for one.")
            )

    def _say_refused(self, event: SubscriptionEnded) -> None:
        """The server answered, but does not let us watch."""
        why = diagnose_refusal(event, self._profile.host)
        if event.status == 403 and self._challenged:
            # FreeSWITCH answers so to a wrong password, others to one that is right.
            self._add(StepOutcome.SKIPPED, _("The server does not say whether it accepts the password."), "")
            also = _("Some servers answer so (403) to a wrong password as well: check it, too.")
            why = Diagnosis(why.sentence, f"{why.advice} {also}")
        elif self._challenged:
            self._say_login()
        else:
            self._add(StepOutcome.SKIPPED, _("The server refused before it asked for a password."), "")
            why = Diagnosis(why.sentence, f"{why.advice} {_('Is the domain one of the server’s?')}")
        self.fail(why)

    def _say_notify(self, notify: NotifyReceived | None) -> None:
        if notify is None:
            self.fail(
                Diagnosis(
                    _("No NOTIFY came within %(n)s seconds.") % {"n": round(_STEP_SECONDS)},
                    _(
                        "The server takes subscriptions but sends no call state back over this WebSocket. Check how it "
                        "routes to Contact addresses behind WebSockets."
                    ),
                )
            )
        elif notify.state == "pending":
            self.fail(
                Diagnosis(
                    _("The subscription waits for somebody's permission (pending)."),
                    _("Let the server grant it by itself."),
                )
            )
        else:
            self._ok(_("Call state arrives."))


def _closed(error: ConnectionClosed, host: str) -> Diagnosis:
    return Diagnosis(
        diagnose(error, host=host).sentence, _("Look into the server's log for what it does not like about us.")
    )
