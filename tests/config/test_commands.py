"""bin/demo, bin/manage and compose.yaml start the same things, and say at once what they cannot do."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import yaml

from config import bootstrap, embedded, launcher, processes, settings
from config.celery import app

OURS = ("migrate", "web", "worker", "beat")


@pytest.fixture(scope="module")
def compose():
    """compose.yaml, read."""
    return yaml.safe_load((embedded.ROOT / "compose.yaml").read_text())["services"]


def bin_(command, *words, **environment):
    """Run one of our commands in this very environment, as a person would, and return how it ended."""
    of_the_tests = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "TESTING")
    given = {name: value for name, value in os.environ.items() if name not in of_the_tests}
    given |= {"REGISTRY_VENV": sys.prefix, **environment}
    path = embedded.ROOT / "bin" / command
    return subprocess.run([path, *words], env=given, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("service", "command"),
    [
        ("migrate", processes.MIGRATE),
        ("web", processes.web(bind="0.0.0.0:8000")),
        ("worker", processes.WORKER),
        ("beat", processes.BEAT),
    ],
)
def test_production_runs_the_very_commands_of_the_demo(compose, service, command):
    assert compose[service]["command"] == command


def test_production_gives_every_process_what_the_settings_demand(compose):
    demanded = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS"}

    for service in OURS:
        given = set(compose[service]["environment"])
        assert demanded <= given
        assert not {"DEMO", "DEBUG", "TESTING"} & given
        assert compose[service]["read_only"] is True


def test_only_migrate_connects_as_the_owner_of_the_tables(compose):
    roles = {
        service: urlsplit(compose[service]["environment"]["DATABASE_URL"]).netloc.partition(":")[0]
        for service in OURS
    }

    assert roles.pop("migrate") == "registry"
    assert set(roles.values()) == {"registry_app"}


def test_every_entry_of_the_timetable_expires_before_the_next():
    for entry in app.conf.beat_schedule.values():
        assert 0 < entry["options"]["expires"] < entry["schedule"]


def test_every_entry_of_the_timetable_names_a_task():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_work_is_acknowledged_late_and_never_runs_twice_at_once():
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.task_ignore_result
    assert not app.conf.worker_cancel_long_running_tasks_on_connection_loss
    assert app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit


def test_a_taken_port_is_told_at_once_and_nothing_is_started(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = bin_("demo", "--port", str(port), REGISTRY_DATA_DIR=str(tmp_path / "data"))

    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert {found.name for found in (tmp_path / "data").iterdir()} == {"engines.lock"}


def test_an_odd_pinned_date_is_told_before_anything_is_started(tmp_path):
    done = bin_("demo", REGISTRY_TODAY="soon", REGISTRY_DATA_DIR=str(tmp_path / "data"))

    assert done.returncode == 1
    assert done.stderr == "REGISTRY_TODAY is 'soon'; a date written YYYY-MM-DD is needed.\n"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("words", ["--port 0", "--port http", "--patients 0", "--speed 9"])
def test_an_odd_option_of_the_demo_is_refused(words):
    with pytest.raises(SystemExit):
        launcher.demo_arguments(words.split())


def test_the_output_of_manage_is_the_commands_alone_and_so_is_its_exit_code():
    engines = embedded.Engines.for_tests()
    try:
        engines.start()
        place = {"REGISTRY_DATA_DIR": str(engines.data)}
        # `diffsettings` needs no table, `check --tag` of nothing known fails.
        told = bin_("manage", "diffsettings", "--output", "unified", **place)
        failed = bin_("manage", "check", "--tag", "no_such_tag", **place)
        still_there = engines.answer()
    finally:
        engines.stop()

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(("-", "+", "  "))
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert still_there, "engines found running are left running"


def test_two_first_commands_at_once_find_one_set_of_tables():
    # Not in tmp_path: only root may enter that, so root's database would be kept elsewhere, and stay there.
    with (
        tempfile.TemporaryDirectory(prefix="registry-test-", dir="/tmp") as data,
        ThreadPoolExecutor() as both,
    ):
        os.chmod(data, 0o755)
        done = list(both.map(lambda _: bin_("manage", "scan", "--json", REGISTRY_DATA_DIR=data), range(2)))

    assert [found.returncode for found in done] == [0, 0], [found.stderr for found in done]
    assert [len(json.loads(found.stdout)["runs"]) for found in done] == [4, 4]
    assert sum(found.stderr.count("making its tables first") for found in done) == 1


def test_two_first_starts_install_once(tmp_path, monkeypatch):
    installed = []

    def make(place, python):
        python.parent.mkdir(parents=True)
        python.touch()

    def install(python, environment):
        time.sleep(0.2)
        installed.append(python)

    monkeypatch.setattr(bootstrap, "make", make)
    monkeypatch.setattr(bootstrap, "install", install)
    starts = [threading.Thread(target=bootstrap.up_to_date, args=(tmp_path / "venv", {})) for _ in range(3)]

    for start in starts:
        start.start()
    for start in starts:
        start.join()

    assert len(installed) == 1


def test_the_tests_step_down_to_the_role_of_the_application():
    assert settings.DATABASE_ROLE == "registry_app"
    assert settings.DATABASES["default"]["USER"] == "registry"
