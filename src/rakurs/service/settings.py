"""Django's settings: from the environment alone, checked as a whole. docs/operator.md lists every variable."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import rakurs
from rakurs.service.environment import (
    Environment,
    caches_of,
    data_folder,
    database_of,
    secret_of,
    storage_of,
)

_environment = Environment(os.environ)

# What is kept, and where
DATA_DIR = data_folder()
_environment.text("RAKURS_DATA_DIR")
SECRET_KEY = secret_of(_environment, DATA_DIR)
DATABASES = {"default": database_of(_environment, DATA_DIR)}
ON_POSTGRESQL = DATABASES["default"]["ENGINE"].endswith("postgresql")
CACHES = caches_of(_environment)
STORAGES = {
    "default": storage_of(_environment, DATA_DIR),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WEB_DIR = Path(_environment.text("RAKURS_WEB_DIR") or Path(rakurs.__file__).parents[2] / "web" / "dist").absolute()
BUILT_PAGE = Path(rakurs.__file__).parent / "web"
if not WEB_DIR.is_dir() and BUILT_PAGE.is_dir():
    WEB_DIR = BUILT_PAGE

# Who may speak to it
TLS = _environment.switch("RAKURS_TLS")
ALLOWED_HOSTS = _environment.words("RAKURS_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
TRUSTED_PROXY = _environment.text("RAKURS_TRUSTED_PROXY")
ACCESS_MINUTES = _environment.whole("RAKURS_ACCESS_MINUTES", 10, least=1, most=120)
REFRESH_HOURS = _environment.whole("RAKURS_REFRESH_HOURS", 12, least=1, most=24 * 30)
LOCKOUT_FAILURES = _environment.whole("RAKURS_LOCKOUT_FAILURES", 5, least=1, most=1000)
LOCKOUT_MINUTES = _environment.whole("RAKURS_LOCKOUT_MINUTES", 15, least=1, most=24 * 60)
METRICS_TOKEN = _environment.text("RAKURS_METRICS_TOKEN")
UPLOADS_PER_MINUTE = _environment.whole("RAKURS_UPLOADS_PER_MINUTE", 6000, least=1)

# How much at once
UPLOAD_LIMIT_MIB = _environment.whole("RAKURS_UPLOAD_LIMIT_MIB", 256, least=1, most=2048)
HTTP_THREADS = _environment.whole("RAKURS_HTTP_THREADS", 16, least=2, most=256)
CONNECTIONS = _environment.whole("RAKURS_CONNECTIONS", 500, least=10, most=10_000)
IDLE_S = _environment.whole("RAKURS_IDLE_S", 60, least=1, most=3600)
READERS = _environment.whole("RAKURS_READERS", -1, least=0, most=256)
QUEUE_LIMIT = _environment.whole("RAKURS_QUEUE_LIMIT", 200, least=1)
LEASE_S = _environment.number("RAKURS_LEASE_S", 30, least=0.5, most=3600)
MOST_ATTEMPTS = _environment.whole("RAKURS_MOST_ATTEMPTS", 3, least=1, most=100)
DEFAULT_PACK = _environment.text("RAKURS_PACK", "chest-xray")
DEMONSTRATION = _environment.switch("RAKURS_DEMO")
LOG_FORMAT = _environment.choice("RAKURS_LOG_FORMAT", "text", among=("text", "json"))
LOG_LEVEL = _environment.choice("RAKURS_LOG_LEVEL", "info", among=("debug", "info", "warning", "error"))
ADMIN_USERNAME = _environment.text("RAKURS_ADMIN_USERNAME", "admin")
ADMIN_PASSWORD = _environment.text("RAKURS_ADMIN_PASSWORD")
_environment.check()

DEBUG = False  # nothing turns it on: its pages show settings and data
ROOT_URLCONF = "rakurs.service.urls"
WSGI_APPLICATION = "rakurs.service.wsgi.application"
AUTH_USER_MODEL = "readings.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False  # the page translates; the API speaks English and codes
APPEND_SLASH = False
STATIC_URL = "/static/"
SILENCED_SYSTEM_CHECKS = [
    "security.W004", "security.W008", "security.W012", "security.W016",  # behind RAKURS_TLS, see below
    "security.W002",  # our own middleware sets it
    "security.W003",  # no request is authorised by a cookie that another site could send
]  # fmt: skip

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    *(["procrastinate.contrib.django"] if ON_POSTGRESQL else []),
    "rakurs.service.readings",
]
MIDDLEWARE = [
    "rakurs.service.readings.middleware.answered_requests",
    "rakurs.service.readings.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

# TLS ends at the proxy, which says so in X-Forwarded-Proto; the server takes it from RAKURS_TRUSTED_PROXY alone.
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_SSL_REDIRECT = TLS
SECURE_REDIRECT_EXEMPT = [r"^api/health/", r"^metrics$"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Bodies: the server refuses what is over the limit by its Content-Length, before it reads the body.
UPLOAD_LIMIT_BYTES = UPLOAD_LIMIT_MIB * 2**20
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR / "incoming") if (DATA_DIR / "incoming").is_dir() else None
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
DATA_UPLOAD_MAX_NUMBER_FILES = 16

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rakurs.service.readings.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rakurs.service.readings.problems.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "rakurs.service.readings.problems.answer_exception",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=ACCESS_MINUTES),
    "REFRESH_TOKEN_LIFETIME": timedelta(hours=REFRESH_HOURS),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,  # a new password ends every session
    "SIGNING_KEY": SECRET_KEY,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Rakurs",
    "DESCRIPTION": "A second opinion on an image. Decision support, not a diagnosis. See docs/api.md.",
    "VERSION": rakurs.__version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rakurs.service.readings.openapi.add_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "StudyState": "rakurs.service.readings.models.State",
        "Role": "rakurs.service.readings.models.Role",
    },
}
WHITENOISE_ROOT = WEB_DIR if WEB_DIR.is_dir() else None
WHITENOISE_INDEX_FILE = True
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/assets/"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"rakurs": {"()": "rakurs.service.logs.Formatter", "form": LOG_FORMAT}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "rakurs"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "rakurs": {"level": LOG_LEVEL.upper()},
        # Its lines repeat paths and the words of exceptions, which may quote what a person typed.
        "django.request": {"level": "CRITICAL"},
        "django.server": {"level": "CRITICAL"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
