"""Logging a line in from the admin: by e-mail address and password or API key, with a second step if the provider asks.

What is typed goes to the provider once. It is never shown again, stored or logged; the code's nonce travels signed.
"""

from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth import get_user_model
from django.core import signing
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.decorators.debug import sensitive_post_parameters

from .. import sessions
from ..exceptions import CommandRefused, ProviderError, UnsupportedFeature
from ..models import Line
from ..providers.base import SecondFactor
from ..redaction import Secret

if TYPE_CHECKING:
    from .line import LineAdmin

__all__ = ["LoginView"]

_SALT = "django_voipcti.admin.line_login"
#: Seconds for which a second step can be finished; providers' codes live about as long.
_STEP_SECONDS = 600


class LoginForm(forms.Form):
    """Whose line, where, and the credentials: a name with a password, or a key."""

    user: Any = forms.ModelChoiceField(queryset=None, label=gettext_lazy("User"))
    provider = forms.ChoiceField(label=gettext_lazy("Provider"))
    username = forms.CharField(
        label=gettext_lazy("E-mail address or user name"), required=False, max_length=254, widget=AdminTextInputWidget
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "vTextField"}),
    )
    api_key = forms.CharField(
        label=gettext_lazy("API key"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "vTextField"}),
        help_text=gettext_lazy("Instead of name and password."),
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        by_password = bool(values.get("username") or values.get("password"))
        if by_password == bool(values.get("api_key")):
            raise forms.ValidationError(_("Enter either a name and a password, or an API key."))
        if by_password and not (values.get("username") and values.get("password")):
            raise forms.ValidationError(_("Enter both the name and the password."))
        return values


class CodeForm(forms.Form):
    """The second step."""

    step = forms.CharField(widget=forms.HiddenInput)
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
        help_text=gettext_lazy("The provider has sent it to the account's owner."),
    )


@method_decorator(sensitive_post_parameters("password", "api_key", "code"), name="dispatch")
class LoginView(View):
    """One page with two steps. Wrapped in the admin site's own view, so that only staff get here."""

    line_admin: "LineAdmin | None" = None

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        line = self._line(request, pk)
        return self._page(request, line, self._login_form(line))

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        line = self._line(request, pk)
        form = CodeForm(request.POST) if "step" in request.POST else self._login_form(line, request.POST)
        if not form.is_valid():
            return self._page(request, line, form)
        try:
            outcome, user_id, alias = (
                _finish(form.cleaned_data) if isinstance(form, CodeForm) else _begin(form.cleaned_data)
            )
        except signing.BadSignature:
            messages.warning(request, _("That took too long. Start again."))
            return redirect(request.path)
        except (CommandRefused, ProviderError, UnsupportedFeature, ImproperlyConfigured) as error:
            form.add_error(None, str(error))
            return self._page(request, line, form)
        if isinstance(outcome, SecondFactor):
            step = signing.dumps({"nonce": outcome.nonce, "user": user_id, "alias": alias}, salt=_SALT)
            return self._page(request, line, CodeForm(initial={"step": step}))
        self._tell(request, line, outcome)
        return redirect("admin:django_voipcti_line_change", outcome.pk)

    def _line(self, request: HttpRequest, pk: int | None) -> Line | None:
        """The line whose credentials are replaced, or None for a new one; raises unless the user may do that."""
        line = get_object_or_404(Line, pk=pk) if pk else None
        assert self.line_admin is not None  # noqa: S101  as_view() is called with it
        allowed = (
            self.line_admin.has_change_permission(request, line)
            if line
            else self.line_admin.has_add_permission(request)
        )
        if not allowed:
            raise PermissionDenied
        return line

    def _login_form(self, line: Line | None, data: Any = None) -> LoginForm:
        from .line import provider_choices

        initial = {"user": line.user_id, "provider": line.provider} if line else {}
        form = LoginForm(data, initial=initial)
        users: Any = form.fields["user"]
        users.widget = self.line_admin.user_widget() if self.line_admin else users.widget
        users.queryset = get_user_model()._default_manager.filter(is_active=True)
        providers: Any = form.fields["provider"]
        providers.choices = provider_choices()
        return form

    def _page(self, request: HttpRequest, line: Line | None, form: forms.Form) -> HttpResponse:
        model_admin: Any = self.line_admin
        title = _("Log in: %(line)s") % {"line": line} if line else _("Log a line in")
        if isinstance(form, CodeForm):
            fieldsets: list[Any] = [(None, {"fields": ["step", "code"]})]
        else:
            fieldsets = [
                (None, {"fields": ["user", "provider"]}),
                (_("Credentials"), {"fields": ["username", "password", "api_key"]}),
            ]
        context = {
            **model_admin.admin_site.each_context(request),
            "title": title,
            "opts": Line._meta,
            "line": line,
            "adminform": AdminForm(form, fieldsets, {}, model_admin=model_admin),  # type: ignore[arg-type]
            "second_step": isinstance(form, CodeForm),
            "media": model_admin.media + form.media,
        }
        return TemplateResponse(request, "admin/django_voipcti/line/login.html", context)

    def _tell(self, request: HttpRequest, line: Line | None, outcome: Line) -> None:
        model_admin: Any = self.line_admin
        model_admin.log_change(request, outcome, [{"changed": {"fields": [_("credentials")]}}])
        if line is not None and line.pk != outcome.pk:
            messages.warning(
                request,
                _("These credentials belong to the account %(account)s, so they were stored with that line.")
                % {"account": outcome.account},
            )
            return
        messages.success(request, _("Logged in as %(line)s. A bridge connects the line now.") % {"line": outcome})


def _begin(values: dict[str, Any]) -> tuple[Line | SecondFactor, int, str]:
    """First step: name and password, or a key."""
    user, alias = values["user"], values["provider"]
    if values["api_key"]:
        outcome: Line | SecondFactor = async_to_sync(sessions.login_with_key)(
            user, api_key=Secret(values["api_key"]), alias=alias
        )
    else:
        outcome = async_to_sync(sessions.login)(
            user, username=values["username"], password=Secret(values["password"]), alias=alias
        )
    return outcome, user.pk, alias


def _finish(values: dict[str, Any]) -> tuple[Line, int, str]:
    """Second step: the code. Raises ``BadSignature`` for a step that is forged or too old."""
    step = signing.loads(values["step"], salt=_SALT, max_age=_STEP_SECONDS)
    user = get_user_model()._default_manager.get(pk=step["user"])
    line = async_to_sync(sessions.complete_second_factor)(
        user, code=Secret(values["code"]), nonce=step["nonce"], alias=step["alias"]
    )
    return line, user.pk, step["alias"]
