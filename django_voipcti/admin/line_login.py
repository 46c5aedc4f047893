"""Logging a line in from the admin, by what its provider asks for, with a second step if the provider wants one.

What is typed goes to the provider once. It is never shown again, stored or logged; the code's nonce travels signed.
"""

from collections.abc import Sequence
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
from ..conf import app_settings
from ..exceptions import CommandRefused, ProviderError, UnsupportedFeature
from ..models import Line
from ..providers import providers
from ..providers.base import LoginField, SecondFactor
from ..redaction import Secret

if TYPE_CHECKING:
    from .line import LineAdmin

__all__ = ["LoginView"]

_SALT = "django_voipcti.admin.line_login"
#: Names of the fields that a provider asks for, so that none is taken for one of the page's own.
_KEY = "api_key"
_CREDENTIALS = frozenset({"username", "password", _KEY})
#: Seconds for which a second step can be finished; providers' codes live about as long.
_STEP_SECONDS = 600


class ChooseForm(forms.Form):
    """Where: asked first if there are several providers, since each one asks for something else."""

    provider = forms.ChoiceField(label=gettext_lazy("Provider"))

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        from .line import provider_choices

        field: Any = self.fields["provider"]
        field.choices = provider_choices()


class LoginForm(ChooseForm):
    """Whose line, and what its provider asks for: a name with a password and perhaps more, or a key instead."""

    user: Any = forms.ModelChoiceField(queryset=None, label=gettext_lazy("User"))

    def __init__(self, *arguments: Any, asked: Sequence[LoginField], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["provider"].widget = forms.HiddenInput()
        self.asked = asked
        #: Whether a key may stand instead of everything else.
        self.by_key_or_name = len(asked) > 1 and any(field.name == _KEY for field in asked)
        for field in asked:
            self.fields[field.name] = _form_field(field, required=field.required and not self.by_key_or_name)

    def value_of(self, name: str) -> str:
        """What was entered; empty for what the provider does not ask for."""
        return str(self.cleaned_data.get(name) or "")

    def options(self) -> dict[str, str]:
        """What is neither name nor password nor key."""
        return {field.name: self.value_of(field.name) for field in self.asked if field.name not in _CREDENTIALS}

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.by_key_or_name:
            return values
        entered = [self.value_of(field.name) for field in self.asked if field.required and field.name != _KEY]
        if any(entered) == bool(self.value_of(_KEY)):
            raise forms.ValidationError(_("Enter either a name and a password, or an API key."))
        if any(entered) and not all(entered):
            raise forms.ValidationError(_("Enter both the name and the password."))
        return values


def _form_field(asked: LoginField, *, required: bool) -> forms.CharField:
    """The field of a form for something that a provider asks for."""
    attributes = {"autocomplete": "off", "class": "vTextField"}
    return forms.CharField(
        label=asked.label,
        help_text=asked.help_text,
        required=required,
        initial=asked.initial,
        max_length=254,
        strip=not asked.secret,
        widget=forms.PasswordInput(attrs=attributes) if asked.secret else AdminTextInputWidget(attrs=attributes),
    )


class CodeForm(forms.Form):
    """The second step."""

    step = forms.CharField(widget=forms.HiddenInput)
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
        help_text=gettext_lazy("The provider has sent it to the account's owner."),
    )


@method_decorator(sensitive_post_parameters(), name="dispatch")
class LoginView(View):
    """One page with two steps. Wrapped in the admin site's own view, so that only staff get here."""

    line_admin: "LineAdmin | None" = None

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        line = self._line(request, pk)
        return self._page(request, line, self._login_form(line, request.GET.get("provider")))

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        line = self._line(request, pk)
        if "step" in request.POST:
            form: forms.Form = CodeForm(request.POST)
        else:
            form = self._login_form(line, request.POST.get("provider", ""), request.POST)
        if not form.is_valid():
            return self._page(request, line, form)
        try:
            if isinstance(form, LoginForm):
                outcome, user_id, alias = _begin(form)
            else:
                outcome, user_id, alias = _finish(form.cleaned_data)
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

    def _login_form(self, line: Line | None, alias: str | None, data: Any = None) -> forms.Form:
        """What the provider asks for; which provider, if that is open."""
        known = list(app_settings.providers)
        if alias is None and line is not None:
            alias = line.provider
        if alias is None and len(known) == 1:
            alias = known[0]
        if alias not in known:
            return ChooseForm(data)
        at_home = line is not None and line.provider == alias
        asked = providers[alias].login_fields(line.options if line is not None and at_home else {})
        initial = {"user": line.user_id if line else None, "provider": alias}
        if line is not None and at_home and any(field.name == "username" for field in asked):
            initial["username"] = line.account if line.secrets else None
        form = LoginForm(data, initial=initial, asked=asked)
        users: Any = form.fields["user"]
        users.widget = self.line_admin.user_widget() if self.line_admin else users.widget
        users.queryset = get_user_model()._default_manager.filter(is_active=True)
        return form

    def _page(self, request: HttpRequest, line: Line | None, form: forms.Form) -> HttpResponse:
        model_admin: Any = self.line_admin
        title = _("Log in: %(line)s") % {"line": line} if line else _("Log a line in")
        context = {
            **model_admin.admin_site.each_context(request),
            "title": title,
            "opts": Line._meta,
            "line": line,
            "adminform": AdminForm(form, _fieldsets(form), {}, model_admin=model_admin),  # type: ignore[arg-type]
            "first_step": isinstance(form, ChooseForm) and not isinstance(form, LoginForm),
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


def _fieldsets(form: forms.Form) -> list[Any]:
    if not isinstance(form, LoginForm):
        return [(None, {"fields": list(form.fields)})]
    asked = [field.name for field in form.asked]
    chosen = dict(form.fields["provider"].choices)[form["provider"].value()]  # type: ignore[attr-defined]
    return [
        (None, {"fields": ["user", "provider"]}),
        (_("Login at %(provider)s") % {"provider": chosen}, {"fields": asked}),
    ]


def _begin(form: LoginForm) -> tuple[Line | SecondFactor, int, str]:
    """First step: name and password, or a key."""
    user, alias = form.cleaned_data["user"], form.cleaned_data["provider"]
    if form.value_of(_KEY):
        outcome: Line | SecondFactor = async_to_sync(sessions.login_with_key)(
            user, api_key=Secret(form.value_of(_KEY)), alias=alias
        )
    else:
        outcome = async_to_sync(sessions.login)(
            user,
            username=form.value_of("username"),
            password=Secret(form.value_of("password")),
            alias=alias,
            options=form.options(),
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
