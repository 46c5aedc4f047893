"""SIP over WebSocket, asked by a client that is as strict as SIP.js 0.9.2."""

import pytest
import websockets

from django_voipcti.simulator import ManualClock, Simulator
from tests.simulator.conftest import ANA, BEN
from tests.simulator.sip_client import RawWatcher


class TestHandshake:
    @pytest.mark.parametrize("subprotocols", [None, ["mqtt"]])
    async def test_the_subprotocol_is_required(self, simulator, subprotocols):
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(simulator.sip_url, subprotocols=subprotocols)
        assert caught.value.response.status_code == 400

    async def test_it_is_confirmed_without_compression(self, simulator):
        async with websockets.connect(simulator.sip_url + "/any/path", subprotocols=["sip"]) as socket:
            assert socket.subprotocol == "sip"
            assert "Sec-WebSocket-Extensions" not in socket.response.headers


class TestDigest:
    async def test_the_first_request_is_challenged_and_the_second_accepted(self, watcher_of):
        watcher = await watcher_of(ANA)
        subscription = watcher.new(str(ANA))
        response = await watcher.send(watcher.request(subscription, f"sip:{ANA}@{watcher.domain}"))
        assert response.status == 401
        challenge = response.one("WWW-Authenticate")
        assert 'realm="acme.sip.example.test"' in challenge
        assert 'qop="auth"' in challenge
        _, accepted = await watcher.subscribe(str(ANA))
        assert accepted.status == 200

    async def test_407_without_qop_in_another_realm(self, simulator, watcher_of):
        behaviour = simulator.platform.behaviour
        behaviour.challenge_status, behaviour.digest_qop, behaviour.realm = 407, "", "elsewhere"
        watcher = await watcher_of(ANA)
        response = await watcher.send(watcher.request(watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}"))
        assert response.status == 407
        assert 'realm="elsewhere"' in response.one("Proxy-Authenticate")
        assert "qop" not in response.one("Proxy-Authenticate")
        assert (await watcher.subscribe(str(ANA)))[1].status == 200

    async def test_a_wrong_password_is_challenged_again(self, watcher_of):
        watcher = await watcher_of(ANA)
        watcher.password = "wrong"
        assert (await watcher.subscribe(str(ANA)))[1].status == 401

    async def test_a_nonce_of_somebody_else_is_stale(self, watcher_of):
        watcher = await watcher_of(ANA)
        uri = f"sip:{ANA}@{watcher.domain}"
        made_up = watcher.digest(f'Digest realm="{watcher.domain}", nonce="abc", qop="auth"', uri)
        response = await watcher.send(watcher.request(watcher.new(str(ANA)), uri, authorization=made_up))
        assert (response.status, "stale=true" in response.one("WWW-Authenticate")) == (401, True)

    async def test_an_answer_for_another_uri_is_not_accepted(self, watcher_of):
        watcher = await watcher_of(ANA)
        subscription, uri = watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}"
        challenge = (await watcher.send(watcher.request(subscription, uri))).one("WWW-Authenticate")
        answer = watcher.digest(challenge, f"sip:{BEN}@{watcher.domain}")
        assert (await watcher.send(watcher.request(subscription, uri, authorization=answer))).status == 401

    async def test_nobody_speaks_in_the_name_of_a_colleague(self, watcher_of):
        watcher = await watcher_of(ANA)
        subscription, uri = watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}"
        challenge = (await watcher.send(watcher.request(subscription, uri))).one("WWW-Authenticate")
        request = watcher.request(subscription, uri, authorization=watcher.digest(challenge, uri))
        forged = request.replace(f'From: "{ANA}" <sip:{ANA}@', f'From: "{BEN}" <sip:{BEN}@')
        assert (await watcher.send(forged)).status == 403

    async def test_refreshes_are_challenged_if_switched_on(self, simulator, watcher):
        simulator.platform.behaviour.challenge_refreshes = True
        [subscription] = watcher.subscriptions
        uri = subscription.target
        assert (await watcher.send(watcher.request(subscription, uri))).status == 401
        assert (await watcher.refresh(subscription)).status == 200


class TestSubscribe:
    async def test_the_answer_suits_the_original_client(self, watcher_of, aeventually):
        watcher = await watcher_of(ANA)
        subscription, response = await watcher.subscribe(str(ANA))
        assert (response.status, response.one("Expires")) == (200, "300")
        assert len(response.all("Via")) == 1
        assert response.one("Contact")
        await aeventually(lambda: subscription.notified == 1)
        assert subscription.state == "active"
        assert watcher.refused == []
        [notify] = watcher.notifies
        assert notify.start.startswith(f"NOTIFY sip:{watcher.contact_user}@{watcher.host};transport=ws ")
        assert notify.one("Subscription-State") == "active;expires=300"

    async def test_no_more_than_300_seconds_are_granted(self, watcher_of):
        watcher = await watcher_of(ANA)
        _, response = await watcher.subscribe(str(ANA), expires=3600)
        assert response.one("Expires") == "300"

    async def test_without_expires_the_most_is_granted(self, watcher_of):
        watcher = await watcher_of(ANA)
        _, response = await watcher.subscribe(str(ANA), expires=None)
        assert response.one("Expires") == "300"

    async def test_423_below_the_minimum(self, watcher_of):
        watcher = await watcher_of(ANA)
        _, response = await watcher.subscribe(str(ANA), expires=10)
        assert (response.status, response.one("Min-Expires")) == (423, "60")

    async def test_489_for_another_event(self, watcher_of):
        watcher = await watcher_of(ANA)
        for event in ("presence", None):
            text = watcher.request(watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}")
            text = text.replace("Event: dialog\r\n", f"Event: {event}\r\n" if event else "")
            response = await watcher.send(text)
            assert (response.status, response.one("Allow-Events")) == (489, "dialog")

    @pytest.mark.parametrize(
        ("node", "status"),
        [(str(BEN), 200), ("queue-70001", 200), ("ivr-81001", 200), ("conf-91001", 200), ("999999", 404), ("601", 404)],
    )
    async def test_nodes(self, watcher_of, node, status):
        watcher = await watcher_of(ANA)
        assert (await watcher.subscribe(node))[1].status == status

    async def test_403_for_colleagues_if_switched_on(self, simulator, watcher_of):
        simulator.platform.behaviour.watch_others = False
        watcher = await watcher_of(ANA)
        assert (await watcher.subscribe(str(BEN)))[1].status == 403
        assert (await watcher.subscribe(str(ANA)))[1].status == 200

    async def test_another_domain_is_not_served(self, watcher_of):
        watcher = await watcher_of(ANA)
        uri = f"sip:{ANA}@other.example.test"
        subscription = watcher.new(str(ANA))
        challenge = (await watcher.send(watcher.request(subscription, uri))).one("WWW-Authenticate")
        answer = watcher.digest(challenge, uri)
        assert (await watcher.send(watcher.request(subscription, uri, authorization=answer))).status == 404

    async def test_a_subscription_needs_a_contact(self, watcher_of):
        watcher = await watcher_of(ANA)
        subscription, uri = watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}"
        challenge = (await watcher.send(watcher.request(subscription, uri))).one("WWW-Authenticate")
        text = watcher.request(subscription, uri, authorization=watcher.digest(challenge, uri))
        lines = [line for line in text.split("\r\n") if not line.startswith("Contact:")]
        assert (await watcher.send("\r\n".join(lines))).status == 400

    async def test_zero_seconds_fetch_the_state_once(self, simulator, watcher_of, aeventually):
        simulator.engine.call_from_outside("447700900123", "601")
        watcher = await watcher_of(ANA)
        subscription, response = await watcher.subscribe(str(ANA), expires=0)
        assert response.status == 200
        await aeventually(lambda: subscription.state == "terminated")
        assert watcher.events() == ["RINGING"]
        assert len(simulator.sip.subscriptions) == 0


class TestInDialog:
    async def test_a_refresh_to_the_contact_of_the_notify_brings_the_full_state(self, simulator, watcher, aeventually):
        simulator.engine.call_from_outside("447700900123", "601")
        [subscription] = watcher.subscriptions
        await aeventually(lambda: subscription.notified == 2)
        response = await watcher.refresh(subscription)
        assert (response.status, response.one("Expires")) == (200, "300")
        await aeventually(lambda: subscription.notified == 3)
        assert watcher.events() == ["RINGING", "RINGING"]
        assert watcher.refused == []
        assert len(simulator.sip.subscriptions) == 1

    async def test_unsubscribe(self, simulator, watcher, aeventually):
        [subscription] = watcher.subscriptions
        await aeventually(lambda: subscription.target)
        assert (await watcher.refresh(subscription, expires=0)).one("Expires") == "0"
        await aeventually(lambda: subscription.state == "terminated")
        assert watcher.notifies[-1].one("Subscription-State") == "terminated;reason=timeout"
        assert len(simulator.sip.subscriptions) == 0

    async def test_481_for_an_unknown_dialog(self, watcher, aeventually):
        [subscription] = watcher.subscriptions
        await aeventually(lambda: subscription.target)
        subscription.remote_tag = "forged"
        assert (await watcher.refresh(subscription)).status == 481

    async def test_500_for_a_cseq_that_does_not_rise(self, watcher, aeventually):
        [subscription] = watcher.subscriptions
        await aeventually(lambda: subscription.target)
        subscription.cseq -= 5
        assert (await watcher.refresh(subscription)).status == 500

    async def test_a_subscription_ends_with_its_time(self, aeventually):
        clock = ManualClock()
        async with Simulator(clock=clock) as simulator:
            domain = simulator.scenario.sip_domain
            async with RawWatcher(simulator.sip_url, str(ANA), f"sip-{ANA}-secret", domain) as watcher:
                subscription, _ = await watcher.subscribe(str(ANA))
                await aeventually(lambda: subscription.notified)
                await watcher.settle()
                clock.advance(299)
                assert len(simulator.sip.subscriptions) == 1
                clock.advance(1)
                assert len(simulator.sip.subscriptions) == 0

    async def test_a_dropped_socket_takes_its_subscriptions_along(self, simulator, watcher, aeventually):
        simulator.sip.drop_all()
        await aeventually(lambda: watcher.closed and len(simulator.sip.subscriptions) == 0)

    async def test_they_may_outlive_it_and_move_to_another_socket(self, simulator, watcher, watcher_of, aeventually):
        simulator.platform.behaviour.keep_subscriptions = True
        [subscription] = watcher.subscriptions
        await aeventually(lambda: subscription.target)
        simulator.sip.drop_all()
        await aeventually(lambda: watcher.closed and not simulator.sip.connections)
        second = await watcher_of(ANA)
        second.host, second.contact_user = watcher.host, watcher.contact_user
        second.subscriptions = [subscription]
        assert (await second.refresh(subscription)).status == 200
        simulator.engine.call_from_outside("447700900123", "601")
        await aeventually(lambda: second.events() == ["RINGING"])


class TestOtherTraffic:
    @pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("REGISTER", 405), ("INVITE", 405)])
    async def test_other_methods(self, watcher_of, method, status):
        watcher = await watcher_of(ANA)
        text = watcher.request(watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}").replace("SUBSCRIBE", method)
        response = await watcher.send(text)
        assert (response.status, "SUBSCRIBE" in response.one("Allow")) == (status, True)

    async def test_keep_alives(self, watcher_of, aeventually):
        watcher = await watcher_of(ANA)
        await watcher.socket.send("\r\n\r\n")
        await aeventually(lambda: watcher.received == ["\r\n"])
        await watcher.socket.send("\r\n")
        assert (await watcher.subscribe(str(ANA)))[1].status == 200

    async def test_binary_frames_are_read_too(self, watcher_of):
        watcher = await watcher_of(ANA)
        text = watcher.request(watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}")
        send = watcher.socket.send
        watcher.socket.send = lambda frame: send(frame.encode() if isinstance(frame, str) else frame)
        assert (await watcher.send(text)).status == 401

    async def test_malformed_requests_are_refused_and_noise_is_ignored(self, watcher_of):
        watcher = await watcher_of(ANA)
        for noise in ("GET / HTTP/1.1\r\n\r\n", "\0\0", "SIP/2.0 200 OK\r\n\r\n", "no header end"):
            await watcher.socket.send(noise)
        text = watcher.request(watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}")
        assert (await watcher.send(text.replace("Content-Length: 0", "Content-Length: many"))).status == 400
        assert (await watcher.subscribe(str(ANA)))[1].status == 200

    async def test_a_huge_frame_ends_only_its_own_socket(self, simulator, watcher, watcher_of, aeventually):
        hostile = await watcher_of(BEN)
        await hostile.socket.send("x" * 100_000)
        await aeventually(lambda: hostile.closed)
        simulator.engine.call_from_outside("447700900123", "601")
        await aeventually(lambda: watcher.events() == ["RINGING"])


class TestFaults:
    async def test_silence(self, simulator, watcher_of):
        simulator.faults.silent_sip = True
        watcher = await watcher_of(ANA)
        await watcher.socket.send(watcher.request(watcher.new(str(ANA)), f"sip:{ANA}@{watcher.domain}"))
        await watcher.settle()
        assert watcher.received == []
        simulator.faults.silent_sip = False
        assert (await watcher.subscribe(str(ANA)))[1].status == 200

    async def test_refused_subscriptions(self, simulator, watcher_of):
        simulator.faults.refuse_sip = 503
        watcher = await watcher_of(ANA)
        assert (await watcher.subscribe(str(ANA)))[1].status == 503

    async def test_refused_sockets(self, simulator):
        simulator.faults.refuse_sockets = True
        with pytest.raises(websockets.InvalidStatus) as caught:
            await websockets.connect(simulator.sip_url, subprotocols=["sip"])
        assert caught.value.response.status_code == 503
