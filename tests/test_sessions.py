"""Logging lines in and out: what is kept, what is forgotten, who may."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model

from django_voipcti import sessions
from django_voipcti.enums import LineStatus
from django_voipcti.exceptions import AuthenticationFailed, CommandRefused, ProviderUnavailable
from django_voipcti.models import Line
from django_voipcti.providers import providers
from django_voipcti.providers.base import SecondFactor
from django_voipcti.providers.dummy import CODE, NEEDS_CODE
from django_voipcti.redaction import Secret

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = Secret("correct horse")


@pytest.fixture
def ana():
    return get_user_model().objects.create_user("ana")


@pytest.fixture
def ben():
    return get_user_model().objects.create_user("ben")


@pytest.fixture(autouse=True)
def dummy():
    """The provider forgets what other tests asked of it."""
    provider = providers["default"]
    provider.commands.clear()
    return provider


async def refused(login):
    with pytest.raises(CommandRefused) as caught:
        await login
    return caught.value.code


async def test_the_first_login_makes_the_line_and_keeps_no_password(ana):
    line = await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    assert (line.user_id, line.provider, line.enabled) == (ana.pk, "default", True)
    assert PASSWORD not in line.secrets
    assert PASSWORD not in line.reveal_secrets().values()


async def test_a_second_login_renews_the_same_line_and_makes_bridges_reconnect(ana):
    first = await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    second = await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    assert second.pk == first.pk
    assert second.credentials_version == first.credentials_version + 1
    assert await Line.objects.acount() == 1


async def test_an_account_belongs_to_one_user_only(ana, ben):
    await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    assert await refused(sessions.login(ben, username="ana@example.test", password=PASSWORD)) == "line_taken"
    assert (await Line.objects.aget()).user_id == ana.pk


async def test_a_refused_login_does_not_cut_the_owner_off(ana, ben, dummy):
    """VoIPstudio keeps one token of a name: the stranger's login revokes the one that the owner's line uses."""
    line = await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    dummy.fail("keep_alive", AuthenticationFailed("revoked"))
    assert await refused(sessions.login(ben, username="ana@example.test", password=PASSWORD)) == "line_taken"
    kept = await Line.objects.aget()
    assert (kept.user_id, kept.credentials_version) == (ana.pk, line.credentials_version + 1)


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [ProviderUnavailable("busy")],
        [AuthenticationFailed("revoked"), AuthenticationFailed("not the password either")],
        [AuthenticationFailed("revoked"), ProviderUnavailable("busy")],
    ],
    ids=["the old ones are good", "nobody knows", "the new ones are bad", "nobody knows of the new ones"],
)
async def test_a_refused_login_changes_nothing_else_of_the_owners_line(ana, ben, dummy, answers):
    line = await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    dummy.fail("keep_alive", *answers)
    assert await refused(sessions.login(ben, username="ana@example.test", password=PASSWORD)) == "line_taken"
    assert (await Line.objects.aget()).credentials_version == line.credentials_version


async def test_a_refused_login_does_not_log_the_owner_in(ana, ben):
    await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    await sessions.logout(ana)
    assert await refused(sessions.login(ben, username="ana@example.test", password=PASSWORD)) == "line_taken"
    assert (await Line.objects.aget()).secrets == ""


async def test_a_line_that_nobody_owns_goes_to_who_logs_it_in(ana):
    line = await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    await Line.objects.aupdate(user=None)
    assert (await sessions.login(ana, username="ana@example.test", password=PASSWORD)).pk == line.pk


@pytest.mark.parametrize(("username", "password"), [("", "x"), ("   ", "x"), ("ana", "")])
async def test_nothing_is_asked_of_the_provider_without_credentials(ana, dummy, username, password):
    login = sessions.login(ana, username=username, password=Secret(password))
    assert await refused(login) == "empty_credentials"
    assert await refused(sessions.login_with_key(ana, api_key=Secret(" "))) == "empty_credentials"
    code = sessions.complete_second_factor(ana, code=Secret(" "), nonce="n")
    assert await refused(code) == "empty_credentials"
    assert dummy.commands == []


async def test_what_the_provider_refuses_is_told_and_leaves_no_line(ana, dummy):
    dummy.fail("login", AuthenticationFailed("Wrong e-mail address or password.", status=401))
    with pytest.raises(AuthenticationFailed, match="Wrong"):
        await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    assert not await Line.objects.aexists()


async def test_a_second_factor_is_asked_for_and_completes_the_login(ana):
    outcome = await sessions.login(ana, username="ana@example.test", password=Secret(NEEDS_CODE))
    assert outcome == SecondFactor(nonce="ana@example.test")
    assert not await Line.objects.aexists()
    with pytest.raises(AuthenticationFailed):
        await sessions.complete_second_factor(ana, code=Secret("000000"), nonce=outcome.nonce)
    line = await sessions.complete_second_factor(ana, code=Secret(CODE), nonce=outcome.nonce)
    assert (line.user_id, line.account) == (ana.pk, "ana")


async def test_a_key_logs_in_as_well(ana):
    line = await sessions.login_with_key(ana, api_key=Secret("200341:abcdef"))
    assert line.user_id == ana.pk


async def test_logging_out_forgets_the_secrets_even_if_the_provider_cannot_be_told(ana, dummy):
    line = await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    await sync_to_async(line.set_status)(LineStatus.READY)
    dummy.fail("logout", ProviderUnavailable("No route to host."))
    assert await sessions.logout(ana) == [line]
    await line.arefresh_from_db()
    assert (line.secrets, line.status) == ("", LineStatus.LOGGED_OUT)
    assert await sessions.logout(ana) == []


async def test_nobody_logs_out_somebody_elses_line(ana, ben):
    line = await sessions.login(ana, username="ana@example.test", password=PASSWORD)
    assert await sessions.logout(ben, line=line) == []
    assert (await Line.objects.aget()).secrets


async def test_a_connection_test_reports_even_what_a_provider_should_not_raise(ana, dummy, monkeypatch):
    line = await sessions.login(ana, username="ana@example.test", password=PASSWORD)

    async def broken(account):
        raise ProviderUnavailable("Out to lunch.")

    monkeypatch.setattr(dummy, "probe", broken)
    (step,) = await sessions.probe(line)
    assert (step.failed, step.sentence) == (True, "Out to lunch.")
