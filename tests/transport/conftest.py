"""Profiles of servers that a test starts, and reports of them in short."""

import pytest

from django_voipcti.redaction import Secret
from django_voipcti.transport import probe as probing
from django_voipcti.transport.profile import SipProfile
from tests.support.authority import Authority

ANA = "sip:601@pbx.example"


def profile(url, *, password="secret", **values):
    """How 601 reaches a server."""
    values = {"domain": "pbx.example", "username": "601", "watch": (ANA,)} | values
    return SipProfile(url=url, password=Secret(password), **values)


def outcomes(steps):
    """Step to outcome."""
    return {step.name: str(step.outcome) for step in steps}


def failed(steps, name):
    """The step of that name, which must be the only one that failed."""
    (step,) = [step for step in steps if step.failed]
    assert step.name == name, step
    assert step.advice
    return step


@pytest.fixture
def hurried(monkeypatch):
    """Steps that wait for nothing end soon."""
    monkeypatch.setattr(probing, "_STEP_SECONDS", 0.5)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """An authority that no system knows."""
    return Authority(tmp_path_factory.mktemp("authority"))
