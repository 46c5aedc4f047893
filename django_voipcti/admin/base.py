"""What the admin pages share: read-only pages, badges, durations, masked numbers."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Max, Min, Model
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..enums import CallState, CommandState, Direction, LineStatus
from ..models import Call, Line
from ..personal import hide_names
from ..phonebook import numbers
from ..redaction import mask_digits, mask_number

__all__ = [
    "EMPTY",
    "CappedPaginator",
    "ModelAdmin",
    "ReadOnlyAdmin",
    "action_checkbox",
    "arrow",
    "badge",
    "duration",
    "line_user",
    "may_see_numbers",
    "other_number",
    "other_party",
    "party_link",
    "pretty",
    "state_badge",
]

EMPTY = "–"

#: Beyond this many rows a count is estimated (all rows) or cut off (filtered ones).
COUNT_LIMIT = 10_000

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin
else:

    class ModelAdmin(admin.ModelAdmin):
        """Django's, which takes its model in brackets for the type checker only."""

        __class_getitem__ = classmethod(lambda cls, model: cls)


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # subscripted it would be evaluated at run time
    """Counts exactly as far as that is cheap.

    Up to ``count_limit`` rows the count is exact. Beyond it, the number of all rows is estimated from the lowest and
    highest primary key (rows are numbered in turn and hardly ever removed), and a filtered list ends at the limit:
    nobody turns two hundred pages, and a count would read the whole table for it.
    """

    count_limit = COUNT_LIMIT
    estimated = False
    cut_off = False

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        # A sliced query is counted in a subquery, which stops at the limit.
        # Only the key is wanted: the row itself would be fetched for each.
        exact = int(rows.order_by().values("pk")[: self.count_limit + 1].count())
        if exact <= self.count_limit:
            return exact
        if rows.query.where:
            self.cut_off = True
            return self.count_limit
        self.estimated = True
        ends = rows.order_by().aggregate(first=Min("pk"), last=Max("pk"))
        return int(ends["last"] - ends["first"] + 1)


class ReadOnlyAdmin(ModelAdmin[M]):
    """A list and a page to look at; nothing to add, change or delete."""

    list_max_show_all = 0
    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False
    # Counting every choice of every filter reads the table once for each.
    show_facets = admin.ShowFacets.NEVER

    class Media:
        css = {"all": ["django_voipcti/admin/voipcti.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def shown_calls(self, rows: Iterable[M]) -> Iterable[Call]:
        """The calls whose parties are named beside these rows."""
        return ()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M | None:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            hide_names(self.shown_calls([row]), request.user)
        return row

    def action_checkbox(self, obj: Any) -> SafeString:
        return action_checkbox(obj)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        hide_names(self.shown_calls(changelist.result_list), request.user)
        if not (changelist.query or changelist.has_active_filters):
            # Nothing is left out, so "12 results (show all)" beside the search box would say nothing.
            changelist.full_result_count = changelist.result_count
        return changelist


def action_checkbox(obj: Model) -> SafeString:
    """The box by which a row is chosen. Django's reads the object out: names and numbers that may have to be masked."""
    label = _("Choose no. %(key)s") % {"key": obj.pk}
    box = forms.CheckboxInput({"class": "action-select", "aria-label": label}, lambda value: False)
    return box.render(helpers.ACTION_CHECKBOX_NAME, str(obj.pk))


# --- pieces of pages --------------------------------------------------------------------------------------------------


_STATE_TONES = {
    CallState.REQUESTED: "wait",
    CallState.INITIAL: "ring",
    CallState.ACCEPTED: "ring",
    CallState.RINGING: "ring",
    CallState.CONNECTED: "good",
    CallState.ON_HOLD: "wait",
    CallState.HANGUP: "",
    CallState.CANCEL: "bad",
    LineStatus.READY: "good",
    LineStatus.LOGGED_IN: "wait",
    LineStatus.LOGGED_OUT: "",
    LineStatus.ERROR: "bad",
    CommandState.PENDING: "wait",
    CommandState.CLAIMED: "ring",
    CommandState.SUCCEEDED: "good",
    CommandState.FAILED: "bad",
    CommandState.EXPIRED: "bad",
}


def badge(text: object, tone: str = "", *, title: object = "") -> SafeString:
    """A short text on a coloured ground; tones: ``good``, ``ring``, ``wait``, ``bad``, or none."""
    return format_html('<span class="voipcti-badge {}" title="{}">{}</span>', tone, title, text)


def state_badge(state: CallState | LineStatus | CommandState | None, *, title: str = "") -> SafeString | str:
    """The badge of a state, in the colour that it has everywhere."""
    return badge(state.label, _STATE_TONES[state], title=title) if state else EMPTY


def duration(value: timedelta | None) -> str:
    """A duration as people read it: ``0:42``, ``12:05``, ``1:02:07``."""
    if value is None:
        return EMPTY
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def offset(moment: datetime, start: datetime) -> str:
    """How long after ``start``, in seconds with milliseconds: ``+1.204 s``."""
    return f"{(moment - start).total_seconds():+.3f} s"


def may_see_numbers(request: HttpRequest) -> bool:
    """Whether the user may see complete telephone numbers."""
    return request.user.has_perm("django_voipcti.view_full_number")


def other_number(call: Call, *, full: bool) -> str:
    """The other party's number as people write it, masked unless ``full``."""
    known: str = call.other_e164 or call.other_number
    if numbers.parse(known).kind == "withheld":
        return str(_("withheld number"))
    shown = numbers.display(known, call.line.effective_region)
    return shown if full or call.internal else mask_number(shown)


def other_party(call: Call, *, full: bool) -> str:
    """The other party's name as well as it is known; the number where there is none."""
    if not call.known_name:
        return other_number(call, full=full)
    return call.known_name if full else mask_digits(call.known_name)


def arrow(call: Call) -> SafeString:
    """The direction as an arrow, and in words for those who cannot see it."""
    direction = Direction(call.direction)
    return format_html(
        '<span class="voipcti-way {}" role="img" title="{}" aria-label="{}"></span>',
        direction.value.lower(),
        direction.label,
        direction.label,
    )


def line_user(line: Line) -> SafeString:
    """Whose line it is, and its extension."""
    user = line.user
    name = (user.get_full_name() or user.get_username()) if user else ""
    return format_html('{} <span class="voipcti-aside">{}</span>', name or line, line.extension or line.account)


def party_link(call: Call, *, full: bool) -> SafeString:
    """Name, with a link to the host's record if there is one, and company."""
    name = other_party(call, full=full)
    shown = format_html('<a href="{}">{}</a>', call.contact_url, name) if call.contact_url else name
    return format_html('{} <span class="voipcti-aside">{}</span>', shown, call.contact_company)


def pretty(value: Any, *, full: bool) -> str:
    """JSON (or a text that may be JSON) in indented form, its numbers masked unless ``full``."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value if full else mask_digits(value)
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return text if full else mask_digits(text)
