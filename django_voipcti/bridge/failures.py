"""What went wrong between the bridge and a server, as a sentence that says what to do, and whether to try again."""

import socket
import ssl

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

__all__ = ["CredentialsRejected", "explain", "explain_refusal", "is_fatal"]


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
    place = host or _("the server")
    if isinstance(error, ProviderError):
        return error.message
    if isinstance(error, ImproperlyConfigured):
        return str(error)
    if isinstance(error, CredentialsRejected):
        return _("%(host)s does not accept the user name and password of this line. Log the line in again.") % {
            "host": place
        }
    return _explain_connection(error, place)


def explain_refusal(event: SubscriptionEnded, host: str) -> str:
    """Why a server does not tell us about a line, and what to do."""
    if event.status == 489:
        return _("%(host)s does not offer call state (SIP event package “dialog”). Enable it on the server.") % {
            "host": host
        }
    if event.status == 403 or event.reason == "rejected":
        return _("%(host)s does not allow this line to watch its calls. Grant it on the server.") % {"host": host}
    if event.status in {404, 410, 604}:
        return _("%(host)s does not know this line. Check its user name and domain.") % {"host": host}
    return _("%(host)s refuses to tell about calls (%(detail)s). Ask its administrator.") % {
        "host": host,
        "detail": " ".join(str(part) for part in (event.status, event.reason) if part),
    }


def _explain_connection(error: BaseException, place: str) -> str:
    # The order matters: certificate errors are TLS errors, which are OS errors; so are name errors and time-outs.
    if isinstance(error, ssl.SSLCertVerificationError):
        return _(
            "The certificate of %(host)s cannot be verified (%(detail)s). Have it mended, or configure its authority."
        ) % {"host": place, "detail": error.verify_message or error.reason}
    if isinstance(error, ssl.SSLError):
        return _("No TLS connection to %(host)s (%(detail)s). Is it a wss:// address and the right port?") % {
            "host": place,
            "detail": error.strerror or type(error).__name__,
        }
    if isinstance(error, socket.gaierror):
        return _("The name %(host)s is unknown to DNS. Check the server address and this machine's name service.") % {
            "host": place
        }
    if isinstance(error, TimeoutError):
        return _("%(host)s does not answer. Check the address, the port and firewalls on the way.") % {"host": place}
    if isinstance(error, ConnectionRefusedError):
        return _("%(host)s refuses connections. Check the port, and whether the server runs.") % {"host": place}
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return _("%(host)s cut the connection. Check the port, and whether the address is ws:// or wss:// (TLS).") % {
            "host": place
        }
    if isinstance(error, OSError):
        return _("%(host)s cannot be reached (%(detail)s). Check the network.") % {
            "host": place,
            "detail": error.strerror or type(error).__name__,
        }
    return _explain_websocket(error, place)


def _explain_websocket(error: BaseException, place: str) -> str:
    if isinstance(error, InvalidURI):
        return _("The server address is not one of the form wss://host:port/path. Correct it.")
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status in {401, 403}:
            return _("%(host)s refuses us (HTTP %(status)s). Check the line's credentials and the server's rules.") % {
                "host": place,
                "status": status,
            }
        return _("%(host)s answers HTTP %(status)s instead of opening a WebSocket. Check the path of the address.") % {
            "host": place,
            "status": status,
        }
    if isinstance(error, NegotiationError):
        return _("%(host)s opens a WebSocket that does not speak SIP. Check the path of the address.") % {"host": place}
    if isinstance(error, InvalidMessage | InvalidHandshake):
        return _("%(host)s does not answer as a WebSocket server. Check the address and the port.") % {"host": place}
    if isinstance(error, ConnectionClosed):
        return _("%(host)s closed the connection (%(detail)s). It is opened again by itself.") % {
            "host": place,
            "detail": _close_detail(error),
        }
    return _("The connection to %(host)s failed (%(detail)s). It is tried again by itself.") % {
        "host": place,
        "detail": type(error).__name__,
    }


def _close_detail(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return _("without a word")
    return f"{error.rcvd.code} {error.rcvd.reason}".strip()
