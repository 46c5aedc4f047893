"""The contract of a provider as tests that are inherited, by providers of third parties as well."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.test import SimpleTestCase
from django.utils import timezone

from django_voipcti.enums import CallState, Direction
from django_voipcti.events import CallReference, CallUpdate
from django_voipcti.exceptions import (
    AuthenticationFailed,
    ProviderError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
    UnsupportedFeature,
)
from django_voipcti.providers.base import Account, BaseProvider, Sound
from django_voipcti.redaction import PhoneNumber, Secret
from django_voipcti.sip.dialoginfo import Dialog

from .fakes import Reports

__all__ = ["CAPABILITY_METHODS", "HOSTILE_BODIES", "ProviderContractTests", "Trouble"]

if TYPE_CHECKING:
    Mixin = SimpleTestCase
else:
    Mixin = object

T = TypeVar("T")

#: Which methods of a provider stand behind a capability flag; ``shows_hold`` has none.
CAPABILITY_METHODS: Mapping[str, tuple[str, ...]] = {
    "supports_password_login": ("login",),
    "supports_api_key": ("login_with_key",),
    "supports_second_factor": ("complete_second_factor",),
    "supports_sip_events": ("sip_profile", "identify_dialog"),
    "supports_webhooks": ("authenticate_webhook", "webhook_id", "parse_webhook"),
    "supports_history": ("history",),
    "supports_live_calls": ("live_calls",),
    "supports_recordings": ("open_recording",),
    "supports_directory": ("directory",),
    "supports_place": ("place_call",),
    "supports_answer": ("answer",),
    "supports_hold": ("hold", "resume"),
    "supports_blind_transfer": ("transfer",),
    "supports_nodes": ("node_account",),
    "supports_attended_transfer": ("consult", "complete_transfer"),
    "supports_hang_up": ("hang_up",),
}

#: Seconds after which something that hangs has failed its test.
DEADLINE = 10.0


class Trouble(Enum):
    """What a provider's service is made to do in a contract test."""

    #: It must not be contacted at all.
    UNTOUCHED = "untouched"
    #: It accepts no credentials, and repeats what it was sent in its error texts.
    UNAUTHORIZED = "unauthorized"
    #: It is not there.
    UNAVAILABLE = "unavailable"
    #: It answers what is not in its contract.
    GARBAGE = "garbage"
    #: It takes a request and never answers.
    HANGS = "hangs"


#: Bodies that anybody may send; a provider makes nothing of them and does not fall over.
HOSTILE_BODIES: Sequence[bytes] = (
    b"",
    b"\x00\xff\xfe",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"{}",
    b"[" * 100_000,
    b'{"id": ' + b"9" * 5_000 + b"}",
    b'{"id": "\\u0000\\ud800", "call_id": {"a": []}, "event_name": ["x"], "state": 1e999, "src_id": NaN}',
)


class ProviderContractTests(Mixin):
    """What every provider must do, whatever it talks to. Mix into ``SimpleTestCase``."""

    #: A line at the working service.
    account: ClassVar[Account]
    #: Words that must never be seen: tokens, passwords and keys of ``account`` and of the options.
    private: ClassVar[Sequence[str]] = ()
    #: Login names and secrets that the working service accepts, by method.
    username: ClassVar[str] = "someone@example.test"
    #: Whether control needs a SIP connection; its tests are the provider's own then.
    controls_by_sip: ClassVar[bool] = False
    #: Whether the SIP connection alone proves credentials: a login takes them as they are, and nothing else asks.
    proves_by_sip: ClassVar[bool] = False

    #: A recording that the working service has.
    recording: ClassVar[str] = "77"

    number = PhoneNumber("+447700900123")
    reference = CallReference(external_id="139000001", direction=Direction.INBOUND, state=CallState.CONNECTED)
    #: The second call of an attended transfer, about ``reference``.
    consultation = CallReference(external_id="139000002", direction=Direction.OUTBOUND, state=CallState.CONNECTED)

    def make_provider(self, trouble: Trouble | None = None) -> BaseProvider:
        """A new instance whose service works, or is in ``trouble``."""
        raise NotImplementedError

    def webhook_samples(self) -> Sequence[tuple[Mapping[str, str], bytes]]:
        """Headers and bodies of different deliveries about calls, as the service sends them."""
        return ()

    # --- capabilities -------------------------------------------------------------------------------------------

    def test_flags_are_plain_answers_and_a_name_is_given(self) -> None:
        provider = self.make_provider(Trouble.UNTOUCHED)
        self.assertTrue(provider.display_name)
        for name in provider.capabilities():
            self.assertIsInstance(getattr(provider, name), bool, name)

    def test_each_flag_that_is_set_has_its_methods(self) -> None:
        provider = self.make_provider(Trouble.UNTOUCHED)
        for capability, methods in CAPABILITY_METHODS.items():
            if getattr(provider, capability):
                for method in methods:
                    own, inherited = getattr(type(provider), method), getattr(BaseProvider, method)
                    self.assertIsNot(own, inherited, f"{capability} promises {method}()")

    def test_what_is_not_supported_is_refused_before_any_contact(self) -> None:
        provider = self.make_provider(Trouble.UNTOUCHED)
        for capability, methods in CAPABILITY_METHODS.items():
            if not getattr(provider, capability):
                for method in methods:
                    with self.subTest(method):
                        with self.assertRaises(UnsupportedFeature) as caught:
                            _run(provider, partial(self.call, provider, method))
                        self.assertEqual(caught.exception.capability, capability)

    def test_each_node_has_an_account_of_its_own(self) -> None:
        provider = self.make_provider(Trouble.UNTOUCHED)
        if provider.supports_nodes:
            keys = {provider.node_account(kind, key) for kind in ("queue", "ivr", "conf") for key in ("70001", "70002")}
            self.assertEqual(len(keys - {self.account.key}), 6)

    def test_who_can_ask_before_a_transfer_can_hold_and_hang_up(self) -> None:
        provider = self.make_provider(Trouble.UNTOUCHED)
        if provider.supports_attended_transfer:
            self.assertTrue(provider.supports_hold and provider.supports_hang_up)
        else:
            with self.assertRaises(UnsupportedFeature):
                _run(provider, partial(self.call, provider, "return_to_call"))

    async def call(self, provider: BaseProvider, method: str, report: Reports | None = None) -> Any:
        """Call one method of a provider with the sample arguments of this class."""
        now = timezone.now()
        arguments: dict[str, Callable[[], Any]] = {
            "login": lambda: provider.login(username=self.username, password=Secret("a-password")),
            "login_with_key": lambda: provider.login_with_key(api_key=Secret("200341:0123456789abcdef")),
            "complete_second_factor": lambda: provider.complete_second_factor(code=Secret("123456"), nonce="n-1"),
            "identify_dialog": lambda: provider.identify_dialog(self.account, Dialog(id="139000001-1")),
            "authenticate_webhook": lambda: provider.authenticate_webhook(headers={}, body=b"{}"),
            "webhook_id": lambda: provider.webhook_id(headers={}, body=b"{}"),
            "parse_webhook": lambda: provider.parse_webhook(headers={}, body=b"{}", received_at=now),
            "open_recording": lambda: provider.open_recording(self.account, self.recording),
            "history": lambda: provider.history(self.account, since=now - timedelta(days=3650), until=now),
            "place_call": lambda: provider.place_call(
                self.account, call=1, number=self.number, report=report or Reports()
            ),
            "node_account": lambda: provider.node_account("queue", "70001"),
            "transfer": lambda: provider.transfer(self.account, self.reference, number=self.number),
            "consult": lambda: provider.consult(
                self.account, self.reference, consultation=1, number=self.number, report=report or Reports()
            ),
        }
        for method_of_account in (
            "sip_profile",
            "live_calls",
            "directory",
            "logout",
            "keep_alive",
            "check_account",
            "probe",
        ):
            arguments[method_of_account] = lambda: getattr(provider, method)(self.account)
        for method_of_call in ("answer", "hold", "resume", "hang_up"):
            arguments[method_of_call] = lambda: getattr(provider, method)(self.account, self.reference)
        for method_of_pair in ("complete_transfer", "return_to_call"):
            arguments[method_of_pair] = lambda: getattr(provider, method)(
                self.account, self.reference, self.consultation
            )
        result = arguments[method]()
        if hasattr(result, "__aiter__"):
            return [item async for item in result]
        return await result if hasattr(result, "__await__") else result

    # --- words about calls --------------------------------------------------------------------------------------

    def assert_well_formed(self, provider: BaseProvider, update: CallUpdate) -> None:
        """An update that the journal can take as it is."""
        self.assertEqual(update.provider, provider.alias)
        self.assertTrue(update.account)
        self.assertTrue(update.external_id or update.call)
        self.assertLessEqual(max(len(update.external_id), len(update.conversation_id)), 190)
        # The journal keeps 200 characters of alias, account and key.
        self.assertLessEqual(len(update.account) + len(update.key), 150)
        for name in ("observed_at", "occurred_at", "started_at", "answered_at", "ended_at"):
            moment = getattr(update, name)
            self.assertTrue(moment is None or timezone.is_aware(moment), f"{name} is naive")
        if update.end_reason is not None:
            self.assertTrue(update.state is not None and update.state.is_final, "a reason without an end")
        for party in (update.own, update.other):
            self.assertIsInstance(party.number, PhoneNumber)
        text = json.dumps(update.raw, allow_nan=False)
        self.assertNotIn("\\u0000", text)

    def test_calls_that_it_lists_are_well_formed(self) -> None:
        provider = self.make_provider()
        for method in ("live_calls", "history"):
            if getattr(provider, f"supports_{method}"):
                updates = _run(provider, partial(self.call, provider, method))
                self.assertTrue(updates, f"the working service has something for {method}()")
                for update in updates:
                    self.assert_well_formed(provider, update)
                    self.assertEqual(update.account, self.account.key)
                    self.assertIs(update.state is not None and update.state.is_final, method == "history")

    def test_deliveries_become_well_formed_updates(self) -> None:
        provider = self.make_provider(Trouble.UNTOUCHED)
        for headers, body in self.webhook_samples():
            updates = provider.parse_webhook(headers=headers, body=body, received_at=timezone.now())
            self.assertTrue(updates, body)
            for update in updates:
                self.assert_well_formed(provider, update)

    def test_repeated_and_disordered_deliveries_say_the_same(self) -> None:
        received = timezone.now()
        samples = list(self.webhook_samples())

        def read(samples: Sequence[tuple[Mapping[str, str], bytes]]) -> dict[str, list[CallUpdate]]:
            provider = self.make_provider(Trouble.UNTOUCHED)
            return {
                provider.webhook_id(headers=headers, body=body): provider.parse_webhook(
                    headers=headers, body=body, received_at=received
                )
                for headers, body in samples
            }

        inorder = read(samples)
        self.assertEqual(len(inorder), len(samples), "two deliveries share an id")
        self.assertEqual(read([*reversed(samples), *samples]), inorder)
        keys = [(update.account, update.key) for updates in inorder.values() for update in updates if update.key]
        self.assertEqual(len(keys), len(set(keys)), "two updates share a key")

    def test_hostile_deliveries_do_no_harm(self) -> None:
        provider = self.make_provider(Trouble.UNTOUCHED)
        for body in HOSTILE_BODIES if provider.supports_webhooks else ():
            with self.subTest(body[:20]):
                self.assertTrue(provider.webhook_id(headers={}, body=body))
                for update in provider.parse_webhook(headers={}, body=body, received_at=timezone.now()):
                    self.assert_well_formed(provider, update)

    # --- commands -----------------------------------------------------------------------------------------------

    def test_a_click_is_reported_until_the_own_phone_is_picked_up(self) -> None:
        self.expect_a_placed_call("supports_place", "place_call")

    def test_a_consultation_is_reported_like_a_click(self) -> None:
        self.expect_a_placed_call("supports_attended_transfer", "consult")

    def expect_a_placed_call(self, capability: str, method: str) -> None:
        """``method`` tells of an outgoing call until the user's own phone is picked up."""
        provider = self.make_provider()
        if not getattr(provider, capability) or self.controls_by_sip:
            return
        reports = Reports()
        _run(provider, partial(self.call, provider, method, reports))
        self.assertEqual(reports.states, [CallState.INITIAL, CallState.ACCEPTED])
        for update in reports.updates:
            self.assert_well_formed(provider, update)
            self.assertEqual((update.call, update.direction), (1, Direction.OUTBOUND))
            self.assertEqual(update.other.number, self.number)

    def test_a_command_that_is_cancelled_stops_at_once(self) -> None:
        provider = self.make_provider(Trouble.HANGS)
        if not provider.supports_place or self.controls_by_sip:
            return
        reports = Reports()

        async def cancel() -> None:
            task = asyncio.create_task(self.call(provider, "place_call", reports))
            await reports.first.wait()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        _run(provider, cancel)
        self.assertEqual(reports.states, [CallState.INITIAL])

    # --- trouble ------------------------------------------------------------------------------------------------

    def expect(self, trouble: Trouble, error: type[ProviderError], *methods: str) -> None:
        """In ``trouble`` each of ``methods`` that the provider has raises ``error`` and shows no secret."""
        provider = self.make_provider(trouble)
        behind = {method: flag for flag, methods in CAPABILITY_METHODS.items() for method in methods}
        for method in methods:
            if method in behind and not getattr(provider, behind[method]):
                continue
            with self.subTest(method):
                with _all_logs() as log, self.assertRaises(error) as caught:
                    _run(provider, partial(self.call, provider, method))
                self.assert_nothing_private(f"{caught.exception!s} {caught.exception!r} {' '.join(log)}")

    def assert_nothing_private(self, text: str) -> None:
        """``text`` holds none of :attr:`private` and no complete number."""
        for word in (*self.private, *map(str, self.account.secrets.values()), self.number, self.number[1:]):
            if len(word) > 3:
                self.assertNotIn(word, text)

    def test_refused_credentials_are_told_from_everything_else(self) -> None:
        if self.proves_by_sip:
            return
        control = () if self.controls_by_sip else ("place_call", "answer", "transfer", "consult", "complete_transfer")
        logins = ("login", "login_with_key", "complete_second_factor")
        self.expect(Trouble.UNAUTHORIZED, AuthenticationFailed, "keep_alive", "check_account", *logins, *control)

    def test_a_recording_is_read_from_where_it_begins(self) -> None:
        provider = self.make_provider()
        if not provider.supports_recordings:
            return

        async def read(start: int) -> tuple[Sound, bytes]:
            sound = await provider.open_recording(self.account, self.recording, start=start)
            try:
                return sound, b"".join([chunk async for chunk in sound.chunks])
            finally:
                await sound.close()

        whole, heard = _run(provider, partial(read, 0))
        self.assertTrue(heard)
        self.assertEqual(whole.start, 0)
        self.assertTrue(whole.content_type.startswith("audio/"))
        self.assertIn(whole.size, {None, len(heard)})
        later, rest = _run(provider, partial(read, 5))
        self.assertIn(later.start, {0, 5})
        self.assertEqual(rest, heard[later.start :])

    def test_a_name_of_a_recording_leads_nowhere_else(self) -> None:
        provider = self.make_provider()
        if not provider.supports_recordings:
            return
        for name in ("../users/1", "1/../../me", "https://elsewhere.example/1", "1?x=2", "1#", "", "\x00"):
            with self.subTest(name), self.assertRaises(ProviderRejected):
                _run(provider, partial(provider.open_recording, self.account, name))

    def test_a_service_that_is_away_is_worth_a_retry(self) -> None:
        asked = ("place_call", "answer", "transfer", "consult", "complete_transfer", "hang_up")
        control = () if self.controls_by_sip else asked
        proof = () if self.proves_by_sip else ("keep_alive", "login")
        read = ("live_calls", "history", "open_recording")
        self.expect(Trouble.UNAVAILABLE, ProviderUnavailable, *read, *proof, *control)

    def test_a_connection_test_reports_what_fails_and_raises_nothing(self) -> None:
        if self.proves_by_sip:
            return
        for trouble in (Trouble.UNAUTHORIZED, Trouble.UNAVAILABLE, Trouble.GARBAGE):
            with self.subTest(trouble.value):
                provider = self.make_provider(trouble)
                steps = _run(provider, partial(self.call, provider, "probe"))
                for step in steps:
                    self.assertTrue(step.title and step.sentence, step)
                    self.assert_nothing_private(f"{step.sentence} {step.advice}")

    def test_an_answer_outside_the_contract_is_named_so(self) -> None:
        proof = () if self.proves_by_sip else ("login",)
        self.expect(Trouble.GARBAGE, ProviderProtocolError, "live_calls", "history", "directory", *proof)

    def test_what_it_prints_holds_no_secret(self) -> None:
        provider = self.make_provider(Trouble.UNTOUCHED)
        self.assert_nothing_private(f"{provider!r} {provider} {self.account!r}")

    def test_one_instance_serves_several_threads(self) -> None:
        provider = self.make_provider()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                _run(provider, partial(self.call, provider, "keep_alive"))
            except BaseException as error:  # noqa: BLE001  to be raised in the test's own thread
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        self.assertEqual(failures, [])


def _run(provider: BaseProvider, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run ``work`` in an event loop of its own, with a deadline, and close the provider's connections in it."""

    async def scene() -> T:
        try:
            async with asyncio.timeout(DEADLINE):
                return await work()
        finally:
            await provider.aclose()

    return asyncio.run(scene())


@contextmanager
def _all_logs() -> Iterator[list[str]]:
    """What is logged inside, by whomever, at whatever level."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
