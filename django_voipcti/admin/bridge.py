"""Bridges: which processes hold the lines' connections, and whether they are alive."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..conf import app_settings
from ..models import BridgeInstance
from .base import EMPTY, ReadOnlyAdmin, badge

__all__ = ["BridgeInstanceAdmin"]

_MOST_LINES = 200


@admin.register(BridgeInstance)
class BridgeInstanceAdmin(ReadOnlyAdmin[BridgeInstance]):
    """Bridge processes, newest first."""

    list_display = ["name", "state", "started_at", "heartbeat_at", "leases_held"]
    ordering = ["-started_at"]
    sortable_by = ["started_at", "heartbeat_at"]
    fields = [("name", "state"), ("started_at", "heartbeat_at", "stopped_at"), "lines"]
    readonly_fields = ["state", "lines"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BridgeInstance]:
        return super().get_queryset(request).annotate(leases_count=Count("leases"))

    @admin.display(description=_("state"))
    def state(self, bridge: BridgeInstance) -> SafeString:
        if bridge.stopped_at:
            return badge(_("stopped"))
        silence = timezone.now() - bridge.heartbeat_at
        if silence > timedelta(seconds=app_settings.lease_seconds):
            return badge(_("lost"), "bad", title=_("No heartbeat; its lines go to another bridge."))
        return badge(_("running"), "good")

    @admin.display(description=_("lines"))
    def leases_held(self, bridge: Any) -> int:
        return int(bridge.leases_count)

    @admin.display(description=_("lines"))
    def lines(self, bridge: BridgeInstance) -> SafeString | str:
        leases = bridge.leases.select_related("line__user").order_by("line")[:_MOST_LINES]
        rows = [(lease.line, lease.line.user or "") for lease in leases]
        return format_html_join("\n", "<div>{} {}</div>", rows) if rows else EMPTY
