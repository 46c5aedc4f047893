"""The connection test: a page with a report of steps for each line. Tests on POST only, since servers are contacted."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views import View

from .. import sessions
from ..models import Line
from ..providers.base import ProbeStep, StepOutcome

if TYPE_CHECKING:
    from .line import LineAdmin

__all__ = ["TestView", "report"]

#: Lines that one page tests, and how many of them at once.
MOST_LINES = 20
_AT_ONCE = 5

_TONES = {StepOutcome.OK: "good", StepOutcome.FAILED: "bad", StepOutcome.SKIPPED: ""}


class TestView(View):
    """Tests one line. Wrapped in the admin site's own view, so that only staff get here."""

    line_admin: "LineAdmin | None" = None

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Back to the line: whoever reloads the report's address wants to test again, which is a click there."""
        return redirect("admin:django_voipcti_line_change", pk)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        line = get_object_or_404(Line, pk=pk)
        assert self.line_admin is not None  # noqa: S101  as_view() is called with it
        if not self.line_admin.has_change_permission(request, line):
            raise PermissionDenied
        return report(self.line_admin, request, [line])


def report(line_admin: Any, request: HttpRequest, lines: Sequence[Line]) -> HttpResponse:
    """Test ``lines`` and show how each step of each one went."""
    tested = list(lines[:MOST_LINES])
    reports = async_to_sync(_probe_all)(tested)
    context = {
        **line_admin.admin_site.each_context(request),
        "title": _("Connection test"),
        "opts": Line._meta,
        "line": tested[0] if len(tested) == 1 else None,
        "reports": [_shown(line, steps) for line, steps in zip(tested, reports, strict=True)],
        "left_out": len(lines) - len(tested),
        "media": line_admin.media,
    }
    return TemplateResponse(request, "admin/django_voipcti/line/test.html", context)


async def _probe_all(lines: Iterable[Line]) -> list[list[ProbeStep]]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(line: Line) -> list[ProbeStep]:
        async with gate:
            return await sessions.probe(line)

    return await asyncio.gather(*(one(line) for line in lines))


def _shown(line: Line, steps: Sequence[ProbeStep]) -> dict[str, Any]:
    failed = next((step for step in steps if step.failed), None)
    if failed is None:
        verdict, tone = _("Everything works."), "good"
    else:
        verdict, tone = _("“%(step)s” failed.") % {"step": failed.title}, "bad"
    rows = [{"step": step, "tone": _TONES[step.outcome]} for step in steps]
    return {"line": line, "rows": rows, "verdict": verdict, "tone": tone}
