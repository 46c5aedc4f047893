"""Celery tasks on a real broker with a real worker: commands are driven or given up, deliveries worked off once."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from celery.contrib.testing.worker import start_worker
from celery.worker import state as worker_state
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from django_voipcti import control, journal, realtime, tasks
from django_voipcti.enums import CallState, CommandState, EndReason, LineStatus
from django_voipcti.events import Party
from django_voipcti.models import Call, CallCommand, CallEvent, Line, WebhookDelivery
from django_voipcti.phonebook.directories import directories
from django_voipcti.providers import providers
from django_voipcti.redaction import PhoneNumber
from tests.celery_app import app
from tests.journal.conftest import said
from tests.test_consumers import opened
from tests.testapp.models import Contact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

LONDON = "+442079460123"
SHORT_LIVED = {
    "PROVIDERS": {"default": {"BACKEND": "django_voipcti.providers.dummy.DummyProvider"}},
    "COMMAND_TTL": 1.2,
}


@pytest.fixture
def worker(transactional_db, eventually):
    """A worker with two threads on the session's broker, idle when the tables are emptied."""
    app.control.purge()  # records that other tests saved
    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, shutdown_timeout=20) as running:
        yield running
        CallCommand.objects.update(state=CommandState.SUCCEEDED)
        app.control.purge()
        eventually(lambda: not worker_state.active_requests)


@pytest.fixture
def directory(settings):
    """An outside directory that knows every number."""
    made = {"quick": {"BACKEND": "tests.test_outside.Quick"}}
    settings.VOIPCTI = {**settings.VOIPCTI, "DIRECTORIES": made, "DIRECTORY_BUDGET": 5.0}
    yield
    directories.forget()


@pytest.fixture
def line():
    user = get_user_model().objects.create(username="ana")
    line = Line(provider="default", account="601", extension="601", user=user, status=LineStatus.READY)
    line.set_secrets({"token": "t"})
    line.save()
    return line


def make_delivery(*, state=CallState.RINGING, body=None, alias="default", **facts):
    provider = providers["default"]
    headers, written = provider.delivery(provider.update(account="601", external_id="c1", state=state, **facts))
    return WebhookDelivery.objects.create(
        alias=alias,
        delivery_id=f"d{WebhookDelivery.objects.count()}",
        headers=headers,
        body=(body if body is not None else written).decode(),
        received_at=timezone.now(),
    )


# --- commands ---------------------------------------------------------------------------------------------------------


@override_settings(VOIPCTI=SHORT_LIVED)
def test_a_click_that_no_bridge_takes_up_is_told_and_dials_nothing(line, worker, eventually):
    command = control.place_call(line.user, LONDON)
    eventually(lambda: CallCommand.objects.get(pk=command.pk).state == CommandState.EXPIRED)
    call = Call.objects.get()
    assert (call.state, call.end_reason) == (CallState.CANCEL, EndReason.FAILED)
    assert "not take up your request in time" in call.cause


@override_settings(VOIPCTI=SHORT_LIVED)
def test_a_command_that_was_claimed_is_the_bridges_affair(line, worker, eventually):
    command = control.place_call(line.user, LONDON)
    assert CallCommand.objects.claim(command.pk, by="one", now=timezone.now())
    other = control.hang_up(line.user, command.call_id)
    eventually(lambda: CallCommand.objects.get(pk=other.pk).state == CommandState.EXPIRED)
    assert CallCommand.objects.get(pk=command.pk).state == CommandState.CLAIMED


@override_settings(VOIPCTI=SHORT_LIVED)
async def test_a_waiting_command_nudges_the_bridges_again_and_again(line, worker):
    from asgiref.sync import sync_to_async

    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(realtime.BRIDGES_GROUP, channel)
    await sync_to_async(control.place_call)(line.user, LONDON)
    async with asyncio.timeout(10):
        nudges = [await layer.receive(channel) for _number in range(2)]
    assert nudges == [{"type": realtime.NUDGE_MESSAGE, "line": line.pk}] * 2


def test_no_slot_waits_while_a_command_does(line, worker, eventually):
    """Ten commands wait; two slots still work off what comes meanwhile."""
    for _number in range(10):
        command = control.place_call(line.user, LONDON)
        CallCommand.objects.filter(pk=command.pk).update(expires_at=timezone.now() + timedelta(seconds=60))
        Call.objects.filter(pk=command.call_id).update(other_number=f"x{command.pk}", state=CallState.HANGUP)
    delivery = make_delivery()
    tasks.process_delivery.delay(delivery.pk)
    eventually(lambda: WebhookDelivery.objects.get(pk=delivery.pk).processed_at, 5)


def test_the_periodic_task_gives_up_what_is_overdue_and_what_no_bridge_holds(line):
    command = control.place_call(line.user, LONDON)
    CallCommand.objects.update(expires_at=timezone.now())
    tasks.expire_commands()
    assert CallCommand.objects.get(pk=command.pk).state == CommandState.EXPIRED
    line.refresh_from_db()
    assert line.status == LineStatus.LOGGED_OUT


def test_a_command_that_is_gone_is_nothing_to_do():
    assert tasks.drive_command(4711) is None


# --- deliveries -------------------------------------------------------------------------------------------------------


def test_a_delivery_becomes_a_call(line, worker, eventually):
    delivery = make_delivery()
    tasks.process_delivery.delay(delivery.pk)
    eventually(lambda: WebhookDelivery.objects.get(pk=delivery.pk).processed_at)
    assert Call.objects.get().state == CallState.RINGING


def test_a_delivery_that_comes_twice_counts_once(line):
    delivery = make_delivery()
    for _time in range(3):
        tasks.process_delivery(delivery.pk)
    assert CallEvent.objects.count() == 1
    first = WebhookDelivery.objects.get().processed_at
    tasks.process_delivery(delivery.pk)
    assert WebhookDelivery.objects.get().processed_at == first


def test_a_delivery_that_says_nothing_about_calls_is_processed(line):
    delivery = make_delivery(body=b"no json")
    tasks.process_delivery(delivery.pk)
    delivery.refresh_from_db()
    assert delivery.processed_at is not None
    assert not Call.objects.exists()


def test_a_delivery_for_a_provider_that_left_the_settings_keeps_its_reason_and_can_be_processed_later(line, caplog):
    delivery = make_delivery(alias="gone")
    tasks.process_delivery(delivery.pk)
    delivery.refresh_from_db()
    assert delivery.processed_at is None
    assert "gone" in delivery.failure
    WebhookDelivery.objects.update(alias="default")
    tasks.process_delivery(delivery.pk)
    delivery.refresh_from_db()
    assert delivery.processed_at is not None
    assert delivery.failure == ""


class AwayOnce(type(providers["default"])):
    """A provider in whose parser the database goes away, for the first `AwayOnce.times` deliveries."""

    times = 0

    def parse_webhook(self, **delivery):
        if AwayOnce.times:
            AwayOnce.times -= 1
            raise OperationalError("server closed the connection")
        return super().parse_webhook(**delivery)


AWAY = {"PROVIDERS": {"default": {"BACKEND": "tests.test_tasks.AwayOnce"}}}


@override_settings(VOIPCTI=AWAY)
def test_a_delivery_is_tried_again_while_the_database_is_away(line, worker, eventually):
    AwayOnce.times = 1
    delivery = make_delivery()
    tasks.process_delivery.delay(delivery.pk)
    eventually(lambda: WebhookDelivery.objects.get(pk=delivery.pk).processed_at)
    assert AwayOnce.times == 0
    assert Call.objects.count() == 1


def test_deliveries_that_wait_are_found_by_the_sweep(line, worker, eventually):
    lost, fresh, failed = make_delivery(), make_delivery(), make_delivery()
    long_ago = timezone.now() - timedelta(minutes=5)
    WebhookDelivery.objects.filter(pk__in=(lost.pk, failed.pk)).update(received_at=long_ago)
    WebhookDelivery.objects.filter(pk=failed.pk).update(failure="ValueError")
    assert tasks.process_waiting_deliveries() == 1
    eventually(lambda: WebhookDelivery.objects.get(pk=lost.pk).processed_at)
    assert WebhookDelivery.objects.get(pk=fresh.pk).processed_at is None
    assert WebhookDelivery.objects.get(pk=failed.pk).processed_at is None


def test_the_names_are_the_interface():
    assert {name for name in app.tasks if name.startswith("voipcti.")} >= {
        "voipcti.drive_command",
        "voipcti.expire_commands",
        "voipcti.process_delivery",
        "voipcti.process_waiting_deliveries",
        "voipcti.purge",
        "voipcti.sync_history",
        "voipcti.watch_missed_calls",
    }


# --- linking calls to records -----------------------------------------------------------------------------------------


async def test_a_record_that_is_entered_while_it_rings_is_shown_on_the_page(worker, line, outbox, aeventually):
    """The whole way: the save, the broker, the worker, the journal, the page."""
    await line.user.user_permissions.aadd(await Permission.objects.aget(codename="view_contact"))
    await sync_to_async(journal.record)([said("RINGING", 0, call="before"), said("HANGUP", 2, call="before")])
    async with opened(line.user) as page:
        await sync_to_async(journal.record)([said("RINGING", 5)])
        assert (await page.hear())["call"]["contact"] is None
        grace = await Contact.objects.acreate(name="Grace", phone=LONDON)
        message = await page.hear()
        assert (message["type"], message["call"]["name"]) == ("call", "Grace")
        await aeventually(lambda: all_linked_to(grace))


async def all_linked_to(record):
    """Whether every call is linked to `record`, the earlier one too."""
    return await Call.objects.filter(contact_id=str(record.pk)).acount() == await Call.objects.acount()


async def test_a_webhook_of_a_stranger_is_told_with_what_a_directory_knows(worker, line, directory):
    """Published from threads of a worker, which has no event loop of its own."""
    delivery = await sync_to_async(make_delivery)(other=Party(number=PhoneNumber(LONDON)))
    async with opened(line.user) as page:
        await sync_to_async(tasks.process_delivery.delay)(delivery.pk)
        pop, answer = await page.hear(), await page.hear()
        assert (pop["name"], pop["call"]["directory"]) == ("RINGING", [])
        assert [entry["label"] for entry in answer["call"]["directory"]] == ["Acme Ltd"]
