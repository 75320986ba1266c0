"""Patients as the rules see them: who is in scope, and their histories.

One query per kind and batch of patients, series packed into arrays by the server; never a query per
patient.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache, partial
from typing import Any

from django.db import connection

from registry.clinical.meddra import DictionaryEntry, DictionaryGroup
from registry.clinical.partial_dates import PartialDate
from registry.clinical.study_days import local_date
from registry.clinical.visit_windows import ScheduledVisit, ScheduleVersion
from registry.monitoring.evidence import Event, EventReport, History, LabPoint, RecordedVisit, Support
from registry.monitoring.rule import KINDS, Kind, Rule

BATCH = 500

# A night makes millions of them: without the checks of `LabPoint._make`.
_POINT = partial(tuple.__new__, LabPoint)


class NotEverybodyIsSeen(RuntimeError):
    """Asked outside a scope that sees everybody: nobody would be judged, and nothing would say so."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patient and the date to judge them on: the as-of date, or today at the site.

    Not in scope on that date: still looked at when alerts stand, which then have lost their ground.
    """

    patient_id: int
    as_of: date
    is_in_scope: bool


def candidates(
    *, as_of: date | None, at: datetime, patient_ids: Sequence[int] | None = None
) -> list[Candidate]:
    """Return by id the patients enrolled and with a day 0 on their date, and those with alerts.

    Without `as_of` the date is that of the patient's site at the instant `at` (G-2), or at the latest
    change of an alert of theirs should that be later: who began to judge before midnight and waited
    takes nothing back from who began after it. Raises NotEverybodyIsSeen.
    """
    if not _rows("SELECT registry_sees_everything()", {})[0][0]:
        raise NotEverybodyIsSeen
    rows = _rows(
        """
        SELECT p.id, s.time_zone, p.enrolled_on,
               (SELECT min(c.day_zero) FROM registry_course c WHERE c.patient_id = p.id),
               (SELECT max(a.last_seen_at) FROM registry_alert a
                WHERE a.patient_id = p.id AND a.last_seen_at BETWEEN %(at)s AND %(a_day_later)s)
        FROM registry_patient p
        JOIN registry_site s ON s.id = p.site_id
        WHERE (p.enrolled_on IS NOT NULL OR EXISTS (SELECT FROM registry_alert a WHERE a.patient_id = p.id))
          AND (%(ids)s::bigint[] IS NULL OR p.id = ANY (%(ids)s))
        ORDER BY p.id
        """,
        {
            "ids": list(patient_ids) if patient_ids is not None else None,
            "at": at,
            # What is later still was written under another clock, in a demonstration.
            "a_day_later": at + timedelta(days=1),
        },
    )
    found = []
    day_there = cache(lambda zone: local_date(at, time_zone=zone))
    for patient_id, zone, enrolled_on, first_day_zero, changed_at in rows:
        day = as_of or (local_date(max(at, changed_at), time_zone=zone) if changed_at else day_there(zone))
        is_in_scope = bool(enrolled_on and first_day_zero and enrolled_on <= day and first_day_zero <= day)
        found.append(Candidate(patient_id, day, is_in_scope))
    return found


@dataclass(frozen=True, slots=True)
class PackedHistory:
    """One patient's rows as the server packed them; a broken row raises only when it is unpacked."""

    patient: tuple[Any, ...]
    schedules: tuple[ScheduleVersion, ...]
    day_zeros: tuple[date, ...]
    visits: Sequence[tuple[Any, ...]]
    labs: Mapping[str, tuple[Any, ...]]
    supports: Sequence[tuple[Any, ...]]
    events: Sequence[tuple[Any, ...]]

    # What was unpacked already, for rules that read the same record one after the other.
    _unpacked: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def seen_by(self, rule: Rule) -> History:
        """Return only what a rule reads; rules that read the same share it. Raises what `unpack` raises."""
        key = "history", rule.reads_labs, rule.reads
        if key not in self._unpacked:
            self._unpacked[key] = replace(
                self,
                schedules=self.schedules if "visits" in rule.reads else (),
                visits=self.visits if "visits" in rule.reads else (),
                labs={analyte: self.labs[analyte] for analyte in rule.reads_labs if analyte in self.labs},
                supports=self.supports if "supports" in rule.reads else (),
                events=self.events if "events" in rule.reads else (),
            ).unpack()
        history: History = self._unpacked[key]
        return history

    def unpack(self) -> History:
        """Return the History; raises what a broken row raises, for this patient alone."""
        patient_id, _study_id, enrolled_on, ended_on, end_reason, cause_of_death = self.patient
        return History(
            patient_id=patient_id,
            enrolled_on=enrolled_on,
            day_zeros=self.day_zeros,
            follow_up_ended_on=ended_on,
            follow_up_end_reason=end_reason,
            cause_of_death=cause_of_death,
            schedules=self.schedules,
            visits=self._once("visits", self.visits, _recorded_visit),
            labs={
                analyte: self._once(analyte, columns, _POINT, transposed=True)
                for analyte, columns in self.labs.items()
            },
            supports=self._once("supports", self.supports, _support),
            events=self._once("events", self.events, _event),
        )

    def _once(
        self, name: str, rows: Sequence[Any], make: Callable[[Any], Any], *, transposed: bool = False
    ) -> tuple[Any, ...]:
        """Unpack one kind of rows, or one analyte's columns, unless that was done for another rule."""
        if not rows:
            return ()
        if name not in self._unpacked:
            self._unpacked[name] = tuple(map(make, zip(*rows, strict=True) if transposed else rows))
        found: tuple[Any, ...] = self._unpacked[name]
        return found


def _recorded_visit(row: tuple[Any, ...]) -> RecordedVisit:
    visit_id, code, day_zero, status, visited_on, answer, text, entered_at = row
    return RecordedVisit(
        visit_id=visit_id,
        code=code,
        day_zero=day_zero,
        status=status,
        visited_on=visited_on,
        new_malignancy=answer,
        new_malignancy_text=text,
        entered_on=entered_at.date(),
    )


def _support(row: tuple[Any, ...]) -> Support:
    return Support(*row)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of patients by their ids, both ends included."""

    first_id: int
    last_id: int


def spans(*, size: int) -> list[Span]:
    """Divide all patients, those to come too, into ranges of about `size`; at least one."""
    starts = [
        row[0]
        for row in _rows(
            """
            SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS position FROM registry_patient)
            WHERE position %% %(size)s = 0 AND position > 0 ORDER BY id
            """,
            {"size": size},
        )
    ]
    return [
        Span(first, last)
        for first, last in zip([0, *starts], [*(start - 1 for start in starts), _NO_END], strict=True)
    ]


_NO_END = 2**63 - 1


def days_of_sites(*, as_of: date | None, at: datetime, patient_ids: Sequence[int]) -> list[Candidate]:
    """Return the patients with the date at their site, whatever was judged since; see `candidates`."""
    return [
        Candidate(*row)
        for row in _rows(
            """
            SELECT p.id, site.today, coalesce(p.enrolled_on <= site.today, false)
                   AND EXISTS (SELECT FROM registry_course c
                               WHERE c.patient_id = p.id AND c.day_zero <= site.today)
            FROM registry_patient p JOIN registry_site s ON s.id = p.site_id
            CROSS JOIN LATERAL (SELECT coalesce(
                %(as_of)s::date, (%(at)s::timestamptz AT TIME ZONE s.time_zone)::date) AS today) AS site
            WHERE p.id = ANY (%(ids)s)
            """,
            {"ids": list(patient_ids), "as_of": as_of, "at": at},
        )
    ]


def everybody_in(*, span: Span) -> list[int]:
    """Return by id whom a rule without any pre-selection judges in a range."""
    return [
        row[0]
        for row in _rows(
            """
            SELECT p.id FROM registry_patient p
            WHERE p.id BETWEEN %(first)s AND %(last)s
              AND (p.enrolled_on IS NOT NULL
                   OR EXISTS (SELECT FROM registry_alert a WHERE a.patient_id = p.id))
            ORDER BY p.id
            """,
            {"first": span.first_id, "last": span.last_id},
        )
    ]


def packed_histories(
    *,
    patient_ids: Sequence[int],
    analytes: Sequence[str],
    reads: frozenset[Kind] = frozenset(KINDS),
    screened_as: str = "",
) -> Iterator[tuple[int, PackedHistory]]:
    """Give the current facts (G-5) of the patients, oldest first, in the order of `patient_ids`.

    Only results of `analytes`, and of the rest only the kinds in `reads` (schedules come with visits).
    `screened_as`: without adverse events none of whose reports named a malignancy when they were screened
    with these lists (malignancy_words.lists_in_force); no rule in force finds anything in them.
    """
    ids = {"ids": list(patient_ids)}
    patients = {
        row[0]: row
        for row in _rows(
            """
            SELECT p.id, p.study_id, p.enrolled_on, p.follow_up_ended_on, p.follow_up_end_reason,
                   p.cause_of_death,
                   array(SELECT c.day_zero FROM registry_course c
                         WHERE c.patient_id = p.id ORDER BY c.day_zero)
            FROM registry_patient p WHERE p.id = ANY (%(ids)s)
            """,
            ids,
        )
    }
    studies = sorted({row[1] for row in patients.values()}) if "visits" in reads else []
    schedules = schedules_of_studies(study_ids=studies) if studies else {}
    visits = _visits(ids) if "visits" in reads else {}
    supports = _supports(ids) if "supports" in reads else {}
    events = _events(ids, screened_as) if "events" in reads else {}
    labs = _labs({**ids, "analytes": list(analytes)}) if analytes else {}
    for patient_id in patient_ids:
        if patient_id in patients:
            *patient, day_zeros = patients[patient_id]
            yield (
                patient_id,
                PackedHistory(
                    patient=tuple(patient),
                    schedules=schedules.get(patient[1], ()),
                    day_zeros=tuple(day_zeros),
                    visits=visits.get(patient_id, ()),
                    labs=labs.get(patient_id, {}),
                    supports=supports.get(patient_id, ()),
                    events=events.get(patient_id, ()),
                ),
            )


def _visits(ids: Mapping[str, Any]) -> dict[int, list[tuple[Any, ...]]]:
    return _grouped(
        """
        SELECT v.patient_id, v.id, v.code, c.day_zero, v.status, v.visited_on, v.new_malignancy,
               v.new_malignancy_text, v.entered_at
        FROM registry_visit v
        -- Of these patients too: or all courses are read for the few.
        JOIN registry_course c ON c.id = v.course_id AND c.patient_id = ANY (%(ids)s)
        WHERE v.patient_id = ANY (%(ids)s) ORDER BY v.patient_id, v.visited_on, v.id
        """,
        ids,
    )


def _supports(ids: Mapping[str, Any]) -> dict[int, list[tuple[Any, ...]]]:
    return _grouped(
        """
        SELECT patient_id, given_on, kind FROM registry_supportivetreatment
        WHERE patient_id = ANY (%(ids)s) ORDER BY patient_id, given_on, id
        """,
        ids,
    )


def _labs(ids: Mapping[str, Any]) -> dict[int, dict[str, tuple[Any, ...]]]:
    labs: dict[int, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for patient_id, analyte, *columns in _rows(
        """
        SELECT patient_id, analyte,
               array_agg(id ORDER BY collected_on, id), array_agg(collected_on ORDER BY collected_on, id),
               array_agg(value ORDER BY collected_on, id), array_agg(comparator ORDER BY collected_on, id)
        FROM registry_labresult
        WHERE patient_id = ANY (%(ids)s) AND analyte = ANY (%(analytes)s) AND superseded_at IS NULL
        GROUP BY patient_id, analyte
        """,
        ids,
    ):
        labs[patient_id][analyte] = tuple(columns)
    return labs


# A screening is of one report that exists, and goes when the report changes (migration 0003). Dates that are
# none, and the events of a patient for whom a rule failed, are read: the failure is to show (G-9).
_COULD_TELL = """
    AND (NOT pg_input_is_valid(rpad(coalesce(nullif(e.started_on, ''), '2000'), 10, '-01-01'), 'date')
         OR NOT pg_input_is_valid(rpad(coalesce(nullif(e.ended_on, ''), '2000'), 10, '-01-01'), 'date')
         OR e.patient_id IN (SELECT n.patient_id FROM registry_scanfailure n WHERE n.settled_at IS NULL)
         OR (SELECT count(*) FROM registry_reportscreening s
             WHERE s.event_id = e.id AND s.lists = %(screened_as)s AND NOT s.names_malignancy)
            <= (SELECT count(*) FROM registry_adverseeventfollowup f WHERE f.event_id = e.id))
"""


def _events(ids: Mapping[str, Any], screened_as: str) -> dict[int, list[tuple[Any, ...]]]:
    return _grouped(
        f"""
        SELECT e.patient_id, e.event_id, e.category, e.started_on, e.ended_on, e.aware_on, e.term,
               e.coded_term, e.code_system, e.code, e.narrative,
               (SELECT d.says FROM registry_meddra d WHERE e.code_system = 'MedDRA' AND d.code = e.code),
               array(SELECT jsonb_build_array(f.reported_on, f.term, f.coded_term, f.code_system, f.code,
                                              f.narrative,
                                              (SELECT d.says FROM registry_meddra d
                                               WHERE f.code_system = 'MedDRA' AND d.code = f.code))
                     FROM registry_adverseeventfollowup f WHERE f.event_id = e.id ORDER BY f.number)
        FROM registry_adverseevent e
        WHERE e.patient_id = ANY (%(ids)s) {_COULD_TELL if screened_as else ""}
        ORDER BY e.patient_id, e.id
        """,  # noqa: S608 - text of this module
        {**ids, "screened_as": screened_as},
    )


def schedules_of_studies(*, study_ids: Sequence[int]) -> dict[int, tuple[ScheduleVersion, ...]]:
    """Return the schedule versions of each study, by version; a study without any has an empty tuple."""
    versions: dict[int, dict[tuple[int, date], list[ScheduledVisit]]] = defaultdict(dict)
    for study_id, version, effective_from, *visit in _rows(
        """
        SELECT s.study_id, s.version, s.effective_from, v.code, v."offset", v.offset_unit, v.days_before,
               v.days_after, v.mode, v.repeats_yearly
        FROM registry_visitschedule s JOIN registry_scheduledvisit v ON v.schedule_id = s.id
        WHERE s.study_id = ANY (%(ids)s) ORDER BY s.study_id, s.version, v.id
        """,
        {"ids": list(study_ids)},
    ):
        versions[study_id].setdefault((version, effective_from), []).append(ScheduledVisit(*visit))
    return {
        study_id: tuple(
            ScheduleVersion(version, effective_from, tuple(visits))
            for (version, effective_from), visits in sorted(versions[study_id].items())
        )
        for study_id in study_ids
    }


def _event(row: tuple[Any, ...]) -> Event:
    event_id, category, started_on, ended_on, aware_on, *texts, entry, later = row
    return Event(
        event_id=event_id,
        category=category,
        started_on=PartialDate.parse(started_on) if started_on else None,
        ended_on=PartialDate.parse(ended_on) if ended_on else None,
        reports=(
            _report(json.loads(entry) if entry else None, aware_on, *texts),
            *(_later_report(json.loads(report)) for report in later),
        ),
    )


def _later_report(columns: list[Any]) -> EventReport:
    """A raw cursor of Django leaves jsonb as text, so the date in it is text as well."""
    reported_on, *texts, entry = columns
    return _report(entry, date.fromisoformat(reported_on), *texts)


def _report(
    entry: list[Any] | None,
    on: date | None,
    term: str,
    coded_term: str,
    system: str,
    code: str,
    narrative: str,
) -> EventReport:
    """`entry`: what the MedDRA in force says of the code (MAL-2)."""
    if entry is None:
        return EventReport(on, term, coded_term, system, code, narrative)
    dictionary, dictionary_term, groups = entry
    return EventReport(
        on,
        term,
        coded_term,
        system,
        code,
        narrative,
        DictionaryEntry(dictionary, dictionary_term, tuple(DictionaryGroup._make(g) for g in groups)),
    )


def _rows(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _grouped(sql: str, parameters: Mapping[str, Any]) -> dict[int, list[tuple[Any, ...]]]:
    groups: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for patient_id, *row in _rows(sql, parameters):
        groups[patient_id].append(tuple(row))
    return groups
