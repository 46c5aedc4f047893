"""The SIP provider keeps the contract that every provider keeps."""

import httpx2
from django.test import SimpleTestCase

from django_voipcti.providers.sip import SipProvider
from django_voipcti.testing import ProviderContractTests
from tests.providers.sip.conftest import ACCOUNT, OPTIONS


def untouchable(request):
    raise AssertionError(f"contacted: {request.method} {request.url}")


class TestSipProvider(ProviderContractTests, SimpleTestCase):
    """With everything switched on."""

    account = ACCOUNT
    private = ("cti-password",)
    controls_by_sip = True
    proves_by_sip = True
    options = OPTIONS | {"phones_obey_events": True, "phones_obey_refer": True, "server_shows_hold": True}

    def make_provider(self, trouble=None):
        return SipProvider("default", self.options, transport=httpx2.MockTransport(untouchable))


class TestSipProviderWithoutACtiUser(TestSipProvider):
    """It shows calls, and does nothing else."""

    private = ()
    options = {"url": "wss://pbx.test:8443/ws", "domain": "pbx.test"}
