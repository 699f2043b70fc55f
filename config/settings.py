"""Settings from the environment; whatever is unset falls back to the embedded form (SQLite, files in DATA_DIR)."""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from config.keys import embedded_keys

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
elif any(_given.values()) or env("DATABASE_URL", default="") and not env.bool("EMBEDDED_KEYS", default=False):
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

INSTALLED_APPS = [
    "accounts",
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
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
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
    _database["TEST"] = {"NAME": str(DATA_DIR / f"test-{env('PYTEST_XDIST_WORKER', default='main')}.sqlite3")}
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
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]

REDIS_URL = env("REDIS_URL", default="")
CELERY_BROKER_URL = REDIS_URL or "redis://127.0.0.1:1/0"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 1900
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
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

# Klaviyo's address comes from the environment alone, so that nobody can point a stored key elsewhere from a page.
KLAVIYO_API_URL = env("KLAVIYO_API_URL", default="https://a.klaviyo.com")
KLAVIYO_REVISION = "2026-07-15"

LEASE_SECONDS = env.int("LEASE_SECONDS", default=90)
SLICE_SECONDS = env.int("SLICE_SECONDS", default=60)
RETENTION_DAYS = env.int("RETENTION_DAYS", default=30)
LOG_LEVEL = env("LOG_LEVEL", default="INFO")
