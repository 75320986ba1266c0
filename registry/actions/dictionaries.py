"""Loading a licensed dictionary as a new version: all of it in one transaction, or nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from registry.access.scope import EVERYTHING, acting
from registry.clinical.meddra import Dictionary, DictionaryGroup, groups_by_code
from registry.models import AdverseEvent, AdverseEventFollowUp, DictionaryVersion
from registry.models.dictionary import DICTIONARIES
from registry.monitoring.evidence import Certainty
from registry.monitoring.malignancy_codes import find_code

_BATCH = 5_000
# Key of PostgreSQL's advisory locks: one load of a dictionary at a time.
_LOAD_LOCK = 77


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did. `is_new`: False when these very files were loaded before, and nothing changed.

    `malignancy_codes`: how many codes of LLTs and PTs the malignancy rule takes for a candidate (MAL-2).
    `patients_to_judge`: who waits to be judged again because the dictionary in force changed.
    """

    name: str
    version: str
    is_new: bool
    in_force: str
    rows: Mapping[str, int]
    smq_count: int
    malignancy_codes: Mapping[Certainty, int]
    patients_to_judge: int


def load_meddra(*, content: Dictionary, at: datetime) -> Loaded:
    """Store a distribution as a new version; the highest version becomes the one in force.

    Other files under a version number that is loaded already are a correction and count as later than what
    they correct. The same files again change nothing. Patients with an event coded in MedDRA wait to be
    judged again, noted by a trigger in this transaction.
    """
    with acting(rows=EVERYTHING, origin="import", reason=f"load_dictionary meddra {content.version}"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOAD_LOCK])
        known = DictionaryVersion.objects.filter(dictionary="meddra", digest=content.digest).first()
        version = known or _store(content, at)
        return Loaded(
            name=version.name,
            version=version.version,
            is_new=known is None,
            in_force=DictionaryVersion.objects.get(dictionary="meddra", is_in_force=True).name,
            rows=dict(content.rows),
            smq_count=len(content.smqs),
            malignancy_codes=_malignancy_codes(version),
            patients_to_judge=_coded_patient_count() if version.is_in_force and known is None else 0,
        )


def _store(content: Dictionary, at: datetime) -> DictionaryVersion:
    versions = DictionaryVersion.objects.filter(dictionary="meddra")
    number = [int(part) for part in content.version.split(".")]
    revision = versions.filter(version=content.version).count() + 1
    in_force = versions.filter(is_in_force=True).first()
    is_latest = in_force is None or in_force.number <= number
    if in_force is not None and is_latest:
        in_force.is_in_force = False
        in_force.save(update_fields=["is_in_force"])
    suffix = f" ({revision})" if revision > 1 else ""
    version = DictionaryVersion.objects.create(
        dictionary="meddra",
        version=content.version,
        number=number,
        revision=revision,
        name=f"{DICTIONARIES['meddra']} {content.version}{suffix}",
        digest=content.digest,
        is_in_force=is_latest,
        rows=dict(content.rows),
        loaded_at=at,
    )
    _store_terms(version, content)
    return version


def _store_terms(version: DictionaryVersion, content: Dictionary) -> None:
    """By COPY: a distribution has a hundred thousand terms."""
    groups = groups_by_code(dictionary=content)
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY registry_dictionaryterm"
            " (version_id, code, name, level, pt_code, hlt_code, hlgt_code, soc_code, is_current, groups)"
            " FROM STDIN"
        ) as copy,
    ):
        for term in content.terms:
            path = (term.pt_code, term.hlt_code, term.hlgt_code, term.soc_code)
            held_by = json.dumps(groups.get(term.code, []))
            copy.write_row((version.pk, term.code, term.name, term.level, *path, term.is_current, held_by))


def _malignancy_codes(version: DictionaryVersion) -> dict[Certainty, int]:
    counts: dict[Certainty, int] = {"certain": 0, "possible": 0}
    held = version.terms.exclude(groups=[]).values_list("code", "groups")
    for code, groups in held.iterator(chunk_size=_BATCH):
        hit = find_code(
            code_system="MedDRA", code=code, groups=[DictionaryGroup._make(group) for group in groups]
        )
        if hit is not None:
            counts[hit.certainty] += 1
    return counts


def _coded_patient_count() -> int:
    coded = AdverseEvent.objects.filter(code_system="MedDRA").values("patient_id")
    later = AdverseEventFollowUp.objects.filter(code_system="MedDRA").values("patient_id")
    return coded.union(later).count()
