"""The values of the blood draws: a fall after lymphodepletion, a recovery, and the few who do not recover.

Values are whole numbers of the analyte's smallest reported step, as a laboratory prints them: no value of
this file is ever a binary fraction.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.cohort import IS_US, Cohort, Draws

Floats = NDArray[np.float64]

# Analyte, decimals in the canonical unit, canonical unit, unit in the US, its decimals there
ANALYTES = (
    ("ANC", 2, "10*9/L", "/uL"),
    ("PLT", 0, "10*9/L", "K/uL"),
    ("HGB", 0, "g/L", "g/dL"),
    ("WBC", 2, "10*9/L", "/uL"),
    ("ALC", 2, "10*9/L", "/uL"),
    ("MCV", 1, "fL", "fL"),
    ("CRP", 1, "mg/L", "mg/L"),
    ("CREATININE", 0, "umol/L", "umol/L"),
    ("ALT", 0, "U/L", "U/L"),
    ("IGG", 2, "g/L", "g/L"),
    ("CD19", 0, "/uL", "/uL"),
    ("CAR_DNA", 0, "{copies}/ug", "{copies}/ug"),
    ("BLASTS", 0, "%", "%"),
)
NAMES = [analyte[0] for analyte in ANALYTES]
DECIMALS = np.array([analyte[1] for analyte in ANALYTES])
_SHARE_MEASURED = {"ANC": 0.97, "PLT": 0.97, "HGB": 0.97, "MCV": 0.93, "ALC": 0.93, "CRP": 0.8, "ALT": 0.65}
_SHARE_MEASURED |= {"CREATININE": 0.7, "WBC": 0.98, "IGG": 0.28, "CD19": 0.28, "CAR_DNA": 0.35, "BLASTS": 0}

_LOW_BELOW = np.array([1.0, 50.0, 80.0])  # rules.md CYT-2: ANC, PLT, HGB
_CHUNK = 100_000
_CORRECTED = 0.003
_DETECTION_LIMIT = 10  # copies/ug
MOST_STEPS = 99_999


@dataclass(frozen=True, slots=True)
class Lows:
    """Per lineage (ANC, PLT, HGB) and course: the days of the low phase and how deep it goes."""

    first_day: Floats
    last_day: Floats
    depth: Floats
    normal: Floats
    late_from: Floats


@dataclass(frozen=True, slots=True)
class Results:
    """A run of rows in the order of entry; `value` in the analyte's smallest step, `draw` counts all draws.

    `corrected_by`: for a superseded row how many rows further down its correction stands, otherwise 0.
    """

    draw: NDArray[np.int64]
    analyte: NDArray[np.int64]
    value: NDArray[np.int64]
    is_below_detection: NDArray[np.bool_]
    corrected_by: NDArray[np.int64]


def make_lows(*, cohort: Cohort, rng: np.random.Generator) -> Lows:
    """Draw each course's low phases: most lineages are back within 21 days, a few percent are not."""
    shape = (3, len(cohort.courses))
    falls = rng.random(shape) < np.array([[0.95], [0.68], [0.55]])
    first = np.stack([rng.integers(low, high, shape[1]) for low, high in ((2, 5), (4, 8), (4, 9))])
    last = np.rint(rng.normal([[15.3], [14.2], [14.0]], 2.6, shape))
    last = np.clip(last, first + 1, [[20], [19], [19]]).astype(np.float64)
    # Few courses do not recover, most of them in one lineage.
    is_prolonged = rng.random(shape) < np.array([[0.021], [0.013], [0.010]])
    last = np.where(is_prolonged, rng.integers(26, 80, shape), last)
    falls |= is_prolonged
    return Lows(
        first_day=np.where(falls, first, 10**6),
        last_day=np.where(falls, last, -(10**6)),
        depth=rng.uniform(0.05, 0.8, shape),
        normal=np.exp(rng.normal(np.log([[3.4], [235.0], [122.0]]), [[0.3], [0.22], [0.09]], shape)),
        late_from=np.where(rng.random(shape) < 0.002, rng.integers(100, 1200, shape), 10**6),
    )


def results(*, cohort: Cohort, lows: Lows, rng: np.random.Generator) -> Iterator[Results]:
    """Give every result, some hundred thousand at a time."""
    traits = _traits(len(cohort.courses), rng)
    for start in range(0, len(cohort.draws), _CHUNK):
        yield _results_of(cohort, lows, traits, start, rng)


def entered_in_us(*, analyte: NDArray[np.int64], value: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the same values in the smallest steps of the units of US sites.

    0.42 (42 steps) of ANC become 420 per microlitre; 98 g/L become 9.8 (98 steps) g/dL.
    """
    per_microlitre = np.isin(analyte, [NAMES.index(name) for name in ("ANC", "WBC", "ALC")])
    return np.where(per_microlitre, value * 10, value)


def decimals_in_us(*, analyte: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many decimals those steps have."""
    decimals = DECIMALS.copy()
    decimals[[NAMES.index(name) for name in ("ANC", "WBC", "ALC")]] = 0
    decimals[NAMES.index("HGB")] = 1
    return decimals[analyte]


def is_of_us_site(*, cohort: Cohort, draw: NDArray[np.int64]) -> NDArray[np.bool_]:
    return IS_US[cohort.people.site[cohort.courses.patient[cohort.draws.course[draw]]]]


@dataclass(frozen=True, slots=True)
class _Traits:
    transgene_peak: Floats
    transgene_rises_from: Floats
    lymphocytosis_from: Floats
    blasts_from: Floats
    mcv: Floats


def _traits(count: int, rng: np.random.Generator) -> _Traits:
    def of_few(share: float, low: int, high: int) -> Floats:
        return np.where(rng.random(count) < share, rng.integers(low, high, count), 10**6).astype(float)

    return _Traits(
        transgene_peak=rng.normal(4.2, 0.35, count).clip(3.2, 4.9),
        transgene_rises_from=of_few(0.001, 150, 1500),
        lymphocytosis_from=of_few(0.0015, 100, 1500),
        blasts_from=of_few(0.0007, 200, 2500),
        mcv=rng.normal(88, 4, count),
    )


def _results_of(cohort: Cohort, lows: Lows, traits: _Traits, start: int, rng: np.random.Generator) -> Results:
    draws = _slice(cohort.draws, start)
    course = draws.course
    day = (draws.drawn_on - cohort.courses.day_zero[course]).astype(np.float64)
    values = np.zeros((len(course), len(ANALYTES)))
    for lineage in range(3):
        values[:, lineage] = _counts(lows, lineage, course, day, rng)
    noise = np.exp(rng.normal(0, 0.2, (len(course), len(ANALYTES))))
    at = {name: number for number, name in enumerate(NAMES)}

    recovering = np.clip(day / 180, 0, 1)
    lymphocytes = np.where(day < 0, 1.1, 0.25 + 1.2 * recovering) * noise[:, at["ALC"]]
    has_many = day > traits.lymphocytosis_from[course]
    values[:, at["ALC"]] = np.where(has_many, 5.5 * noise[:, at["ALC"]] ** 0.5, np.minimum(lymphocytes, 3.6))
    values[:, at["WBC"]] = values[:, at["ANC"]] + values[:, at["ALC"]] + 0.4 * noise[:, at["WBC"]]
    values[:, at["MCV"]] = np.minimum(traits.mcv[course] + rng.normal(0, 1, len(course)), 97.5)
    values[:, at["CRP"]] = np.where((day > 1) & (day < 9), 45, 4) * noise[:, at["CRP"]] ** 3
    values[:, at["CREATININE"]] = 74 * noise[:, at["CREATININE"]]
    values[:, at["ALT"]] = 27 * noise[:, at["ALT"]] ** 2
    values[:, at["IGG"]] = np.where(day < 3, 11.5, 5.5 + 5 * np.clip(day / 900, 0, 1)) * noise[:, at["IGG"]]
    b_cells = np.where(day < 0, 160, np.where(day < 100, 0, 140 * np.clip((day - 100) / 400, 0, 1)))
    values[:, at["CD19"]] = b_cells * noise[:, at["CD19"]]
    rise = np.where(day < 12, day / 12, 1) * traits.transgene_peak[course]
    fall = rise - np.clip(day - 12, 0, None) * 0.018
    rises_again = day > traits.transgene_rises_from[course]
    values[:, at["CAR_DNA"]] = (
        10 ** np.clip(np.where(rises_again, 4.3, fall), 0, 4.9) * noise[:, at["CAR_DNA"]]
    )
    values[:, at["BLASTS"]] = rng.integers(1, 9, len(course))

    share = np.tile([_SHARE_MEASURED[name] for name in NAMES], (len(course), 1))
    share[day < 5, at["CAR_DNA"]] = 0
    share[:, at["BLASTS"]] = day > traits.blasts_from[course]
    row, analyte = np.nonzero(rng.random(share.shape) < share)
    value = np.rint(values[row, analyte] * 10.0 ** DECIMALS[analyte]).astype(np.int64)
    is_below = (analyte == at["CAR_DNA"]) & (value < _DETECTION_LIMIT)
    value[is_below] = _DETECTION_LIMIT
    value = np.minimum(value, MOST_STEPS)
    return _with_corrections(start + row, analyte, value, is_below, rng)


def _counts(
    lows: Lows, lineage: int, course: NDArray[np.int64], day: Floats, rng: np.random.Generator
) -> Floats:
    limit = _LOW_BELOW[lineage]
    first, last = lows.first_day[lineage, course], lows.last_day[lineage, course]
    depth = lows.depth[lineage, course]
    low = limit * (depth + (0.95 - depth) * rng.random(len(course)) ** 1.5)
    normal = lows.normal[lineage, course] * np.exp(rng.normal(0, 0.12, len(course)))
    share_back = np.clip((day - last) / 14, 0, 1)
    after = limit * 1.2 * (1 - share_back) + normal * share_back
    count = np.where(day > last, after, normal)
    count = np.maximum(count, limit * 1.1)
    late = (day >= lows.late_from[lineage, course]) & (day < lows.late_from[lineage, course] + 200)
    is_low = ((day >= first) & (day <= last)) | late
    floor = np.array([0.0, 1.0, 40.0])[lineage]
    return np.maximum(np.where(is_low, low, count), floor)


def _with_corrections(
    draw: NDArray[np.int64],
    analyte: NDArray[np.int64],
    value: NDArray[np.int64],
    is_below: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Results:
    """A few values were typed wrong; the row stays where it is, the correction comes later."""
    wrong = np.flatnonzero((rng.random(len(draw)) < _CORRECTED) & ~is_below & (value > 0))
    corrected_by = np.zeros(len(draw) + len(wrong), dtype=np.int64)
    corrected_by[wrong] = len(draw) + np.arange(len(wrong)) - wrong
    typed = value.copy()
    typed[wrong] = np.minimum(value[wrong] * 2 + 1, MOST_STEPS)
    return Results(
        draw=np.concatenate([draw, draw[wrong]]),
        analyte=np.concatenate([analyte, analyte[wrong]]),
        value=np.concatenate([typed, value[wrong]]),
        is_below_detection=np.concatenate([is_below, is_below[wrong]]),
        corrected_by=corrected_by,
    )


def _slice(draws: Draws, start: int) -> Draws:
    part = slice(start, start + _CHUNK)
    return Draws(draws.course[part], draws.drawn_on[part], draws.entered_on[part], draws.visit[part])
