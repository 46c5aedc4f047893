"""Kamailio's JSON-RPC, at its HTTP boundary: which calls are ended how."""

import json

import httpx2
import pytest

from django_voipcti.exceptions import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from django_voipcti.providers.sip.kamailio import KamailioRpc

TALKING = {"h_entry": 17, "h_id": 4711, "state": 4, "caller": {"cseq": "2"}}
RINGING = TALKING | {"state": 2}
OVER = TALKING | {"state": 5}

NOT_FOUND = {"error": {"code": 404, "message": "Dialog not found"}}
LIST, END, CANCEL = "dlg.dlg_list", "dlg.end_dlg", "tm.cancel"


class Server:
    """Answers each method from a list, the last answer again and again."""

    def __init__(self, **answers):
        self.asked = []
        self._answers = {method.replace("__", "."): list(given) for method, given in answers.items()}

    def __call__(self, request):
        asked = json.loads(request.content)
        assert asked.pop("jsonrpc") == "2.0"
        assert asked.pop("id")
        self.asked.append((asked["method"], asked["params"]))
        answers = self._answers[asked["method"]]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, httpx2.Response):
            return answer
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(200, json={"jsonrpc": "2.0", "id": 1} | answer)

    async def end_call(self, call_id="c1"):
        await KamailioRpc("http://127.0.0.1:8088/RPC", transport=httpx2.MockTransport(self)).end_call(call_id)


def found(*dialogs):
    return {"result": list(dialogs)}


DONE = {"result": "Done"}


async def test_an_answered_call_is_ended_by_its_dialog():
    server = Server(dlg__dlg_list=[found(TALKING)], dlg__end_dlg=[DONE])
    await server.end_call()
    assert server.asked == [(LIST, ["c1"]), (END, [17, 4711])]


async def test_a_ringing_call_is_cancelled_by_its_transaction():
    server = Server(dlg__dlg_list=[found(RINGING)], tm__cancel=[DONE])
    await server.end_call()
    assert server.asked == [(LIST, ["c1"]), (CANCEL, ["c1", "2"])]


async def test_one_dialog_may_come_without_a_list_around_it():
    server = Server(dlg__dlg_list=[{"result": TALKING}], dlg__end_dlg=[DONE])
    await server.end_call()
    assert [method for method, _params in server.asked] == [LIST, END]


async def test_every_leg_of_a_fork_is_ended():
    server = Server(dlg__dlg_list=[found(TALKING, TALKING | {"h_id": 4712})], dlg__end_dlg=[DONE])
    await server.end_call()
    assert server.asked[1:] == [(END, [17, 4711]), (END, [17, 4712])]


@pytest.mark.parametrize("answer", [NOT_FOUND, found(), found(OVER), {"result": None}])
async def test_a_call_that_is_over_needs_nothing(answer):
    server = Server(dlg__dlg_list=[answer])
    await server.end_call()
    assert server.asked == [(LIST, ["c1"])]


async def test_a_call_that_is_answered_meanwhile_is_looked_at_again():
    gone = {"error": {"code": 500, "message": "Transaction not found"}}
    server = Server(dlg__dlg_list=[found(RINGING), found(TALKING)], tm__cancel=[gone], dlg__end_dlg=[DONE])
    await server.end_call()
    assert [method for method, _params in server.asked] == [LIST, CANCEL, LIST, END]


async def test_a_server_that_shows_what_it_does_not_know_is_not_asked_for_ever():
    server = Server(dlg__dlg_list=[found(TALKING)], dlg__end_dlg=[NOT_FOUND])
    with pytest.raises(ProviderUnavailable, match="Try again"):
        await server.end_call()
    assert len(server.asked) == 6


async def test_a_refusal_is_told_in_the_servers_words():
    server = Server(dlg__dlg_list=[{"error": {"code": -32601, "message": "Method Not Found"}}])
    with pytest.raises(ProviderRejected, match="Method Not Found") as caught:
        await server.end_call()
    assert caught.value.status == -32601


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ReadTimeout("late")])
async def test_a_server_that_does_not_answer(error):
    with pytest.raises(ProviderUnavailable, match="does not answer"):
        await Server(dlg__dlg_list=[error]).end_call()


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(404, text="<html>not here</html>"),
        httpx2.Response(200, json=["no", "object"]),
        {"error": "a string"},
        {"error": {"code": "none"}},
        {"error": {"code": [1]}},
        found({"state": 4}),
        found({"state": 2, "caller": None}),
        found({"state": [4]}),
    ],
    ids=str,
)
async def test_an_answer_that_is_not_kamailios(answer):
    with pytest.raises(ProviderProtocolError, match="not Kamailio's JSON-RPC"):
        await Server(dlg__dlg_list=[answer]).end_call()
