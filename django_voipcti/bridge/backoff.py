"""When to try again: delays as a pure generator, and their reset after a connection that lasted.

Neither sleeps nor looks at a clock; chance is an argument.
"""

import random as _random
from collections.abc import Callable, Iterator

__all__ = ["Retries", "delays"]

Chance = Callable[[], float]
"""A number in ``0 <= x < 1``, as :func:`random.random` gives it."""

_default_chance: Chance = _random.SystemRandom().random


def delays(
    *, first: float = 1.0, factor: float = 1.8, cap: float = 60.0, chance: Chance = _default_chance
) -> Iterator[float]:
    """Yield seconds to wait before each further try, for ever.

    The first one is anywhere in ``0 .. first``, so that the lines which lost one server together do not come back
    together. Later ones grow by ``factor`` up to ``cap`` and vary over their upper half.
    """
    yield first * chance()
    ceiling = first * factor
    while True:
        ceiling = min(ceiling, cap)
        yield ceiling * (0.5 + chance() / 2)
        ceiling *= factor


class Retries:
    """Delays that begin anew once something has held for ``stable_after`` seconds.

    A server that accepts and then drops every connection is thus not asked again at the pace of a first failure.
    """

    def __init__(
        self,
        *,
        first: float = 1.0,
        factor: float = 1.8,
        cap: float = 60.0,
        stable_after: float = 30.0,
        chance: Chance = _default_chance,
    ) -> None:
        self._new: Callable[[], Iterator[float]] = lambda: delays(first=first, factor=factor, cap=cap, chance=chance)
        self._delays = self._new()
        self.stable_after = stable_after

    def next_delay(self, *, held_for: float = 0.0, at_least: float = 0.0) -> float:
        """Seconds to wait now.

        Args:
            held_for: seconds that the last try held; 0 if it failed at once.
            at_least: seconds that the other side asked to wait.
        """
        if held_for >= self.stable_after:
            self._delays = self._new()
        return max(next(self._delays), at_least)
