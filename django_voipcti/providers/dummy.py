"""A provider without a network: it can do everything, does nothing, and remembers what it was asked.

For the tests of hosts and of this package, and for a first look without a telephony account::

    VOIPCTI = {"PROVIDERS": {"default": {"BACKEND": "django_voipcti.providers.dummy.DummyProvider"}}}

A test asks ``providers["default"].commands`` what was asked of it, prepares failures with ``fail``, and makes words
about calls with ``update`` (for the journal) or ``delivery`` (a webhook that says the same).
"""

import hashlib
import hmac
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import Enum
from itertools import count
from typing import Any

from django.core.checks import CheckMessage, Error
from django.utils import timezone
from django.utils.translation import gettext as _

from django_voipcti.enums import CallState, Direction, EndReason, Source
from django_voipcti.events import CallReference, CallUpdate, Party
from django_voipcti.exceptions import AuthenticationFailed, ProviderError, ProviderRejected, WebhookRejected
from django_voipcti.redaction import PhoneNumber, Secret

from .base import (
    Account,
    BaseProvider,
    Colleague,
    Credentials,
    Report,
    SecondFactor,
    SipPort,
    Sound,
    load_json,
)

__all__ = ["Command", "DummyProvider"]

#: Passwords and keys with this text are refused.
WRONG = "wrong"
#: A password with this text asks for a second factor; the code is :data:`CODE`.
NEEDS_CODE = "needs-code"
CODE = "123456"

#: Bytes of a recording that come at once.
_CHUNK = 4096

_MOMENTS = frozenset({"occurred_at", "started_at", "answered_at", "ended_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something that the provider was asked."""

    action: str
    """Name of the provider's method."""
    account: str
    """Key of the line."""
    external_id: str = ""
    """The call that was meant; empty for a new one."""
    number: PhoneNumber = field(default=PhoneNumber(""))
    """The number to be called, or to be transferred to."""
    consultation: str = ""
    """The second call of an attended transfer."""


class DummyProvider(BaseProvider):
    """Does what it is asked, at once and in memory.

    OPTIONS:

    ``without``
        Capability flags to switch off, e.g. ``["supports_hold"]``, to see how pages show a lesser provider.
    ``webhook_secret``
        One secret or a list; deliveries carry it in the header ``X-Dummy-Secret``.
    ``colleagues``
        Mapping of extension to name, the directory.
    """

    display_name = "Dummy"

    supports_password_login = True
    supports_api_key = True
    supports_second_factor = True
    supports_sip_events = False  # there is no server to connect to
    supports_webhooks = True
    supports_history = True
    supports_recordings = True
    supports_live_calls = True
    supports_directory = True
    supports_nodes = True
    supports_place = True
    supports_answer = True
    supports_hold = True
    shows_hold = True
    supports_blind_transfer = True
    supports_attended_transfer = True
    supports_hang_up = True

    known_options = BaseProvider.known_options | {"without", "webhook_secret", "colleagues"}
    keep_alive_interval = 600.0

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        for capability in self.options.get("without", ()):
            if capability in self.capabilities():
                setattr(self, capability, False)
        self._lock = threading.Lock()
        self._failures: dict[str, deque[Exception]] = {}
        self._ids = count(1)
        #: What was asked, oldest first.
        self.commands: list[Command] = []
        #: What :meth:`live_calls` answers.
        self.live: list[CallUpdate] = []
        #: What :meth:`history` answers, within the times that it is asked for.
        self.past: list[CallUpdate] = []
        #: What :meth:`open_recording` plays, by name.
        self.sounds: dict[str, bytes] = {}

    def check(self) -> list[CheckMessage]:
        return [
            Error(
                f"VOIPCTI['PROVIDERS'][{self.alias!r}]['OPTIONS']['without'] names no capability: {name!r}.",
                hint=f"Capabilities: {', '.join(self.capabilities())}.",
                id="voipcti.dummy.E001",
            )
            for name in self.options.get("without", ())
            if name not in self.capabilities()
        ]

    # --- for tests ----------------------------------------------------------------------------------------------

    def fail(self, action: str, *errors: ProviderError) -> None:
        """Let the next calls of the method ``action`` raise ``errors``, one each."""
        with self._lock:
            self._failures.setdefault(action, deque()).extend(errors)

    def update(self, *, account: str, external_id: str, state: CallState, **details: Any) -> CallUpdate:
        """A word about a call, as a webhook would say it. ``details`` are further fields of :class:`CallUpdate`."""
        now = details.pop("observed_at", None) or timezone.now()
        details.setdefault("direction", Direction.INBOUND)
        details.setdefault("occurred_at", now)
        details.setdefault("source", Source.WEBHOOK)
        details.setdefault("key", f"{self.alias}-{next(self._ids)}")
        return CallUpdate(
            provider=self.alias, account=account, external_id=external_id, observed_at=now, state=state, **details
        )

    def delivery(self, update: CallUpdate) -> tuple[dict[str, str], bytes]:
        """Headers (lower case) and body of a webhook delivery that :meth:`parse_webhook` reads as ``update``."""
        secrets = self._secrets()
        headers = {"x-dummy-secret": str(secrets[0])} if secrets else {}
        headers["content-type"] = "application/json"
        return headers, json.dumps(_written(update)).encode()

    def _asked(
        self,
        action: str,
        account: str,
        *,
        external_id: str = "",
        number: PhoneNumber = PhoneNumber(""),  # noqa: B008  immutable
        consultation: str = "",
    ) -> None:
        with self._lock:
            self.commands.append(
                Command(
                    action=action, account=account, external_id=external_id, number=number, consultation=consultation
                )
            )
            prepared = self._failures.get(action)
            if prepared:
                raise prepared.popleft()

    # --- accounts -----------------------------------------------------------------------------------------------

    async def login(
        self, *, username: str, password: Secret, options: Mapping[str, str] | None = None
    ) -> Credentials | SecondFactor:
        self.require("supports_password_login")
        self._asked("login", username)
        if password == NEEDS_CODE and self.supports_second_factor:
            return SecondFactor(nonce=username)
        return self._accept(username, password)

    async def login_with_key(self, *, api_key: Secret) -> Credentials:
        """Takes ``user:key``."""
        self.require("supports_api_key")
        user, colon, key = api_key.partition(":")
        self._asked("login_with_key", user if colon else "")
        return self._accept(user, Secret(key))

    async def complete_second_factor(self, *, code: Secret, nonce: str) -> Credentials:
        self.require("supports_second_factor")
        self._asked("complete_second_factor", nonce)
        return self._accept(nonce, Secret(WRONG if code != CODE else code))

    def _accept(self, username: str, secret: Secret) -> Credentials:
        if not username or not secret or secret == WRONG:
            raise AuthenticationFailed(_("The user name or the password is wrong. Check them and try again."))
        account = username.partition("@")[0]
        return Credentials(
            account=account,
            secrets={"token": Secret(f"dummy-token-of-{account}")},
            display_name=account.replace(".", " ").title(),
            extension=account if account.isdecimal() else "",
        )

    async def logout(self, account: Account) -> None:
        self._asked("logout", account.key)

    async def keep_alive(self, account: Account) -> None:
        self._asked("keep_alive", account.key)

    def node_account(self, kind: str, key: str) -> str:
        self.require("supports_nodes")
        return f"{kind}-{key}"

    async def directory(self, account: Account) -> Sequence[Colleague]:
        self.require("supports_directory")
        self._asked("directory", account.key)
        listed = self.options.get("colleagues", {})
        return [
            Colleague(account=str(extension), name=name, extension=str(extension))
            for extension, name in listed.items()
            if str(extension) != account.extension
        ]

    # --- call state ---------------------------------------------------------------------------------------------

    async def live_calls(self, account: Account) -> Sequence[CallUpdate]:
        self.require("supports_live_calls")
        self._asked("live_calls", account.key)
        return [update for update in self.live if update.account == account.key]

    async def history(self, account: Account, *, since: datetime, until: datetime) -> AsyncIterator[CallUpdate]:
        self.require("supports_history")
        self._asked("history", account.key)
        for update in sorted(self.past, key=_began):
            if update.account == account.key and since <= _began(update) < until:
                yield update

    async def open_recording(self, account: Account, recording: str, *, start: int = 0) -> Sound:
        self.require("supports_recordings")
        self._asked("open_recording", account.key)
        sound = self.sounds.get(recording)
        if sound is None:
            raise ProviderRejected(_("There is no such recording."), status=404)

        async def chunks() -> AsyncIterator[bytes]:
            for begin in range(start, len(sound), _CHUNK):
                yield sound[begin : begin + _CHUNK]

        async def close() -> None:
            pass

        return Sound(content_type="audio/mpeg", size=len(sound), start=start, chunks=chunks(), close=close)

    # --- webhooks -----------------------------------------------------------------------------------------------

    def authenticate_webhook(self, *, headers: Mapping[str, str], body: bytes) -> None:
        self.require("supports_webhooks")
        given = headers.get("x-dummy-secret", "").encode()
        if not sum(hmac.compare_digest(given, secret.encode()) for secret in self._secrets()):
            raise WebhookRejected(_("The delivery does not carry the secret of this webhook."), status=401)

    def webhook_id(self, *, headers: Mapping[str, str], body: bytes) -> str:
        self.require("supports_webhooks")
        return hashlib.sha256(body).hexdigest()

    def parse_webhook(self, *, headers: Mapping[str, str], body: bytes, received_at: datetime) -> list[CallUpdate]:
        self.require("supports_webhooks")
        try:
            update = _read(load_json(body), provider=self.alias, received_at=received_at)
        except (ValueError, TypeError, KeyError, AttributeError):
            return []
        return [update]

    def _secrets(self) -> list[Secret]:
        given: str | Iterable[str] = self.options.get("webhook_secret") or ()
        return [Secret(secret) for secret in ([given] if isinstance(given, str) else given)]

    # --- control ------------------------------------------------------------------------------------------------

    async def place_call(
        self, account: Account, *, call: int, number: PhoneNumber, report: Report, sip: SipPort | None = None
    ) -> None:
        self.require("supports_place")
        await self._place(account, call=call, number=number, report=report, action="place_call")

    async def _place(
        self, account: Account, *, call: int, number: PhoneNumber, report: Report, action: str, external_id: str = ""
    ) -> None:
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
        self._asked(action, account.key, external_id=external_id, number=number)
        accepted = replace(
            requested,
            external_id=f"dummy-{next(self._ids)}",
            state=CallState.ACCEPTED,
            observed_at=timezone.now(),
        )
        await report(accepted)

    async def answer(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        self.require("supports_answer")
        self._asked("answer", account.key, external_id=call.external_id)

    async def hold(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        self.require("supports_hold")
        self._asked("hold", account.key, external_id=call.external_id)

    async def resume(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        self.require("supports_hold")
        self._asked("resume", account.key, external_id=call.external_id)

    async def transfer(
        self, account: Account, call: CallReference, *, number: PhoneNumber, sip: SipPort | None = None
    ) -> None:
        self.require("supports_blind_transfer")
        self._asked("transfer", account.key, external_id=call.external_id, number=number)

    async def consult(
        self,
        account: Account,
        call: CallReference,
        *,
        consultation: int,
        number: PhoneNumber,
        report: Report,
        sip: SipPort | None = None,
    ) -> None:
        self.require("supports_attended_transfer")
        await self._place(
            account, call=consultation, number=number, report=report, action="consult", external_id=call.external_id
        )

    async def complete_transfer(
        self, account: Account, call: CallReference, consultation: CallReference, *, sip: SipPort | None = None
    ) -> None:
        self.require("supports_attended_transfer")
        self._asked(
            "complete_transfer",
            account.key,
            external_id=call.external_id,
            consultation=consultation.external_id,
        )

    async def hang_up(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        self.require("supports_hang_up")
        self._asked("hang_up", account.key, external_id=call.external_id)


def _began(update: CallUpdate) -> datetime:
    return update.started_at or update.occurred_at or update.observed_at


def _written(update: CallUpdate) -> dict[str, Any]:
    """What an update says, as JSON-able values; fields that say nothing are left out."""
    values: dict[str, Any] = {}
    for spec in fields(update):
        value = getattr(update, spec.name)
        if spec.name in {"provider", "observed_at", "raw", "call", "source"} or not value:
            continue
        if isinstance(value, Party):
            value = {"number": str(value.number), "name": value.name, "account": value.account}
        elif isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, Enum):
            value = value.value
        values[spec.name] = value
    return values


def _read(values: Mapping[str, Any], *, provider: str, received_at: datetime) -> CallUpdate:
    """The reverse of :func:`_written`. Raises ``ValueError``, ``TypeError`` or ``KeyError`` for anything else."""
    details: dict[str, Any] = {
        name: datetime.fromisoformat(value) for name, value in values.items() if name in _MOMENTS
    }
    for name in ("own", "other"):
        party = values.get(name, {})
        details[name] = Party(
            number=PhoneNumber(party.get("number", "")), name=party.get("name", ""), account=party.get("account", "")
        )
    for name in ("conversation_id", "cause", "context", "recording", "key"):
        details[name] = str(values.get(name, ""))
    return CallUpdate(
        provider=provider,
        account=str(values["account"]),
        external_id=str(values["external_id"]),
        source=Source.WEBHOOK,
        observed_at=received_at,
        state=CallState(values["state"]),
        direction=Direction(values["direction"]) if "direction" in values else None,
        end_reason=EndReason(values["end_reason"]) if "end_reason" in values else None,
        raw=dict(values),
        **details,
    )
