"""Screen pop rules: an ordered table, and trying a rule on the last calls before it is in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import AdminErrorList, AdminForm
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import phonebook
from ..conf import app_settings
from ..models import Call, PopRule
from ..models.rules import PopAction
from ..personal import hide_names
from ..phonebook import Trial
from .base import ModelAdmin, arrow, badge, may_see_numbers, other_number, party_link
from .line import provider_choices

__all__ = ["PopRuleAdmin"]

_TONES = {
    PopAction.POP: "good",
    PopAction.OPEN_RECORD: "good",
    PopAction.OPEN_FORM: "ring",
    PopAction.SILENT: "wait",
    PopAction.LOG_ONLY: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One call of a trial as the page shows it."""

    trial: Trial
    party: SafeString
    number: str
    before: SafeString
    after: SafeString


class _RowForm(forms.ModelForm):  # type: ignore[type-arg]  # subscripted it would be evaluated at run time
    """A row of the list, whose boxes say for those who cannot see it which rule they belong to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label}: {self.instance.name}"


@admin.register(PopRule)
class PopRuleAdmin(ModelAdmin[PopRule]):
    """What a call does on the screen: the first enabled rule whose conditions all hold decides."""

    list_display = ["position", "name", "conditions", "action_shown", "enabled"]
    list_display_links = ["name"]
    list_editable = ["position", "enabled"]
    list_select_related = ["line"]
    sortable_by = ()
    ordering = ["position", "pk"]
    autocomplete_fields = ["line"]
    show_full_result_count = False
    change_list_template = "admin/django_voipcti/poprule/change_list.html"
    change_form_template = "admin/django_voipcti/poprule/change_form.html"
    fieldsets = [
        (None, {"fields": ["name", ("position", "enabled")]}),
        (
            gettext_lazy("If all of this holds"),
            {
                "fields": [("direction", "party", "matches"), ("line", "provider"), "context"],
                "description": gettext_lazy("What is left open holds for every call."),
            },
        ),
        (gettext_lazy("Then"), {"fields": ["action"]}),
    ]

    class Media:
        css = {"all": ["django_voipcti/admin/voipcti.css"]}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        return [
            path("try/", view, name="django_voipcti_poprule_try_new"),
            path("<path:object_id>/try/", view, name="django_voipcti_poprule_try"),
            *super().get_urls(),
        ]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "provider":
            return forms.ChoiceField(choices=_provider_choices, required=False, label=_("provider").capitalize())
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.choices and db_field.blank and field is not None:
            field.choices = [("", _("any")), *db_field.choices]
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class: Any = super().get_form(request, obj, change, **kwargs)
        provider = form_class.base_fields.get("provider")
        if provider is not None and obj is not None and obj.provider not in {"", *app_settings.providers}:
            # A rule for a provider that was taken out of the settings stays as it is until somebody changes that.
            gone = (obj.provider, _("%(provider)s (no longer in the settings)") % {"provider": obj.provider})
            provider.choices = [*_provider_choices(), gone]
        return form_class

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{"form": _RowForm, **kwargs})

    # --- trying -----------------------------------------------------------------------------------------------------

    def try_view(self, request: HttpRequest, object_id: str = "") -> HttpResponse:
        """The rule's form again as it was sent, with what the rule would have done. Saves nothing."""
        rule = self.get_object(request, unquote(object_id)) if object_id else None
        if object_id and rule is None:
            raise Http404
        allowed = self.has_change_permission(request, rule) if rule else self.has_add_permission(request)
        if not allowed:
            raise PermissionDenied
        address = _address("change", rule.pk) if rule else _address("add")
        if request.method != "POST":
            return HttpResponseRedirect(address)
        form = self.get_form(request, rule, change=rule is not None)(request.POST, instance=rule)
        context = {
            **self.admin_site.each_context(request),
            **self._form_context(request, form, rule),
            "trial": _tried(request, form.instance) if form.is_valid() else None,
        }
        return self.render_change_form(
            request, context, add=rule is None, change=rule is not None, obj=rule, form_url=address
        )

    def _form_context(self, request: HttpRequest, form: Any, rule: PopRule | None) -> dict[str, Any]:
        """What Django gives to the template of an object's page."""
        fieldsets: Any = self.get_fieldsets(request, rule)
        admin_form = AdminForm(
            form,
            list(fieldsets),
            self.get_prepopulated_fields(request, rule),
            self.get_readonly_fields(request, rule),
            model_admin=self,
        )
        return {
            "title": _("Try a rule"),
            "subtitle": str(rule) if rule else None,
            "adminform": admin_form,
            "object_id": str(rule.pk) if rule else None,
            "original": rule,
            "is_popup": False,
            "to_field": None,
            "media": self.media + admin_form.media,
            "inline_admin_formsets": [],
            "errors": AdminErrorList(form, []),
            "preserved_filters": self.get_preserved_filters(request),
        }

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        rule = context.get("original")
        if not (self.has_change_permission(request, rule) if rule else self.has_add_permission(request)):
            return super().render_change_form(request, context, *args, **kwargs)
        name = "django_voipcti_poprule_try" if rule else "django_voipcti_poprule_try_new"
        arguments = [rule.pk] if rule else []
        context["try_url"] = reverse(f"admin:{name}", args=arguments, current_app=self.admin_site.name)
        context["trial_calls"] = phonebook.TRIAL_CALLS
        return super().render_change_form(request, context, *args, **kwargs)

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("if"))
    def conditions(self, rule: PopRule) -> SafeString:
        words = rule.conditions() or [_("every call")]
        return format_html_join(", ", '<span class="voipcti-condition">{}</span>', ((word,) for word in words))

    @admin.display(description=gettext_lazy("then"))
    def action_shown(self, rule: PopRule) -> SafeString:
        return _badge(PopAction(rule.action))


def _provider_choices() -> list[tuple[str, str]]:
    return [("", _("any")), *provider_choices()]


def _address(page: str, *arguments: Any) -> str:
    return reverse(f"admin:django_voipcti_poprule_{page}", args=arguments)


def _badge(action: PopAction) -> SafeString:
    return badge(action.label, _TONES[action])


def _tried(request: HttpRequest, rule: PopRule) -> dict[str, Any]:
    """The trial for the template: how many calls change, and the rows, those that change first."""
    calls = Call.objects.visible_to(request.user).select_related("line__user")
    trials = phonebook.try_on_recent_calls(rule, calls=calls)
    may_look = request.user.has_perm("django_voipcti.view_call") or request.user.has_perm("django_voipcti.watch_lines")
    return {
        "count": len(trials),
        "changed": sum(trial.is_changed for trial in trials),
        "rows": _rows(request, trials) if may_look else [],
        "may_look": may_look,
    }


def _rows(request: HttpRequest, trials: Sequence[Trial]) -> list[TrialRow]:
    full = may_see_numbers(request)
    hide_names((trial.call for trial in trials), request.user)
    return [
        TrialRow(
            trial=trial,
            party=format_html("{}{}", arrow(trial.call), party_link(trial.call, full=full)),
            number=other_number(trial.call, full=full),
            before=_badge(trial.before.action),
            after=_badge(trial.after.action),
        )
        for trial in sorted(trials, key=lambda trial: not trial.is_changed)
    ]
