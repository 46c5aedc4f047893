"""Where the core's branches, tags, Call-IDs and nonces come from; the only place with chance in it."""

from __future__ import annotations

import secrets

__all__ = ["BRANCH_MAGIC", "IdFactory", "SequentialIds"]

#: RFC 3261 8.1.1.7: marks a branch as unique in space and time.
BRANCH_MAGIC = "z9hG4bK"


class IdFactory:
    """Unguessable identifiers. Subclasses override :meth:`token` alone."""

    def token(self, purpose: str, size: int) -> str:
        """Return ``size`` lower-case hexadecimal characters; ``purpose`` is for factories that count."""
        return secrets.token_hex((size + 1) // 2)[:size]

    def branch(self) -> str:
        """A Via branch (8.1.1.7)."""
        return BRANCH_MAGIC + self.token("branch", 16)

    def tag(self) -> str:
        """A From or To tag (19.3: at least 32 bits of chance)."""
        return self.token("tag", 12)

    def call_id(self) -> str:
        """A Call-ID (8.1.1.4)."""
        return self.token("call", 24)

    def cnonce(self) -> str:
        """A client nonce (RFC 7616, 3.4)."""
        return self.token("cnonce", 16)

    def nonce(self) -> str:
        """A server nonce (RFC 7616, 3.3)."""
        return self.token("nonce", 32)

    def contact_user(self) -> str:
        """The user part of a Contact that nobody can guess."""
        return self.token("user", 8)

    def host(self) -> str:
        """A host for Via and Contact of a client that nobody can dial back (RFC 7118, 5: under ``.invalid``)."""
        return self.token("host", 12) + ".invalid"


class SequentialIds(IdFactory):
    """Identifiers that count, so that the same inputs give the same bytes. For tests only."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._count = 0

    def token(self, purpose: str, size: int) -> str:
        """Return prefix, purpose and a running number."""
        self._count += 1
        return f"{self._prefix}{purpose}{self._count}"
