"""The error tree."""

from django_voipcti.sip.exceptions import (
    LocalProtocolError,
    MalformedBody,
    MalformedMessage,
    RemoteProtocolError,
    SipError,
)


def test_our_faults_and_theirs_are_different_branches() -> None:
    assert issubclass(LocalProtocolError, SipError)
    assert issubclass(MalformedMessage, RemoteProtocolError)
    assert issubclass(MalformedBody, RemoteProtocolError)
    assert issubclass(RemoteProtocolError, SipError)
    assert not issubclass(LocalProtocolError, RemoteProtocolError)


def test_every_remote_error_carries_a_status_code() -> None:
    assert RemoteProtocolError("x").status == 400
    assert MalformedBody("x", status=413).status == 413


def test_a_fault_without_a_request_is_not_answered() -> None:
    assert MalformedMessage("x").answer() is None
