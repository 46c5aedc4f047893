"""Learned choices and attached numbers: who said that which number is whose, to look at and to forget."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..models import PhonebookChoice
from ..phonebook import choices, numbers, shown_to
from ..redaction import mask_number
from .base import EMPTY, ReadOnlyAdmin, badge, may_see_numbers

__all__ = ["PhonebookChoiceAdmin"]


class _ChangeList(ChangeList):
    """Reads the records of a page's choices at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = with_records(request, list(self.result_list))


@admin.register(PhonebookChoice)
class PhonebookChoiceAdmin(ReadOnlyAdmin[PhonebookChoice]):
    """What people told the phonebook. Forgetting needs the permission to delete choices."""

    list_filter = ["is_attached"]
    ordering = ["-made_at", "-id"]
    sortable_by = ()
    search_fields = ["user__username"]
    search_help_text = gettext_lazy("A telephone number in any spelling, or a user.")
    actions = ["forget"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PhonebookChoice]:
        return super().get_queryset(request).select_related("user", "content_type")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _ChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        choice = super().get_object(request, object_id, from_field)
        return with_records(request, [choice])[0] if choice else None

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Hosts name the field by which users log in as they like."""
        return [f"user__{PhonebookChoice.user.field.related_model.USERNAME_FIELD}"]  # type: ignore[attr-defined]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PhonebookChoice], search_term: str
    ) -> tuple[QuerySet[PhonebookChoice], bool]:
        keys = numbers.search_keys(search_term)
        if keys:
            return queryset.filter(number__in=keys), False
        return super().get_search_results(request, queryset, search_term)

    def get_list_display(self, request: HttpRequest) -> Any:
        return [_number(request), "record", "kind", "user", "made_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(_number(request), "record"), ("kind", "user", "made_at")]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["shown_number", "masked_number", "record", "kind", "user", "made_at"]

    def has_forget_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the action."""
        return request.user.has_perm("django_voipcti.delete_phonebookchoice")

    @admin.action(description=gettext_lazy("Forget"), permissions=["forget"])
    def forget(self, request: HttpRequest, queryset: QuerySet[PhonebookChoice]) -> None:
        count = choices.discard(queryset)
        text = ngettext("%(count)d choice is forgotten.", "%(count)d choices are forgotten.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS if count else messages.INFO)

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("number"))
    def shown_number(self, choice: PhonebookChoice) -> SafeString:
        return format_html('<span class="voipcti-number">{}</span>', numbers.display(choice.number))

    @admin.display(description=gettext_lazy("number"))
    def masked_number(self, choice: PhonebookChoice) -> SafeString:
        shown = mask_number(numbers.display(choice.number))
        return format_html('<span class="voipcti-number">{}</span>', shown)

    @admin.display(description=gettext_lazy("record"))
    def record(self, choice: Any) -> SafeString:
        match = choice.match
        if match is None:
            return format_html('<span class="voipcti-quiet">{}</span>', _("gone, or not to be found any more"))
        name = format_html('<a href="{}">{}</a>', match.url, match.label) if match.url else match.label or EMPTY
        return format_html('{} <span class="voipcti-aside">{}</span>', name, match.company or choice.content_type.name)

    @admin.display(description=gettext_lazy("kind"))
    def kind(self, choice: PhonebookChoice) -> SafeString:
        if choice.is_attached:
            return badge(_("attached, for everybody"), "ring")
        return badge(_("chosen by the user"), "good")


def with_records(request: HttpRequest, chosen: Sequence[Any]) -> list[Any]:
    """The choices, each with its record as the user may see it in ``match``, or None; a fixed number of queries."""
    found = choices.records(chosen)
    for choice in chosen:
        match = found.get((choice.content_type_id, choice.object_id))
        choice.match = shown_to(request.user, [match])[0] if match else None
    return list(chosen)


def _number(request: HttpRequest) -> str:
    return "shown_number" if may_see_numbers(request) else "masked_number"
