"""Starting, stopping, restarting; two ports; TLS; the thread."""

import asyncio
import ssl
import threading

import httpx2
import pytest
import websockets

from django_voipcti.simulator import Behaviour, Scenario, Simulator, SimulatorSettings, SimulatorThread, User
from tests.simulator.conftest import ANA, CALLER
from tests.simulator.sip_client import RawWatcher


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: one PEM file with its key."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simulator")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "simulator.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TestAddresses:
    async def test_one_port_for_everything(self, simulator):
        assert simulator.rest_url == f"http://127.0.0.1:{simulator.port}/v1.2/voipstudio"
        assert simulator.sip_url == f"ws://127.0.0.1:{simulator.port}"
        assert simulator.control_url == f"http://127.0.0.1:{simulator.port}/control"

    async def test_a_port_of_its_own_for_sip(self):
        async with Simulator(SimulatorSettings(sip_port=0)) as simulator:
            assert simulator.sip_port not in {0, simulator.port}
            async with websockets.connect(simulator.sip_url, subprotocols=["sip"]) as socket:
                assert socket.subprotocol == "sip"

    async def test_an_unknown_path(self, simulator):
        async with httpx2.AsyncClient() as client:
            assert (await client.get(simulator.page_url + "/nothing")).status_code == 404

    async def test_tls(self, certificate, aeventually):
        trust = ssl.create_default_context(cafile=str(certificate))
        async with Simulator(SimulatorSettings(certificate=str(certificate))) as simulator:
            assert simulator.rest_url.startswith("https://")
            async with httpx2.AsyncClient(verify=trust, base_url=simulator.rest_url) as client:
                body = {"email": "ana@example.test", "password": "demo-password"}
                assert (await client.post("/login", json=body)).status_code == 200
            watcher = RawWatcher(
                simulator.sip_url, str(ANA), f"sip-{ANA}-secret", simulator.scenario.sip_domain, ssl=trust
            )
            async with watcher:
                # Via says SIP/2.0/WSS in both directions, as the original client has it.
                assert (await watcher.subscribe(str(ANA)))[1].one("Via").startswith("SIP/2.0/WSS ")
                await aeventually(lambda: watcher.notifies)
                assert watcher.notifies[0].one("Via").startswith("SIP/2.0/WSS ")


class TestLife:
    async def test_stopping_closes_sockets_and_ports(self, aeventually):
        simulator = Simulator()
        await simulator.start()
        watcher = RawWatcher(simulator.sip_url, str(ANA), f"sip-{ANA}-secret", simulator.scenario.sip_domain)
        async with watcher:
            await watcher.subscribe(str(ANA))
            await simulator.stop()
            await aeventually(lambda: watcher.closed)
            assert watcher.socket.close_code == 1001
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection("127.0.0.1", simulator.port)

    async def test_stopping_does_not_wait_for_a_phone_to_be_picked_up(self, simulator, ana, aeventually):
        task = asyncio.create_task(ana.post("/calls", {"to": "447700900999"}))
        await aeventually(lambda: simulator.engine.phone(ANA).request)
        await asyncio.wait_for(simulator.stop(), 3)
        with pytest.raises(httpx2.TransportError):
            await task

    async def test_a_restart_keeps_ports_and_tokens_and_forgets_calls_and_subscriptions(
        self, simulator, ana, watcher, watcher_of, aeventually
    ):
        simulator.engine.call_from_outside(CALLER, "601")
        before = (simulator.rest_url, simulator.sip_url)
        await simulator.restart()
        await aeventually(lambda: watcher.closed)
        assert (simulator.rest_url, simulator.sip_url) == before
        assert (await ana.get("/calls")).json()["total"] == 0
        assert len(simulator.sip.subscriptions) == 0
        again = await watcher_of(ANA)
        assert (await again.subscribe(str(ANA)))[1].status == 200

    async def test_calls_may_survive_a_restart(self, simulator, ana):
        simulator.engine.call_from_outside(CALLER, "601")
        await simulator.restart(forget_calls=False)
        assert (await ana.get("/calls")).json()["total"] == 1

    async def test_webhooks_are_sent_after_a_restart(self, simulator, receiver, aeventually):
        await simulator.restart()
        simulator.scenario.webhooks.append(receiver.target())
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: len(receiver.bodies) == 2)

    async def test_reset_begins_again(self, simulator, ana, watcher, aeventually):
        simulator.engine.hang_up(simulator.engine.call_from_outside(CALLER, "601"))
        simulator.faults.refuse_sip = 503
        simulator.reset(Scenario(users=[User(id=7, first_name="A", last_name="B", email="a@b.test", extension="1")]))
        await aeventually(lambda: watcher.closed)
        assert simulator.faults.refuse_sip == 0
        assert simulator.platform.cdrs == []
        assert (await ana.get("/me")).status_code == 401
        assert list(simulator.engine.phones) == [7]

    async def test_switches_are_given_at_the_start(self):
        async with Simulator(SimulatorSettings(behaviour=Behaviour(expires_max=120))) as simulator:
            assert simulator.platform.behaviour.expires_max == 120


class TestThread:
    def test_a_synchronous_caller(self):
        before = threading.active_count()
        with SimulatorThread(SimulatorSettings(time_scale=0.01)) as platform:
            body = {"email": "ana@example.test", "password": "demo-password"}
            token = httpx2.post(f"{platform.rest_url}/login", json=body).json()["user_token"]
            call = platform.do(lambda engine: engine.call_from_outside(CALLER, "601"))
            rows = httpx2.get(f"{platform.rest_url}/calls", headers={"X-Auth-Token": token}).json()
            assert rows["total"] == 1
            platform.do(lambda engine: engine.hang_up(call))
            platform.run(lambda simulator: simulator.restart())
            assert httpx2.get(f"{platform.control_url}/state").json()["calls"] == []
            assert platform.sip_url.startswith("ws://127.0.0.1:")
        assert threading.active_count() == before

    def test_errors_reach_the_caller(self):
        with SimulatorThread() as platform, pytest.raises(KeyError):
            platform.do(lambda engine: engine.phone("nobody"))

    def test_a_port_in_use(self, simulator_port):
        with (
            pytest.raises(OSError, match="address already in use"),
            SimulatorThread(SimulatorSettings(port=simulator_port)),
        ):
            pass


@pytest.fixture
def simulator_port():
    """A port on which somebody listens."""
    with SimulatorThread() as platform:
        yield platform.simulator.port
