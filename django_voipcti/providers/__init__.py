"""Telephony providers by alias: ``providers["default"]`` is the configured instance.

Built on Django's connection handler, as databases, caches and tasks are: lazy, and reset when the setting changes
(tests). Unlike those, a provider is one instance per process, since it may be used from any thread and event loop and
keeps connections that are worth sharing.
"""

import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.connection import BaseConnectionHandler, ConnectionDoesNotExist
from django.utils.module_loading import import_string

from django_voipcti.conf import SETTING, app_settings

from .base import BaseProvider

if TYPE_CHECKING:
    Handler = BaseConnectionHandler[BaseProvider]
else:
    Handler = BaseConnectionHandler

__all__ = ["ProviderHandler", "UnknownProvider", "providers"]


class UnknownProvider(ConnectionDoesNotExist, ImproperlyConfigured):
    """No provider is configured under this alias."""


class ProviderHandler(Handler):
    """Creates providers from ``VOIPCTI["PROVIDERS"]``."""

    settings_name = SETTING
    exception_class = UnknownProvider

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._lock = threading.RLock()
        self._connections = SimpleNamespace()

    def forget(self) -> None:
        """Drop all instances and what was read of the settings."""
        with self._lock:
            self.__dict__.pop("settings", None)
            self._settings = None
            self._connections = SimpleNamespace()

    def configure_settings(self, settings: Any) -> Any:
        return app_settings.providers if settings is None else settings

    def __getitem__(self, alias: str) -> BaseProvider:
        with self._lock:
            return super().__getitem__(alias)

    def create_connection(self, alias: str) -> BaseProvider:
        parameters = self.settings[alias]
        try:
            provider_class = import_string(parameters["BACKEND"])
        except KeyError:
            raise ImproperlyConfigured(f"VOIPCTI['PROVIDERS'][{alias!r}] has no 'BACKEND'.") from None
        except ImportError as error:
            raise ImproperlyConfigured(f"VOIPCTI['PROVIDERS'][{alias!r}]: {error}") from error
        provider: BaseProvider = provider_class(alias, parameters.get("OPTIONS", {}))
        return provider


providers = ProviderHandler()


def _reset(*, setting: str, **kwargs: Any) -> None:
    if setting == SETTING:
        providers.forget()


setting_changed.connect(_reset, dispatch_uid="django_voipcti.providers.reset")
