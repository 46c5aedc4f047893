"""Where pages open their WebSocket: ``URLRouter(websocket_urlpatterns)`` in the host's ASGI application.

Channels' origin check is part of the route, so that no page of another site can use a visitor's session even where a
host forgot to wrap its router.
"""

from typing import Any, cast

from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path

from .consumers import PageConsumer

__all__ = ["SOCKET_PATH", "websocket_urlpatterns"]

#: Path of the socket, below the host's root.
SOCKET_PATH = "ws/voipcti/"

_page_consumer = PageConsumer.as_asgi()


async def page_socket(scope: Any, receive: Any, send: Any) -> None:
    """The consumer behind the origin check, which reads ``ALLOWED_HOSTS`` for each connection and not at import."""
    await AllowedHostsOriginValidator(_page_consumer)(scope, receive, send)


# Django's types know views only; the router of Channels takes ASGI applications in their place.
websocket_urlpatterns = [path(SOCKET_PATH, cast(Any, page_socket))]
