"""Django settings. Everything that differs between installations comes from :mod:`config.environment`."""

from datetime import timedelta

import dj_database_url
from csp.constants import NONE, SELF

from config.environment import ROOT, read_environment

ENVIRONMENT = read_environment()

SECRET_KEY = ENVIRONMENT.secret_key
DEBUG = False
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pgtrigger",
    "axes",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "labeling",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Every URL asks for a login unless its view says otherwise: forgetting a decorator opens nothing.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last, because it turns a locked-out login into its answer.
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "labeling.pages.context.shell",
            ]
        },
    }
]

DATABASES = {
    "default": {
        **dj_database_url.parse(ENVIRONMENT.database_url, conn_max_age=600, conn_health_checks=True),
        "ATOMIC_REQUESTS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = timedelta(minutes=10)
# By name and address together: one person's wrong password must not lock out a whole department behind one proxy.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_VERBOSE = False

SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = ENVIRONMENT.https
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = ENVIRONMENT.https
SECURE_HSTS_SECONDS = 31536000 if ENVIRONMENT.https else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.https else None
X_FRAME_OPTIONS = "DENY"

# Celery and redis-py spell a unix socket differently.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ENVIRONMENT.broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db="),
    }
}

# 'wasm-unsafe-eval' is the one relaxation: the browser's JPEG-LS decoder is WebAssembly.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, "'wasm-unsafe-eval'"],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = ROOT / "static"
STATICFILES_DIRS: list[str] = []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Templates name files that only exist after collectstatic; a missing one must not turn a page into an error 500.
WHITENOISE_MANIFEST_STRICT = False


def WHITENOISE_IMMUTABLE_FILE_TEST(path: str, url: str) -> bool:  # noqa: N802 - the setting's name
    """Vite's own hashed names are immutable as much as Django's."""
    import re

    return bool(re.search(r"/viewer/assets/|\.[0-9a-f]{12}\.", url))


STATE = ENVIRONMENT.state
MEDIA_ROOT = STATE / "media"
QUARANTINE_ROOT = STATE / "quarantine"
#: Uncompressed volumes: made again when they are missing, so no backup needs them.
VOLUME_CACHE_ROOT = STATE / "cache" / "volumes"
VOLUME_CACHE_BYTES = ENVIRONMENT.volume_cache_bytes
INFERENCE_STATUS_FILE = STATE / "inference.json"
#: Files of models, each folder under its SHA-256.
MODELS_ROOT = STATE / "models"
#: What jobs need while they run; a job that ended leaves nothing.
JOBS_ROOT = STATE / "jobs"
#: The model that an installation begins with; a path, for the record never imports the models' code.
STARTER_MODEL = ROOT / "inference" / "segmentation" / "starter_model"
INFERENCE_DEVICE = ENVIRONMENT.device
INFERENCE_MEMORY_BYTES = ENVIRONMENT.memory_bytes
# Only for demonstrations of a protocol; see labeling.reading.clock.
CLOCK_FILE = ENVIRONMENT.clock_file
PSEUDONYM_KEY = ENVIRONMENT.pseudonym_key
IDENTITY_KEYS = ENVIRONMENT.identity_keys

FILE_UPLOAD_HANDLERS = ["labeling.pages.uploads.NoUploads"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FILES = 500

#: Limits of one delivery. The ratio stops zip bombs: DICOM and NIfTI deflate to a third at best, padding to a fiftieth.
INTAKE_MAX_BYTES = 8 * 1024**3
INTAKE_MAX_FILES = 50_000
INTAKE_MAX_RATIO = 200
#: Of the zip of a model: the largest that nnU-Net plans is below a tenth of it, five folds of one below half.
MODEL_MAX_BYTES = 4 * 1024**3

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "labeling.api.authentication.TokenAuthentication",
        "labeling.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "labeling.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Sagittal",
    "DESCRIPTION": "Reading room for vertebral fractures on CT. Research use only, not for diagnosis.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # Taken in and given out under one name; elsewhere `origin` is another word.
    "ENUM_NAME_OVERRIDES": {
        "VertebraOriginEnum": ["segmented", "by_hand"],
        "JobStateEnum": "labeling.models.jobs.JobState",
        "VerdictEnum": "labeling.models.reading.Verdict",
        "SliceValueEnum": "labeling.models.reading.SliceValue",
        "ModelRuleEnum": ["shown", "after_lock", "never"],
        "ReadOutStateEnum": ["draft", "locked"],
        "RoundOutKindEnum": "labeling.models.rounds.RoundKind",
        "LetterEnum": ["A", "B"],
        "ShiftMovesEnum": ["names", "findings"],
    },
}

USE_TZ = True
TIME_ZONE = ENVIRONMENT.time_zone
LANGUAGE_CODE = "en"
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # pydicom warns with tag values in the text; values may name a patient.
        "pydicom": {"level": "ERROR"},
        "axes": {"level": "WARNING"},
    },
}

CELERY_BROKER_URL = ENVIRONMENT.broker_url.replace("unix://", "redis+socket://")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "io"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Early acknowledgement: the Job or batch row is the authority, the reaper brings back what lost its worker.
CELERY_TASK_ACKS_LATE = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    "reap": {"task": "labeling.jobs.reap", "schedule": 15.0},
    "close-abandoned": {"task": "labeling.intake.close_abandoned", "schedule": 60.0},
    "call": {"task": "labeling.reading.call", "schedule": 60.0},
    "search": {"task": "labeling.cohort.search", "schedule": 60.0},
}
