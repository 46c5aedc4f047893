"""The kit itself: a provider that breaks the contract in one way fails the test that is about it."""

import asyncio
import unittest
from dataclasses import replace
from itertools import count

import pytest
from django.test import SimpleTestCase

from django_voipcti.enums import CallState, EndReason
from django_voipcti.exceptions import ProviderRejected, ProviderUnavailable
from django_voipcti.providers.dummy import DummyProvider
from tests.providers import test_dummy


class PromisesTooMuch(DummyProvider):
    supports_sip_events = True


class HasNoName(DummyProvider):
    display_name = ""


class DoesWhatItCannot(DummyProvider):
    supports_hold = False

    async def hold(self, account, call, *, sip=None):
        return


class TellsNaiveTimes(DummyProvider):
    def parse_webhook(self, *, headers, body, received_at):
        return [
            replace(update, observed_at=received_at.replace(tzinfo=None))
            for update in super().parse_webhook(headers=headers, body=body, received_at=received_at)
        ]


class TellsReasonsOfLiveCalls(DummyProvider):
    async def live_calls(self, account):
        return [replace(update, end_reason=EndReason.BUSY) for update in await super().live_calls(account)]


class FallsOverGarbage(DummyProvider):
    def parse_webhook(self, *, headers, body, received_at):
        return [self.update(account="1001", external_id=str(body[0]), state=CallState.RINGING)]


class NamesDeliveriesAnew(DummyProvider):
    numbers = count()

    def webhook_id(self, *, headers, body):
        return str(next(self.numbers))


class ForgetsToReport(DummyProvider):
    async def place_call(self, account, *, call, number, report, sip=None):
        return


class CannotBeCancelled(DummyProvider):
    async def place_call(self, account, *, call, number, report, sip=None):
        async def shielded(update):
            await report(update)
            if len(self.commands) == 0:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    return

        await super().place_call(account, call=call, number=number, report=shielded)


class ConfusesErrors(DummyProvider):
    async def keep_alive(self, account):
        try:
            await super().keep_alive(account)
        except ProviderUnavailable as error:
            raise ProviderRejected("no") from error


class Blabs(DummyProvider):
    async def keep_alive(self, account):
        try:
            await super().keep_alive(account)
        except ProviderUnavailable as error:
            raise ProviderUnavailable(f"{account.secrets['token']} did not work") from error


class ServesOneThreadOnly(DummyProvider):
    used = False

    async def keep_alive(self, account):
        if self.used:
            raise RuntimeError("used already")
        self.used = True


@pytest.mark.parametrize(
    ("provider", "test"),
    [
        (PromisesTooMuch, "test_each_flag_that_is_set_has_its_methods"),
        (HasNoName, "test_flags_are_plain_answers_and_a_name_is_given"),
        (DoesWhatItCannot, "test_what_is_not_supported_is_refused_before_any_contact"),
        (TellsNaiveTimes, "test_deliveries_become_well_formed_updates"),
        (TellsReasonsOfLiveCalls, "test_calls_that_it_lists_are_well_formed"),
        (FallsOverGarbage, "test_hostile_deliveries_do_no_harm"),
        (NamesDeliveriesAnew, "test_repeated_and_disordered_deliveries_say_the_same"),
        (ForgetsToReport, "test_a_click_is_reported_until_the_own_phone_is_picked_up"),
        (CannotBeCancelled, "test_a_command_that_is_cancelled_stops_at_once"),
        (ConfusesErrors, "test_a_service_that_is_away_is_worth_a_retry"),
        (Blabs, "test_a_service_that_is_away_is_worth_a_retry"),
        (ServesOneThreadOnly, "test_one_instance_serves_several_threads"),
    ],
)
def test_a_breach_of_contract_is_found(provider, test):
    class Contract(test_dummy.TestDummyProvider, SimpleTestCase):
        def make_provider(self, trouble=None):
            made = super().make_provider(trouble)
            broken = provider(made.alias, made.options)
            broken.__dict__.update(made.__dict__)
            return broken

    result = unittest.TestResult()
    Contract(test).run(result)
    assert result.testsRun == 1
    assert result.failures or result.errors


def test_an_honest_provider_passes():
    result = unittest.TestResult()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(test_dummy.TestDummyProvider)
    suite.run(result)
    assert result.wasSuccessful()
    assert result.testsRun > 12
