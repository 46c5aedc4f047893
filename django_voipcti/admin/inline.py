"""The calls of a record on the record's own admin page, for the host's ``ModelAdmin``: ``inlines = [CallsInline]``."""

from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.admin import GenericTabularInline
from django.contrib.contenttypes.forms import BaseGenericInlineFormSet
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from ..enums import CallState, EndReason
from ..models import Call
from .base import arrow, duration, may_see_numbers, other_number

__all__ = ["CallsInline"]


class _NewestCalls(BaseGenericInlineFormSet):  # type: ignore[type-arg]  # subscripted it would be evaluated at run time
    """Rows to look at: whatever is sent with the record's form, they are read anew and nothing is saved.

    A bound formset would look for the rows that the page showed, and fail when a call has come in meanwhile.
    """

    limit = 20

    def __init__(self, data: Any = None, files: Any = None, **kwargs: Any) -> None:
        super().__init__(None, None, **kwargs)

    def get_queryset(self) -> Any:
        if not hasattr(self, "_newest"):
            calls: Any = super().get_queryset()
            self._newest = list(calls.conversations()[: self.limit])
        return self._newest

    def is_valid(self) -> bool:
        return True

    def has_changed(self) -> bool:
        return False

    def save(self, commit: bool = True) -> list[Any]:
        self.new_objects: list[Any] = []
        self.changed_objects: list[Any] = []
        self.deleted_objects: list[Any] = []
        return []


class CallsInline(GenericTabularInline):
    """The newest twenty calls with the record that the user may see, one row per conversation, to look at only."""

    model = Call
    formset = _NewestCalls  # type: ignore[assignment]
    ct_field = "contact_type"
    ct_fk_field = "contact_id"
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True

    class Media:
        css = {"all": ["django_voipcti/admin/voipcti.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        return Call.objects.visible_to(request.user).select_related("line").order_by("-started_at", "-id")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        number = "number" if may_see_numbers(request) else "masked_number"
        return ["start", number, "line", "outcome", "talk"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("start"))
    def start(self, call: Call) -> SafeString:
        started = timezone.localtime(call.started_at)
        return format_html("{}{}", arrow(call), date_format(started, "SHORT_DATETIME_FORMAT"))

    @admin.display(description=gettext_lazy("number"))
    def number(self, call: Call) -> str:
        return other_number(call, full=True)

    @admin.display(description=gettext_lazy("number"))
    def masked_number(self, call: Call) -> str:
        return other_number(call, full=False)

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, call: Call) -> str:
        return str(EndReason(call.end_reason).label if call.end_reason else CallState(call.state).label)

    @admin.display(description=gettext_lazy("talk"))
    def talk(self, call: Call) -> str:
        return duration(call.talk_time)
