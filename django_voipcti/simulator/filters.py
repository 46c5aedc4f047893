"""Collections as the platform pages them: ``page``, ``limit``, ``sort``, ``dir`` and ``filter``."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .directory import EngineError

__all__ = ["Row", "select"]

Row = Mapping[str, Any]
MAX_LIMIT = 5000
_DEFAULT_LIMIT = 25


def _comparable(value: Any) -> tuple[int, Any]:
    """A key that orders null before numbers before text."""
    if value is None:
        return (0, 0)
    if isinstance(value, int | float):
        return (1, value)
    return (2, str(value))


def _pair(actual: Any, wanted: Any) -> tuple[Any, Any]:
    """Both sides in one type: a number that is written as text equals the number."""
    if isinstance(actual, bool) and isinstance(wanted, str):
        return actual, wanted.lower() in {"1", "true"}
    if isinstance(actual, int | float) and isinstance(wanted, str):
        try:
            return actual, float(wanted)
        except ValueError:
            return str(actual), wanted
    if isinstance(actual, str) and not isinstance(wanted, str):
        return actual, str(wanted)
    return actual, wanted


def _equal(actual: Any, wanted: Any) -> bool:
    left, right = _pair(actual, wanted)
    return bool(left == right)


def _order(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(actual: Any, wanted: Any) -> bool:
        if actual is None:
            return False
        left, right = _pair(actual, wanted)
        return test(_comparable(left), _comparable(right))

    return compare


def _like(actual: Any, wanted: Any) -> bool:
    return str(wanted).lower() in str("" if actual is None else actual).lower()


def _in(actual: Any, wanted: Any) -> bool:
    choices = wanted if isinstance(wanted, list) else str(wanted).split(",")
    return any(_equal(actual, choice) for choice in choices)


#: ``between``, which one might expect, is refused by the platform.
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": _equal,
    "ne": lambda actual, wanted: not _equal(actual, wanted),
    "lt": _order(lambda left, right: left < right),
    "lte": _order(lambda left, right: left <= right),
    "gt": _order(lambda left, right: left > right),
    "gte": _order(lambda left, right: left >= right),
    "in": _in,
    "like": _like,
    "notlike": lambda actual, wanted: not _like(actual, wanted),
}


def select(rows: Sequence[Row], query: Mapping[str, str], *, properties: Sequence[str]) -> dict[str, Any]:
    """Apply a query string to ``rows``; return the collection body. Raises :class:`.EngineError` (400)."""
    conditions = _conditions(query.get("filter", ""), properties)
    chosen = [row for row in rows if all(test(row.get(name), value) for name, test, value in conditions)]
    if sort := query.get("sort"):
        if sort not in properties:
            raise EngineError(f"Sort error: unknown property {sort}.", field="sort")
        chosen.sort(key=lambda row: _comparable(row.get(sort)), reverse=query.get("dir", "ASC").upper() == "DESC")
    limit = _number(query, "limit", _DEFAULT_LIMIT, most=MAX_LIMIT)
    page = _number(query, "page", 1, most=10**9)
    return {"data": chosen[(page - 1) * limit : page * limit], "total": len(chosen)}


def _number(query: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise EngineError(f"Value is not valid: {name} is a number from 1 to {most}.", field=name)
    return int(text)


def _conditions(text: str, properties: Sequence[str]) -> list[tuple[str, Callable[[Any, Any], bool], Any]]:
    if not text:
        return []
    try:
        entries = json.loads(text)
    except ValueError:
        entries = None
    if not isinstance(entries, list):
        raise EngineError("Filtration error: the filter is no JSON array.", field="filter")
    conditions = []
    for entry in entries:
        if not isinstance(entry, dict) or "value" not in entry:
            raise EngineError("Filtration error: property, operator and value are expected.", field="filter")
        name, operator = entry.get("property"), entry.get("operator", "eq")
        if name not in properties:
            raise EngineError(f"Filtration error: unknown property {name}.", field="filter")
        if operator not in OPERATORS:
            raise EngineError(f"Filtration error: unknown operator {operator}.", field="filter")
        conditions.append((str(name), OPERATORS[operator], entry["value"]))
    return conditions
