"""Settings of the example CRM: those of a real deployment, with a few switches that the demo sets.

`manage.py demo` starts every server and passes their addresses on in the environment:

DEMO=1                  serve over plain HTTP on this machine, show the demo logins
DATA_DIR                folder of the database, logs and the secret key (default: `var` beside manage.py, and for a SIP
                        server `var/sip`: lines and calls of one telephone system mean nothing to another)
VALKEY_URL              channel layer and Celery broker
TELEPHONE_SYSTEM        `voipstudio` (default) or `sip`
VOIPSTUDIO_API_URL, VOIPSTUDIO_SIP_URL    the telephone platform; the demo points them at the simulator
VOIPSTUDIO_WEBHOOK_SECRET                 what its webhooks must know
SIP_URL, SIP_DOMAIN, SIP_CTI_USER, SIP_CTI_PASSWORD, KAMAILIO_RPC_URL    the same for a SIP server
PHONES_URL              what the demo's phones are driven by; the phone lab exists only if this is set
"""

import os
from pathlib import Path

from .secret import secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
TELEPHONE_SYSTEM = os.environ.get("TELEPHONE_SYSTEM", "voipstudio")
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / ("var/sip" if TELEPHONE_SYSTEM == "sip" else "var")))
DEMO = os.environ.get("DEMO") == "1"
VALKEY_URL = os.environ.get("VALKEY_URL", "redis://127.0.0.1:6379/0")
PHONES_URL = os.environ.get("PHONES_URL", "")

SECRET_KEY = os.environ.get("SECRET_KEY") or secret_key(DATA_DIR / "secret-key")
DEBUG = False
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "daphne",
    "channels",
    "crm",  # before the admin, whose base_site.html it extends
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_voipcti",
    "lab",
    "demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.security.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
                "crm.context.navigation",
            ],
        },
    },
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "crm.sqlite3",
        "OPTIONS": {
            # Several processes share the file: readers beside one writer, and writers that queue instead of failing.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL]},
    },
}
CELERY_BROKER_URL = VALKEY_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

#: By TELEPHONE_SYSTEM: the class, and which environment variable holds which of its options.
PROVIDERS = {
    "voipstudio": (
        "django_voipcti.providers.voipstudio.VoipStudioProvider",
        {
            "api_url": "VOIPSTUDIO_API_URL",
            "sip_url": "VOIPSTUDIO_SIP_URL",
            "webhook_secret": "VOIPSTUDIO_WEBHOOK_SECRET",
        },
    ),
    "sip": (
        "django_voipcti.providers.sip.SipProvider",
        {
            "url": "SIP_URL",
            "domain": "SIP_DOMAIN",
            "cti_user": "SIP_CTI_USER",
            "cti_password": "SIP_CTI_PASSWORD",
            "kamailio_rpc_url": "KAMAILIO_RPC_URL",
        },
    ),
}
backend, options = PROVIDERS[TELEPHONE_SYSTEM]
VOIPCTI = {
    "PROVIDERS": {
        "default": {
            "BACKEND": backend,
            "OPTIONS": {name: os.environ[source] for name, source in options.items() if os.environ.get(source)},
        },
    },
    "DEFAULT_REGION": "GB",
    "CALLBACK_DEADLINE": 4 * 3600,
    "DIRECTORIES": {
        "suppliers": {
            "BACKEND": "django_voipcti.phonebook.directories.csvfile.CsvBackend",
            "OPTIONS": {
                "path": BASE_DIR / "crm" / "suppliers.csv",
                "numbers": ["telephone"],
                "label": "firm",
                "detail": "what",
            },
        },
    },
}

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# A name of its own: cookies know no ports, and another Django on this machine must not end the session.
SESSION_COOKIE_NAME = "crm_session"
CSRF_COOKIE_NAME = "crm_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEMO
SECURE_SSL_REDIRECT = not DEMO
SECURE_HSTS_SECONDS = 0 if DEMO else 365 * 4 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEMO
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"django_voipcti": {"level": "INFO"}, "django.request": {"level": "ERROR"}},
}
