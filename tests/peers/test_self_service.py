"""Lines that log themselves in at the real server, and its connection test."""

import pytest

from django_voipcti.exceptions import AuthenticationFailed
from django_voipcti.providers.base import Account
from django_voipcti.providers.sip import SipProvider
from django_voipcti.redaction import Secret
from example_project.demo.pbx.server import DOMAIN, password_of
from tests.conftest import require_tool
from tests.peers.lab import Lab
from tests.transport.conftest import failed, hurried, outcomes  # noqa: F401  a fixture of the transport's tests

PASSWORD = Secret(password_of("1001"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    require_tool("kamailio")
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab.server


def make_provider(server, **options):
    return SipProvider("pbx", server.provider_options | options)


def account(user="1001", password=PASSWORD, **options):
    return Account(line=1, key=user, secrets={"password": password}, options=options)


async def test_everything_works(server):
    steps = await make_provider(server).probe(account())
    assert set(outcomes(steps).values()) == {"ok", "skipped"}
    assert outcomes(steps)["tls"] == "skipped"
    assert [step.title for step in steps][-1] == "Login of the line"


async def test_without_a_cti_user_the_line_watches_itself(server):
    steps = await make_provider(server, cti_user="", cti_password="").probe(account())
    assert not any(step.failed for step in steps)


async def test_a_login_with_a_server_of_the_users_own(server):
    given = {"url": server.ws_url, "domain": DOMAIN}
    credentials = await SipProvider("pbx", {}).login(username="1001", password=PASSWORD, options=given)
    assert (credentials.account, credentials.options) == (f"1001@{DOMAIN}", given)


@pytest.mark.parametrize(("user", "password"), [("1001", "wrong"), ("nobody", "x")])
async def test_a_wrong_password_and_an_unknown_user(server, user, password):
    with pytest.raises(AuthenticationFailed, match="which of the two is wrong"):
        await make_provider(server).login(username=user, password=Secret(password))


async def test_a_domain_that_is_not_the_servers(server):
    steps = await make_provider(server).probe(account(domain="other.test"))
    assert "Is the domain one of the server’s?" in failed(steps, "subscription").advice


async def test_a_path_where_there_is_no_websocket(server):
    steps = await make_provider(server).probe(account(url=f"{server.ws_url}/ping"))
    assert "answers HTTP 200" in failed(steps, "websocket").sentence


async def test_the_port_for_phones(server):
    steps = await make_provider(server).probe(account(url=f"ws://127.0.0.1:{server.sip_port}"))
    assert "refuses us (HTTP 403)" in failed(steps, "websocket").sentence


async def test_encryption_on_a_port_without(server, hurried):  # noqa: F811
    steps = await make_provider(server).probe(account(url=server.ws_url.replace("ws:", "wss:")))
    failed(steps, "tls")
