"""The HTTP conversation: errors by status, limits, and nothing that must not be seen."""

import asyncio
import json
import logging
import threading

import httpx2
import pytest

from django_voipcti.exceptions import (
    AuthenticationFailed,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
)
from django_voipcti.providers.voipstudio import client as client_module
from django_voipcti.providers.voipstudio.client import Answer, RestClient, clean, failure
from django_voipcti.redaction import Secret
from tests.providers.voipstudio.service import Service, answer, hang, payload

URL = "https://l7api.com/v1.2/voipstudio"
TOKEN = Secret("t0ken-0123456789")


def no_tls():
    raise AssertionError("no connection is made")


@pytest.fixture
def service():
    return Service()


@pytest.fixture
async def client(service):
    client = RestClient(base_url=URL, timeout=5, ssl_context=no_tls, transport=httpx2.MockTransport(service))
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, ProviderProtocolError),
        (400, ProviderRejected),
        (401, AuthenticationFailed),
        (403, ProviderRejected),
        (404, ProviderRejected),
        (412, ProviderRejected),
        (429, ProviderUnavailable),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
    ],
)
async def test_the_status_decides(client, service, status, error):
    service.reply("GET", "/ping", answer(status))
    with pytest.raises(error) as caught:
        await client.request("GET", "/ping", token=TOKEN)
    assert type(caught.value) is error
    assert caught.value.status == status
    assert str(caught.value), "every failure has a sentence, with or without a body"


async def test_a_pause_that_is_asked_for_is_handed_on(client, service):
    service.reply("GET", "/ping", answer(429, None, **{"Retry-After": "30"}))
    with pytest.raises(ProviderUnavailable) as caught:
        await client.request("GET", "/ping")
    assert caught.value.retry_after == 30
    service.reply("GET", "/ping", answer(503, None, **{"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"}))
    with pytest.raises(ProviderUnavailable) as caught:
        await client.request("GET", "/ping")
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    "error",
    [
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("slow"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("illegal header line"),
        httpx2.ReadError("cut"),
    ],
)
async def test_no_answer_is_worth_a_retry(client, service, error):
    service.reply("GET", "/ping", error)
    with pytest.raises(ProviderUnavailable, match="Try again later") as caught:
        await client.request("GET", "/ping")
    assert caught.value.status is None


async def test_a_request_takes_no_longer_than_its_time(client, service):
    service.reply("GET", "/ping", hang)
    with pytest.raises(ProviderUnavailable, match="did not answer"):
        await client.request("GET", "/ping", timeout=0.01)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (payload("error_unauthorized"), "Unauthorized: The token is not valid or has expired"),
        ({"message": None, "errors": [{"field": "to", "message": "bad", "code": "SF0010"}]}, "bad (to, SF0010)"),
        ({"errors": ["just text"]}, "just text"),
        ({"message": "No", "errors": [{"message": "One.", "field": "a"}, "Two."]}, "No: One (a); Two."),
        ({"message": "same", "errors": [{"message": "same"}]}, "same"),
        ({"errors": "odd"}, ""),
        (None, ""),
        ([], ""),
        ("text", ""),
    ],
)
def test_the_words_of_an_error(body, words):
    assert Answer(status=400, payload=body).error_text == words


def test_error_texts_are_short_and_show_neither_secrets_nor_numbers():
    told = clean("token t0ken-0123456789 may not\ncall 447700900123 " + "x" * 500, private=[TOKEN, Secret("x")])
    assert told.startswith("token *** may not call *********123 xxx")
    assert len(told) == 300


def test_failures_without_words_say_what_to_do():
    for status in (302, 401, 404, 429, 500):
        assert str(failure(Answer(status=status))).endswith(".")


async def test_an_answer_that_is_no_json_has_no_fields(client, service):
    for body in (b"<html>", b"", b"\xff\xfe", b"[" * 100_000, b"[1]"):
        service.reply("GET", "/ping", httpx2.Response(200, content=body))
        assert (await client.request("GET", "/ping")).fields == {}


def test_a_resource_is_read_with_and_without_its_envelope():
    assert Answer(status=200, payload={"data": {"id": 1}}).fields == {"id": 1}
    assert Answer(status=200, payload={"id": 1}).fields == {"id": 1}


def test_a_collection_must_be_a_list():
    assert Answer(status=200, payload={"data": [{"id": 1}, None, "x"]}).rows == [{"id": 1}]
    for body in ({"data": {}}, {}, None):
        with pytest.raises(ProviderProtocolError):
            _ = Answer(status=200, payload=body).rows


async def test_an_endless_body_is_cut(client, service):
    async def endless():
        while True:
            yield b" " * 1_000_000

    read = 0

    def counted():
        async def chunks():
            nonlocal read
            async for chunk in endless():
                read += len(chunk)
                yield chunk

        return chunks()

    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=counted()))
    client = RestClient(base_url=URL, timeout=60, ssl_context=no_tls, transport=transport)
    with pytest.raises(ProviderProtocolError, match="larger"):
        await client.request("GET", "/ping")
    assert read <= client_module.MAX_BODY_BYTES + 2_000_000
    await client.aclose()


async def test_a_token_in_the_path_does_not_reach_the_log(client, service, caplog):
    caplog.set_level(logging.DEBUG)
    await client.request("DELETE", "/apitokens", token=TOKEN, secret_segment=Secret("a/b?c"))
    assert service.trace == ["DELETE /apitokens/a%2Fb%3Fc"]
    assert "DELETE" in caplog.text
    assert "a%2Fb" not in caplog.text
    assert "t0ken" not in caplog.text


async def test_cookies_of_one_user_do_not_travel_with_the_next(client, service):
    service.reply("GET", "/ping", answer(200, "ping", **{"set-cookie": "session=ana; Path=/"}))
    await client.request("GET", "/ping", token=TOKEN)
    await client.request("GET", "/ping", token=Secret("bens-token"))
    assert "cookie" not in service.sent[1].headers


async def test_a_token_that_cannot_stand_in_a_header_is_refused(client, service):
    for token in ("a b", "schlüssel", "a\r\nX-Other: 1", "\ud800"):
        with pytest.raises(AuthenticationFailed):
            await client.request("GET", "/ping", token=Secret(token))
    assert service.sent == []


async def test_any_text_from_a_page_can_be_sent(client, service):
    await client.request("POST", "/login", body={"password": "\ud800 \0 ü"})
    assert service.sent[0].body == {"password": "\ud800 \0 ü"}
    assert service.sent[0].headers["content-type"] == "application/json"


def test_each_event_loop_has_connections_of_its_own():
    made = []

    class Transport(httpx2.AsyncBaseTransport):
        def __init__(self):
            self.loop = None

        async def handle_async_request(self, request):
            made.append(asyncio.get_running_loop())
            return httpx2.Response(200, json={"data": {}})

    client = RestClient(base_url=URL, timeout=5, ssl_context=no_tls, transport=Transport())

    async def work():
        await client.request("GET", "/ping")
        await client.aclose()

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(made) == 3


async def test_it_opens_new_connections_after_it_was_closed(client, service):
    await client.request("GET", "/ping")
    await client.aclose()
    await client.request("GET", "/ping")
    assert len(service.sent) == 2


def test_the_payloads_are_json():
    assert json.dumps(payload("ping"))
