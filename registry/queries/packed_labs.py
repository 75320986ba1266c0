"""Results as the pre-selection reads them: one word of 32 bits for each, packed by patient.

From the highest bit: 0, the analyte (3 bits), days since EPOCH (16 bits), what the result says (12 bits):
of a blood count whether it is low; of lymphocytes that they are over the limit; of blasts which limit they
reach; of the transgene its size in steps of a fortieth of a decade, which is all that a tenfold rise needs.
What no rule reads is not packed, nor are the counts of a lineage that was never low.

Stored by actions/preselection.py. What is not stored, has changed since or was packed by other limits is
packed here from the results themselves: slower and the same.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from registry.monitoring.blood_counts import LINEAGES, CountLimits
from registry.monitoring.malignancy_triggers import TriggerLimits

EPOCH = date(1950, 1, 1)
DAY_BITS, SAYS_BITS = 16, 12
# Analytes in the order of their codes; the lineages come first.
ANALYTES = (*LINEAGES, "ALC", "BLASTS", "CAR_DNA")
ALC, BLASTS, CAR_DNA = (ANALYTES.index(name) for name in ("ALC", "BLASTS", "CAR_DNA"))
LOW, NOT_LOW = 0, 1
SOME_BLASTS, MANY_BLASTS = 1, 2
# A size of the transgene: 0 for none, else 1 + steps above 10^-10; above it the comparator.
SIZE_BITS = 10
STEPS_PER_DECADE = 40
EXACTLY, BELOW, ABOVE = 0, 1, 2
_LARGEST = 2**SIZE_BITS - 2

# A change of what is packed and how: whatever was packed before is packed again.
_EDITION = 1

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Packing:
    """The limits that a reading is read with."""

    counts: CountLimits
    lymphocytes_over: Decimal
    blasts_once: Decimal
    blasts_twice: Decimal

    @classmethod
    def by(cls, *, counts: CountLimits, triggers: TriggerLimits) -> "Packing":
        """Return the packing that serves rules with these limits."""
        return cls(
            counts=counts,
            lymphocytes_over=triggers.lymphocytes_over_10e9_per_l,
            blasts_once=triggers.blasts_once_percent,
            blasts_twice=triggers.blasts_twice_percent,
        )

    @property
    def name(self) -> str:
        """A short name of the limits and the edition: the same name, the same words."""
        said = repr((_EDITION, EPOCH, ANALYTES, self.lows, astuple(self)[1:]))
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def lows(self) -> list[Decimal]:
        """The limits below which the lineages are low, in their order."""
        return [self.counts.low_below(lineage) for lineage in LINEAGES]

    @property
    def parameters(self) -> dict[str, Any]:
        """What PACKED asks for, but for the patients."""
        return {
            "analytes": list(ANALYTES),
            "lows": [*self.lows, None, None, None],
            "lymphocytes_over": self.lymphocytes_over,
            "blasts_once": self.blasts_once,
            "blasts_twice": self.blasts_twice,
            "epoch": EPOCH,
            "latest": EPOCH + timedelta(days=2**DAY_BITS - 1),
        }


# One row per patient of `%(ids)s`: id and readings, in ascending words; NULL readings: a day out of range.
# Inclusive where a rule is: `<limit` is low, `>limit` is not (CYT-1); `>4` is over 4 (MAL-7).
PACKED = f"""
    SELECT p.id AS patient_id,
           CASE WHEN coalesce(bool_and(g.is_in_range), true)
                THEN coalesce(string_agg(g.words, ''::bytea ORDER BY g.code), ''::bytea) END AS readings
    FROM unnest(%(ids)s::bigint[]) AS p (id)
    LEFT JOIN LATERAL (
        SELECT s.code, bool_and(s.collected_on BETWEEN %(epoch)s AND %(latest)s) AS is_in_range,
               string_agg(int4send((s.code << {DAY_BITS + SAYS_BITS})
                                   | ((s.collected_on - %(epoch)s::date) << {SAYS_BITS}) | s.says),
                          ''::bytea ORDER BY s.collected_on, s.says) AS words
        FROM (
            SELECT r.collected_on, a.code, a.is_lineage,
                   CASE WHEN a.is_lineage THEN
                       CASE r.comparator
                           WHEN '<' THEN CASE WHEN r.value <= a.low_below THEN {LOW} END
                           WHEN '>' THEN CASE WHEN r.value >= a.low_below THEN {NOT_LOW} END
                           ELSE CASE WHEN r.value < a.low_below THEN {LOW} ELSE {NOT_LOW} END END
                   WHEN a.code = {ALC} THEN
                       CASE WHEN r.comparator <> '<' AND (r.value > %(lymphocytes_over)s
                                OR r.comparator = '>' AND r.value = %(lymphocytes_over)s) THEN 1 END
                   WHEN a.code = {BLASTS} THEN
                       CASE WHEN r.comparator = '<' THEN NULL
                            WHEN r.value >= %(blasts_once)s THEN {MANY_BLASTS}
                            WHEN r.value >= %(blasts_twice)s THEN {SOME_BLASTS} END
                   ELSE
                       CASE r.comparator WHEN '<' THEN {BELOW} WHEN '>' THEN {ABOVE} ELSE {EXACTLY} END
                       << {SIZE_BITS}
                       | CASE WHEN r.value = 0 THEN 0
                              ELSE 1 + least(
                                  greatest(floor((log(r.value::float8) + 10) * {STEPS_PER_DECADE}), 0),
                                  {_LARGEST})::int
                         END
                   END AS says
            FROM registry_labresult r
            JOIN (SELECT analyte, low_below, position::int - 1 AS code, low_below IS NOT NULL AS is_lineage
                  FROM unnest(%(analytes)s::text[], %(lows)s::numeric[])
                      WITH ORDINALITY AS listed (analyte, low_below, position)) AS a ON a.analyte = r.analyte
            WHERE r.patient_id = p.id AND r.superseded_at IS NULL
        ) AS s
        WHERE s.says IS NOT NULL
        GROUP BY s.code, s.is_lineage
        HAVING NOT s.is_lineage OR bool_or(s.says = {LOW})
    ) AS g ON true
    GROUP BY p.id
"""  # noqa: S608 - numbers of this module

# Which patients of a range have readings that stand, and those readings.
_STORED = """
    SELECT p.id, l.patient_id IS NOT NULL, l.readings
    FROM registry_patient p
    LEFT JOIN registry_packedlabs l ON l.patient_id = p.id AND l.packed_as = %(packed_as)s
        AND NOT EXISTS (SELECT FROM registry_labstorepack n WHERE n.patient_id = p.id)
    WHERE p.id BETWEEN %(first)s AND %(last)s
    ORDER BY p.id
"""


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings of some patients, one entry each, in the order of patient, analyte, day, what is said.

    `patient` is the position in `ids`; `day` counts from EPOCH. `unpacked`: ids of patients whose results
    could not be packed and of whom nothing is known here.
    """

    ids: Ints
    patient: Ints
    code: Ints
    day: Ints
    says: Ints
    unpacked: frozenset[int]


def readings_of(*, packing: Packing, first_id: int, last_id: int) -> Readings:
    """Return the readings of the patients whose ids lie in a range."""
    with connection.cursor() as cursor:
        cursor.execute(_STORED, {"packed_as": packing.name, "first": first_id, "last": last_id})
        rows: list[tuple[int, bool, Any]] = cursor.fetchall()
        missing = [patient_id for patient_id, stands, _ in rows if not stands]
        packed = {}
        if missing:
            cursor.execute(PACKED, {**packing.parameters, "ids": missing})
            packed = dict(cursor.fetchall())
    found = [(patient_id, words if stands else packed.get(patient_id)) for patient_id, stands, words in rows]
    return unpacked(found)


def unpacked(rows: Sequence[tuple[int, Any]]) -> Readings:
    """Return the readings of patients by id, given in ascending order."""
    lengths = np.array([0 if words is None else len(words) // 4 for _, words in rows], dtype=np.int64)
    words = np.frombuffer(b"".join(words for _, words in rows if words is not None), dtype=">u4")
    words = words.astype(np.int64)
    return Readings(
        ids=np.array([patient_id for patient_id, _ in rows], dtype=np.int64),
        patient=np.repeat(np.arange(len(rows)), lengths),
        code=words >> (DAY_BITS + SAYS_BITS),
        day=(words >> SAYS_BITS) & (2**DAY_BITS - 1),
        says=words & (2**SAYS_BITS - 1),
        unpacked=frozenset(patient_id for patient_id, words in rows if words is None),
    )
