"""``{% load voipcti %}``: shells around :mod:`django_voipcti.html`, which does the work and has the documentation."""

from typing import Any

from django import template
from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .. import dashboard, html, pops
from ..phonebook import numbers

register = template.Library()


@register.simple_tag(takes_context=True)
def voipcti_panel(context: template.Context, theme: str = "", inline: bool = False) -> SafeString:
    """The call panel for the user of this page, once a page. See :func:`django_voipcti.html.panel`."""
    # A base template and a page on it may both ask for the panel: two of them would pop everything twice.
    request = context.get("request")
    if request is not None:
        if getattr(request, "_has_voipcti_panel", False):
            return SafeString("")
        request._has_voipcti_panel = True
    return html.panel(_user(context), nonce=_nonce(context), theme=theme, inline=inline)


@register.simple_tag(takes_context=True)
def voipcti_compat(context: template.Context) -> SafeString:
    """The script with the global ``Cti``. See :func:`django_voipcti.html.compat`."""
    return html.compat(nonce=_nonce(context))


@register.simple_tag
def click_to_call(number: Any, label: Any = "", region: str = "") -> SafeString:
    """A link that calls a number. See :func:`django_voipcti.html.click_to_call`."""
    return html.click_to_call(number, label=label, region=region)


@register.simple_tag(takes_context=True)
def pop_action(context: template.Context, address: str) -> SafeString:
    """The hidden field that lets a form in a pop post to ``address``. See :mod:`django_voipcti.pops`."""
    token = pops.sign(context["pop_user_id"], context["pop_id"], str(address))
    return format_html('<input type="hidden" name="{}" value="{}">', pops.FIELD, token)


@register.filter
def click_to_call_numbers(text: Any, region: str = "") -> SafeString:
    """Text whose telephone numbers are links. See :func:`django_voipcti.html.click_to_call_numbers`."""
    return html.click_to_call_numbers(text, region=region)


@register.filter
def phone_number(text: Any, region: str = "") -> str:
    """A number as people write it: national form at home, international abroad. See ``phonebook.numbers.display``."""
    return numbers.display(str(text), region) if text else ""


@register.simple_tag(takes_context=True)
def call_history(context: template.Context, record: Model, limit: int = 20) -> SafeString:
    """A table of the calls with a record. See :func:`django_voipcti.html.call_history`."""
    return html.call_history(record, _user(context), limit=limit)


@register.simple_tag(takes_context=True)
def call_timeline(context: template.Context, record: Model, limit: int = 20) -> SafeString:
    """The conversations with a record, day by day. See :func:`django_voipcti.html.call_timeline`."""
    return html.call_timeline(record, _user(context), limit=limit)


@register.simple_tag(takes_context=True)
def missed_calls(context: template.Context, user: Any, limit: int = 20) -> SafeString:
    """Whom to call back for missed calls of a user. See :func:`django_voipcti.html.missed_calls`."""
    return html.missed_calls(user, viewer=_user(context), limit=limit)


@register.simple_tag(takes_context=True)
def call_dashboard(context: template.Context, days: int = 30, filters: bool = True) -> SafeString:
    """Figures of the calls that the user may see. See :func:`django_voipcti.dashboard.call_dashboard`."""
    request = context.get("request")
    data = request.GET if request is not None else {}
    keep = [(name, value) for name, value in data.items() if name not in dashboard.DashboardForm.base_fields]
    return dashboard.call_dashboard(
        _user(context), data=data if filters else {}, days=days, filters=filters, nonce=_nonce(context), keep=keep
    )


def _user(context: template.Context) -> Any:
    """Who looks at the page: ``user`` of the auth context processor, else that of the request."""
    return context.get("user") or getattr(context.get("request"), "user", None)


def _nonce(context: template.Context) -> str:
    """The nonce of Django's own CSP support (6.0) or of django-csp, if the host uses one of them."""
    return str(context.get("csp_nonce") or getattr(context.get("request"), "csp_nonce", "") or "")
