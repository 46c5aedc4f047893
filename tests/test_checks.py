"""System checks: each mistake has its id, and a sound configuration is silent."""

import pytest
from django.test import override_settings

from django_voipcti import checks

DUMMY = "django_voipcti.providers.dummy.DummyProvider"
PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"


def ids(messages):
    assert all(message.hint or message.id in {"voipcti.E002"} for message in messages), "every hint says what to do"
    return [message.id for message in messages]


def of_settings(value):
    with override_settings(VOIPCTI=value):
        return ids(checks.check_settings(None))


def of_providers(value):
    with override_settings(VOIPCTI={"PROVIDERS": value}):
        return ids(checks.check_providers(None))


def test_a_sound_configuration_is_silent():
    assert of_settings({"PROVIDERS": {}, "COMMAND_TTL": 5}) == []
    assert of_providers({"default": {"BACKEND": DUMMY}}) == []


def test_the_setting_is_a_dict():
    assert of_settings(["PROVIDERS"]) == ["voipcti.E001"]
    with override_settings(VOIPCTI=["PROVIDERS"]):
        assert checks.check_providers(None) == []


def test_a_misspelt_key_is_found():
    assert of_settings({"PROVIDER": {}}) == ["voipcti.W001"]


def test_a_key_that_is_none_is_found():
    assert of_settings({"CREDENTIAL_KEYS": ["short"]}) == ["voipcti.E004"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, ["voipcti.W002"]),
        ({"default": {}}, ["voipcti.E002"]),
        ({"default": {"BACKEND": "nowhere.Provider"}}, ["voipcti.E002"]),
        ({"default": {"BACKEND": DUMMY, "OPTIONS": {"colour": "red"}}}, ["voipcti.W003"]),
        ({"default": {"BACKEND": DUMMY, "OPTIONS": {"without": ["supports_tea"]}}}, ["voipcti.dummy.E001"]),
    ],
)
def test_providers_that_cannot_work_are_found(value, expected):
    assert of_providers(value) == expected


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        (None, ["voipcti.E003"]),
        ("channels_redis.core.RedisChannelLayer", ["voipcti.W004"]),
        ("channels.layers.InMemoryChannelLayer", ["voipcti.W004"]),
        (PUBSUB, []),
    ],
)
def test_a_channel_layer_that_loses_messages_is_found(backend, expected):
    layers = {} if backend is None else {"default": {"BACKEND": backend}}
    with override_settings(CHANNEL_LAYERS=layers):
        assert ids(checks.check_channel_layer(None)) == expected


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("memory://", {}, ["voipcti.W005"]),
        ("redis://127.0.0.1:9/0", {"max_retries": 1}, []),
        ("redis://127.0.0.1:9/0", {}, ["voipcti.W006"]),
        ("amqp://127.0.0.1", {}, []),
    ],
)
def test_a_broker_that_lets_a_click_wait_is_found(url, options, expected):
    with override_settings(CELERY_BROKER_URL=url, CELERY_BROKER_TRANSPORT_OPTIONS=options):
        assert ids(checks.check_broker(None)) == expected


class TestRetention:
    @staticmethod
    def of(**values):
        with override_settings(VOIPCTI={"PROVIDERS": {"default": {"BACKEND": DUMMY}}} | values):
            return ids(checks.check_retention(None))

    @pytest.mark.parametrize("days", [None, 1, 0.5, 36_525, {"default": 30, "*": None}])
    def test_days_that_can_be_meant_are_silent(self, days):
        assert self.of(RETENTION_DAYS=days, ACCESS_LOG_DAYS=None) == []

    @pytest.mark.parametrize("days", [0, -1, "90", True, float("nan"), float("inf"), 40_000, [30], {"default": 0}])
    def test_others_are_not(self, days):
        assert self.of(RETENTION_DAYS=days) == ["voipcti.E006"]

    def test_other_numbers_of_days_are_looked_at_too(self):
        assert self.of(ACCESS_LOG_DAYS=0) == ["voipcti.E006"]

    def test_a_provider_that_is_not_there_is_a_slip(self):
        assert self.of(RETENTION_DAYS={"defualt": 30}) == ["voipcti.W007"]


class TestQuietHours:
    @staticmethod
    def of(value):
        with override_settings(VOIPCTI={"PROVIDERS": {"default": {"BACKEND": DUMMY}}, "QUIET_HOURS": value}):
            return ids(checks.check_quiet_hours(None))

    @pytest.mark.parametrize(
        "value",
        [None, ("21:00", "08:00"), ["21:00", "08:00"], {"FR": ("20:00", "10:00"), "US": None, "*": ("21:00", "08:00")}],
    )
    def test_times_of_day_are_silent(self, value):
        assert self.of(value) == []

    @pytest.mark.parametrize(
        "value", ["21:00", ("21:00",), (21, 8), ("late", "early"), ("21:00", "8:00"), {"FR": "20:00"}]
    )
    def test_others_are_not(self, value):
        assert self.of(value) == ["voipcti.E007"]
