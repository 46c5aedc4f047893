"""The REST interface over real sockets."""

import asyncio
import base64
import json
import time

import httpx2
import pytest

from django_voipcti.simulator import ManualClock, RestFault, Simulator
from tests.simulator.conftest import ANA, BEN, CALLER, CHRIS, DORA

PASSWORD = "demo-password"


def problem(response):
    """Status, and the fields that are complained about."""
    body = response.json()
    assert isinstance(body["message"], str)
    return response.status_code, [error["field"] for error in body["errors"]]


async def placed(simulator, client, to, aeventually, **body):
    """A POST /calls whose own phone rings now."""
    task = asyncio.create_task(client.post("/calls", {"to": to, **body}))
    await aeventually(lambda: any(phone.request for phone in simulator.engine.phones.values()) or task.done())
    return task


class TestLogin:
    async def test_a_password_opens_a_session(self, http):
        response = await http.post("/login", json={"email": "ana@example.test", "password": PASSWORD})
        body = response.json()
        assert (response.status_code, body["user_id"]) == (200, ANA)
        assert "data" not in body
        me = await http.get("/me", headers={"X-Auth-Token": body["user_token"]})
        data = me.json()["data"]
        assert (data["id"], data["ext"], data["email"]) == (ANA, "601", "ana@example.test")
        assert data["sip_domain"] == "acme.sip.example.test"
        assert data["sip_password"]
        assert "sip_username" not in data

    @pytest.mark.parametrize("body", [{"email": "ana@example.test", "password": "x"}, {"email": "x", "password": "x"}])
    async def test_a_wrong_password(self, http, body):
        assert problem(await http.post("/login", json=body)) == (401, ["password"])

    @pytest.mark.parametrize("body", [{}, {"email": "ana@example.test"}, {"email": 1, "password": 2}])
    async def test_missing_fields(self, http, body):
        assert problem(await http.post("/login", json=body)) == (400, ["email"])

    @pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
    async def test_a_body_that_is_no_object(self, http, content):
        response = await http.post("/login", content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 400

    async def test_a_second_factor(self, http):
        first = await http.post("/login", json={"email": "dora@example.test", "password": PASSWORD})
        assert first.status_code == 202
        assert "user_token" not in first.json()
        nonce = first.json()["nonce"]
        wrong = await http.post("/login2fa", json={"code": "000000", "nonce": nonce})
        assert problem(wrong) == (401, ["code"])
        right = await http.post("/login2fa", json={"code": "123456", "nonce": nonce})
        assert (right.status_code, right.json()["user_id"]) == (200, DORA)
        again = await http.post("/login2fa", json={"code": "123456", "nonce": nonce})
        assert again.status_code == 401

    async def test_logout_ends_the_session(self, ana):
        assert (await ana.post("/logout")).status_code == 200
        assert (await ana.get("/me")).status_code == 401

    @pytest.mark.parametrize("version", ["v1", "v1.1", "v1.2"])
    async def test_older_versions_answer_too(self, simulator, version):
        async with httpx2.AsyncClient() as client:
            url = f"{simulator.page_url}/{version}/voipstudio/login"
            response = await client.post(url, json={"email": "ana@example.test", "password": PASSWORD})
        assert response.status_code == 200


class TestTokens:
    async def test_ping_answers_in_the_envelope(self, ana):
        assert (await ana.get("/ping")).json()["data"]["response"] == "Pong"

    @pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "f" * 40}, {"Authorization": "Bearer x"}])
    async def test_without_a_good_token(self, http, headers):
        assert problem(await http.get("/me", headers=headers)) == (401, ["token"])

    async def test_an_api_key_needs_no_login(self, http):
        key = "b0" * 20
        assert (await http.get("/me", headers={"X-Auth-Token": key})).json()["data"]["id"] == BEN

    @pytest.mark.parametrize("who", [str(BEN), "ben@example.test"])
    async def test_basic(self, http, who):
        credentials = base64.b64encode(f"{who}:{'b0' * 20}".encode()).decode()
        response = await http.get("/me", headers={"Authorization": f"Basic {credentials}"})
        assert response.json()["data"]["id"] == BEN

    @pytest.mark.parametrize(
        ("credentials", "status"),
        [(b"only-a-token", 400), (f"{ANA}:{'b0' * 20}".encode(), 401), (b"\xff\xfe:x", 400)],
    )
    async def test_basic_that_does_not_fit(self, http, credentials, status):
        header = {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
        assert (await http.get("/me", headers=header)).status_code == status

    async def test_a_named_token_is_minted_listed_used_and_revoked(self, http, ana):
        minted = await ana.post("/apitokens", {"name": "crm", "expiry": 2592000})
        assert minted.status_code == 201
        token = minted.json()["data"]["token"]
        assert {"name", "token", "created_at"} <= minted.json()["data"].keys()
        found = await ana.get("/apitokens", filter=json.dumps([{"property": "name", "operator": "eq", "value": "crm"}]))
        assert [(row["name"], row["token"]) for row in found.json()["data"]] == [("crm", token)]
        assert (await http.get("/me", headers={"X-Auth-Token": token})).status_code == 200
        assert (await ana.delete(f"/apitokens/{token}")).status_code == 204
        assert (await http.get("/me", headers={"X-Auth-Token": token})).status_code == 401
        assert (await ana.delete(f"/apitokens/{token}")).status_code == 404

    async def test_a_name_is_taken_once_per_user(self, ana, as_user):
        await ana.post("/apitokens", {"name": "crm"})
        assert problem(await ana.post("/apitokens", {"name": "crm"})) == (400, ["name"])
        assert (await as_user(BEN).post("/apitokens", {"name": "crm"})).status_code == 201

    @pytest.mark.parametrize(
        ("body", "field"),
        [({}, "name"), ({"name": "x", "expiry": "soon"}, "expiry"), ({"name": "x", "expiry": -1}, "expiry")],
    )
    async def test_a_token_needs_a_name_and_a_sensible_life(self, ana, body, field):
        assert problem(await ana.post("/apitokens", body)) == (400, [field])

    async def test_logout_leaves_a_minted_token_alone(self, http, ana):
        token = (await ana.post("/apitokens", {"name": "crm"})).json()["data"]["token"]
        await http.post("/logout", headers={"X-Auth-Token": token})
        assert (await http.get("/me", headers={"X-Auth-Token": token})).status_code == 200

    async def test_somebody_elses_token_cannot_be_revoked(self, ana, as_user):
        token = (await ana.post("/apitokens", {"name": "crm"})).json()["data"]["token"]
        assert (await as_user(BEN).delete(f"/apitokens/{token}")).status_code == 404

    async def test_a_session_lives_half_an_hour_after_its_last_request(self):
        clock = ManualClock()
        async with Simulator(clock=clock) as simulator, httpx2.AsyncClient(base_url=simulator.rest_url) as client:
            token = simulator.platform.tokens.open_session(simulator.engine.directory.user(ANA)).value
            for minutes, status in ((29, 200), (29, 200), (31, 401)):
                clock.advance(minutes * 60)
                response = await client.get("/ping", headers={"X-Auth-Token": token})
                assert response.status_code == status


class TestCors:
    async def test_preflight(self, http):
        response = await http.options(
            "/calls/1",
            headers={
                "Origin": "https://crm.example.test",
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "content-type,x-auth-token",
            },
        )
        assert response.status_code == 204
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert {"GET", "POST", "PATCH", "DELETE"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
        assert {"Content-Type", "X-Auth-Token"} <= set(response.headers["Access-Control-Allow-Headers"].split(", "))

    async def test_refusals_can_be_read_by_pages_too(self, http):
        for response in (await http.get("/me"), await http.get("/nothing")):
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.json()["message"]


class TestPeople:
    async def test_users(self, ana):
        body = (await ana.get("/users", sort="id", dir="DESC", limit="2")).json()
        assert body["total"] == 4
        assert [row["id"] for row in body["data"]] == [DORA, CHRIS]
        assert body["data"][1]["ext"] == "603"

    async def test_registration_does_not_show(self, simulator, ana):
        before = (await ana.get(f"/users/{BEN}")).json()
        simulator.engine.phone(BEN).unregister()
        assert (await ana.get(f"/users/{BEN}")).json() == before

    async def test_an_unknown_user(self, ana):
        assert (await ana.get("/users/1")).status_code == 404

    async def test_queues_with_chosen_columns(self, ana):
        [row] = (await ana.get("/queues")).json()["data"]
        assert (row["name"], row["number"], row["ring_strategy"], row["users"]) == (
            "Sales",
            "700",
            "A",
            [ANA, BEN, CHRIS],
        )
        expanded = await ana.get("/queues/70001", include="users", **{"fields[users]": "id,status"})
        assert expanded.json()["data"]["users"][0] == {"id": ANA, "status": True}
        assert (await ana.get("/queues/1")).status_code == 404

    async def test_a_member_leaves_and_joins(self, simulator, ana):
        for status, rung in ((False, 2), (True, 3)):
            response = await ana.patch("/queues/70001", {"users": [{"id": ANA, "status": status}]})
            assert response.status_code == 200
            call = simulator.engine.call_from_outside(CALLER, "700")
            assert len([leg for leg in simulator.engine.legs() if leg.owner.isdigit()]) == rung
            simulator.engine.hang_up(call)
        assert problem(await ana.patch("/queues/70001", {"users": [{"id": DORA}]})) == (400, ["users"])


class TestLiveCalls:
    async def test_what_a_ringing_call_looks_like(self, simulator, ana):
        simulator.engine.call_from_outside(CALLER, "442079460000", name="Jo")
        body = (await ana.get("/calls")).json()
        [row] = body["data"]
        assert body["total"] == 1
        assert (row["state"], row["destination"], row["context"]) == ("RINGING", "in", "RG-70001")
        assert (row["src"], row["src_name"], row["src_id"]) == (CALLER, "Jo", "0")
        assert (row["dst"], row["dst_name"], row["dst_id"]) == ("442079460000", "Ana Ruiz", str(ANA))
        assert row["parent_id"] not in {None, row["id"]}
        assert (row["connected_at"], row["duration"]) == (None, 0)
        assert abs(row["start_time"] - time.time()) < 60
        assert (await ana.get(f"/calls/{row['id']}")).json()["data"]["id"] == row["id"]

    async def test_a_withheld_number_is_empty(self, simulator, ana):
        simulator.engine.call_from_outside("", "601")
        assert (await ana.get("/calls")).json()["data"][0]["src"] == ""

    async def test_state_as_in_the_documentations_samples(self, simulator, ana):
        simulator.platform.behaviour.state_as_number = True
        simulator.engine.call_from_outside(CALLER, "601")
        assert (await ana.get("/calls")).json()["data"][0]["state"] == 1

    @pytest.mark.parametrize("word", ["CONNECTED", "answer"])
    async def test_answer_then_hang_up(self, simulator, ana, word):
        simulator.engine.call_from_outside(CALLER, "601")
        [leg] = simulator.engine.legs(ANA)
        response = await ana.patch(f"/calls/{leg.id}", {"state": word})
        assert (response.status_code, response.json()["data"]["state"]) == (200, "CONNECTED")
        gone = await ana.delete(f"/calls/{leg.id}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await ana.get(f"/calls/{leg.id}")).status_code == 404
        assert (await ana.delete(f"/calls/{leg.id}")).status_code == 404

    async def test_a_ringing_call_can_be_declined(self, simulator, ana):
        call = simulator.engine.call_from_outside(CALLER, "601")
        await ana.delete(f"/calls/{simulator.engine.legs(ANA)[0].id}")
        assert (call.state, call.cause) == ("ended", "Call Rejected")

    async def test_transfer(self, simulator, ana):
        simulator.engine.call_from_outside(CALLER, "601")
        simulator.engine.phone(ANA).answer()
        [leg] = simulator.engine.legs(ANA)
        assert (await ana.patch(f"/calls/{leg.id}", {"dst": "602"})).status_code == 200
        assert [other.owner for other in simulator.engine.legs()] == [str(BEN)]

    async def test_action_link(self, simulator, ana):
        simulator.engine.call_from_outside(CALLER, "601")
        [leg] = simulator.engine.legs(ANA)
        link = {"action_url": "https://crm.example.test/1", "action_text": "Open"}
        body = (await ana.patch(f"/calls/{leg.id}", link)).json()["data"]
        assert link.items() <= body.items()
        assert problem(await ana.patch(f"/calls/{leg.id}", {"action_url": "https://x"})) == (400, ["action_url"])

    @pytest.mark.parametrize(
        ("body", "field"),
        [({"state": "ON_HOLD"}, "state"), ({"dst": "602"}, "dst"), ({}, "state"), ({"state": 2}, "state")],
    )
    async def test_what_a_ringing_call_refuses(self, simulator, ana, body, field):
        simulator.engine.call_from_outside(CALLER, "601")
        [leg] = simulator.engine.legs(ANA)
        assert problem(await ana.patch(f"/calls/{leg.id}", body)) == (400, [field])

    async def test_a_connected_call_cannot_be_answered_again(self, simulator, ana):
        simulator.engine.call_from_outside(CALLER, "601")
        simulator.engine.phone(ANA).answer()
        [leg] = simulator.engine.legs(ANA)
        assert problem(await ana.patch(f"/calls/{leg.id}", {"state": "CONNECTED"})) == (400, ["state"])

    @pytest.mark.parametrize("status", [204, 301])
    async def test_other_answers_to_patch(self, simulator, ana, status):
        simulator.platform.behaviour.patch_status = status
        simulator.engine.call_from_outside(CALLER, "601")
        [leg] = simulator.engine.legs(ANA)
        response = await ana.patch(f"/calls/{leg.id}", {"state": "CONNECTED"})
        assert (response.status_code, response.content) == (status, b"")

    async def test_calls_of_others_do_not_exist(self, simulator, ana, as_user):
        simulator.engine.call_from_outside(CALLER, "601")
        [leg] = simulator.engine.legs(ANA)
        ben = as_user(BEN)
        assert (await ben.get("/calls")).json() == {"data": [], "total": 0}
        for response in (
            await ben.get(f"/calls/{leg.id}"),
            await ben.patch(f"/calls/{leg.id}", {"state": "CONNECTED"}),
            await ben.delete(f"/calls/{leg.id}"),
            await ben.get("/calls/abc"),
        ):
            assert response.status_code == 404
        assert leg.live


class TestPlaceCall:
    async def test_201_comes_when_the_own_phone_is_picked_up(self, simulator, ana, aeventually):
        task = await placed(simulator, ana, "447700900999", aeventually)
        [leg] = simulator.engine.legs(ANA)
        assert (await ana.get(f"/calls/{leg.id}")).json()["data"]["state"] == "INITIAL"
        assert not task.done()
        simulator.engine.phone(ANA).answer()
        response = await task
        data = response.json()["data"]
        assert (response.status_code, data["id"], data["state"]) == (201, leg.id, "RINGING")
        assert (data["src_id"], data["dst"], data["dst_name"]) == (str(ANA), "447700900999", "United Kingdom Mobile")
        assert data["clid"] == '"+442079460601" <+442079460601>'

    async def test_the_user_declines_on_his_own_phone(self, simulator, ana, aeventually):
        task = await placed(simulator, ana, "447700900999", aeventually)
        simulator.engine.phone(ANA).decline()
        assert problem(await task) == (409, [])

    async def test_he_does_not_pick_it_up(self, simulator, ana):
        simulator.engine.timings.own_phone = 2.0
        assert problem(await ana.post("/calls", {"to": "447700900999"})) == (408, [])

    async def test_which_status_a_refusal_gives_is_a_switch(self, simulator, ana, aeventually):
        simulator.platform.behaviour.declined_status = 486
        task = await placed(simulator, ana, "447700900999", aeventually)
        simulator.engine.phone(ANA).decline()
        assert (await task).status_code == 486

    async def test_412_after_a_while_if_the_phone_is_not_registered(self, simulator, ana):
        simulator.engine.phone(ANA).unregister()
        begun = time.monotonic()
        response = await ana.post("/calls", {"to": "447700900999"})
        assert response.status_code == 412
        assert time.monotonic() - begun >= 0.095

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "to"),
            ({"to": ""}, "to"),
            ({"to": 447700900999}, "to"),
            ({"to": "+447700900999"}, "to"),
            ({"to": "12"}, "to"),
            ({"to": "601"}, "to"),
            ({"to": "447700900999", "from": "601"}, "from"),
            ({"to": "447700900999", "caller_id": "447700900123"}, "caller_id"),
        ],
    )
    async def test_400_at_once_for_bad_input(self, simulator, ana, body, field):
        simulator.engine.time_scale = 1000
        assert problem(await ana.post("/calls", body)) == (400, [field])
        assert simulator.engine.legs() == []

    async def test_for_a_colleague_by_user_id(self, simulator, ana, aeventually):
        task = await placed(simulator, ana, "447700900999", aeventually, **{"from": str(BEN)})
        simulator.engine.phone(BEN).answer()
        assert (await task).json()["data"]["src_id"] == str(BEN)

    async def test_a_number_of_the_account_as_caller_id(self, simulator, ana, aeventually):
        task = await placed(simulator, ana, "447700900999", aeventually, caller_id="442079460000")
        simulator.engine.phone(ANA).answer()
        assert (await task).json()["data"]["clid"] == '"+442079460000" <+442079460000>'

    async def test_webcalls_are_rate_limited_whatever_one_does(self, ana):
        assert problem(await ana.post("/webcalls", {"from": CALLER, "to": "601"})) == (400, ["from"])


class TestHistory:
    @pytest.fixture
    async def past(self, simulator):
        """One answered, one missed, one placed in vain for Ana, and one of Ben's."""
        engine = simulator.engine
        for answered, extension in ((True, "601"), (False, "601"), (True, "602")):
            call = engine.call_from_outside(CALLER, extension)
            if answered:
                engine.phone(extension).answer()
            engine.hang_up(call)
        engine.dial(ANA, "447700900999")
        engine.decline(engine.outside_calls[0])

    async def test_rows_of_the_user(self, past, ana):
        body = (await ana.get("/cdrs", sort="id")).json()
        assert body["total"] == 3
        assert [(row["type"], row["disposition"], row["t_cause"]) for row in body["data"]] == [
            ("I", "CONNECTED", "Normal Clearing"),
            ("M", "NO ANSWER", "No Answer"),
            ("O", "NO ANSWER", "Call Rejected"),
        ]
        row = body["data"][0]
        assert row["live_id"] == row["root_live_id"]
        assert row["is_root"] is True
        assert row["user_id"] == ANA
        assert time.strptime(row["calldate"], "%Y-%m-%d %H:%M:%S")
        assert (await ana.get(f"/cdrs/{row['id']}")).json()["data"] == row

    async def test_a_supervisor_sees_the_account(self, past, ana, as_user):
        assert (await as_user(CHRIS).get("/cdrs")).json()["total"] == 4
        others = (await as_user(BEN).get("/cdrs")).json()["data"][0]["id"]
        assert (await ana.get(f"/cdrs/{others}")).status_code == 404

    async def test_pages(self, past, as_user):
        chris = as_user(CHRIS)
        seen = []
        for page in ("1", "2", "3"):
            body = (await chris.get("/cdrs", sort="id", dir="DESC", limit="2", page=page)).json()
            assert body["total"] == 4
            seen += [row["id"] for row in body["data"]]
        assert seen == sorted(seen, reverse=True)
        assert len(seen) == 4

    async def test_a_ring_group_has_one_row_per_leg_and_one_of_its_own(self, simulator, as_user):
        simulator.engine.call_from_outside(CALLER, "700")
        simulator.engine.phone(BEN).answer()
        simulator.engine.phone(BEN).hang_up()
        rows = (await as_user(CHRIS).get("/cdrs", sort="live_id")).json()["data"]
        assert [(row["type"], row["is_root"], row["user_id"]) for row in rows] == [
            ("I", True, 0),
            ("M", False, ANA),
            ("I", False, BEN),
            ("M", False, CHRIS),
        ]
        assert len({row["root_live_id"] for row in rows}) == 1

    @pytest.mark.parametrize(
        "condition",
        [
            {"property": "calldate", "operator": "between", "value": ["2026-01-01", "2026-02-01"]},
            {"property": "from", "operator": "eq", "value": "1"},
            {"property": "src", "operator": "eq"},
        ],
    )
    async def test_filters_that_are_refused(self, ana, condition):
        assert problem(await ana.get("/cdrs", filter=json.dumps([condition]))) == (400, ["filter"])


class TestFaults:
    @pytest.mark.parametrize("status", [401, 429, 500, 503])
    async def test_a_status_once(self, simulator, ana, status):
        simulator.faults.rest.append(RestFault(status=status, retry_after=7))
        first = await ana.get("/ping")
        assert (first.status_code, first.headers["Retry-After"]) == (status, "7")
        assert (await ana.get("/ping")).status_code == 200

    async def test_only_what_fits_fails_for_as_long_as_asked(self, simulator, ana):
        simulator.faults.rest.append(RestFault(method="GET", path="/calls", times=0))
        assert [(await ana.get("/calls")).status_code for _ in range(3)] == [500, 500, 500]
        assert (await ana.get("/ping")).status_code == 200
        simulator.faults.clear()
        assert (await ana.get("/calls")).status_code == 200

    async def test_broken_json_and_an_empty_body(self, simulator, ana):
        simulator.faults.rest += [RestFault(kind="broken_json", status=200), RestFault(kind="empty", status=502)]
        with pytest.raises(json.JSONDecodeError):
            (await ana.get("/ping")).json()
        assert (await ana.get("/ping")).content == b""

    async def test_a_cut_connection(self, simulator, ana):
        simulator.faults.rest.append(RestFault(kind="drop"))
        with pytest.raises(httpx2.TransportError):
            await ana.get("/ping")

    async def test_no_answer_at_all(self, simulator, ana):
        simulator.faults.rest.append(RestFault(kind="hang"))
        with pytest.raises(httpx2.ReadTimeout):
            await ana.http.get("/ping", headers=ana.headers, timeout=0.2)

    async def test_refused_logins(self, simulator, http):
        simulator.faults.refuse_logins = 403
        response = await http.post("/login", json={"email": "ana@example.test", "password": PASSWORD})
        assert response.status_code == 403

    async def test_an_expired_token(self, simulator, ana, as_user):
        ben = as_user(BEN)
        simulator.platform.tokens.expire(simulator.engine.directory.user(ANA))
        assert [(await client.get("/ping")).status_code for client in (ana, ben)] == [401, 200]
