"""The client's side of digest: which challenge is answered, with which nonce, how often (RFC 3261, 22; RFC 8760).

A challenge that was answered well is answered unasked in later requests (nonce count rising), which halves the messages
of thousands of subscriptions on one connection. It never repeats a rejected password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .digest import Challenge, answer, choose
from .exceptions import MalformedMessage
from .ids import IdFactory
from .messages import Request, Response

__all__ = ["Attempts", "Authenticator", "Refusal"]

#: Challenge header → answer header.
_HEADERS = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}

#: Challenges answered for one request, with several proxies and stale nonces in the way.
_MAX_ANSWERS = 5
#: Realms remembered for unasked answers.
_MAX_REALMS = 4

_Key = tuple[str, str]


@dataclass(slots=True)
class Attempts:
    """What one request has tried so far."""

    answered: set[_Key] = field(default_factory=set)
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a challenge ends the request."""

    realm: str
    why: Literal["rejected", "unsupported", "no-password"]


class Authenticator:
    """Credentials of one user on one connection, with the nonces in use."""

    def __init__(self, *, username: str, password: str | None, ids: IdFactory, preemptive: bool) -> None:
        self._username = username
        self._password = password
        self._ids = ids
        self._preemptive = preemptive
        self._nonces: dict[_Key, tuple[Challenge, int]] = {}

    def sign(self, request: Request, attempts: Attempts) -> None:
        """Add the answers to the challenges that this request got, or would get."""
        password = self._password
        if password is None:
            return
        for key, (challenge, count) in self._nonces.items():
            if not self._preemptive and key not in attempts.answered:
                continue
            credentials = answer(
                challenge,
                method=request.method,
                uri=request.uri,
                username=self._username,
                password=password,
                cnonce=self._ids.cnonce(),
                nonce_count=count + 1,
                body=request.body,
            )
            self._nonces[key] = (challenge, count + 1)
            request.headers.add(key[0], credentials)

    def learn(self, response: Response, attempts: Attempts) -> Refusal | None:
        """Take the challenges of a 401 or 407; return ``None`` if the request is worth another try."""
        asked, answered = _HEADERS[response.status]
        by_realm: dict[str, list[Challenge]] = {}
        for value in response.headers.get_all(asked):
            try:
                challenge = Challenge.parse(value)
            except MalformedMessage:
                continue  # another scheme, or unreadable: another one may do
            by_realm.setdefault(challenge.realm, []).append(challenge)
        refusal = Refusal(realm=next(iter(by_realm), ""), why="unsupported")
        if self._password is None:
            return Refusal(realm=refusal.realm, why="no-password")
        attempts.count += 1
        learnt = False
        for realm, challenges in by_realm.items():
            key = (answered, realm)
            chosen = choose(challenges)
            if chosen is None:
                refusal = Refusal(realm=realm, why="unsupported")
            elif attempts.count > _MAX_ANSWERS or (key in attempts.answered and not chosen.stale):
                # 22.2, 22.3: never again with credentials that have just been rejected.
                self._nonces.pop(key, None)
                return Refusal(realm=realm, why="rejected")
            else:
                self._remember(key, chosen)
                attempts.answered.add(key)
                learnt = True
        return None if learnt else refusal

    def _remember(self, key: _Key, challenge: Challenge) -> None:
        self._nonces.pop(key, None)
        while len(self._nonces) >= _MAX_REALMS:
            del self._nonces[next(iter(self._nonces))]
        self._nonces[key] = (challenge, 0)
