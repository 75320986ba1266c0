"""How this installation runs. Secrets and hosts come from the environment; nothing clinical is decided here.

DEMO=1 is the set-up of `bin/demo`, DEBUG=1 a developer's, TESTING=1 the test suite's.
Without any of them this is production, and a missing secret or host stops the start.
"""

from datetime import date
from pathlib import Path

from csp.constants import NONE, SELF

from config import embedded, env
from config.logging import configure_structlog, log_settings

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO = env.flag("DEMO")
DEBUG = env.flag("DEBUG")
TESTING = env.flag("TESTING")
PRODUCTION = not (DEMO or DEBUG or TESTING)

DATA_DIR = embedded.data_dir()

# --- who we are -------------------------------------------------------------------------------

if PRODUCTION:
    SECRET_KEY = env.secret_key("SECRET_KEY")
    ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS")
elif TESTING:
    SECRET_KEY = "only for the tests"  # noqa: S105
    ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
else:
    SECRET_KEY = env.kept_secret(DATA_DIR / "secret_key", characters=64)
    ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

# One date for pages, tasks and API, so that a demonstration can look at a year ahead. Never in production.
REGISTRY_TODAY: date | None = env.day("REGISTRY_TODAY") if DEMO else None

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "knox",
    "allauth",
    "allauth.account",
    "csp",
    "django_structlog",
    "registry",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "registry.web.session_lock.SessionLock",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "registry.web.scope_middleware.ScopeMiddleware",
    "registry.web.locked_middleware.LockedMiddleware",
    "registry.web.reused_form_middleware.ReusedFormMiddleware",
]

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
                "registry.web.frame.frame",
            ]
        },
    }
]

FORM_RENDERER = "registry.web.drawn_forms.DrawnForms"

# --- where things are kept --------------------------------------------------------------------

# The web and the worker connect as registry_app, which may not alter a table. Only `migrate` runs as the
# owner, by being started with DATABASE_OWNER_URL in place of DATABASE_URL.
DATABASES = {
    "default": {
        **env.database("DATABASE_URL", embedded.database_url(DATA_DIR)),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
# The tests create and migrate their database, so they connect as the owner; the application's scope then
# takes this role for each transaction. None: the connection has the right role already.
DATABASE_ROLE: str | None = "registry_app" if TESTING else None

REDIS_URL = env.redis("REDIS_URL", embedded.redis_url(DATA_DIR))
CACHES = {
    "default": {
        "BACKEND": "config.cache.SharedOrOwnCache",
        "LOCATION": REDIS_URL,
        # A broker that is away must not hold up a login for longer than that.
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
}

# --- people and programs ----------------------------------------------------------------------

AUTH_USER_MODEL = "registry.User"
AUTHENTICATION_BACKENDS = ["registry.access.sign_in.SignInBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if TESTING:
    # A slow hash costs the suite minutes and tests nothing of ours.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LOGIN_URL = "/account/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False  # a ward's computer: the session ends with the browser, and at the latest …
SESSION_COOKIE_AGE = 12 * 60 * 60  # … twelve hours after the login, however busy it was
SESSION_SAVE_EVERY_REQUEST = False
# After so long without anybody doing anything the page locks in place; the password opens it again.
SESSION_IDLE_SECONDS = env.integer("SESSION_IDLE_SECONDS", 15 * 60, at_least=5)
# How many proxies in front of us may be believed about the caller's address; the login's limits count by it.
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, at_least=0)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["registry.api.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "registry.api.errors.problem",
    # The form of an answer is asked for by `Accept`; `?format=` is a parameter like any unknown one.
    "URL_FORMAT_OVERRIDE": None,
}
# Its own table of tokens is swapped for ours; knox's migrations would make it all the same.
MIGRATION_MODULES = {"knox": None}
KNOX_TOKEN_MODEL = "registry.ApiKey"  # noqa: S105
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer"}
SPECTACULAR_SETTINGS = {
    "TITLE": "CAR T-cell safety registry",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    # The schema names each code where it stands; the hook would invent names for lists of codes.
    "POSTPROCESSING_HOOKS": [],
}

# A pasted text of ten megabytes comes back on the page with the reason why it is too long, and is not lost.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

# --- what a browser may do --------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if PRODUCTION:
    # __Host-: a neighbouring host of the same domain can neither read nor plant these cookies.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    # TLS ends at the proxy, which must set this header itself and drop the caller's; see deploy/README.md.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked from inside, without the proxy

# --- language, time, files, mail --------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static_collected" if PRODUCTION else DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION or DEMO
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

EMAIL_HOST = env.text("EMAIL_HOST", "")
if EMAIL_HOST:
    EMAIL_USE_TLS, EMAIL_USE_SSL = env.flag("EMAIL_USE_TLS"), env.flag("EMAIL_USE_SSL")
    if EMAIL_USE_TLS and EMAIL_USE_SSL:
        raise env.NotConfigured("EMAIL_USE_TLS (STARTTLS) and EMAIL_USE_SSL exclude each other.")
    EMAIL_PORT = env.integer("EMAIL_PORT", 465 if EMAIL_USE_SSL else 25, at_least=1)
    EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
    EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
    EMAIL_TIMEOUT = 10
else:
    # Nobody is reached, but nothing is lost: each mail becomes a file, and the status says so.
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DATA_DIR / "mail"
# Called every five minutes while all is well: who is called notices when the call stays away.
HEARTBEAT_URL = env.outside_address("HEARTBEAT_URL", may_be_plain=not PRODUCTION)
# Where the links in mails lead.
PUBLIC_URL = env.web_address(
    "PUBLIC_URL", f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if PRODUCTION else "http://127.0.0.1:8000"
)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("MAIL_FROM", "registry@localhost")
ADMINS = [(address, address) for address in env.words("ADMINS")]

# --- log --------------------------------------------------------------------------------------

LOGGING = log_settings(
    level=env.text("LOG_LEVEL", "INFO"),
    console="json" if PRODUCTION else "plain",
    file=env.text("LOG_FILE", "") or None,
)
configure_structlog()
DJANGO_STRUCTLOG_CELERY_ENABLED = True

# --- Celery: at least once, and harmless twice ------------------------------------------------

CELERY_BROKER_URL = env.broker(REDIS_URL)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Cancelling fails when the broker is away, and the message is then lost for good.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_SOFT_TIME_LIMIT, CELERY_TASK_TIME_LIMIT = 270, 300
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,  # above the hard time limit, or a slow task runs twice at once
    "socket_keepalive": True,
    "retry_on_timeout": True,
    "max_retries": 3,
}
# A page that wakes the worker must answer within half a second without a broker, too.
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 2,
    "interval_start": 0.1,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
# The timetable has only short intervals and the database knows what is due: no file to lose.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
