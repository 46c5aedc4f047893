"""Logging a line in: password, key, second step, and every way to get it wrong."""

import re

import pytest
from django.urls import reverse

from django_voipcti.models import Line
from django_voipcti.providers.dummy import CODE, NEEDS_CODE, WRONG

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "admin:django_voipcti_line_login_new"


def send(client, address, **fields):
    """Post the form; return the response."""
    return client.post(address, {"provider": "default", **fields}, follow=True)


def step_of(response):
    """The signed second step that a page carries."""
    return re.search(r'name="step" value="([^"]+)"', response.content.decode())[1]


@pytest.fixture
def dora(django_user_model):
    """A user without a line."""
    return django_user_model.objects.create(username="dora")


def test_a_password_makes_a_line_and_is_forgotten(boss_client, dora):
    response = send(boss_client, reverse(NEW), user=dora.pk, username="dora@example.test", password="s3cret-pass")
    line = Line.objects.get(user=dora)
    assert line.reveal_secrets() == {"token": "dummy-token-of-dora"}
    assert "Logged in as Dora. A bridge connects the line now." in response.content.decode()
    assert "s3cret-pass" not in response.content.decode()


def test_a_key_does_too(boss_client, dora):
    send(boss_client, reverse(NEW), user=dora.pk, api_key="dora:0123456789")
    assert Line.objects.get(user=dora).account == "dora"


def test_the_second_step_takes_the_code(boss_client, dora):
    first = send(boss_client, reverse(NEW), user=dora.pk, username="dora", password=NEEDS_CODE)
    assert "second factor" in first.content.decode()
    assert not Line.objects.exists()
    send(boss_client, reverse(NEW), step=step_of(first), code=CODE)
    assert Line.objects.get().user == dora


def test_a_wrong_code_can_be_tried_again(boss_client, dora):
    first = send(boss_client, reverse(NEW), user=dora.pk, username="dora", password=NEEDS_CODE)
    second = send(boss_client, reverse(NEW), step=step_of(first), code="999999")
    assert "wrong" in second.content.decode()
    send(boss_client, reverse(NEW), step=step_of(second), code=CODE)
    assert Line.objects.get().user == dora


def test_a_forged_step_starts_again(boss_client, dora):
    response = send(boss_client, reverse(NEW), step="forged", code=CODE)
    assert "That took too long. Start again." in response.content.decode()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"username": "dora", "password": WRONG}, "The user name or the password is wrong."),
        ({"username": "dora"}, "Enter both the name and the password."),
        ({"password": "x"}, "Enter both the name and the password."),
        ({}, "Enter either a name and a password, or an API key."),
        ({"username": "dora", "password": "x", "api_key": "y"}, "Enter either a name and a password, or an API key."),
        ({"username": "dora", "password": "x", "provider": "other"}, "Select a valid choice."),
    ],
)
def test_what_is_missing_or_wrong_is_said(boss_client, dora, fields, sentence):
    response = send(boss_client, reverse(NEW), user=dora.pk, **fields)
    assert sentence in response.content.decode()
    assert not Line.objects.exists()


def test_what_was_typed_is_not_sent_back(boss_client, dora):
    for fields in ({"username": "dora", "password": WRONG}, {"api_key": f"dora:{WRONG}"}):
        page = send(boss_client, reverse(NEW), user=dora.pk, **fields).content.decode()
        assert f'value="{WRONG}"' not in page
        assert f"dora:{WRONG}" not in page


def test_an_account_of_somebody_else_is_refused(boss_client, dora, line):
    response = send(boss_client, reverse(NEW), user=dora.pk, username="601", password="x")
    assert "belongs to another user" in response.content.decode()
    assert Line.objects.get(pk=line.pk).user == line.user


def test_an_existing_line_gets_new_credentials(boss_client, line):
    address = reverse("admin:django_voipcti_line_login", args=[line.pk])
    assert boss_client.get(address).status_code == 200
    send(boss_client, address, user=line.user_id, username="601", password="x")
    assert Line.objects.get(pk=line.pk).reveal_secrets() == {"token": "dummy-token-of-601"}


def test_credentials_of_another_account_go_to_its_own_line(boss_client, line):
    address = reverse("admin:django_voipcti_line_login", args=[line.pk])
    response = send(boss_client, address, user=line.user_id, username="777", password="x")
    assert "belong to the account 777" in response.content.decode()
    assert Line.objects.get(pk=line.pk).secrets == ""


def test_it_needs_the_permission(client, staff, line):
    staff("view_line")
    assert client.get(reverse(NEW)).status_code == 403
    assert client.get(reverse("admin:django_voipcti_line_login", args=[line.pk])).status_code == 403


def test_strangers_are_asked_to_log_in(client):
    assert client.get(reverse(NEW)).status_code == 302


# --- by what the provider asks for ------------------------------------------------------------------------------------

SIP = "django_voipcti.providers.sip.SipProvider"


@pytest.fixture
def pbx(settings):
    """Return `pbx(**options)`: the only provider is a SIP server with these OPTIONS."""

    def configure(*, beside=False, **options):
        configured = {"pbx": {"BACKEND": SIP, "OPTIONS": options}}
        others = dict(settings.VOIPCTI["PROVIDERS"]) if beside else {}
        settings.VOIPCTI = {"PROVIDERS": {**others, **configured}}

    return configure


def asked(response):
    """Names of the visible fields of a page's form."""
    form = response.context["adminform"].form
    return [field.name for field in form.visible_fields()]


def test_a_key_is_not_asked_for_where_none_is_taken(boss_client, pbx):
    pbx(url="wss://pbx.test", domain="pbx.test")
    assert asked(boss_client.get(reverse(NEW))) == ["user", "username", "password"]


def test_the_server_is_asked_for_where_the_settings_leave_it_open(boss_client, pbx, line):
    server = ["url", "domain"]
    pbx()
    assert asked(boss_client.get(reverse(NEW)))[1:3] == server
    pbx(url="wss://pbx.test", domain="pbx.test", lines_choose_server=True)
    page = boss_client.get(reverse(NEW))
    assert asked(page)[1:3] == server
    assert 'value="wss://pbx.test"' in page.content.decode()
    pbx(url="wss://pbx.test", domain="pbx.test")
    Line.objects.filter(pk=line.pk).update(provider="pbx", options={"url": "wss://own.test", "domain": "own.test"})
    page = boss_client.get(reverse("admin:django_voipcti_line_login", args=[line.pk]))
    assert asked(page)[1:3] == server
    assert 'value="wss://own.test"' in page.content.decode()


def test_with_several_providers_one_is_chosen_first(boss_client, pbx):
    pbx(beside=True, url="wss://pbx.test", domain="pbx.test")
    page = boss_client.get(reverse(NEW))
    assert asked(page) == ["provider"]
    assert "Choose one first." in page.content.decode()
    assert asked(boss_client.get(reverse(NEW), {"provider": "pbx"})) == ["user", "username", "password"]
    assert "api_key" in asked(boss_client.get(reverse(NEW), {"provider": "default"}))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"password": "x"}, "This field is required."),
        ({"username": "601", "password": "x", "url": "https://pbx.test"}, "not one of the form wss://host:port/path"),
        ({"username": "601", "password": "x", "domain": "a@b"}, "The domain is not one."),
        ({"username": "601@elsewhere.test", "password": "x"}, "The user name is not one of this domain."),
    ],
)
def test_what_is_wrong_with_a_server_is_said_before_anybody_is_asked(boss_client, dora, pbx, fields, sentence):
    pbx()
    values = {"url": "wss://pbx.invalid", "domain": "pbx.test"} | fields
    response = boss_client.post(reverse(NEW), {"provider": "pbx", "user": dora.pk, **values})
    assert sentence in response.content.decode()
    assert not Line.objects.exists()


def test_a_server_that_cannot_be_reached_is_told_of(boss_client, dora, pbx):
    pbx()
    values = {"url": "wss://pbx.invalid:8443", "domain": "pbx.test", "username": "601", "password": "never-shown"}
    response = boss_client.post(reverse(NEW), {"provider": "pbx", "user": dora.pk, **values})
    page = response.content.decode()
    assert "The name pbx.invalid is unknown to DNS." in page
    assert "never-shown" not in page
    assert 'value="wss://pbx.invalid:8443"' in page
