"""OPTIONS: how they are read, and what is wrong with them."""

import ssl

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_voipcti.bridge.pump import TIME_LIMITS
from django_voipcti.enums import CommandAction
from django_voipcti.providers.sip import click_to_call
from django_voipcti.providers.sip import options as sip_options
from django_voipcti.redaction import Secret
from tests.providers.sip.conftest import OPTIONS


def problems(**options):
    return [message.id for message in sip_options.check("pbx", sip_options.read(OPTIONS | options))]


def test_what_is_not_given_has_a_default():
    read = sip_options.read({})
    assert (read.url, read.domain, read.cti_user, read.kamailio_rpc_url) == ("", "", "", "")
    assert (read.expires, read.ring_time) == (600, 45.0)
    assert not any((read.auto_answer, read.phones_obey_events, read.phones_obey_refer, read.server_shows_hold))


def test_the_password_is_not_printed():
    read = sip_options.read(OPTIONS)
    assert read.cti_password == Secret("cti-password")
    assert "cti-password" not in repr(read)


@pytest.mark.parametrize("wrong", [{"expires": "soon"}, {"ring_time": None}])
def test_a_value_of_the_wrong_kind_is_refused(wrong):
    with pytest.raises(ImproperlyConfigured, match="malformed"):
        sip_options.read(OPTIONS | wrong)


def test_every_name_is_known_to_the_provider(make_provider):
    assert make_provider().known_options >= {"region", *OPTIONS}


class TestChecks:
    """Mistakes that show without asking anybody."""

    def test_find_nothing(self):
        assert problems() == []

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            ({"url": "https://pbx.test"}, ["voipcti.sip.E001"]),
            ({"domain": ""}, ["voipcti.sip.E002"]),
            ({"cti_password": ""}, ["voipcti.sip.E003"]),
            ({"cti_user": ""}, ["voipcti.sip.E003", "voipcti.sip.W001"]),
            ({"cti_user": "", "cti_password": ""}, ["voipcti.sip.W001"]),
            ({"ring_time": 0}, ["voipcti.sip.E005"]),
            ({"ring_time": 51}, ["voipcti.sip.E005"]),
            ({"ca_file": "/nowhere/ca.pem"}, ["voipcti.sip.E004"]),
            ({"client_key": "/nowhere/key.pem"}, ["voipcti.sip.E004"]),
        ],
    )
    def test_find(self, options, found):
        assert problems(**options) == found

    def test_are_the_providers(self, make_provider):
        (message,) = make_provider(domain="").check()
        assert message.id == "voipcti.sip.E002"
        assert "VOIPCTI['PROVIDERS']['default']" in message.msg
        assert message.hint


class TestTls:
    """Verification is never switched off."""

    def test_is_not_used_without_wss(self):
        assert sip_options.ssl_context("ws://127.0.0.1:8088", sip_options.read(OPTIONS)) is None

    def test_verifies_chain_and_name(self):
        context = sip_options.ssl_context("wss://pbx.test", sip_options.read(OPTIONS))
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname

    @pytest.mark.parametrize("name", ["ca_file", "client_certificate"])
    @pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "garbage"])
    def test_a_file_that_cannot_be_used_is_named_as_the_cause(self, tmp_path, name, content):
        path = tmp_path / "file.pem"
        if content:
            path.write_text(content)
        with pytest.raises(ImproperlyConfigured, match="TLS file"):
            sip_options.ssl_context("wss://pbx.test", sip_options.read(OPTIONS | {name: str(path)}))


def test_a_click_is_over_before_the_bridge_gives_it_up():
    longest = sip_options.LONGEST_RING + click_to_call.PATIENCE + click_to_call.SHOW_TIME
    assert longest < TIME_LIMITS[CommandAction.PLACE]
