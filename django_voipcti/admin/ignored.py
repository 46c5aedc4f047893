"""The ignore list and the do-not-call list: numbers in any spelling go in, and come off again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from ..exceptions import CommandRefused
from ..models import DoNotCallNumber, IgnoredNumber
from ..models.rules import ListedNumber
from ..phonebook import numbers
from ..phonebook.rules import ignore_pattern
from ..redaction import mask_number
from .base import EMPTY, ModelAdmin, action_checkbox, may_see_numbers

__all__ = ["DoNotCallNumberAdmin", "IgnoredNumberAdmin"]


class ListedNumberForm(forms.ModelForm):  # type: ignore[type-arg]  # subscripted it would be evaluated at run time
    """Takes a number as people write it; what is kept is what calls are compared with."""

    class Meta:
        fields = ("pattern", "note")
        help_texts = {
            "pattern": gettext_lazy(
                "A number in any spelling. For all numbers that begin alike, their beginning in international form and"
                " a star: +49180*"
            )
        }
        error_messages = {"pattern": {"unique": gettext_lazy("This number is on the list already.")}}

    def clean_pattern(self) -> str:
        try:
            return ignore_pattern(self.cleaned_data["pattern"])
        except CommandRefused as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from refusal


class ListedNumberAdmin(ModelAdmin[Any]):
    """A list of numbers. Those who may not see complete numbers have the list only, masked."""

    form = ListedNumberForm
    fields = ["pattern", "note"]
    list_select_related = ["created_by"]
    list_per_page = 50
    ordering = ["-created_at", "-pk"]
    sortable_by = ["created_at"]
    search_fields = ["note"]
    search_help_text = gettext_lazy("The reason, or a telephone number in any spelling.")
    actions = ["take_off"]

    class Media:
        css = {"all": ["django_voipcti/admin/voipcti.css"]}

    def get_list_display(self, request: HttpRequest) -> Any:
        return ["number" if may_see_numbers(request) else "masked_number", "note", "created_by", "created_at"]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return ["number"] if may_see_numbers(request) else None

    # The title of an object's page is the whole number.

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and (obj is None or may_see_numbers(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or may_see_numbers(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or may_see_numbers(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ListedNumber], search_term: str
    ) -> tuple[QuerySet[ListedNumber], bool]:
        keys = numbers.search_keys(search_term)
        if keys:
            return queryset.filter(Q(pattern__in=keys) | Q(note__icontains=search_term)), False
        return super().get_search_results(request, queryset, search_term)

    def save_model(self, request: HttpRequest, obj: ListedNumber, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]  # the admin lets nobody in who is anonymous
        super().save_model(request, obj, form, change)

    def get_actions(self, request: HttpRequest) -> Any:
        """Without Django's own deletion, whose page would show complete numbers."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description=gettext_lazy("Take off the list"), permissions=["delete"])
    def take_off(self, request: HttpRequest, queryset: QuerySet[ListedNumber]) -> None:
        self.log_deletions(request, queryset)
        count, _details = queryset.delete()
        self.message_user(request, self.taken_off(count), messages.SUCCESS)

    def taken_off(self, count: int) -> str:
        """What to say about numbers that came off the list."""
        raise NotImplementedError

    # --- columns ----------------------------------------------------------------------------------------------------

    def action_checkbox(self, obj: ListedNumber) -> SafeString:
        return action_checkbox(obj)

    @admin.display(description=gettext_lazy("number"))
    def number(self, listed: ListedNumber) -> SafeString:
        return _shown(listed.pattern)

    @admin.display(description=gettext_lazy("number"))
    def masked_number(self, listed: ListedNumber) -> SafeString:
        return _shown(mask_number(listed.pattern))


@admin.register(IgnoredNumber)
class IgnoredNumberAdmin(ListedNumberAdmin):
    """Numbers for which nothing pops up."""

    def taken_off(self, count: int) -> str:
        text = ngettext("%(count)d number is no longer ignored.", "%(count)d numbers are no longer ignored.", count)
        return text % {"count": count}


@admin.register(DoNotCallNumber)
class DoNotCallNumberAdmin(ListedNumberAdmin):
    """Numbers that nobody calls unasked."""

    def taken_off(self, count: int) -> str:
        text = ngettext("%(count)d number may be called again.", "%(count)d numbers may be called again.", count)
        return text % {"count": count}


def _shown(pattern: str) -> SafeString:
    """A number as people write it; a beginning with a word that says so."""
    if pattern.endswith("*") and pattern.startswith("+"):
        return format_html('<span class="voipcti-number">{}…</span>', pattern[:-1])
    shown = numbers.display(pattern) if "*" not in pattern else pattern
    return format_html('<span class="voipcti-number">{}</span>', shown or EMPTY)
