"""The VoIPstudio provider keeps the contract that every provider keeps."""

import base64
import json

import httpx2
from django.test import SimpleTestCase, TestCase

from django_voipcti.testing import ProviderContractTests, Trouble, WebhookSecurityContractTests
from tests.providers.voipstudio.service import ACCOUNT, PAYLOADS, Service, echo_refusal, hang, webhook

SECRET = "webhook-secret-0123456789"


def untouchable(sent):
    raise AssertionError(f"contacted: {sent.method} {sent.path}")


class TestVoipStudioProvider(ProviderContractTests, SimpleTestCase):
    account = ACCOUNT
    private = (SECRET, "a-password", "0123456789abcdef", "123456")

    def make_provider(self, trouble=None):
        service = Service()
        service.otherwise = {
            None: None,
            Trouble.UNTOUCHED: untouchable,
            Trouble.UNAUTHORIZED: echo_refusal(401),
            Trouble.UNAVAILABLE: httpx2.ConnectError("refused"),
            Trouble.GARBAGE: httpx2.Response(200, text="<html>It works!</html>"),
            Trouble.HANGS: hang,
        }[trouble]
        return service.provider(webhook_secret=SECRET)

    def webhook_samples(self):
        names = sorted(path.stem for path in (PAYLOADS / "webhooks").glob("*.json"))
        # Nothing rings yet when an INVITE is only on its way.
        return [({}, webhook(name)) for name in names if name != "inbound_initial"]


class TestVoipStudioWebhooks(WebhookSecurityContractTests, TestCase):
    backend = "django_voipcti.providers.voipstudio.VoipStudioProvider"
    body = webhook("inbound_ringing")

    def signed(self, body, secret):
        return {"Authorization": "Basic " + base64.b64encode(f"voipstudio:{secret}".encode()).decode()}

    def test_the_sample_has_an_id_of_its_own(self):
        self.deliver("new-secret-0123456789")
        assert self.stored() == 1
        assert json.loads(self.body)["id"].startswith("sim01.")
