"""Webhook deliveries: what came of each, and doing it again."""

import pytest
from celery import current_app
from django.contrib.admin import helpers
from django.urls import reverse
from django.utils import timezone

from django_voipcti.models import WebhookDelivery
from tests.admin.conftest import listed, shown

BODY = '{"src": "442079460123"}'


@pytest.fixture
def delivery(db):
    return WebhookDelivery.objects.create(
        alias="default", delivery_id="d-1", body=BODY, received_at=timezone.now(), failure="ValueError: odd"
    )


def act(client, *deliveries):
    return client.post(
        reverse("admin:django_voipcti_webhookdelivery_changelist"),
        {"action": "process_again", helpers.ACTION_CHECKBOX_NAME: [each.pk for each in deliveries]},
        follow=True,
    ).content.decode()


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"failure": "", "processed_at": None}, "waiting"),
        ({"failure": "", "processed_at": timezone.now()}, "done"),
        ({"failure": "odd", "processed_at": None}, "failed"),
    ],
)
def test_each_shows_and_is_found_by_its_outcome(boss_client, delivery, facts, outcome):
    WebhookDelivery.objects.update(**facts)
    words = ("waiting", "done", "failed")
    found = [word for word in words if ">d-1<" in listed(boss_client, "webhookdelivery", outcome=word)]
    assert found == [outcome]
    assert f">{outcome}</span>" in listed(boss_client, "webhookdelivery")


def test_the_list_has_the_counter_that_the_script_of_its_actions_reads(boss_client, delivery):
    # Django's actions.js throws at every tick of a box where it is missing.
    assert 'class="action-counter" data-actions-icnt="1"' in listed(boss_client, "webhookdelivery")


def test_its_numbers_are_masked_without_the_permission(client, staff, delivery):
    staff("view_webhookdelivery")
    assert "442079460123" not in shown(client, delivery)


def test_its_numbers_are_shown_with_it(client, staff, delivery):
    staff("view_webhookdelivery", "view_full_number")
    assert "442079460123" in shown(client, delivery)


@pytest.mark.django_db(transaction=True)
class TestProcessAgain:
    def test_the_task_is_sent_after_the_failure_is_cleared(self, boss_client, delivery):
        with current_app.connection_for_read() as broker, broker.SimpleQueue("celery") as queue:
            queue.clear()
            page = act(boss_client, delivery)
            message = queue.get(timeout=5)
            message.ack()
        assert message.headers["task"] == "voipcti.process_delivery"
        assert message.headers["argsrepr"] == f"[{delivery.pk}]"
        assert "1 delivery is being processed again" in page
        delivery.refresh_from_db()
        assert (delivery.failure, delivery.processed_at) == ("", None)

    def test_it_needs_the_permission_to_change_deliveries(self, client, staff, delivery):
        staff("view_webhookdelivery")
        act(client, delivery)
        delivery.refresh_from_db()
        assert delivery.failure == "ValueError: odd"
