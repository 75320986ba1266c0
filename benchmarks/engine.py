"""An embedded PostgreSQL of the benchmarks' own, with a database for each size.

It lives in `<REGISTRY_DATA_DIR>/benchmark` and never opens the registry's own data. Removing that directory
removes it all (for root also the directory that `cluster_is_in` in it names).
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config import embedded, processes
from config.embedded import Engines

_MEGABYTE = 1024 * 1024
# The mark on a finished database: who reads another one rebuilds it.
GENERATION = 1


def shared_buffers_mb() -> int:
    """A quarter of the machine's memory as PostgreSQL's manual advises, and no more than 4 GB."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MEGABYTE
    return max(128, min(4096, memory_mb // 4))


def server_settings() -> dict[str, str]:
    """What differs from the registry's own server; durability does not."""
    return {
        "shared_buffers": f"{shared_buffers_mb()}MB",
        "max_parallel_workers_per_gather": "0",
        "max_wal_size": "8GB",  # no checkpoint in the middle of a measurement because of the one before
        "checkpoint_timeout": "30min",
        "wal_level": "minimal",  # filling an empty table needs no log
        "max_wal_senders": "0",
        "autovacuum": "off",  # it would start when it likes; we vacuum between building and measuring
    }


@dataclass(frozen=True, slots=True)
class Database:
    """One size's database on the running server."""

    data: Path
    name: str

    def url(self, role: str) -> str:
        return embedded.database_url(self.data, role=role).replace("/registry?", f"/{self.name}?")

    def connect(self, role: str, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(role), autocommit=True, **options)

    def environment(self, role: str) -> dict[str, str]:
        """The environment of a process of the registry that works on this database."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        for name in ("TESTING", "DEBUG", "REGISTRY_TODAY", "DATABASE_OWNER_URL"):
            kept.pop(name, None)
        return {
            "REDIS_URL": embedded.redis_url(self.data),
            **kept,
            "DEMO": "1",
            "LOG_LEVEL": "ERROR",
            "REGISTRY_DATA_DIR": str(self.data),
            "DATABASE_URL": self.url(role),
        }


@contextlib.contextmanager
def running(data: Path) -> Iterator[Path]:
    """Run the benchmarks' own server for the data directory of a registry; give its directory.

    Raises config.embedded.AlreadyRunning when another benchmark uses it.
    """
    embedded.make_data_dir(data)
    own = data / "benchmark"
    engines = Engines(own, settings=server_settings())
    engines.start(valkey=False)
    try:
        yield own
    finally:
        engines.stop()


def existing(*, data: Path, patients: int) -> Database | None:
    """Return the finished database of this size, with the tables of today; None when there is none."""
    database = Database(data, f"benchmark_{patients}")
    with Database(data, "postgres").connect("postgres") as server:
        row = server.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [database.name],
        ).fetchone()
    if row is None or row[0] != _mark(patients):
        return None
    migrate(database)
    return database


def make_empty(*, data: Path, patients: int) -> Database:
    """Return a new database of this size with empty tables; an unfinished one before it is dropped."""
    database = Database(data, f"benchmark_{patients}")
    name = sql.Identifier(database.name)
    with Database(data, "postgres").connect("postgres") as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
        server.execute(sql.SQL("CREATE DATABASE {} OWNER registry").format(name))
    migrate(database)
    return database


def migrate(database: Database) -> None:
    """Bring the tables up to date; what it says goes to standard error."""
    subprocess.run(
        [*processes.here(processes.MIGRATE), "-v0", "--skip-checks"],
        cwd=embedded.ROOT,
        env=database.environment("registry"),
        stdout=sys.stderr,
        check=True,
    )


def mark_finished(database: Database, *, patients: int) -> None:
    """Write onto the database that it is whole."""
    with database.connect("postgres") as connection:
        connection.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                sql.Identifier(database.name), sql.Literal(_mark(patients))
            )
        )


def _mark(patients: int) -> str:
    return json.dumps({"benchmark": "scan", "patients": patients, "generation": GENERATION})
