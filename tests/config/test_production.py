"""What holds when neither DEMO, DEBUG nor TESTING is set: each test starts a Python of its own."""

import json
import os
import subprocess
import sys

import psycopg
import pytest

from config.embedded import ROOT, Engines

PRODUCTION = {
    "SECRET_KEY": "x7Jq-0pVt_5dRk2Zs9WmYb3LhNc8QfAg4TuEoXi6BvMl1PyHjDnCeFw",
    "ALLOWED_HOSTS": "registry.example.org",
    "DATABASE_URL": "postgresql://registry_app:word@db:5432/registry",
    "REDIS_URL": "redis://:word@broker:6379/0",
}
SHOW = """
import json
from config import settings
print(json.dumps({name: value for name, value in vars(settings).items() if name.isupper()}, default=str))
"""


def python(*words, **environment):
    """Run Python in the project with only this environment, and return how it ended."""
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "config.settings"}
    given |= {name: value for name, value in environment.items() if value is not None}
    return subprocess.run([sys.executable, *words], env=given, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def settings():
    """The settings of a production start."""
    done = python("-c", SHOW, **PRODUCTION)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", None),
        ("SECRET_KEY", "short"),
        ("ALLOWED_HOSTS", None),
        ("ALLOWED_HOSTS", "*"),
        ("DEBUG", "true"),
        ("DATABASE_URL", "sqlite:///registry.db"),
    ],
)
def test_a_missing_or_odd_value_stops_the_start_with_its_name(name, value):
    done = python("-c", "import config.settings", **{**PRODUCTION, name: value})

    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


def test_a_command_says_what_is_missing_in_one_line():
    done = python("manage.py", "status", "--json", **{**PRODUCTION, "SECRET_KEY": None})

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "SECRET_KEY is missing.\n")


def test_djangos_own_deployment_check_finds_nothing():
    done = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def made():
    """A database made as in production: by deploy/initdb, then `migrate` as the owner of the tables."""
    engines = Engines.for_tests()
    try:
        engines.start(valkey=False)
        sockets, words = engines.sockets / "pg", dict.fromkeys(("OWNER_DB_PASSWORD", "APP_DB_PASSWORD"), "x")
        superuser = f"postgresql://postgres@/postgres?host={sockets}"
        with psycopg.connect(superuser, autocommit=True) as connection:
            for step in ("DATABASE registry", "ROLE registry", "ROLE registry_app"):
                connection.execute(f"DROP {step}")
        roles = subprocess.run(
            ["/bin/sh", ROOT / "deploy/initdb/roles.sh"],
            env={"PATH": f"{engines._binaries()}:{os.environ['PATH']}", "PGHOST": str(sockets)}
            | {"POSTGRES_USER": "postgres", **words},
            capture_output=True,
            text=True,
        )
        assert roles.returncode == 0, roles.stderr
        done = python(
            "manage.py", "migrate", "--noinput", **{**PRODUCTION, "DATABASE_URL": engines.owner_url}
        )
        assert done.returncode == 0, done.stderr
        yield engines
    finally:
        engines.stop()


def test_the_database_of_production_has_the_roles_of_the_demo(made):
    with psycopg.connect(made.app_url) as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles"
            " WHERE rolname LIKE 'registry%' ORDER BY rolname"
        ).fetchall()
        assert connection.execute("SELECT count(*) FROM registry_patient").fetchone() == (0,)

    # Tests make databases of their own, so the owner of the demo may.
    assert roles == [("registry", False, False, False, False), ("registry_app", False, False, False, False)]


def test_the_application_may_connect_and_make_nothing_not_even_a_temporary_table(made):
    for statement in ("CREATE TABLE mine ()", "CREATE TEMPORARY TABLE mine ()", "CREATE SCHEMA mine"):
        with (
            psycopg.connect(made.app_url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_cookies_are_for_this_host_only_and_out_of_reach_of_scripts(settings):
    for kind in ("SESSION", "CSRF"):
        assert settings[f"{kind}_COOKIE_NAME"].startswith("__Host-")
        assert settings[f"{kind}_COOKIE_SECURE"] is True
        assert settings[f"{kind}_COOKIE_HTTPONLY"] is True
        assert settings[f"{kind}_COOKIE_SAMESITE"] == "Lax"
    assert settings["SESSION_COOKIE_AGE"] == 12 * 60 * 60
    assert settings["SESSION_SAVE_EVERY_REQUEST"] is False


def test_the_page_may_load_only_from_its_own_host_and_nothing_inline(settings):
    directives = settings["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]

    allowed = {source for sources in directives.values() for source in sources}

    assert directives["default-src"] == ["'none'"]
    assert allowed == {"'none'", "'self'"}


def test_neither_the_pinned_date_nor_the_demo_reaches_production():
    done = python("-c", SHOW, **PRODUCTION, REGISTRY_TODAY="2031-01-01")

    read = json.loads(done.stdout)

    assert read["REGISTRY_TODAY"] is None
    assert (read["DEMO"], read["DEBUG"], read["TESTING"]) == (False, False, False)


def test_an_odd_pinned_date_stops_the_demo_with_its_name(tmp_path):
    done = python("-c", SHOW, DEMO="1", REGISTRY_DATA_DIR=str(tmp_path), REGISTRY_TODAY="31.01.2031")

    assert done.returncode != 0
    assert "REGISTRY_TODAY" in done.stderr.splitlines()[-1]


def test_programs_must_show_a_key_unless_a_view_says_otherwise(settings):
    rest = settings["REST_FRAMEWORK"]

    assert rest["DEFAULT_AUTHENTICATION_CLASSES"] == ["registry.api.authentication.KeyAuthentication"]
    assert rest["DEFAULT_PERMISSION_CLASSES"] == ["rest_framework.permissions.IsAuthenticated"]
    assert rest["DEFAULT_RENDERER_CLASSES"] == ["rest_framework.renderers.JSONRenderer"]


def test_links_in_mails_lead_to_the_first_host_unless_an_address_is_given(settings):
    assert settings["PUBLIC_URL"] == "https://registry.example.org"


def test_without_a_mail_server_mails_become_files(settings):
    assert settings["EMAIL_BACKEND"].endswith("filebased.EmailBackend")
    assert settings["EMAIL_FILE_PATH"].endswith("/mail")


def test_a_mail_server_is_named_by_the_environment():
    named = {"EMAIL_HOST": "smtp.example.org", "EMAIL_USE_SSL": "1", "EMAIL_HOST_USER": "registry"}

    read = json.loads(python("-c", SHOW, **PRODUCTION, **named).stdout)

    assert "EMAIL_BACKEND" not in read  # Django's own, by SMTP
    assert (read["EMAIL_HOST"], read["EMAIL_PORT"], read["EMAIL_USE_SSL"]) == ("smtp.example.org", 465, True)
    assert read["EMAIL_TIMEOUT"] == 10


def test_two_ways_of_encryption_at_once_stop_the_start():
    both = {"EMAIL_HOST": "smtp.example.org", "EMAIL_USE_SSL": "1", "EMAIL_USE_TLS": "1"}

    done = python("-c", "import config.settings", **PRODUCTION, **both)

    assert done.returncode != 0
    assert "EMAIL_USE_TLS" in done.stderr.splitlines()[-1]
