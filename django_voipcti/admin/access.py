"""The access log: who opened which call's page, who exported, who played a recording."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import CallAccess
from .base import EMPTY, ReadOnlyAdmin
from .filters import StartFilter

__all__ = ["CallAccessAdmin"]


class MomentFilter(StartFilter):
    """When it was."""

    title = gettext_lazy("when")
    field = "at"


@admin.register(CallAccess)
class CallAccessAdmin(ReadOnlyAdmin[CallAccess]):
    """Newest first. Who may view this sees everybody's; it names calls by their number only."""

    list_display = ["at", "user_name", "kind", "call_shown", "calls", "detail"]
    list_filter = [MomentFilter, "kind"]
    ordering = ["-at", "-id"]
    sortable_by = ["at"]
    search_fields = ["user_name"]
    search_help_text = gettext_lazy("User name.")
    readonly_fields = ["call_shown"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [("at", "user_name", "kind"), ("call_shown", "calls"), "detail"]

    @admin.display(description=gettext_lazy("call"))
    def call_shown(self, access: CallAccess) -> SafeString | str:
        """A link to the call: its page tells to whom it may what it tells."""
        if access.call_id is None:
            return EMPTY
        address = reverse("admin:django_voipcti_call_change", args=[access.call_id])
        return format_html('<a href="{}">{}</a>', address, _("Call %(number)d") % {"number": access.call_id})
