"""Disease activity scores by their items: weights, totals and which totals can be reached.

A score is the sum of the points of its items. Where a site knows only the total, it must be a total that
the items can reach.

Source: SLEDAI-2K, Gladman et al., J Rheumatol 2002;29:288; EUSTAR revised activity index, Valentini et al.,
Ann Rheum Dis 2017, doi 10.1136/annrheumdis-2016-209768; total improvement score, Aggarwal et al. 2017
(ACR/EULAR 2016), PMC5577002; modified Rodnan skin score, 17 sites of 0 to 3; clinical-reference.md 6.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from types import MappingProxyType

from registry.clinical.code_lists import SCORE_RANGES, SCORES, CodeList
from registry.clinical.refusals import Problem, shortened
from registry.clinical.units import EntryRefused, read_value

Points = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a score: what it is worth when present, and when it counts.

    `is_serological`: not part of the clinical SLEDAI. `asks_cause`: counts only when the disease is the
    cause; a low count after CAR T-cells is toxicity and would otherwise look like active lupus.
    """

    key: str
    name: str
    points: Decimal
    meaning: str = ""
    is_serological: bool = False
    asks_cause: bool = False


def _items(points: str, *rows: tuple[str, str, str]) -> list[Item]:
    return [Item(key, name, Decimal(points), meaning) for key, name, meaning in rows]


SLEDAI_ITEMS: tuple[Item, ...] = (
    *_items(
        "8",
        ("seizure", "Seizure", "recent onset; not metabolic, infectious or from a drug"),
        ("psychosis", "Psychosis", "not from uraemia or a drug"),
        ("organic_brain_syndrome", "Organic brain syndrome", "altered mental function"),
        ("visual_disturbance", "Visual disturbance", "retinal changes of SLE"),
        ("cranial_nerve", "Cranial nerve disorder", "new, sensory or motor"),
        ("lupus_headache", "Lupus headache", "severe, persistent, no answer to narcotic analgesia"),
        ("cva", "Cerebrovascular accident", "new; not from arteriosclerosis"),
        ("vasculitis", "Vasculitis", "ulceration, gangrene, tender nodules, infarction or proof"),
    ),
    *_items(
        "4",
        (
            "arthritis",
            "Arthritis",
            "2 joints or more with pain and inflammation; some protocols ask for more",
        ),
        ("myositis", "Myositis", "weakness with raised CK or aldolase, or EMG or biopsy"),
        ("urinary_casts", "Urinary casts", "haem-granular or red-cell casts"),
        ("haematuria", "Haematuria", "more than 5 red cells per field; not stone or infection"),
        ("proteinuria", "Proteinuria", "more than 0.5 g in 24 h"),
        ("pyuria", "Pyuria", "more than 5 white cells per field; not infection"),
    ),
    *_items(
        "2",
        ("rash", "Rash", "inflammatory"),
        ("alopecia", "Alopecia", "abnormal, patchy or diffuse loss of hair"),
        ("mucosal_ulcers", "Mucosal ulcers", "oral or nasal"),
        ("pleurisy", "Pleurisy", "pleuritic pain with rub, effusion or thickening"),
        ("pericarditis", "Pericarditis", "pain with rub, effusion, ECG or echo"),
    ),
    Item("low_complement", "Low complement", Decimal(2), "C3, C4 or CH50 below the limit", True),
    Item("dna_binding", "Increased DNA binding", Decimal(2), "above the normal range of the assay", True),
    Item("fever", "Fever", Decimal(1), "above 38 °C; not infection"),
    Item("thrombocytopenia", "Thrombocytopenia", Decimal(1), "platelets below 100 ×10⁹/L", asks_cause=True),
    Item("leukopenia", "Leukopenia", Decimal(1), "white cells below 3.0 ×10⁹/L", asks_cause=True),
)

EUSTAR_ITEMS: tuple[Item, ...] = (
    Item("delta_skin", "Δ-skin", Decimal("1.5"), "patient: skin worse in the last month"),
    Item("mrss_above_18", "mRSS above 18", Decimal("1.5")),
    Item("digital_ulcers", "Digital ulcers", Decimal("1.5")),
    Item("tendon_friction_rubs", "Tendon friction rubs", Decimal("2.25")),
    Item("crp_above_1", "CRP above 1 mg/dL", Decimal("2.25"), "that is above 10 mg/L"),
    Item("dlco_below_70", "DLCO below 70 % predicted", Decimal("1.0")),
)

_SIDED = ("Fingers", "Hand", "Forearm", "Upper arm", "Thigh", "Lower leg", "Foot")
MRSS_SITES: CodeList = MappingProxyType(
    {
        **{
            f"{name.lower().replace(' ', '_')}_{side}": f"{name}, {side}"
            for name in _SIDED
            for side in ("right", "left")
        },
        "face": "Face",
        "chest": "Front of the chest",
        "abdomen": "Abdomen",
    }
)
MRSS_STEPS = tuple(Decimal(step) for step in range(4))

# Of each core measure the points of no, minimal, low, medium and high improvement.
TIS_LEVELS = ("none", "minimal", "low", "medium", "high")
TIS_MEASURES: Mapping[str, tuple[str, tuple[Decimal, ...]]] = MappingProxyType(
    {
        key: (name, tuple(Decimal(step) for step in steps.split()))
        for key, name, steps in (
            ("physician_global", "Physician global", "0 7.5 15 17.5 20"),
            ("patient_global", "Patient global", "0 2.5 5 7.5 10"),
            ("mmt", "Manual muscle test", "0 10 20 27.5 32.5"),
            ("haq", "HAQ", "0 5 7.5 7.5 10"),
            ("enzyme", "Muscle enzyme, most abnormal", "0 2.5 5 7.5 7.5"),
            ("extramuscular", "Extramuscular activity", "0 7.5 12.5 15 20"),
        )
    }
)

# The same number means different things on two scales, so the scale is asked and kept with the value.
VARIANTS: Mapping[str, CodeList] = MappingProxyType(
    {
        "SLEDAI-2K": MappingProxyType({"10": "last 10 days", "30": "last 30 days"}),
        "PHGA": MappingProxyType({"3": "0–3", "10": "0–10"}),
        "MMT8": MappingProxyType({"80": "0–80, one side and neck", "150": "0–150, both sides"}),
    }
)

# What the assessments of each disease rest on; every other score waits behind "Further scores".
USUAL_SCORES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "SLE": ("SLEDAI-2K", "PHGA", "HAQ-DI"),
        "SSC": ("MRSS", "EUSTAR", "HAQ-DI"),
        "IIM": ("MMT8", "TIS", "PHGA", "HAQ-DI"),
        "OTHER": ("PHGA", "HAQ-DI"),
    }
)

_ITEMS: Mapping[str, Mapping[str, tuple[Decimal, ...]]] = MappingProxyType(
    {
        "SLEDAI-2K": {
            item.key: (Decimal(0), item.points) if item.asks_cause else (item.points,)
            for item in SLEDAI_ITEMS
        },
        "EUSTAR": {item.key: (item.points,) for item in EUSTAR_ITEMS},
        "MRSS": dict.fromkeys(MRSS_SITES, MRSS_STEPS),
        "TIS": {key: steps for key, (_, steps) in TIS_MEASURES.items()},
    }
)
# Of these every item has a value; a site or measure left out would read as no skin or no change.
_COMPLETE = ("MRSS", "TIS")
HAQ_STEP = Decimal("0.125")


def total_of(points: Points) -> Decimal:
    """Return the score: the sum of the points of its items."""
    return sum(points.values(), Decimal(0))


def clinical_sledai(points: Points) -> Decimal:
    """Return the SLEDAI-2K without low complement and DNA binding."""
    serological = {item.key for item in SLEDAI_ITEMS if item.is_serological}
    return total_of({key: value for key, value in points.items() if key not in serological})


def sums_reached(choices: Iterable[tuple[Decimal, ...]]) -> frozenset[Decimal]:
    """Return every sum that one choice of each row can make."""
    sums = {Decimal(0)}
    for steps in choices:
        sums = {reached + step for reached in sums for step in steps}
    return frozenset(sums)


REACHED: Mapping[str, frozenset[Decimal]] = MappingProxyType(
    {
        "EUSTAR": sums_reached((Decimal(0), item.points) for item in EUSTAR_ITEMS),
        "TIS": sums_reached(steps for _, steps in TIS_MEASURES.values()),
    }
)


def read_score(text: str, *, score: str, variant: str = "") -> tuple[Decimal | None, list[Problem]]:
    """Read a total as typed; a comma is taken for the decimal point. The problems are of field `value`."""
    try:
        entered = read_value(text, decimal_comma=True)
    except EntryRefused as refusal:
        return None, [refusal.at("value")]
    if entered.comparator:
        problem = Problem("value", entered.text, f"{entered.text} is no score.", "Write the number alone.")
        return None, [problem]
    problems = check_total(score=score, value=entered.number, variant=variant)
    return (None if problems else entered.number), problems


def check_total(*, score: str, value: Decimal, variant: str = "") -> list[Problem]:
    """Refuse a total that the score cannot take: out of its range, between its steps, not a reachable sum."""
    taken = SCORE_RANGES[score]
    high = Decimal(variant) if score in ("PHGA", "MMT8") and variant else taken.high
    shown = shortened(str(value))
    if not taken.low <= value <= high or (taken.is_whole and value != value.to_integral_value()):
        kind = "A whole number" if taken.is_whole else "A number"
        asked = ""
        if score in ("PHGA", "MMT8") and high < value <= taken.high:
            asked = f" Or is it on the scale 0–{taken.high}?"
        named = SCORES[score]
        return [
            Problem(
                "value",
                shown,
                f"{named} {shown} is not possible.",
                f"{kind} from {taken.low} to {high}.{asked}",
            )
        ]
    if score == "HAQ-DI" and value % HAQ_STEP:
        below = value - value % HAQ_STEP
        near = f"{below.normalize():f} or {(below + HAQ_STEP).normalize():f}"
        return [Problem("value", shown, f"{shown} is no HAQ-DI.", f"It goes in steps of 0.125: {near}?")]
    if score in REACHED and value not in REACHED[score]:
        below = max(reached for reached in REACHED[score] if reached < value)
        above = min(reached for reached in REACHED[score] if reached > value)
        near = f"{below.normalize():f} and {above.normalize():f}"
        return [
            Problem(
                "value",
                shown,
                f"No items of the {SCORES[score]} add up to {shown}.",
                f"The nearest possible totals are {near}.",
            )
        ]
    if (value * 1000) % 1:
        return [Problem("value", shown, f"{shown} cannot be kept exactly.", "At most three decimals.")]
    return []


def check_items(*, score: str, points: Points, total: Decimal | None) -> list[Problem]:
    """Refuse items the score does not have, points they cannot take, gaps, and another total than theirs."""
    known = _ITEMS.get(score, {})
    strange = [key for key, value in points.items() if value not in known.get(key, ())]
    if strange:
        named = ", ".join(shortened(key) for key in strange)
        return [
            Problem("items", named, f"{SCORES[score]} has no such item: {named}.", "Choose from the list.")
        ]
    missing = len(known) - len(points) if score in _COMPLETE else 0
    if missing:
        what = "sites" if score == "MRSS" else "core measures"
        return [
            Problem(
                "items",
                "",
                f"{missing} of {len(known)} {what} {'are' if missing > 1 else 'is'} empty.",
                "Fill each of them, or empty all and give the total alone.",
            )
        ]
    if total is not None and total != (reached := total_of(points)):
        return [
            Problem(
                "value",
                str(total),
                f"The items add up to {reached.normalize():f}, and the total says {total.normalize():f}.",
                "Correct the items, or leave the total empty: it is worked out from them.",
            )
        ]
    return []


def check_clinical_sledai(*, value: Decimal, sledai: Decimal | None) -> list[Problem]:
    """Refuse a clinical SLEDAI that no serological item separates from the SLEDAI-2K of the same day."""
    if sledai is None or sledai - value in (0, 2, 4):
        return []
    return [
        Problem(
            "value",
            str(value),
            f"Clinical SLEDAI {value} does not go with SLEDAI-2K {sledai}.",
            "The two differ by 0, 2 or 4: low complement and DNA binding count 2 each.",
        )
    ]


def item_names(*, score: str, points: Points) -> tuple[str, ...]:
    """Return the items in words, those that count nothing marked so, in the order of the score."""
    named = {item.key: item.name for item in chain(SLEDAI_ITEMS, EUSTAR_ITEMS)}
    causes = {item.key for item in SLEDAI_ITEMS if item.asks_cause}
    named |= {**MRSS_SITES, **{key: name for key, (name, _) in TIS_MEASURES.items()}}
    found = []
    for key in _ITEMS.get(score, {}):
        if key not in points:
            continue
        if key in causes and not points[key]:
            found.append(f"{named[key]}, not due to lupus: 0")
        elif points[key] or score == "TIS":
            found.append(f"{named[key]}: {points[key].normalize():f}")
    return tuple(found)
