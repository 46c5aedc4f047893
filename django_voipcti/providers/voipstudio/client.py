"""The HTTP conversation with VoIPstudio's REST interface: requests, limits and errors. Knows no calls.

Every failure leaves as one of :mod:`django_voipcti.exceptions`, chosen by status code and never by elapsed time, with
the provider's own text freed from secrets and complete numbers.
"""

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import httpx2
from django.utils.translation import gettext as _

from django_voipcti.exceptions import (
    AuthenticationFailed,
    ProviderError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
)
from django_voipcti.providers.base import load_json
from django_voipcti.redaction import Secret, mask_digits

__all__ = ["Answer", "RestClient", "failure", "unreachable"]

#: A page of 5,000 history rows is about 5 MB; nothing legitimate is larger than this.
MAX_BODY_BYTES = 16 * 1024 * 1024
_MAX_MESSAGE = 300
_HEADER_SAFE = re.compile(r"\A[\x21-\x7e]+\Z")
_SHORTEST_SECRET = 4
#: Updates may be answered with a redirect that means success; it is never followed.
_MAY_REDIRECT = frozenset({"PATCH", "DELETE"})
_SECRET_SEGMENT = "voipcti_secret_segment"  # noqa: S105  the name of a request extension


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: its status, its JSON (None if there was none, or it was none) and the pause it asks for."""

    status: int
    payload: Any = None
    retry_after: float | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The resource, with or without its ``data`` envelope; empty where there is none."""
        if not isinstance(self.payload, dict):
            return {}
        data = self.payload.get("data")
        return data if isinstance(data, dict) else self.payload

    def require_resource(self) -> dict[str, Any]:
        """:attr:`fields`, which have to be there: a portal that answers everything with a page is not the platform."""
        if not self.fields:
            raise ProviderProtocolError(
                _("Something else than VoIPstudio answers. Check the network and the option api_url."),
                status=self.status,
            )
        return self.fields

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a collection; whatever is no row is left out. Raises :exc:`ProviderProtocolError` without one."""
        data = self.payload.get("data") if isinstance(self.payload, dict) else self.payload
        if not isinstance(data, list):
            raise ProviderProtocolError(_("VoIPstudio's answer holds no list where one is due."), status=self.status)
        return [row for row in data if isinstance(row, dict)]

    @property
    def total(self) -> int | None:
        """How many rows the collection has on all pages, if it says so."""
        value = self.payload.get("total") if isinstance(self.payload, dict) else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def error_text(self) -> str:
        """The provider's words for a refusal: its message and those of each field; empty if it gave none."""
        if not isinstance(self.payload, dict):
            return ""
        heading = str(self.payload.get("message") or "")
        details = []
        errors = self.payload.get("errors")
        for entry in errors if isinstance(errors, list) else ():
            if isinstance(entry, dict):
                # Field and code are for who supports the user; the sentence before them is for him.
                codes = ", ".join(str(entry[key]) for key in ("field", "code") if entry.get(key))
                words = str(entry.get("message") or "")
                details.append(f"{words.rstrip('.')} ({codes})" if codes else words)
            else:
                details.append(str(entry))
        told = "; ".join(dict.fromkeys(detail for detail in details if detail not in ("", heading)))
        return ": ".join(part for part in (heading, told) if part)


class _SecretInPath(httpx2.AsyncBaseTransport):
    """Puts a secret into the path at the last moment.

    The interface takes a token to be revoked as a part of the path, and the HTTP library logs the address of every
    request; above this transport the address holds only a placeholder.
    """

    placeholder = "-"

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        secret = request.extensions.get(_SECRET_SEGMENT)
        if secret is None:
            return await self._inner.handle_async_request(request)
        path = request.url.path.removesuffix(self.placeholder) + secret
        wired = httpx2.Request(
            request.method, request.url.copy_with(path=path), headers=request.headers, stream=request.stream
        )
        wired.extensions = {key: value for key, value in request.extensions.items() if key != _SECRET_SEGMENT}
        return await self._inner.handle_async_request(wired)

    async def aclose(self) -> None:
        await self._inner.aclose()


class RestClient:
    """Sends requests; one connection pool per running event loop, so that it may be shared by threads.

    Args:
        base_url: root of the interface, without a slash at the end.
        timeout: seconds for a whole request, unless the request says otherwise.
        ssl_context: makes the TLS context, when the first connection needs it.
        transport: stands in for the network (tests, proxies of a host's own).
    """

    def __init__(
        self,
        *,
        base_url: str,
        timeout: float,
        ssl_context: Callable[[], ssl.SSLContext],
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._ssl_context = ssl_context
        self._transport = transport
        self._lock = threading.Lock()
        self._pools: dict[asyncio.AbstractEventLoop, httpx2.AsyncClient] = {}

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        with self._lock:
            pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: Secret | None = None,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        secret_segment: Secret | None = None,
        timeout: float | None = None,
        private: Iterable[Secret] = (),
    ) -> Answer:
        """Send one request and return its answer, whatever its status; retries nothing.

        Args:
            token: goes into ``X-Auth-Token``.
            secret_segment: last part of the path, kept out of logs.
            timeout: seconds for the whole request.
            private: secrets in the body, to be blotted out if the provider repeats them in an error text.

        Raises:
            ProviderUnavailable: no answer, 429 or 5xx.
            AuthenticationFailed: 401.
            ProviderRejected: any other 4xx.
            ProviderProtocolError: an answer that is no HTTP of this interface.
        """
        if token is not None and not _HEADER_SAFE.match(token):
            raise AuthenticationFailed(_("This is no VoIPstudio key: it holds blanks or letters outside ASCII."))
        headers = {} if token is None else {"X-Auth-Token": str(token)}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = await self._exchange(
            method,
            path if secret_segment is None else f"{path}/{_SecretInPath.placeholder}",
            headers=headers,
            # Escaped to ASCII, so that no text that came from a page can fail to be encoded.
            content=None if body is None else json.dumps(body),
            params=params,
            extensions={} if secret_segment is None else {_SECRET_SEGMENT: quote(secret_segment, safe="")},
            timeout=timeout or self._timeout,
        )
        if answer.status < 300 or (method in _MAY_REDIRECT and answer.status < 400):
            return answer
        raise failure(answer, private=[secret for secret in (token, secret_segment, *private) if secret])

    async def open(self, path: str, *, token: Secret, headers: Mapping[str, str]) -> httpx2.Response:
        """Send a GET for a file and return its response unread, status 200 or 206; the caller closes it.

        Seconds count for each piece, not for the whole: somebody listens while it is read. Raises as :meth:`request`.
        """
        wanted = self._pool().build_request(
            "GET",
            self._base_url + path,
            # Positions are those of the file itself, so it must not come compressed.
            headers={**headers, "X-Auth-Token": str(token), "Accept": "audio/*", "Accept-Encoding": "identity"},
            timeout=self._timeout,
        )
        try:
            response = await self._pool().send(wanted, stream=True)
            if response.status_code in {200, 206}:
                return response
            try:
                payload = _parse(await _read(response))
            finally:
                await response.aclose()
        except httpx2.TransportError as error:
            raise unreachable(error) from error
        raise failure(Answer(status=response.status_code, payload=payload), private=[token])

    async def _exchange(self, method: str, path: str, *, timeout: float, **kwargs: Any) -> Answer:
        """One request without judgement of its status. ``timeout`` bounds the whole of it, a slow trickle included."""
        try:
            async with (
                asyncio.timeout(timeout),
                self._pool().stream(method, self._base_url + path, timeout=timeout, **kwargs) as response,
            ):
                return Answer(
                    status=response.status_code,
                    payload=_parse(await _read(response)),
                    retry_after=_seconds(response.headers.get("Retry-After", "")),
                )
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise ProviderUnavailable(
                _("VoIPstudio did not answer within %(seconds)d seconds. Try again later.") % {"seconds": timeout}
            ) from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            # A rate-limit page of the platform is known to break HTTP parsers; a later attempt may well work.
            raise unreachable(error) from error

    def _pool(self) -> httpx2.AsyncClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            pool = self._pools.get(loop)
            if pool is None:
                self._pools = {known: kept for known, kept in self._pools.items() if not known.is_closed()}
                transport = self._transport or httpx2.AsyncHTTPTransport(verify=self._ssl_context())
                pool = self._pools[loop] = httpx2.AsyncClient(
                    transport=_SecretInPath(transport),
                    headers={"Accept": "application/json"},
                    # A followed redirect would carry X-Auth-Token to wherever it points.
                    follow_redirects=False,
                    # One pool serves many users: a session cookie of one must not travel with the next one's request.
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                )
        return pool


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ProviderProtocolError(
                _("VoIPstudio's answer is larger than any it should give; it was not read to the end."),
                status=response.status_code,
            )
    return bytes(body)


def _parse(body: bytes) -> Any:
    try:
        return load_json(body) if body.strip() else None
    except ValueError:
        return None


def _seconds(retry_after: str) -> float | None:
    """``Retry-After`` in seconds; its other form, a date, is left to the caller's own back-off."""
    return float(retry_after) if re.fullmatch(r"\d{1,6}", retry_after.strip()) else None


def unreachable(error: Exception) -> ProviderUnavailable:
    """What it means that there was no answer."""
    return ProviderUnavailable(
        _("VoIPstudio could not be reached (%(kind)s). Try again later.") % {"kind": type(error).__name__}
    )


def failure(answer: Answer, *, private: Iterable[Secret] = ()) -> ProviderError:
    """The exception that a status stands for."""
    status = answer.status
    words = clean(answer.error_text, private=private)
    if status == 401:
        refused = _("VoIPstudio does not accept these credentials. Log in again.")
        return AuthenticationFailed(f"{refused} ({words})" if words else refused, status=status)
    if status == 429 or status >= 500:
        return ProviderUnavailable(
            words or _("VoIPstudio cannot answer now (status %(status)d). Try again later.") % {"status": status},
            status=status,
            retry_after=answer.retry_after,
        )
    if 400 <= status < 500:
        return ProviderRejected(
            words or _("VoIPstudio refused the request (status %(status)d).") % {"status": status}, status=status
        )
    return ProviderProtocolError(
        _("VoIPstudio answered with status %(status)d. Check the option api_url.") % {"status": status}, status=status
    )


def clean(words: str, *, private: Iterable[Secret] = ()) -> str:
    """The provider's words, fit to be shown and logged: one short line without secrets and complete numbers."""
    for secret in private:
        if len(secret) >= _SHORTEST_SECRET:
            words = words.replace(secret, "***")
    return mask_digits(" ".join(words.split()))[:_MAX_MESSAGE]
