"""The session's servers are real: they answer, and what one program writes another one reads."""

import os
from pathlib import Path

import psycopg
import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection

from tests.support.processes import django_environment, python
from tests.testapp.models import Contact


async def test_the_channel_layer_carries_messages_through_valkey(valkey):
    layer = get_channel_layer()
    assert type(layer).__name__ == "RedisPubSubChannelLayer"
    channel = await layer.new_channel()
    await layer.group_add("agents", channel)
    await layer.group_send("agents", {"type": "call", "number": 1})
    assert await layer.receive(channel) == {"type": "call", "number": 1}


def test_celery_uses_the_same_valkey(valkey):
    from tests.celery_app import app

    assert valkey == settings.CELERY_BROKER_URL
    assert app.conf.task_always_eager is False
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1)
        assert broker.connected


@pytest.mark.database_matrix
@pytest.mark.django_db(transaction=True)
def test_another_program_sees_committed_rows(start_process):
    Contact.objects.create(name="Ada Lovelace", phone="020 7946 0018")
    process = start_process(
        python(
            "-c",
            "import django; django.setup();from tests.testapp.models import Contact; print(Contact.objects.get().name)",
        ),
        env=django_environment(),
    )
    assert process.wait() == 0, process.output
    assert process.output.strip() == "Ada Lovelace"


@pytest.mark.database_matrix
@pytest.mark.django_db
def test_the_database_is_the_one_that_was_asked_for(request):
    wanted = "postgresql" if os.environ.get("VOIPCTI_TEST_DB") == "postgres" else "sqlite"
    assert connection.vendor == wanted


def test_postgresql_starts_on_a_socket_of_its_own_and_leaves_nothing(tmp_path):
    from tests.support.servers import Postgres, postgres_binaries

    with Postgres(postgres_binaries()) as server:
        with psycopg.connect(host=server.host, user=server.user, dbname="postgres") as client:
            assert client.execute("SELECT 1").fetchone() == (1,)
        folder = Path(server.host)
    assert not folder.exists()
