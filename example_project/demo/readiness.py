"""Questions to the demo's servers: can you be used? Each is asked again and again until it is answered with yes."""

import socket
from collections.abc import Callable
from datetime import datetime

import httpx2

from django_voipcti.enums import LineStatus

from .pbx.server import PbxServer

#: Seconds for one answer; a busy machine gets more tries, not more time.
PATIENCE = 1.0


def valkey_answers(port: int) -> Callable[[], bool]:
    """Valkey answers PING."""

    def ask() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    return ask


def http_answers(url: str) -> Callable[[], bool]:
    """A server answers a GET with anything but an error of its own."""

    def ask() -> bool:
        try:
            return httpx2.get(url, timeout=PATIENCE).status_code < 500
        except httpx2.HTTPError:
            return False

    return ask


def phone_is_registered(server: PbxServer, port: int) -> Callable[[], bool]:
    """The SIP server knows the phone at a SIP port."""

    def ask() -> bool:
        try:
            return server.is_registered(port)
        except httpx2.HTTPError:
            return False

    return ask


def worker_answers(broker: str) -> Callable[[], bool]:
    """A Celery worker answers a ping on its broker."""

    def ask() -> bool:
        from celery import Celery

        with Celery(broker=broker, set_as_current=False) as application:
            try:
                return bool(application.control.ping(timeout=PATIENCE))
            except application.connection_for_read().connection_errors:
                return False

    return ask


def lines_are_ready(since: datetime) -> Callable[[], bool]:
    """Every line that can be connected is, by a bridge that started after `since`: its provider sends its calls."""

    def ask() -> bool:
        from django.db import connection

        from django_voipcti.models import Line

        lines = Line.objects.enabled()
        try:
            ready = lines.filter(status=LineStatus.READY, lease__instance__started_at__gte=since).count()
            return 0 < ready == lines.count()
        finally:
            # The supervisor lives for hours and asks only now.
            connection.close()

    return ask
