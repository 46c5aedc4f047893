"""What every telephony provider looks like to the rest of the package.

To add one, subclass :class:`BaseProvider` in ``providers/<name>/``, answer the capability questions, and implement
the methods behind the flags that you set. A provider knows ``events``, ``enums``, ``exceptions`` and ``conf``; it never
sees a model, the journal or another provider. The conformance kit in :mod:`django_voipcti.testing` tells whether it is
right.
"""

# Long because it is one contract, which whoever implements it reads from top to bottom.

import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from django.core.checks import CheckMessage
from django.utils.translation import gettext as _

from django_voipcti.events import CallReference, CallUpdate, Party
from django_voipcti.exceptions import ProviderError, UnsupportedFeature
from django_voipcti.redaction import PhoneNumber, Secret
from django_voipcti.transport.probe import probe
from django_voipcti.transport.profile import SipProfile
from django_voipcti.transport.report import ProbeStep, StepOutcome

from .dialogs import AGAIN, DialogIdentity, DialogView, ParticipantView
from .sound import Sound

__all__ = [
    "AGAIN",
    "Account",
    "BaseProvider",
    "Colleague",
    "Credentials",
    "DialogIdentity",
    "DialogView",
    "LoginField",
    "ParticipantView",
    "ProbeStep",
    "Report",
    "SecondFactor",
    "SipPort",
    "SipProfile",
    "Sound",
    "StepOutcome",
    "load_json",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a successful login leaves behind. Stored encrypted on the line; never logged, never sent to a page."""

    account: str
    """The provider's key of the line; it appears in every :class:`CallUpdate`."""
    secrets: Mapping[str, Secret]
    """Tokens and passwords under names that only the provider reads."""
    display_name: str = ""
    """The user's name as the provider knows it."""
    extension: str = ""
    """Internal short number of the line, if the provider tells it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of this line that are no secrets; they replace those of the same name on the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginField:
    """Something that a login asks the user for."""

    name: str
    """``username``, ``password`` and ``api_key`` are the arguments of the login methods; others are ``options``.
    ``user`` and ``provider`` are taken by the page itself."""
    label: str
    secret: bool = False
    """Whether it is hidden while it is typed, and never shown again."""
    required: bool = True
    initial: str = ""
    help_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """The provider wants a code before it logs the user in."""

    nonce: str
    """Goes back with the code to :meth:`BaseProvider.complete_second_factor`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A line as its provider sees it."""

    line: int
    """Primary key of the line, for logs and for answers."""
    key: str
    """The provider's key of the line."""
    login: str = ""
    """The key of the line whose secrets these are, if it is another: nodes have none of their own."""
    extension: str = ""
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of this line that are no secrets, e.g. the server address of a self-service SIP line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """Somebody else in the customer's account, to transfer a call to."""

    account: str
    name: str
    extension: str


class SipPort(Protocol):
    """What a line's bridge connection offers to a provider that controls calls by SIP."""

    def apply(self, action: Callable[[Any, float], T]) -> T:
        """Call ``action(core, now)`` on the connection's SIP core, send what it produced, and return its result."""
        ...

    def listen(self, handle: str) -> AsyncIterator[Any]:
        """Yield the core's events that concern ``handle`` (a session or subscription id) until it ends."""
        ...


Report = Callable[[CallUpdate], Awaitable[None]]
"""How a provider tells the progress of a command while it is still at work on it."""


def load_json(body: bytes | str) -> Any:
    """Read JSON from outside into values that every database can store, for ``raw`` and the other fields of updates.

    NUL characters, halves of surrogate pairs and numbers without end are legal in what senders call JSON, and no
    database takes them. Raises ``ValueError`` for everything that is no JSON, nesting without end included.
    """

    def number(digits: str) -> float | None:
        value = float(digits)
        return value if math.isfinite(value) else None

    try:
        return _storable(json.loads(body, parse_float=number, parse_constant=lambda name: None))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


class BaseProvider:
    """A telephony service or PBX behind an alias in ``VOIPCTI["PROVIDERS"]``.

    Instances are made lazily per alias and may be used from any thread and event loop. Subclasses override what their
    flags promise; everything else answers :exc:`UnsupportedFeature` before any I/O.
    """

    #: The provider's name as it spells itself.
    display_name: ClassVar[str] = ""

    #: Can a user log in with an e-mail address (or user name) and a password?
    supports_password_login: ClassVar[bool] = False
    #: Can a user log in with an API key alone?
    supports_api_key: ClassVar[bool] = False
    #: May a login need a second factor?
    supports_second_factor: ClassVar[bool] = False
    #: Does it send call state as SIP dialog events over WebSocket?
    supports_sip_events: ClassVar[bool] = False
    #: Does it send webhooks?
    supports_webhooks: ClassVar[bool] = False
    #: Can it be asked for calls that are over?
    supports_history: ClassVar[bool] = False
    #: Does it hand out the sound of recorded calls?
    supports_recordings: ClassVar[bool] = False
    #: Can it be asked for calls that are live?
    supports_live_calls: ClassVar[bool] = False
    #: Can it list colleagues to transfer to?
    supports_directory: ClassVar[bool] = False
    #: Does it show the calls of its queues, menus and conference rooms to users that subscribe to them?
    supports_nodes: ClassVar[bool] = False
    #: Can it ring the user's own phone and then a number?
    supports_place: ClassVar[bool] = False
    #: Can it make the user's phone answer?
    supports_answer: ClassVar[bool] = False
    #: Can it hold and resume a call on request?
    supports_hold: ClassVar[bool] = False
    #: Does it show that a call was put on hold by the phone?
    shows_hold: ClassVar[bool] = False
    #: Can it transfer a call without asking the new party first?
    supports_blind_transfer: ClassVar[bool] = False
    #: Can it transfer after asking? The caller waits on hold meanwhile, so ``supports_hold`` and ``supports_hang_up``
    #: must be set as well.
    supports_attended_transfer: ClassVar[bool] = False
    #: Can it end a call?
    supports_hang_up: ClassVar[bool] = False

    #: Names that may stand in OPTIONS; a system check reports others.
    known_options: ClassVar[frozenset[str]] = frozenset({"region"})

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        self.alias = alias
        self.options = dict(options)

    @property
    def region(self) -> str:
        """Country code by which this provider's national numbers are read; empty leaves it to the settings."""
        return str(self.options.get("region", ""))

    def capabilities(self) -> dict[str, bool]:
        """All capability flags by name, as pages and docs show them."""
        return {
            name: bool(getattr(self, name))
            for name in sorted(vars(BaseProvider))
            if name.startswith(("supports_", "shows_"))
        }

    def require(self, capability: str) -> None:
        """Raise :exc:`UnsupportedFeature` unless the flag ``capability`` is set."""
        if not getattr(self, capability):
            message = _("%(provider)s cannot do this: %(capability)s is not among its capabilities.") % {
                "provider": self.display_name or self.alias,
                "capability": capability.removeprefix("supports_").replace("_", " "),
            }
            raise UnsupportedFeature(message, capability=capability)

    def check(self) -> list[CheckMessage]:
        """System check messages about this provider's OPTIONS. No I/O."""
        return []

    async def aclose(self) -> None:
        """Release the connections of the running event loop. The instance stays usable and opens new ones when needed.

        Whoever runs a provider's methods in a loop of short life (``async_to_sync``) calls this at its end.
        """

    # --- accounts -----------------------------------------------------------------------------------------------

    def login_fields(self, options: Mapping[str, Any] | None = None) -> Sequence[LoginField]:
        """What a login page asks for. Where it asks for an ``api_key`` as well, that goes instead of all others.

        Args:
            options: those of the line that is logged in again.
        """
        fields = []
        if self.supports_password_login:
            fields += [
                LoginField(name="username", label=_("E-mail address or user name")),
                LoginField(name="password", label=_("Password"), secret=True),
            ]
        if self.supports_api_key:
            instead = _("Instead of name and password.") if fields else ""
            fields.append(LoginField(name="api_key", label=_("API key"), secret=True, help_text=instead))
        return fields

    async def login(
        self, *, username: str, password: Secret, options: Mapping[str, str] | None = None
    ) -> Credentials | SecondFactor:
        """Log in by password. ``options`` are the further :meth:`login_fields`.

        Raises :exc:`AuthenticationFailed` or :exc:`ProviderUnavailable`; :exc:`ProviderRejected` for wrong options.
        """
        raise self._missing("supports_password_login")

    async def login_with_key(self, *, api_key: Secret) -> Credentials:
        """Log in by API key. Raises as :meth:`login`."""
        raise self._missing("supports_api_key")

    async def complete_second_factor(self, *, code: Secret, nonce: str) -> Credentials:
        """Finish a login that answered :class:`SecondFactor`. Raises as :meth:`login`."""
        raise self._missing("supports_second_factor")

    async def logout(self, account: Account) -> None:
        """Revoke what the login minted, as far as the provider can. Does not raise for what is gone already."""

    async def keep_alive(self, account: Account) -> None:
        """Keep the credentials from expiring and verify them. Raises :exc:`AuthenticationFailed` when they are dead."""

    #: Seconds between calls of :meth:`keep_alive` by the bridge; None: not needed.
    keep_alive_interval: ClassVar[float | None] = None

    async def check_account(self, account: Account) -> str:
        """Try the credentials and return one translated sentence that says what works; raises as :meth:`login`."""
        await self.keep_alive(account)
        return _("The credentials are accepted.")

    async def probe(self, account: Account) -> list[ProbeStep]:
        """Test the line's connection step by step, within some ten seconds. Reports what fails instead of raising it.

        Here: the credentials by :meth:`check_account`, then the way to call state by SIP if there is one.
        """
        try:
            step = ProbeStep(name="account", outcome=StepOutcome.OK, sentence=await self.check_account(account))
            if not self.supports_sip_events:
                return [step]
            return [step, *await probe(await self.sip_profile(account))]
        except ProviderError as error:
            return [ProbeStep(name="account", outcome=StepOutcome.FAILED, sentence=error.message)]

    def node_account(self, kind: str, key: str) -> str:
        """The account key by which a ``queue``, ``ivr`` (menu) or ``conf`` (conference room) is watched.

        No I/O. Raises ``ValueError`` for what cannot be the id of one.
        """
        raise self._missing("supports_nodes")

    async def directory(self, account: Account) -> Sequence[Colleague]:
        """Colleagues of the account, for transfers."""
        raise self._missing("supports_directory")

    # --- call state ---------------------------------------------------------------------------------------------

    async def sip_profile(self, account: Account) -> SipProfile:
        """How to receive this line's dialog events."""
        raise self._missing("supports_sip_events")

    def identify_dialog(self, account: Account, dialog: DialogView) -> DialogIdentity | None:
        """Which call a dialog belongs to; None hides it (a leg of our own making, for instance)."""
        raise self._missing("supports_sip_events")

    def read_party(self, number: str, name: str, *, dialled: bool = False) -> Party:
        """One end of a dialog from its SIP user part and display name, in the provider's own spelling of both.

        ``dialled`` is true for the end that the line called.
        """
        return Party(number=PhoneNumber(number), name=name)

    async def live_calls(self, account: Account) -> Sequence[CallUpdate]:
        """The line's calls as they stand now."""
        raise self._missing("supports_live_calls")

    def history(self, account: Account, *, since: datetime, until: datetime) -> AsyncIterator[CallUpdate]:
        """The line's ended calls that began in ``since <= t < until`` (aware), oldest first."""
        raise self._missing("supports_history")

    async def recordings(self, account: Account, *, since: datetime, until: datetime) -> AsyncIterator[CallUpdate]:
        """Recordings made in ``since <= t < until``: updates that name the call by ``external_id`` and say nothing else
        but ``recording``. None where the provider keeps none, or does not let the line's user list them."""
        nothing: tuple[CallUpdate, ...] = ()
        for update in nothing:
            yield update

    async def open_recording(self, account: Account, recording: str, *, start: int = 0) -> Sound:
        """Open a recording, named as in ``CallUpdate.recording``, for reading; close what is returned.

        The address is made of the configured one and the name, never taken from a message, and redirects are not
        followed: nobody outside decides which servers are asked.

        Args:
            start: the first byte that is wanted; providers that cannot begin there begin at 0.

        Raises:
            ProviderRejected: there is no such recording, or the account may not hear it.
        """
        raise self._missing("supports_recordings")

    # --- webhooks -----------------------------------------------------------------------------------------------

    #: Headers of a delivery (lower case) that are not stored with it, beside those that are secret by their name.
    secret_webhook_headers: ClassVar[frozenset[str]] = frozenset()

    def authenticate_webhook(self, *, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the delivery is authentic; raise :exc:`WebhookRejected` otherwise. Header names are lower case."""
        raise self._missing("supports_webhooks")

    def webhook_id(self, *, headers: Mapping[str, str], body: bytes) -> str:
        """The provider's id of this delivery, for de-duplication; a hash of the body where it sends none."""
        raise self._missing("supports_webhooks")

    def parse_webhook(self, *, headers: Mapping[str, str], body: bytes, received_at: datetime) -> list[CallUpdate]:
        """What a stored delivery says; empty if it is not about calls. Unknown words are kept, never an error."""
        raise self._missing("supports_webhooks")

    # --- control ------------------------------------------------------------------------------------------------

    async def place_call(
        self, account: Account, *, call: int, number: PhoneNumber, report: Report, sip: SipPort | None = None
    ) -> None:
        """Ring the user's own phone, then ``number`` (E.164 with plus, or an extension).

        Reports ``INITIAL`` when the own phone is being rung, ``ACCEPTED`` when it was picked up, with ``call`` set in
        each update and ``external_id`` as soon as it is known; then returns, since further states come as events.
        Raises :exc:`PhoneNotRegistered`, :exc:`ProviderRejected` or :exc:`ProviderUnavailable`; the caller turns
        those into ``CANCEL`` with ``end_reason`` and cause.
        """
        raise self._missing("supports_place")

    async def answer(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        """Make the user's phone answer a ringing inbound call."""
        raise self._missing("supports_answer")

    async def hold(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        """Put a connected call on hold."""
        raise self._missing("supports_hold")

    async def resume(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        """Take a call off hold."""
        raise self._missing("supports_hold")

    async def transfer(
        self, account: Account, call: CallReference, *, number: PhoneNumber, sip: SipPort | None = None
    ) -> None:
        """Connect the other party to ``number`` and drop out."""
        raise self._missing("supports_blind_transfer")

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
        """Put ``call`` on hold unless it is, then call ``number`` for the same user: attended transfer, first half.

        The second call is the consultation. Reports, returns and raises as :meth:`place_call`, with ``consultation`` as
        the ``call`` of each update; the first update says that the caller waits. After an error he still does, unless
        he could not be put on hold.
        """
        raise self._missing("supports_attended_transfer")

    async def complete_transfer(
        self, account: Account, call: CallReference, consultation: CallReference, *, sip: SipPort | None = None
    ) -> None:
        """Connect the other party of ``call`` with that of ``consultation``, which has answered, and drop out of both.

        Returns when the service has taken it on; the ends of both calls come as events.
        """
        raise self._missing("supports_attended_transfer")

    async def return_to_call(
        self, account: Account, call: CallReference, consultation: CallReference, *, sip: SipPort | None = None
    ) -> None:
        """End ``consultation`` in whatever state it is and talk to the other party of ``call`` again.

        Two requests; override it where the service has one for both. A consultation without ``external_id`` is not
        known to the service any more.
        """
        self.require("supports_attended_transfer")
        if consultation.external_id:
            await self.hang_up(account, consultation, sip=sip)
        await self.resume(account, call, sip=sip)

    async def hang_up(self, account: Account, call: CallReference, *, sip: SipPort | None = None) -> None:
        """End a call in any live state; declines a ringing inbound one. Returns quietly if it is over already."""
        raise self._missing("supports_hang_up")

    def _missing(self, capability: str) -> Exception:
        """The error for a method whose flag is not set; a set flag without the method is a defect of the subclass."""
        if getattr(self, capability):
            return NotImplementedError(f"{type(self).__name__} sets {capability} but does not implement it.")
        try:
            self.require(capability)
        except UnsupportedFeature as error:
            return error
        raise AssertionError("unreachable: require() raises for a flag that is not set")
