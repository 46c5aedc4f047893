"""What every page of the CRM needs: the navigation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Entries of the side bar as (address name, text, icon); a page marks itself with `{% block section %}`."""
    entries = [
        ("dashboard", "Dashboard", "home"),
        ("contacts", "Contacts", "people"),
        ("companies", "Companies", "building"),
    ]
    if request.user.has_perm("django_voipcti.watch_lines"):
        entries.append(("team", "Team", "team"))
    if settings.PHONES_URL:
        entries.append(("lab", "Phone lab", "lab"))
    match = request.resolver_match
    return {"navigation": entries, "here": match.url_name if match else "", "demo": settings.DEMO}
