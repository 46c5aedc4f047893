"""The dashboard of a year at five million calls, beside what the same figures cost without the roll-up.

    python -m benchmarks.dashboard                     PostgreSQL, 5,000,000 calls of three years at 100 lines
    python -m benchmarks.dashboard --calls 500000

Times are those of the whole page on the server (queries, sums, template), the median and the worst of seven. The floor
is one ``COUNT(*)`` over the year's calls in the same run. ``measure()`` can be called on any database with calls.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from benchmarks.calls import LINES, YEARS, fill
from benchmarks.lookup import database

ROUNDS = 7
GOAL = 0.5


def roll() -> tuple[int, float]:
    """Roll every day up; return how many, and the seconds."""
    from django.db import connection
    from django.utils import timezone

    from django_voipcti.calllog import rollup

    began, now = time.perf_counter(), timezone.now()
    days = sum(rollup.roll(rollup.due(now), now))
    seconds = time.perf_counter() - began
    with connection.cursor() as cursor:
        for table in ("callfigures", "linefigures", "lineset", "lineset_lines", "rolledday"):
            cursor.execute(f"VACUUM ANALYZE django_voipcti_{table}")
    return days, seconds


def measure() -> list[tuple[str, str, bool]]:
    """Whole pages of a year for somebody who sees all, a lead and an agent, on a database that is rolled up."""
    from datetime import timedelta

    from django.contrib.auth import get_user_model
    from django.utils import timezone

    from django_voipcti import dashboard
    from django_voipcti.calllog import figures
    from django_voipcti.models import Call, Team

    today = timezone.now().date()
    year = {"since": (today - timedelta(days=364)).isoformat(), "until": today.isoformat()}
    users = get_user_model().objects
    boss = users.filter(username="boss").first() or users.create_superuser("boss")
    team = Team.objects.prefetch_related("leads", "members").first()
    people: dict[str, Any] = {"everything": boss}
    if team is not None:
        people |= {"a lead": team.leads.first(), "an agent": team.members.last()}
    found = [("one COUNT(*) of the year's calls (floor)", *timed(lambda: Call.objects.filter(
        started_at__gte=figures.midnight(today - timedelta(days=364))).count()))]  # fmt: skip
    for name, user in people.items():
        found.append(
            (f"dashboard of a year, {name}", *timed(lambda user=user: dashboard.call_dashboard(user, data=year)))
        )
    found.append(("dashboard of 30 days, everything", *timed(lambda: dashboard.call_dashboard(boss))))
    return [
        (name, f"{1000 * median:.0f} ms, at worst {1000 * worst:.0f} ms", "floor" in name or worst <= GOAL)
        for name, median, worst in found
    ]


def timed(page: Callable[[], object]) -> tuple[float, float]:
    """Median and worst of some rounds, after one that fills the caches."""
    page()
    times = []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        page()
        times.append(time.perf_counter() - began)
    return statistics.median(times), max(times)


def main() -> None:
    """Fill, roll up, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5_000_000)
    options = parser.parse_args()
    with database("postgres"):
        from django_voipcti.models import Call, CallFigures

        fill(options.calls)
        days, seconds = roll()
        rows = measure()
        calls, figures = Call.objects.count(), CallFigures._default_manager.count()
    print(f"\n{calls:,} calls of {YEARS} years at {LINES} lines, {os.cpu_count()} cores")
    print(f"{days} days rolled up into {figures:,} rows in {seconds:.0f} s\n")
    print("| what | measured | goal |\n|---|---|---|")
    for name, measured, met in rows:
        goal = "" if "floor" in name else f"<= {GOAL * 1000:.0f} ms: {'met' if met else 'MISSED'}"
        print(f"| {name} | {measured} | {goal} |")
    sys.exit(0 if all(met for _name, _measured, met in rows) else 1)


if __name__ == "__main__":
    main()
