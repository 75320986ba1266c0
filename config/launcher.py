"""`bin/demo`, `bin/test` and `bin/manage`, once the environment is installed."""

import argparse
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from config import embedded, env, processes
from config.embedded import AlreadyRunning, Engines, EnginesFailed
from config.supervisor import ProcessFailed, Stopped, Supervisor, say

ROOT = embedded.ROOT
MANAGE = str(ROOT / "manage.py")

ACCOUNTS = {
    "coordinator@demo": "enters visits and laboratory results",
    "investigator@demo": "enters and signs",
    "officer@demo": "reviews alerts",
    "lead@demo": "reviews alerts, opens locks, answers for the checks",
    "manager@demo": "asks sites, locks records, keeps consent versions",
    "sponsor@demo": "reads how to take data out",
    "admin@demo": "sees that checks and mails run",
}
CHECKS = {
    "ruff check": ["python", "-m", "ruff", "check"],
    "ruff format": ["python", "-m", "ruff", "format", "--check"],
    "mypy": ["python", "-m", "mypy"],
    # No engine runs yet, so Django cannot compare with the tables and warns; the files are what is asked for.
    "migrations": [
        "python",
        "-W",
        "ignore::RuntimeWarning",
        MANAGE,
        "makemigrations",
        "--check",
        "--dry-run",
    ],
}
# These must work before there are tables, or are what makes them.
WITHOUT_TABLES = {"check", "compilemessages", "help", "makemessages", "makemigrations", "migrate"}
# After these the tables may be older than the code, or empty.
UNDOING = {"flush", "migrate"}


def main() -> int:
    """Run the command named first and return its exit code."""
    command, *words = sys.argv[1:]
    try:
        return {"demo": demo, "test": test, "manage": manage}[command](words)
    except (EnginesFailed, ProcessFailed, env.NotConfigured) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


def environment(data: Path) -> dict[str, str]:
    """Return what a process needs to find its engines: those given, or the embedded ones of the directory.

    Embedded engines are never production, so they bring DEMO=1 with them.
    """
    given = dict(os.environ)
    given["REGISTRY_DATA_DIR"] = str(data)
    if not given.get("DATABASE_URL"):
        given["DATABASE_URL"] = embedded.database_url(data)
        given["DATABASE_OWNER_URL"] = embedded.database_url(data, role="registry")
        given["DEMO"] = "1"
    if not given.get("REDIS_URL"):
        given["REDIS_URL"] = embedded.redis_url(data)
    if not given.get("DATABASE_OWNER_URL"):
        given["DATABASE_OWNER_URL"] = given["DATABASE_URL"]
    if given.get("DEMO") == "1":
        given["DEMO_PASSWORD"] = env.kept_secret(data / "demo_password", characters=16)
    return given


def as_owner(given: dict[str, str]) -> dict[str, str]:
    """Return the same, connected as the role that owns the tables: for `migrate`, and for nothing else."""
    return {**given, "DATABASE_URL": given["DATABASE_OWNER_URL"]}


def wanted_engines() -> dict[str, bool]:
    """Return which engines no address was given for."""
    return {"postgres": not os.environ.get("DATABASE_URL"), "valkey": not os.environ.get("REDIS_URL")}


# --- bin/demo ---------------------------------------------------------------------------------


def demo(words: list[str]) -> int:
    """Run the registry with an invented cohort until somebody asks us to stop."""
    asked = demo_arguments(words)
    env.day("REGISTRY_TODAY")  # every process would refuse an odd one, but only after minutes of preparing
    began = time.monotonic()
    engines = Engines(embedded.data_dir())
    engines.take()
    refuse_taken_port(asked.port)
    supervisor = Supervisor(engines, cwd=ROOT)
    supervisor.listen()
    try:
        os.environ["DEMO"] = "1"
        given = {"PUBLIC_URL": f"http://127.0.0.1:{asked.port}", **environment(engines.data)}
        prepare(supervisor, given, patients=asked.patients, seed=asked.seed)
        supervisor.start("web", processes.web(bind=f"127.0.0.1:{asked.port}"), given)
        supervisor.start("worker", processes.WORKER, given)
        supervisor.start("beat", processes.BEAT, given)
        reasons = wait_until_ready(supervisor, given, port=asked.port)
        say(greeting(engines.data, port=asked.port, password=given["DEMO_PASSWORD"], reasons=reasons))
        say(
            f"Ready after {time.monotonic() - began:.1f} s. Logs: {supervisor.logs}. Ctrl-C stops everything."
        )
        while True:
            supervisor.check()
            time.sleep(0.2)
    except Stopped:
        say("Stopping …")
        return 0
    finally:
        supervisor.stop()
        engines.stop()
        say("Stopped; no process is left.")


def demo_arguments(words: list[str]) -> argparse.Namespace:
    """Return the options of bin/demo; argparse refuses the odd ones."""
    parser = argparse.ArgumentParser("bin/demo", description="The whole registry with an invented cohort.")
    parser.add_argument("--port", type=int, default=8000, help="of http://127.0.0.1 (8000)")
    parser.add_argument("--patients", type=int, default=400, help="in the cohort, at the first start (400)")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the cohort; the same seed, the same cohort (1)"
    )
    asked = parser.parse_args(words)
    if not 1 <= asked.port <= 65535:
        parser.error(f"--port {asked.port}: a port is a number from 1 to 65535.")
    if asked.patients < 1:
        parser.error(f"--patients {asked.patients}: at least one is needed.")
    return asked


def refuse_taken_port(port: int) -> None:
    """Raise ProcessFailed when the web server could not listen there."""
    with socket.socket() as probe:
        # As gunicorn does; without it a port closed a moment ago would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as refusal:
            why = os.strerror(refusal.errno or 0)
            raise ProcessFailed(
                f"Port {port} of 127.0.0.1 cannot be used ({why}). Choose another: bin/demo --port {port + 1}"
            ) from refusal


def prepare(supervisor: Supervisor, given: dict[str, str], *, patients: int, seed: int) -> None:
    """Start the engines, bring the tables up to date and invent the cohort, unless that is done already."""
    say("Starting the engines …")
    supervisor.engines.start(**wanted_engines())
    mark = mark_of_preparation()
    if noted_mark(given) == mark and (supervisor.engines.data / "static" / "staticfiles.json").exists():
        return
    say("Bringing the tables up to date …")
    with migrating(given):
        supervisor.run({"migrate": processes.MIGRATE}, as_owner(given))
    say(f"Inventing {patients} patients, if there are none yet …")
    seeding = ["python", MANAGE, "seed_demo", "--patients", str(patients), "--seed", str(seed)]
    collecting = ["python", MANAGE, "collectstatic", "--noinput", "-v0"]
    supervisor.run({"seed_demo": seeding, "collectstatic": collecting}, given)
    note_mark(given, mark)


def mark_of_preparation() -> str:
    """Return a mark of all that `prepare` reads: our files, and the pinned packages that bring the others."""
    folders = [ROOT / "registry" / "migrations", ROOT / "registry" / "static"]
    ours = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    mark = hashlib.sha256()
    for path in [ROOT / "requirements.txt", *(path for path in ours if path.suffix != ".pyc")]:
        mark.update(path.name.encode() + path.read_bytes())
    return mark.hexdigest()


def noted_mark(given: dict[str, str]) -> str | None:
    """Return the mark this database bears. It spares each later start three processes of two seconds."""
    with psycopg.connect(given["DATABASE_OWNER_URL"]) as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    return row[0] if row else None


def note_mark(given: dict[str, str], mark: str) -> None:
    """Write the mark onto the database itself, so that it can belong to no other."""
    with psycopg.connect(given["DATABASE_OWNER_URL"]) as connection:
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(database, sql.Literal(mark)))


def wait_until_ready(supervisor: Supervisor, given: dict[str, str], *, port: int) -> str:
    """Return nothing when /readyz answers 200, or its reasons when three minutes were not enough."""
    say("Waiting for the web server, the worker and a whole scan …")
    end = time.monotonic() + 180
    scanned = False
    while True:
        supervisor.check()
        status, reasons = readiness(port)
        if status == http.HTTPStatus.OK:
            return ""
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE and not scanned:
            # After days of rest the nightly scan is stale, and its time comes only tonight.
            scanned = True
            with contextlib.suppress(ProcessFailed):  # the reasons of /readyz say it better
                supervisor.run({"scan": ["python", MANAGE, "scan"]}, given)
        elif time.monotonic() > end:
            return reasons
        else:
            time.sleep(0.1)


def readiness(port: int) -> tuple[int, str]:
    """Return what /readyz answers, or 0 while nobody does."""
    # Not urllib: it would ask the person's proxy for our own machine.
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", "/readyz")
        answer = line.getresponse()
        return answer.status, reasons_in(answer.read())
    except (OSError, http.client.HTTPException):
        return 0, "the web server does not answer"
    finally:
        line.close()


def reasons_in(answer: bytes) -> str:
    """Return what /readyz complains about, in words."""
    try:
        checks = json.loads(answer)["checks"]
        return "; ".join(f"{check['name']}: {check['value']}" for check in checks if not check["ok"])
    except (ValueError, KeyError, TypeError):
        return answer[:200].decode(errors="replace")


def greeting(data: Path, *, port: int, password: str, reasons: str) -> str:
    """Return what the person needs to begin."""
    key = data / "demo_api_key"
    return "\n".join(
        [
            "",
            f"  The registry is at  http://127.0.0.1:{port}/",
            *([f"  It is NOT READY:    {reasons}"] if reasons else []),
            "",
            "  Demo accounts, all with the password  " + password,
            *(f"    {name:<18} {what}" for name, what in ACCOUNTS.items()),
            *(["", "  The sponsor's API key  " + key.read_text().strip()] if key.exists() else []),
            "",
        ]
    )


# --- bin/manage -------------------------------------------------------------------------------


def manage(words: list[str]) -> int:
    """Run one management command and return its exit code. Standard output is the command's alone."""
    data = embedded.data_dir()
    if not any(wanted_engines().values()):
        return attended([sys.executable, MANAGE, *words], environment(data))
    with engines_in_use(data):
        given = environment(data)
        command = next((word for word in words if not word.startswith("-")), "help")
        if command not in WITHOUT_TABLES:
            make_missing_tables(given)
        if command in UNDOING:
            note_mark(given, "")  # the next bin/demo must look for itself
        if command == "migrate":
            given = as_owner(given)
        return attended([sys.executable, MANAGE, *words], given)


@contextlib.contextmanager
def engines_in_use(data: Path) -> Iterator[None]:
    """Use the engines that run, or start them and stop them again.

    Who started them stops them only when no other command uses them any more: that is what the lock counts.
    """
    embedded.make_data_dir(data)
    engines = Engines(data)
    end = time.monotonic() + 60
    with (data / "engines_in_use.lock").open("a") as users:
        while True:
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                engines.start(**wanted_engines())
                started = True
                break
            except AlreadyRunning:
                if engines.answer():
                    started = False
                    break
                if time.monotonic() > end:
                    raise
            # They are just being started or stopped by somebody else.
            fcntl.flock(users, fcntl.LOCK_UN)
            time.sleep(0.2)
        try:
            yield
        finally:
            if started:
                wait_for_other_users(users.fileno())
                engines.stop()


def wait_for_other_users(lock: int) -> None:
    """Return when nobody else uses the engines we started."""
    fcntl.flock(lock, fcntl.LOCK_UN)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("Another bin/manage uses these engines; waiting for it.\n")
        fcntl.flock(lock, fcntl.LOCK_EX)


def make_missing_tables(given: dict[str, str]) -> None:
    """Migrate a database that never was; what it says goes to standard error."""
    with migrating(given) as connection:
        row = connection.execute("SELECT to_regclass('django_migrations') IS NULL").fetchone()
        if row and row[0]:
            sys.stderr.write("The database is empty; making its tables first.\n")
            migrate = processes.here(processes.MIGRATE)
            subprocess.run(migrate, cwd=ROOT, env=as_owner(given), stdout=sys.stderr, check=True)


@contextlib.contextmanager
def migrating(given: dict[str, str]) -> Iterator[psycopg.Connection]:
    """Keep every other start out while the tables may be in the making: it waits, and then finds them."""
    with psycopg.connect(given["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended('migrating', 0))")
        yield connection


def attended(words: list[str], given: dict[str, str]) -> int:
    """Run a command in the foreground, pass signals on, and return its exit code as a shell would."""
    child = subprocess.Popen(words, env=given, preexec_fn=embedded.dies_with_parent(signal.SIGTERM))
    # Ctrl-C reaches the child by itself; we only must outlive it, to stop the engines.
    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: child.send_signal(received))
    code = child.wait()
    return 128 - code if code < 0 else code


# --- bin/test ---------------------------------------------------------------------------------


def test(words: list[str]) -> int:
    """Run lint, types and tests; with arguments only pytest. All of them run, whichever fails."""
    os.chdir(ROOT)
    given = {**os.environ, "TESTING": "1"}
    failed = []
    if words:
        sys.stderr.write("Arguments are for pytest: lint and types are left out.\n")
    for name, check in {} if words else CHECKS.items():
        say(f"--- {name}")
        if subprocess.run(processes.here(check), env=given).returncode:
            failed.append(name)
            say(f"--- {name} FAILED")
    given["REGISTRY_FAILED_CHECKS"] = ", ".join(failed)
    say("--- pytest")
    # Replaced and not waited for, so that Ctrl-C and the closing line are pytest's own. The plugin
    # config.pytest_stack turns a failed check into a failed run.
    os.execve(sys.executable, [sys.executable, "-m", "pytest", "-rs", *words], given)


if __name__ == "__main__":
    sys.exit(main())
