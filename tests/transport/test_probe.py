"""Each step of a connection test, failing for real."""

import asyncio
import socket
import time
from http import HTTPStatus

import pytest

from django_voipcti.sip.messages import Response
from django_voipcti.transport import probe as probing
from django_voipcti.transport.probe import STEPS, probe
from django_voipcti.transport.report import ProbeStep, StepOutcome
from tests.bridge.sip_server import CHALLENGE, SipServer
from tests.transport.conftest import ANA, failed, outcomes, profile


@pytest.fixture
async def server():
    async with SipServer(passwords={"601": "secret"}) as running:
        yield running


def words(step):
    return f"{step.sentence} {step.advice}"


async def test_a_server_that_works_passes_every_step(server):
    steps = await probe(profile(server.url))
    assert outcomes(steps) == dict.fromkeys(STEPS, "ok") | {"tls": "skipped"}
    assert [request.expires for request in server.requests] == [300, 300, 0], "asked, with the password, given back"
    assert not server.live()
    assert not any(step.advice for step in steps), "nothing has to be done"


async def test_the_connection_is_closed_afterwards(server, aeventually):
    await probe(profile(server.url))
    await aeventually(lambda: not server.sockets)


async def test_no_text_holds_a_password_or_a_user(server):
    for password in ("secret", "wrong-password"):
        text = " ".join(words(step) for step in await probe(profile(server.url, password=password)))
        assert password not in text
        assert "601" not in text.replace(server.url.split("/")[2], "")


async def test_steps_after_the_one_that_failed_are_not_tried(free_port):
    steps = await probe(profile(f"ws://127.0.0.1:{free_port}/"))
    assert list(outcomes(steps).values()) == ["ok", "failed", *["skipped"] * 5]
    assert steps[-1].sentence == "An earlier step failed."


# --- on the way to the WebSocket --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'a' * 64}.invalid"])
async def test_a_name_that_nobody_knows(host):
    step = failed(await probe(profile(f"wss://{host}:8443/")), "name")
    assert words(step).startswith(f"The name {host} is unknown to DNS. Check the server address")


async def test_a_name_service_that_does_not_answer(hurried, monkeypatch):
    async def silent(*arguments, **options):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silent)
    assert "name service does not answer" in failed(await probe(profile("ws://pbx.example/")), "name").sentence


async def test_a_name_is_shown_with_its_addresses(server):
    steps = await probe(profile(server.url.replace("127.0.0.1", "localhost")))
    assert "localhost stands for" in steps[0].sentence
    assert "127.0.0.1" in steps[0].sentence
    assert steps[1].outcome is StepOutcome.OK, "the server listens on one of the addresses only"


async def test_a_closed_port(free_port):
    step = failed(await probe(profile(f"ws://127.0.0.1:{free_port}/")), "tcp")
    assert words(step) == (f"127.0.0.1:{free_port} refuses connections. Check the port, and whether the server runs.")


async def test_a_port_behind_a_firewall(hurried):
    """A listener whose queue is full drops what comes, as a firewall does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        step = failed(await probe(profile(f"ws://127.0.0.1:{address[1]}/")), "tcp")
        for one in waiting:
            one.close()
    assert "does not answer" in step.sentence
    assert "firewalls" in step.advice


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "answers HTTP 400 instead of opening a WebSocket"),
        (401, "refuses us (HTTP 401)"),
        (404, "answers HTTP 404 instead of opening a WebSocket"),
        (503, "answers HTTP 503"),
    ],
)
async def test_a_web_server_that_opens_no_websocket(status, said):
    async with SipServer(handshake=lambda socket, request: socket.respond(HTTPStatus(status), "no\n")) as server:
        steps = await probe(profile(server.url))
    assert said in failed(steps, "websocket").sentence
    assert steps[2].name == "tls"


async def test_a_redirect_names_its_status():
    def redirect(socket, request):
        response = socket.respond(HTTPStatus.FOUND, "there\n")
        response.headers["Location"] = "ws://127.0.0.1:9/"
        return response

    async with SipServer(handshake=redirect) as server:
        assert "HTTP 302" in failed(await probe(profile(server.url)), "websocket").sentence


async def test_a_websocket_that_does_not_speak_sip():
    async with SipServer(subprotocols=None) as server:
        step = failed(await probe(profile(server.url)), "websocket")
    assert words(step).endswith("opens a WebSocket that does not speak SIP. Check the path of the address.")


@pytest.fixture
async def talker():
    """Return `talker(answer)`: the port of a server that says the same to everybody; None: nothing."""
    servers = []

    async def start(answer):
        async def serve(reader, writer):
            if answer is not None:
                writer.write(answer)
            await reader.read()
            writer.close()

        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_something_that_is_no_web_server(talker):
    port = await talker(b"SSH-2.0-OpenSSH\r\n")
    step = failed(await probe(profile(f"ws://127.0.0.1:{port}/")), "websocket")
    assert "does not answer as a WebSocket server" in step.sentence


@pytest.mark.parametrize(("scheme", "name"), [("ws", "websocket"), ("wss", "tls")])
async def test_something_that_says_nothing(talker, hurried, scheme, name):
    step = failed(await probe(profile(f"{scheme}://127.0.0.1:{await talker(None)}/")), name)
    assert "does not answer" in step.sentence
    assert "wss://" in step.advice


async def test_all_steps_together_have_a_limit(talker, monkeypatch):
    monkeypatch.setattr(probing, "_ALL_SECONDS", 0.3)
    begin = time.monotonic()
    failed(await probe(profile(f"ws://127.0.0.1:{await talker(None)}/")), "websocket")
    assert time.monotonic() - begin < probing._STEP_SECONDS


async def test_unencrypted_connections_that_leave_the_machine_are_warned_of(server, monkeypatch):
    assert probing.is_loopback("127.0.0.1")
    monkeypatch.setattr(probing, "is_loopback", lambda host: False)
    (step,) = [step for step in await probe(profile(server.url)) if step.name == "tls"]
    assert "nothing is encrypted" in step.sentence
    assert "Use wss://" in step.advice


# --- the conversation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{"password": "wrong"}, {"username": "nobody"}], ids=["password", "user"])
async def test_a_wrong_password_or_an_unknown_user(server, values):
    steps = await probe(profile(server.url, **values))
    step = failed(steps, "login")
    assert "does not accept the user name and password" in step.sentence
    assert step.advice == "Check both; SIP servers do not say which of the two is wrong."


async def test_a_password_of_another_realm(server):
    steps = await probe(profile(server.url, domain="other.example", username="602"))
    assert "realm “pbx.example”, and the line's domain is “other.example”" in failed(steps, "login").advice


async def test_a_login_in_a_way_that_is_not_known(server, monkeypatch):
    challenge = str(CHALLENGE).replace("MD5", "MD4")
    monkeypatch.setattr("tests.bridge.sip_server.CHALLENGE", challenge)
    step = failed(await probe(profile(server.url)), "login")
    assert "in a way that is not known here" in step.sentence


async def test_a_server_that_asks_for_no_password_is_told_of():
    async with SipServer() as server:
        (step,) = [step for step in await probe(profile(server.url)) if step.name == "login"]
    assert step.outcome is StepOutcome.OK
    assert words(step).startswith("The server asks for no password. Anybody may watch calls there.")


@pytest.mark.parametrize(
    ("status", "login", "said"),
    [
        (489, "ok", "does not offer call state (SIP event package “dialog”). Enable it on the server."),
        (404, "ok", "does not know this line. Check its user name and domain."),
        (403, "skipped", "Grant it on the server. Some servers answer so (403) to a wrong password as well"),
        (503, "ok", "refuses to tell about calls (503 unavailable)"),
    ],
)
async def test_a_subscription_that_is_refused(server, status, login, said):
    server.refusals[ANA] = (status, {})
    steps = await probe(profile(server.url))
    assert said in words(failed(steps, "subscription"))
    assert outcomes(steps)["login"] == login


async def test_a_refusal_before_anybody_asked_for_a_password():
    async with SipServer(refusals={ANA: (403, {})}) as server:
        steps = await probe(profile(server.url))
    assert outcomes(steps)["login"] == "skipped"
    assert "Is the domain one of the server’s?" in failed(steps, "subscription").advice


async def test_a_server_that_does_not_answer_to_sip(server, hurried, monkeypatch):
    async def silent(*arguments):
        """Say nothing."""

    monkeypatch.setattr(server, "_answer", silent)
    assert "does not answer to SIP" in failed(await probe(profile(server.url)), "login").sentence


async def test_a_notify_that_does_not_come(server, hurried, monkeypatch):
    async def silent(*arguments, **options):
        """Say nothing."""

    monkeypatch.setattr(server, "_notify", silent)
    steps = await probe(profile(server.url))
    step = failed(steps, "notify")
    assert "No NOTIFY came" in step.sentence
    assert outcomes(steps)["subscription"] == "ok"


async def test_a_subscription_that_waits_for_permission(server, monkeypatch):
    send = server._send

    async def pending(socket, message):
        if not isinstance(message, Response):
            message.headers.set("Subscription-State", "pending;expires=300")
        await send(socket, message)

    monkeypatch.setattr(server, "_send", pending)
    assert "pending" in failed(await probe(profile(server.url)), "notify").sentence


async def test_a_server_that_hangs_up_in_the_middle(server, monkeypatch):
    async def cut(socket, request):
        await socket.close(1008, "go away")

    monkeypatch.setattr(server, "_answer", cut)
    step = failed(await probe(profile(server.url)), "login")
    assert "closed the connection (1008 go away)" in step.sentence
    assert "server's log" in step.advice


def test_a_step_of_a_providers_own_has_a_label():
    step = ProbeStep(name="trunk", outcome=StepOutcome.OK, sentence="It is there.", label="Trunk line")
    assert step.title == "Trunk line"
    assert ProbeStep(name="tcp", outcome=StepOutcome.OK, sentence="").title == "Port"
