import pytest

from django_voipcti.providers.base import Account
from django_voipcti.providers.sip import SipProvider
from django_voipcti.redaction import Secret

OPTIONS = {"url": "wss://pbx.test:8443/ws", "domain": "pbx.test", "cti_user": "cti", "cti_password": "cti-password"}

ACCOUNT = Account(line=7, key="1001", extension="1001", secrets={"password": Secret("line-password")})


@pytest.fixture
def make_provider():
    """Return `make_provider(**options)`: a provider with the CTI user, and further OPTIONS or keywords."""

    def make(*, transport=None, **options):
        return SipProvider("default", OPTIONS | options, transport=transport)

    return make


@pytest.fixture
def account():
    return ACCOUNT
