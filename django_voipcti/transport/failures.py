"""What went wrong between us and a server: what happened, what to do about it, and whether to try again."""

import socket
import ssl
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)

from ..exceptions import AuthenticationFailed, ProviderError
from ..sip.events import SubscriptionEnded

__all__ = ["CredentialsRejected", "Diagnosis", "diagnose", "diagnose_refusal", "explain", "explain_refusal", "is_fatal"]


#: X.509 verification errors (OpenSSL's ``X509_V_ERR_*``) by what they mean for whoever has to mend them.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNTRUSTED = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})

#: Alerts by which a server says that it wants a client certificate, or does not like ours (RFC 8446, 6.2).
_NO_CLIENT_CERTIFICATE = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"})
_BAD_CLIENT_CERTIFICATE = frozenset(
    {
        "TLSV1_ALERT_UNKNOWN_CA",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV1_ALERT_ACCESS_DENIED",
    }
)


class Diagnosis(NamedTuple):
    """A failure in words."""

    sentence: str
    """What happened."""
    advice: str = ""
    """What to do; empty where the sentence says it already."""

    def __str__(self) -> str:
        return f"{self.sentence} {self.advice}".strip()


class CredentialsRejected(Exception):
    """The server does not accept the line's user name and password.

    Args:
        status: SIP status code of its last word.
    """

    def __init__(self, status: int | None = None) -> None:
        super().__init__(f"credentials rejected ({status})")
        self.status = status


def is_fatal(error: BaseException) -> bool:
    """Whether another try with the same credentials is useless, and may lock the account.

    A certificate, a name or an address that is wrong may be mended on the other side at any time, so those are tried
    again; a password that was refused is not, until the line has new credentials.
    """
    if isinstance(error, InvalidStatus):
        return error.response.status_code in {401, 403}
    return isinstance(error, AuthenticationFailed | CredentialsRejected | ImproperlyConfigured)


def explain(error: BaseException, *, host: str = "") -> str:
    """A translated sentence about ``error`` for the person who owns the line, or for the administrator.

    Args:
        host: the server, for sentences that name it.
    """
    return str(diagnose(error, host=host))


def explain_refusal(event: SubscriptionEnded, host: str) -> str:
    """Why a server does not tell us about a line, and what to do."""
    return str(diagnose_refusal(event, host))


def diagnose(error: BaseException, *, host: str = "") -> Diagnosis:
    """What happened and what to do, apart; see :func:`explain`."""
    place = host or _("the server")
    if isinstance(error, ProviderError):
        return Diagnosis(error.message)
    if isinstance(error, ImproperlyConfigured):
        return Diagnosis(str(error))
    if isinstance(error, CredentialsRejected):
        return Diagnosis(
            _("%(host)s does not accept the user name and password of this line.") % {"host": place},
            _("Log the line in again."),
        )
    if isinstance(error, ssl.SSLError):
        return _diagnose_tls(error, place)
    return _diagnose_connection(error, place)


def diagnose_refusal(event: SubscriptionEnded, host: str) -> Diagnosis:
    """Why a server does not tell us about a line, and what to do, apart."""
    if event.status == 489:
        return Diagnosis(
            _("%(host)s does not offer call state (SIP event package “dialog”).") % {"host": host},
            _("Enable it on the server."),
        )
    if event.status == 403 or event.reason == "rejected":
        return Diagnosis(
            _("%(host)s does not allow this line to watch its calls.") % {"host": host}, _("Grant it on the server.")
        )
    if event.status in {404, 410, 604}:
        return Diagnosis(_("%(host)s does not know this line.") % {"host": host}, _("Check its user name and domain."))
    return Diagnosis(
        _("%(host)s refuses to tell about calls (%(detail)s).")
        % {"host": host, "detail": " ".join(str(part) for part in (event.status, event.reason) if part)},
        _("Ask its administrator."),
    )


def _diagnose_tls(error: ssl.SSLError, place: str) -> Diagnosis:
    names = {"host": place, "detail": error.strerror or type(error).__name__}
    if isinstance(error, ssl.SSLCertVerificationError):
        return _diagnose_certificate(error, place)
    alert = getattr(error, "reason", None) or ""
    if alert in _NO_CLIENT_CERTIFICATE:
        return Diagnosis(
            _("%(host)s ends the TLS handshake: it demands a client certificate, or nothing that both sides speak.")
            % names,
            _("Set the provider's options client_certificate and client_key to what the server's owner gave you."),
        )
    if alert in _BAD_CLIENT_CERTIFICATE:
        return Diagnosis(
            _("%(host)s does not accept our client certificate (%(detail)s).")
            % (names | {"detail": alert.lower().replace("_", " ")}),
            _("Ask for one of an authority that the server trusts, and check that it has not expired."),
        )
    return Diagnosis(
        _("No TLS connection to %(host)s (%(detail)s).") % names, _("Is it a wss:// address and the right port?")
    )


def _diagnose_certificate(error: ssl.SSLCertVerificationError, place: str) -> Diagnosis:
    code = getattr(error, "verify_code", None)
    names = {"host": place, "detail": getattr(error, "verify_message", None) or error.reason}
    if code == _EXPIRED:
        return Diagnosis(_("The certificate of %(host)s has expired.") % names, _("Have it renewed on the server."))
    if code == _NOT_YET_VALID:
        return Diagnosis(
            _("The certificate of %(host)s is not valid yet.") % names, _("Check the clocks of both machines.")
        )
    if code in _OTHER_NAME:
        return Diagnosis(
            _("The certificate of %(host)s is made out to another name (%(detail)s).") % names,
            _("Enter the server by a name that its certificate holds, or have that name added to the certificate."),
        )
    if code in _UNTRUSTED:
        return Diagnosis(
            _("The certificate of %(host)s is not trusted by this machine (%(detail)s).") % names,
            _(
                "If the server has a private authority, name its PEM file in the provider's option ca_file; else have "
                "the server send its whole chain."
            ),
        )
    return Diagnosis(
        _("The certificate of %(host)s cannot be verified (%(detail)s).") % names,
        _("Have it mended, or configure its authority."),
    )


def _diagnose_connection(error: BaseException, place: str) -> Diagnosis:
    names = {"host": place}
    # The order matters: name errors and time-outs are OS errors.
    if isinstance(error, socket.gaierror):
        return Diagnosis(
            _("The name %(host)s is unknown to DNS.") % names,
            _("Check the server address and this machine's name service."),
        )
    if isinstance(error, TimeoutError):
        return Diagnosis(
            _("%(host)s does not answer.") % names, _("Check the address, the port and firewalls on the way.")
        )
    if isinstance(error, ConnectionRefusedError):
        return Diagnosis(_("%(host)s refuses connections.") % names, _("Check the port, and whether the server runs."))
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return Diagnosis(
            _("%(host)s cut the connection.") % names,
            _("Check the port, and whether the address is ws:// or wss:// (TLS)."),
        )
    if isinstance(error, OSError):
        return Diagnosis(
            _("%(host)s cannot be reached (%(detail)s).")
            % (names | {"detail": error.strerror or type(error).__name__}),
            _("Check the network."),
        )
    return _diagnose_websocket(error, place)


def _diagnose_websocket(error: BaseException, place: str) -> Diagnosis:
    if isinstance(error, InvalidURI):
        return Diagnosis(_("The server address is not one of the form wss://host:port/path."), _("Correct it."))
    if isinstance(error, InvalidStatus):
        names = {"host": place, "status": error.response.status_code}
        if error.response.status_code in {401, 403}:
            return Diagnosis(
                _("%(host)s refuses us (HTTP %(status)s).") % names,
                _("Check the line's credentials and the server's rules."),
            )
        return Diagnosis(
            _("%(host)s answers HTTP %(status)s instead of opening a WebSocket.") % names,
            _("Check the path of the address."),
        )
    if isinstance(error, NegotiationError):
        return Diagnosis(
            _("%(host)s opens a WebSocket that does not speak SIP.") % {"host": place},
            _("Check the path of the address."),
        )
    if isinstance(error, InvalidMessage | InvalidHandshake):
        return Diagnosis(
            _("%(host)s does not answer as a WebSocket server.") % {"host": place},
            _("Check the address and the port."),
        )
    if isinstance(error, ConnectionClosed):
        return Diagnosis(
            _("%(host)s closed the connection (%(detail)s).") % {"host": place, "detail": _close_detail(error)},
            _("It is opened again by itself."),
        )
    return Diagnosis(
        _("The connection to %(host)s failed (%(detail)s).") % {"host": place, "detail": type(error).__name__},
        _("It is tried again by itself."),
    )


def _close_detail(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return _("without a word")
    return f"{error.rcvd.code} {error.rcvd.reason}".strip()
