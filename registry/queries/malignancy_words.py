"""Whose record names a malignancy anywhere: the necessary conditions that lie in texts and codes (MAL-1).

A word counts when its sentence keeps it for any day 0, so that no date of an infusion is asked for. Reports
of adverse events are screened once for each set of lists (actions/preselection.py stores it); what was not
is screened here.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from django.db import connection

from registry.clinical.meddra import DictionaryGroup
from registry.monitoring.malignancy_codes import find_code
from registry.monitoring.malignancy_text import may_name_malignancy
from registry.queries.dictionaries import version_in_force


class Report(NamedTuple):
    """One report of an adverse event as it is screened; `number` is 0 for the first.

    `says`: what the dictionary in force says of its code, as JSON or parsed.
    """

    event: int
    number: int
    patient: int
    category: str
    term: str
    coded_term: str
    narrative: str
    code_system: str
    code: str
    says: Any

    @property
    def names_malignancy(self) -> bool:
        """Whether the report could make a candidate, whatever day 0 is."""
        says = json.loads(self.says) if isinstance(self.says, str) else self.says
        groups = [DictionaryGroup._make(group) for group in says[2]] if says else []
        return (
            self.category == "malignancy"
            or find_code(code_system=self.code_system, code=self.code, groups=groups) is not None
            or may_name_malignancy(texts=(self.term, self.coded_term, self.narrative))
        )


_SAYS = "(SELECT d.says FROM registry_meddra d WHERE {0}.code_system = 'MedDRA' AND d.code = {0}.code)"
_FIRST = f"""
    SELECT e.id, 0, e.patient_id, e.category, e.term, e.coded_term, e.narrative, e.code_system, e.code,
           {_SAYS.format("e")}
    FROM registry_adverseevent e
    WHERE e.id = ANY (%(ids)s)
    ORDER BY e.id
"""  # noqa: S608 - text of this module
_LATER = f"""
    SELECT f.event_id, f.number, f.patient_id, '', f.term, f.coded_term, f.narrative, f.code_system, f.code,
           {_SAYS.format("f")}
    FROM registry_adverseeventfollowup f
    WHERE f.id = ANY (%(ids)s)
    ORDER BY f.event_id, f.number
"""  # noqa: S608 - text of this module
_UNREAD_FIRST = """
    SELECT e.id FROM registry_adverseevent e
    LEFT JOIN registry_reportscreening s
        ON s.event_id = e.id AND s.number = 0 AND s.lists = %(lists)s
        AND s.patient_id BETWEEN %(first)s AND %(last)s
    WHERE e.patient_id BETWEEN %(first)s AND %(last)s AND s.event_id IS NULL
    ORDER BY e.id
"""
_UNREAD_LATER = """
    SELECT f.id FROM registry_adverseeventfollowup f
    LEFT JOIN registry_reportscreening s
        ON s.event_id = f.event_id AND s.number = f.number AND s.lists = %(lists)s
        AND s.patient_id BETWEEN %(first)s AND %(last)s
    WHERE f.patient_id BETWEEN %(first)s AND %(last)s AND s.event_id IS NULL
    ORDER BY f.id
"""
# A screening is of one report that exists (foreign key, triggers): as many of both, and none is missing.
_ARE_ALL_READ = """
    SELECT (SELECT count(*) FROM registry_adverseevent WHERE patient_id BETWEEN %(first)s AND %(last)s)
         + (SELECT count(*) FROM registry_adverseeventfollowup
            WHERE patient_id BETWEEN %(first)s AND %(last)s)
         = (SELECT count(*) FROM registry_reportscreening
            WHERE patient_id BETWEEN %(first)s AND %(last)s AND lists = %(lists)s)
"""
_NAMED = """
    SELECT patient_id FROM registry_reportscreening
    WHERE names_malignancy AND lists = %(lists)s AND patient_id BETWEEN %(first)s AND %(last)s
"""
_ANSWERS = """
    SELECT patient_id, coalesce(new_malignancy, false), new_malignancy_text FROM registry_visit
    WHERE (new_malignancy OR new_malignancy_text <> '') AND patient_id BETWEEN %(first)s AND %(last)s
"""
_DEATHS = """
    SELECT id, cause_of_death FROM registry_patient
    WHERE cause_of_death <> '' AND id BETWEEN %(first)s AND %(last)s
"""
# Reports that are read at once: what is held in memory.
_READ_AT_ONCE = 2_000


def lists_in_force() -> str:
    """Return a short name of all that screening depends on: lists, how they are read, and the dictionary."""
    return hashlib.sha256(f"{_reading()} {version_in_force()}".encode()).hexdigest()[:16]


@cache
def _reading() -> str:
    # What the files hold, not the versions they carry alone: a change of how terms are found raises the
    # version of no list, and reports would stay screened by what was found before.
    digest = hashlib.sha256()
    for package, names in (("clinical", "*.py"), ("clinical.codelists", "*.toml"), ("monitoring", "*.py")):
        for file in sorted(files(f"registry.{package}").iterdir(), key=lambda file: file.name):
            if file.name.endswith(names[1:]):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def unread_reports(*, first_id: int, last_id: int) -> tuple[list[int], list[int]]:
    """Return ids of events and of follow-ups whose report was not screened with the lists in force."""
    asked = {"lists": lists_in_force(), "first": first_id, "last": last_id}
    [(are_all_read,)] = _rows(_ARE_ALL_READ, asked)
    return ([], []) if are_all_read else (_ids(_UNREAD_FIRST, asked), _ids(_UNREAD_LATER, asked))


def reports(
    *, events: Sequence[int] = (), follow_ups: Sequence[int] = (), locked: bool = False
) -> list[Report]:
    """Return reports by the ids of their rows; `locked`: unchanged until the transaction ends."""
    found = []
    for sql, table, ids in ((_FIRST, "e", events), (_LATER, "f", follow_ups)):
        if ids:
            lock = f" FOR SHARE OF {table}" if locked else ""
            found += [Report._make(row) for row in _rows(sql + lock, {"ids": list(ids)})]
    return found


def patients_with_reports(*, first_id: int, last_id: int) -> set[int]:
    """Return whose adverse events have a category, code or word that names a malignancy."""
    asked = {"lists": lists_in_force(), "first": first_id, "last": last_id}
    found = set(_ids(_NAMED, asked))
    events, follow_ups = unread_reports(first_id=first_id, last_id=last_id)
    for start in range(0, max(len(events), len(follow_ups)), _READ_AT_ONCE):
        part = slice(start, start + _READ_AT_ONCE)
        unread = reports(events=events[part], follow_ups=follow_ups[part])
        found |= {report.patient for report in unread if report.names_malignancy}
    return found


def patients_with_answers(*, first_id: int, last_id: int) -> set[int]:
    """Return whose visits say yes to a new malignancy, or name one in words."""
    rows = _rows(_ANSWERS, {"first": first_id, "last": last_id})
    return {patient for patient, is_yes, text in rows if is_yes or may_name_malignancy(texts=(text,))}


def patients_with_cause_of_death(*, first_id: int, last_id: int) -> set[int]:
    """Return whose cause of death names a malignancy."""
    rows = _rows(_DEATHS, {"first": first_id, "last": last_id})
    return {patient for patient, text in rows if may_name_malignancy(texts=(text,))}


def _ids(sql: str, parameters: dict[str, Any]) -> list[int]:
    return [row[0] for row in _rows(sql, parameters)]


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
