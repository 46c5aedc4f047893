"""Lines: who sees them, what they keep, how they stand."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import IntegrityError, transaction

from django_voipcti.enums import LineStatus
from django_voipcti.models import Call, Line
from django_voipcti.providers.base import Credentials
from django_voipcti.redaction import Secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def users():
    return [get_user_model().objects.create_user(name) for name in ("ana", "ben")]


@pytest.fixture
def lines(users):
    return [
        Line.objects.create(provider="default", account=f"60{number}", user=user)
        for number, user in enumerate(users, 1)
    ]


def test_a_user_sees_his_own_lines_and_a_supervisor_all(users, lines):
    ana, ben = users
    assert list(Line.objects.visible_to(ana)) == lines[:1]
    assert list(Line.objects.visible_to(AnonymousUser())) == []
    ben.user_permissions.add(Permission.objects.get(codename="watch_lines"))
    ben = get_user_model().objects.get(pk=ben.pk)
    assert set(Line.objects.visible_to(ben)) == set(lines)
    assert Call.objects.visible_to(AnonymousUser()).count() == 0


def test_an_account_is_a_line_once_per_provider(lines):
    with pytest.raises(IntegrityError), transaction.atomic():
        Line.objects.create(provider="default", account="601")
    Line.objects.create(provider="other", account="601")


def test_only_enabled_lines_with_credentials_are_connected(lines):
    assert list(Line.objects.enabled()) == []
    lines[0].set_secrets({"token": "t"})
    lines[0].save()
    assert list(Line.objects.enabled()) == lines[:1]
    Line.objects.update(enabled=False)
    assert list(Line.objects.enabled()) == []


def test_a_login_fills_the_line_in_and_is_what_the_provider_gets_back(lines):
    line = lines[0]
    line.set_credentials(
        Credentials(account="200341", secrets={"token": Secret("t")}, display_name="Ana Ruiz", extension="601")
    )
    assert (line.label, line.extension, str(line)) == ("Ana Ruiz", "601", "Ana Ruiz")
    account = line.as_account()
    assert (account.key, account.secrets) == ("200341", {"token": "t"})
    assert "'t'" not in repr(account)
    line.clear_credentials()
    assert line.as_account().secrets == {}


def test_a_status_is_news_once(lines):
    line = lines[0]
    assert line.set_status(LineStatus.READY)
    assert not line.set_status(LineStatus.READY)
    assert line.set_status(LineStatus.ERROR, "Log in again.")
    line.refresh_from_db()
    assert (line.status, line.status_text) == (LineStatus.ERROR, "Log in again.")


def test_the_country_is_the_lines_else_the_providers_else_the_settings(lines, settings):
    line = lines[0]
    backend = "django_voipcti.providers.dummy.DummyProvider"
    settings.VOIPCTI = {"DEFAULT_REGION": "FR", "PROVIDERS": {"default": {"BACKEND": backend}}}
    assert line.effective_region == "FR"
    options = {"region": "DE"}
    settings.VOIPCTI = {"DEFAULT_REGION": "FR", "PROVIDERS": {"default": {"BACKEND": backend, "OPTIONS": options}}}
    assert line.effective_region == "DE"
    line.region = "GB"
    assert line.effective_region == "GB"


def test_a_line_with_calls_cannot_be_deleted_by_accident(lines):
    from django.db.models import ProtectedError

    from django_voipcti import journal
    from tests.journal.conftest import said

    journal.record([said("RINGING", 0, line="601")])
    with pytest.raises(ProtectedError):
        lines[0].delete()
    lines[0].user.delete()
    assert Line.objects.get(account="601").user is None, "the history outlives the user"
