"""Remission and low disease activity of lupus, worked out on reading and never stored.

Each answer is yes, no, or cannot be said, with what it stands on. One condition that is not met is a no,
whatever else is missing; a yes needs everything recorded.

Source: DORIS 2021, van Vollenhoven et al., doi 10.1136/lupus-2021-000538; LLDAS, Franklyn et al. 2016,
PMC7719036; drug-free remission as defined here: DORIS without glucocorticoid, immunosuppressant or biologic,
antimalarials aside (clinical-reference.md 6).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from registry.clinical.treatments import DrugFree

DORIS_DEFINITION = (
    "Clinical SLEDAI 0, physician global assessment below 0.5 (scale 0–3) and at most 5 mg prednisolone "
    "a day (its table 2 says below 5); antimalarials and stable immunosuppressants allowed (DORIS 2021)."
)
LLDAS_DEFINITION = (
    "SLEDAI-2K at most 4 without activity of a major organ, no haemolytic anaemia or gastrointestinal "
    "activity, no new activity, physician global assessment at most 1 (scale 0–3) and at most 7.5 mg "
    "prednisolone a day (LLDAS, Franklyn 2016)."
)
DRUG_FREE_DEFINITION = (
    "DORIS remission without glucocorticoid, immunosuppressant or biologic; antimalarials are told apart."
)

_PHGA_BELOW = Decimal("0.5")
_DORIS_PREDNISOLONE = Decimal(5)  # the abstract says at most 5, the paper's table 2 below 5
_LLDAS_PHGA = Decimal(1)
_LLDAS_PREDNISOLONE = Decimal("7.5")
_LLDAS_SLEDAI = Decimal(4)
# Renal, central nervous, cardiopulmonary activity, vasculitis and fever as SLEDAI-2K items.
MAJOR_ORGANS = frozenset(
    {
        *("seizure", "psychosis", "organic_brain_syndrome", "visual_disturbance", "cranial_nerve"),
        *("lupus_headache", "cva", "vasculitis", "urinary_casts", "haematuria", "proteinuria", "pyuria"),
        *("pleurisy", "pericarditis", "fever"),
    }
)
_UNKNOWN_PHGA = "the physician global assessment on the scale 0–3 is not recorded"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What one day tells. None is not recorded.

    `phga`: on the scale 0–3. `prednisolone`: mg a day, equivalents; `dose_unknown` says why it is None.
    `items`: the SLEDAI-2K items present. `drugs`: the drug-free status of the day.
    """

    sledai: Decimal | None
    clinical_sledai: Decimal | None
    phga: Decimal | None
    prednisolone: Decimal | None
    drugs: DrugFree
    items: Mapping[str, Decimal] | None = None
    has_new_activity: bool | None = None
    has_haemolysis_or_gi: bool | None = None
    dose_unknown: str = "the glucocorticoid dose is not known"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes, no, or cannot be said, and since what."""

    name: str
    state: Literal["yes", "no", "unknown"]
    reasons: tuple[str, ...]
    definition: str

    @property
    def answer(self) -> str:
        return {"yes": "yes", "no": "no", "unknown": "cannot be said"}[self.state]

    @property
    def words(self) -> str:
        return f"{self.answer}, since {'; '.join(self.reasons)}" if self.reasons else self.answer


def _verdict(name: str, definition: str, conditions: list[tuple[bool | None, str]]) -> Verdict:
    """Each condition: whether it is met (None: not known), and the words for its not being so."""
    failed = tuple(words for met, words in conditions if met is False)
    if failed:
        return Verdict(name, "no", failed, definition)
    unknown = tuple(words for met, words in conditions if met is None)
    return Verdict(name, "unknown" if unknown else "yes", unknown, definition)


def _shown(number: Decimal) -> str:
    return f"{number.quantize(Decimal('0.01')).normalize():f}"


def _phga(found: Assessment, *, limit: Decimal, is_below: bool) -> tuple[bool | None, str]:
    if found.phga is None:
        return None, _UNKNOWN_PHGA
    return (
        found.phga < limit if is_below else found.phga <= limit
    ), f"the physician global assessment is {_shown(found.phga)}"


def _dose(found: Assessment, *, limit: Decimal) -> tuple[bool | None, str]:
    if found.prednisolone is None:
        return None, found.dose_unknown
    return found.prednisolone <= limit, f"prednisolone is {_shown(found.prednisolone)} mg a day"


def _doris_conditions(found: Assessment) -> list[tuple[bool | None, str]]:
    if found.clinical_sledai is None:
        clinical: tuple[bool | None, str] = (None, "the clinical SLEDAI is not recorded")
        # Serology alone is at most 4: above it something clinical is active.
        if found.sledai is not None and found.sledai > 4:
            clinical = (False, f"the SLEDAI-2K is {_shown(found.sledai)}")
        elif found.sledai is not None and found.sledai == 0:
            clinical = (True, "")
    else:
        clinical = (found.clinical_sledai == 0, f"the clinical SLEDAI is {_shown(found.clinical_sledai)}")
    return [
        clinical,
        _phga(found, limit=_PHGA_BELOW, is_below=True),
        _dose(found, limit=_DORIS_PREDNISOLONE),
    ]


def doris(found: Assessment) -> Verdict:
    """Whether the day is one of DORIS remission."""
    return _verdict("DORIS remission", DORIS_DEFINITION, _doris_conditions(found))


def drug_free_remission(found: Assessment) -> Verdict:
    """Whether the day is one of DORIS remission without drugs."""
    free = {"yes": True, "no": False, "unknown": None}[found.drugs.state]
    conditions = _doris_conditions(found)[:2]
    return _verdict("Drug-free remission", DRUG_FREE_DEFINITION, [*conditions, (free, found.drugs.why)])


def lldas(found: Assessment) -> Verdict:
    """Whether the day is one of lupus low disease activity."""
    conditions: list[tuple[bool | None, str]] = []
    if found.sledai is None:
        conditions.append((None, "the SLEDAI-2K is not recorded"))
    else:
        conditions.append((found.sledai <= _LLDAS_SLEDAI, f"the SLEDAI-2K is {_shown(found.sledai)}"))
    if found.items is None and found.sledai != 0:
        conditions.append((None, "the items of the SLEDAI-2K are not recorded"))
    elif active := MAJOR_ORGANS & set(found.items or ()):
        named = ", ".join(sorted(key.replace("_", " ") for key in active))
        conditions.append((False, f"a major organ is active: {named}"))
    conditions += [
        _asked(found.has_haemolysis_or_gi, "haemolytic anaemia or gastrointestinal activity"),
        _asked(found.has_new_activity, "new activity since the previous assessment"),
        _phga(found, limit=_LLDAS_PHGA, is_below=False),
        _dose(found, limit=_LLDAS_PREDNISOLONE),
    ]
    return _verdict("LLDAS", LLDAS_DEFINITION, conditions)


def _asked(answer: bool | None, what: str) -> tuple[bool | None, str]:
    if answer is None:
        return None, f"it is not recorded whether there was {what}"
    return not answer, f"there was {what}"
