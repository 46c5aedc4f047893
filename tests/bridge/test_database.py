"""Units of work in threads: results and errors come back, patience when the database is away, a clean end."""

import threading

import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError, connection

from django_voipcti.bridge.database import Database, is_away
from django_voipcti.models import Line

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def database():
    threads = Database(threads=2)
    yield threads
    threads.close(5)


async def test_work_runs_in_another_thread_and_its_result_comes_back(database):
    assert await database.run(lambda a, *, b: (a, b), 1, b=2) == (1, 2)
    assert await database.run(threading.get_ident) != threading.get_ident()


async def test_errors_come_back(database):
    with pytest.raises(Line.DoesNotExist):
        await database.run(Line.objects.get, pk=4711)


async def test_a_connection_that_failed_is_not_used_again(database):
    def fail():
        connection.ensure_connection()
        raise OperationalError("server closed the connection unexpectedly")

    with pytest.raises(OperationalError):
        await database.run(fail)
    assert await database.run(Line.objects.count) == 0


async def test_insisting_outlasts_a_database_that_is_away(database):
    tries = []

    def work():
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("away")
        return "done"

    assert await database.insist(work) == "done"
    assert len(tries) == 3


async def test_insisting_does_not_repeat_what_is_wrong(database):
    tries = []

    def work():
        tries.append(1)
        raise IntegrityError("twice the same")

    with pytest.raises(IntegrityError):
        await database.insist(work)
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError(), True),
        (ProgrammingError("no such table"), True),
        (IntegrityError(), False),
        (ValueError(), False),
    ],
)
def test_which_errors_mean_that_the_database_is_away(error, away):
    assert is_away(error) is away


def test_closing_gives_up_on_work_that_hangs():
    database = Database(threads=2)
    hanging = threading.Event()
    database._executor.submit(hanging.wait, 10)
    database.close(0.05)
    hanging.set()
