"""Settings of a bridge process that a test starts: lines on the test's own SIP server, short leases."""

import os

from tests.settings import *  # noqa: F403

VOIPCTI = {
    "PROVIDERS": {
        "default": {
            "BACKEND": "tests.bridge.pbx.PbxProvider",
            "OPTIONS": {"url": os.environ.get("VOIPCTI_TEST_SIP_URL", "")},
        }
    },
    "LEASE_SECONDS": 1.5,
}
LOGGING = {
    "version": 1,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django_voipcti": {"handlers": ["stderr"], "level": "DEBUG"}},
}
