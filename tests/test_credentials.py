"""Line credentials at rest: unreadable without a key, readable with any configured one, rotated to the first."""

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import override_settings

from django_voipcti import credentials
from django_voipcti.models import Line

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def voipcti(*keys):
    return override_settings(VOIPCTI={"CREDENTIAL_KEYS": list(keys)})


def test_secrets_come_back_and_do_not_stand_in_the_token():
    token = credentials.encrypt({"token": "s3cret"})
    assert "s3cret" not in token
    assert credentials.decrypt(token) == {"token": "s3cret"}
    assert repr(credentials.decrypt(token)["token"]) == "<secret>"


def test_no_secrets_make_no_token():
    assert credentials.encrypt({}) == ""
    assert credentials.decrypt("") == {}
    assert credentials.rotate("") == ""


def test_every_configured_key_opens_and_the_first_one_writes():
    with voipcti(OLD):
        token = credentials.encrypt({"a": "b"})
    with voipcti(NEW, OLD):
        assert credentials.decrypt(token) == {"a": "b"}
        rotated = credentials.rotate(token)
    with voipcti(NEW):
        assert credentials.decrypt(rotated) == {"a": "b"}


def test_a_lost_key_says_which_setting_to_mend():
    with voipcti(OLD):
        token = credentials.encrypt({"a": "b"})
    with voipcti(NEW), pytest.raises(ImproperlyConfigured, match="CREDENTIAL_KEYS"):
        credentials.decrypt(token)


def test_without_keys_they_are_derived_from_djangos_own_and_follow_its_rotation():
    with override_settings(VOIPCTI={}, SECRET_KEY="one"):
        token = credentials.encrypt({"a": "b"})
    with override_settings(VOIPCTI={}, SECRET_KEY="two", SECRET_KEY_FALLBACKS=["one"]):
        assert credentials.decrypt(token) == {"a": "b"}


@pytest.mark.django_db
def test_the_command_moves_all_lines_to_the_first_key(capsys):
    with voipcti(OLD):
        line = Line(provider="default", account="1")
        line.set_secrets({"token": "t"})
        line.save()
    with voipcti(NEW, OLD):
        call_command("voipcti_rotate_keys")
    assert "1 lines" in capsys.readouterr().out
    with voipcti(NEW):
        line.refresh_from_db()
        assert line.reveal_secrets() == {"token": "t"}
