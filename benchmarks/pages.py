"""What a page costs beside one that only checks the login, in one run; and how many queries pages ask.

`python -m benchmarks.pages`: a demonstration of the benchmark's own below REGISTRY_DATA_DIR, pages asked
through Django in this process, each kind in turn in every round. CPU is this process's; the database's own
work shows in the wall time only.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import engine
from config import embedded
from config.embedded import EnginesFailed

LIMIT = 3.0  # of each of these, in CPU of a page that only checks the login
LIMITED = {"visit": "new visit", "recorded_visit": "recorded visit"}
_PATIENTS = 40
_WARM_UP = 5


def main(words: list[str]) -> int:
    """Build the data once, measure in a process of its own, print; 1 when the limit is not kept."""
    asked = _parser().parse_args(words)
    if asked.measure:
        return _measure_in_this_process(asked.rounds)
    try:
        with engine.running(embedded.data_dir()) as own:
            database = engine.Database(own, f"pages_{asked.patients}")
            _build(database, patients=asked.patients, anew=asked.rebuild)
            measured = _measured(database, rounds=asked.rounds)
    except EnginesFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        return 1  # it has said why
    print(json.dumps(measured) if asked.json else _as_table(measured))
    return 0 if measured["is_within_limit"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks.pages", description=__doc__)
    parser.add_argument("--patients", type=int, default=_PATIENTS)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--rebuild", action="store_true", help="build the data anew")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    return parser


def _build(database: engine.Database, *, patients: int, anew: bool) -> None:
    """Leave a seeded demonstration of this size; one that is whole is only brought up to date."""
    mark = database.data / f"{database.name}.whole"
    if anew or not mark.exists():
        mark.unlink(missing_ok=True)
        with engine.Database(database.data, "postgres").connect("postgres") as server:
            server.execute(f"DROP DATABASE IF EXISTS {database.name}")
            server.execute(f"CREATE DATABASE {database.name} OWNER registry")
    engine.migrate(database)
    if mark.exists():
        return
    print(f"Inventing {patients} patients, once …", file=sys.stderr, flush=True)
    manage = [sys.executable, str(embedded.ROOT / "manage.py")]
    # Without a broker: that nobody could be nudged is no news here.
    quiet = {"DEMO_PASSWORD": "of-no-account", "LOG_LEVEL": "CRITICAL"}
    environment = {**database.environment("registry"), **quiet}
    subprocess.run(
        [*manage, "seed_demo", "--patients", str(patients)],
        cwd=embedded.ROOT,
        env=environment,
        stdout=sys.stderr,
        check=True,
    )
    mark.touch()


def _measured(database: engine.Database, *, rounds: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pages", "--measure", "--rounds", str(rounds)],
        cwd=embedded.ROOT,
        env=database.environment("registry_app"),
        stdout=subprocess.PIPE,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _measure_in_this_process(rounds: int) -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    # Not at the top: models can be read only after Django is set up.
    import django
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]
    # Files under their plain names: what is measured is the page, not how its style sheet is called.
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    django.setup()
    print(json.dumps(measure(rounds=rounds)))
    return 0


def measure(*, rounds: int) -> dict[str, Any]:
    """Return medians in milliseconds, queries and the ratio, of the pages of one coordinator."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    addresses, user = _addresses()
    client = Client()
    client.force_login(user)

    def ask(path: str) -> Callable[[], Any]:
        return lambda: _whole(client.get(path), path)

    asked = {name: ask(path) for name, path in addresses.items()}
    taken = _in_turn(asked, rounds=rounds)
    queries = {}
    for name, get in asked.items():
        with CaptureQueriesContext(connection) as found:
            get()
        queries[name] = sum(_is_question(each["sql"]) for each in found.captured_queries)
    pages = {
        name: {
            "cpu_ms": round(statistics.median(cpu) * 1000, 2),
            "wall_ms": round(statistics.median(wall) * 1000, 2),
            "queries": queries[name],
        }
        for name, (cpu, wall) in taken.items()
    }
    login_cpu, login_wall = taken["login_only"]
    ratios = {name: _ratio(taken[name][0], login_cpu) for name in LIMITED}
    return {
        "pages": pages,
        "rounds": rounds,
        "ratio_to_login_only": ratios,
        "wall_ratio_to_login_only": {name: _ratio(taken[name][1], login_wall) for name in LIMITED},
        "limit": LIMIT,
        "is_within_limit": max(ratios.values()) <= LIMIT,
    }


def _addresses() -> tuple[dict[str, str], Any]:
    from registry.access.scope import EVERYTHING, acting
    from registry.models import User, Visit

    with acting(rows=EVERYTHING):
        user = User.objects.get(username="coordinator@demo")
        site = user.memberships.get().site
        visit = (
            Visit.objects.filter(patient__site=site, status="completed")
            .exclude(code="UNS")
            .select_related("patient")
            .order_by("-visited_on", "pk")
            .first()
        )
    assert visit is not None
    patient = f"/patients/{visit.patient.public_id}/"
    return {
        # The frame of every page and a form of one field: who is here, and nothing of a patient.
        "login_only": "/account/notifications/",
        "home": "/",
        "patient": patient,
        "visit": f"{patient}visits/UNS/",
        "recorded_visit": f"{patient}visits/{visit.code}/",
        "events": f"{patient}events/",
    }, user


def _whole(answer: Any, path: str) -> None:
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}")


def _in_turn(
    asked: Mapping[str, Callable[[], Any]], *, rounds: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Ask every page once in every round, so that a busy moment of the machine meets all of them."""
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in asked}
    for number in range(_WARM_UP + rounds):
        for name, get in asked.items():
            cpu, wall = time.process_time(), time.perf_counter()
            get()
            if number >= _WARM_UP:
                taken[name][0].append(time.process_time() - cpu)
                taken[name][1].append(time.perf_counter() - wall)
    return taken


def _ratio(one: list[float], other: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(one, other, strict=True)), 2)


def _is_question(sql: str) -> bool:
    """Not the frame of a transaction, nor who it works for."""
    return sql.lstrip("( ").upper().startswith(("SELECT", "WITH")) and "set_config" not in sql


def _as_table(measured: Mapping[str, Any]) -> str:
    lines = [f"{'page':<16}{'CPU ms':>8}{'wall ms':>9}{'queries':>9}"]
    for name, found in measured["pages"].items():
        lines.append(f"{name:<16}{found['cpu_ms']:>8}{found['wall_ms']:>9}{found['queries']:>9}")
    for name, words in LIMITED.items():
        ratio, wall = measured["ratio_to_login_only"][name], measured["wall_ratio_to_login_only"][name]
        verdict = "within" if ratio <= measured["limit"] else "ABOVE"
        lines.append(
            f"{words} : page that only checks the login = {ratio} CPU, {wall} wall"
            f" ({verdict} the limit of {measured['limit']}), medians of {measured['rounds']}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main(sys.argv[1:]))
