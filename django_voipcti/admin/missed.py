"""Missed calls as a list of work: who waits for a call, who called back, and ticking off."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import html
from ..models import Call, MissedCall
from .base import ReadOnlyAdmin, badge, may_see_numbers, other_number, party_link

__all__ = ["DutyFilter", "MissedCallAdmin"]


class DutyFilter(admin.SimpleListFilter):
    """Open ones unless asked otherwise."""

    title = gettext_lazy("state")
    parameter_name = "duty"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("late", _("late")), ("done", _("done")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": _("open"),
        }
        # The first of Django's own is "All", which is not what no choice means here.
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "late":
                return queryset.late(timezone.now())
            case "done":
                return queryset.filter(closed_at__isnull=False)
            case "all":
                return queryset
        return queryset.open()


@admin.register(MissedCall)
class MissedCallAdmin(ReadOnlyAdmin[MissedCall]):
    """Conversations that nobody answered. Ticking off needs the permission to change missed calls."""

    list_filter = [DutyFilter]
    ordering = ["-missed_at", "-id"]
    sortable_by = ()
    actions = ["tick_off"]
    fields = ("missed_at", "due_at", "call", "state", "late_told_at")
    readonly_fields = ("missed_at", "due_at", "call", "state", "late_told_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MissedCall]:
        missed = MissedCall.objects.visible_to(request.user)
        return missed.select_related("call__line", "closed_by_call", "closed_by").order_by(*self.ordering)

    def shown_calls(self, rows: Iterable[MissedCall]) -> Iterable[Call]:
        return [missed.call for missed in rows]

    def get_list_display(self, request: HttpRequest) -> Any:
        party = ["party", "number"] if may_see_numbers(request) else ["masked_party", "masked_number"]
        return ["missed_at", *party, "due_at", "state"]

    def has_tick_off_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the action."""
        return request.user.has_perm("django_voipcti.change_missedcall")

    @admin.action(description=gettext_lazy("Tick off: no call back needed"), permissions=["tick_off"])
    def tick_off(self, request: HttpRequest, queryset: Any) -> None:
        count = queryset.tick_off(request.user, timezone.now())
        text = ngettext("%(count)d missed call was ticked off.", "%(count)d missed calls were ticked off.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS if count else messages.INFO)

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("caller"))
    def party(self, missed: MissedCall) -> SafeString:
        return party_link(missed.call, full=True)

    @admin.display(description=gettext_lazy("caller"))
    def masked_party(self, missed: MissedCall) -> SafeString:
        return party_link(missed.call, full=False)

    @admin.display(description=gettext_lazy("number"))
    def number(self, missed: MissedCall) -> SafeString:
        call = missed.call
        return html.click_to_call(call.other_e164 or call.other_number, region=call.line.effective_region)

    @admin.display(description=gettext_lazy("number"))
    def masked_number(self, missed: MissedCall) -> str:
        return other_number(missed.call, full=False)

    @admin.display(description=gettext_lazy("state"))
    def state(self, missed: MissedCall) -> SafeString:
        if missed.closed_at is not None:
            return badge(missed.outcome, "good")
        if missed.due_at is not None and missed.due_at <= timezone.now():
            return badge(_("late"), "bad")
        return badge(_("open"), "wait")
