"""The webhook endpoint: is the delivery authentic, is it new? Store it, have it worked off, answer at once.

Nothing here looks into a delivery. The provider judges its authenticity, the task that works it off does the rest, so a
provider that sends a burst, or one that is slow to forgive an error, gets its answer either way.
"""

import hashlib
import logging
import re
from collections.abc import Mapping

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError

from .conf import app_settings
from .exceptions import WebhookRejected
from .models import WebhookDelivery
from .providers import UnknownProvider, providers
from .providers.base import BaseProvider
from .tasks import process_delivery

__all__ = ["PROCESS_DELIVERY", "webhook"]

logger = logging.getLogger("django_voipcti.webhooks")

PROCESS_DELIVERY = "voipcti.process_delivery"

_SECRET_HEADER = re.compile(r"auth|cookie|key|password|secret|signature|token", re.IGNORECASE)
_MASK = "***"
_LONGEST_HEADER = 500
_LONGEST_ID = 190


@csrf_exempt  # the sender is no browser and has no session; its secret is the protection
@login_not_required
@require_POST
def webhook(request: HttpRequest, alias: str) -> HttpResponse:
    """Take one delivery of the provider ``alias``.

    Answers 200 for a stored delivery and for a repeated one, 401 or what the provider says for one that is not
    authentic, 404 for an alias without webhooks, 413 for one beyond ``WEBHOOK_MAX_BYTES``.
    """
    provider = _provider(alias)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        body = _body(request)
        provider.authenticate_webhook(headers=headers, body=body)
    except WebhookRejected as error:
        logger.warning("Webhook delivery for %s rejected: %s", alias, error, extra={"action": "webhook_rejected"})
        answer = HttpResponse(str(error), status=error.status, content_type="text/plain; charset=utf-8")
        if error.status == 401:
            # Senders that take credentials from the address offer them only when they are asked.
            answer["WWW-Authenticate"] = 'Basic realm="webhook"'
        return answer
    _store(provider, headers, body)
    return HttpResponse(status=200)


def _provider(alias: str) -> BaseProvider:
    try:
        provider = providers[alias]
    except UnknownProvider:
        raise Http404(_("No such provider.")) from None
    if not provider.supports_webhooks:
        raise Http404(_("This provider sends no webhooks."))
    return provider


def _body(request: HttpRequest) -> bytes:
    """The body, never more of it than the limit and one byte."""
    limit = app_settings.webhook_max_bytes
    length = request.META.get("CONTENT_LENGTH") or "0"
    try:
        body = b"" if length.isdecimal() and int(length) > limit else request.read(limit + 1)
    except UnreadablePostError as error:
        raise WebhookRejected(_("The delivery broke off. Send it again."), status=400) from error
    if len(body) > limit or (length.isdecimal() and int(length) > limit):
        raise WebhookRejected(
            _("The delivery is larger than %(limit)d bytes and was not stored.") % {"limit": limit}, status=413
        )
    return body


def _store(provider: BaseProvider, headers: Mapping[str, str], body: bytes) -> None:
    """Keep the delivery unless it is known, and have it worked off unless that is done."""
    with transaction.atomic():
        delivery, _created = WebhookDelivery.objects.get_or_create(
            alias=provider.alias,
            delivery_id=_storable_id(provider.webhook_id(headers=headers, body=body)),
            defaults={
                "headers": _masked(headers, provider.secret_webhook_headers),
                "body": body.decode("utf-8", "replace").replace("\0", "\ufffd"),
                "received_at": timezone.now(),
            },
        )
        if delivery.processed_at is None:
            # A repetition may be the sender's answer to our trouble, so it starts the work again.
            transaction.on_commit(lambda: _hand_over(delivery.pk), robust=True)


def _hand_over(delivery_id: int) -> None:
    """Let a worker work the delivery off. Without a broker it is done here: a call is recorded none the less."""
    try:
        current_app.send_task(PROCESS_DELIVERY, args=[delivery_id], retry=False)
    except OperationalError as error:
        logger.warning("No broker for webhook delivery %s: %s", delivery_id, error, extra={"action": "webhook_inline"})
        process_delivery.apply(args=[delivery_id])


def _storable_id(delivery_id: str) -> str:
    """An id of the sender's that fits its column, or a hash of it."""
    if delivery_id and len(delivery_id) <= _LONGEST_ID and delivery_id.isprintable():
        return delivery_id
    return "sha256:" + hashlib.sha256(delivery_id.encode("utf-8", "surrogatepass")).hexdigest()


def _masked(headers: Mapping[str, str], secret: frozenset[str]) -> dict[str, str]:
    """Headers as they are stored: without credentials, short, and of characters that a database takes."""
    return {
        name: _MASK
        if name in secret or _SECRET_HEADER.search(name)
        else value.replace("\0", "").encode("utf-8", "replace").decode()[:_LONGEST_HEADER]
        for name, value in headers.items()
    }
