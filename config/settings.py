"""Settings from the environment; what is unset falls back to the embedded form: SQLite, files in DATA_DIR."""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from config.keys import embedded_keys
from config.logging import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
DEMO = env.bool("DEMO", default=False)
DATA_DIR = Path(env("DATA_DIR", default=str(BASE_DIR / "var")))
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)

_given = {name: env(name, default="") for name in ("SECRET_KEY", "CREDENTIALS_KEYS", "LOOKUP_KEY")}
if all(_given.values()):
    SECRET_KEY = _given["SECRET_KEY"]
    CREDENTIALS_KEYS = [key.strip() for key in _given["CREDENTIALS_KEYS"].split(",") if key.strip()]
    LOOKUP_KEY = _given["LOOKUP_KEY"]
elif any(_given.values()) or (
    env("DATABASE_URL", default="") and not env.bool("EMBEDDED_KEYS", default=False)
):
    raise ImproperlyConfigured(
        "Set SECRET_KEY, CREDENTIALS_KEYS and LOOKUP_KEY together; "
        "missing: " + ", ".join(name for name, value in _given.items() if not value)
    )
else:
    _keys = embedded_keys(DATA_DIR / "keys.json")
    SECRET_KEY = _keys["SECRET_KEY"]
    CREDENTIALS_KEYS = [_keys["CREDENTIALS_KEY"]]
    LOOKUP_KEY = _keys["LOOKUP_KEY"]

BASE_URL = env("BASE_URL", default="http://127.0.0.1:8000")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# All lists and segments of a full account may be chosen in one form.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

# Behind TLS, everything that can insist on it does. gunicorn believes X-Forwarded-Proto only from the
# addresses in FORWARDED_ALLOW_IPS.
_https = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if _https else 0
SILENCED_SYSTEM_CHECKS = [
    # Whether the whole domain speaks TLS, and is on browsers' preload lists, is for its owner to say.
    "security.W005",
    "security.W021",
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

INSTALLED_APPS = [
    "config",
    "accounts",
    "notifications",
    "credentials",
    "audiences",
    "destinations",
    "workflows",
    "api",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.caching.no_store",
    "accounts.middleware.ask_to_sign_in",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'rollcall.sqlite3'}")}
_database = DATABASES["default"]
if "sqlite" in _database["ENGINE"]:
    # Deferred transactions fail with "database is locked" under two writers; IMMEDIATE ones wait their turn.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "accounts:sign-in"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env("TIME_ZONE", default="UTC")
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "files"},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Without a mail server, mail is written to files, where it can be seen that it would have gone.
vars().update(env.email_url_config(env("EMAIL_URL", default="") or f"filemail:///{DATA_DIR / 'mail'}"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env("EMAIL_FROM", default="rollcall@localhost")

REDIS_URL = env("REDIS_URL", default="")
# Port 1 refuses at once: without a broker, waking a worker fails fast and the engine's own loop still runs.
CELERY_BROKER_URL = REDIS_URL or "redis://127.0.0.1:1/0"
CELERY_TASK_DEFAULT_QUEUE = "rollcall"
CELERY_BEAT_SCHEDULE = {
    # A tick nobody took within ten seconds is worthless: the next one looks at the same rows.
    "tick": {"task": "workflows.tick", "schedule": 2.0, "options": {"expires": 10}},
    "notices": {"task": "notifications.dispatch", "schedule": 2.0, "options": {"expires": 10}},
    "tidy": {"task": "workflows.tidy", "schedule": 300.0, "options": {"expires": 300}},
}
CELERY_BEAT_MAX_LOOP_INTERVAL = 2
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 1900
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# However long the broker is away, a worker looks for it.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_SEND_SENT_EVENT = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 35
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_VISIBILITY_TIMEOUT = 600
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
}

# Klaviyo's address comes from the environment alone, so that nobody can point a stored key elsewhere.
KLAVIYO_API_URL = env("KLAVIYO_API_URL", default="https://a.klaviyo.com")
KLAVIYO_REVISION = "2026-07-15"

LEASE_SECONDS = env.int("LEASE_SECONDS", default=90)
SLICE_SECONDS = env.int("SLICE_SECONDS", default=60)
# How long a request whose answer was lost may still take effect at Klaviyo.
AMBIGUITY_SECONDS = env.int("AMBIGUITY_SECONDS", default=75)
MAX_CRASHES = env.int("MAX_CRASHES", default=3)
RETENTION_DAYS = env.int("RETENTION_DAYS", default=30)
LOG_LEVEL = env("LOG_LEVEL", default="INFO").upper()
LOGGING = logging_settings(level=LOG_LEVEL, plain=env.bool("LOG_PLAIN", default=DEBUG or DEMO))
