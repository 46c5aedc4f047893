"""The form by which a call is entered by hand."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import notes
from ..calllog import manual
from ..enums import Direction
from ..exceptions import CommandRefused
from ..models import Line
from ..models.note import MAX_NOTE_LENGTH
from .base import ModelAdmin

__all__ = ["EnterForm", "enter_call"]

_LONGEST_MINUTES = 24 * 60


class EnterForm(forms.Form):
    """What somebody remembers of a call, and what was said."""

    line: Any = forms.ModelChoiceField(label=gettext_lazy("Line"), queryset=Line.objects.none())
    direction = forms.ChoiceField(label=gettext_lazy("Direction"), choices=Direction.choices)
    number = forms.CharField(
        label=gettext_lazy("Number"), max_length=60, widget=forms.TextInput({"class": "vTextField", "type": "tel"})
    )
    started_at = forms.DateTimeField(
        label=gettext_lazy("Start"),
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("Talk time in minutes"),
        help_text=gettext_lazy("Empty: nobody picked up."),
        min_value=0,
        max_value=_LONGEST_MINUTES,
        required=False,
    )
    text = forms.CharField(
        label=gettext_lazy("Your note"),
        max_length=MAX_NOTE_LENGTH,
        required=False,
        widget=forms.Textarea({"rows": 4, "class": "vLargeTextField"}),
    )

    def __init__(self, user: Any, data: Any = None) -> None:
        super().__init__(data, initial={"started_at": timezone.localtime()})
        # Of queues and menus there are no calls of their own.
        lines = Line.objects.visible_to(user).filter(via=None).select_related("user")
        own = lines.filter(user=user).first()
        chosen: Any = self.fields["line"]
        chosen.queryset, chosen.initial = lines.order_by("label", "pk"), own

    @property
    def entered(self) -> manual.EnteredCall:
        """The call, of a valid form."""
        data = self.cleaned_data
        minutes = data["minutes"]
        return manual.EnteredCall(
            line=data["line"],
            direction=Direction(data["direction"]),
            number=data["number"],
            started_at=data["started_at"],
            talk_time=None if minutes is None else timedelta(minutes=minutes),
        )


def enter_call(admin: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    """Show the form, or record the call and go to its page."""
    if not admin.has_add_permission(request):
        raise PermissionDenied
    form = EnterForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            call = manual.enter(request.user, form.entered)
        except CommandRefused as refusal:
            form.add_error("number" if refusal.code == "invalid_number" else None, str(refusal))
        else:
            if text := form.cleaned_data["text"].strip():
                notes.save(request.user, call.pk, notes.Content(text=text))
            messages.success(request, _("The call is in the log."))
            return redirect("admin:django_voipcti_call_change", call.pk)
    fieldsets = [(None, {"fields": list(form.fields)})]
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Enter a call"),
        "opts": admin.opts,
        "adminform": helpers.AdminForm(form, fieldsets, {}),  # type: ignore[arg-type]  # any form will do
        "media": admin.media + form.media,
    }
    return render(request, "admin/django_voipcti/call/enter.html", context)
