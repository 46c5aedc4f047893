"""Settings of the test project: real parts (a database server, Valkey, Celery), no shortcuts that production lacks.

The session fixtures in conftest.py start the servers and write their addresses into these settings; a program that a
test starts finds the same addresses in the environment (`VOIPCTI_TEST_*`). Importing this module starts nothing.
"""

import os
from typing import Any

SECRET_KEY = "only-for-tests-" + "0123456789abcdef" * 3
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
ROOT_URLCONF = "tests.urls"
ASGI_APPLICATION = "tests.asgi.application"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # logins are not what is tested

INSTALLED_APPS = [
    "channels",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_voipcti",
    "tests.testapp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

if os.environ.get("VOIPCTI_TEST_DB", "sqlite") == "postgres":
    DATABASES: dict[str, dict[str, Any]] = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ.get("VOIPCTI_TEST_DB_NAME", "voipcti"),
            "USER": "voipcti",
            "HOST": os.environ.get("VOIPCTI_TEST_DB_HOST", ""),
        },
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("VOIPCTI_TEST_DB_NAME", ":memory:"),
            "OPTIONS": {
                # As a host should run it: readers beside one writer, and writers that queue instead of failing.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
            },
            "TEST": {},
        },
    }

#: Port 9 is "discard": a program without the session's Valkey fails to connect instead of finding somebody else's.
VALKEY_URL = os.environ.get("VOIPCTI_TEST_VALKEY_URL", "redis://127.0.0.1:9/0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL]},
    },
}
CELERY_BROKER_URL = VALKEY_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True

VOIPCTI = {
    "PROVIDERS": {
        "default": {"BACKEND": "django_voipcti.providers.dummy.DummyProvider"},
    },
    # Written by a thread of its own; tests of it switch it on.
    "TRACE_POPS": False,
}
