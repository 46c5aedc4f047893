"""Commands: who asked what of which call, which bridge did it, and what came of it."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..enums import CommandState
from ..models import Call, CallCommand
from ..models.command import CallCommandQuerySet
from ..models.line import seen_lines
from ..redaction import mask_digits
from .base import EMPTY, ReadOnlyAdmin, may_see_numbers, offset, other_party, pretty, state_badge

__all__ = ["CallCommandAdmin", "overridden"]

#: What people call the concerns of this package; those of the host stand under their codes.
CONCERNS = {
    "do_not_call": _("does not want to be called"),
    "quiet_hours": _("quiet hours"),
    "recent_call": _("spoke to one of us shortly before"),
}


class OverriddenFilter(admin.SimpleListFilter):
    """Calls that were placed although something spoke against them."""

    title = _("overridden concerns")
    parameter_name = "overridden"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("any")), *((code, label) for code, label in CONCERNS.items())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CallCommand]) -> QuerySet[CallCommand]:
        code = self.value()
        if not code:
            return queryset
        return cast(CallCommandQuerySet, queryset).overriding("" if code == "yes" else code)


@admin.register(CallCommand)
class CallCommandAdmin(ReadOnlyAdmin[CallCommand]):
    """Commands, newest first. Only ``control`` makes them, only a bridge carries them out."""

    list_filter = ["action", "state", OverriddenFilter]
    search_fields = ["reason", "message", "requested_by__username"]
    search_help_text = _("The reason or outcome, or who asked.")
    list_select_related = ["requested_by", "line", "call__line"]
    ordering = ["-id"]
    sortable_by = ["created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CallCommand]:
        return super().get_queryset(request).filter(seen_lines(request.user))

    def shown_calls(self, rows: Iterable[CallCommand]) -> Iterable[Call]:
        return [command.call for command in rows]

    def get_list_display(self, request: HttpRequest) -> Any:
        call = "call_shown" if may_see_numbers(request) else "masked_call"
        return ["created_at", "action", call, "requested_by", "state_shown", "took", *_words(request)]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        full = may_see_numbers(request)
        message, reason = _words(request)
        return [
            ("action", "state_shown", message),
            ("call_shown" if full else "masked_call", "line"),
            "arguments_shown" if full else "masked_arguments",
            ("requested_by", "created_at", "expires_at"),
            ("claimed_by", "claimed_at", "finished_at", "took"),
            ("overridden_shown", reason),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [
            "state_shown",
            "call_shown",
            "masked_call",
            "arguments_shown",
            "masked_arguments",
            "took",
            "overridden_shown",
            "masked_message",
            "masked_reason",
        ]

    @admin.display(description=_("state"))
    def state_shown(self, command: CallCommand) -> SafeString | str:
        return state_badge(CommandState(command.state))

    @admin.display(description=_("call"))
    def call_shown(self, command: CallCommand) -> SafeString:
        return _link(command, full=True)

    @admin.display(description=_("call"))
    def masked_call(self, command: CallCommand) -> SafeString:
        return _link(command, full=False)

    @admin.display(description=_("arguments"))
    def arguments_shown(self, command: CallCommand) -> SafeString | str:
        return _arguments(command, full=True)

    @admin.display(description=_("arguments"))
    def masked_arguments(self, command: CallCommand) -> SafeString | str:
        return _arguments(command, full=False)

    @admin.display(description=_("outcome"))
    def masked_message(self, command: CallCommand) -> str:
        return mask_digits(command.message)

    @admin.display(description=_("reason"))
    def masked_reason(self, command: CallCommand) -> str:
        return mask_digits(command.reason)

    @admin.display(description=_("overridden concerns"))
    def overridden_shown(self, command: CallCommand) -> str:
        return overridden(command) or EMPTY

    @admin.display(description=_("took"))
    def took(self, command: CallCommand) -> str:
        return offset(command.finished_at, command.created_at) if command.finished_at else EMPTY


def overridden(command: CallCommand) -> str:
    """What spoke against the call, in words; empty if nothing did."""
    return ", ".join(str(CONCERNS.get(code, code)) for code in command.overridden)


def _words(request: HttpRequest) -> list[str]:
    """The fields with what people and providers wrote, which may quote numbers."""
    return ["message", "reason"] if may_see_numbers(request) else ["masked_message", "masked_reason"]


def _link(command: CallCommand, *, full: bool) -> SafeString:
    address = reverse("admin:django_voipcti_call_change", args=[command.call_id])
    return format_html('<a href="{}">{}</a>', address, other_party(command.call, full=full))


def _arguments(command: CallCommand, *, full: bool) -> SafeString | str:
    if not command.arguments:
        return EMPTY
    return format_html('<pre class="voipcti-raw">{}</pre>', pretty(command.arguments, full=full))
