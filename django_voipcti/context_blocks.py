"""What the host knows about a caller beside his name: blocks in the pop, each with a time of its own.

A host registers functions; the pop is on the screen before any of them is asked. Each runs in a thread (or as a
coroutine) and is told to the page when it is done; one that is late, or fails, says so, and holds up none of the
others. A thread cannot be stopped: a function that hangs keeps its thread, which is why no more than a few of one
block run in a process at a time.
"""

import asyncio
import inspect
import logging
import os
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, models
from django.utils.translation import get_language, override

from .models import Call
from .redaction import mask_digits

__all__ = ["Answer", "Block", "BlockState", "Fact", "for_record", "register", "stream", "unregister"]

logger = logging.getLogger(__name__)

#: Longest budget in seconds: nobody looks at a ringing call for longer.
LONGEST_BUDGET = 10.0
#: Facts of one block, and characters of one text: the pop is no page.
MOST_FACTS = 12
LONGEST_TEXT = 300

_THREADS = 8
#: How often one block may run at the same time in a process.
_MOST_RUNNING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of a block."""

    label: str
    value: str = ""
    url: str = ""
    """Where the label leads to."""


class BlockState(models.TextChoices):
    """How a block stands; vocabulary of the message ``block``."""

    LOADING = "loading"
    READY = "ready"
    EMPTY = "empty"
    LATE = "late"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a block."""

    state: BlockState
    text: str = ""
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A function of the host, and how it is asked."""

    key: str
    model: str
    """``app_label.model`` in lower case."""
    title: Any
    """Perhaps lazy: it is said in the language of the page."""
    function: Callable[..., Any]
    budget: float
    """Seconds."""
    permission: str


_blocks: dict[str, Block] = {}
_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_running: Counter[str] = Counter()


def _begin() -> None:
    """Start empty after a fork, which no thread survives."""
    global _lock, _pool
    _lock, _pool = threading.Lock(), None
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)


# --- registering ------------------------------------------------------------------------------------------------------


def register(
    model: str | type[models.Model], key: str, *, title: Any, budget: float = 1.0, permission: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function ``block(record, *, user, call)`` have a block in the pop. A decorator.

    The function returns an iterable of :class:`Fact`, a text, or nothing, which leaves the block out. It may be a
    coroutine function. ``call`` is to be read only.

    Args:
        model: of the records; such as ``"crm.Contact"``.
        key: a word that no other block has; blocks stand in the order in which they were registered.
        title: heading, perhaps lazy.
        budget: seconds until the page says that it took too long.
        permission: which users need for it, such as ``"crm.view_deal"``; beside the right to view the record.

    Raises:
        ImproperlyConfigured: there is no such model, the key is taken, or the budget is not above 0 and at most 10.
    """
    try:
        found = apps.get_model(model) if isinstance(model, str) else model
    except (LookupError, ValueError) as error:
        raise ImproperlyConfigured(f"The context block {key!r} is for {model!r}, which is no model.") from error
    if key in _blocks:
        raise ImproperlyConfigured(f"There is a context block {key!r} already. Choose another key.")
    if not 0 < budget <= LONGEST_BUDGET:
        raise ImproperlyConfigured(f"The budget of the context block {key!r} must be above 0 and at most 10 seconds.")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        _blocks[key] = Block(
            key=key,
            model=found._meta.label_lower,
            title=title,
            function=function,
            budget=budget,
            permission=permission,
        )
        return function

    return decorate


def unregister(key: str) -> None:
    """Take a block back; for tests."""
    _blocks.pop(key, None)


def for_record(record: models.Model, user: Any) -> list[Block]:
    """The blocks about a record that ``user`` may have."""
    label = record._meta.label_lower
    return [
        block
        for block in _blocks.values()
        if block.model == label and (not block.permission or user.has_perm(block.permission))
    ]


# --- asking -----------------------------------------------------------------------------------------------------------


async def stream(
    blocks: Iterable[Block],
    record: models.Model,
    *,
    user: Any,
    call: Call,
    tell: Callable[[Block, Answer], Awaitable[None]],
) -> None:
    """Ask all blocks at once, and tell each answer as soon as it is there. Never raises for what a block does."""

    async def one(block: Block) -> None:
        await tell(block, await _answer(block, record, user, call))

    await asyncio.gather(*(one(block) for block in blocks))


async def _answer(block: Block, record: models.Model, user: Any, call: Call) -> Answer:
    try:
        async with asyncio.timeout(block.budget):
            return await _ask(block, record, user, call)
    except TimeoutError:
        logger.warning("the context block %s took longer than %g s", block.key, block.budget)
        return Answer(state=BlockState.LATE)
    except Exception as error:  # noqa: BLE001  the host may fail in any way
        logger.error("the context block %s failed: %s: %s", block.key, type(error).__name__, mask_digits(str(error)))
        return Answer(state=BlockState.FAILED)


async def _ask(block: Block, record: models.Model, user: Any, call: Call) -> Answer:
    if inspect.iscoroutinefunction(block.function):
        return _read(await block.function(record, user=user, call=call))
    language = get_language() or "en"

    def ask() -> Answer:
        try:
            with override(language):
                return _read(block.function(record, user=user, call=call))
        finally:
            connections.close_all()  # this thread's

    future = _submit(block, ask)
    if future is None:
        logger.warning("the context block %s is not asked: earlier ones still run", block.key)
        return Answer(state=BlockState.LATE)
    return await asyncio.wrap_future(future)


def _submit(block: Block, ask: Callable[[], Answer]) -> "Future[Answer] | None":
    """Have a thread ask; None if the block hangs in too many of them already."""
    global _pool
    with _lock:
        if _running[block.key] >= _MOST_RUNNING:
            return None
        _running[block.key] += 1
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="voipcti-block")
        future = _pool.submit(ask)

    def done(_future: "Future[Answer]") -> None:
        with _lock:
            _running[block.key] -= 1

    future.add_done_callback(done)
    return future


def _read(value: Any) -> Answer:
    """What a function returned, as texts: lazy ones are said now, querysets asked now."""
    if value is None:
        return Answer(state=BlockState.EMPTY)
    if isinstance(value, str) or not isinstance(value, Iterable):
        text = str(value).strip()[:LONGEST_TEXT]
        return Answer(state=BlockState.READY if text else BlockState.EMPTY, text=text)
    facts: list[Fact] = []
    for fact in value:
        if len(facts) == MOST_FACTS:
            break
        facts.append(
            Fact(label=str(fact.label)[:LONGEST_TEXT], value=str(fact.value)[:LONGEST_TEXT], url=str(fact.url or ""))
        )
    return Answer(state=BlockState.READY if facts else BlockState.EMPTY, facts=tuple(facts))
