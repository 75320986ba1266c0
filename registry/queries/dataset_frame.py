"""What a dataset is: columns with type, unit and meaning, and records read in a fixed order.

One declaration serves the file, its manifest, the API, its schema and the question whether a sponsor may
see a column: that follows from the fields a column is made of (models/disclosure.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Literal

from django.apps import apps
from django.db import connection, transaction
from django.db.models import F, Model, QuerySet
from django.db.models.functions import Collate

from registry.access.scope import Rows, acting
from registry.clinical.study_days import course_of, study_day
from registry.models import AuditEvent, Course, Patient, Study, User
from registry.models.disclosure import sponsor_may_see

Kind = Literal["text", "date", "partial_date", "instant", "integer", "decimal", "boolean", "list", "object"]
TodayAt = Callable[[str], date]

# Rows fetched and described at a time: memory stays flat whatever the dataset's size.
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Made:
    """When, by whom and by which way a row came into being, from the audit trail."""

    at: datetime | None = None
    by: str = ""
    origin: str = ""


@dataclass
class Known:
    """What is looked up once per batch, so that no record asks a question of its own.

    `today_at`: today's date in a time zone (G-2). `more`: what one dataset alone needs.
    """

    today_at: TodayAt
    patients: dict[int, Patient] = field(default_factory=dict)
    day_zeros: dict[int, tuple[date, ...]] = field(default_factory=dict)
    user_names: dict[int, str] = field(default_factory=dict)
    made: dict[int, Made] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def patient(self, record: Any) -> Patient:
        return self.patients[record.patient_id]

    def day_zero(self, patient_id: int, on: date) -> date | None:
        """The day 0 that `on` counts from: its course's, and before the first infusion the first one's."""
        day_zeros = self.day_zeros.get(patient_id, ())
        return course_of(on, day_zeros=day_zeros) or (day_zeros[0] if day_zeros else None)

    def study_day(self, patient_id: int, on: date) -> int | None:
        day_zero = self.day_zero(patient_id, on)
        return None if day_zero is None else study_day(on, day_zero=day_zero)


Read = Callable[[Any, Known], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `of`: the fields it is made of, `Model.field`; a sponsor sees it if all may be seen.

    `unit`: the unit of every value; `unit_in`: the column that holds it row by row.
    """

    name: str
    kind: Kind
    meaning: str
    read: Read
    of: tuple[str, ...]
    unit: str = ""
    unit_in: str = ""
    codes: Mapping[str, Any] | None = None

    @property
    def is_for_sponsors(self) -> bool:
        return all(
            sponsor_may_see(apps.get_model("registry", model), name)
            for model, _, name in (source.partition(".") for source in self.of)
        )


def field_column(name: str, kind: Kind, meaning: str, of: str, **more: Any) -> Column:
    """A column that is one field of the record itself."""
    read_field = attrgetter(of.partition(".")[2])
    return Column(name, kind, meaning, lambda record, known: read_field(record), (of,), **more)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A flat table of the contract.

    `source`: the rows to read, for some studies, in the order of the file. `learn`: the look-ups of a
    batch. `lines`: what a batch of rows becomes, when that is not one line a row.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    source: Callable[[frozenset[int] | None], QuerySet[Any]]
    learn: Callable[[Sequence[Any], Known], None]
    lines: Callable[[Sequence[Any], Known], Iterable[Any]] = lambda rows, known: rows

    def rows(self, *, studies: frozenset[int] | None, today_at: TodayAt) -> Iterator[list[Any]]:
        """Stream the rows as lists of values in the order of the columns; None for `studies`: all."""
        readers = [column.read for column in self.columns]
        found = self.source(studies).iterator(chunk_size=BATCH)
        while batch := list(islice(found, BATCH)):
            known = Known(today_at=today_at)
            self.learn(batch, known)
            for line in self.lines(batch, known):
                yield [read(line, known) for read in readers]


@dataclass(frozen=True, slots=True)
class Cut:
    """The state of the database that was read. `position`: every transaction below it is contained."""

    position: str
    snapshot: str
    at: datetime


@contextmanager
def snapshot(*, rows: Rows) -> Iterator[Cut]:
    """One unchanging view of the database for everything read inside; nothing can be written.

    Inside a transaction already begun, that transaction's view is used as it is.
    """
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with acting(rows=rows):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, pg_current_snapshot()::text,"
                    " transaction_timestamp()"
                )
                cut = Cut(*cursor.fetchone())
            yield cut


def of_studies(rows: QuerySet[Any], studies: frozenset[int] | None, *, patient: str = "patient__") -> Any:
    """The rows of these studies, by study and patient; byte order, so that every database sorts alike."""
    found = rows if studies is None else rows.filter(**{f"{patient}study_id__in": studies})
    return found.annotate(
        in_order_of_study=Collate(F(f"{patient}study__key"), "C"),
        in_order_of_patient=Collate(F(f"{patient}code"), "C"),
    )


ORDER = ("in_order_of_study", "in_order_of_patient")


def learn_patients(records: Iterable[Any], known: Known) -> None:
    """Look up the patients the records are about, with site and study, and their courses."""
    ids = {record.patient_id for record in records}
    known.patients |= {
        patient.pk: patient
        for patient in Patient.objects.filter(pk__in=ids).select_related("site", "study__sponsor")
    }
    learn_courses(ids, known)


def learn_courses(patient_ids: Iterable[int], known: Known) -> None:
    for patient_id, day_zero in (
        Course.objects.filter(patient_id__in=patient_ids)
        .order_by("patient_id", "day_zero")
        .values_list("patient_id", "day_zero")
    ):
        known.day_zeros[patient_id] = (*known.day_zeros.get(patient_id, ()), day_zero)


def learn_names(user_ids: Iterable[int | None], known: Known) -> None:
    wanted = {pk for pk in user_ids if pk is not None} - known.user_names.keys()
    if wanted:
        known.user_names |= dict(User.objects.filter(pk__in=wanted).values_list("pk", "username"))


def learn_making(model: type[Model], records: Sequence[Any], known: Known) -> None:
    """Look up in the audit trail how rows came into being whose table does not keep it."""
    found = {
        int(pk): (at, actor_id, origin)
        for pk, at, actor_id, origin in AuditEvent.objects.filter(
            tbl=model._meta.db_table, pk_text__in=[str(record.pk) for record in records], op="I"
        ).values_list("pk_text", "at", "actor_id", "origin")
    }
    learn_names((actor_id for _, actor_id, _ in found.values()), known)
    known.made |= {
        pk: Made(at, known.user_names.get(actor_id, "") if actor_id else "", origin or "")
        for pk, (at, actor_id, origin) in found.items()
    }


def study_columns() -> tuple[Column, Column]:
    """`study` and `site_id` of the record's patient; the first derived columns of most datasets."""
    return (
        Column(
            "study", "text", "Key of the study", lambda r, known: known.patient(r).study.key, ("Study.key",)
        ),
        Column(
            "site_id",
            "text",
            "Site of the patient",
            lambda r, known: known.patient(r).site.code,
            ("Site.code",),
        ),
    )


PATIENT_ID = Column(
    "patient_id",
    "text",
    "The registry's patient id; a sponsor sees a random pseudonym in its place",
    lambda r, known: known.patient(r).code,
    ("Patient.code",),
)


def entered_columns(model: str) -> tuple[Column, ...]:
    return (
        field_column("origin", "text", "Way of entry: form, import, api, system", f"{model}.origin"),
        Column(
            "entered_by",
            "text",
            "User name of who entered the row",
            lambda r, known: known.user_names.get(r.entered_by_id, ""),
            (f"{model}.entered_by",),
        ),
        field_column("entered_at", "instant", "When the row was entered", f"{model}.entered_at"),
    )


def made_columns() -> tuple[Column, ...]:
    """As `entered_columns`, for tables that leave it to the audit trail."""
    return (
        Column(
            "origin",
            "text",
            "Way of entry: form, import, api, system",
            lambda r, known: _made(r, known).origin,
            ("AuditEvent.origin",),
        ),
        Column(
            "entered_by",
            "text",
            "User name of who entered the row",
            lambda r, known: _made(r, known).by,
            ("AuditEvent.actor_id",),
        ),
        Column(
            "entered_at",
            "instant",
            "When the row was entered",
            lambda r, known: _made(r, known).at,
            ("AuditEvent.at",),
        ),
    )


def _made(record: Any, known: Known) -> Made:
    return known.made.get(record.pk, Made())


def study_day_columns(read_day: Callable[[Any], date | None], of: str) -> tuple[Column, Column]:
    """`day_zero` and `study_day` of a dated fact."""

    def day_zero(record: Any, known: Known) -> date | None:
        on = read_day(record)
        return None if on is None else known.day_zero(record.patient_id, on)

    def day(record: Any, known: Known) -> int | None:
        on = read_day(record)
        return None if on is None else known.study_day(record.patient_id, on)

    return (
        Column("day_zero", "date", "Day 0 of the course the date lies in", day_zero, (of, "Course.day_zero")),
        Column("study_day", "integer", "Days from day 0", day, (of, "Course.day_zero"), unit="d"),
    )


def known_studies() -> dict[str, Study]:
    """Return the studies by key; that of the canaries is none to take data from."""
    studies = Study.objects.filter(is_canary=False).select_related("sponsor").order_by("key")
    return {study.key: study for study in studies}
