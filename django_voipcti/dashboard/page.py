"""The whole dashboard: choices, figures, tables and what draws them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..calllog import report as reports
from ..enums import Outcome
from ..models.figures import own_day
from ..personal import hide_names
from . import tables
from .form import DashboardForm

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["call_dashboard"]


def call_dashboard(
    user: "AnyUser | None",
    *,
    data: Mapping[str, Any] | None = None,
    days: int = 30,
    filters: bool = True,
    nonce: str = "",
    keep: Iterable[tuple[str, str]] = (),
) -> SafeString:
    """The figures of the calls that ``user`` may see; nothing for anonymous visitors.

    Args:
        data: the choices as they stand in the page's address: ``since``, ``until``, ``team``, ``line``, ``within``.
        days: how many days are shown at first.
        filters: whether the choices can be changed on the page.
        nonce: for hosts whose Content-Security-Policy wants one on scripts.
        keep: other parts of the address that the form must not lose.
    """
    if user is None or not user.is_authenticated:
        return SafeString("")
    form, keep = DashboardForm(data or {}, user, days), list(keep)
    context: dict[str, Any] = {
        "form": form,
        "filters": filters,
        "keep": keep,
        "nonce": nonce,
        "assets": {
            "styles": static("django_voipcti/dashboard/dashboard.css"),
            "script": static("django_voipcti/dashboard/dashboard.js"),
            "charts": static("django_voipcti/dashboard/chart.umd.min.js"),
        },
        "periods": _periods(form, keep),
    }
    if form.is_valid():
        context |= _contents(form, user)
    return render_to_string("django_voipcti/dashboard.html", context)


def _contents(form: DashboardForm, user: "AnyUser") -> dict[str, Any]:
    since, until, within = (form.cleaned_data[name] for name in ("since", "until", "within"))
    lines = form.chosen_lines()
    report = reports.report(since, until, lines)
    callers = reports.top_callers(since, until, lines)
    hide_names((caller.call for caller in callers), user)
    missing = sum(day < own_day(timezone.now()) for day in report.live)
    return {
        "since": since,
        "until": until,
        "zone": timezone.get_default_timezone_name(),
        "tiles": tables.tiles(report, within),
        "days": tables.days(report),
        "heat": [
            tables.heat(report, "inbound", _("Calls from outside by weekday and hour"), *tables.INBOUND),
            tables.heat(report, "missed", _("Missed calls by weekday and hour"), Outcome.MISSED),
        ],
        "waiting": tables.waiting(report),
        "per_line": tables.per_line(report, within),
        "per_team": tables.per_team(report, form.teams, within),
        "callers": tables.callers(callers, user),
        "not_rolled": ngettext(
            "%(days)d day has no roll-up yet and was counted from the calls.",
            "%(days)d days have no roll-up yet and were counted from the calls.",
            missing,
        )
        % {"days": missing}
        if missing > 2
        else "",
    }


def _periods(form: DashboardForm, keep: list[tuple[str, str]]) -> list[tuple[str, str, bool]]:
    """Ranges that are chosen by one click: text, address, whether it is the one that is shown."""
    today = own_day(timezone.now())
    firsts = [
        (_("Today"), today),
        (_("7 days"), today - timedelta(days=6)),
        (_("30 days"), today - timedelta(days=29)),
        (_("90 days"), today - timedelta(days=89)),
        (_("A year"), today - timedelta(days=364)),
    ]
    others = [*keep, *((name, form.data[name]) for name in ("team", "line", "within") if name in form.data)]
    shown = {"since": form.data["since"], "until": form.data["until"]}
    found = []
    for text, first in firsts:
        days = {"since": first.isoformat(), "until": today.isoformat()}
        found.append((text, f"?{urlencode([*others, *days.items()])}", days == shown))
    return found
