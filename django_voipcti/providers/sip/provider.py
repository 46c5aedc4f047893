"""Generic SIP. RFC 7118 (WebSocket), 4235 (dialog events), 3515 (REFER); what real servers do: docs/providers."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx2
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from ...events import CallReference
from ...exceptions import ProviderRejected, ProviderUnavailable
from ...redaction import PhoneNumber, Secret
from ...sip.events import RequestAnswered, RequestRejected
from ...sip.uri import SipUri, escape_user
from ...transport.probe import probe
from ..base import (
    AGAIN,
    Account,
    BaseProvider,
    Credentials,
    DialogIdentity,
    DialogView,
    LoginField,
    ProbeStep,
    Report,
    SipPort,
    SipProfile,
    StepOutcome,
)
from . import accounts, mapping
from . import options as sip_options
from .click_to_call import ClickToCall
from .kamailio import KamailioRpc

__all__ = ["SipProvider"]

#: How many of our own legs (never shown as calls), and of the phones' calls, are remembered.
_REMEMBERED = 1000

#: Characters of a line's short number.
_LONGEST_EXTENSION = 20

#: Seconds for a phone to answer a request outside of dialogs.
_ANSWER_TIME = 10.0


class SipProvider(BaseProvider):
    """One SIP server. What it can do beyond showing calls depends on its OPTIONS, so flags are set per instance.

    Args:
        transport: in place of the network to the server's control interface, for tests.
    """

    display_name = "SIP"
    known_options = sip_options.NAMES

    supports_password_login = True
    supports_sip_events = True

    def __init__(
        self, alias: str, options: Mapping[str, Any], *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(alias, options)
        self._transport = transport
        self._options = read = sip_options.read(options)
        # Our own leg can always be ended; whether the phone's own calls can be is said when it is asked for.
        self.supports_place = bool(read.cti_user)  # type: ignore[misc]
        self.supports_hang_up = bool(read.cti_user or read.kamailio_rpc_url or read.phones_obey_refer)  # type: ignore[misc]
        self.supports_answer = self.supports_hold = read.phones_obey_events  # type: ignore[misc]
        self.supports_blind_transfer = read.phones_obey_refer  # type: ignore[misc]
        self.shows_hold = read.server_shows_hold  # type: ignore[misc]
        self._own_legs: OrderedDict[str, None] = OrderedDict()
        self._dialled: OrderedDict[tuple[str, str], None] = OrderedDict()
        #: By the key of the line: the last call that its phone has taken over from us, and where calls have no Call-ID
        #: the id of the dialog that shows our leg, in which it goes on.
        self._taken_over: dict[str, int] = {}
        self._legs_dialog: dict[str, str] = {}
        #: Clicks under way that want to know of calls which the phone begins, by the key of the line.
        self._clicks: dict[str, list[asyncio.Event]] = {}

    def check(self) -> list[CheckMessage]:
        """What is wrong with the OPTIONS."""
        return sip_options.check(self.alias, self._options)

    # --- accounts -----------------------------------------------------------------------------------------------

    def login_fields(self, options: Mapping[str, Any] | None = None) -> Sequence[LoginField]:
        """User name and password; the server, too, where the OPTIONS leave it to the lines."""
        return accounts.login_fields(self._options, options or {})

    async def login(self, *, username: str, password: Secret, options: Mapping[str, str] | None = None) -> Credentials:
        """Try user name and password at the server, since with a CTI user nothing else ever would.

        Somebody who may log lines in could have the calls of any extension shown otherwise.
        """
        own = accounts.read_server(self._options, options or {})
        user = accounts.read_user(username, own["domain"] or self._options.domain)
        # Users of several servers have the same names.
        key = f"{user}@{own['domain']}" if own["url"] else user
        account = Account(line=0, key=key, secrets={"password": password}, options=own)
        accounts.judge(await probe(self._own_profile(account)), login_only=True)
        return Credentials(
            account=key,
            extension=user if len(user) <= _LONGEST_EXTENSION else "",
            secrets=account.secrets,
            options=own if options else {},
        )

    async def check_account(self, account: Account) -> str:
        accounts.judge(await self.probe(account))
        return _("The server accepts this line and sends its call state.")

    async def probe(self, account: Account) -> list[ProbeStep]:
        """The way of the bridge; with a CTI user, whether the line's own password is right as well."""
        try:
            profile, own = await self.sip_profile(account), self._own_profile(account)
        except ImproperlyConfigured as error:
            return [ProbeStep(name="settings", outcome=StepOutcome.FAILED, sentence=str(error))]
        if not self._has_cti(account):
            return await probe(profile)
        steps, of_line = await asyncio.gather(probe(profile), probe(own))
        label = _("Login of the CTI user")
        steps = [replace(step, label=label) if step.name == "login" else step for step in steps]
        line_login = next(step for step in of_line if step.name == "login")
        return [*steps, replace(line_login, name="line-login", label=_("Login of the line"))]

    # --- call state ---------------------------------------------------------------------------------------------

    async def sip_profile(self, account: Account) -> SipProfile:
        """The server of the line. With a CTI user, all lines of one server share his connection."""
        own = self._own_profile(account)
        if not self._has_cti(account):
            return own
        return replace(own, username=self._options.cti_user, password=self._options.cti_password, auth_username="")

    def _own_profile(self, account: Account) -> SipProfile:
        """The line's server, by the line's own name and password."""
        url, domain = self._server(account)
        return SipProfile(
            url=url,
            domain=domain,
            username=self._user(account),
            password=account.secrets.get("password", Secret("")),
            auth_username=str(account.options.get("auth_username", "")),
            watch=(self._address(account, self._user(account)),),
            expires=self._options.expires,
            ssl_context=sip_options.ssl_context(url, self._options, show_certificate=self._is_shown_ours(account)),
        )

    def identify_dialog(self, account: Account, dialog: DialogView) -> DialogIdentity | None:
        """A call by its dialog id, its conversation by Call-ID; our own legs are hidden.

        Servers that give no Call-ID use one id per extension, again and again. There the call that the phone has taken
        over goes on in the dialog of our leg.
        """
        if dialog.call_id in self._own_legs or self._is_cti(dialog):
            if dialog.call_id is not None:
                return None
            self._legs_dialog[account.key] = dialog.id
            call = self._taken_over.get(account.key)
            return None if call is None else DialogIdentity(external_id=self._name(account, call), call=call)
        if dialog.direction == "initiator" and self._is_new(account, dialog):
            for click in self._clicks.get(account.key, ()):
                click.set()
        return DialogIdentity(
            external_id=dialog.id, conversation_id=dialog.call_id or "", once=dialog.call_id is not None
        )

    # --- control ------------------------------------------------------------------------------------------------

    async def place_call(
        self, account: Account, *, call: int, number: PhoneNumber, report: Report, sip: SipPort | None = None
    ) -> None:
        """See :class:`~django_voipcti.providers.sip.click_to_call.ClickToCall`."""
        self.require("supports_place")
        if not self._has_cti(account):
            raise ProviderRejected(
                _("Your line has a server of its own, on which nothing can place calls for you. Dial on your phone.")
            )
        self._taken_over.pop(account.key, None)
        self._legs_dialog.pop(account.key, None)
        dialled = asyncio.Event()
        clicks = self._clicks.setdefault(account.key, [])
        clicks.append(dialled)
        try:
            await self._click(account, call, number, report, _connected(sip), dialled)
        finally:
            clicks.remove(dialled)

    async def _click(
        self, account: Account, call: int, number: PhoneNumber, report: Report, sip: SipPort, dialled: asyncio.Event
    ) -> None:
        await ClickToCall(
            account,
            alias=self.alias,
            call=call,
            phone=self._address(account, self._user(account)),
            target=self._address(account, number),
            ring_time=self._options.ring_time,
            auto_answer=self._options.auto_answer,
            report=report,
            sip=sip,
            dialled=dialled,
            own=self._remember,
            name=lambda: self._name(account, call),
        ).run()
        self._taken_over[account.key] = call

    async def answer(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        """Ask the phone to pick up."""
        self.require("supports_answer")
        await self._tell_phone(account, "NOTIFY", _event("talk"), sip)

    async def hold(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        """Ask the phone to hold."""
        self.require("supports_hold")
        await self._tell_phone(account, "NOTIFY", _event("hold"), sip)

    async def resume(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        """Ask the phone to talk again."""
        self.require("supports_hold")
        await self._tell_phone(account, "NOTIFY", _event("talk"), sip)

    async def transfer(
        self, account: Account, call: CallReference, *, number: PhoneNumber, sip: SipPort | None = None
    ) -> None:
        """Ask the phone to send its call elsewhere (RFC 4538)."""
        self.require("supports_blind_transfer")
        if not _call_id(call):
            raise ProviderRejected(
                _("The telephone server does not tell which call of your phone it is. Use it by hand.")
            )
        await self._refer_phone(account, call, f"<{self._address(account, number)}>", sip)

    async def hang_up(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        """End a call by the server or by the phone, as far as they can. Our own leg is ended by the bridge."""
        self.require("supports_hang_up")
        call_id = _call_id(call)
        if self._options.kamailio_rpc_url and call_id and self._is_at_home(account):
            await KamailioRpc(self._options.kamailio_rpc_url, transport=self._transport).end_call(call_id)
        elif self._options.phones_obey_refer and call_id:
            await self._refer_phone(account, call, f"<{self._address(account, self._user(account))};method=BYE>", sip)
        else:
            raise ProviderRejected(_("This call is your phone's own: put down the receiver to end it."))

    # --- small rules --------------------------------------------------------------------------------------------

    def _server(self, account: Account) -> tuple[str, str]:
        url = str(account.options.get("url") or self._options.url)
        domain = str(account.options.get("domain") or self._options.domain)
        if not url or not domain:
            raise ImproperlyConfigured(
                _("No SIP server is set for this line: enter address and domain, or set url and domain in OPTIONS.")
            )
        if not sip_options.is_websocket_address(url):
            raise ImproperlyConfigured(
                _("The server address %(url)s of this line is not one of the form wss://host:port/path. Correct it.")
                % {"url": url}
            )
        return url, domain

    def _is_at_home(self, account: Account) -> bool:
        """Whether the line is at the server of the OPTIONS: no other one gets anything of what they hold."""
        return self._server(account) == (self._options.url, self._options.domain)

    def _is_shown_ours(self, account: Account) -> bool:
        """Whether the line's server is shown our client certificate."""
        return not self._options.url or self._is_at_home(account)

    def _has_cti(self, account: Account) -> bool:
        """Whether the CTI user watches the line and places its calls."""
        return bool(self._options.cti_user) and self._is_at_home(account)

    def _user(self, account: Account) -> str:
        """The line's user at its server; lines at servers of their own are known by the complete address."""
        return account.key.removesuffix(f"@{self._server(account)[1]}")

    def _address(self, account: Account, user: str) -> str:
        """The SIP URI of a user or a number at the line's server; a complete URI stays as it is."""
        if user.startswith(("sip:", "sips:")):
            return SipUri.parse(user)
        return f"sip:{escape_user(user)}@{self._server(account)[1]}"

    def _is_cti(self, dialog: DialogView) -> bool:
        """Whether the other end is our CTI user: a leg of ours from before this process began, or of another bridge."""
        uri = dialog.remote.identity_uri if dialog.remote is not None else ""
        return bool(uri and self._options.cti_user) and SipUri(uri).user == self._options.cti_user

    def _is_new(self, account: Account, dialog: DialogView) -> bool:
        """Whether a call of the phone's is heard of for the first time."""
        key = (account.key, dialog.id)
        if key in self._dialled:
            return False
        _note(self._dialled, key)
        return True

    def _name(self, account: Account, call: int) -> str:
        """The id of a call that was taken over, by which the next bridge finds it; empty where its dialog has one."""
        dialog = self._legs_dialog.get(account.key)
        return "" if dialog is None else f"{dialog}{AGAIN}c{call}"

    def _remember(self, call_id: str) -> None:
        _note(self._own_legs, call_id)

    async def _refer_phone(self, account: Account, call: CallReference, refer_to: str, sip: SipPort | None) -> None:
        headers = (("Refer-To", refer_to), ("Target-Dialog", _call_id(call)), ("Refer-Sub", "false"))
        await self._tell_phone(account, "REFER", headers, sip)

    async def _tell_phone(
        self, account: Account, method: str, headers: tuple[tuple[str, str], ...], sip: SipPort | None
    ) -> None:
        """Send one request to the user's phone, outside of dialogs, and wait for its answer."""
        port = _connected(sip)
        phone = self._address(account, self._user(account))
        request = port.apply(lambda core, now: core.request(method, phone, headers=headers, now=now))
        events = port.listen(request)
        try:
            async with asyncio.timeout(_ANSWER_TIME):
                async for event in events:
                    match event:
                        case RequestAnswered():
                            return
                        case RequestRejected(reason="unauthorized", status=status):
                            raise ProviderRejected(str(mapping.UNAUTHORIZED), status=status)
                        case RequestRejected(status=None) | RequestRejected(status=408):
                            raise _silent()
                        case RequestRejected(status=status, reason=reason):
                            raise ProviderRejected(_refused(status, reason), status=status)
        except TimeoutError:
            raise _silent() from None


def _note(memory: OrderedDict[Any, None], item: object) -> None:
    """Remember ``item``, and forget the oldest."""
    memory[item] = None
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _call_id(call: CallReference) -> str:
    """SIP's name of a call; empty where the server shows none: then the record has its own id in that place."""
    return "" if call.conversation_id == call.external_id else call.conversation_id


def _event(name: str) -> tuple[tuple[str, str], ...]:
    return (("Event", name), ("Subscription-State", "active"))


def _connected(sip: SipPort | None) -> SipPort:
    if sip is None:
        raise ProviderUnavailable(_("Your line is not connected at the moment. Try again."))
    return sip


def _silent() -> ProviderUnavailable:
    return ProviderUnavailable(_("Your phone does not answer. Use it by hand."))


def _refused(status: int | None, reason: str) -> str:
    return _("Your phone cannot be steered from here (%(status)s %(reason)s). Use it by hand.") % {
        "status": status,
        "reason": reason,
    }
