"""The kit itself: a provider with a hole in its webhooks fails the test that is about it."""

import unittest

import pytest
from django.test import TestCase

from django_voipcti.exceptions import WebhookRejected
from django_voipcti.providers.dummy import DummyProvider
from tests.providers import test_dummy


class BelievesEverybody(DummyProvider):
    def authenticate_webhook(self, *, headers, body):
        return


class BelievesWhoeverHasASecret(DummyProvider):
    def authenticate_webhook(self, *, headers, body):
        if "x-dummy-secret" not in headers:
            raise WebhookRejected("no")


class OpenUntilConfigured(DummyProvider):
    def authenticate_webhook(self, *, headers, body):
        if self.options.get("webhook_secret"):
            super().authenticate_webhook(headers=headers, body=body)


class KnowsOneSecretOnly(DummyProvider):
    def authenticate_webhook(self, *, headers, body):
        if [headers.get("x-dummy-secret")] != list(self.options["webhook_secret"])[:1]:
            raise WebhookRejected("no")


class NamesAllAlike(DummyProvider):
    def webhook_id(self, *, headers, body):
        return "1"


@pytest.mark.parametrize(
    ("provider", "test"),
    [
        (BelievesEverybody, "test_a_wrong_secret_is_refused"),
        (BelievesEverybody, "test_a_missing_secret_is_refused"),
        (BelievesWhoeverHasASecret, "test_a_wrong_secret_is_refused"),
        (OpenUntilConfigured, "test_without_a_configured_secret_nobody_is_heard"),
        (KnowsOneSecretOnly, "test_secrets_can_be_changed_without_losing_a_delivery"),
        (NamesAllAlike, "test_an_authentic_delivery_is_accepted_whatever_it_says"),
    ],
)
def test_a_hole_is_found(provider, test, db):
    class Contract(test_dummy.TestDummyWebhooks, TestCase):
        backend = f"{__name__}.{provider.__name__}"

    result = unittest.TestResult()
    unittest.TestSuite([Contract(test)]).run(result)
    assert result.testsRun == 1
    assert result.failures or result.errors


def test_a_provider_without_a_hole_passes(db):
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(test_dummy.TestDummyWebhooks).run(result)
    assert result.wasSuccessful(), result.failures or result.errors
    assert result.testsRun > 10
