"""The call log as a file: what search and filters leave, sent while it is read."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from ..calllog import access, export, spreadsheet
from .base import ModelAdmin

__all__ = ["PERMISSION", "call_export"]

PERMISSION = "django_voipcti.export_calls"

_TYPES = {
    spreadsheet.CSV: "text/csv; charset=utf-8",
    spreadsheet.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def call_export(admin: ModelAdmin[Any], request: HttpRequest, kind: str) -> HttpResponseBase:
    """The calls of the list whose address this request has, as a file of this kind.

    It is written into the access log before the first row is sent.
    """
    if not (request.user.has_perm(PERMISSION) and admin.has_view_permission(request)):
        raise PermissionDenied
    if kind not in _TYPES:
        raise Http404
    calls = admin.get_changelist_instance(request)
    if not calls.result_count:
        messages.warning(request, _("No call fits, so there is nothing to export."))
        return HttpResponseRedirect(f"{reverse('admin:django_voipcti_call_changelist')}{calls.get_query_string()}")
    filters = ", ".join(f"{name}={value}" for name, value in sorted(request.GET.items()) if value)
    access.note_export(request.user, calls=calls.result_count, detail=f"{kind.upper()} {filters}".strip())
    rows = export.rows(calls.queryset, request.user)
    if kind == spreadsheet.CSV:
        parts = spreadsheet.as_csv(export.columns(), rows)
    else:
        parts = spreadsheet.as_xlsx(_("Calls"), export.columns(), rows)
    sent = _beside(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(sent, content_type=_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="calls-{timezone.localdate():%Y-%m-%d}.{kind}"'
    # A copy in a cache would outlive the permission and the log; and no proxy should gather a million rows.
    response["Cache-Control"] = "private, no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _beside(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The parts, each made in the request's thread, so that others are served meanwhile."""
    while (part := await sync_to_async(_next)(parts)) is not None:
        yield part


def _next(parts: Iterator[bytes]) -> bytes | None:
    return next(parts, None)
