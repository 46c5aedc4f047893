"""The tests' settings with the lab's SIP server as the provider; addresses come from the environment."""

import os

from tests.settings import *  # noqa: F403


def voipcti(sip_url: str, rpc_url: str) -> dict[str, object]:
    """The package's settings for a lab."""
    options = {
        "url": sip_url,
        "domain": "pbx.test",
        "cti_user": "cti",
        "cti_password": "pw-cti",
        "ring_time": 6,
        "kamailio_rpc_url": rpc_url,
    }
    backend = "django_voipcti.providers.sip.SipProvider"
    return {"DEFAULT_REGION": "GB", "PROVIDERS": {"default": {"BACKEND": backend, "OPTIONS": options}}}


VOIPCTI = voipcti(os.environ.get("VOIPCTI_TEST_SIP_URL", ""), os.environ.get("VOIPCTI_TEST_RPC_URL", ""))
