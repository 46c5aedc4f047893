"""VoIPstudio: REST for control and history, SIP over WebSocket for call state, webhooks for both.

The interface is the one at https://voipstudio.com/docs/api/introduction/ (v1.2). Where its documents and its live
service differ, and what this package makes of it, stands in docs/providers/voipstudio.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any
from urllib.parse import quote

from django.core.checks import CheckMessage
from django.utils import timezone
from django.utils.translation import gettext as _

from django_voipcti.enums import CallState, Direction, Source
from django_voipcti.events import CallReference, CallUpdate, Party
from django_voipcti.exceptions import (
    AuthenticationFailed,
    CallNotFound,
    PhoneNotRegistered,
    ProviderError,
    ProviderProtocolError,
    ProviderRejected,
)
from django_voipcti.providers.base import (
    Account,
    BaseProvider,
    Colleague,
    Credentials,
    DialogIdentity,
    DialogView,
    Report,
    SecondFactor,
    SipPort,
    SipProfile,
    Sound,
)
from django_voipcti.redaction import PhoneNumber, Secret

from . import mapping, options, records, webhooks
from .client import RestClient
from .sound import open_sound

__all__ = ["VoipStudioProvider"]

#: Names under which a line's secrets are kept.
TOKEN, TOKEN_KIND, SIP_PASSWORD, SIP_DOMAIN = "token", "token_kind", "sip_password", "sip_domain"

#: Values of ``token_kind``: minted by us, the user's own API key, or the session of a login.
MINTED, API_KEY, SESSION = "minted", "api_key", "session"

_DOMAIN = re.compile(r"\A[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_PAGE = 500


class VoipStudioProvider(BaseProvider):
    """A VoIPstudio customer account. A line is one of its users; its account key is the numeric user id.

    OPTIONS are listed in :mod:`.options`; none is needed to log in, ``webhook_secret`` is for webhooks.
    """

    display_name = "VoIPstudio"

    supports_password_login = True
    supports_api_key = True
    supports_second_factor = True
    supports_sip_events = True
    supports_webhooks = True
    supports_history = True
    supports_live_calls = True
    supports_recordings = True
    supports_directory = True
    supports_nodes = True
    supports_place = True
    supports_answer = True
    supports_hold = False  # the platform has no operation for it; the phone's own key works and is shown
    shows_hold = True
    supports_blind_transfer = True
    supports_attended_transfer = False
    supports_hang_up = True

    known_options = BaseProvider.known_options | options.NAMES

    #: Seconds. A session dies after 30 minutes without a request; a minted token slides 30 days further.
    keep_alive_interval = 600.0

    #: Seconds for ``POST /calls``, which is answered only when the user has picked up his own phone.
    place_timeout = 90.0

    @cached_property
    def settings(self) -> options.Options:
        """OPTIONS, read and typed. Raises ``ImproperlyConfigured``."""
        return options.read(self.alias, self.options)

    @cached_property
    def _client(self) -> RestClient:
        return RestClient(
            base_url=self.settings.api_url,
            timeout=self.settings.timeout,
            ssl_context=lambda: self._ssl_context,
            transport=self.settings.transport,
        )

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        """The system's certificate store, and the private one of ``ca_file`` if there is one."""
        context = ssl.create_default_context()
        if self.settings.ca_file:
            context.load_verify_locations(self.settings.ca_file)
        return context

    @property
    def _zone(self) -> tzinfo:
        return self.settings.time_zone

    def check(self) -> list[CheckMessage]:
        return options.check(self.alias, self.options)

    async def aclose(self) -> None:
        await self._client.aclose()

    # --- accounts -----------------------------------------------------------------------------------------------

    async def login(
        self, *, username: str, password: Secret, options: Mapping[str, str] | None = None
    ) -> Credentials | SecondFactor:
        answer = await self._authenticate("/login", {"email": username, "password": password}, private=[password])
        nonce = mapping.text(answer.get("nonce"))
        if nonce and not answer.get("user_token"):
            return SecondFactor(nonce=nonce)
        return await self._settle(self._session_token(answer), kind=SESSION)

    async def complete_second_factor(self, *, code: Secret, nonce: str) -> Credentials:
        body = {"code": code, "nonce": nonce}
        answer = await self._authenticate("/login2fa", body, private=[code, Secret(nonce)])
        return await self._settle(self._session_token(answer), kind=SESSION)

    async def login_with_key(self, *, api_key: Secret) -> Credentials:
        """Accepts ``key`` and ``user_id:key``."""
        user, colon, key = api_key.strip().rpartition(":")
        if not key or ":" in user or (colon and not user.isdecimal()):
            raise AuthenticationFailed(_("This is no VoIPstudio key. Paste it as “key” or “user id:key”."))
        return await self._settle(Secret(key), kind=API_KEY)

    async def _authenticate(
        self, path: str, body: Mapping[str, str], *, private: Sequence[Secret]
    ) -> Mapping[str, Any]:
        """Post a login; whatever the platform objects to in one concerns the credentials."""
        try:
            answer = await self._client.request("POST", path, body=body, private=private)
        except AuthenticationFailed:
            raise
        except ProviderRejected as error:
            raise AuthenticationFailed(error.message, status=error.status) from error
        return answer.fields

    def _session_token(self, answer: Mapping[str, Any]) -> Secret:
        token = mapping.text(answer.get("user_token"))
        if not token:
            raise ProviderProtocolError(_("VoIPstudio's answer to the login holds no token."))
        return Secret(token)

    async def _settle(self, token: Secret, *, kind: str) -> Credentials:
        """Exchange what the user logged in with for a token of our own, and fetch what SIP needs."""
        me = (await self._client.request("GET", "/me", token=token)).require_resource()
        account = mapping.identifier(me.get("id"))
        domain, password = mapping.text(me.get("sip_domain")), mapping.text(me.get("sip_password"))
        if not account or not password or not _DOMAIN.match(domain):
            raise ProviderProtocolError(
                _("VoIPstudio tells no user id, SIP domain or SIP password for this user. Ask its support.")
            )
        # Some accounts may not mint. The key goes on working; a session does as long as it is kept alive.
        with suppress(ProviderRejected, ProviderProtocolError):
            token, kind = await self._mint(token), MINTED
        return Credentials(
            account=account,
            secrets={
                TOKEN: token,
                TOKEN_KIND: Secret(kind),
                SIP_PASSWORD: Secret(password),
                SIP_DOMAIN: Secret(domain),
            },
            display_name=_full_name(me),
            extension=mapping.text(me.get("ext")) or await self._extension(token, account),
        )

    async def _mint(self, token: Secret) -> Secret:
        """A named token. Names are unique per user, so an older one of the same name goes first."""
        name = self.settings.token_name
        answer = await self._client.request(
            "GET", "/apitokens", token=token, params=records.filters(("name", "eq", name))
        )
        for row in answer.rows:
            if row.get("name") == name and (old := mapping.text(row.get("token"))) and old != token:
                await self._client.request("DELETE", "/apitokens", token=token, secret_segment=Secret(old))
        body = {"name": name, "expiry": options.TOKEN_SECONDS}
        minted = mapping.text(
            (await self._client.request("POST", "/apitokens", token=token, body=body)).fields.get("token")
        )
        if not minted:
            raise ProviderProtocolError(_("VoIPstudio's answer holds no API token where one is due."))
        return Secret(minted)

    async def _extension(self, token: Secret, account: str) -> str:
        """The user's short number, from the directory. Nice to have: a refusal leaves it empty."""
        try:
            async for row in self._pages("/users", token):
                if mapping.identifier(row.get("id")) == account:
                    return mapping.text(row.get("ext"))
        except ProviderError:
            return ""
        return ""

    async def logout(self, account: Account) -> None:
        """Revokes a minted token, ends a session, and leaves a user's own key alone."""
        token, kind = self._token(account), account.secrets.get(TOKEN_KIND)
        try:
            if kind == MINTED:
                await self._client.request("DELETE", "/apitokens", token=token, secret_segment=token)
            elif kind == SESSION:
                await self._client.request("POST", "/logout", token=token)
        except ProviderRejected:
            # The token is gone or dead already, which is all that a logout wants.
            return

    async def keep_alive(self, account: Account) -> None:
        """Only a 401 is :exc:`AuthenticationFailed`; trouble on the way is no logout."""
        answer = await self._client.request("GET", "/ping", token=self._token(account))
        answer.require_resource()

    async def check_account(self, account: Account) -> str:
        me = (await self._client.request("GET", "/me", token=self._token(account))).require_resource()
        if mapping.text(me.get("sip_password")) != account.secrets.get(SIP_PASSWORD):
            raise AuthenticationFailed(
                _("The API key works, but the SIP password was changed since the login. Log the line in again.")
            )
        return _("The credentials of %(name)s are accepted; call events come from %(domain)s.") % {
            "name": _full_name(me) or account.key,
            "domain": mapping.text(me.get("sip_domain")),
        }

    def node_account(self, kind: str, key: str) -> str:
        """Who may subscribe is a matter of the account."""
        return mapping.node(kind, key)

    async def directory(self, account: Account) -> Sequence[Colleague]:
        """Active users with an extension, the line's own left out."""
        colleagues = []
        async for row in self._pages("/users", self._token(account)):
            key, extension = mapping.identifier(row.get("id")), mapping.text(row.get("ext"))
            if key and extension and key != account.key and row.get("active") is not False:
                colleagues.append(Colleague(account=key, name=_full_name(row), extension=extension))
        return colleagues

    async def _pages(self, path: str, token: Secret, **params: str) -> AsyncIterator[Mapping[str, Any]]:
        """Every row of a collection, page by page. An empty page ends the walk, whatever ``total`` says."""
        seen: set[str] = set()
        page = 0
        while True:
            page += 1
            answer = await self._client.request(
                "GET", path, token=token, params={**params, "page": str(page), "limit": str(_PAGE)}
            )
            fresh = [row for row in answer.rows if mapping.text(row.get("id")) not in seen]
            for row in fresh:
                yield row
            seen.update(mapping.text(row.get("id")) for row in fresh)
            # Without a fresh row the server ignores "page", or we are past the end.
            if not fresh or (answer.total is not None and len(seen) >= answer.total):
                return

    def _token(self, account: Account) -> Secret:
        return self._secret(account, TOKEN)

    def _secret(self, account: Account, name: str) -> Secret:
        try:
            return account.secrets[name]
        except KeyError:
            raise AuthenticationFailed(_("This line has no VoIPstudio credentials yet. Log it in.")) from None

    # --- call state ---------------------------------------------------------------------------------------------

    async def sip_profile(self, account: Account) -> SipProfile:
        domain = self._secret(account, SIP_DOMAIN)
        url = self.settings.sip_url.format(domain=domain)
        return SipProfile(
            url=url,
            domain=domain,
            username=account.login or account.key,
            password=self._secret(account, SIP_PASSWORD),
            watch=(f"sip:{account.key}@{domain}",),
            ssl_context=await asyncio.to_thread(lambda: self._ssl_context) if url.startswith("wss:") else None,
        )

    def identify_dialog(self, account: Account, dialog: DialogView) -> DialogIdentity | None:
        """A dialog id is ``<call id>-<leg>``; the call id is the one of REST and webhooks."""
        call_id = mapping.identifier(dialog.id.partition("-")[0])
        if not call_id:
            return None
        params = dialog.local.params if dialog.local else {}
        return DialogIdentity(
            external_id=call_id,
            started_at=mapping.moment(params.get("timestamp.start"), self._zone),
            context=mapping.context(params.get("context")),
        )

    def read_party(self, number: str, name: str, *, dialled: bool = False) -> Party:
        """Numbers come without their plus here, too, and names may carry a ring group's.

        The "name" of an outside number that was dialled is its tariff zone, as in REST answers; see `mapping.parties`.
        """
        shown = mapping.phone_number(number)
        is_zone = dialled and shown.startswith("+")
        return Party(number=shown, name="" if is_zone else mapping.display_name(name))

    async def live_calls(self, account: Account) -> Sequence[CallUpdate]:
        now = timezone.now()
        updates = []
        answer = await self._client.request("GET", "/calls", token=self._token(account))
        for row in answer.rows:
            update = records.live_call(row, provider=self.alias, account=account.key, zone=self._zone, now=now)
            if update is not None:
                updates.append(update)
        return updates

    async def history(self, account: Account, *, since: datetime, until: datetime) -> AsyncIterator[CallUpdate]:
        params = records.filters(
            ("user_id", "eq", account.key),
            ("calldate", "gte", mapping.date_text(since, self._zone)),
            ("calldate", "lt", mapping.date_text(until, self._zone)),
        )
        rows = self._pages("/cdrs", self._token(account), sort="id", dir="ASC", **params)
        async for row in rows:
            update = records.ended_call(
                row, provider=self.alias, account=account.key, zone=self._zone, now=timezone.now()
            )
            if update is not None:
                yield update

    async def recordings(self, account: Account, *, since: datetime, until: datetime) -> AsyncIterator[CallUpdate]:
        params = records.filters(
            ("timestamp", "gte", mapping.date_text(since, self._zone)),
            ("timestamp", "lt", mapping.date_text(until, self._zone)),
        )
        try:
            async for row in self._pages("/monitors", self._token(account), sort="id", dir="ASC", **params):
                update = records.recording(row, provider=self.alias, account=account.key, now=timezone.now())
                if update is not None:
                    yield update
        except AuthenticationFailed:
            raise
        except ProviderRejected:
            # Recording is a paid feature, and listing needs a right of its own: the history is whole without it.
            return

    async def open_recording(self, account: Account, recording: str, *, start: int = 0) -> Sound:
        return await open_sound(self._client, recording, token=self._token(account), start=start)

    # --- webhooks -----------------------------------------------------------------------------------------------

    def authenticate_webhook(self, *, headers: Mapping[str, str], body: bytes) -> None:
        webhooks.authenticate(headers, secrets=self.settings.webhook_secrets)

    def webhook_id(self, *, headers: Mapping[str, str], body: bytes) -> str:
        return webhooks.delivery_id(body)

    def parse_webhook(self, *, headers: Mapping[str, str], body: bytes, received_at: datetime) -> list[CallUpdate]:
        return webhooks.parse(body, provider=self.alias, zone=self._zone, received_at=received_at)

    # --- control ------------------------------------------------------------------------------------------------

    async def place_call(
        self, account: Account, *, call: int, number: PhoneNumber, report: Report, sip: SipPort | None = None
    ) -> None:
        """After :exc:`ProviderUnavailable` the call may exist none the less: never repeat it by yourself."""
        token = self._token(account)
        requested = CallUpdate(
            provider=self.alias,
            account=account.key,
            external_id="",
            call=call,
            source=Source.REST,
            observed_at=timezone.now(),
            state=CallState.INITIAL,
            direction=Direction.OUTBOUND,
            own=Party(number=PhoneNumber(account.extension), account=account.key),
            other=Party(number=number),
        )
        await report(requested)
        try:
            answer = await self._client.request(
                "POST", "/calls", token=token, body={"to": mapping.dialled(number)}, timeout=self.place_timeout
            )
        except AuthenticationFailed:
            raise
        except ProviderRejected as error:
            raise _not_placed(error) from error
        row = answer.fields if answer.status == 201 else answer.require_resource()
        await report(records.placed_call(row, requested, number=number, zone=self._zone, now=timezone.now()))

    async def answer(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        await self._change(account, call, {"state": "CONNECTED"})

    async def transfer(
        self, account: Account, call: CallReference, *, number: PhoneNumber, sip: SipPort | None = None
    ) -> None:
        await self._change(account, call, {"dst": mapping.dialled(number)})

    async def hang_up(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        try:
            await self._client.request("DELETE", self._call_path(call), token=self._token(account))
        except ProviderRejected as error:
            if error.status != 404:
                raise

    async def _change(self, account: Account, call: CallReference, body: Mapping[str, str]) -> None:
        try:
            await self._client.request("PATCH", self._call_path(call), token=self._token(account), body=body)
        except ProviderRejected as error:
            if error.status != 404:
                raise
            raise CallNotFound(_("This call is over."), status=404) from error

    def _call_path(self, call: CallReference) -> str:
        if not call.external_id:
            raise CallNotFound(_("VoIPstudio has not named this call yet. Try again in a moment, or use the phone."))
        return f"/calls/{quote(call.external_id, safe='')}"


def _not_placed(error: ProviderRejected) -> ProviderRejected:
    """What a refused click-to-call means for the call, by status."""
    if error.status == 412:
        return PhoneNotRegistered(
            _("None of your phones is registered at VoIPstudio. Start your phone or softphone and try again."),
            status=error.status,
        )
    reason = mapping.place_failure(error.status)
    return ProviderRejected(error.message, status=error.status, end_reason=reason)


def _full_name(row: Mapping[str, Any]) -> str:
    names = (mapping.text(row.get("first_name")), mapping.text(row.get("last_name")))
    return " ".join(name for name in names if name)
