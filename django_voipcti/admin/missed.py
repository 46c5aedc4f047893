"""Missed calls as a list of work: who waits for a call, who called back, and ticking off."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import duties, html, phonebook
from ..briefing import linked_records
from ..models import Call, MissedCall
from ..phonebook import numbers
from .base import EMPTY, ReadOnlyAdmin, badge, line_user, may_see_numbers, other_number, party_link
from .filters import AgentFilter, ContactFilter, QueueFilter, StartFilter, TeamFilter
from .keyset import KeysetChangeList

__all__ = ["DutyFilter", "MissedCallAdmin"]

#: Lines of a ring group that are named; more are counted.
_MOST_LINES = 3


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


class MissedFilter(StartFilter):
    """When it was missed."""

    title = gettext_lazy("missed")
    field = "missed_at"


class _ByLegs(admin.SimpleListFilter):
    """Asks of calls what its other parent class asks, and leaves the conversations that one of these belongs to."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        seen = Call.objects.visible_to(request.user)
        fitting: Any = super().queryset(request, seen)
        return queryset if fitting is seen else queryset.rang_among(fitting)


class RangInTeamFilter(_ByLegs, TeamFilter):
    """At whose lines it rang."""


class RangAtFilter(_ByLegs, AgentFilter):
    """At whose line it rang."""

    title = gettext_lazy("rang at")


class RangQueueFilter(_ByLegs, QueueFilter):
    """The queue or ring group that it came by."""


class CallerFilter(_ByLegs, ContactFilter):
    """Whether the caller is a record of the host."""

    title = gettext_lazy("caller")


@admin.register(MissedCall)
class MissedCallAdmin(ReadOnlyAdmin[MissedCall]):
    """Conversations that nobody answered. Ticking off needs the permission to change missed calls."""

    list_filter = [DutyFilter, MissedFilter, RangInTeamFilter, RangAtFilter, RangQueueFilter, CallerFilter]
    ordering = ["-missed_at", "-id"]
    keyset_field = "missed_at"
    sortable_by = ()
    actions = ["tick_off"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MissedCall]:
        missed = MissedCall.objects.visible_to(request.user)
        return missed.select_related("call__line", "closed_by_call", "closed_by").order_by(*self.ordering)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        _tell_more(changelist.result_list, request)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> MissedCall | None:
        missed = super().get_object(request, object_id, from_field)
        if missed is not None:
            _tell_more([missed], request)
        return missed

    def shown_calls(self, rows: Iterable[MissedCall]) -> Iterable[Call]:
        return [missed.call for missed in rows]

    def get_list_display(self, request: HttpRequest) -> Any:
        return ["when", *self._party(request), "tried", "lines", "state"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["when", *self._party(request), "tried", "lines", "state", "call_page", "late_told_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    def _party(self, request: HttpRequest) -> list[str]:
        return ["party", "number"] if may_see_numbers(request) else ["masked_party", "masked_number"]

    def has_tick_off_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the action."""
        return request.user.has_perm("django_voipcti.change_missedcall")

    @admin.action(description=gettext_lazy("Tick off: no call back needed"), permissions=["tick_off"])
    def tick_off(self, request: HttpRequest, queryset: Any) -> None:
        count = queryset.tick_off(request.user, timezone.now())
        text = ngettext("%(count)d missed call was ticked off.", "%(count)d missed calls were ticked off.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS if count else messages.INFO)

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("missed"))
    def when(self, missed: MissedCall) -> SafeString:
        moment = timezone.localtime(missed.missed_at)
        text = date_format(moment, "SHORT_DATETIME_FORMAT")
        now = timezone.now()
        ago = _("%(time)s ago") % {"time": timesince(missed.missed_at, now, depth=1)}
        if now - missed.missed_at < timedelta(minutes=1):
            ago = _("just now")
        return format_html(
            '<time datetime="{}">{}</time> <span class="voipcti-aside">{}</span>', moment.isoformat(), text, ago
        )

    @admin.display(description=gettext_lazy("caller"))
    def party(self, missed: MissedCall) -> SafeString:
        return party_link(missed.call, full=True)

    @admin.display(description=gettext_lazy("caller"))
    def masked_party(self, missed: MissedCall) -> SafeString:
        return party_link(missed.call, full=False)

    @admin.display(description=gettext_lazy("call back"))
    def number(self, missed: Any) -> SafeString:
        """The number that called, and the others of the record: any of them settles it."""
        region = missed.call.line.effective_region
        spelled: dict[str, str] = {}
        for number in missed.numbers:
            spelled.setdefault(numbers.display(number, region), number)
        links = ((html.click_to_call(number, region=region),) for number in spelled.values())
        return format_html('<span class="voipcti-callback">{}</span>', format_html_join(" ", "{}", links))

    @admin.display(description=gettext_lazy("number"))
    def masked_number(self, missed: MissedCall) -> SafeString:
        return format_html('<span class="voipcti-number">{}</span>', other_number(missed.call, full=False))

    @admin.display(description=gettext_lazy("tried"))
    def tried(self, missed: Any) -> SafeString | str:
        count = missed.tries.count
        if count < 2:
            return _("once")
        text = ngettext("%(count)d time", "%(count)d times", count) % {"count": count}
        first = _("since %(moment)s") % {"moment": _short(missed.tries.first_at)}
        return format_html('{} <span class="voipcti-aside">{}</span>', badge(text, "wait"), first)

    @admin.display(description=gettext_lazy("rang at"))
    def lines(self, missed: Any) -> SafeString | str:
        """Whom it rang at, and what it came by."""
        if not missed.legs:
            return EMPTY
        named = {leg.line_id: leg.line for leg in missed.legs}
        first = ((line_user(line),) for line in list(named.values())[:_MOST_LINES])
        shown = format_html_join("", '<span class="voipcti-rang">{}</span>', first)
        more = len(named) - _MOST_LINES
        if more > 0:
            text = ngettext("%(count)d more", "%(count)d more", more) % {"count": more}
            shown = format_html('{} <span class="voipcti-legs">{}</span>', shown, text)
        context = next((leg.context for leg in missed.legs if leg.context), "")
        return format_html('{} <span class="voipcti-aside">{}</span>', shown, context) if context else shown

    @admin.display(description=gettext_lazy("state"))
    def state(self, missed: Any) -> SafeString:
        """Whether the caller still waits; who did what after how long, with a link to that call's page."""
        now = timezone.now()
        if missed.closed_at is not None:
            outcome: Any = missed.outcome
            if missed.shows_talk:
                address = reverse("admin:django_voipcti_call_change", args=[missed.closed_by_call_id])
                outcome = format_html('<a href="{}">{}</a>', address, outcome)
            return format_html('{} <span class="voipcti-aside">{}</span>', badge(_("done"), "good"), outcome)
        if missed.due_at is None:
            return badge(_("open"), "wait")
        if missed.is_late(now):
            shown, aside = badge(_("late"), "bad"), _("for %(time)s") % {"time": timesince(missed.due_at, now, depth=1)}
        else:
            shown, aside = (
                badge(_("open"), "wait"),
                _("due in %(time)s") % {"time": timeuntil(missed.due_at, now)},
            )
        title = date_format(timezone.localtime(missed.due_at), "SHORT_DATETIME_FORMAT")
        return format_html('{} <span class="voipcti-aside" title="{}">{}</span>', shown, title, aside)

    @admin.display(description=gettext_lazy("call"))
    def call_page(self, missed: MissedCall) -> SafeString:
        address = reverse("admin:django_voipcti_call_change", args=[missed.call_id])
        return format_html('<a href="{}">{}</a>', address, _("Call %(number)d") % {"number": missed.call_id})


def _short(moment: datetime) -> str:
    """A moment of today by its time alone."""
    local = timezone.localtime(moment)
    return date_format(local, "TIME_FORMAT" if local.date() == timezone.localdate() else "SHORT_DATETIME_FORMAT")


def _tell_more(rows: Collection[Any], request: HttpRequest) -> None:
    """Note on each row what its columns say beside the row itself, with a fixed number of queries for all of them."""
    user = request.user
    tries, legs = duties.tries(rows, user), duties.rang_at(rows, user)
    talks = {missed.closed_by_call_id for missed in rows} - {None}
    seen = set(Call.objects.visible_to(user).filter(pk__in=talks).values_list("pk", flat=True)) if talks else set()
    records = _known_records([missed.call for missed in rows], user) if may_see_numbers(request) else {}
    others = phonebook.numbers_of(set(records.values())) if records else {}
    for missed in rows:
        call = missed.call
        known = others[records[call.pk]] if call.pk in records else []
        missed.numbers = [call.other_e164 or call.other_number, *known]
        missed.tries, missed.legs = tries[missed.pk], legs[missed.pk]
        missed.shows_talk = missed.closed_by_call_id in seen


def _known_records(calls: Collection[Call], user: Any) -> dict[int, tuple[int, str]]:
    """The linked records that the user may view, by the call's primary key."""
    viewer = phonebook.Viewer(user)
    linked = linked_records([call for call in calls if call.contact_type_id], {})
    return {pk: match.key for pk, match in linked.items() if viewer.may_view(match)}
