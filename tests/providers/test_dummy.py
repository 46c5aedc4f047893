"""The provider without a network keeps the contract, remembers what it was asked, and fails on request."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.test import SimpleTestCase, TestCase

from django_voipcti.enums import CallState, Direction, EndReason
from django_voipcti.events import Party
from django_voipcti.exceptions import (
    AuthenticationFailed,
    PhoneNotRegistered,
    ProviderProtocolError,
    ProviderUnavailable,
    UnsupportedFeature,
)
from django_voipcti.providers.base import Account, Colleague, SecondFactor
from django_voipcti.providers.dummy import Command, DummyProvider
from django_voipcti.redaction import PhoneNumber, Secret
from django_voipcti.testing import (
    CAPABILITY_METHODS,
    ProviderContractTests,
    Reports,
    Trouble,
    WebhookSecurityContractTests,
)

ACCOUNT = Account(line=1, key="1001", extension="1001", secrets={"token": Secret("dummy-token-of-1001")})
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
METHODS = [method for methods in CAPABILITY_METHODS.values() for method in methods]


ERRORS = {
    Trouble.UNAUTHORIZED: AuthenticationFailed("no"),
    Trouble.UNAVAILABLE: ProviderUnavailable("away"),
    Trouble.GARBAGE: ProviderProtocolError("odd"),
}


def in_trouble(provider, trouble):
    """Let every method fail as it would in `trouble`; a connection test is a keep-alive as well."""
    if trouble in ERRORS:
        for method in (*METHODS, "keep_alive", "keep_alive"):
            provider.fail(method, ERRORS[trouble])
    return provider


class HangingProvider(DummyProvider):
    async def place_call(self, account, *, call, number, report, sip=None):
        async def first_only(update):
            await report(update)
            await asyncio.Event().wait()

        await super().place_call(account, call=call, number=number, report=first_only)


class TestDummyProvider(ProviderContractTests, SimpleTestCase):
    account = ACCOUNT
    private = ("webhook-secret-0123456789",)

    def make_provider(self, trouble=None):
        options = {"webhook_secret": self.private[0], "colleagues": {"1002": "Ben"}}
        if trouble is Trouble.HANGS:
            return HangingProvider("default", options)
        provider = in_trouble(DummyProvider("default", options), trouble)
        provider.sounds = {"77": bytes(range(256)) * 40}
        provider.live = [provider.update(account="1001", external_id="1", state=CallState.RINGING)]
        provider.past = [
            provider.update(account="1001", external_id="2", state=CallState.HANGUP, occurred_at=NOON),
        ]
        return provider

    def webhook_samples(self):
        provider = DummyProvider("default", {})
        states = (CallState.RINGING, CallState.CONNECTED, CallState.HANGUP)
        return [
            provider.delivery(provider.update(account="1001", external_id="1", state=state, key=f"key-{state}"))
            for state in states
        ]


class TestLesserDummyProvider(TestDummyProvider):
    """With every capability switched off there is no method left that does anything."""

    def make_provider(self, trouble=None):
        return in_trouble(DummyProvider("default", {"without": list(CAPABILITY_METHODS)}), trouble)

    def webhook_samples(self):
        return ()


class TestDummyWebhooks(WebhookSecurityContractTests, TestCase):
    backend = "django_voipcti.providers.dummy.DummyProvider"

    def signed(self, body, secret):
        return {"X-Dummy-Secret": secret}


@pytest.fixture
def dummy():
    return DummyProvider("default", {})


async def test_commands_are_remembered_in_order(dummy):
    reports = Reports()
    await dummy.place_call(ACCOUNT, call=7, number=PhoneNumber("+447700900123"), report=reports)
    placed = reports.updates[-1]
    reference = ProviderContractTests.reference
    await dummy.hold(ACCOUNT, reference)
    await dummy.transfer(ACCOUNT, reference, number=PhoneNumber("1002"))
    await dummy.consult(ACCOUNT, reference, consultation=8, number=PhoneNumber("1003"), report=reports)
    consultation = replace(reference, external_id="dummy-2")
    await dummy.complete_transfer(ACCOUNT, reference, consultation)
    await dummy.return_to_call(ACCOUNT, reference, consultation)
    await dummy.return_to_call(ACCOUNT, reference, replace(consultation, external_id=""))
    assert dummy.commands == [
        Command(action="place_call", account="1001", number=PhoneNumber("+447700900123")),
        Command(action="hold", account="1001", external_id="139000001"),
        Command(action="transfer", account="1001", external_id="139000001", number=PhoneNumber("1002")),
        Command(action="consult", account="1001", external_id="139000001", number=PhoneNumber("1003")),
        Command(action="complete_transfer", account="1001", external_id="139000001", consultation="dummy-2"),
        Command(action="hang_up", account="1001", external_id="dummy-2"),
        Command(action="resume", account="1001", external_id="139000001"),
        Command(action="resume", account="1001", external_id="139000001"),
    ]
    assert placed.external_id == "dummy-1"


async def test_a_prepared_failure_is_raised_once_and_after_the_phone_was_rung(dummy):
    reports = Reports()
    dummy.fail("place_call", PhoneNotRegistered("nobody there"))
    with pytest.raises(PhoneNotRegistered):
        await dummy.place_call(ACCOUNT, call=7, number=PhoneNumber("1002"), report=reports)
    assert reports.states == [CallState.INITIAL]
    await dummy.place_call(ACCOUNT, call=8, number=PhoneNumber("1002"), report=reports)
    assert reports.states[1:] == [CallState.INITIAL, CallState.ACCEPTED]


async def test_login_by_password(dummy):
    credentials = await dummy.login(username="ana.ruiz@example.test", password=Secret("right"))
    assert (credentials.account, credentials.display_name) == ("ana.ruiz", "Ana Ruiz")
    with pytest.raises(AuthenticationFailed):
        await dummy.login(username="ana.ruiz@example.test", password=Secret("wrong"))


async def test_login_with_a_second_factor(dummy):
    asked = await dummy.login(username="1001", password=Secret("needs-code"))
    assert isinstance(asked, SecondFactor)
    with pytest.raises(AuthenticationFailed):
        await dummy.complete_second_factor(code=Secret("000000"), nonce=asked.nonce)
    credentials = await dummy.complete_second_factor(code=Secret("123456"), nonce=asked.nonce)
    assert (credentials.account, credentials.extension) == ("1001", "1001")


async def test_login_by_key(dummy):
    assert (await dummy.login_with_key(api_key=Secret("1001:abc"))).account == "1001"
    for bad in ("1001", "1001:wrong", ":abc", ""):
        with pytest.raises(AuthenticationFailed):
            await dummy.login_with_key(api_key=Secret(bad))


async def test_history_holds_the_calls_of_the_time_asked_for_oldest_first(dummy):
    dummy.past = [
        dummy.update(account="1001", external_id=name, state=CallState.HANGUP, started_at=NOON + timedelta(hours=hours))
        for name, hours in (("late", 2), ("early", 0), ("too late", 3), ("too early", -1))
    ] + [dummy.update(account="1002", external_id="other", state=CallState.HANGUP, started_at=NOON)]
    found = [update async for update in dummy.history(ACCOUNT, since=NOON, until=NOON + timedelta(hours=3))]
    assert [update.external_id for update in found] == ["early", "late"]


async def test_the_directory_is_an_option():
    dummy = DummyProvider("default", {"colleagues": {"1001": "Ana", "1002": "Ben"}})
    assert await dummy.directory(ACCOUNT) == [Colleague(account="1002", name="Ben", extension="1002")]


def test_a_delivery_says_what_the_update_said(dummy):
    update = dummy.update(
        account="1001",
        external_id="1",
        state=CallState.HANGUP,
        direction=Direction.OUTBOUND,
        conversation_id="c",
        other=Party(number=PhoneNumber("+447700900123"), name="Mary"),
        answered_at=NOON,
        end_reason=EndReason.COMPLETED,
        cause="bye",
        observed_at=NOON,
    )
    headers, body = dummy.delivery(update)
    (parsed,) = dummy.parse_webhook(headers=headers, body=body, received_at=NOON)
    ignored = {"raw"}
    for name in update.__slots__:
        assert name in ignored or getattr(parsed, name) == getattr(update, name), name


async def test_capabilities_can_be_switched_off():
    dummy = DummyProvider("default", {"without": ["supports_hold"]})
    assert dummy.capabilities()["supports_hold"] is False
    assert DummyProvider("other", {}).capabilities()["supports_hold"] is True
    with pytest.raises(UnsupportedFeature, match="hold") as caught:
        await dummy.hold(ACCOUNT, ProviderContractTests.reference)
    assert caught.value.capability == "supports_hold"
    assert dummy.commands == []


def test_a_capability_that_does_not_exist_is_a_mistake_in_the_settings():
    (message,) = DummyProvider("default", {"without": ["supports_telepathy"]}).check()
    assert message.id == "voipcti.dummy.E001"
    assert "supports_telepathy" in message.msg
