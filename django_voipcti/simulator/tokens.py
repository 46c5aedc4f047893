"""Logins, sessions and named API tokens."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from .directory import Directory, EngineError
from .scenario import User

__all__ = ["Token", "Tokens"]


@dataclass(slots=True, kw_only=True)
class Token:
    """A session (``name`` is empty), a minted token, or a key that was made in the dashboard."""

    value: str = field(repr=False)
    user: User
    lifetime: float
    """Seconds without a request after which it dies; 0: never."""
    used_at: float
    name: str = ""
    created_at: float = 0.0

    def dead(self, now: float) -> bool:
        return bool(self.lifetime) and now - self.used_at >= self.lifetime


class Tokens:
    """Who may ask. Every request restarts a token's life.

    Args:
        now: the clock.
        session_seconds: life of a session.
    """

    def __init__(self, directory: Directory, *, now: Callable[[], float], session_seconds: float) -> None:
        self._directory = directory
        self._now = now
        self._session_seconds = session_seconds
        self._tokens: dict[str, Token] = {}
        self._nonces: dict[str, User] = {}
        for user in directory.scenario.users:
            if user.api_key:
                self._add(user, user.api_key, lifetime=0, name="Dashboard key")

    def check_password(self, email: str, password: str) -> User | None:
        """The user, if the password is right."""
        for user in self._directory.scenario.users:
            if user.active and user.email.lower() == email.lower():
                return user if secrets.compare_digest(user.password.encode(), password.encode()) else None
        return None

    def ask_second_factor(self, user: User) -> str:
        """A nonce for ``POST /login2fa``."""
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = user
        return nonce

    def check_second_factor(self, nonce: str, code: str) -> User | None:
        """The user, if the code is right; a nonce is good for one successful login."""
        user = self._nonces.get(nonce)
        if user is None or not secrets.compare_digest(user.second_factor.encode(), code.encode()):
            return None
        del self._nonces[nonce]
        return user

    def open_session(self, user: User) -> Token:
        """A token as a login hands it out."""
        return self._add(user, secrets.token_hex(20), lifetime=self._session_seconds, name="")

    def mint(self, user: User, *, name: str, lifetime: float) -> Token:
        """A named token. Raises :class:`.EngineError` if the user has one of that name."""
        if any(token.name == name for token in self.named(user)):
            raise EngineError("Value must be unique: a token of this name exists.", field="name", code="SF0021")
        return self._add(user, secrets.token_hex(20), lifetime=lifetime, name=name)

    def named(self, user: User) -> list[Token]:
        """The user's tokens that are no sessions, oldest first."""
        now = self._now()
        return [token for token in self._tokens.values() if token.user is user and token.name and not token.dead(now)]

    def use(self, value: str) -> Token | None:
        """The token, if it lives; its life starts again."""
        token = self._tokens.get(value)
        if token is None or token.dead(self._now()) or not token.user.active:
            return None
        token.used_at = self._now()
        return token

    def revoke(self, value: str) -> Token | None:
        """Forget a token."""
        return self._tokens.pop(value, None)

    def expire(self, user: User | None = None) -> int:
        """Let the tokens of a user (or of all) die now, dashboard keys included; return how many."""
        doomed = [value for value, token in self._tokens.items() if user is None or token.user is user]
        for value in doomed:
            del self._tokens[value]
        return len(doomed)

    def _add(self, user: User, value: str, *, lifetime: float, name: str) -> Token:
        now = self._now()
        token = self._tokens[value] = Token(
            value=value, user=user, lifetime=lifetime, used_at=now, name=name, created_at=now
        )
        return token
