"""Notes in the admin: the outcomes that can be chosen, a list of what was written, and the form on a call's page."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from .. import notes
from ..exceptions import CommandRefused
from ..models import Call, CallNote, CallOutcome
from ..models.note import MAX_NOTE_LENGTH
from ..redaction import mask_digits
from .base import EMPTY, ModelAdmin, ReadOnlyAdmin, badge, may_see_numbers
from .filters import StartFilter

__all__ = ["CallNoteAdmin", "CallOutcomeAdmin", "NoteForm", "SaveNoteView", "note_context"]


@admin.register(CallOutcome)
class CallOutcomeAdmin(ModelAdmin[CallOutcome]):
    """What can come of a call, in the host's words."""

    list_display = ["name", "position", "is_offered", "asks_for_date"]
    list_editable = ["position", "is_offered", "asks_for_date"]
    search_fields = ["name"]


class SavedFilter(StartFilter):
    """When it was saved."""

    title = gettext_lazy("saved")
    field = "saved_at"


@admin.register(CallNote)
class CallNoteAdmin(ReadOnlyAdmin[CallNote]):
    """Saved notes on calls that the user may see, newest first. They are written on the call's page."""

    list_display = ["saved_at", "call_link", "author_shown", "text_shown", "outcome_shown", "follow_up_on"]
    list_filter = [SavedFilter, "outcome", ("follow_up_on", admin.DateFieldListFilter)]
    list_select_related = ["call__line", "author", "outcome"]
    ordering = ["-saved_at", "-id"]
    sortable_by = ["saved_at", "follow_up_on"]
    search_fields = ["text"]
    search_help_text = gettext_lazy("Words of the note, or their beginnings.")
    fields = ("call_link", "author_shown", "whole_text", "outcome_shown", "follow_up_on", "saved_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[CallNote]:
        return CallNote.objects.visible_to(request.user).saved().order_by(*self.ordering)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CallNote], search_term: str
    ) -> tuple[QuerySet[CallNote], bool]:
        found = CallNote.objects.saying(search_term) if search_term.strip() else CallNote.objects.all()
        return queryset.filter(pk__in=found.values("pk")), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        for note in changelist.result_list:
            _mask(note, request)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> CallNote | None:
        note = super().get_object(request, object_id, from_field)
        return _mask(note, request) if note else None

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("call"))
    def call_link(self, note: CallNote) -> SafeString:
        address = reverse("admin:django_voipcti_call_change", args=[note.call_id])
        return format_html('<a href="{}">{}</a>', address, _("Call %(number)d") % {"number": note.call_id})

    @admin.display(description=gettext_lazy("author"))
    def author_shown(self, note: CallNote) -> str:
        return note.author_name or EMPTY

    @admin.display(description=gettext_lazy("note"))
    def text_shown(self, note: CallNote) -> str:
        return Truncator(note.text).chars(120) or EMPTY

    @admin.display(description=gettext_lazy("note"))
    def whole_text(self, note: CallNote) -> SafeString:
        return format_html('<div class="voipcti-note-text">{}</div>', note.text or EMPTY)

    @admin.display(description=gettext_lazy("outcome"))
    def outcome_shown(self, note: CallNote) -> SafeString | str:
        return badge(note.outcome, "ring") if note.outcome else EMPTY


def _mask(note: CallNote, request: HttpRequest) -> CallNote:
    """What a colleague wrote may spell a number that the reader may not see."""
    if note.author_id != request.user.pk and not may_see_numbers(request):
        note.text = mask_digits(note.text)
    return note


# --- on the page of a call --------------------------------------------------------------------------------------------


class NoteForm(forms.Form):
    """The note of the user of the page: what he has not saved yet goes before what he has."""

    text = forms.CharField(
        label=gettext_lazy("Your note"),
        max_length=MAX_NOTE_LENGTH,
        required=False,
        widget=forms.Textarea({"rows": 4}),
    )
    outcome: Any = forms.ModelChoiceField(
        label=gettext_lazy("Outcome"), queryset=CallOutcome.objects.none(), required=False
    )
    follow_up_on = forms.DateField(
        label=gettext_lazy("Follow up on"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, data: Any = None, *, note: CallNote | None = None) -> None:
        content = notes.content_of(note) if note else notes.Content()
        initial = {"text": content.text, "outcome": content.outcome, "follow_up_on": content.follow_up_on}
        super().__init__(data, initial=initial, auto_id="id_note_%s")
        outcome: Any = self.fields["outcome"]
        # One that was retired stays with the note that has it.
        kept = Q(pk=content.outcome.pk) if content.outcome else Q(pk__in=())
        outcome.queryset = CallOutcome.objects.filter(Q(is_offered=True) | kept)

    @property
    def content(self) -> notes.Content:
        """What was entered."""
        return notes.Content(**self.cleaned_data)


def note_context(call: Call, request: HttpRequest) -> dict[str, Any]:
    """What the page of a call shows of its notes: saved ones, and the user's own in a form."""
    _call, found = notes.notes_on(request.user, call.pk)
    mine = next((note for note in found if note.author_id == request.user.pk), None)
    return {
        "notes": [_mask(note, request) for note in found if note.saved_at],
        "note_form": NoteForm(note=mine),
        "note_is_draft": mine is not None and mine.draft_at is not None,
    }


class SaveNoteView(View):
    """Saves the note of the user on one call. Wrapped in the admin site's own view, so that only staff get here."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            mine = notes.note_of(request.user, pk)
            form = NoteForm(request.POST, note=mine)
            if form.is_valid():
                note = notes.save(request.user, pk, form.content)
                messages.success(request, _("Your note is saved.") if note.saved_at else _("Your note is taken away."))
            for name, faults in form.errors.items():
                messages.error(request, f"{form.fields[name].label}: {' '.join(str(fault) for fault in faults)}")
        except CommandRefused as refusal:
            messages.error(request, str(refusal))
            return redirect("admin:django_voipcti_call_changelist")
        return redirect("admin:django_voipcti_call_change", pk)
