"""OPTIONS of the SIP provider: what they are, how they are read, and what is wrong with them.

``url``
    Address of the SIP-over-WebSocket server, ``wss://host:port/path``. A line may have one of its own.
``domain``
    Host part of the addresses of record. A line may have one of its own.
``lines_choose_server``
    Whoever logs a line in may enter another server than ``url`` and ``domain``. Without a ``url`` everybody has to.
``cti_user``, ``cti_password``
    A user of the server's who is nobody's phone. He watches all lines over one connection and places the calls: a phone
    that is called by its own address confuses the server's call state.
``expires``
    Seconds asked for each subscription.
``ring_time``
    Seconds that a user's own phone rings before a click-to-call is given up.
``auto_answer``
    Ask the user's own phone to pick up by itself at a click-to-call. Phones must be set up to obey.
``phones_obey_events``
    The phones obey ``Event: talk`` and ``Event: hold``: then calls can be answered, held and resumed from the page.
``phones_obey_refer``
    The phones obey a REFER outside of dialogs that names one of theirs (RFC 4538), also with ``method=BYE``: then calls
    can be transferred and ended from the page.
``server_shows_hold``
    The server's dialog events show that a call is on hold (``+sip.rendering``). Kamailio's do not.
``kamailio_rpc_url``
    Kamailio's JSON-RPC over HTTP: then calls can be ended from the page, whoever made them.
``ca_file``
    PEM file with private certificate authorities, trusted in addition to the system's.
``client_certificate``, ``client_key``
    PEM files with a certificate to show to the server.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from ...redaction import Secret
from ...transport.profile import is_loopback

__all__ = [
    "LONGEST_RING",
    "NAMES",
    "Options",
    "check",
    "is_readable_on_the_way",
    "is_websocket_address",
    "read",
    "ssl_context",
]

#: Seconds. With what a click takes afterwards it stays below what the bridge gives to a click.
LONGEST_RING = 50.0

_WEBSOCKET_SCHEMES = frozenset({"ws", "wss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """OPTIONS, read and typed."""

    url: str
    domain: str
    lines_choose_server: bool
    cti_user: str
    cti_password: Secret
    expires: int
    ring_time: float
    auto_answer: bool
    phones_obey_events: bool
    phones_obey_refer: bool
    server_shows_hold: bool
    kamailio_rpc_url: str
    ca_file: str
    client_certificate: str
    client_key: str


NAMES = frozenset({"region", *Options.__dataclass_fields__})


def read(options: Mapping[str, Any]) -> Options:
    """Read OPTIONS; raises ``ImproperlyConfigured`` where one cannot be what it has to be."""
    try:
        return Options(
            url=str(options.get("url", "")),
            domain=str(options.get("domain", "")),
            lines_choose_server=bool(options.get("lines_choose_server", False)),
            cti_user=str(options.get("cti_user", "")),
            cti_password=Secret(options.get("cti_password", "")),
            expires=int(options.get("expires", 600)),
            ring_time=float(options.get("ring_time", 45)),
            auto_answer=bool(options.get("auto_answer", False)),
            phones_obey_events=bool(options.get("phones_obey_events", False)),
            phones_obey_refer=bool(options.get("phones_obey_refer", False)),
            server_shows_hold=bool(options.get("server_shows_hold", False)),
            kamailio_rpc_url=str(options.get("kamailio_rpc_url", "")),
            ca_file=str(options.get("ca_file", "")),
            client_certificate=str(options.get("client_certificate", "")),
            client_key=str(options.get("client_key", "")),
        )
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"An option of the SIP provider is malformed: {error}") from error


def check(alias: str, options: Options) -> list[CheckMessage]:
    """What is wrong with the options, without asking anybody."""
    place = f"VOIPCTI['PROVIDERS'][{alias!r}]['OPTIONS']"
    messages: list[CheckMessage] = []
    if options.url and not is_websocket_address(options.url):
        hint = "It has the form wss://pbx.example.com:8443/ws."
        messages.append(Error(f"{place}['url'] is no WebSocket address.", hint=hint, id="voipcti.sip.E001"))
    elif options.url and is_readable_on_the_way(options.url):
        hint = "Use wss://. The password is safe (digest), but whoever can listen sees who calls whom."
        messages.append(CheckWarning(f"{place}['url'] is not encrypted.", hint=hint, id="voipcti.sip.W002"))
    if options.url and not options.domain:
        hint = "It is the part after the @ in the addresses of your users."
        messages.append(Error(f"{place} has a url but no domain.", hint=hint, id="voipcti.sip.E002"))
    if bool(options.cti_user) != bool(options.cti_password):
        hint = "Set both, or neither: then calls are not placed from pages."
        messages.append(Error(f"{place} needs both cti_user and cti_password.", hint=hint, id="voipcti.sip.E003"))
    if not options.cti_user:
        hint = "Make a user on your server that is no phone, and name it as cti_user and cti_password."
        messages.append(CheckWarning(f"{place}: no click-to-call.", hint=hint, id="voipcti.sip.W001"))
    if not 0 < options.ring_time <= LONGEST_RING:
        hint = (
            f"A phone rings for {LONGEST_RING:g} seconds at most: a click is given up by the bridge after two minutes."
        )
        messages.append(Error(f"{place}['ring_time'] is out of range.", hint=hint, id="voipcti.sip.E005"))
    return messages + _check_files(place, options)


def _check_files(place: str, options: Options) -> list[CheckMessage]:
    """The TLS files: are they there, and what they should be."""
    messages: list[CheckMessage] = []
    for name in ("ca_file", "client_certificate", "client_key"):
        path = getattr(options, name)
        if path and not Path(path).is_file():
            messages.append(Error(f"{place}['{name}'] is no file.", hint="Check the path.", id="voipcti.sip.E004"))
    if messages:
        return messages
    if options.client_key and not options.client_certificate:
        hint = "A key without its certificate is of no use: set client_certificate, too."
        messages.append(Error(f"{place} has a client_key only.", hint=hint, id="voipcti.sip.E006"))
    else:
        try:
            _new_context(options)
        except ImproperlyConfigured as error:
            messages.append(Error(f"{place}: {error}", id="voipcti.sip.E006"))
    return messages


def is_websocket_address(url: str) -> bool:
    """Whether this is ``ws://`` or ``wss://`` with a host, and no user, query or fragment."""
    try:
        address = urlsplit(url)
        plain = not (address.query or address.fragment or "@" in address.netloc)
        # Reading the port says whether it is one.
        return address.scheme in _WEBSOCKET_SCHEMES and bool(address.hostname) and address.port != 0 and plain
    except ValueError:
        return False


def is_readable_on_the_way(url: str) -> bool:
    """Whether others can read what is sent to ``url``: it is not encrypted, and leaves this machine."""
    address = urlsplit(url)
    return address.scheme == "ws" and not is_loopback(address.hostname or "")


def ssl_context(url: str, options: Options, *, show_certificate: bool = True) -> ssl.SSLContext | None:
    """The TLS context for ``url``: always verifying, against the system's store and ``ca_file``. None for ``ws://``.

    ``show_certificate``: whether the server is the one that the client certificate is for. Raises
    ``ImproperlyConfigured`` if a file cannot be used.
    """
    return _new_context(options, show_certificate=show_certificate) if urlsplit(url).scheme == "wss" else None


def _new_context(options: Options, *, show_certificate: bool = True) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if options.ca_file:
        try:
            context.load_verify_locations(options.ca_file)
        except OSError as error:
            raise ImproperlyConfigured(
                f"A TLS file of the SIP provider cannot be used: ca_file {options.ca_file} ({_cause(error)}). It must "
                "be a readable file with the authority's certificates in PEM form."
            ) from error
    if options.client_certificate and show_certificate:
        try:
            # An empty password, since OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(options.client_certificate, options.client_key or None, password="")
        except OSError as error:
            raise ImproperlyConfigured(
                f"A TLS file of the SIP provider cannot be used: client_certificate {options.client_certificate} with "
                f"client_key {options.client_key or 'in the same file'} ({_cause(error)}). They must be readable PEM "
                "files that belong together, the key without a passphrase."
            ) from error
    return context


def _cause(error: OSError) -> str:
    """The cause in OpenSSL's or the system's words."""
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or type(error).__name__).lower().replace("_", " ")
