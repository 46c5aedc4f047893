"""A directory that is asked over HTTP and answers in JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import httpx2
from django.core.exceptions import ImproperlyConfigured

from ..reading import Number
from .base import MOST_ENTRIES, DirectoryEntry, LookupBackend, safe_url

__all__ = ["HttpJsonBackend"]

#: Seconds after which a request is given up: later than any pop is open for.
_TIMEOUT = 5.0
_MOST_BYTES = 1_000_000
_PLACES = ("{e164}", "{digits}", "{national}")


class HttpJsonBackend(LookupBackend):
    """One GET request per call.

    Options:
        url: address with ``{e164}``, ``{digits}`` (without plus) or ``{national}`` in it.
        fields: where an entry's ``label``, ``company``, ``url`` and ``detail`` stand in a result, as dotted paths:
            ``{"label": "name", "company": "organisation.name"}``.
        results: dotted path to the list of results; default: the answer itself is the list (or one result).
        headers: sent with each request, such as an API key. timeout: seconds, default 5.
        transport: an httpx2 transport in place of the network, for tests.

    404 and 204 mean that nobody is known. Redirects are not followed: a directory that moved must be configured anew.
    """

    known_options: ClassVar[frozenset[str]] = frozenset({"url", "fields", "results", "headers", "timeout", "transport"})

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        where = f"VOIPCTI['DIRECTORIES'][{alias!r}]"
        url = str(options.get("url", ""))
        if not url.startswith(("https://", "http://")) or not any(place in url for place in _PLACES):
            raise ImproperlyConfigured(f"{where}: 'url' must be an http(s) address with {', '.join(_PLACES)} in it.")
        if "label" not in options.get("fields", {}):
            raise ImproperlyConfigured(f"{where}: 'fields' must say where the 'label' is.")
        self._client = httpx2.Client(
            headers=dict(options.get("headers", {})),
            timeout=float(options.get("timeout", _TIMEOUT)),
            transport=options.get("transport"),
            follow_redirects=False,
        )

    def lookup(self, number: Number) -> Sequence[DirectoryEntry]:
        """Ask. Raises ``httpx2.HTTPError`` for every other status, ValueError for an answer that cannot be read."""
        url = self.options["url"]
        for place, value in zip(_PLACES, (number.e164 or number.national, number.digits, number.national), strict=True):
            url = url.replace(place, quote(value, safe=""))
        with self._client.stream("GET", url, headers={"Accept": "application/json"}) as response:
            if response.status_code in {204, 404}:
                return []
            response.raise_for_status()
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError(f"The answer has more than {_MOST_BYTES} bytes.")
        return self._entries(httpx2.Response(200, content=bytes(body)).json())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _entries(self, answer: Any) -> list[DirectoryEntry]:
        path = self.options.get("results", "")
        results = _at(answer, path) if path else answer
        if isinstance(results, Mapping):
            results = [results]
        if not isinstance(results, list):
            return []
        entries = [self._entry(result) for result in results[:MOST_ENTRIES]]
        return [entry for entry in entries if entry.label]

    def _entry(self, result: Any) -> DirectoryEntry:
        texts = {name: _text(_at(result, path)) for name, path in self.options["fields"].items()}
        return DirectoryEntry(
            label=texts["label"],
            company=texts.get("company", ""),
            url=safe_url(texts.get("url", "")),
            detail=texts.get("detail", ""),
        )


def _at(value: Any, path: str) -> Any:
    """Follow a dotted path through objects and lists; None where it leads nowhere."""
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _text(value: Any) -> str:
    return str(value).strip()[:500] if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
