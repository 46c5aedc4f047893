"""How lines stand: written and told in order, each change once."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model

from django_voipcti import realtime
from django_voipcti.bridge.database import Database
from django_voipcti.bridge.status import StatusBoard
from django_voipcti.enums import LineStatus
from django_voipcti.models import Line

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def board():
    database = Database()
    board = StatusBoard(database)
    realtime.bind_loop(asyncio.get_running_loop())
    task = asyncio.create_task(board.run())
    yield board
    await board.written()
    task.cancel()
    await realtime.sent()
    realtime.bind_loop(None)
    database.close(5)


@pytest.fixture
async def line():
    user = await get_user_model().objects.acreate(username="ana")
    return await Line.objects.acreate(provider="default", account="601", user=user)


async def test_changes_are_stored_and_told_in_order(board, line):
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(realtime.user_group(line.user_id), channel)
    board.set(line.pk, LineStatus.LOGGED_IN)
    board.set(line.pk, LineStatus.READY)
    board.set(line.pk, LineStatus.READY)
    board.set(line.pk, LineStatus.ERROR, "Log in again.")
    async with asyncio.timeout(10):
        told = [(await layer.receive(channel))["message"] for _number in range(3)]
    names = [message["name"] for message in told]
    assert names == ["LOGGED_IN", "READY", "ERROR"]
    assert told[-1]["message"] == "Log in again."
    await board.written()
    await line.arefresh_from_db()
    assert (line.status, line.status_text) == (LineStatus.ERROR, "Log in again.")


async def test_what_is_stored_already_is_not_told_again(board, line):
    await sync_to_async(line.set_status)(LineStatus.READY)
    await line.arefresh_from_db()
    before = line.status_at
    board.set(line.pk, LineStatus.READY)
    await board.written()
    await line.arefresh_from_db()
    assert line.status_at == before


async def test_a_line_that_was_deleted_is_passed_over(board, line):
    board.set(4711, LineStatus.READY)
    board.set(line.pk, LineStatus.READY)
    await board.written()
    await line.arefresh_from_db()
    assert line.status == LineStatus.READY


async def test_it_counts_and_forgets(board, line):
    board.set(line.pk, LineStatus.READY)
    assert board.count(LineStatus.READY) == 1
    assert board.get(line.pk).status == LineStatus.READY
    board.forget(line.pk)
    assert board.count(LineStatus.READY) == 0
    assert board.get(line.pk) is None
