"""Waiting for a condition with a deadline: the only way in which tests let time pass."""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds. Generous, because a deadline only costs time in a test that fails.
DEADLINE = 10.0
#: Seconds between two looks at the condition.
INTERVAL = 0.01


class ConditionNotMetError(AssertionError):
    """The condition stayed false until the deadline; the message names it and shows its last value."""


def eventually(condition: Callable[[], T], deadline: float = DEADLINE, *, describe: str = "") -> T:
    """Call `condition` until it returns something true and return that; raise after `deadline` seconds.

    An AssertionError inside the condition counts as "not yet", so that a condition can be a block of asserts
    (which then has to return True).
    """
    end = time.monotonic() + deadline
    pause = threading.Event()
    while True:
        value, failure = _look(condition)
        if value:
            return value
        if time.monotonic() >= end:
            raise ConditionNotMetError(_explain(condition, describe, deadline, value)) from failure
        pause.wait(INTERVAL)


async def aeventually(
    condition: Callable[[], T | Awaitable[T]], deadline: float = DEADLINE, *, describe: str = ""
) -> T:
    """Do what `eventually` does without blocking the event loop; the condition may be a coroutine function."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    while True:
        value: Any
        value, failure = _look(condition)
        if inspect.isawaitable(value):
            try:
                value = await value
            except AssertionError as error:
                value, failure = None, error
        if value:
            return value
        if loop.time() >= end:
            raise ConditionNotMetError(_explain(condition, describe, deadline, value)) from failure
        await asyncio.sleep(INTERVAL)


def _look(condition: Callable[[], T]) -> tuple[T | None, AssertionError | None]:
    try:
        return condition(), None
    except AssertionError as error:
        return None, error


def _explain(condition: Callable[[], object], describe: str, deadline: float, value: object) -> str:
    what = describe or getattr(condition, "__qualname__", repr(condition))
    return f"not true within {deadline:g} s: {what} (last value: {value!r})"
