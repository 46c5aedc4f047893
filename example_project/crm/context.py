"""What every page of the CRM needs: the navigation."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from django_voipcti.models import Line


def sees_others(user: Any) -> bool:
    """Whether there are lines of other people whose calls the user may see: he leads a team, or watches all."""
    return user.is_authenticated and Line.objects.visible_to(user).exclude(user=user).exists()


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Entries of the side bar as (address name, text, icon); a page marks itself with `{% block section %}`."""
    entries = [
        ("dashboard", "Dashboard", "home"),
        ("contacts", "Contacts", "people"),
        ("companies", "Companies", "building"),
        ("figures", "Calls", "phone"),
    ]
    if sees_others(request.user):
        entries.append(("team", "Team", "team"))
    entries.append(("reference", "Connector", "globe"))
    if settings.PHONES_URL:
        entries.append(("lab", "Phone lab", "lab"))
    match = request.resolver_match
    return {"navigation": entries, "here": match.url_name if match else "", "demo": settings.DEMO}
