"""The webhook endpoint; who is heard is specified by the contract tests of each provider."""

import io
import json

import pytest
import redis
from celery import Celery
from django.core.handlers.asgi import ASGIRequest
from django.test import Client, override_settings

from django_voipcti.enums import CallState
from django_voipcti.models import Call, Line, WebhookDelivery
from django_voipcti.providers import providers
from django_voipcti.views import webhook
from tests.celery_app import app

SECRET = "view-secret-0123456789"
VOIPCTI = {
    "PROVIDERS": {
        "office": {"BACKEND": "django_voipcti.providers.dummy.DummyProvider", "OPTIONS": {"webhook_secret": SECRET}},
        "deaf": {
            "BACKEND": "django_voipcti.providers.dummy.DummyProvider",
            "OPTIONS": {"webhook_secret": SECRET, "without": ["supports_webhooks"]},
        },
    },
}


@pytest.fixture(autouse=True)
def configured():
    with override_settings(VOIPCTI=VOIPCTI):
        yield


def deliver(client, body=b"{}", alias="office", headers=None):
    headers = {"X-Dummy-Secret": SECRET} if headers is None else headers
    return client.post(f"/voipcti/webhooks/{alias}/", body, content_type="application/json", headers=headers)


def ringing(line):
    update = providers["office"].update(account=line.account, external_id="c1", state=CallState.RINGING)
    return providers["office"].delivery(update)[1]


@pytest.fixture
def line(django_user_model):
    user = django_user_model.objects.create_user("ana")
    return Line.objects.create(provider="office", account="1001", extension="1001", label="Ana", user=user)


@pytest.fixture
def broker_away():
    """Celery with a broker where nobody listens."""
    away = Celery("away", broker="redis://127.0.0.1:9/0", set_as_current=False)
    away.conf.broker_transport_options = {"max_retries": 0}
    away.set_current()
    yield
    app.set_current()


@pytest.mark.parametrize("alias", ["nobody", "deaf"])
@pytest.mark.django_db
def test_only_providers_that_send_webhooks_have_an_address(client, alias):
    assert deliver(client, alias=alias).status_code == 404


@pytest.mark.django_db
def test_a_sender_without_credentials_is_asked_for_them(client):
    response = deliver(client, headers={})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Basic realm="webhook"'
    assert "secret" in response.content.decode()


@pytest.mark.django_db
def test_a_cross_site_form_guard_does_not_stand_in_the_way():
    assert deliver(Client(enforce_csrf_checks=True)).status_code == 200


@pytest.mark.django_db
@override_settings(
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
)
def test_a_host_that_wants_everybody_logged_in_does_not_stand_in_the_way(client):
    assert deliver(client).status_code == 200


@pytest.mark.django_db
def test_headers_are_stored_without_credentials(client):
    headers = {
        "X-Dummy-Secret": SECRET,
        "Authorization": "Basic abc",
        "Cookie": "sessionid=abc",
        "X-Hub-Signature": "abc",
        "User-Agent": "Sender/1.0",
        "X-Long": "x" * 1000,
    }
    deliver(client, headers=headers)
    stored = WebhookDelivery.objects.get().headers
    assert {name: stored[name] for name in ("authorization", "cookie", "x-dummy-secret", "x-hub-signature")} == (
        dict.fromkeys(("authorization", "cookie", "x-dummy-secret", "x-hub-signature"), "***")
    )
    assert stored["user-agent"] == "Sender/1.0"
    assert stored["x-long"] == "x" * 500


@pytest.mark.django_db
@pytest.mark.parametrize("length", [[], [(b"content-length", b"1")], [(b"content-length", b"many")]])
def test_more_than_the_limit_is_never_read_whatever_length_is_announced(length):
    headers = [(b"x-dummy-secret", SECRET.encode()), *length]
    body = io.BytesIO(b"x" * 1_000_000)
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    with override_settings(VOIPCTI={**VOIPCTI, "WEBHOOK_MAX_BYTES": 100}):
        response = webhook(ASGIRequest(scope, body), alias="office")
    assert response.status_code == 413
    assert body.tell() == 101
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_told_after_the_commit(client, valkey, line):
    queue = redis.Redis.from_url(valkey)
    queue.delete("celery")
    deliver(client, ringing(line))
    message = json.loads(queue.lpop("celery"))
    assert message["headers"]["task"] == "voipcti.process_delivery"
    assert json.loads(message["headers"]["argsrepr"]) == [WebhookDelivery.objects.get().pk]
    assert not Call.objects.exists()
    queue.close()


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_the_call_is_recorded_at_once(client, line, broker_away):
    assert deliver(client, ringing(line)).status_code == 200
    assert Call.objects.get().state == CallState.RINGING
    assert WebhookDelivery.objects.get().processed_at is not None
