"""The settings of this package: one dict ``VOIPCTI`` in the host's settings, read lazily, typed, with defaults.

Nothing reads a setting at import time, so ``override_settings(VOIPCTI=...)`` works in tests. Mistakes are reported by
:mod:`django_voipcti.checks`. Use ``from django_voipcti.conf import app_settings``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

__all__ = ["AppSettings", "app_settings"]

SETTING = "VOIPCTI"

T = TypeVar("T")


class AppSettings:
    """Typed view of ``settings.VOIPCTI``. Each property documents one key."""

    def _get(self, key: str, default: T) -> T:
        values = getattr(settings, SETTING, {})
        if not isinstance(values, Mapping):
            raise ImproperlyConfigured(f"{SETTING} must be a dict, not {type(values).__name__}.")
        return cast(T, values.get(key, default))

    @property
    def known_keys(self) -> frozenset[str]:
        """Every key that may stand in the dict; a system check reports others as typing errors."""
        return frozenset(
            name.upper()
            for name, member in vars(type(self)).items()
            if isinstance(member, property) and name not in {"known_keys", "secret_keys"}
        )

    @property
    def providers(self) -> Mapping[str, Mapping[str, Any]]:
        """Alias to ``{"BACKEND": "dotted.path.Class", "OPTIONS": {...}}``. The alias is stored with lines and calls."""
        return self._get("PROVIDERS", {})

    @property
    def default_region(self) -> str:
        """ISO 3166 country code by which national numbers are read when neither line nor provider names one."""
        return self._get("DEFAULT_REGION", "US")

    @property
    def credential_keys(self) -> Sequence[str]:
        """Fernet keys (url-safe base64, 32 bytes) that encrypt line credentials; the first encrypts, all decrypt.

        Empty means: derived from ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``, so rotation of those carries over.
        """
        return self._get("CREDENTIAL_KEYS", ())

    @property
    def secret_keys(self) -> Sequence[str | bytes]:
        """Django's own keys, newest first; not a key of the dict."""
        return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]

    @property
    def command_ttl(self) -> float:
        """Seconds in which a bridge must claim a command; later it expires, the user is told and nothing rings."""
        return float(self._get("COMMAND_TTL", 10.0))

    @property
    def lease_seconds(self) -> float:
        """Seconds for which a bridge holds a line without renewing; after that another one may take it."""
        return float(self._get("LEASE_SECONDS", 15.0))

    @property
    def max_lines_per_bridge(self) -> int:
        """How many lines one bridge process takes at most."""
        return int(self._get("MAX_LINES_PER_BRIDGE", 2000))

    @property
    def calls_per_minute(self) -> int:
        """Click-to-call requests that one user may make per minute, over all lines."""
        return int(self._get("CALLS_PER_MINUTE", 20))

    @property
    def allowed_countries(self) -> Sequence[str]:
        """Country codes that may be called; empty allows all. Emergency and short numbers are always allowed."""
        return self._get("ALLOWED_COUNTRIES", ())

    @property
    def allow_premium_rate(self) -> bool:
        """Whether premium-rate numbers may be called (toll fraud guard; off by default)."""
        return bool(self._get("ALLOW_PREMIUM_RATE", False))

    @property
    def call_policy(self) -> Callable[..., None] | None:
        """Host's last word on a click: ``policy(user=, line=, number=)`` raises ``CommandRefused`` to refuse."""
        path: str | Callable[..., None] | None = self._get("CALL_POLICY", None)
        return cast(Callable[..., None], import_string(path)) if isinstance(path, str) else path

    @property
    def recent_call_minutes(self) -> float:
        """Minutes for which whoever calls a customer is asked first because one of us spoke to him; 0: never."""
        return float(self._get("RECENT_CALL_MINUTES", 2))

    @property
    def quiet_hours(self) -> "tuple[str, str] | Mapping[str, tuple[str, str] | None] | None":
        """From when until when nobody is called unasked, by the called party's clock: ``("21:00", "08:00")``, or
        country code to such a pair or None (``"*"``: the others). None: at no time."""
        return self._get("QUIET_HOURS", cast("tuple[str, str] | Mapping[str, tuple[str, str] | None] | None", None))

    @property
    def do_not_call_is_final(self) -> bool:
        """Whether nobody may call whom the do-not-call list, or a record's ``do_not_call``, names: no reason helps."""
        return bool(self._get("DO_NOT_CALL_IS_FINAL", False))

    @property
    def match_permission(self) -> Callable[..., bool]:
        """Host's word on who may see whom: ``permission(user, match) -> bool``. Default: ``view`` permission."""
        path: str | Callable[..., bool] = self._get(
            "MATCH_PERMISSION", cast(str | Callable[..., bool], "django_voipcti.phonebook.match.has_view_permission")
        )
        return cast(Callable[..., bool], import_string(path)) if isinstance(path, str) else path

    @property
    def directories(self) -> Mapping[str, Mapping[str, Any]]:
        """Outside directories that know callers: alias to ``{"BACKEND": "dotted.path.Class", "OPTIONS": {...}}``."""
        return self._get("DIRECTORIES", cast(Mapping[str, Mapping[str, Any]], {}))

    @property
    def directory_budget(self) -> float:
        """Seconds that all outside directories have together before the pop goes out without them."""
        return float(self._get("DIRECTORY_BUDGET", 0.25))

    @property
    def socket_messages_per_second(self) -> float:
        """Sustained messages per second that one page socket may send; bursts of ten times as many are tolerated."""
        return float(self._get("SOCKET_MESSAGES_PER_SECOND", 5.0))

    @property
    def socket_max_bytes(self) -> int:
        """Largest message in bytes that a page may send."""
        return int(self._get("SOCKET_MAX_BYTES", 16384))

    @property
    def replay_limit(self) -> int:
        """Most events that a reconnecting page gets one by one; beyond that the snapshot alone brings it up to date."""
        return int(self._get("REPLAY_LIMIT", 200))

    @property
    def webhook_max_bytes(self) -> int:
        """Largest webhook body in bytes that is stored."""
        return int(self._get("WEBHOOK_MAX_BYTES", 65536))

    @property
    def callback_deadline(self) -> float | None:
        """Seconds in which a missed caller has to be called back; None: no deadline."""
        seconds: float | None = self._get("CALLBACK_DEADLINE", None)
        return None if seconds is None else float(seconds)

    @property
    def missed_call_days(self) -> float:
        """Calls that were missed longer ago than this open no duty: an import of old history is no list of work."""
        return float(self._get("MISSED_CALL_DAYS", 14))

    @property
    def retention_days(self) -> "float | Mapping[str, float | None] | None":
        """Days for which calls are kept: a number, or alias to number (``"*"``: the others); None keeps for ever."""
        return self._get("RETENTION_DAYS", cast("float | Mapping[str, float | None] | None", None))

    @property
    def access_log_days(self) -> float | None:
        """Days for which it is kept who opened, exported or played what; None keeps for ever."""
        days: float | None = self._get("ACCESS_LOG_DAYS", cast("float | None", 365.0))
        return None if days is None else float(days)

    @property
    def trace_pops(self) -> bool:
        """Whether it is noted who was told of a call, which pages got it and what they showed."""
        return bool(self._get("TRACE_POPS", True))

    @property
    def trace_days(self) -> float | None:
        """Days for which that is kept, if the call is not deleted before; None: as long as the call."""
        days: float | None = self._get("TRACE_DAYS", cast("float | None", 30.0))
        return None if days is None else float(days)

    @property
    def service_level_seconds(self) -> int:
        """Seconds within which calls from outside should be answered, as the dashboard judges it at first."""
        return int(self._get("SERVICE_LEVEL_SECONDS", 20))

    @property
    def spool_limit(self) -> int:
        """Call updates that a bridge keeps while the database is away, before it stops reading its sockets."""
        return int(self._get("SPOOL_LIMIT", 10000))


app_settings = AppSettings()
