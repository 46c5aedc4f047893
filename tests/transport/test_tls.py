"""Encryption with real certificates: what is trusted, what is not, and how the cause is named. Nothing turns it off."""

import inspect
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils.formats import date_format

from django_voipcti.providers.base import Account
from django_voipcti.providers.sip import SipProvider
from django_voipcti.providers.sip import options as sip_options
from django_voipcti.redaction import Secret
from django_voipcti.transport import websocket
from django_voipcti.transport.failures import explain
from django_voipcti.transport.probe import STEPS
from tests.bridge.sip_server import SipServer
from tests.support.authority import Authority
from tests.transport.conftest import failed, outcomes

ACCOUNT = Account(line=1, key="601", secrets={"password": Secret("secret")})


def server_context(certificate, *, clients=None, version=None):
    """TLS as a server does it; `clients` signs those whom it lets in, `version` is the highest that it speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if version is not None:
        context.maximum_version = version
    if clients is not None:
        context.load_verify_locations(clients.path)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
async def serve():
    """Return `serve(certificate, clients=...)`: the address of a server with TLS, see `server_context`."""
    running = []

    async def start(certificate, **options):
        server = SipServer(passwords={"601": "secret"}, ssl_context=server_context(certificate, **options))
        await server.start()
        running.append(server)
        return server.url

    yield start
    for server in running:
        await server.stop()


async def report(url, **options):
    return await SipProvider("pbx", {"url": url, "domain": "pbx.example", **options}).probe(ACCOUNT)


async def test_a_private_authority_that_is_named_is_trusted(serve, authority):
    steps = await report(await serve(authority.issue()), ca_file=str(authority.path))
    assert outcomes(steps) == dict.fromkeys(STEPS, "ok")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert steps[2].sentence == f"The certificate is trusted, and valid until {date_format(tomorrow)}."


async def test_by_the_systems_store_it_is_not(serve, authority):
    step = failed(await report(await serve(authority.issue())), "tls")
    assert "is not trusted by this machine" in step.sentence
    assert "ca_file" in step.advice


async def test_another_authority_is_of_no_use(serve, authority, tmp_path):
    other = Authority(tmp_path, "Other authority")
    step = failed(await report(await serve(authority.issue()), ca_file=str(other.path)), "tls")
    assert "is not trusted by this machine" in step.sentence


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        ({"host": "pbx.example"}, "is made out to another name"),
        ({"host": "127.0.0.2"}, "is made out to another name"),
        ({"days": (-3, -2)}, "has expired"),
        ({"days": (2, 3)}, "is not valid yet"),
    ],
)
async def test_a_certificate_that_is_wrong(serve, authority, certificate, said):
    steps = await report(await serve(authority.issue(**certificate)), ca_file=str(authority.path))
    assert said in failed(steps, "tls").sentence


@pytest.fixture
def demanding(authority):
    """Return `demanding(version)`: the address of a server that tells by an alert which client certificate it misses.

    asyncio's servers cut the connection without one, which real servers do not.
    """
    with ExitStack() as stack:

        def start(version):
            context = server_context(authority.issue(), clients=authority, version=version)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve():
                plain, _address = listener.accept()
                with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as secure:
                    with suppress(ssl.SSLError):
                        secure.do_handshake()
                    # Closed at once, with something unread, the alert would be lost.
                    secure.shutdown(socket.SHUT_WR)
                    while secure.recv(4096):
                        pass

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            return f"wss://127.0.0.1:{listener.getsockname()[1]}/"

        yield start


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
class TestClientCertificates:
    async def test_one_that_is_demanded_and_missing(self, demanding, authority, version):
        step = failed(await report(demanding(version), ca_file=str(authority.path)), "tls")
        assert "demands a client certificate" in step.sentence
        assert "client_certificate and client_key" in step.advice

    async def test_one_that_is_given(self, serve, authority, version):
        url = await serve(authority.issue(), clients=authority, version=version)
        own = str(authority.issue("cti.example"))
        steps = await report(url, ca_file=str(authority.path), client_certificate=own)
        assert outcomes(steps) == dict.fromkeys(STEPS, "ok")

    async def test_one_that_the_server_does_not_trust(self, demanding, authority, version, tmp_path):
        own = str(Authority(tmp_path, "Other authority").issue("cti.example"))
        steps = await report(demanding(version), ca_file=str(authority.path), client_certificate=own)
        assert "does not accept our client certificate" in failed(steps, "tls").sentence

    async def test_the_bridge_says_the_same(self, demanding, authority, version):
        provider = SipProvider("pbx", {"url": demanding(version), "domain": "x", "ca_file": str(authority.path)})
        with pytest.raises(ssl.SSLError) as caught:
            await websocket.open_socket(await provider.sip_profile(ACCOUNT))
        assert "demands a client certificate" in explain(caught.value)

    async def test_a_server_of_the_lines_own_is_not_shown_ours(self, demanding, authority, version):
        ours = str(authority.issue("cti.example"))
        options = {"ca_file": str(authority.path), "client_certificate": ours, "url": "wss://pbx.test", "domain": "x"}
        account = replace(ACCOUNT, options={"url": demanding(version), "domain": "pbx.example"})
        steps = await SipProvider("pbx", options).probe(account)
        assert "demands a client certificate" in failed(steps, "tls").sentence


async def test_a_server_that_cuts_the_handshake(serve, authority):
    step = failed(
        await report(
            await serve(authority.issue(), clients=authority, version=ssl.TLSVersion.TLSv1_2),
            ca_file=str(authority.path),
        ),
        "tls",
    )
    assert "cuts the connection during the handshake" in step.sentence
    assert "client certificate?" in step.advice


async def test_encryption_where_the_server_speaks_none():
    async with SipServer() as server:
        step = failed(await report(server.url.replace("ws:", "wss:")), "tls")
    assert "Does it take wss:// on this port?" in step.advice


class TestFilesThatCannotBeUsed:
    """System checks find them, and so does the connection test."""

    def problems(self, **options):
        return sip_options.check("pbx", sip_options.read({"cti_user": "c", "cti_password": "x", **options}))

    def test_good_ones_are_no_problem(self, authority):
        own = str(authority.issue("cti.example"))
        assert self.problems(ca_file=str(authority.path), client_certificate=own, client_key=own) == []

    def test_a_file_without_certificates(self, tmp_path):
        path = tmp_path / "ca.pem"
        path.write_text("no certificate")
        (message,) = self.problems(ca_file=str(path))
        assert message.id == "voipcti.sip.E006"
        assert "the authority's certificates in PEM form" in message.msg

    def test_a_key_of_another_certificate(self, authority):
        one, other = authority.issue("one.example"), authority.issue("other.example")
        (message,) = self.problems(client_certificate=str(one), client_key=str(other))
        assert "key values mismatch" in message.msg
        assert "belong together" in message.msg

    def test_a_key_without_its_certificate(self, authority):
        (message,) = self.problems(client_key=str(authority.issue("one.example")))
        assert message.id == "voipcti.sip.E006"

    def test_a_key_with_a_passphrase_is_not_asked_for_on_the_terminal(self, authority, tmp_path):
        from cryptography.hazmat.primitives import serialization

        own = authority.issue("cti.example")
        key = serialization.load_pem_private_key(own.read_bytes(), None)
        locked = tmp_path / "locked.pem"
        locked.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"passphrase"),
            )
        )
        (message,) = self.problems(client_certificate=str(own), client_key=str(locked))
        assert "without a passphrase" in message.msg

    async def test_the_connection_test_says_so(self, tmp_path):
        steps = await report("wss://pbx.example", ca_file=str(tmp_path / "missing.pem"))
        (step,) = steps
        assert (step.name, step.failed) == ("settings", True)
        assert "ca_file" in step.sentence


def test_there_is_no_way_to_turn_verification_off():
    for name in sip_options.NAMES:
        assert not any(word in name for word in ("verify", "insecure", "check_hostname"))
    source = inspect.getsource(sip_options) + inspect.getsource(websocket)
    for word in ("CERT_NONE", "_create_unverified_context", "check_hostname"):
        assert word not in source
