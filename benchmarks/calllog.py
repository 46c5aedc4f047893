"""The call log in the admin at five million calls: pages, filters, searches, export, and Django's own list.

    python -m benchmarks.calllog                       PostgreSQL, 5,000,000 calls, 20,000,000 events; 12 minutes
    python -m benchmarks.calllog --calls 200000 --export 50000

A page's time is that of the whole request on the server (permissions, queries, template), the median and the 95th
percentile of its rounds, after one that fills the caches; every filter and every pair of filters is one round. The
floor is the bare ``SELECT * ... ORDER BY id DESC LIMIT 100`` of the calls by the driver, in the same run; a page's
queries together are given as a multiple of it. Django's own list has the same columns, filters and search fields.
"""

import argparse
import math
import os
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from benchmarks.calls import LINES, YEARS, fill, fill_events, fill_notes
from benchmarks.lookup import database

ROUNDS = 15
MOST_FLOORS, MOST_SECONDS = 10, 0.3
LEAST_ROWS, MOST_BYTES = 20_000, 150e6
LIST = "/admin/django_voipcti/call/"
PLAIN = "/plain/django_voipcti/call/"

#: What the sidebar offers, by the parameter of the address.
FILTERS: dict[str, list[str]] = {
    "rows": ["legs"],
    "start": ["today", "week", "month"],
    "direction__exact": ["INBOUND", "OUTBOUND"],
    "outcome": ["live", "talked", "missed", "unreached", "failed"],
    "end_reason__exact": ["completed", "missed", "answered_elsewhere", "no_answer", "busy", "failed", "transferred"],
    "team": ["1", "3"],
    "queue": ["Queue 0", "Queue 3"],
    "contact": ["known", "unknown"],
    "talk": ["none", "short", "medium", "long", "very-long"],
}


class Pages:
    """Asks for pages as somebody who sees all."""

    def __init__(self) -> None:
        from django.contrib.auth import get_user_model
        from django.test import Client

        self._client = Client()
        self._client.force_login(get_user_model().objects.create_superuser("boss"))
        self.last = ""

    def ask(self, path: str) -> tuple[float, float]:
        """Seconds of the request, and of its queries."""
        with queries() as spent:
            began = time.perf_counter()
            response = self._client.get(path)
            seconds = time.perf_counter() - began
        assert response.status_code == 200, (path, response.status_code)
        self.last = response.content.decode()
        return seconds, sum(spent)

    def stream(self, path: str) -> tuple[int, float]:
        """Bytes of a file, and the seconds until its end."""
        began = time.perf_counter()
        response: Any = self._client.get(path)
        assert response.status_code == 200, (path, response.status_code)
        return sum(map(len, response.streaming_content)), time.perf_counter() - began

    def link(self, name: str) -> str:
        """Address of a link of the last page; empty if it has none."""
        found = re.search(rf'href="(\?[^"]*\b{name}=[^"]*)"', self.last)
        return LIST + found[1].replace("&amp;", "&") if found else ""


@contextmanager
def queries() -> Iterator[list[float]]:
    """The seconds of each query."""
    from django.db import connection

    spent: list[float] = []

    def timed(execute: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            spent.append(time.perf_counter() - began)

    with connection.execute_wrapper(timed):
        yield spent


def floor() -> float:
    """The newest hundred calls by the driver alone: median seconds."""
    from django.db import connection

    def once() -> float:
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM django_voipcti_call ORDER BY id DESC LIMIT 100")
            cursor.fetchall()
        return time.perf_counter() - began

    once()
    return statistics.median(once() for _round in range(5 * ROUNDS))


def row(name: str, times: list[tuple[float, float]], base: float, *, floors: float = MOST_FLOORS) -> tuple[str, ...]:
    """A line of the table: median, 95th percentile, queries in floors, verdict."""
    seconds = sorted(whole for whole, _queries in times)
    middle, late = statistics.median(seconds), seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    asked = statistics.median(spent for _whole, spent in times) / base
    met = late <= MOST_SECONDS and asked <= floors
    return name, f"{1000 * middle:.0f}", f"{1000 * late:.0f}", f"{asked:.1f}", "met" if met else "MISSED"


def turned(pages: Pages, times: int) -> str:
    """Address of the page after so many turns from the first one. Each begins behind the last row of the one before."""
    pages.ask(LIST)
    path = LIST
    for _turn in range(times):
        path = pages.link("older")
        if not path:
            raise SystemExit(f"There are fewer than {times} pages: take more --calls.")
        pages.ask(path)
    return path


def pages_and_searches(pages: Pages, base: float) -> list[tuple[str, ...]]:
    """The table of single pages."""
    from django_voipcti.models import Call

    number = Call.objects.order_by("-pk").values_list("other_e164", flat=True)[5000]
    wanted = [
        ("first page", LIST),
        ("page 1,000", turned(pages, 999)),
        ("last page", f"{LIST}?last=1"),
        ("first page, each line's part", f"{LIST}?rows=legs"),
        ("search by number", f"{LIST}?q={number.replace('+49', '0')}"),
        ("search by number, nobody's", f"{LIST}?q=004930999999999"),
        ("search by name", f"{LIST}?q=grace+person1204"),
        ("search by beginnings of a name that fit thousands of calls", f"{LIST}?q=grac+person12"),
        ("search by words of a note", f"{LIST}?q=offer+number120"),
    ]
    rows = []
    for name, path in wanted:
        pages.ask(path)
        # Words are looked up for each page, as many as fit: the floor says nothing of that.
        floors = math.inf if "name" in name or "words" in name else MOST_FLOORS
        rows.append(row(name, [pages.ask(path) for _round in range(ROUNDS)], base, floors=floors))
    return rows


def filters(pages: Pages, base: float) -> tuple[tuple[str, ...], list[tuple[float, str]]]:
    """Every filter of the sidebar and every pair of them, as one line; and the slowest ones."""
    single = [(name, value) for name, values in FILTERS.items() for value in values]
    sets = [(one,) for one in single] + [pair for pair in combinations(single, 2) if pair[0][0] != pair[1][0]]
    times, slow = [], []
    for number, chosen in enumerate(sets):
        path = f"{LIST}?" + "&".join(f"{name}={value.replace(' ', '+')}" for name, value in chosen)
        pages.ask(path)
        times.append(pages.ask(path))
        slow.append((times[-1][0], " and ".join(f"{name}={value}" for name, value in chosen)))
        if number % 100 == 0:
            print(f"  {number} of {len(sets)} filters", file=sys.stderr, flush=True)
    return row(f"{len(sets)} filters and pairs of filters", times, base), sorted(slow, reverse=True)


def plain(pages: Pages, base: float, calls: int) -> list[tuple[str, ...]]:
    """Django's own list on the same data. It takes seconds, so there are fewer rounds."""
    rows = []
    for name, path in [
        ("Django's own list, first page", PLAIN),
        ("Django's own list, page 1,000", f"{PLAIN}?p={min(1_000, calls // 50 - 1)}"),
        ("Django's own list, search by number", f"{PLAIN}?q=301020"),
    ]:
        pages.ask(path)
        rows.append((*row(name, [pages.ask(path) for _round in range(3)], base)[:4], ""))
    return rows


def serve_plain() -> None:
    """Django's own list beside ours."""
    from django.contrib import admin
    from django.urls import path

    from django_voipcti.models import Call
    from tests import urls

    site = admin.AdminSite(name="plain")

    @admin.register(Call, site=site)
    class PlainAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # subscripted it would be evaluated at run time
        list_display = ["started_at", "direction", "other_name", "other_number", "line", "state", "end_reason"]
        list_filter = ["direction", "state", "end_reason", "context"]
        search_fields = ["other_number", "other_name", "contact_label", "contact_company"]
        list_per_page = 50

    urls.urlpatterns.append(path("plain/", site.urls))


def export(pages: Pages, rows: int) -> list[tuple[str, ...]]:
    """Files of about so many rows, and what memory they take beyond what the process had."""
    from django_voipcti.models import Call

    conversations = Call.objects.conversations().order_by("-started_at", "-pk")
    oldest = conversations.values_list("started_at", flat=True)[rows - 1 : rows].get()
    count = Call.objects.filter(started_at__gte=oldest.replace(hour=0, minute=0, second=0, microsecond=0))
    count = count.conversations().count()
    found = []
    for kind in ("csv", "xlsx"):
        size, seconds = pages.stream(f"{LIST}export/{kind}/?since={oldest:%Y-%m-%d}")
        rate = count / seconds
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        met = rate >= LEAST_ROWS and memory <= MOST_BYTES
        told = f"{count:,} rows, {size / 1e6:.0f} MB", f"{rate:,.0f} rows/s", f"{memory / 1e6:.0f} MB"
        found.append((kind.upper(), *told, "met" if met else "MISSED"))
    return found


def table(head: str, rows: list[tuple[str, ...]]) -> None:
    """Print a table."""
    print(f"\n{head}\n|" + " --- |" * (head.count("|") - 1))
    for cells in rows:
        print("| " + " | ".join(cells) + " |")


def timed(what: str, work: Callable[[], object]) -> None:
    """Do something that takes its time, and say how long."""
    began = time.perf_counter()
    work()
    print(f"  {what} in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5_000_000)
    parser.add_argument("--export", type=int, default=1_000_000, help="rows of a file (1,000,000)")
    options = parser.parse_args()
    with database("postgres"):
        from django_voipcti.models import Call, CallEvent

        timed("calls made", lambda: fill(options.calls))
        timed("events made", fill_events)
        timed("notes made", fill_notes)
        serve_plain()
        pages = Pages()
        files = export(pages, options.export)  # first, while the process is small
        base = floor()
        rows = pages_and_searches(pages, base)
        together, slow = filters(pages, base)
        rows.append(together)
        rows += plain(pages, base, options.calls)
        calls, events = Call.objects.count(), CallEvent.objects.count()
    print(f"\n{calls:,} calls of {YEARS} years at {LINES} lines, {events:,} events, {os.cpu_count()} cores")
    print(f"floor: {1000 * base:.2f} ms")
    goal = f"queries <= {MOST_FLOORS} floors, p95 <= {1000 * MOST_SECONDS:.0f} ms"
    table(f"| page | p50, ms | p95, ms | queries, x floor | {goal} |", rows)
    print("\nslowest filters:", *(f"\n  {1000 * seconds:.0f} ms  {name}" for seconds, name in slow[:25]))
    over = sum(seconds > MOST_SECONDS for seconds, _name in slow)
    print(f"  {over} of {len(slow)} over {1000 * MOST_SECONDS:.0f} ms")
    table(f"| export | size | rate | memory | >= {LEAST_ROWS:,} rows/s, <= {MOST_BYTES / 1e6:.0f} MB |", files)
    sys.exit(0 if all(cells[-1] != "MISSED" for cells in [*rows, *files]) else 1)


if __name__ == "__main__":
    main()
