"""The security of a provider's webhooks as tests that are inherited; every one goes through the real view."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.test import TestCase, override_settings
from django.utils import timezone

from django_voipcti.models import WebhookDelivery

__all__ = ["WebhookSecurityContractTests"]

if TYPE_CHECKING:
    Mixin = TestCase
else:
    Mixin = object

ALIAS = "contract"
OLD, NEW, OTHER = "old-secret-0123456789", "new-secret-0123456789", "other-secret-0123456789"


class WebhookSecurityContractTests(Mixin):
    """Only who knows the secret is heard, and nobody is heard twice. Mix into ``django.test.TestCase``."""

    #: Dotted path of the provider class.
    backend: ClassVar[str]
    #: OPTIONS of the provider, beside the secrets.
    options: ClassVar[Mapping[str, Any]] = {}
    #: Body of a delivery.
    body: ClassVar[bytes] = b"{}"

    def options_with(self, secrets: Sequence[str]) -> Mapping[str, Any]:
        """OPTIONS under which deliveries with any of ``secrets`` are authentic."""
        return {"webhook_secret": list(secrets)}

    def signed(self, body: bytes, secret: str) -> Mapping[str, str]:
        """Headers with which the service sends ``body`` when it was given ``secret``."""
        raise NotImplementedError

    # --- tools --------------------------------------------------------------------------------------------------

    def deliver(
        self,
        secret: str | None,
        *,
        known: Sequence[str] = (NEW,),
        body: bytes | None = None,
        method: str = "POST",
        **settings: Any,
    ) -> Any:
        """Send a delivery with ``secret`` to a host that knows ``known``; return the response."""
        body = self.body if body is None else body
        provider = {"BACKEND": self.backend, "OPTIONS": {**self.options, **self.options_with(known)}}
        voipcti = {"PROVIDERS": {ALIAS: provider}, **settings}
        with override_settings(VOIPCTI=voipcti, ROOT_URLCONF="django_voipcti.urls", SECURE_SSL_REDIRECT=False):
            return self.client.generic(
                method,
                f"/webhooks/{ALIAS}/",
                body,
                content_type="application/json",
                headers=dict(self.signed(body, secret)) if secret else {},
            )

    def stored(self) -> int:
        """How many deliveries are kept."""
        return WebhookDelivery.objects.filter(alias=ALIAS).count()

    # --- who is heard -------------------------------------------------------------------------------------------

    def test_a_delivery_with_the_secret_is_stored_and_handed_over(self) -> None:
        with self.captureOnCommitCallbacks() as handed_over:
            response = self.deliver(NEW)
        self.assertEqual(response.status_code, 200)
        delivery = WebhookDelivery.objects.get(alias=ALIAS)
        self.assertEqual(delivery.body.encode(), self.body)
        self.assertIsNone(delivery.processed_at)
        self.assertEqual(len(handed_over), 1)

    def test_a_wrong_secret_is_refused(self) -> None:
        self.assertIn(self.deliver(OTHER).status_code, (401, 403))
        self.assertEqual(self.stored(), 0)

    def test_a_missing_secret_is_refused(self) -> None:
        self.assertIn(self.deliver(None).status_code, (401, 403))
        self.assertEqual(self.stored(), 0)

    def test_without_a_configured_secret_nobody_is_heard(self) -> None:
        for secret in (None, NEW):
            self.assertIn(self.deliver(secret, known=()).status_code, (401, 403))
        self.assertEqual(self.stored(), 0)

    def test_secrets_can_be_changed_without_losing_a_delivery(self) -> None:
        self.assertEqual(self.deliver(OLD, known=(NEW, OLD)).status_code, 200)
        self.assertEqual(self.deliver(NEW, known=(NEW, OLD)).status_code, 200)
        self.assertIn(self.deliver(OLD, known=(NEW,)).status_code, (401, 403))

    def test_the_secret_is_not_stored(self) -> None:
        self.deliver(NEW)
        headers = WebhookDelivery.objects.get(alias=ALIAS).headers
        for value in self.signed(self.body, NEW).values():
            self.assertNotIn(value, headers.values())

    # --- how often, how much, how -------------------------------------------------------------------------------

    def test_a_repeated_delivery_is_stored_once(self) -> None:
        for _ in range(3):
            self.assertEqual(self.deliver(NEW).status_code, 200)
        self.assertEqual(self.stored(), 1)

    def test_a_repetition_after_the_work_is_done_starts_no_work(self) -> None:
        self.deliver(NEW)
        WebhookDelivery.objects.filter(alias=ALIAS).update(processed_at=timezone.now())
        with self.captureOnCommitCallbacks() as handed_over:
            self.assertEqual(self.deliver(NEW).status_code, 200)
        self.assertEqual(handed_over, [])

    def test_an_oversized_delivery_is_refused(self) -> None:
        body = b" " * 2_000
        self.assertEqual(self.deliver(NEW, body=body, WEBHOOK_MAX_BYTES=1_999).status_code, 413)
        self.assertEqual(self.stored(), 0)
        self.assertEqual(self.deliver(NEW, body=body, WEBHOOK_MAX_BYTES=2_000).status_code, 200)

    def test_only_post_delivers(self) -> None:
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
            self.assertEqual(self.deliver(NEW, method=method).status_code, 405, method)
        self.assertEqual(self.stored(), 0)

    def test_an_authentic_delivery_is_accepted_whatever_it_says(self) -> None:
        for body in (b"", b"\x00\xff", b"[]", b'{"id": "\\u0000\\ud800"}', b'{"id": "' + b"x" * 5_000 + b'"}'):
            self.assertEqual(self.deliver(NEW, body=body).status_code, 200, body[:20])
        self.assertEqual(self.stored(), 5)
