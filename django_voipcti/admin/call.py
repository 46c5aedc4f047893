"""The call log: a list that stays fast, and a page that tells everything about one call."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import phonebook
from ..calllog import access, manual
from ..enums import CallState, Direction, EndReason
from ..exceptions import CommandRefused
from ..models import Call, CallNote, Line
from ..models.words import words_of
from ..phonebook import numbers
from ..recordings import recording
from ..redaction import mask_digits
from . import call_entry, call_export, call_page
from .base import (
    CappedPaginator,
    ReadOnlyAdmin,
    arrow,
    badge,
    duration,
    line_user,
    may_see_numbers,
    other_number,
    party_link,
    state_badge,
)
from .call_list import CallChangeList
from .filters import (
    AgentFilter,
    ContactFilter,
    OutcomeFilter,
    ProviderFilter,
    QueueFilter,
    RowsFilter,
    StartFilter,
    TalkFilter,
    TeamFilter,
)
from .note import SaveNoteView

__all__ = ["CallAdmin"]

_REASON_TONES = {
    EndReason.COMPLETED: "good",
    EndReason.TRANSFERRED: "good",
    EndReason.ANSWERED_ELSEWHERE: "ring",
    EndReason.MISSED: "bad",
    EndReason.UNREACHABLE: "bad",
    EndReason.REJECTED: "bad",
    EndReason.FAILED: "bad",
    EndReason.NO_ANSWER: "wait",
    EndReason.BUSY: "wait",
    EndReason.DECLINED: "wait",
}

#: Calls whose numbers may be ignored at once; more is a slip.
_MOST = 100

#: Calls that are found by the words of their notes, newest notes first; more are found by more words.
_MOST_NOTED = 1000


class FewCounted(CappedPaginator):
    """Counts a page's worth of pages: whether a call stands for its conversation is looked up for each."""

    count_limit = 1000


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin[Call]):
    """Calls, newest first. The journal writes them; nobody edits them."""

    list_filter = [
        RowsFilter,
        StartFilter,
        "direction",
        OutcomeFilter,
        "end_reason",
        TeamFilter,
        AgentFilter,
        QueueFilter,
        ContactFilter,
        TalkFilter,
        ProviderFilter,
    ]
    list_select_related = ["line__user"]
    ordering = ["-started_at", "-id"]
    keyset_field = "started_at"
    paginator = FewCounted
    # Pages are found by the start, and the last page is the oldest.
    sortable_by = ()
    search_fields = ["contact_label", "other_name", "contact_company"]
    search_help_text = gettext_lazy("Name or company, words of a note, or a telephone number in any spelling.")
    change_form_template = "admin/django_voipcti/call/change_form.html"
    actions = ["ignore_number"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        return Call.objects.visible_to(request.user).select_related("line__user").order_by(*self.ordering)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CallChangeList]:
        return CallChangeList

    def get_urls(self) -> list[Any]:
        save_note = self.admin_site.admin_view(SaveNoteView.as_view())
        note = path("<int:pk>/note/", save_note, name="django_voipcti_call_note")
        # The view asks for itself who is there and what he may; the admin's own wrapper is not for asynchronous ones.
        play = path("<int:call>/recording/", recording, name="django_voipcti_call_recording")
        file = path(
            "export/<str:kind>/", self.admin_site.admin_view(self.export_view), name="django_voipcti_call_export"
        )
        return [note, play, file, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(manual.PERMISSION)

    def add_view(self, request: HttpRequest, *_arguments: Any, **_options: Any) -> HttpResponse:
        """Calls are not made of their fields but of what somebody says of them."""
        return call_entry.enter_call(self, request)

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """The list that the rest of the address names, as a file."""
        return call_export.call_export(self, request, kind)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may_export = request.user.has_perm(call_export.PERMISSION)
        return super().changelist_view(request, {**(extra_context or {}), "may_export": may_export})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Call], search_term: str
    ) -> tuple[QuerySet[Call], bool]:
        keys = numbers.search_keys(search_term) if any(character.isdigit() for character in search_term) else []
        if keys:
            short = Q(other_e164="", other_number__in=keys)
            return queryset.filter(Q(other_e164__in=keys) | short), False
        if not search_term.strip():
            return queryset, False
        named = Call.objects.is_naming(search_term)
        if not phonebook.Viewer(request.user).may_search():
            # What a record is called may not be told by whether it is found; what the provider sent is shown anyway.
            for word in words_of(search_term):
                named &= Q(other_name__icontains=word)
        notes = CallNote.objects.saved().visible_to(request.user).saying(search_term)
        return queryset.filter(named | Q(pk__in=list(notes.values_list("call", flat=True)[:_MOST_NOTED]))), False

    def shown_calls(self, rows: Iterable[Call]) -> Iterable[Call]:
        return rows

    def get_list_display(self, request: HttpRequest) -> Any:
        party = ["party", "number"] if may_see_numbers(request) else ["masked_party", "masked_number"]
        return ["start", *party, "lines", "outcome", "ring", "talk"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # The page has a layout of its own: see call_page.
        return []

    # --- actions ----------------------------------------------------------------------------------------------------

    def has_ignore_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the action."""
        return request.user.has_perm("django_voipcti.add_ignorednumber")

    @admin.action(description=gettext_lazy("Ignore these numbers"), permissions=["ignore"])
    def ignore_number(self, request: HttpRequest, queryset: QuerySet[Call]) -> None:
        """Put the other parties' numbers on the ignore list: their calls show nothing from now on."""
        calls = list(queryset[: _MOST + 1])
        if len(calls) > _MOST:
            self.message_user(request, _("Choose %(count)d calls at most.") % {"count": _MOST}, messages.ERROR)
            return
        ignored, without = 0, 0
        for number, region in {(call.other_e164 or call.other_number, call.line.effective_region) for call in calls}:
            try:
                phonebook.ignore(number, region=region, user=request.user)  # type: ignore[arg-type]  # not anonymous
                ignored += 1
            except CommandRefused:
                without += 1
        if ignored:
            text = ngettext(
                "%(count)d number is ignored from now on.", "%(count)d numbers are ignored from now on.", ignored
            )
            self.message_user(request, text % {"count": ignored}, messages.SUCCESS)
        if without:
            self.message_user(request, _("Callers without a number cannot be ignored."), messages.WARNING)

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("start"))
    def start(self, call: Call) -> SafeString:
        started = timezone.localtime(call.started_at)
        text = f"{date_format(started, 'SHORT_DATE_FORMAT')} {date_format(started, 'H:i:s')}"
        return format_html('<time datetime="{}">{}</time>', started.isoformat(), text)

    @admin.display(description=gettext_lazy("direction"))
    def way(self, call: Call) -> SafeString:
        return format_html("{}{}", arrow(call), Direction(call.direction).label)

    @admin.display(description=gettext_lazy("other party"))
    def party(self, call: Call) -> SafeString:
        return format_html("{}{}", arrow(call), party_link(call, full=True))

    @admin.display(description=gettext_lazy("other party"))
    def masked_party(self, call: Call) -> SafeString:
        return format_html("{}{}", arrow(call), party_link(call, full=False))

    @admin.display(description=gettext_lazy("number"))
    def number(self, call: Call) -> SafeString:
        return format_html('<span class="voipcti-number">{}</span>', other_number(call, full=True))

    @admin.display(description=gettext_lazy("number"))
    def masked_number(self, call: Call) -> SafeString:
        return format_html('<span class="voipcti-number">{}</span>', other_number(call, full=False))

    @admin.display(description=gettext_lazy("line"))
    def line_and_user(self, call: Call) -> SafeString:
        return line_user(call.line)

    @admin.display(description=gettext_lazy("line"))
    def lines(self, call: Call) -> SafeString:
        """The line that stands for the row and what the call came by; of a conversation also who picked up, and at
        how many lines it rang.
        """
        shown = self.line_and_user(call)
        if call.context:
            shown = format_html('{} <span class="voipcti-aside">{}</span>', shown, call.context)
        answerer = getattr(call, "answered_line", None)
        if answerer is not None:
            shown = format_html('{} <span class="voipcti-aside">{}</span>', shown, _answered_by(answerer))
        legs = getattr(call, "leg_count", 1)
        if legs > 1:
            text = ngettext("%(count)d line", "%(count)d lines", legs) % {"count": legs}
            shown = format_html('{} <span class="voipcti-legs">{}</span>', shown, text)
        return shown

    @admin.display(description=gettext_lazy("state"))
    def outcome(self, call: Call) -> SafeString | str:
        """The state of a live call; of an ended one, why it ended."""
        if call.end_reason:
            reason = EndReason(call.end_reason)
            # Providers quote numbers in it; in full it stands on the call's page, for those who may read it.
            return badge(reason.label, _REASON_TONES.get(reason, ""), title=mask_digits(call.cause))
        return state_badge(CallState(call.state))

    @admin.display(description=gettext_lazy("ring"))
    def ring(self, call: Call) -> str:
        return duration(call.ring_time)

    @admin.display(description=gettext_lazy("talk"))
    def talk(self, call: Call) -> str:
        return duration(call.talk_time)

    # --- the call's page --------------------------------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        call = context["original"]
        access.note_view(request.user, call)
        context |= call_page.context(call, request, self)
        return super().render_change_form(request, context, *args, **kwargs)


def _answered_by(line: Line) -> str:
    user = line.user
    name = (user.get_full_name() or user.get_username()) if user else str(line)
    return _("answered by %(name)s") % {"name": name}
