"""Filters whose cost does not grow with the call log."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import app_settings
from ..enums import FINAL_STATES, LIVE_STATES, Direction, EndReason
from ..models import Call, Line, Team
from ..models.call import NOT_SET_UP
from .base import ModelAdmin

__all__ = [
    "AgentFilter",
    "ContactFilter",
    "OutcomeFilter",
    "ProviderFilter",
    "QueueFilter",
    "RowsFilter",
    "StartFilter",
    "TalkFilter",
    "TeamFilter",
]

#: More agents than this make a list that nobody scans; the search box finds them.
MOST_AGENTS = 40


class _DayInput(forms.DateInput):
    """The browser's own calendar, which wants ISO dates whatever the language."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class CustomRange(forms.Form):
    """The two ends of a range of days, both included; either may be open."""

    since = forms.DateField(label=_("From"), required=False, widget=_DayInput())
    until = forms.DateField(label=_("To"), required=False, widget=_DayInput())


class StartFilter(admin.ListFilter):
    """Today, the last seven days, this month, or any range: each one range scan of the index over the start.

    Instead of ``date_hierarchy``, which asks for every distinct day of the table: seconds on a large one.
    """

    title = _("start")
    template = "admin/django_voipcti/start_filter.html"
    field = "started_at"

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type[Model], model_admin: ModelAdmin[Any]
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.expected_parameters():
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]
        self.form = CustomRange(self.used_parameters if self._is_custom else None)
        self.kept: list[tuple[str, str]] = []

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return ["start", "since", "until"]

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        own = [str(name) for name in self.expected_parameters()]
        self.kept = [(name, value) for name, values in changelist.params.items() if name not in own for value in values]
        chosen = self.used_parameters.get("start", "")
        for value, text in [("", _("Any time")), *((name, text) for name, (text, _days) in _periods().items())]:
            yield {
                "selected": value == chosen and not self._is_custom,
                "query_string": changelist.get_query_string({"start": value} if value else {}, remove=own),
                "display": text,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self._is_custom:
            if not self.form.is_valid():
                return queryset
            since, until = self.form.cleaned_data["since"], self.form.cleaned_data["until"]
        else:
            period = _periods().get(str(self.used_parameters.get("start", "")))
            if period is None:
                return queryset
            since, until = period[1], None
        condition = Q()
        if since:
            condition &= Q(**{f"{self.field}__gte": _midnight(since)})
        if until:
            condition &= Q(**{f"{self.field}__lt": _midnight(until + timedelta(days=1))})
        return queryset.filter(condition)

    @property
    def _is_custom(self) -> bool:
        return bool(self.used_parameters.get("since") or self.used_parameters.get("until"))


def _periods() -> dict[str, tuple[Any, date]]:
    """The quick ranges: address value → text and first day."""
    today = timezone.localdate()
    return {
        "today": (_("Today"), today),
        "week": (_("Past 7 days"), today - timedelta(days=6)),
        "month": (_("This month"), today.replace(day=1)),
    }


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


class RowsFilter(admin.SimpleListFilter):
    """What a row is. The list does it: see :class:`django_voipcti.admin.call_list.CallChangeList`."""

    title = _("rows")
    parameter_name = "rows"
    LEGS = "legs"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [(self.LEGS, _("each line’s part"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        folded, legs = super().choices(changelist)
        folded["display"] = _("conversations")
        yield folded
        yield legs

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset


class OutcomeFilter(admin.SimpleListFilter):
    """What came of a call, in the words of a team leader."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [
            ("live", _("Live now")),
            ("talked", _("Talked")),
            ("missed", _("Missed")),
            ("unreached", _("Nobody reached")),
            ("failed", _("Not set up")),
        ]

    CONDITIONS = {
        "live": Q(state__in=sorted(LIVE_STATES)),
        "talked": Q(state__in=sorted(FINAL_STATES), answered_at__isnull=False),
        "unreached": Q(direction=Direction.OUTBOUND),
    }
    REASONS = {
        "missed": {EndReason.MISSED},
        "unreached": {EndReason.NO_ANSWER, EndReason.BUSY, EndReason.DECLINED},
        "failed": NOT_SET_UP,
    }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value, reason = self.value() or "", request.GET.get("end_reason__exact")
        queryset = queryset.filter(self.CONDITIONS.get(value, Q()))
        reasons = self.REASONS.get(value)
        if reasons is None:
            return queryset
        if not reason:
            return queryset.filter(end_reason__in=sorted(reasons))
        # The other filter says which one; said twice, the database would take two conditions for rarer than one.
        return queryset if reason in reasons else queryset.none()


class AgentFilter(admin.SimpleListFilter):
    """Whose line: reads the users that have one, never the calls."""

    title = _("user")
    parameter_name = "agent"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[Any, str]]:
        users = get_user_model()._default_manager.filter(voipcti_lines__isnull=False).distinct()
        listed = list(users.order_by("pk")[: MOST_AGENTS + 1])
        if len(listed) > MOST_AGENTS:
            return []
        return sorted(
            ((str(user.pk), user.get_full_name() or user.get_username()) for user in listed),
            key=lambda choice: choice[1],
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(line__user_id=value) if value and value.isdecimal() else queryset


class TeamFilter(admin.SimpleListFilter):
    """The lines of a team that the user leads, or of any if he watches all."""

    title = _("team")
    parameter_name = "team"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[Any, str]]:
        return [(str(team.pk), team.name) for team in Team.objects.visible_to(request.user)[:MOST_AGENTS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value or not value.isdecimal():
            return queryset
        return queryset.filter(line__in=_pks(Line.objects.filter(user__voipcti_teams=int(value))))


class ProviderFilter(admin.SimpleListFilter):
    """Which telephone system, by the lines it has; of interest where there are several."""

    title = _("provider")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        aliases = list(app_settings.providers)
        return [(alias, alias) for alias in aliases] if len(aliases) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(line__in=_pks(Line.objects.filter(provider=value))) if value else queryset


def _pks(lines: QuerySet[Line]) -> list[int]:
    """Lines are few: read beforehand, they let the database begin at the right places of its index."""
    return list(lines.values_list("pk", flat=True))


class ContactFilter(admin.SimpleListFilter):
    """Whether the other party is a record of the host."""

    title = _("contact")
    parameter_name = "contact"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("known", _("known")), ("unknown", _("unknown"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "known":
                return queryset.filter(contact_type__isnull=False)
            case "unknown":
                return queryset.filter(contact_type=None, other_line=None)
        return queryset


class QueueFilter(admin.SimpleListFilter):
    """The queue or ring group that a call came by."""

    title = _("queue or ring group")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(name, name) for name in Call.objects.contexts(MOST_AGENTS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(context=value) if value else queryset


class TalkFilter(admin.SimpleListFilter):
    """How long the parties talked."""

    title = _("talk time")
    parameter_name = "talk"

    CLASSES = {
        "short": (_("less than 30 s"), 0, 30),
        "medium": (_("30 s to 3 min"), 30, 180),
        "long": (_("3 to 10 min"), 180, 600),
        "very-long": (_("more than 10 min"), 600, None),
    }

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("none", _("none")), *((name, text) for name, (text, _least, _most) in self.CLASSES.items())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value == "none":
            talked = request.GET.get(OutcomeFilter.parameter_name) == "talked"
            return queryset.none() if talked else queryset.filter(answered_at=None, ended_at__isnull=False)
        if value not in self.CLASSES:
            return queryset
        _text, least, most = self.CLASSES[value]
        answered = F("answered_at")
        # Said for itself, this can be read in an index.
        queryset = queryset.filter(answered_at__isnull=False, ended_at__gte=answered + timedelta(seconds=least))
        return queryset if most is None else queryset.filter(ended_at__lt=answered + timedelta(seconds=most))
