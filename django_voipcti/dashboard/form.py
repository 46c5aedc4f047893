"""Which calls the dashboard shows: days, team, line, as they stand in the page's address."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..conf import app_settings
from ..models import Line, Team
from ..models.figures import STEPS, own_day
from ..models.line import seen_lines

if TYPE_CHECKING:
    from ..typing import AnyUser

__all__ = ["MOST_DAYS", "DashboardForm"]

#: Three years; a longer range is a slip of the keyboard.
MOST_DAYS = 1100


class _DayInput(forms.DateInput):
    """The browser's own calendar, which wants ISO dates whatever the language."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class DashboardForm(forms.Form):
    """Which days, whose calls, and how quick is quick enough. Offers only what the user may see."""

    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=_DayInput())
    until = forms.DateField(label=gettext_lazy("To"), required=False, widget=_DayInput())
    team = forms.ModelChoiceField(
        label=gettext_lazy("Team"), queryset=Team.objects.none(), required=False, empty_label=gettext_lazy("all")
    )
    line = forms.ModelChoiceField(
        label=gettext_lazy("Line"), queryset=Line.objects.none(), required=False, empty_label=gettext_lazy("all")
    )
    within = forms.TypedChoiceField(
        label=gettext_lazy("Answered within"),
        coerce=int,
        required=False,
        choices=[(step, f"{step} s") for step in STEPS],
    )

    def __init__(self, data: Mapping[str, Any], user: "AnyUser", days: int) -> None:
        today = own_day(timezone.now())
        # What is left open shows what it stands for.
        filled = {name: value for name, value in data.items() if value and name in self.base_fields}
        until = filled.setdefault("until", today.isoformat())
        if "since" not in filled:
            filled["since"] = (_day_or(until, today) - timedelta(days=days - 1)).isoformat()
        filled.setdefault("within", app_settings.service_level_seconds)
        super().__init__(filled)
        self.lines = Line.objects.visible_to(user).order_by("label", "account")
        self.teams = Team.objects.visible_to(user)
        self.sees_all = not seen_lines(user)
        line: Any = self.fields["line"]
        line.queryset = self.lines
        team: Any = self.fields["team"]
        team.queryset = self.teams

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            raise forms.ValidationError(_("The first day is after the last one. Exchange them."))
        if since and until and (until - since).days >= MOST_DAYS:
            text = _("Choose %(days)d days at most.") % {"days": MOST_DAYS}
            raise forms.ValidationError(text)
        return cleaned

    def chosen_lines(self) -> frozenset[int] | None:
        """Primary keys of the lines whose calls are counted; None: every line there is."""
        team, line = self.cleaned_data["team"], self.cleaned_data["line"]
        if self.sees_all and team is None and line is None:
            return None
        lines = self.lines
        if team is not None:
            lines = lines.filter(user__voipcti_teams=team)
        if line is not None:
            lines = lines.filter(pk=line.pk)
        return frozenset(lines.order_by().values_list("pk", flat=True))


def _day_or(text: Any, default: date) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return default
