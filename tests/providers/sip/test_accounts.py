"""Logging lines in at a real SIP server, and testing their connection: who is asked, and who gets which password."""

from dataclasses import replace

import pytest

from django_voipcti.exceptions import AuthenticationFailed, ProviderRejected, ProviderUnavailable
from django_voipcti.providers.base import Account, Credentials
from django_voipcti.providers.sip import SipProvider, accounts
from django_voipcti.providers.sip import options as sip_options
from django_voipcti.redaction import PhoneNumber, Secret
from django_voipcti.sip.digest import Credentials as Digest
from django_voipcti.testing import Reports
from tests.bridge.sip_server import SipServer

PASSWORDS = {"1001": "right", "cti": "cti-password"}
CTI = {"cti_user": "cti", "cti_password": "cti-password"}
ACCOUNT = Account(line=1, key="1001", secrets={"password": Secret("right")})


@pytest.fixture
async def server():
    async with SipServer(passwords=PASSWORDS) as running:
        yield running


def provider(server, **options):
    return SipProvider("pbx", {"url": server.url, "domain": "pbx.example", **options})


def users(server):
    """Who answered challenges."""
    headers = [request.headers.get("Authorization") for request in server.requests]
    return {Digest.parse(header).username for header in headers if header}


class TestLogin:
    async def test_the_right_password_is_kept(self, server):
        credentials = await provider(server).login(username="1001", password=Secret("right"))
        assert credentials == Credentials(account="1001", extension="1001", secrets={"password": Secret("right")})

    @pytest.mark.parametrize("spelling", ["1001@pbx.example", "sip:1001@pbx.example"])
    async def test_a_complete_address_is_understood(self, server, spelling):
        credentials = await provider(server).login(username=spelling, password=Secret("right"))
        assert credentials.account == "1001"

    @pytest.mark.parametrize("options", [{}, CTI], ids=["without a CTI user", "with one"])
    async def test_nobody_gets_an_extension_whose_password_he_does_not_know(self, server, options):
        with pytest.raises(AuthenticationFailed, match="does not accept the user name and password"):
            await provider(server, **options).login(username="1001", password=Secret("guessed"))
        assert users(server) == {"1001"}

    async def test_a_password_that_the_server_did_not_look_at_proves_nothing(self, server):
        server.passwords = None
        server.refusals["sip:1001@pbx.example"] = (403, {})
        with pytest.raises(ProviderRejected, match="Grant it on the server"):
            await provider(server).login(username="1001", password=Secret("guessed"))

    async def test_what_the_server_has_to_mend_does_not_keep_anybody_from_logging_in(self, server):
        server.refusals["sip:1001@pbx.example"] = (489, {})
        assert await provider(server).login(username="1001", password=Secret("right"))

    async def test_a_server_that_is_away_is_worth_another_try(self, server, free_port):
        away = SipProvider("pbx", {"url": f"ws://127.0.0.1:{free_port}/", "domain": "pbx.example"})
        with pytest.raises(ProviderUnavailable, match="refuses connections"):
            await away.login(username="1001", password=Secret("right"))

    async def test_a_server_that_was_entered_is_kept(self, server):
        given = {"url": server.url, "domain": " PBX.example "}
        credentials = await SipProvider("pbx", {}).login(username="1001", password=Secret("right"), options=given)
        assert credentials == Credentials(
            account="1001@pbx.example",
            extension="1001",
            secrets={"password": Secret("right")},
            options={"url": server.url, "domain": "pbx.example"},
        )

    async def test_a_line_at_a_server_of_its_own_is_known_by_its_address_and_connects_by_its_name(self, server):
        own = replace(ACCOUNT, key="1001@pbx.example", options={"url": server.url, "domain": "pbx.example"})
        profile = await SipProvider("pbx", {}).sip_profile(own)
        assert (profile.username, profile.watch) == ("1001", ("sip:1001@pbx.example",))

    async def test_without_any_server_it_is_said_whom_to_ask(self):
        with pytest.raises(ProviderRejected, match="ask your administrator"):
            await SipProvider("pbx", {}).login(username="1001", password=Secret("right"))

    async def test_the_servers_own_name_is_not_kept_twice(self, server):
        given = {"url": server.url, "domain": ""}
        chosen = provider(server, lines_choose_server=True)
        credentials = await chosen.login(username="1001", password=Secret("right"), options=given)
        assert credentials.options == {"url": "", "domain": ""}

    async def test_a_long_name_is_no_extension(self, server):
        name = "a.name.of.more.than.twenty.letters"
        server.passwords[name] = "x"
        credentials = await provider(server).login(username=name, password=Secret("x"))
        del server.passwords[name]
        assert (credentials.account, credentials.extension) == (name, "")


class TestConnectionTest:
    async def test_with_a_cti_user_both_passwords_are_tried(self, server):
        steps = await provider(server, **CTI).probe(ACCOUNT)
        assert {step.title: str(step.outcome) for step in steps[3:]} == {
            "WebSocket": "ok",
            "Login of the CTI user": "ok",
            "Permission to watch": "ok",
            "Call state": "ok",
            "Login of the line": "ok",
        }
        assert users(server) == {"cti", "1001"}

    async def test_the_wrong_password_is_named(self, server):
        of_cti = await provider(server, cti_user="cti", cti_password="wrong").probe(ACCOUNT)
        assert [step.title for step in of_cti if step.failed] == ["Login of the CTI user"]
        wrong = replace(ACCOUNT, secrets={"password": Secret("wrong")})
        of_line = await provider(server, **CTI).probe(wrong)
        assert [step.title for step in of_line if step.failed] == ["Login of the line"]

    async def test_a_server_of_the_lines_own_never_sees_the_cti_user(self, server):
        away = SipProvider("pbx", {"url": "wss://pbx.invalid", "domain": "pbx.test", **CTI})
        own = replace(ACCOUNT, options={"url": server.url, "domain": "pbx.example"})
        steps = await away.probe(own)
        assert not any(step.failed for step in steps)
        assert users(server) == {"1001"}
        with pytest.raises(ProviderRejected, match="a server of its own"):
            await away.place_call(own, call=1, number=PhoneNumber("1002"), report=Reports())

    async def test_a_line_without_a_server_says_what_to_enter(self):
        (step,) = await SipProvider("pbx", {}).probe(ACCOUNT)
        assert (step.name, step.failed) == ("settings", True)
        assert "enter address and domain" in step.sentence

    async def test_in_one_sentence(self, server):
        assert "sends its call state" in await provider(server).check_account(ACCOUNT)
        server.refusals["sip:1001@pbx.example"] = (404, {})
        with pytest.raises(ProviderRejected, match="does not know this line"):
            await provider(server).check_account(ACCOUNT)
        with pytest.raises(AuthenticationFailed):
            await provider(server).check_account(replace(ACCOUNT, secrets={"password": Secret("wrong")}))


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("wss://pbx.test:8443/ws", True),
        ("ws://192.0.2.1", True),
        ("wss://[2001:db8::1]:443/", True),
        ("https://pbx.test", False),
        ("wss://", False),
        ("wss://pbx.test:port", False),
        ("wss://pbx.test:0", False),
        ("wss://ana:secret@pbx.test", False),
        ("wss://pbx.test/?token=x", False),
        ("wss://[broken", False),
    ],
)
def test_what_is_a_websocket_address(url, right):
    assert sip_options.is_websocket_address(url) is right


@pytest.mark.parametrize(
    ("url", "warned"),
    [("ws://pbx.test", True), ("wss://pbx.test", False), ("ws://127.0.0.1:8088", False), ("ws://localhost", False)],
)
def test_an_address_that_others_can_listen_to_is_warned_of(url, warned):
    found = sip_options.check("pbx", sip_options.read({"url": url, "domain": "d", **CTI}))
    assert [message.id for message in found] == (["voipcti.sip.W002"] if warned else [])


def test_what_a_login_asks_for():
    def names(line=None, **options):
        return [field.name for field in accounts.login_fields(sip_options.read(options), line or {})]

    assert names(url="wss://a", domain="a") == ["username", "password"]
    assert names() == names(url="wss://a", lines_choose_server=True) == ["url", "domain", "username", "password"]
    assert names({"url": "wss://b"}, url="wss://a", domain="a") == ["url", "domain", "username", "password"]
