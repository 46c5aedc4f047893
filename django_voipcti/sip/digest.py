"""Digest access authentication for SIP, both sides (RFC 7616, RFC 8760, RFC 3261 section 22).

MD5, SHA-256 and SHA-512-256 with their ``-sess`` forms, qop ``auth``, ``auth-int`` and none, ``stale``, ``userhash``.
It remembers nothing: nonces and their counts are kept by ``authentication``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .exceptions import LocalProtocolError, MalformedMessage
from .grammar import TOKEN, quote, unquote

__all__ = ["ALGORITHMS", "Challenge", "Credentials", "answer", "choose", "verify"]


def _available() -> Mapping[str, str]:
    known = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
    names = {name: function for name, function in known.items() if function in hashlib.algorithms_available}
    return MappingProxyType({**names, **{f"{name}-sess": function for name, function in names.items()}})


#: Algorithm as RFC 7616 writes it → hashlib's name. SHA-512-256 depends on the OpenSSL that Python was built with.
ALGORITHMS = _available()
_CANONICAL = {name.lower(): name for name in ALGORITHMS}

_PARAM = re.compile(rf'\s*+({TOKEN}++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^\s,"]*+)\s*+(?:,|\Z)', re.DOTALL)
_SCHEME = re.compile(rf"\s*+({TOKEN}++)\s++")


def _parse(text: str) -> dict[str, str]:
    """Read ``Digest a="1", b=2``; raise ``MalformedMessage`` for another scheme or unreadable parameters."""
    scheme = _SCHEME.match(text)
    if scheme is None or scheme[1].lower() != "digest":
        raise MalformedMessage("the authentication scheme is not Digest")
    params: dict[str, str] = {}
    place = scheme.end()
    while place < len(text):
        match = _PARAM.match(text, place)
        if match is None:
            raise MalformedMessage("a Digest parameter cannot be read")
        name, value = match[1].lower(), match[2]
        params.setdefault(name, unquote(value) if value[:1] == '"' else value)
        place = match.end()
    return params


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One ``WWW-Authenticate`` or ``Proxy-Authenticate`` value."""

    #: What the user name and password are for; shown to nobody.
    realm: str
    #: The server's nonce.
    nonce: str
    #: As RFC 7616 writes it; one that is unknown here stays as it came.
    algorithm: str = "MD5"
    #: Offered qop values; empty for a server that only knows RFC 2069.
    qop: tuple[str, ...] = ("auth",)
    #: To be sent back unchanged.
    opaque: str | None = None
    #: The credentials were right but the nonce is too old.
    stale: bool = False
    #: The server takes a hashed user name.
    userhash: bool = False

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Read a header value; raise ``MalformedMessage`` if it is no Digest challenge."""
        params = _parse(text)
        if "realm" not in params or not params.get("nonce"):
            raise MalformedMessage("a Digest challenge has no realm or nonce")
        algorithm = params.get("algorithm", "MD5")
        return cls(
            realm=params["realm"],
            nonce=params["nonce"],
            algorithm=_CANONICAL.get(algorithm.lower(), algorithm),
            qop=tuple(item.strip().lower() for item in params.get("qop", "").split(",") if item.strip()),
            opaque=params.get("opaque"),
            stale=params.get("stale", "").lower() == "true",
            userhash=params.get("userhash", "").lower() == "true",
        )

    @property
    def supported(self) -> bool:
        """Can :func:`answer` answer it?"""
        return self.algorithm in ALGORITHMS and (not self.qop or "auth" in self.qop or "auth-int" in self.qop)

    def __str__(self) -> str:
        parts = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}", f"algorithm={self.algorithm}"]
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        if self.userhash:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One ``Authorization`` or ``Proxy-Authorization`` value."""

    #: The user name, or its hash if ``userhash``.
    username: str = field(repr=False)
    realm: str
    nonce: str
    #: The digest-uri; a server must compare it with the Request-URI.
    uri: str = field(repr=False)
    response: str = field(repr=False)
    algorithm: str = "MD5"
    cnonce: str | None = None
    opaque: str | None = None
    qop: str | None = None
    #: Nonce count, 1 for the first use of the nonce; ``None`` without qop.
    nonce_count: int | None = None
    userhash: bool = False

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Read a header value; raise ``MalformedMessage`` if it is no Digest answer."""
        params = _parse(text)
        if not {"username", "realm", "nonce", "uri", "response"} <= params.keys():
            raise MalformedMessage("Digest credentials lack a parameter")
        count = params.get("nc")
        if count is not None and not _COUNT.match(count):
            raise MalformedMessage("a Digest nonce count cannot be read")
        algorithm = params.get("algorithm", "MD5")
        return cls(
            username=params["username"],
            realm=params["realm"],
            nonce=params["nonce"],
            uri=params["uri"],
            response=params["response"].lower(),
            algorithm=_CANONICAL.get(algorithm.lower(), algorithm),
            cnonce=params.get("cnonce"),
            opaque=params.get("opaque"),
            qop=params["qop"].lower() if "qop" in params else None,
            nonce_count=int(count, 16) if count is not None else None,
            userhash=params.get("userhash", "").lower() == "true",
        )

    def __str__(self) -> str:
        parts = [
            f"username={quote(self.username)}",
            f"realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"uri={quote(self.uri)}",
            f'response="{self.response}"',
            f"algorithm={self.algorithm}",
        ]
        if self.cnonce is not None:
            parts.append(f"cnonce={quote(self.cnonce)}")
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.qop is not None:
            parts.append(f"qop={self.qop}, nc={self.nonce_count or 1:08x}")
        if self.userhash:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts)


_COUNT = re.compile(r"[0-9A-Fa-f]{1,8}\Z")


def choose(challenges: list[Challenge]) -> Challenge | None:
    """Return the first challenge that can be answered: the order is the server's preference (RFC 8760, 2.4)."""
    return next((challenge for challenge in challenges if challenge.supported), None)


def answer(
    challenge: Challenge,
    *,
    method: str,
    uri: str,
    username: str,
    password: str,
    cnonce: str,
    nonce_count: int = 1,
    body: bytes = b"",
) -> Credentials:
    """Answer a challenge; ``str()`` of the result is the header value.

    ``auth`` is preferred to ``auth-int``, because proxies may change bodies. Raises ``LocalProtocolError``
    for a challenge that is not ``supported``.
    """
    if not challenge.supported:
        raise LocalProtocolError("the challenge asks for an algorithm or qop that is not supported")
    qop = None
    if challenge.qop:
        qop = "auth" if "auth" in challenge.qop else "auth-int"
    sess = challenge.algorithm.endswith("-sess")
    return Credentials(
        username=_hash(challenge.algorithm, f"{username}:{challenge.realm}") if challenge.userhash else username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response=_response(
            challenge.algorithm,
            secret=f"{username}:{challenge.realm}:{password}",
            nonce=challenge.nonce,
            cnonce=cnonce,
            nonce_count=nonce_count,
            qop=qop,
            method=method,
            uri=uri,
            body=body,
        ),
        algorithm=challenge.algorithm,
        cnonce=cnonce if qop or sess else None,
        opaque=challenge.opaque,
        qop=qop,
        nonce_count=nonce_count if qop else None,
        userhash=challenge.userhash,
    )


def verify(
    credentials: Credentials, challenge: Challenge, *, method: str, username: str, password: str, body: bytes = b""
) -> bool:
    """Tell whether the credentials answer this challenge with this user's password, comparing in constant time.

    It does not check that ``credentials.uri`` fits the request, nor that the nonce count rises: the caller knows those.
    """
    asked = (challenge.realm, challenge.nonce, challenge.algorithm, challenge.opaque)
    if asked != (credentials.realm, credentials.nonce, credentials.algorithm, credentials.opaque):
        return False
    if credentials.algorithm not in ALGORITHMS:
        return False
    if credentials.qop is None if challenge.qop else credentials.qop is not None:
        return False
    if credentials.qop is not None and (credentials.qop not in challenge.qop or credentials.nonce_count is None):
        return False
    if credentials.cnonce is None and (credentials.qop or credentials.algorithm.endswith("-sess")):
        return False
    named = _hash(credentials.algorithm, f"{username}:{challenge.realm}") if credentials.userhash else username
    expected = _response(
        credentials.algorithm,
        secret=f"{username}:{challenge.realm}:{password}",
        nonce=challenge.nonce,
        cnonce=credentials.cnonce or "",
        nonce_count=credentials.nonce_count or 0,
        qop=credentials.qop,
        method=method,
        uri=credentials.uri,
        body=body,
    )
    # Both are compared whatever the first one says.
    same_user = hmac.compare_digest(_bytes(named), _bytes(credentials.username))
    return hmac.compare_digest(_bytes(expected), _bytes(credentials.response)) and same_user


def _response(
    algorithm: str,
    *,
    secret: str,
    nonce: str,
    cnonce: str,
    nonce_count: int,
    qop: str | None,
    method: str,
    uri: str,
    body: bytes,
) -> str:
    """RFC 7616, 3.4.1 to 3.4.3."""
    secret = _hash(algorithm, secret)
    if algorithm.endswith("-sess"):
        secret = _hash(algorithm, f"{secret}:{nonce}:{cnonce}")
    action = f"{method}:{uri}"
    if qop == "auth-int":
        action += ":" + _digest(algorithm, body)
    action = _hash(algorithm, action)
    if qop is None:
        return _hash(algorithm, f"{secret}:{nonce}:{action}")
    return _hash(algorithm, f"{secret}:{nonce}:{nonce_count:08x}:{cnonce}:{qop}:{action}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _hash(algorithm: str, text: str) -> str:
    return _digest(algorithm, _bytes(text))


def _digest(algorithm: str, data: bytes) -> str:
    return hashlib.new(ALGORITHMS[algorithm], data, usedforsecurity=False).hexdigest()
