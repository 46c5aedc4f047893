"""Logins, tokens and commands: what is sent to VoIPstudio, and what its answers mean."""

import json
import ssl
from datetime import UTC, datetime

import httpx2
import pytest

from django_voipcti.enums import CallState, Direction, EndReason, Source
from django_voipcti.events import CallReference, CallUpdate, Party
from django_voipcti.exceptions import (
    AuthenticationFailed,
    CallNotFound,
    PhoneNotRegistered,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
)
from django_voipcti.providers.base import Account, Colleague, DialogIdentity, SecondFactor, SipProfile
from django_voipcti.redaction import PhoneNumber, Secret
from django_voipcti.sip.dialoginfo import Dialog, Participant
from django_voipcti.testing import Reports
from tests.providers.voipstudio.service import ACCOUNT, MINTED, answer, payload

SESSION = payload("login")["user_token"]
CALL = CallReference(external_id="4100200300", direction=Direction.INBOUND, state=CallState.RINGING)
NUMBER = PhoneNumber("+447700900123")


def secrets(credentials):
    return {name: str(secret) for name, secret in credentials.secrets.items()}


# --- logging in ---------------------------------------------------------------------------------------------------


async def test_a_login_keeps_a_token_of_its_own_and_neither_password_nor_session(provider, service):
    credentials = await provider.login(username="ana@acme.example.test", password=Secret("a-password"))
    assert secrets(credentials) == {
        "token": MINTED,
        "token_kind": "minted",
        "sip_password": "sip-pass-4711",
        "sip_domain": "acme.sip.example.test",
    }
    assert (credentials.account, credentials.display_name, credentials.extension) == ("200341", "Ana Ruiz", "1001")
    assert service.sent[0].body == {"email": "ana@acme.example.test", "password": "a-password"}


async def test_the_token_is_named_and_replaces_the_older_one_of_that_name_only(provider, service):
    await provider.login(username="ana@acme.example.test", password=Secret("a-password"))
    assert service.trace == [
        "POST /login",
        "GET /me",
        "GET /apitokens",
        "DELETE /apitokens/01d70000000000000000000000000000000000b2",
        "POST /apitokens",
        "GET /users",
    ]
    assert json.loads(service.sent[2].params["filter"]) == [
        {"property": "name", "operator": "eq", "value": "django_voipcti default"}
    ]
    assert service.sent[4].body == {"name": "django_voipcti default", "expiry": 30 * 24 * 3600}
    assert [sent.token for sent in service.sent] == [None, SESSION, SESSION, SESSION, SESSION, MINTED]


async def test_the_name_of_the_token_is_an_option(service):
    provider = service.provider(token_name="crm of the north")
    await provider.login_with_key(api_key=Secret("abc"))
    minted = next(sent for sent in service.sent if sent.method == "POST")
    assert minted.body["name"] == "crm of the north"
    assert not [sent for sent in service.sent if sent.method == "DELETE"]


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_session_is_kept_where_minting_is_refused(provider, service, status):
    service.reply("POST", "/apitokens", answer(status, "error_validation"))
    credentials = await provider.login(username="ana@acme.example.test", password=Secret("a-password"))
    assert (secrets(credentials)["token"], secrets(credentials)["token_kind"]) == (SESSION, "session")


async def test_the_key_is_kept_where_minting_is_refused(provider, service):
    service.reply("GET", "/apitokens", answer(403))
    credentials = await provider.login_with_key(api_key=Secret("200341:0123456789abcdef"))
    assert (secrets(credentials)["token"], secrets(credentials)["token_kind"]) == ("0123456789abcdef", "api_key")


async def test_trouble_on_the_way_to_a_token_fails_the_login(provider, service):
    service.reply("POST", "/apitokens", answer(503))
    with pytest.raises(ProviderUnavailable):
        await provider.login(username="ana@acme.example.test", password=Secret("a-password"))


@pytest.mark.parametrize("key", ["0123456789abcdef", "200341:0123456789abcdef", " 0123456789abcdef\n"])
async def test_a_key_is_accepted_with_and_without_its_user(provider, service, key):
    credentials = await provider.login_with_key(api_key=Secret(key))
    assert service.sent[0].token == "0123456789abcdef"
    assert credentials.account == "200341"


@pytest.mark.parametrize("key", ["", ":", "200341:", "1:2:3", "ana:0123456789abcdef", "schlüssel", "two words"])
async def test_what_is_no_key_is_refused_without_asking(provider, service, key):
    with pytest.raises(AuthenticationFailed, match="no VoIPstudio key"):
        await provider.login_with_key(api_key=Secret(key))
    assert service.sent == []


async def test_a_second_factor_is_asked_for_by_202_and_nonce(provider, service):
    service.reply("POST", "/login", answer(202, "login_second_factor"))
    asked = await provider.login(username="ana@acme.example.test", password=Secret("a-password"))
    assert asked == SecondFactor(nonce="n0nce-73")
    credentials = await provider.complete_second_factor(code=Secret("123456"), nonce=asked.nonce)
    assert service.sent[1].body == {"code": "123456", "nonce": "n0nce-73"}
    assert secrets(credentials)["token"] == MINTED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_whatever_is_objected_to_in_a_login_concerns_the_credentials(provider, service, status):
    service.reply("POST", "/login", answer(status, "error_unauthorized"))
    with pytest.raises(AuthenticationFailed, match="not valid or has expired") as caught:
        await provider.login(username="ana@acme.example.test", password=Secret("wrong"))
    assert caught.value.status == status


async def test_a_login_without_a_token_in_its_answer_is_no_login(provider, service):
    service.reply("POST", "/login", httpx2.Response(200, json={"message": "hello"}))
    with pytest.raises(ProviderProtocolError):
        await provider.login(username="ana@acme.example.test", password=Secret("a-password"))


@pytest.mark.parametrize(
    "missing", [{"id": 0}, {"sip_password": ""}, {"sip_domain": None}, {"sip_domain": "evil.test/path"}]
)
async def test_a_user_without_sip_access_cannot_be_a_line(provider, service, missing):
    me = payload("me")
    me["data"].update(missing)
    service.reply("GET", "/me", httpx2.Response(200, json=me))
    with pytest.raises(ProviderProtocolError, match="Ask its support"):
        await provider.login_with_key(api_key=Secret("abc"))


async def test_the_directory_is_not_needed_to_log_in(provider, service):
    service.reply("GET", "/users", answer(403))
    assert (await provider.login_with_key(api_key=Secret("abc"))).extension == ""


# --- keeping and ending it ----------------------------------------------------------------------------------------


async def test_only_a_401_says_that_the_credentials_are_dead(provider, service):
    await provider.keep_alive(ACCOUNT)
    assert service.trace == ["GET /ping"]
    service.reply("GET", "/ping", answer(401))
    with pytest.raises(AuthenticationFailed):
        await provider.keep_alive(ACCOUNT)
    for reply in (answer(403), answer(429), answer(500), httpx2.ReadTimeout("slow"), httpx2.RemoteProtocolError("odd")):
        service.reply("GET", "/ping", reply)
        with pytest.raises((ProviderRejected, ProviderUnavailable)) as caught:
            await provider.keep_alive(ACCOUNT)
        assert not isinstance(caught.value, AuthenticationFailed)


@pytest.mark.parametrize(
    "body", ["<html>Log in to the airport's network</html>", "", "[]", '{"data": {}, "links": {}}']
)
async def test_a_page_that_answers_everything_is_not_the_platform(provider, service, body):
    service.otherwise = httpx2.Response(200, text=body)
    for work in (provider.keep_alive, provider.check_account):
        with pytest.raises(ProviderProtocolError, match="Something else"):
            await work(ACCOUNT)
    with pytest.raises(ProviderProtocolError, match="Something else"):
        await provider.place_call(ACCOUNT, call=7, number=NUMBER, report=Reports())


async def test_logging_out_revokes_the_token_that_was_minted(provider, service):
    await provider.logout(ACCOUNT)
    assert service.trace == [f"DELETE /apitokens/{MINTED}"]


@pytest.mark.parametrize(("kind", "trace"), [("session", ["POST /logout"]), ("api_key", [])])
async def test_logging_out_ends_a_session_and_leaves_the_users_own_key(provider, service, kind, trace):
    account = Account(line=1, key="200341", secrets={**ACCOUNT.secrets, "token_kind": Secret(kind)})
    await provider.logout(account)
    assert service.trace == trace


@pytest.mark.parametrize("status", [401, 404])
async def test_logging_out_of_what_is_gone_is_quiet(provider, service, status):
    service.reply("DELETE", "/apitokens/*", answer(status))
    await provider.logout(ACCOUNT)


async def test_a_line_that_never_logged_in_is_told_so(provider, service):
    empty = Account(line=1, key="200341")
    for work in (provider.keep_alive, provider.sip_profile, provider.live_calls, provider.logout):
        with pytest.raises(AuthenticationFailed, match="Log it in"):
            await work(empty)
    assert service.sent == []


async def test_the_connection_test_names_user_and_domain(provider):
    assert await provider.check_account(ACCOUNT) == (
        "The credentials of Ana Ruiz are accepted; call events come from acme.sip.example.test."
    )


async def test_the_connection_test_notices_a_changed_sip_password(provider, service):
    me = payload("me")
    me["data"]["sip_password"] = "another"
    service.reply("GET", "/me", httpx2.Response(200, json=me))
    with pytest.raises(AuthenticationFailed, match="Log the line in again"):
        await provider.check_account(ACCOUNT)


async def test_the_directory_lists_active_colleagues_with_an_extension(provider):
    assert await provider.directory(ACCOUNT) == [Colleague(account="200342", name="Ben Okafor", extension="1002")]


# --- call state ---------------------------------------------------------------------------------------------------


async def test_call_events_come_from_the_users_own_sip_domain(provider):
    profile = await provider.sip_profile(ACCOUNT)
    assert isinstance(profile.ssl_context, ssl.SSLContext)
    assert profile == SipProfile(
        url="wss://acme.sip.example.test:443",
        domain="acme.sip.example.test",
        username="200341",
        password=Secret("sip-pass-4711"),
        watch=("sip:200341@acme.sip.example.test",),
        expires=300,
        ssl_context=profile.ssl_context,
    )


async def test_the_address_of_the_sip_server_is_an_option(service):
    provider = service.provider(sip_url="ws://127.0.0.1:8443/{domain}")
    profile = await provider.sip_profile(ACCOUNT)
    assert profile.url == "ws://127.0.0.1:8443/acme.sip.example.test"
    assert profile.ssl_context is None


def test_a_dialog_is_named_by_its_call_and_its_leg(provider):
    local = Participant(params={"timestamp.start": "1767225600", "context": "RG-70001", "+sip.rendering": "yes"})
    dialog = Dialog(id="139000002-1", local=local)
    assert provider.identify_dialog(ACCOUNT, dialog) == DialogIdentity(
        external_id="139000002", started_at=datetime(2026, 1, 1, tzinfo=UTC), context="RG-70001"
    )
    assert provider.identify_dialog(ACCOUNT, Dialog(id="139000002")) == DialogIdentity(external_id="139000002")
    assert provider.identify_dialog(ACCOUNT, Dialog(id="-1")) is None


@pytest.mark.parametrize(
    ("number", "dialled", "name"),
    [("447700900123", True, ""), ("602", True, "Ben Okafor"), ("447700900123", False, "Ben Okafor")],
)
def test_the_name_of_an_outside_number_that_was_dialled_is_a_tariff_zone(provider, number, dialled, name):
    assert provider.read_party(number, "Ben Okafor", dialled=dialled).name == name


async def test_live_calls_are_those_of_the_line(provider):
    updates = await provider.live_calls(ACCOUNT)
    assert [(update.external_id, update.direction, update.state) for update in updates] == [
        ("4100200300", Direction.INBOUND, CallState.RINGING),
        ("4100200301", Direction.OUTBOUND, CallState.CONNECTED),
    ]


async def test_history_is_read_page_by_page_until_a_page_is_empty(provider, service):
    service.reply("GET", "/cdrs", *(answer(200, f"cdrs_page_{page}") for page in (1, 2, 3)))
    since, until = datetime(2026, 1, 1, 10, tzinfo=UTC), datetime(2026, 1, 1, 11, tzinfo=UTC)
    found = [update async for update in provider.history(ACCOUNT, since=since, until=until)]
    assert [update.external_id for update in found] == [
        "139000001",
        "139000003",
        "139000005",
        "139000007",
        "cdr-905",
    ]
    assert [sent.params["page"] for sent in service.sent] == ["1", "2"]
    assert json.loads(service.sent[0].params["filter"]) == [
        {"property": "user_id", "operator": "eq", "value": "200341"},
        {"property": "calldate", "operator": "gte", "value": "2026-01-01 10:00:00"},
        {"property": "calldate", "operator": "lt", "value": "2026-01-01 11:00:00"},
    ]


async def test_an_empty_page_ends_the_history_although_more_was_promised(provider, service):
    first, last = payload("cdrs_page_1"), payload("cdrs_page_3")
    first["total"] = last["total"] = 1000
    service.reply("GET", "/cdrs", httpx2.Response(200, json=first), httpx2.Response(200, json=last))
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert len([update async for update in provider.history(ACCOUNT, since=now, until=now)]) == 3
    assert len(service.sent) == 2


async def test_a_server_that_repeats_its_page_does_not_go_on_for_ever(provider, service):
    page = payload("cdrs_page_1")
    del page["total"]
    service.reply("GET", "/cdrs", httpx2.Response(200, json=page))
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert len([update async for update in provider.history(ACCOUNT, since=now, until=now)]) == 3
    assert len(service.sent) == 2


async def test_text_dates_are_in_the_configured_zone(service):
    provider = service.provider(time_zone="Europe/Madrid")
    service.reply("GET", "/cdrs", answer(200, "cdrs_page_1"), answer(200, "cdrs_page_3"))
    since, until = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC)
    found = [update async for update in provider.history(ACCOUNT, since=since, until=until)]
    assert json.loads(service.sent[0].params["filter"])[1]["value"] == "2026-07-01 02:00:00"
    assert found[0].started_at == datetime(2026, 1, 1, 9, tzinfo=UTC)


# --- commands -----------------------------------------------------------------------------------------------------


async def test_a_click_rings_the_own_phone_and_learns_the_calls_id(provider, service):
    reports = Reports()
    await provider.place_call(ACCOUNT, call=7, number=NUMBER, report=reports)
    initial, accepted = reports.updates
    assert initial == CallUpdate(
        provider="default",
        account="200341",
        external_id="",
        call=7,
        source=Source.REST,
        observed_at=initial.observed_at,
        state=CallState.INITIAL,
        direction=Direction.OUTBOUND,
        own=Party(number=PhoneNumber("1001"), account="200341"),
        other=Party(number=NUMBER),
    )
    assert accepted == CallUpdate(
        provider="default",
        account="200341",
        external_id="4100200310",
        call=7,
        source=Source.REST,
        observed_at=accepted.observed_at,
        state=CallState.ACCEPTED,
        direction=Direction.OUTBOUND,
        own=Party(number=PhoneNumber("1001"), name="Ana Ruiz", account="200341"),
        other=Party(number=NUMBER),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        raw=payload("call_created")["data"],
    )


@pytest.mark.parametrize(
    ("number", "sent"), [("+447700900123", "447700900123"), ("1002", "1002"), ("#123", "#123"), ("*97", "*97")]
)
async def test_numbers_are_sent_without_plus(provider, service, number, sent):
    await provider.place_call(ACCOUNT, call=7, number=PhoneNumber(number), report=Reports())
    assert service.sent[0].body == {"to": sent}


async def test_a_phone_that_is_not_registered_is_told_by_412(provider, service):
    service.reply("POST", "/calls", answer(412, "error_not_registered"))
    reports = Reports()
    with pytest.raises(PhoneNotRegistered, match="Start your phone") as caught:
        await provider.place_call(ACCOUNT, call=7, number=NUMBER, report=reports)
    assert (caught.value.status, caught.value.end_reason) == (412, EndReason.UNREACHABLE)
    assert reports.states == [CallState.INITIAL]


async def test_a_refused_number_is_told_with_the_fields_and_codes(provider, service):
    service.reply("POST", "/calls", answer(400, "error_validation"))
    with pytest.raises(ProviderRejected) as caught:
        await provider.place_call(ACCOUNT, call=7, number=NUMBER, report=Reports())
    assert str(caught.value) == (
        "Validation failed: *********123 is not a callable number (to, SF0010); must be a user (from)"
    )
    assert caught.value.end_reason is EndReason.REJECTED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, EndReason.REJECTED),
        (404, EndReason.UNREACHABLE),
        (408, EndReason.NO_ANSWER),
        (409, EndReason.DECLINED),
        (422, EndReason.DECLINED),
        (480, EndReason.NO_ANSWER),
        (486, EndReason.BUSY),
    ],
)
async def test_other_refusals_say_what_the_own_phone_did(provider, service, status, reason):
    service.reply("POST", "/calls", answer(status))
    with pytest.raises(ProviderRejected) as caught:
        await provider.place_call(ACCOUNT, call=7, number=NUMBER, report=Reports())
    assert type(caught.value) is ProviderRejected
    assert (caught.value.status, caught.value.end_reason) == (status, reason)


@pytest.mark.parametrize("reply", [answer(429), answer(502), httpx2.ReadTimeout("slow"), httpx2.ReadError("cut")])
async def test_a_click_is_never_repeated_by_itself(provider, service, reply):
    service.reply("POST", "/calls", reply)
    with pytest.raises(ProviderUnavailable):
        await provider.place_call(ACCOUNT, call=7, number=NUMBER, report=Reports())
    assert service.trace == ["POST /calls"]


async def test_dead_credentials_stay_recognisable_while_calling(provider, service):
    service.reply("POST", "/calls", answer(401, "error_unauthorized"))
    with pytest.raises(AuthenticationFailed):
        await provider.place_call(ACCOUNT, call=7, number=NUMBER, report=Reports())


async def test_a_call_is_accepted_even_if_the_answer_says_little(provider, service):
    service.reply("POST", "/calls", httpx2.Response(201))
    reports = Reports()
    await provider.place_call(ACCOUNT, call=7, number=NUMBER, report=reports)
    assert reports.states == [CallState.INITIAL, CallState.ACCEPTED]
    assert reports.updates[1].external_id == ""
    assert reports.updates[1].other == Party(number=NUMBER)


async def test_the_commands_of_a_call(provider, service):
    await provider.answer(ACCOUNT, CALL)
    await provider.transfer(ACCOUNT, CALL, number=NUMBER)
    await provider.hang_up(ACCOUNT, CALL)
    assert [(f"{sent.method} {sent.path}", sent.body) for sent in service.sent] == [
        ("PATCH /calls/4100200300", {"state": "CONNECTED"}),
        ("PATCH /calls/4100200300", {"dst": "447700900123"}),
        ("DELETE /calls/4100200300", None),
    ]


async def test_a_redirect_after_an_update_means_success_and_is_not_followed(provider, service):
    service.reply("PATCH", "/calls/*", answer(301, None, location="https://elsewhere.example.test/"))
    await provider.answer(ACCOUNT, CALL)
    assert len(service.sent) == 1


async def test_hanging_up_a_call_that_is_over_is_quiet(provider, service):
    service.reply("DELETE", "/calls/*", answer(404, "error_not_found"))
    await provider.hang_up(ACCOUNT, CALL)


async def test_other_refusals_to_hang_up_are_told(provider, service):
    service.reply("DELETE", "/calls/*", answer(403))
    with pytest.raises(ProviderRejected):
        await provider.hang_up(ACCOUNT, CALL)


async def test_a_call_that_is_over_cannot_be_answered_or_transferred(provider, service):
    service.reply("PATCH", "/calls/*", answer(404, "error_not_found"))
    with pytest.raises(CallNotFound, match="over"):
        await provider.answer(ACCOUNT, CALL)
    with pytest.raises(CallNotFound, match="over"):
        await provider.transfer(ACCOUNT, CALL, number=NUMBER)


async def test_a_call_that_has_no_id_yet_cannot_be_commanded(provider, service):
    unnamed = CallReference(external_id="", direction=Direction.OUTBOUND, state=CallState.INITIAL)
    for work in (provider.answer, provider.hang_up):
        with pytest.raises(CallNotFound, match="not named this call yet"):
            await work(ACCOUNT, unnamed)
    assert service.sent == []


async def test_a_calls_id_cannot_lead_elsewhere(provider, service):
    odd = CallReference(external_id="../users/1?x=", direction=Direction.INBOUND, state=CallState.RINGING)
    service.otherwise = answer(404)
    await provider.hang_up(ACCOUNT, odd)
    assert service.trace == ["DELETE /calls/..%2Fusers%2F1%3Fx%3D"]
