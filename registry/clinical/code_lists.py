"""The codes a record may hold and the words people read for them, in the order pages show them.

Source: contract.md section 3; score ranges clinical-reference.md section 6. Models, forms, imports and
checks take their lists from here, so a code is spelled once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

CodeList = Mapping[str, str]


def _codes(**labels: str) -> CodeList:
    return MappingProxyType(labels)


SEXES: CodeList = _codes(F="Female", M="Male", U="Not known")

DIAGNOSES: CodeList = _codes(
    SLE="Systemic lupus erythematosus",
    IIM="Idiopathic inflammatory myopathy",
    SSC="Systemic sclerosis",
    OTHER="Other autoimmune disease",
)

COHORTS: CodeList = _codes(CAR_T="CAR T-cell therapy", COMPARATOR="Comparator")

END_REASONS: CodeList = _codes(
    death="Death",
    withdrawal="Withdrawal of consent",
    lost="Lost to follow-up",
    transfer="Transfer out of the study",
    completed="Follow-up completed",
)

ORGANS: CodeList = _codes(
    skin="Skin",
    joint="Joints",
    kidney="Kidney",
    heart="Heart",
    lung="Lung",
    muscle="Muscle",
    gi="Gastrointestinal tract",
    cns="Central nervous system",
    blood="Blood",
)

TARGETS: CodeList = MappingProxyType(
    {"CD19": "CD19", "CD19-BCMA": "CD19 and BCMA", "BCMA": "BCMA", "OTHER": "Other target"}
)

SOURCES: CodeList = _codes(autologous="Autologous", allogeneic="Allogeneic")

VECTORS: CodeList = MappingProxyType(
    {
        "lentiviral": "Lentiviral",
        "gammaretroviral": "Gammaretroviral",
        "non-integrating": "Non-integrating",
        "other": "Other",
    }
)

VISIT_STATUSES: CodeList = _codes(completed="Completed", missed="Missed")

MODES: CodeList = _codes(on_site="On site", remote="Remote", either="On site or remote")

OFFSET_UNITS: CodeList = _codes(day="Days", month="Months")

SUPPORT_KINDS: CodeList = _codes(
    rbc_transfusion="Red-cell transfusion",
    platelet_transfusion="Platelet transfusion",
    g_csf="G-CSF, short-acting",
    peg_g_csf="G-CSF, pegylated",
    tpo_ra="Thrombopoietin-receptor agonist",
)

EVENT_CATEGORIES: CodeList = _codes(
    crs="Cytokine release syndrome (CRS)",
    icans="Neurotoxicity (ICANS)",
    cytopenia="Cytopenia",
    infection="Infection",
    licats="Local toxicity in an affected organ (LICATS)",
    iec_hs="Haemophagocytic syndrome (IEC-HS)",
    hypogammaglobulinaemia="Hypogammaglobulinaemia",
    malignancy="Malignancy",
    other="Other",
)

CODE_SYSTEMS: CodeList = MappingProxyType(
    {
        "MedDRA": "MedDRA",
        "ICD-10": "ICD-10",
        "ICD-10-CM": "ICD-10-CM",
        "ICD-O-3": "ICD-O-3",
        "CTCAE": "CTCAE",
    }
)

GRADE_SCALES: CodeList = MappingProxyType(
    {
        "CTCAE-5": "CTCAE v5.0",
        "CTCAE-6": "CTCAE v6.0",
        "ASTCT": "ASTCT (CRS and ICANS)",
        "ICAHT": "ICAHT (haematological toxicity)",
        "LICATS": "LICATS",
    }
)

GRADES: CodeList = MappingProxyType({str(grade): f"Grade {grade}" for grade in range(1, 6)})

SERIOUSNESS: CodeList = _codes(
    death="Death",
    life_threatening="Life-threatening",
    hospitalisation="Hospitalisation or its prolongation",
    disability="Persistent or significant disability",
    congenital="Congenital anomaly or birth defect",
    important="Important medical event",
)

RELATEDNESS: CodeList = _codes(
    certain="Certain",
    probable="Probable",
    possible="Possible",
    unlikely="Unlikely",
    conditional="Conditional, more information expected",
    unassessable="Unassessable",
)

SCORES: CodeList = MappingProxyType(
    {
        "SLEDAI-2K": "SLEDAI-2K",
        "CSLEDAI": "Clinical SLEDAI",
        "PHGA": "Physician global assessment",
        "MRSS": "Modified Rodnan skin score",
        "EUSTAR": "EUSTAR revised activity index",
        "MMT8": "Manual muscle test, 8 muscles",
        "TIS": "Total improvement score",
        "HAQ-DI": "HAQ disability index",
    }
)


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """The lowest and highest value a score can take, and whether it is a whole number."""

    low: Decimal
    high: Decimal
    is_whole: bool = False


# PHGA reaches 10 because sites use the 0-10 scale as well as the 0-3 one; MMT8 150 is the bilateral form.
SCORE_RANGES: Mapping[str, ScoreRange] = MappingProxyType(
    {
        "SLEDAI-2K": ScoreRange(Decimal(0), Decimal(105), is_whole=True),
        "CSLEDAI": ScoreRange(Decimal(0), Decimal(101), is_whole=True),
        "PHGA": ScoreRange(Decimal(0), Decimal(10)),
        "MRSS": ScoreRange(Decimal(0), Decimal(51), is_whole=True),
        "EUSTAR": ScoreRange(Decimal(0), Decimal(10)),
        "MMT8": ScoreRange(Decimal(0), Decimal(150)),
        "TIS": ScoreRange(Decimal(0), Decimal(100)),
        "HAQ-DI": ScoreRange(Decimal(0), Decimal(3)),
    }
)

# ISO 3166-1 alpha-2, as published in the time zone database. GB, not UK.
_ISO_3166 = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT "
    "BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH "
    "ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT "
    "HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS "
    "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
    "NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG "
    "SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG "
    "UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES: frozenset[str] = frozenset(_ISO_3166.split())

# Characters. Long enough for any honest record, short enough that one cell cannot fill a page or a disk.
TEXT_LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "patient_id": 40,
        "site_id": 40,
        "product_id": 40,
        "event_id": 60,
        "visit_code": 40,
        "name": 200,
        "manufacturer": 200,
        "lot": 80,
        "lymphodepletion": 200,
        "cause_of_death": 1_000,
        "missed_reason": 500,
        "new_malignancy_text": 4_000,
        "term": 500,
        "code": 20,
        "outcome": 200,
        "narrative": 20_000,
    }
)
