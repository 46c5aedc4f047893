"""The phonebook's side index: under which numbers a record is found, and which of its numbers cannot be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import Line, PhonebookEntry, ReindexProgress
from ..models.phonebook import EntryKind
from ..phonebook import numbers
from ..phonebook.registry import registry
from ..redaction import mask_digits, mask_number
from .base import EMPTY, ReadOnlyAdmin, badge, may_see_numbers

__all__ = ["PhonebookEntryAdmin"]

_TONES = {EntryKind.UNREADABLE: "bad", EntryKind.POSSIBLE: "wait", EntryKind.LEARNED: "good"}


@admin.register(PhonebookEntry)
class PhonebookEntryAdmin(ReadOnlyAdmin[PhonebookEntry]):
    """Rows of the index. They are made from the host's records; mend a number there."""

    list_filter = ["kind"]
    # The record's name leads to the record.
    list_display_links = ["kind_shown"]
    list_select_related = ["content_type", "owner"]
    ordering = ["-id"]
    sortable_by = ()
    search_fields = ["label", "company"]
    search_help_text = _("Name or company, or a telephone number in any spelling.")
    change_list_template = "admin/django_voipcti/phonebookentry/change_list.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "index_status": list(index_status())})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PhonebookEntry], search_term: str
    ) -> tuple[QuerySet[PhonebookEntry], bool]:
        number = numbers.parse(search_term)
        if number.e164:
            return queryset.filter(Q(e164=number.e164) | Q(e164="", national=number.national)), False
        if number.kind == "short":
            return queryset.filter(e164="", national=number.national), False
        return super().get_search_results(request, queryset, search_term)

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = ["text", "number"] if may_see_numbers(request) else ["masked_text", "masked_number"]
        return ["record", "company", *shown, "kind_shown", "field", "owner"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = ("text", "number") if may_see_numbers(request) else ("masked_text", "masked_number")
        return [
            ("record", "company", "owner"),
            shown,
            ("kind_shown", "assumed", "extension"),
            ("content_type", "field"),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["record", "number", "masked_text", "masked_number", "kind_shown"]

    @admin.display(description=_("record"))
    def record(self, entry: PhonebookEntry) -> SafeString | str:
        if not entry.url:
            return entry.label or EMPTY
        return format_html('<a href="{}">{}</a>', entry.url, entry.label or entry.url)

    @admin.display(description=_("number"))
    def number(self, entry: PhonebookEntry) -> SafeString:
        return format_html('<span class="voipcti-number">{}</span>', _shown(entry) or EMPTY)

    @admin.display(description=_("number"))
    def masked_number(self, entry: PhonebookEntry) -> SafeString:
        return format_html('<span class="voipcti-number">{}</span>', mask_number(_shown(entry)) or EMPTY)

    @admin.display(description=_("as it stands in the record"))
    def masked_text(self, entry: PhonebookEntry) -> str:
        # Short groups ("020 79 46") would pass as harmless digits, so the whole text counts as one number.
        return mask_number(mask_digits(entry.text)) or EMPTY

    @admin.display(description=_("kind"))
    def kind_shown(self, entry: PhonebookEntry) -> SafeString:
        kind = EntryKind(entry.kind)
        return badge(kind.label, _TONES.get(kind, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """How the index stands for one registered model."""

    name: str
    is_missing: bool
    """Whether there are records, and not one entry."""
    stopped_at: int
    """Behind how many records a run of ``voipcti_reindex`` is, or was broken off; 0 if the last one came to its end."""


def index_status() -> Iterator[ModelStatus]:
    """The registered models of the host; two or three short queries each, whatever their size."""
    progress = dict(ReindexProgress.objects.values_list("content_type_id", "records"))
    for registration in registry:
        if registration.model is Line:
            continue
        content_type_id = ContentType.objects.get_for_model(registration.model).pk
        entries = PhonebookEntry.objects.filter(content_type_id=content_type_id)
        yield ModelStatus(
            name=str(registration.model._meta.verbose_name_plural),
            is_missing=not entries.exists() and registration.model._base_manager.exists(),
            stopped_at=progress.get(content_type_id, 0),
        )


def _shown(entry: PhonebookEntry) -> str:
    return numbers.display(entry.e164) if entry.e164 else str(entry.national)
