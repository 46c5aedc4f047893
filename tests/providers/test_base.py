"""What every provider inherits."""

import json

import pytest
from django.test import SimpleTestCase

from django_voipcti.exceptions import UnsupportedFeature
from django_voipcti.providers.base import Account, BaseProvider, Credentials, SipProfile, load_json
from django_voipcti.redaction import PhoneNumber, Secret
from django_voipcti.testing import CAPABILITY_METHODS, ProviderContractTests, Reports, Trouble


class BareProvider(BaseProvider):
    display_name = "Bare"


class TestBareProvider(ProviderContractTests, SimpleTestCase):
    """A provider that implements nothing keeps the contract by refusing everything."""

    account = Account(line=1, key="1")

    def make_provider(self, trouble=None):
        return BareProvider("bare", {})

    def expect(self, trouble, error, *methods):
        """It has no service that could be in trouble."""
        assert trouble in Trouble


def test_the_kit_knows_every_capability():
    flags = {name for name in BareProvider("bare", {}).capabilities() if name.startswith("supports_")}
    assert flags == set(CAPABILITY_METHODS)


async def test_a_flag_without_its_method_is_a_defect_of_the_provider():
    class Boaster(BaseProvider):
        display_name = "Boaster"
        supports_place = True

    with pytest.raises(NotImplementedError, match="Boaster sets supports_place"):
        await Boaster("b", {}).place_call(Account(line=1, key="1"), call=1, number=PhoneNumber("601"), report=Reports())


def test_a_refusal_names_provider_and_capability():
    with pytest.raises(UnsupportedFeature, match="Bare cannot do this: blind transfer") as caught:
        BareProvider("bare", {}).require("supports_blind_transfer")
    assert caught.value.capability == "supports_blind_transfer"


async def test_a_connection_test_without_more_is_a_keep_alive():
    assert await BareProvider("bare", {}).check_account(Account(line=1, key="1")) == "The credentials are accepted."


def test_the_region_is_an_option():
    assert BareProvider("bare", {"region": "ES"}).region == "ES"
    assert BareProvider("bare", {}).region == ""


def test_credentials_print_without_their_secrets():
    text = repr(Credentials(account="1", secrets={"token": Secret("hunter2")}))
    assert "hunter2" not in text
    assert "token" in text


def test_lines_of_one_user_at_one_server_share_a_connection():
    def profile(**changes):
        values = {"url": "wss://a", "domain": "a", "username": "1", "password": Secret("x"), **changes}
        return SipProfile(**values).connection_key

    assert profile() == profile(watch=("sip:2@a",))
    for changes in ({"url": "wss://b"}, {"domain": "b"}, {"username": "2"}):
        assert profile() != profile(**changes)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": ["x", 1, 1.5, true, null]}', {"a": ["x", 1, 1.5, True, None]}),
        ('"a\\u0000b"', "ab"),
        ('{"\\u0000": "\\ud800"}', {"": "?"}),
        ('"\\ud83d\\ude00"', "😀"),
        ("[1e999, -1e999, NaN, Infinity]", [None] * 4),
        (b"\xef\xbb\xbf1", 1),
    ],
)
def test_json_from_outside_becomes_what_a_database_can_store(text, value):
    assert load_json(text) == value
    assert json.dumps(load_json(text), allow_nan=False)


@pytest.mark.parametrize("text", ["", "{", b"\xff", "[" * 100_000, "9" * 5_000, "{1: 2}"])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        load_json(text)
