"""System checks: mistakes in the configuration, with a stable id and a hint, before they cost a call.

====================  =============================================================================================
``voipcti.E001``      ``VOIPCTI`` is not a dict
``voipcti.W001``      an unknown key stands in ``VOIPCTI``
``voipcti.W002``      no provider is configured
``voipcti.E002``      a provider cannot be created
``voipcti.W003``      an option that its provider does not know
``voipcti.W004``      the channel layer loses messages under load, or does not reach other processes
``voipcti.E003``      no channel layer is configured
``voipcti.E004``      a key in ``CREDENTIAL_KEYS`` is no Fernet key
``voipcti.W005``      the Celery broker polls, so a click would wait
``voipcti.W006``      a click would wait for seconds while the Celery broker is away
``voipcti.E005``      an outside directory cannot be created
``voipcti.E006``      days for which something is kept are no number of days
``voipcti.W007``      days are set for a provider that is not configured
``voipcti.E007``      ``QUIET_HOURS`` names no times of day
====================  =============================================================================================
"""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any, cast

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from .conf import SETTING, app_settings
from .models.figures import STEPS
from .models.line import LONGEST_RETENTION
from .phonebook.directories import directories
from .providers import providers

__all__ = [
    "check_broker",
    "check_channel_layer",
    "check_directories",
    "check_providers",
    "check_quiet_hours",
    "check_retention",
    "check_settings",
]

#: Other settings that are numbers of days.
_DAYS = ("ACCESS_LOG_DAYS", "TRACE_DAYS")

_PUBSUB_LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"
_LOSSY_LAYER = "channels_redis.core.RedisChannelLayer"
_LOCAL_LAYER = "channels.layers.InMemoryChannelLayer"


@register(Tags.compatibility)
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The dict itself: its type, its keys, its encryption keys."""
    values = getattr(settings, SETTING, {})
    if not isinstance(values, Mapping):
        return [Error(f"{SETTING} must be a dict.", hint="See docs/reference/settings.", id="voipcti.E001")]
    messages: list[CheckMessage] = [
        CheckWarning(
            f"{SETTING} has an unknown key {key!r}.",
            hint=f"Known keys: {', '.join(sorted(app_settings.known_keys))}.",
            id="voipcti.W001",
        )
        for key in sorted(set(values) - app_settings.known_keys)
    ]
    for position, key in enumerate(app_settings.credential_keys):
        try:
            Fernet(key)
        except ValueError:
            messages.append(
                Error(
                    f"{SETTING}['CREDENTIAL_KEYS'][{position}] is not a Fernet key.",
                    hint="Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key())'",
                    id="voipcti.E004",
                )
            )
    return messages


@register(Tags.compatibility)
def check_providers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Each alias: can it be made, are its options known, what does it say itself."""
    if not isinstance(getattr(settings, SETTING, {}), Mapping):
        return []
    if not app_settings.providers:
        hint = f'Add {SETTING} = {{"PROVIDERS": {{"default": {{"BACKEND": "..."}}}}}} to your settings.'
        return [CheckWarning("No telephony provider is configured.", hint=hint, id="voipcti.W002")]
    messages: list[CheckMessage] = []
    for alias in app_settings.providers:
        try:
            provider = providers[alias]
        except (ImproperlyConfigured, TypeError, ValueError) as error:
            messages.append(Error(f"Provider {alias!r} cannot be created: {error}", id="voipcti.E002"))
            continue
        messages += [
            CheckWarning(
                f"Provider {alias!r} has an unknown option {option!r}.",
                hint=f"{provider.display_name} knows: {', '.join(sorted(provider.known_options)) or 'none'}.",
                id="voipcti.W003",
            )
            for option in sorted(set(provider.options) - provider.known_options)
        ]
        messages += provider.check()
    return messages


@register(Tags.compatibility)
def check_retention(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """How long things are kept: a slip here deletes too much, or nothing."""
    values = getattr(settings, SETTING, {})
    if not isinstance(values, Mapping):
        return []
    kept = values.get("RETENTION_DAYS")
    by_alias = kept if isinstance(kept, Mapping) else {"*": kept}
    named = {f"['RETENTION_DAYS'][{alias!r}]" if by_alias is kept else "['RETENTION_DAYS']": days
             for alias, days in by_alias.items()}  # fmt: skip
    named |= {f"[{key!r}]": values.get(key) for key in _DAYS if key in values}
    messages: list[CheckMessage] = [
        Error(
            f"{SETTING}{name} is {days!r}, which is no number of days.",
            hint=f"Write a number above 0 and up to {LONGEST_RETENTION}, or None to keep for ever.",
            id="voipcti.E006",
        )
        for name, days in named.items()
        if not (days is None or _is_days(days))
    ]
    messages += [
        CheckWarning(
            f"{SETTING}['RETENTION_DAYS'] names a provider {alias!r} that is not configured.",
            hint="Its calls are deleted all the same; is the alias misspelled?",
            id="voipcti.W007",
        )
        for alias in by_alias
        if alias != "*" and alias not in app_settings.providers
    ]
    return messages


@register(Tags.compatibility)
def check_service_level(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The roll-up counts answers within certain times only."""
    values = getattr(settings, SETTING, {})
    seconds = values.get("SERVICE_LEVEL_SECONDS", STEPS[0]) if isinstance(values, Mapping) else STEPS[0]
    if seconds in STEPS and not isinstance(seconds, bool):
        return []
    return [
        Error(
            f"{SETTING}['SERVICE_LEVEL_SECONDS'] is {seconds!r}, which the dashboard does not count.",
            hint=f"Choose one of {', '.join(map(str, STEPS))}.",
            id="voipcti.E007",
        )
    ]


def _is_days(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 < cast(float, value) <= LONGEST_RETENTION


@register(Tags.compatibility)
def check_directories(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Each outside directory: can it be made. No I/O."""
    if not isinstance(getattr(settings, SETTING, {}), Mapping):
        return []
    try:
        directories.backends()
    except ImproperlyConfigured as error:
        hint = "See docs/reference/phonebook, “Outside directories”."
        return [Error(str(error), hint=hint, id="voipcti.E005")]
    return []


@register(Tags.compatibility)
def check_quiet_hours(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Pairs of times of day, or country codes with such pairs."""
    values = getattr(settings, SETTING, {})
    quiet = app_settings.quiet_hours if isinstance(values, Mapping) else None
    spans = quiet.values() if isinstance(quiet, Mapping) else [quiet]
    if all(_is_span(span) for span in spans):
        return []
    hint = 'Write ("21:00", "08:00"), or {"FR": ("20:00", "10:00"), "*": ("21:00", "08:00"), "US": None}.'
    return [Error(f"{SETTING}['QUIET_HOURS'] must name two times of day.", hint=hint, id="voipcti.E007")]


def _is_span(span: object) -> bool:
    if span is None:
        return True
    if not isinstance(span, tuple | list) or len(span) != 2 or not all(isinstance(each, str) for each in span):
        return False
    try:
        for each in span:
            time.fromisoformat(each)
    except ValueError:
        return False
    return True


@register(Tags.compatibility)
def check_channel_layer(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The channel layer: one that loses messages under load, or stays in one process, loses pops."""
    backend = getattr(settings, "CHANNEL_LAYERS", {}).get("default", {}).get("BACKEND")
    if backend is None:
        hint = f'Set CHANNEL_LAYERS["default"]["BACKEND"] to "{_PUBSUB_LAYER}".'
        return [
            Error("No channel layer is configured: pages would never hear of a call.", hint=hint, id="voipcti.E003")
        ]
    if backend == _LOSSY_LAYER:
        hint = f'Use "{_PUBSUB_LAYER}": it carries five times the load and refuses no reconnects.'
        return [CheckWarning("This channel layer drops messages silently under load.", hint=hint, id="voipcti.W004")]
    if backend == _LOCAL_LAYER:
        hint = f'Use "{_PUBSUB_LAYER}"; bridge, workers and web server are separate processes.'
        return [CheckWarning("This channel layer does not reach other processes.", hint=hint, id="voipcti.W004")]
    return []


@register(Tags.compatibility)
def check_broker(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The Celery broker: two of them poll once a second, which a person at a telephone notices."""
    url = str(getattr(settings, "CELERY_BROKER_URL", ""))
    if url.startswith(("memory://", "filesystem://")):
        hint = "Use Redis, Valkey or RabbitMQ."
        return [CheckWarning("This Celery broker polls: a click waits half a second.", hint=hint, id="voipcti.W005")]
    options = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    if url.startswith(("redis://", "rediss://")) and "max_retries" not in options:
        hint = (
            'Set CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}: '
            "bridges find what was not queued in the database."
        )
        message = "While this Celery broker is away, each click waits for six seconds."
        return [CheckWarning(message, hint=hint, id="voipcti.W006")]
    return []
