"""OPTIONS of the VoIPstudio provider: defaults, and what the system check says about mistakes."""

from datetime import UTC

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_voipcti.providers.voipstudio import VoipStudioProvider, options
from django_voipcti.redaction import Secret


def checked(**values):
    return [message.id.rpartition(".")[2] for message in VoipStudioProvider("office", values).check()]


def test_none_is_needed():
    read = options.read("office", {})
    assert read == options.Options(
        api_url="https://l7api.com/v1.2/voipstudio",
        sip_url="wss://{domain}:443",
        token_name="django_voipcti office",
        time_zone=read.time_zone,
        webhook_secrets=(),
        ca_file="",
        timeout=20.0,
        transport=None,
    )
    assert read.time_zone.utcoffset(None) == UTC.utcoffset(None)
    assert checked() == []


def test_every_option_is_known_to_the_system_check():
    assert VoipStudioProvider.known_options == {"region", *options.Options.__slots__} - {"webhook_secrets"} | {
        "webhook_secret"
    }


@pytest.mark.parametrize(
    ("given", "read"),
    [("one", (Secret("one"),)), (["one", "two"], (Secret("one"), Secret("two"))), (None, ()), ("", ()), ([""], ())],
)
def test_one_secret_or_several(given, read):
    assert options.read("office", {"webhook_secret": given}).webhook_secrets == read


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({"api_url": "https://pbx.example.test/api"}, []),
        ({"api_url": "http://127.0.0.1:8080/v1.2/voipstudio", "sip_url": "ws://127.0.0.1:8081"}, []),
        ({"api_url": "http://pbx.example.test/api"}, ["W001"]),
        ({"sip_url": "ws://{domain}"}, ["W001"]),
        ({"api_url": "pbx.example.test"}, ["E001"]),
        ({"api_url": "https://{domain}/api"}, ["E001"]),
        ({"sip_url": "https://{domain}"}, ["E001"]),
        ({"sip_url": "wss://{host}"}, ["E001"]),
        ({"time_zone": "Europe/Madrid"}, []),
        ({"time_zone": "Mars/Olympus"}, ["E002"]),
        ({"time_zone": "../etc"}, ["E002"]),
        ({"time_zone": 7}, ["E002"]),
        ({"timeout": "soon"}, ["E003"]),
        ({"timeout": 0}, ["E003"]),
        ({"ca_file": "/nowhere/ca.pem"}, ["E004"]),
        ({"webhook_secret": "crm:short"}, ["W002"]),
        ({"webhook_secret": "crm:long-enough-to-be-one"}, []),
    ],
)
def test_mistakes_are_told_with_an_id(values, ids):
    assert checked(**values) == ids


@pytest.mark.parametrize("url", ["wss://{", "wss://{domain", "wss://[::1", 7, None])
def test_an_address_that_cannot_be_read_is_a_mistake_too(url):
    assert checked(sip_url=url) == ["E001"]


async def test_a_serious_mistake_stops_the_first_use():
    provider = VoipStudioProvider("office", {"time_zone": "Mars/Olympus"})
    with pytest.raises(ImproperlyConfigured, match="Mars/Olympus"):
        await provider.login_with_key(api_key=Secret("abc"))


def test_messages_do_not_show_the_secret():
    (message,) = VoipStudioProvider("office", {"webhook_secret": "crm:short"}).check()
    assert "short" not in f"{message.msg} {message.hint}".replace("shorter", "")
