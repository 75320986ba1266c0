"""What the two rules about low counts share in words: lineage, limit, support, recovery (CYT-1 to CYT-4)."""

from registry.clinical.analytes import ANALYTES
from registry.web.officer.wording.told import Told, plain, with_unit

_LIMIT_OF = {
    "ANC": "neutrophils_low_below_10e9_per_l",
    "PLT": "platelets_low_below_10e9_per_l",
    "HGB": "haemoglobin_low_below_g_per_l",
}
# A limit of 1.0 is spoken as the labels print it; 50 and 80 have no decimals.
_LEAST_DECIMALS = {"ANC": 1, "PLT": 0, "HGB": 0}


def lineage(told: Told) -> str:
    return told.text("lineage")


def were(told: Told) -> str:
    """`Neutrophils were`, `Haemoglobin was`."""
    return f"{ANALYTES[lineage(told)].name} {'was' if lineage(told) == 'HGB' else 'were'}"


def low_limit(told: Told) -> str:
    """The limit with its unit: `1.0 ×10⁹/L`."""
    text = plain(told.limit("counts", _LIMIT_OF[lineage(told)]))
    if "." not in text and _LEAST_DECIMALS[lineage(told)]:
        text += ".0"
    return with_unit(text, lineage(told))


def recovery(told: Told) -> str:
    """What proves a recovery: `3 counts in a row at or above 1.0 ×10⁹/L, none of them within …`."""
    count = told.limit("counts", "recovery_days_count")
    return (
        f"a recovery ({count} counts in a row at or above {low_limit(told)}, none on the day of or "
        f"{_support(told)})"
    )


def _support(told: Told) -> str:
    def within(name: str) -> str:
        return f"within {told.limit('counts', name)} days after"

    if lineage(told) == "ANC":
        return (
            f"{within('g_csf_hides_days')} short-acting G-CSF or "
            f"{within('peg_g_csf_hides_days')} pegylated G-CSF"
        )
    if lineage(told) == "PLT":
        return (
            f"{within('platelet_transfusion_hides_days')} a platelet transfusion or "
            f"{within('tpo_ra_hides_days')} a thrombopoietin-receptor agonist"
        )
    return f"{within('rbc_transfusion_hides_days')} a red-cell transfusion"


def grade_words(grade: str) -> str:
    """`3-4` as `grade 3 to 4`."""
    return f"grade {grade.replace('-', ' to ')}"
