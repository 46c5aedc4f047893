"""Hands for the demo's phones and voices for the people outside: the client of a control API.

Behind it is the simulator (`voipcti_simulator`) or a network of real phones (`demo.pbx.exchange`); nobody here knows.
"""

from collections.abc import Mapping
from typing import Any

import httpx2

#: Seconds beyond what an answer may take by its own account.
PATIENCE = 10.0


class Refused(Exception):
    """That cannot be done; the text says why."""


class Phones:
    """All phones, by the address of the control API, e.g. `http://127.0.0.1:8020/control`."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=PATIENCE)

    def state(self) -> dict[str, Any]:
        """Everything there is to see."""
        return self._sent("GET", "/state")

    def ring(self, number: str, to: str, *, name: str = "") -> dict[str, Any]:
        """Somebody outside calls an extension or one of the account's own numbers."""
        return self._sent("POST", "/calls", {"from": number, "to": to, "name": name})

    def phone(self, user: str | int, action: str, **details: Any) -> dict[str, Any]:
        """Do something with a user's phone; the user by id, extension or e-mail address."""
        return self._sent("POST", f"/users/{user}/phone/{action}", details)

    def outside(self, call: int, action: str, **details: Any) -> dict[str, Any]:
        """Let the outside party of a call do something."""
        return self._sent("POST", f"/outside/{call}/{action}", details)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _sent(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise Refused("The telephones do not answer. Is the demo running?") from error
        if answer.is_error:
            try:
                raise Refused(answer.json()["error"])
            except (ValueError, KeyError, TypeError):
                raise Refused(f"The telephones answer {answer.status_code}.") from None
        result: dict[str, Any] = answer.json()
        return result
