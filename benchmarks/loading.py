"""A cohort into empty tables: by COPY, in the order in which it was entered, with the triggers off.

The rows obey every constraint: checks and unique indexes are on while they are written, foreign keys and
the triggers' rules are tested on a small cohort (tests/benchmarks). Nobody waits to be judged afterwards.
"""

import gc
import io
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from psycopg import sql
from pyarrow import csv

from benchmarks import blood
from benchmarks.cohort import CUT, DATA_CUT, SITES, Cohort, Visits, make_cohort
from benchmarks.engine import Database
from benchmarks.events import Event, make_events
from registry.clinical.default_schedule import DEFAULT_SCHEDULE

Connection = psycopg.Connection[Any]
Columns = dict[str, Any]

SEED = 1
_BIG = "registry_labresult"
_CODES = [row.code for row in DEFAULT_SCHEDULE.visits]
_MISSED_REASONS = ("Patient was ill", "Patient moved", "Not reached by telephone", "Site closed")
_SUPERSEDED_REASON = "Typed wrong"
_TEXTS_PER_DECIMALS = blood.MOST_STEPS + 1


class NotEmpty(Exception):
    """The database holds patients; a benchmark is never written over a registry."""


def load(database: Database, *, patients: int) -> None:
    """Fill the empty tables with the cohort of this size. Raises NotEmpty."""
    gc.disable()  # millions of objects that all live on: the collector would walk them again and again
    with _told("inventing"):
        cohort = make_cohort(patients=patients, seed=SEED)
        events = make_events(cohort=cohort, seed=SEED)
    with database.connect("postgres") as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("SET maintenance_work_mem = '1GB'")
        if connection.execute("SELECT EXISTS (SELECT FROM registry_patient)").fetchone() != (False,):
            raise NotEmpty(database.name)
        with _told("everything but the results"), _triggers_off(connection):
            _frame(connection)
            _people(connection, cohort)
            _visits(connection, cohort)
            _supports(connection, cohort)
            _events(connection, events)
            _held_back(connection, cohort)
        with _told("the results"):
            _results(connection, cohort)
        with _told("sequences, vacuum and statistics"):
            _move_sequences_on(connection)
            connection.execute("VACUUM (ANALYZE)")
    gc.enable()


@contextmanager
def _triggers_off(connection: Connection) -> Iterator[None]:
    """One transaction in which foreign keys, the audit trail and the notes of changes stand still."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        yield


@contextmanager
def _told(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)


def _copy(connection: Connection, table: str, columns: Columns) -> None:
    whole = {**columns, **_plain_values(connection, table, columns)}
    with _copying(connection, table, list(whole)) as copy:
        copy.write(_as_csv(whole))


def _plain_values(connection: Connection, table: str, columns: Columns) -> Columns:
    """Columns that the tables got after this file: no, nothing and zero, where something must stand."""
    count = len(next(iter(columns.values())))
    plain = {"boolean": False, "character varying": "", "text": "", "smallint": 0, "integer": 0}
    return {
        name: _same(plain[kind], count)
        for name, kind in connection.execute(
            """
            SELECT column_name, data_type FROM information_schema.columns
            WHERE table_schema || '.' || table_name IN (%s, 'public.' || %s) AND is_nullable = 'NO'
              AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'
            """,
            [table, table],
        ).fetchall()
        if name not in columns
    }


@contextmanager
def _copying(
    connection: Connection, table: str, names: Sequence[str], *, options: str = ""
) -> Iterator[psycopg.Copy]:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv{})").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(options),
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        yield copy


def _as_csv(columns: Columns) -> bytes:
    """Text in quotes, nothing for NULL: as COPY tells an empty text from a missing one."""
    sink = io.BytesIO()
    table = pa.table({name: _array(values) for name, values in columns.items()})
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False))
    return sink.getvalue()


def _array(values: Any) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values)


def _dates(days: NDArray[np.int64], *, missing: NDArray[np.bool_] | None = None) -> pa.Array:
    return pa.array(days.astype("datetime64[D]"), mask=days < 0 if missing is None else missing)


def _instants(days: NDArray[np.int64]) -> pa.Array:
    """Entered at some minute of the working day."""
    minutes = 8 * 60 + np.arange(len(days)) % (9 * 60)
    return pa.array(days.astype("datetime64[D]").astype("datetime64[s]") + minutes * 60)


def _ids(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    return numbers + 1


def _same(value: Any, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), count)


# --- everything but the results ---------------------------------------------------------------


def _frame(connection: Connection) -> None:
    _copy(connection, "registry_sponsor", {"id": [1], "key": ["BENCHMARK"], "name": ["Benchmark"]})
    _copy(
        connection,
        "registry_study",
        {"id": [1], "key": ["CART-AID"], "name": ["Benchmark of the registry"], "sponsor_id": [1]},
    )
    _copy(
        connection,
        "registry_site",
        {
            "id": np.arange(1, len(SITES) + 1),
            "study_id": _same(1, len(SITES)),
            "code": [f"S{number:02}" for number in range(1, len(SITES) + 1)],
            "name": [f"Invented hospital {number}" for number in range(1, len(SITES) + 1)],
            "country": [country for country, _ in SITES],
            "time_zone": [zone for _, zone in SITES],
        },
    )
    _copy(
        connection,
        "registry_product",
        {
            "id": [1],
            "study_id": [1],
            "code": ["CAR19-A"],
            "name": ["Autoleucel-19"],
            "target": ["CD19"],
            "source": ["autologous"],
            "vector": ["lentiviral"],
            "manufacturer": ["Invented Cell Works"],
        },
    )
    _copy(
        connection,
        "registry_visitschedule",
        {
            "id": [1],
            "study_id": [1],
            "version": [DEFAULT_SCHEDULE.version],
            "effective_from": [DEFAULT_SCHEDULE.effective_from],
        },
    )
    rows = DEFAULT_SCHEDULE.visits
    _copy(
        connection,
        "registry_scheduledvisit",
        {
            "id": np.arange(1, len(rows) + 1),
            "schedule_id": _same(1, len(rows)),
            "code": _CODES,
            "offset": [row.offset for row in rows],
            "offset_unit": [row.offset_unit for row in rows],
            "days_before": [row.days_before for row in rows],
            "days_after": [row.days_after for row in rows],
            "mode": [row.mode for row in rows],
            "repeats_yearly": [row.repeats_yearly for row in rows],
        },
    )


def _people(connection: Connection, cohort: Cohort) -> None:
    people, courses = cohort.people, cohort.courses
    count = len(people)
    rng = np.random.default_rng([SEED, count, 1])
    causes = np.array(["pneumococcal sepsis", "myocardial infarction", "pulmonary embolism", "not known"])
    died = people.end_reason == "death"
    _copy(
        connection,
        "registry_patient",
        {
            "id": np.arange(1, count + 1),
            "public_id": _uuids(rng, count),
            "study_id": _same(1, count),
            "site_id": _ids(people.site),
            "code": [f"B-{number:07}" for number in range(1, count + 1)],
            "sex": people.sex,
            "birth_year": people.birth_year,
            "birth_year_is_derived": _same(False, count),
            "diagnosis": people.diagnosis,
            "cohort": _same("CAR_T", count),
            "enrolled_on": _dates(people.enrolled_on),
            "follow_up_ended_on": _dates(people.ended_on),
            "follow_up_end_reason": people.end_reason,
            "cause_of_death": np.where(died, rng.choice(causes, count), ""),
            "failed_therapies": people.failed_therapies,
            "organs_at_baseline": rng.choice(["{skin,joint}", "{kidney}", "{joint,lung}", "{muscle}"], count),
            "prior_malignancy": rng.random(count) < 0.02,
        },
    )
    opened = np.arange(len(courses))
    _copy(
        connection,
        "registry_course",
        {"id": _ids(opened), "patient_id": _ids(courses.patient), "day_zero": _dates(courses.day_zero)},
    )
    _copy(
        connection,
        "registry_infusion",
        {
            "id": _ids(opened),
            "patient_id": _ids(courses.patient),
            "course_id": _ids(opened),
            "infused_on": _dates(courses.day_zero),
            "product_id": _same(1, len(courses)),
            "lot": [f"L{number % 10_000:04}" for number in opened],
            "dose_cells": rng.integers(50, 200, len(courses)),
            "lymphodepletion": _same("fludarabine and cyclophosphamide", len(courses)),
        },
    )


def _uuids(rng: np.random.Generator, count: int) -> list[str]:
    digits = rng.bytes(16 * count).hex()
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]


def _visits(connection: Connection, cohort: Cohort) -> None:
    visits, courses = cohort.visits, cohort.courses
    count = len(visits)
    rng = np.random.default_rng([SEED, count, 2])
    day = visits.visited_on - courses.day_zero[visits.course]
    is_asked = (day >= 28) & ~visits.is_missed
    says_yes = is_asked & (rng.random(count) < 0.0003)
    says_no_in_words = is_asked & ~says_yes & (rng.random(count) < 0.004)
    texts = np.where(says_yes, "mole removed, histology awaited", "")
    texts = np.where(says_no_in_words, "none, mammography of this year without suspicion", texts)
    _copy(
        connection,
        "registry_visit",
        {
            "id": np.arange(1, count + 1),
            "patient_id": _ids(courses.patient[visits.course]),
            "course_id": _ids(visits.course),
            "code": _codes(visits),
            "status": np.where(visits.is_missed, "missed", "completed"),
            "visited_on": _dates(visits.visited_on, missing=visits.is_missed),
            "missed_reason": np.where(visits.is_missed, rng.choice(_MISSED_REASONS, count), ""),
            "new_malignancy": pa.array(says_yes, mask=~is_asked),
            "new_malignancy_text": texts,
            "version": _same(1, count),
            "entered_at": _instants(visits.entered_on),
            "origin": _same("form", count),
        },
    )


def _codes(visits: Visits) -> pa.Array:
    return pa.array(_CODES).take(pa.array(visits.code))


def _held_back(connection: Connection, cohort: Cohort) -> None:
    """The visits of the days after the cut, and the day up to which they were recorded: see days.py."""
    visits, courses = cohort.visits_held_back, cohort.courses
    connection.execute("CREATE SCHEMA benchmark")
    connection.execute(
        "CREATE TABLE benchmark.later_visit"
        " (patient_id bigint, course_id bigint, code text, visited_on date, PRIMARY KEY (course_id, code))"
    )
    connection.execute("CREATE TABLE benchmark.noted (name text PRIMARY KEY, value jsonb)")
    connection.execute("INSERT INTO benchmark.noted VALUES ('today', to_jsonb(%s::date))", [DATA_CUT])
    connection.execute("GRANT USAGE ON SCHEMA benchmark TO registry, registry_app")
    connection.execute(
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA benchmark TO registry, registry_app"
    )
    _copy(
        connection,
        "benchmark.later_visit",
        {
            "patient_id": _ids(courses.patient[visits.course]),
            "course_id": _ids(visits.course),
            "code": _codes(visits),
            "visited_on": _dates(visits.visited_on),
        },
    )


def _supports(connection: Connection, cohort: Cohort) -> None:
    """Growth factors for a quarter, transfusions for a few: they hide counts (rules.md CYT-3)."""
    courses = cohort.courses
    rng = np.random.default_rng([SEED, len(courses), 3])
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], str]] = []
    for kind, share, earliest, latest, most in (
        ("g_csf", 0.22, 4, 9, 4),
        ("peg_g_csf", 0.04, 3, 8, 1),
        ("platelet_transfusion", 0.05, 5, 13, 3),
        ("rbc_transfusion", 0.02, 4, 14, 2),
        ("tpo_ra", 0.005, 10, 18, 3),
    ):
        given = np.flatnonzero(rng.random(len(courses)) < share)
        first = courses.day_zero[given] + rng.integers(earliest, latest + 1, len(given))
        times = rng.integers(1, most + 1, len(given))
        for later in range(most):
            again = times > later
            parts.append((given[again], first[again] + later, kind))
    course = np.concatenate([part[0] for part in parts])
    given_on = np.concatenate([part[1] for part in parts])
    kinds = np.concatenate([np.full(len(part[0]), part[2]) for part in parts])
    kept = given_on <= np.minimum(courses.until[course], CUT)
    order = np.argsort(given_on[kept], kind="stable")
    course, given_on, kinds = course[kept][order], given_on[kept][order], kinds[kept][order]
    _copy(
        connection,
        "registry_supportivetreatment",
        {
            "id": np.arange(1, len(course) + 1),
            "patient_id": _ids(courses.patient[course]),
            "given_on": _dates(given_on),
            "kind": kinds,
            "entered_at": _instants(given_on),
            "origin": _same("form", len(course)),
        },
    )


def _events(connection: Connection, events: list[Event]) -> None:
    entered = np.array([event.entered_on for event in events], dtype=np.int64)
    numbers = np.arange(1, len(events) + 1)
    names = ["term", "category", "code_system", "code", "grade", "grade_scale", "started_on", "serious"]
    names += ["seriousness", "relatedness", "outcome", "narrative"]
    _copy(
        connection,
        "registry_adverseevent",
        {
            "id": numbers,
            "patient_id": [event.patient + 1 for event in events],
            "study_id": _same(1, len(events)),
            "event_id": [f"AE-{number:08}" for number in numbers],
            **{name: [getattr(event, name) for event in events] for name in names},
            "coded_term": _same("", len(events)),
            "body_system": _same("", len(events)),
            "ended_on": _same("", len(events)),
            "aware_on": _dates(entered),
            "entered_at": _instants(entered),
            "origin": _same("form", len(events)),
        },
    )
    followed = [number for number, event in enumerate(events) if event.follow_up]
    reported = np.minimum(entered[followed] + 7, CUT)
    _copy(
        connection,
        "registry_adverseeventfollowup",
        {
            "id": np.arange(1, len(followed) + 1),
            "event_id": numbers[followed],
            "patient_id": [events[number].patient + 1 for number in followed],
            "number": _same(1, len(followed)),
            "reported_on": _dates(reported),
            **{
                name: _same("", len(followed))
                for name in ("term", "coded_term", "code_system", "code", "outcome")
            },
            "narrative": [events[number].follow_up for number in followed],
            "entered_at": _instants(reported),
            "origin": _same("form", len(followed)),
        },
    )


# --- the results ------------------------------------------------------------------------------


def _results(connection: Connection, cohort: Cohort) -> None:
    rng = np.random.default_rng([SEED, len(cohort.people), 4])
    lows = blood.make_lows(cohort=cohort, rng=rng)
    with _without_indexes(connection), _triggers_off(connection):
        # Emptied in this transaction: then COPY may write the rows as seen by everybody and unlogged.
        connection.execute("TRUNCATE registry_labresult CASCADE")
        written = 0
        with _copying(connection, _BIG, _RESULT_COLUMNS, options=", FREEZE") as copy:
            for part in blood.results(cohort=cohort, lows=lows, rng=rng):
                columns = _result_columns(cohort, part, first_id=written + 1)
                copy.write(_as_csv({name: columns[name] for name in _RESULT_COLUMNS}))
                written += len(part.draw)
    print(f"{written:,} results", file=sys.stderr, flush=True)


_RESULT_COLUMNS = (
    *(
        "id",
        "patient_id",
        "visit_id",
        "collected_on",
        "analyte",
        "entered_value",
        "entered_unit",
        "comparator",
    ),
    *("value", "superseded_by_id", "superseded_at", "superseded_reason", "entered_at", "origin"),
)
_NUMBER_TEXTS = pa.array(
    [str(n) for n in range(_TEXTS_PER_DECIMALS)]
    + [f"{n // 10}.{n % 10}" for n in range(_TEXTS_PER_DECIMALS)]
    + [f"{n // 100}.{n % 100:02}" for n in range(_TEXTS_PER_DECIMALS)]
)
_UNITS = pa.array([row[2] for row in blood.ANALYTES] + [row[3] for row in blood.ANALYTES])


def _texts(value: NDArray[np.int64], decimals: NDArray[np.int64]) -> pa.Array:
    return _NUMBER_TEXTS.take(pa.array(decimals * _TEXTS_PER_DECIMALS + value))


def _result_columns(cohort: Cohort, part: blood.Results, *, first_id: int) -> Columns:
    count = len(part.draw)
    draws, courses = cohort.draws, cohort.courses
    is_us = blood.is_of_us_site(cohort=cohort, draw=part.draw)
    canonical = _texts(part.value, blood.DECIMALS[part.analyte])
    in_us = _texts(
        blood.entered_in_us(analyte=part.analyte, value=part.value),
        blood.decimals_in_us(analyte=part.analyte),
    )
    entered = pc.if_else(pa.array(is_us), in_us, canonical)
    comparator = pc.if_else(pa.array(part.is_below_detection), "<", "")
    is_superseded = part.corrected_by > 0
    ids = np.arange(first_id, first_id + count)
    entered_at = _instants(draws.entered_on[part.draw])
    visit = draws.visit[part.draw]
    return {
        "id": ids,
        "patient_id": _ids(courses.patient[draws.course[part.draw]]),
        "visit_id": pa.array(_ids(visit), mask=visit < 0),
        "collected_on": _dates(draws.drawn_on[part.draw]),
        "analyte": pa.array(blood.NAMES).take(pa.array(part.analyte)),
        "entered_value": pc.binary_join_element_wise(comparator, entered, ""),
        "entered_unit": _UNITS.take(pa.array(part.analyte + is_us * len(blood.ANALYTES))),
        "comparator": comparator,
        "value": canonical,
        "superseded_by_id": pa.array(ids + part.corrected_by, mask=~is_superseded),
        "superseded_at": pc.if_else(pa.array(is_superseded), entered_at, None),
        "superseded_reason": pc.if_else(pa.array(is_superseded), _SUPERSEDED_REASON, ""),
        "entered_at": entered_at,
        "origin": pc.if_else(pa.array(visit >= 0), "form", "import"),
    }


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Drop the indexes of the big table but its primary key, and build them again at the end."""
    rows = connection.execute(
        """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), c.conname,
               pg_get_constraintdef(c.oid)
        FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'
        WHERE i.indrelid = %s::regclass AND NOT i.indisprimary
        """,
        [_BIG],
    ).fetchall()
    for index, _definition, constraint, _constraint_definition in rows:
        if constraint:
            connection.execute(_raw(f'ALTER TABLE {_BIG} DROP CONSTRAINT "{constraint}"'))
        else:
            connection.execute(_raw(f"DROP INDEX {index}"))
    yield
    for _index, definition, constraint, constraint_definition in rows:
        with _told(f"index {constraint or _index}"):
            if constraint:
                connection.execute(
                    _raw(f'ALTER TABLE {_BIG} ADD CONSTRAINT "{constraint}" {constraint_definition}')
                )
            else:
                connection.execute(_raw(definition))


def _move_sequences_on(connection: Connection) -> None:
    """The next row of each table takes the number after those written here."""
    for table, column in connection.execute(
        """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND is_identity = 'YES' AND table_name LIKE 'registry%'
        """
    ).fetchall():
        connection.execute(
            _raw(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column}))"
                f" FROM {table} HAVING max({column}) IS NOT NULL"
            )
        )


def _raw(text: str) -> sql.SQL:
    """SQL that PostgreSQL itself or this file spelled."""
    return sql.SQL(text)
