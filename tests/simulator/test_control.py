"""The control API: phones, outside parties, faults and switches over HTTP."""

import asyncio

import httpx2
import pytest

from django_voipcti.simulator import Simulator, SimulatorSettings
from tests.simulator.conftest import ANA, BEN, CALLER


class Control:
    """Calls the API and returns status and body."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def __call__(self, method, path, body=None, **options):
        if body is not None:
            options["json"] = body
        response = await self.client.request(method, path, **options)
        return response.status_code, response.json()

    async def state(self):
        return (await self("GET", "/state"))[1]


@pytest.fixture
async def control(simulator):
    async with httpx2.AsyncClient(base_url=simulator.control_url, timeout=30) as client:
        yield Control(client)


class TestState:
    async def test_what_is_there(self, control, simulator):
        state = await control.state()
        assert [user["extension"] for user in state["users"]] == ["601", "602", "603", "604"]
        assert (state["customer"], state["rest_url"], state["sip_url"]) == (
            "Acme",
            simulator.rest_url,
            simulator.sip_url,
        )
        assert state["calls"] == state["outside"] == state["history"] == []
        assert "demo-password" not in str(state)
        assert "secret" not in str(state)

    async def test_it_can_be_waited_for(self, control, simulator):
        revision = (await control.state())["revision"]
        waiting = asyncio.create_task(control("GET", f"/state?since={revision}"))
        simulator.engine.call_from_outside(CALLER, "601")
        status, state = await waiting
        assert (status, len(state["calls"])) == (200, 1)
        assert state["revision"] > revision

    async def test_waiting_ends_without_news(self, control):
        revision = (await control.state())["revision"]
        status, state = await control("GET", f"/state?since={revision}&wait=0.05")
        assert (status, state["revision"]) == (200, revision)

    async def test_it_shows_subscriptions(self, control, watcher):
        state = await control.state()
        assert [item["node"] for item in state["subscriptions"]] == [str(ANA)]
        assert state["sockets"] == 1


class TestPhones:
    async def test_an_inbound_call_through_all_keys(self, control):
        status, made = await control("POST", "/calls", {"from": CALLER, "to": "601", "name": "Jo"})
        assert (status, made["calls"][0]["state"], made["outside"]["state"]) == (201, "RINGING", "calling")
        states = []
        for action in ("answer", "hold", "resume", "hang_up"):
            status, user = await control("POST", f"/users/{ANA}/phone/{action}", {"call": made["calls"][0]["id"]})
            states.append([call["state"] for call in user["calls"]])
            assert status == 200
        assert states == [["CONNECTED"], ["ON_HOLD"], ["CONNECTED"], []]
        assert [row["t_cause"] for row in (await control.state())["history"]] == ["Normal Clearing"]

    async def test_dial_transfer_decline(self, control):
        await control("POST", "/users/601/phone/dial", {"to": "602"})
        await control("POST", "/users/602/phone/answer")
        await control("POST", "/users/601/phone/transfer", {"to": "603"})
        await control("POST", "/users/603/phone/decline")
        assert (await control.state())["calls"] == []

    async def test_register_and_configure(self, control, simulator):
        await control("POST", "/users/ana@example.test/phone/unregister")
        assert simulator.engine.phone(ANA).registered is False
        await control("POST", f"/users/{ANA}/phone/register")
        _, user = await control(
            "POST", f"/users/{ANA}/phone/configure", {"script": {"answer_after": 0}, "dnd": True, "call_waiting": False}
        )
        assert (user["registered"], user["dnd"], user["call_waiting"]) == (True, True, False)
        assert simulator.engine.phone(ANA).script.answer_after == 0

    async def test_a_click_to_call_shows_which_phone_picks_up(self, control, simulator):
        request = simulator.engine.place_call(ANA, "447700900999")
        state = await control.state()
        assert state["users"][0]["picking_up"] == request.leg.id
        await control("POST", f"/users/{ANA}/phone/answer")
        assert request.outcome == "picked_up"

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/users/601/phone/answer", 409),
            ("/users/601/phone/explode", 404),
            ("/users/999/phone/answer", 404),
            ("/outside/1/answer", 404),
        ],
    )
    async def test_what_cannot_be_done(self, control, path, status):
        answer = await control("POST", path)
        assert answer[0] == status
        assert answer[1]["error"]


class TestOutsideParties:
    @pytest.mark.parametrize(
        ("action", "cause"),
        [("busy", "User Busy"), ("decline", "Call Rejected"), ("unreachable", "No Route To Destination")],
    )
    async def test_they_refuse(self, control, simulator, action, cause):
        simulator.engine.dial(ANA, "447700900999")
        [party] = (await control.state())["outside"]
        assert (await control("POST", f"/outside/{party['id']}/{action}"))[0] == 200
        assert (await control.state())["history"][0]["t_cause"] == cause

    async def test_they_answer_press_and_hang_up(self, control, simulator):
        simulator.engine.call_from_outside(CALLER, "800")
        [party] = (await control.state())["outside"]
        assert party["with"] == "Main menu"
        assert (await control("POST", f"/outside/{party['id']}/press", {"digit": "9"}))[0] == 409
        await control("POST", f"/outside/{party['id']}/press", {"digit": "2"})
        assert [call["owner"] for call in (await control.state())["calls"]] == ["200343"]
        await control("POST", f"/outside/{party['id']}/hang_up")
        assert (await control.state())["outside"] == []

    async def test_scripts_of_numbers(self, control, simulator, aeventually):
        status, _ = await control("PUT", "/outside", {"447700900999": {"busy_after": 1}})
        assert status == 200
        simulator.engine.dial(ANA, "447700900999")
        await aeventually(lambda: simulator.platform.cdrs)
        assert simulator.platform.cdrs[0]["disposition"] == "BUSY"
        assert (await control("PUT", "/outside", {"1": {"explode_after": 1}}))[0] == 400


class TestFaults:
    async def test_switches(self, control, simulator):
        body = {"notify_delay": 1, "silent_sip": True, "rest": [{"status": 429, "path": "/calls"}]}
        status, faults = await control("PATCH", "/faults", body)
        assert (status, faults["notify_delay"], faults["rest"][0]["status"]) == (200, 1.0, 429)
        assert simulator.faults.silent_sip is True
        await control("POST", "/faults/clear")
        assert (simulator.faults.silent_sip, simulator.faults.rest) == (False, [])

    @pytest.mark.parametrize(
        "body", [{"explode": True}, {"silent_sip": "yes"}, {"rest": [{"kind": "odd"}]}, {"rest": [{"odd": 1}]}]
    )
    async def test_switches_that_do_not_exist(self, control, body):
        status, answer = await control("PATCH", "/faults", body)
        assert (status, bool(answer["error"])) == (400, True)

    async def test_drop_websockets(self, control, watcher, aeventually):
        await control("POST", "/faults/drop_websockets")
        await aeventually(lambda: watcher.closed)

    async def test_expire_tokens_of_one_user(self, control, ana, as_user):
        ben = as_user(BEN)
        await control("POST", "/faults/expire_tokens", {"user": ANA})
        assert [(await client.get("/ping")).status_code for client in (ana, ben)] == [401, 200]
        await control("POST", "/faults/expire_tokens")
        assert (await ben.get("/ping")).status_code == 401

    async def test_end_subscriptions(self, control, watcher, aeventually):
        await control("POST", "/faults/end_subscriptions", {"reason": "noresource"})
        await aeventually(lambda: watcher.subscriptions[0].state == "terminated")
        assert watcher.notifies[-1].one("Subscription-State") == "terminated;reason=noresource"

    async def test_restart(self, control, simulator, watcher, aeventually):
        simulator.engine.call_from_outside(CALLER, "601")
        assert (await control("POST", "/faults/restart"))[0] == 202
        await aeventually(lambda: watcher.closed)

        async def back():
            try:
                return await control.state()
            except httpx2.TransportError:
                return None

        assert (await aeventually(back))["calls"] == []

    async def test_an_unknown_one(self, control):
        assert (await control("POST", "/faults/explode"))[0] == 404


class TestSwitches:
    async def test_behaviour_and_timings(self, control, simulator):
        assert (await control("PATCH", "/behaviour", {"direction_word": "recipient"}))[0] == 200
        assert (await control("PATCH", "/timings", {"user": 5}))[0] == 200
        assert simulator.platform.behaviour.direction_word == "recipient"
        assert simulator.engine.timings.user == 5.0
        assert (await control("PATCH", "/behaviour", {"explode": 1}))[0] == 400

    async def test_webhooks(self, control, simulator, receiver, aeventually):
        body = {"webhooks": [{"url": receiver.url, "events": ["call.ringing"]}]}
        assert await control("PUT", "/webhooks", body) == (200, {"webhooks": 1})
        simulator.engine.call_from_outside(CALLER, "601")
        await aeventually(lambda: receiver.names == ["call.ringing"])
        await aeventually(lambda: simulator.webhooks.deliveries)
        assert (await control.state())["webhooks"] == [{"event": "call.ringing", "attempts": 1, "status": 200}]

    @pytest.mark.parametrize("entry", [{}, {"url": "ftp://x"}, {"url": "http://x", "odd": 1}])
    async def test_webhooks_that_are_none(self, control, entry):
        assert (await control("PUT", "/webhooks", {"webhooks": [entry]}))[0] == 400

    async def test_reset_to_another_account(self, control):
        user = {"id": 7, "first_name": "A", "last_name": "B", "email": "a@b.test", "extension": "11"}
        status, state = await control("POST", "/reset", {"scenario": {"customer": "Other", "users": [user]}})
        assert (status, state["customer"], len(state["users"])) == (200, "Other", 1)
        assert (await control("POST", "/reset", {"scenario": {"odd": 1}}))[0] == 400
        assert (await control("POST", "/reset"))[1]["customer"] == "Acme"


class TestAccess:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "attacker.example.test"},
            {"Origin": "https://attacker.example.test"},
            {"Origin": "null"},
        ],
    )
    async def test_pages_of_other_sites_are_refused(self, simulator, headers):
        async with httpx2.AsyncClient() as client:
            for url in (f"{simulator.control_url}/state", f"{simulator.page_url}/"):
                assert (await client.get(url, headers=headers)).status_code == 403

    async def test_a_form_of_another_site_cannot_post(self, control, simulator):
        status, _ = await control("POST", "/calls", content=b'{"to": "601"}', headers={"Content-Type": "text/plain"})
        assert (status, simulator.engine.legs()) == (400, [])

    @pytest.mark.parametrize("content", [b"{", b"[]"])
    async def test_a_body_that_is_no_object(self, control, content):
        headers = {"Content-Type": "application/json"}
        assert (await control("POST", "/calls", content=content, headers=headers))[0] == 400

    async def test_it_can_be_left_out(self):
        async with Simulator(SimulatorSettings(control=False)) as simulator, httpx2.AsyncClient() as client:
            for path in ("/", "/control/state", "/static/simulator.js"):
                assert (await client.get(simulator.page_url + path)).status_code == 404

    async def test_other_machines_may_be_let_in(self):
        settings = SimulatorSettings(control_from_anywhere=True)
        async with Simulator(settings) as simulator, httpx2.AsyncClient() as client:
            answer = await client.get(f"{simulator.control_url}/state", headers={"Host": "lab.example.test"})
            assert answer.status_code == 200


class TestPageFiles:
    @pytest.mark.parametrize(
        ("path", "kind"),
        [("/", "text/html"), ("/static/simulator.js", "text/javascript"), ("/static/simulator.css", "text/css")],
    )
    async def test_they_are_served_under_a_strict_policy(self, simulator, path, kind):
        async with httpx2.AsyncClient() as client:
            response = await client.get(simulator.page_url + path)
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith(kind)
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]

    async def test_nothing_else_is(self, simulator):
        async with httpx2.AsyncClient() as client:
            for name in ("server.py", "..%2F..%2Fserver.py"):
                assert (await client.get(f"{simulator.page_url}/static/{name}")).status_code == 404
