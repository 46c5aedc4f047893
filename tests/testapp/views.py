"""A page for each record, so that links to records lead somewhere."""

from django.apps import apps
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404


def record(request: HttpRequest, model: str, pk: int) -> HttpResponse:
    """Show the record's name as plain text."""
    return HttpResponse(str(get_object_or_404(apps.get_model("testapp", model), pk=pk)), content_type="text/plain")
