"""Results as the pre-selection reads them: one word of 32 bits for each, packed by patient.

From the highest bit: 0, the analyte (3 bits), days since EPOCH (16 bits), what the result says (12 bits):
of a blood count whether it is low; of lymphocytes that they are over the limit; of blasts which limit they
reach; of the transgene its size in steps of a fortieth of a decade, which is all that a tenfold rise needs.
What no rule reads is not packed, nor are the counts of a lineage far from every low one.

Stored by actions/preselection.py. What is not stored, has changed since or was packed by other limits is
packed here from the results themselves: slower and the same.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from django.db import connection

from registry.monitoring.blood_counts import LINEAGES, CountLimits
from registry.monitoring.malignancy_triggers import TriggerLimits
from registry.queries.packed_columns import Ints, unpacked

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

# Days that are not low that are kept after a low one and before it.
_KEPT_AFTER, _KEPT_BEFORE = 8, 4

_DOES_NOT_STAND, _COULD_NOT_BE_PACKED = -1, -2

# Blood counts, and the other analytes: two stretches of words.
Kind = Literal["counts", "others"]

# A change of what is packed and how: whatever was packed before is packed again.
_EDITION = 2


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


# One row per patient of `%(ids)s`: counts and others, in ascending words; NULL for a day out of range.
# Inclusive where a rule is: `<limit` is low, `>limit` is not (CYT-1); `>4` is over 4 (MAL-7).
# Of the days that are not low only those near a low one are kept: more than prove a recovery or bound an
# episode, because a support may hide some. Fewer of them never make a rule say less.
PACKED = f"""
    SELECT p.id AS patient_id,
           CASE WHEN bool_and(r.is_in_range) FILTER (WHERE r.is_lineage) IS NOT FALSE THEN coalesce(
               string_agg(r.word, ''::bytea ORDER BY r.code, r.place) FILTER (WHERE r.is_lineage), ''::bytea)
           END AS counts,
           CASE WHEN bool_and(r.is_in_range) FILTER (WHERE NOT r.is_lineage) IS NOT FALSE THEN coalesce(
               string_agg(r.word, ''::bytea ORDER BY r.code, r.place) FILTER (WHERE NOT r.is_lineage),
               ''::bytea)
           END AS others
    FROM unnest(%(ids)s::bigint[]) AS p (id)
    LEFT JOIN LATERAL (
        SELECT k.code, k.is_lineage, k.place, k.collected_on BETWEEN %(epoch)s AND %(latest)s AS is_in_range,
               int4send((k.code << {DAY_BITS + SAYS_BITS})
                        | ((k.collected_on - %(epoch)s::date) << {SAYS_BITS}) | k.says) AS word
        FROM (
            SELECT t.*,
                   max(t.place) FILTER (WHERE t.says = {LOW}) OVER (s ORDER BY t.place) AS low_before,
                   min(t.place) FILTER (WHERE t.says = {LOW}) OVER (s ORDER BY t.place DESC) AS low_after
            FROM (
                SELECT s.*, row_number() OVER (PARTITION BY s.code ORDER BY s.collected_on, s.says) AS place
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
                               CASE r.comparator WHEN '<' THEN {BELOW} WHEN '>' THEN {ABOVE}
                                                 ELSE {EXACTLY} END << {SIZE_BITS}
                               | CASE WHEN r.value = 0 THEN 0
                                      ELSE 1 + least(
                                          greatest(
                                              floor((log(r.value::float8) + 10) * {STEPS_PER_DECADE}), 0),
                                          {_LARGEST})::int
                                 END
                           END AS says
                    FROM registry_labresult r
                    JOIN (SELECT analyte, low_below, position::int - 1 AS code,
                                 low_below IS NOT NULL AS is_lineage
                          FROM unnest(%(analytes)s::text[], %(lows)s::numeric[])
                              WITH ORDINALITY AS listed (analyte, low_below, position)) AS a
                        ON a.analyte = r.analyte
                    WHERE r.patient_id = p.id AND r.superseded_at IS NULL
                ) AS s
                WHERE s.says IS NOT NULL
            ) AS t
            WINDOW s AS (PARTITION BY t.code)
        ) AS k
        WHERE NOT k.is_lineage
           OR k.place - k.low_before <= {_KEPT_AFTER} OR k.low_after - k.place <= {_KEPT_BEFORE}
    ) AS r ON true
    GROUP BY p.id
"""  # noqa: S608 - numbers of this module

# The readings of a range of patients one after the other, and of each patient how many: -1 when what is
# stored does not stand, -2 when it could not be packed.
_STORED = """
    SELECT string_agg(int8send(id), ''::bytea), string_agg(int4send(length), ''::bytea),
           string_agg(words, ''::bytea)
    FROM (
        SELECT p.id, CASE WHEN l.patient_id IS NULL THEN -1 WHEN l.{0} IS NULL THEN -2
                          ELSE octet_length(l.{0}) / 4 END AS length, l.{0} AS words
        FROM registry_patient p
        LEFT JOIN registry_packedlabs l ON l.patient_id = p.id AND l.packed_as = %(packed_as)s
            AND l.patient_id BETWEEN %(first)s AND %(last)s -- or the whole table is read for a few
            AND NOT EXISTS (SELECT FROM registry_labstorepack n WHERE n.patient_id = p.id)
        WHERE p.id BETWEEN %(first)s AND %(last)s
        ORDER BY p.id
    ) AS asked
"""


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings of some patients, one entry each, in the order of patient, analyte, day, what is said.

    `patient` is the position in `ids`; `day` counts from EPOCH. `unknown`: ids of patients whose results
    could not be packed.
    """

    ids: Ints
    patient: Ints
    code: Ints
    day: Ints
    says: Ints
    unknown: frozenset[int]


def readings_of(*, packing: Packing, kind: Kind, first_id: int, last_id: int) -> Readings:
    """Return the readings of one kind of the patients whose ids lie in a range."""
    with connection.cursor() as cursor:
        cursor.execute(_STORED.format(kind), {"packed_as": packing.name, "first": first_id, "last": last_id})
        [(packed_ids, packed_lengths, packed_words)] = cursor.fetchall()
        ids, lengths = unpacked(packed_ids, kind=">i8"), unpacked(packed_lengths, kind=">i4")
        words = packed_words or b""
        missing = np.flatnonzero(lengths == _DOES_NOT_STAND)
        if len(missing):
            cursor.execute(PACKED, {**packing.parameters, "ids": ids[missing].tolist()})
            found = {patient_id: (counts, others) for patient_id, counts, others in cursor.fetchall()}
            words, lengths = _filled(ids, lengths, words, found, ("counts", "others").index(kind))
    is_unknown = lengths < 0
    lengths = np.maximum(lengths, 0)
    numbers = unpacked(words, kind=">u4")
    return Readings(
        ids=ids,
        patient=np.repeat(np.arange(len(ids)), lengths),
        code=numbers >> (DAY_BITS + SAYS_BITS),
        day=(numbers >> SAYS_BITS) & (2**DAY_BITS - 1),
        says=numbers & (2**SAYS_BITS - 1),
        unknown=frozenset(ids[is_unknown].tolist()),
    )


def _filled(
    ids: Ints, lengths: Ints, stored: bytes, found: Mapping[int, tuple[bytes | None, bytes | None]], kind: int
) -> tuple[bytes, Ints]:
    """Put what was packed now between what was stored."""
    parts, filled, start = [], lengths.copy(), 0
    for position, (patient_id, length) in enumerate(zip(ids.tolist(), lengths.tolist(), strict=True)):
        words: bytes | None = b""
        if length >= 0:
            words = stored[start : start + 4 * length]
            start += 4 * length
        elif length == _DOES_NOT_STAND:
            words = found[patient_id][kind] if patient_id in found else None
            filled[position] = _COULD_NOT_BE_PACKED if words is None else len(words) // 4
        parts.append(words or b"")
    return b"".join(parts), filled
