"""Types that only type checkers look at."""

from typing import Any, Protocol


class AnyUser(Protocol):
    """Whoever makes a request: a user of the host's own class, or nobody in particular."""

    @property
    def pk(self) -> Any: ...
    @property
    def is_authenticated(self) -> bool: ...
    def get_username(self) -> str: ...
    def has_perm(self, perm: str, obj: Any = None) -> bool: ...
