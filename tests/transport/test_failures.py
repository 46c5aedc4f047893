"""Each thing that stands between a line and its server has a sentence that says what to do."""

import errno
import socket
import ssl

import pytest
from django.core.exceptions import ImproperlyConfigured
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus, InvalidURI, NegotiationError
from websockets.frames import Close
from websockets.http11 import Response

from django_voipcti.exceptions import AuthenticationFailed, ProviderRejected, ProviderUnavailable
from django_voipcti.transport.failures import CredentialsRejected, explain, is_fatal

HOST = "pbx.example:8443"


def http(status):
    return InvalidStatus(Response(status, "", Headers()))


def unverified():
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words", "fatal"),
    [
        (unverified(), f"The certificate of {HOST} cannot be verified (self-signed certificate)", False),
        (ssl.SSLError(1, "wrong version number"), f"No TLS connection to {HOST}", False),
        (socket.gaierror(-2, "Name or service not known"), f"The name {HOST} is unknown to DNS", False),
        (TimeoutError(), f"{HOST} does not answer", False),
        (ConnectionRefusedError(), f"{HOST} refuses connections", False),
        (ConnectionResetError(), f"{HOST} cut the connection", False),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "(Network is unreachable)", False),
        (InvalidURI("pbx", "no scheme"), "wss://host:port/path", False),
        (http(401), "refuses us (HTTP 401)", True),
        (http(403), "refuses us (HTTP 403)", True),
        (http(404), "answers HTTP 404 instead of opening a WebSocket", False),
        (http(503), "answers HTTP 503", False),
        (NegotiationError("no subprotocol"), "does not speak SIP", False),
        (InvalidMessage("did not receive a valid HTTP response"), "does not answer as a WebSocket server", False),
        (ConnectionClosedError(Close(1001, "going away"), None), "closed the connection (1001 going away)", False),
        (ConnectionClosedError(None, None), "closed the connection (without a word)", False),
        (CredentialsRejected(401), "Log the line in again", True),
        (AuthenticationFailed("Your key has expired."), "Your key has expired.", True),
        (ProviderUnavailable("Down for maintenance."), "Down for maintenance.", False),
        (ProviderRejected("No such user."), "No such user.", False),
        (ImproperlyConfigured("Mend CREDENTIAL_KEYS."), "Mend CREDENTIAL_KEYS.", True),
        (KeyError("secret-detail"), "failed (KeyError)", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_a_failure_means(error, words, fatal):
    sentence = explain(error, host=HOST)
    assert words in sentence
    assert sentence.endswith((".", "?"))
    assert is_fatal(error) is fatal


def test_details_of_unexpected_errors_are_for_the_log_only():
    assert "secret-detail" not in explain(KeyError("secret-detail"))


def test_without_a_host_the_sentence_still_reads():
    assert explain(TimeoutError()).startswith("the server does not answer")
