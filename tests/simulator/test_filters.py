"""Paging, sorting and filtering of collections."""

import json

import pytest

from django_voipcti.simulator import EngineError
from django_voipcti.simulator.filters import OPERATORS, select

ROWS = [
    {"id": 1, "src": "447700900123", "duration": 5, "calldate": "2026-01-01 10:00:00", "active": True},
    {"id": 2, "src": "34600000000", "duration": 50, "calldate": "2026-01-02 10:00:00", "active": False},
    {"id": 3, "src": None, "duration": None, "calldate": "2026-01-03 10:00:00", "active": True},
]
PROPERTIES = ["id", "src", "duration", "calldate", "active"]


def ids(**query):
    return [row["id"] for row in select(ROWS, query, properties=PROPERTIES)["data"]]


def where(*conditions):
    return ids(
        filter=json.dumps([dict(zip(("property", "operator", "value"), item, strict=True)) for item in conditions])
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("id", "eq", 2), [2]),
        (("id", "eq", "2"), [2]),
        (("src", "eq", 34600000000), [2]),
        (("id", "eq", "x"), []),
        (("active", "eq", "true"), [1, 3]),
        (("id", "ne", 2), [1, 3]),
        (("duration", "gt", 5), [2]),
        (("duration", "gte", "5"), [1, 2]),
        (("duration", "lt", 50), [1]),
        (("duration", "lte", 50), [1, 2]),
        (("calldate", "gte", "2026-01-02"), [2, 3]),
        (("calldate", "lt", "2026-01-02 10:00:00"), [1]),
        (("src", "like", "7700"), [1]),
        (("src", "notlike", "7700"), [2, 3]),
        (("id", "in", [1, "3"]), [1, 3]),
        (("id", "in", "1,2"), [1, 2]),
    ],
)
def test_operators(condition, expected):
    assert where(condition) == expected


def test_conditions_are_anded():
    assert where(("duration", "gte", 5), ("src", "like", "44")) == [1]


def test_the_platform_knows_no_between():
    assert set(OPERATORS) == {"eq", "ne", "lt", "lte", "gt", "gte", "in", "like", "notlike"}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"property": "id"}',
        "[1]",
        '[{"property": "id", "operator": "between", "value": [1, 2]}]',
        '[{"property": "password", "operator": "eq", "value": 1}]',
        '[{"property": "id", "operator": "eq"}]',
    ],
)
def test_what_is_refused(text):
    with pytest.raises(EngineError) as caught:
        ids(filter=text)
    assert (caught.value.field, caught.value.message[:16]) == ("filter", "Filtration error")


def test_pages_begin_at_one_and_end_empty():
    assert [ids(limit="2", page=page) for page in ("1", "2", "3")] == [[1, 2], [3], []]


def test_a_page_has_25_rows_if_nothing_is_said():
    rows = [{"id": number} for number in range(30)]
    body = select(rows, {}, properties=["id"])
    assert (len(body["data"]), body["total"]) == (25, 30)


def test_sorting():
    assert ids(sort="duration") == [3, 1, 2]
    assert ids(sort="calldate", dir="DESC") == [3, 2, 1]


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": "5001"}, "limit"), ({"limit": "0"}, "limit"), ({"page": "-1"}, "page"), ({"sort": "x"}, "sort")],
)
def test_paging_that_is_refused(query, field):
    with pytest.raises(EngineError) as caught:
        ids(**query)
    assert caught.value.field == field
