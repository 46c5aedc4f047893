"""The journal's thread: everything is written, in order, in batches, whatever the database does meanwhile."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
from asgiref.sync import sync_to_async
from django.db import DataError, InterfaceError, OperationalError

from django_voipcti import journal as real_journal
from django_voipcti.bridge.backoff import Retries
from django_voipcti.bridge.writer import JournalWriter, WriterEnded
from django_voipcti.enums import CallState, Direction, Source
from django_voipcti.events import CallUpdate
from django_voipcti.models import Call, CallEvent, Line

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def update(number, state=CallState.RINGING, *, call="c1", **values):
    return CallUpdate(
        provider="default",
        account="601",
        external_id=call,
        source=Source.SIP,
        observed_at=NOW,
        state=state,
        direction=Direction.INBOUND,
        key=f"k{number}",
        **values,
    )


class Journal:
    """Takes batches, and refuses as a test tells it."""

    def __init__(self):
        self.batches = []
        self.attempts = 0
        self.away = None
        self.poison = set()
        self.gate = threading.Event()
        self.gate.set()

    def record(self, updates):
        self.attempts += 1
        assert self.gate.wait(10)
        if self.away is not None:
            raise self.away
        if any(update.key in self.poison for update in updates):
            raise DataError("value too long")
        self.batches.append([update.key for update in updates])

    @property
    def written(self):
        return [key for batch in self.batches for key in batch]


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def start(journal):
    """Return `start(...)`: a running writer on `journal`, stopped with the test."""
    writers = []

    def run(**options):
        options = {
            "spool_limit": 100,
            "record": journal.record,
            "retries": lambda: Retries(first=0.01, cap=0.02),
        } | options
        writer = JournalWriter(**options)
        writer.start()
        writers.append(writer)
        return writer

    yield run
    journal.gate.set()
    for writer in writers:
        writer.stop()
        writer.finished.exception(10)


async def test_what_is_submitted_is_written_in_order(journal, start):
    writer = start()
    for number in range(20):
        writer.submit([update(number)])
    await writer.written()
    assert journal.written == [f"k{number}" for number in range(20)]


async def test_an_idle_writer_writes_at_once_and_a_busy_one_in_one_batch(journal, start, aeventually):
    writer = start()
    journal.gate.clear()
    writer.submit([update(0)])
    await aeventually(lambda: journal.attempts == 1)
    for number in range(1, 50):
        writer.submit([update(number)])
    journal.gate.set()
    await writer.written()
    assert journal.batches == [["k0"], [f"k{number}" for number in range(1, 50)]]


async def test_a_batch_has_a_largest_size(journal, start, aeventually):
    writer = start()
    journal.gate.clear()
    writer.submit([update(0)])
    await aeventually(lambda: journal.attempts == 1)
    writer.submit([update(number) for number in range(1, 1201)])
    journal.gate.set()
    await writer.written()
    assert max(map(len, journal.batches)) == 500
    assert journal.written == [f"k{number}" for number in range(1201)]


@pytest.mark.parametrize("error", [OperationalError("server closed the connection"), InterfaceError("closed")])
async def test_while_the_database_is_away_updates_wait_and_are_written_in_order(journal, start, aeventually, error):
    states = []
    writer = start(on_change=states.append)
    journal.away = error
    for number in range(10):
        writer.submit([update(number)])
    await aeventually(lambda: journal.attempts >= 3)
    assert writer.state.waiting == 10
    assert writer.state.trouble == str(error)
    journal.away = None
    await writer.written()
    assert journal.written == [f"k{number}" for number in range(10)]
    assert writer.state.waiting == 0
    assert [bool(state.trouble) for state in states] == [True, False]


async def test_one_update_that_cannot_be_written_costs_no_other(journal, start, aeventually, caplog):
    writer = start()
    journal.poison = {"k5"}
    journal.gate.clear()
    writer.submit([update(0)])
    await aeventually(lambda: journal.attempts == 1)
    writer.submit([update(number) for number in range(1, 10)])
    journal.gate.set()
    await writer.written()
    writer.submit([update(10), update(11)])
    await writer.written()
    assert journal.written == [f"k{number}" for number in range(12) if number != 5]
    assert journal.batches[-1] == ["k10", "k11"]
    assert writer.state.refused == 1
    assert "cannot take an update of call c1" in caplog.text


async def test_readers_wait_while_the_spool_is_full(journal, start, aeventually):
    writer = start(spool_limit=3)
    journal.gate.clear()
    writer.submit([update(0), update(1), update(2)])
    waiting = asyncio.ensure_future(writer.room())
    await aeventually(lambda: journal.attempts == 1)
    assert not waiting.done()
    journal.gate.set()
    await asyncio.wait_for(waiting, 5)


async def test_there_is_room_at_once_below_the_limit(start):
    await asyncio.wait_for(start(spool_limit=1).room(), 1)


async def test_stopping_writes_what_waits(journal, start, aeventually):
    writer = start()
    journal.gate.clear()
    writer.submit([update(number) for number in range(5)])
    writer.stop()
    journal.gate.set()
    await aeventually(writer.finished.done)
    assert journal.written == [f"k{number}" for number in range(5)]


async def test_stopping_while_the_database_is_away_ends_and_tells_what_is_left(journal, start, aeventually):
    writer = start()
    journal.away = OperationalError("away")
    writer.submit([update(0), update(1)])
    await aeventually(lambda: writer.state.trouble)
    waiting = asyncio.ensure_future(writer.written())
    await asyncio.sleep(0)
    writer.stop()
    with pytest.raises(WriterEnded):
        await waiting
    with pytest.raises(WriterEnded):
        await writer.written()
    assert writer.state.waiting == 2


async def test_a_thread_that_dies_says_so(start, aeventually):
    def record(updates):
        raise KeyboardInterrupt

    writer = start(record=record)
    writer.submit([update(0)])
    await aeventually(writer.finished.done)
    assert isinstance(writer.finished.exception(), KeyboardInterrupt)


@pytest.mark.parametrize("ends", ["written", "stopped"])
async def test_who_stops_waiting_harms_nobody(journal, start, aeventually, ends):
    """As when a line is logged out while its last updates are being written."""
    writer = start()
    if ends == "stopped":
        journal.away = OperationalError("server closed the connection")
    journal.gate.clear()
    writer.submit([update(0)])
    waiting = [
        asyncio.ensure_future(coroutine) for coroutine in (writer.written(), asyncio.wrap_future(writer.finished))
    ]
    await aeventually(lambda: journal.attempts >= 1)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    journal.gate.set()
    if ends == "stopped":
        writer.stop()
        await aeventually(writer.finished.done)
    else:
        writer.submit([update(1)])
        await writer.written()
        assert journal.written == ["k0", "k1"]
        writer.stop()
    assert await asyncio.to_thread(writer.finished.exception, 10) is None


@pytest.mark.database_matrix
@pytest.mark.django_db(transaction=True)
async def test_the_real_journal_takes_the_batches(start):
    await sync_to_async(Line.objects.create)(provider="default", account="601")
    writer = start(record=real_journal.record)
    for number, state in enumerate((CallState.RINGING, CallState.CONNECTED, CallState.HANGUP)):
        writer.submit([update(number, state)])
    await writer.written()
    call = await Call.objects.aget()
    assert call.state == CallState.HANGUP
    assert await CallEvent.objects.acount() == 3
