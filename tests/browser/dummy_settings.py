"""The example CRM's own settings, on the provider that does what it is asked at once: it can transfer after asking."""

import os

from config.settings import *  # noqa: F403

OPTIONS = {
    "webhook_secret": os.environ["DUMMY_WEBHOOK_SECRET"],
    "colleagues": {"601": "Ana Ruiz", "602": "Ben Okafor"},
}
DUMMY = {"BACKEND": "django_voipcti.providers.dummy.DummyProvider", "OPTIONS": OPTIONS}
VOIPCTI = {**VOIPCTI, "PROVIDERS": {"default": DUMMY}}  # noqa: F405
