"""Pieces of admin pages: counts that stop in time, durations, masked payloads."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti.admin import base
from django_voipcti.models import Line


@pytest.fixture
def lines(db, low_limit):
    Line.objects.bulk_create([Line(account=f"a{number}") for number in range(12)])
    return Line.objects.order_by("pk")


@pytest.fixture
def low_limit():
    """A limit that a test can reach."""
    before, base.CappedPaginator.count_limit = base.CappedPaginator.count_limit, 10
    yield
    base.CappedPaginator.count_limit = before


class TestCappedPaginator:
    def test_it_counts_exactly_up_to_the_limit(self, lines):
        pages = base.CappedPaginator(lines.filter(account__in=["a1", "a2", "a3"]), 2)
        assert (pages.count, pages.estimated, pages.cut_off) == (3, False, False)

    def test_beyond_it_all_rows_are_estimated_from_the_keys(self, lines):
        pages = base.CappedPaginator(lines, 5)
        assert (pages.count, pages.estimated, pages.cut_off) == (12, True, False)

    def test_beyond_it_a_filtered_list_ends_at_the_limit(self, lines):
        pages = base.CappedPaginator(lines.filter(account__startswith="a"), 5)
        assert (pages.count, pages.estimated, pages.cut_off, pages.num_pages) == (10, False, True, 2)

    def test_no_count_reads_more_rows_than_the_limit(self, lines):
        with CaptureQueriesContext(connection) as queries:
            base.CappedPaginator(lines, 5).count  # noqa: B018  the property asks the database
        assert "LIMIT 11" in queries[0]["sql"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (timedelta(), "0:00"),
        (timedelta(seconds=42), "0:42"),
        (timedelta(seconds=59.6), "1:00"),
        (timedelta(minutes=12, seconds=5), "12:05"),
        (timedelta(hours=1, minutes=2, seconds=7), "1:02:07"),
    ],
)
def test_durations_are_written_as_people_read_them(value, text):
    assert base.duration(value) == text


class TestPretty:
    def test_json_is_indented_whether_it_comes_as_text_or_value(self):
        assert base.pretty('{"a": 1}', full=True) == base.pretty({"a": 1}, full=True) == '{\n  "a": 1\n}'

    def test_what_is_no_json_stays_as_it_is(self):
        assert base.pretty("a=1&b=2", full=True) == "a=1&b=2"

    def test_numbers_are_masked_unless_they_may_be_seen(self):
        for value in ({"src": "442079460123"}, '{"src": "442079460123"}', "src=442079460123"):
            assert "442079460123" in base.pretty(value, full=True)
            assert "442079460123" not in base.pretty(value, full=False)


def test_a_badge_escapes_its_text():
    assert base.badge("<b>") == '<span class="voipcti-badge " title="">&lt;b&gt;</span>'
