"""Webhook deliveries: what came in, whether it was worked off, and working it off again."""

from typing import Any

from celery import current_app
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..models import WebhookDelivery
from ..views import PROCESS_DELIVERY
from .base import EMPTY, ReadOnlyAdmin, badge, may_see_numbers, pretty
from .filters import StartFilter

__all__ = ["WebhookDeliveryAdmin"]


class ReceivedFilter(StartFilter):
    """When a delivery came in."""

    title = _("received")
    field = "received_at"


class OutcomeFilter(admin.SimpleListFilter):
    """What became of a delivery."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("done", _("Done")), ("waiting", _("Waiting")), ("failed", _("Failed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
        conditions = {
            "done": Q(processed_at__isnull=False, failure=""),
            "waiting": Q(processed_at__isnull=True, failure=""),
            "failed": ~Q(failure=""),
        }
        condition = conditions.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin[WebhookDelivery]):
    """Deliveries as stored; the only thing to do with one is to have it processed again."""

    list_display = ["received_at", "alias", "delivery_id", "outcome", "failure_shown"]
    list_filter = [ReceivedFilter, OutcomeFilter]
    ordering = ["-id"]
    sortable_by = ["received_at"]
    search_fields = ["=delivery_id"]
    search_help_text = _("A complete delivery id.")
    actions = ["process_again"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        body = "body_shown" if may_see_numbers(request) else "masked_body"
        return [("received_at", "alias", "delivery_id"), ("outcome", "processed_at", "failure"), body, "headers_shown"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["outcome", "body_shown", "masked_body", "headers_shown"]

    def has_process_permission(self, request: HttpRequest) -> bool:
        """Whether the user may start work on deliveries: whoever may change them."""
        return request.user.has_perm("django_voipcti.change_webhookdelivery")

    @admin.action(description=_("Process again"), permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        keys = list(queryset.values_list("pk", flat=True))
        queryset.update(processed_at=None, failure="")

        def start() -> None:
            for key in keys:
                current_app.send_task(PROCESS_DELIVERY, args=[key])

        transaction.on_commit(start)
        self.message_user(
            request,
            ngettext(
                "%(count)d delivery is being processed again; reload the list to see the outcome.",
                "%(count)d deliveries are being processed again; reload the list to see the outcome.",
                len(keys),
            )
            % {"count": len(keys)},
            messages.SUCCESS,
        )

    @admin.display(description=_("outcome"))
    def outcome(self, delivery: WebhookDelivery) -> SafeString:
        if delivery.failure:
            return badge(_("failed"), "bad")
        return badge(_("done"), "good") if delivery.processed_at else badge(_("waiting"), "wait")

    @admin.display(description=_("failure"))
    def failure_shown(self, delivery: WebhookDelivery) -> str:
        return Truncator(delivery.failure).chars(90) if delivery.failure else EMPTY

    @admin.display(description=_("body"))
    def body_shown(self, delivery: WebhookDelivery) -> SafeString:
        return _raw(delivery.body, full=True)

    @admin.display(description=_("body"))
    def masked_body(self, delivery: WebhookDelivery) -> SafeString:
        return _raw(delivery.body, full=False)

    @admin.display(description=_("headers"))
    def headers_shown(self, delivery: WebhookDelivery) -> SafeString:
        return _raw(delivery.headers, full=True)


def _raw(value: Any, *, full: bool) -> SafeString:
    return format_html('<pre class="voipcti-raw">{}</pre>', pretty(value, full=full))
