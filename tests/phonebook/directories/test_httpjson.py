"""A directory that is asked over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from django.core.exceptions import ImproperlyConfigured

from django_voipcti.phonebook import numbers
from django_voipcti.phonebook.directories import DirectoryEntry, HttpJsonBackend

NUMBER = numbers.parse("+49 89 123456")
FIELDS = {"label": "name", "company": "organisation.name", "url": "links.0", "detail": "since"}
ANNA = {"name": "Anna", "organisation": {"name": "Acme"}, "links": ["https://crm.example/1"], "since": 2019}


def backend(answer: Callable[[httpx2.Request], httpx2.Response], **options: Any) -> HttpJsonBackend:
    defaults = {"url": "https://crm.example/people?phone={e164}", "fields": FIELDS, "results": "data.items"}
    return HttpJsonBackend("crm", {"transport": httpx2.MockTransport(answer), **defaults, **options})


def answering(value: Any, status: int = 200) -> Callable[[httpx2.Request], httpx2.Response]:
    return lambda request: httpx2.Response(status, content=json.dumps(value))


def test_the_number_is_asked_for_with_the_headers_of_the_setting() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json=[])

    url = "https://crm.example/{national}?e={e164}&d={digits}"
    backend(answer, url=url, headers={"X-Key": "secret"}, results="").lookup(NUMBER)
    assert str(asked[0].url) == "https://crm.example/89123456?e=%2B4989123456&d=4989123456"
    assert asked[0].headers["X-Key"] == "secret"


def test_results_become_entries() -> None:
    entries = backend(answering({"data": {"items": [ANNA, {"name": ""}, "nonsense"]}})).lookup(NUMBER)
    assert entries == [DirectoryEntry(label="Anna", company="Acme", url="https://crm.example/1", detail="2019")]


def test_a_single_result_and_a_bare_list_will_do() -> None:
    assert backend(answering(ANNA), results="").lookup(NUMBER)[0].label == "Anna"
    assert backend(answering([ANNA, ANNA]), results="").lookup(NUMBER)[1].label == "Anna"


@pytest.mark.parametrize("answer", [None, 7, "text", {"data": None}, {"data": {"items": 3}}, {"data": []}])
def test_an_answer_of_another_shape_means_nobody(answer: Any) -> None:
    assert backend(answering(answer)).lookup(NUMBER) == []


@pytest.mark.parametrize("status", [204, 404])
def test_nobody_is_known(status: int) -> None:
    assert backend(lambda request: httpx2.Response(status)).lookup(NUMBER) == []


@pytest.mark.parametrize("status", [301, 401, 500])
def test_other_answers_are_errors(status: int) -> None:
    with pytest.raises(httpx2.HTTPStatusError):
        backend(lambda request: httpx2.Response(status, headers={"Location": "https://x.example"})).lookup(NUMBER)


def test_broken_and_huge_answers_are_errors() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        backend(lambda request: httpx2.Response(200, text="<html>")).lookup(NUMBER)
    with pytest.raises(ValueError, match="more than"):
        backend(lambda request: httpx2.Response(200, content=b" " * 1_000_001)).lookup(NUMBER)


def test_dangerous_links_are_dropped() -> None:
    for url in ("javascript:alert(1)", "//evil.example", "/\\evil.example", "data:text/html,x"):
        (entry,) = backend(answering([{**ANNA, "links": [url]}]), results="").lookup(NUMBER)
        assert entry.url == ""


@pytest.mark.parametrize(
    "options", [{"url": "https://crm.example/"}, {"url": "file:///etc/{e164}"}, {"fields": {"company": "x"}}]
)
def test_mistakes_in_the_setting_are_told(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="crm"):
        backend(answering([]), **options)
