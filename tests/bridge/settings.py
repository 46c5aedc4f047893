"""Settings of a bridge process that a test starts: on the test's own SIP server or on a simulator; short leases."""

import os

from tests.settings import *  # noqa: F403

if "VOIPCTI_TEST_API_URL" in os.environ:
    PROVIDER = {
        "BACKEND": "django_voipcti.providers.voipstudio.VoipStudioProvider",
        "OPTIONS": {
            "api_url": os.environ["VOIPCTI_TEST_API_URL"],
            "sip_url": os.environ["VOIPCTI_TEST_SIP_URL"],
        },
    }
else:
    PROVIDER = {
        "BACKEND": "tests.bridge.pbx.PbxProvider",
        "OPTIONS": {"url": os.environ.get("VOIPCTI_TEST_SIP_URL", "")},
    }
VOIPCTI = {"PROVIDERS": {"default": PROVIDER}, "LEASE_SECONDS": 1.5, "COMMAND_TTL": 5.0}
LOGGING = {
    "version": 1,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django_voipcti": {"handlers": ["stderr"], "level": "DEBUG"}},
}
