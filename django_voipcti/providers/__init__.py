"""Telephony providers by alias: ``providers["default"]`` is the configured instance.

Built on Django's connection handler, as databases, caches and tasks are: lazy, one instance per alias and thread, reset
when the setting changes (tests).
"""

from typing import Any

from asgiref.local import Local
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.connection import BaseConnectionHandler, ConnectionDoesNotExist
from django.utils.module_loading import import_string

from ..conf import SETTING, app_settings
from .base import BaseProvider

__all__ = ["UnknownProvider", "providers"]


class UnknownProvider(ConnectionDoesNotExist, ImproperlyConfigured):
    """No provider is configured under this alias."""


class ProviderHandler(BaseConnectionHandler):
    """Creates providers from ``VOIPCTI["PROVIDERS"]``."""

    settings_name = SETTING
    exception_class = UnknownProvider

    def configure_settings(self, settings: Any) -> Any:
        return app_settings.providers if settings is None else settings

    def create_connection(self, alias: str) -> BaseProvider:
        parameters = self.settings[alias]
        try:
            provider_class = import_string(parameters["BACKEND"])
        except KeyError:
            raise ImproperlyConfigured(f"VOIPCTI['PROVIDERS'][{alias!r}] has no 'BACKEND'.") from None
        except ImportError as error:
            raise ImproperlyConfigured(f"VOIPCTI['PROVIDERS'][{alias!r}]: {error}") from error
        return provider_class(alias, parameters.get("OPTIONS", {}))


providers = ProviderHandler()


def _reset(*, setting: str, **kwargs: Any) -> None:
    """Forget instances and settings when a test overrides them."""
    if setting == SETTING:
        providers.__dict__.pop("settings", None)
        providers._settings = None
        providers._connections = Local(providers.thread_critical)


setting_changed.connect(_reset, dispatch_uid="django_voipcti.providers.reset")
