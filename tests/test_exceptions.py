"""The error tree: what is caught by which name, and which facts an error carries."""

import inspect
import re

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation

from django_voipcti import exceptions
from django_voipcti.enums import EndReason, SessionEvent
from django_voipcti.exceptions import (
    AuthenticationFailed,
    CallNotFound,
    CommandRefused,
    PhoneNotRegistered,
    ProviderError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
    UnsupportedFeature,
    VoipCtiError,
    WebhookRejected,
)
from django_voipcti.providers import UnknownProvider

ALL = [error for _name, error in inspect.getmembers(exceptions, inspect.isclass) if issubclass(error, VoipCtiError)]


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = {}
    above = {}
    for line in exceptions.__doc__.splitlines():
        if match := re.match(r"^ {4}(?P<branch>[│ ]*(?:[├└]── )?)(?P<name>[A-Z]\w+)", line):
            depth = len(match["branch"]) // 4
            above[depth] = match["name"]
            drawn[match["name"]] = above.get(depth - 1, "Exception")
    assert drawn == {error.__name__: error.__mro__[1].__name__ for error in ALL}


@pytest.mark.parametrize("error", [AuthenticationFailed, PhoneNotRegistered, CallNotFound])
def test_what_needs_a_change_is_rejected_and_not_worth_a_retry(error):
    assert issubclass(error, ProviderRejected)
    assert not issubclass(error, ProviderUnavailable)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ProviderUnavailable, EndReason.FAILED),
        (ProviderProtocolError, EndReason.FAILED),
        (ProviderRejected, EndReason.REJECTED),
        (AuthenticationFailed, EndReason.REJECTED),
        (CallNotFound, EndReason.REJECTED),
        (PhoneNotRegistered, EndReason.UNREACHABLE),
    ],
)
def test_each_failure_says_what_it_means_for_a_call(error, reason):
    assert error("words").end_reason is reason
    assert error("words", end_reason=EndReason.BUSY).end_reason is EndReason.BUSY


def test_facts_are_attributes():
    error = ProviderUnavailable("come back later", status=429, retry_after=30.0)
    assert (str(error), error.message, error.status, error.retry_after) == ("come back later",) * 2 + (429, 30.0)
    refused = CommandRefused("not now", code="wrong_state", event=SessionEvent.INFO)
    assert (str(refused), refused.code, refused.event) == ("not now", "wrong_state", SessionEvent.INFO)
    assert CommandRefused("no", code="x").event is SessionEvent.ERROR
    assert WebhookRejected("no").status == 403


def test_they_are_caught_by_the_names_that_django_and_python_know():
    assert issubclass(UnsupportedFeature, ValueError)
    assert issubclass(WebhookRejected, SuspiciousOperation)


def test_mistakes_in_the_configuration_stand_outside_the_tree():
    assert issubclass(UnknownProvider, ImproperlyConfigured)
    assert not issubclass(UnknownProvider, VoipCtiError)
    assert not issubclass(ProviderError, ImproperlyConfigured)
