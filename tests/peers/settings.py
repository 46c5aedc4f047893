"""The tests' settings with the lab's SIP server as the provider; its options come from the environment."""

import json
import os

from tests.settings import *  # noqa: F403


def voipcti(options: dict[str, object]) -> dict[str, object]:
    """The package's settings for a lab."""
    backend = "django_voipcti.providers.sip.SipProvider"
    return {"DEFAULT_REGION": "GB", "PROVIDERS": {"default": {"BACKEND": backend, "OPTIONS": options}}}


VOIPCTI = voipcti(json.loads(os.environ.get("VOIPCTI_TEST_SIP_OPTIONS", "{}")))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"timed": {"format": "%(asctime)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "timed"}},
    "loggers": {"django_voipcti": {"level": "DEBUG", "handlers": ["stderr"]}},
}
