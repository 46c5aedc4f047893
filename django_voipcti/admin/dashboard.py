"""The dashboard as a page of the admin: what the list of its figures would be."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from .. import dashboard
from ..models import CallFigures
from .base import ReadOnlyAdmin

__all__ = ["CallFiguresAdmin"]


@admin.register(CallFigures)
class CallFiguresAdmin(ReadOnlyAdmin[CallFigures]):
    """Figures of the calls that the user may see. Who may see the call log may see what it amounts to."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # There is no page for a single row.
        return obj is None and request.user.has_perm("django_voipcti.view_call")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        return None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self._require_view(request)
        shown = dashboard.call_dashboard(request.user, data=request.GET)
        context = {
            **self.admin_site.each_context(request),
            "title": str(self.opts.verbose_name_plural).capitalize(),
            "opts": self.opts,
            "dashboard": shown,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name  # as Django's own views do
        return TemplateResponse(request, "admin/django_voipcti/callfigures/change_list.html", context)

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied
