"""VoIPstudio as the other end of `httpx2.MockTransport`: answers from the payload files, and remembers the requests."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from django_voipcti.providers.base import Account
from django_voipcti.providers.voipstudio import VoipStudioProvider
from django_voipcti.redaction import Secret

PAYLOADS = Path(__file__).parent / "payloads"
ROOT = "/v1.2/voipstudio"
SOUND = bytes(range(256)) * 8
MINTED = "b7ed0000000000000000000000000000000000d4"

ACCOUNT = Account(
    line=1,
    key="200341",
    extension="1001",
    secrets={
        "token": Secret(MINTED),
        "token_kind": Secret("minted"),
        "sip_password": Secret("sip-pass-4711"),
        "sip_domain": Secret("acme.sip.example.test"),
    },
)


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def webhook(name: str) -> bytes:
    return (PAYLOADS / "webhooks" / f"{name}.json").read_bytes()


def answer(status: int, name: str | None = None, **headers: str) -> httpx2.Response:
    """A response with the payload `name`, or with no body."""
    if name is None:
        return httpx2.Response(status, headers=headers)
    return httpx2.Response(status, json=payload(name), headers=headers)


@dataclass
class Sent:
    """A request as it arrived."""

    method: str
    path: str
    token: str | None
    body: Any
    params: dict[str, str]
    headers: dict[str, str] = field(repr=False)


Reply = httpx2.Response | Exception | Callable[[Sent], Any]


class Service:
    """Answers each (method, path) with what was last set for it; a list is worked off one by one, its last stays."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.replies: dict[tuple[str, str], list[Reply]] = {}
        self.otherwise: Reply | None = None
        for method, path, status, name in (
            ("POST", "/login", 200, "login"),
            ("POST", "/login2fa", 200, "login"),
            ("POST", "/logout", 200, None),
            ("GET", "/me", 200, "me"),
            ("GET", "/ping", 200, "ping"),
            ("GET", "/apitokens", 200, "apitokens"),
            ("POST", "/apitokens", 201, "apitoken_minted"),
            ("DELETE", "/apitokens/*", 204, None),
            ("GET", "/users", 200, "users"),
            ("GET", "/calls", 200, "calls"),
            ("POST", "/calls", 201, "call_created"),
            ("PATCH", "/calls/*", 200, "call_changed"),
            ("DELETE", "/calls/*", 204, None),
            ("GET", "/cdrs", 200, "cdrs_page_1"),
        ):
            self.reply(method, path, answer(status, name))
        self.reply(
            "GET", "/monitors/77.mp3", httpx2.Response(200, content=SOUND, headers={"Content-Type": "audio/mpeg"})
        )

    def reply(self, method: str, path: str, *replies: Reply) -> None:
        self.replies[method, path] = list(replies)

    def provider(self, **options: Any) -> VoipStudioProvider:
        options.setdefault("transport", httpx2.MockTransport(self))
        return VoipStudioProvider("default", options)

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.raw_path.decode().partition("?")[0].removeprefix(ROOT)
        sent = Sent(
            method=request.method,
            path=path,
            token=request.headers.get("x-auth-token"),
            body=json.loads(request.content) if request.content else None,
            params=dict(request.url.params),
            headers=dict(request.headers),
        )
        self.sent.append(sent)
        reply = self.otherwise or self._next(sent)
        if callable(reply):
            reply = reply(sent)
        if asyncio.iscoroutine(reply):
            reply = await reply
        if isinstance(reply, Exception):
            raise reply
        # A copy: a response object can be read only once.
        return httpx2.Response(reply.status_code, headers=reply.headers, content=reply.content)

    def _next(self, sent: Sent) -> Reply:
        folder = "/" + sent.path.split("/")[1] + "/*"
        queue = self.replies.get((sent.method, sent.path)) or self.replies.get((sent.method, folder))
        if not queue:
            return httpx2.Response(404, json=payload("error_not_found"))
        return queue.pop(0) if len(queue) > 1 else queue[0]

    @property
    def trace(self) -> list[str]:
        return [f"{sent.method} {sent.path}" for sent in self.sent]


async def hang(sent: Sent | None = None) -> httpx2.Response:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def echo_refusal(status: int) -> Callable[[Sent], httpx2.Response]:
    """Refuse, and repeat in the error text all that was sent."""

    def refuse(sent: Sent) -> httpx2.Response:
        seen = f"{sent.path} {sent.token} {json.dumps(sent.body)}"
        return httpx2.Response(
            status, json={"message": seen, "errors": [{"field": "x", "message": seen, "code": sent.token}]}
        )

    return refuse
