"""Lines: whose they are, how they stand, logging in, and a connection test. Credentials go in and never come out."""

from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect, ForeignKeyRawIdWidget
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import realtime, sessions
from ..conf import app_settings
from ..enums import LineStatus
from ..models import Line
from .base import EMPTY, ModelAdmin, badge, state_badge
from .line_login import LoginView
from .line_test import TestView, report

__all__ = ["LineAdmin"]


@admin.register(Line)
class LineAdmin(ModelAdmin[Line]):
    """Lines. Who may change one may log it in; nobody can read its credentials."""

    list_display = ["name", "user", "provider", "extension", "status_shown", "since", "detail", "bridge", "enabled"]
    list_filter = ["status", "enabled"]
    list_select_related = ["user", "lease__instance"]
    search_fields = ["label", "account", "extension", "phone_number"]
    search_help_text = gettext_lazy("Name, account, extension or own number.")
    readonly_fields = ["credentials", "status_shown", "since", "detail", "bridge"]
    actions = ["test_connection", "log_out"]
    change_form_template = "admin/django_voipcti/line/change_form.html"
    change_list_template = "admin/django_voipcti/line/change_list.html"
    show_facets = admin.ShowFacets.NEVER
    fieldsets = [
        (None, {"fields": ["user", ("provider", "account"), ("label", "extension"), ("phone_number", "region")]}),
        (
            gettext_lazy("Connection"),
            {"fields": ["enabled", "credentials", ("status_shown", "since"), "detail", "bridge"]},
        ),
        (gettext_lazy("Privacy"), {"fields": ["retention_days"]}),
        (gettext_lazy("Options"), {"fields": ["options"], "classes": ["collapse"]}),
    ]

    class Media:
        css = {"all": ["django_voipcti/admin/voipcti.css"]}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(LoginView.as_view(line_admin=self))
        test = self.admin_site.admin_view(TestView.as_view(line_admin=self))
        return [
            path("<int:pk>/test/", test, name="django_voipcti_line_test"),
            path("log-in/", view, name="django_voipcti_line_login_new"),
            path("<int:pk>/log-in/", view, name="django_voipcti_line_login"),
            *super().get_urls(),
        ]

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        """Choose users by searching, where the host's admin can search them."""
        return ["user"] if self._user_is_searchable() else []

    @property
    def raw_id_fields(self) -> list[str]:  # type: ignore[override]  # depends on what the host has registered
        """Choose users by id where they cannot be searched: a plain list could be endless."""
        return [] if self._user_is_searchable() else ["user"]

    def _user_is_searchable(self) -> bool:
        user_model = get_user_model()
        if not self.admin_site.is_registered(user_model):
            return False
        return bool(self.admin_site.get_model_admin(user_model).search_fields)

    def user_widget(self) -> Any:
        """The widget by which a user is chosen, here and on the login page."""
        field: Any = Line._meta.get_field("user")
        if self._user_is_searchable():
            return AutocompleteSelect(field, self.admin_site)
        return ForeignKeyRawIdWidget(field.remote_field, self.admin_site)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "provider":
            return forms.ChoiceField(choices=provider_choices, label=_("Provider").capitalize())
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Line, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        # A line that was switched on or off, or given to somebody else: the bridge looks at it at once.
        realtime.nudge_bridges(obj.pk)

    # --- actions ----------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Test the connection"), permissions=["change"])
    def test_connection(self, request: HttpRequest, queryset: QuerySet[Line]) -> HttpResponse:
        """Test each line's connection and show a report of every step."""
        return report(self, request, list(queryset))

    @admin.action(description=gettext_lazy("Log out"), permissions=["change"])
    def log_out(self, request: HttpRequest, queryset: QuerySet[Line]) -> None:
        """Revoke the credentials of each line at its provider and forget them here."""
        for line in queryset.select_related("user"):
            if line.user is None or not line.secrets:
                self.message_user(request, _("%(line)s: is not logged in.") % {"line": line}, messages.INFO)
                continue
            async_to_sync(sessions.logout)(line.user, line=line)
            self.message_user(request, _("%(line)s: logged out.") % {"line": line}, messages.SUCCESS)

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("name"), ordering="label")
    def name(self, line: Line) -> str:
        return str(line)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_shown(self, line: Line) -> SafeString | str:
        if not line.enabled:
            return badge(_("switched off"))
        return state_badge(LineStatus(line.status), title=line.status_text)

    @admin.display(description=gettext_lazy("since"), ordering="status_at")
    def since(self, line: Line) -> SafeString | str:
        if line.status_at is None:
            return EMPTY
        recent = timezone.now() - line.status_at < timedelta(minutes=1)
        text = _("just now") if recent else _("%(time)s ago") % {"time": timesince(line.status_at, depth=1)}
        return format_html('<time datetime="{}">{}</time>', timezone.localtime(line.status_at).isoformat(), text)

    @admin.display(description=gettext_lazy("detail"))
    def detail(self, line: Line) -> str:
        return line.status_text or EMPTY

    @admin.display(description=gettext_lazy("bridge"))
    def bridge(self, line: Line) -> str:
        lease = getattr(line, "lease", None)
        return str(lease.instance) if lease and lease.expires_at > timezone.now() else EMPTY

    @admin.display(description=gettext_lazy("credentials"))
    def credentials(self, line: Line) -> str:
        if not line.secrets:
            return _("None. Use “Log in” at the top of this page.")
        return _("Stored encrypted; they cannot be read here. “Log in” replaces them.")


def provider_choices() -> list[tuple[str, str]]:
    """The configured aliases, with the provider's own name."""
    from ..providers import providers

    return [(alias, f"{alias} ({providers[alias].display_name})") for alias in app_settings.providers]
