"""Actions in what :func:`django_voipcti.realtime.pop` shows: signed when rendered, checked when they come back.

A token names user, pop and address, so it is good for one button on one person's screen. It reaches the page over a
socket that other sites cannot open, which makes it the protection against forged requests too: pops are rendered
without a request, hence without Django's CSRF token.
"""

import functools
from collections.abc import Callable
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from . import realtime

__all__ = ["FIELD", "MAX_AGE", "pop_action", "sign"]

#: Name of the form field that carries the token.
FIELD = "voipcti_token"
#: Seconds for which a button may be pressed.
MAX_AGE = 3600

_SALT = "django_voipcti.pop"

View = Callable[..., HttpResponse]


def sign(user_id: int, pop_id: str, address: str) -> str:
    """The token for posting to ``address`` from a pop of one user."""
    return signing.dumps([str(user_id), pop_id, address], salt=_SALT, compress=True)


def pop_action(view: View) -> View:
    """Let a view take posts of a pop's forms: refuse what was not signed for this user and this address (403).

    When the view answers without content (204), the pop disappears on all pages of the user. An answer with content
    takes the place of the fragment on the page where the button was pressed.
    """

    @csrf_exempt
    @require_POST
    @functools.wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        pop_id = _pop_of(request)
        if pop_id is None:
            return HttpResponseForbidden(
                _("This button is not valid any more. Please open the page of the record instead."),
                content_type="text/plain; charset=utf-8",
            )
        response = view(request, *args, **kwargs)
        if _answers(response):
            return response
        if response.status_code < 400 and request.user.pk is not None:
            realtime.tell_dismissed(request.user.pk, pop_id)
        return response

    return checked


def _answers(response: HttpResponse) -> bool:
    """Whether a view has something to show in place of the fragment."""
    return response.status_code == 200 and bool(getattr(response, "content", b""))


def _pop_of(request: HttpRequest) -> str | None:
    """The pop that the request comes from; None unless it was signed for this user and this address."""
    try:
        user_id, pop_id, address = signing.loads(request.POST.get(FIELD, ""), salt=_SALT, max_age=MAX_AGE)
    except (signing.BadSignature, ValueError):
        return None
    return str(pop_id) if (user_id, address) == (str(request.user.pk), request.path) else None
