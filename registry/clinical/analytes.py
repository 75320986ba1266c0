"""The laboratory dictionary: every analyte with its units, conversions and limits.

Source: contract.md section 3 (keys and unit spellings), clinical-reference.md 8.1 (LOINC, limits) and
8.2 (conversions). Hard limits are refused, soft limits are asked about; both are inclusive.

Four analytes have no complete limits in the reference; these were chosen here and await the same signature:
EOS hard 0-200 (eosinophilic leukaemia), soft 0-5; MONO hard 0-200 (monocytic leukaemia), soft 0-3;
IGA and IGM soft 0-10, zero included because B-cell aplasia takes both below detection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Analyte:
    """What is measured, and in which units a laboratory may report it.

    `units`: exact spelling, case counts, to the factor that makes the canonical unit; the first is the
    canonical one. Limits are in the canonical unit. `decimals` is for display only.
    """

    key: str
    name: str
    loinc: str
    canonical_unit: str
    units: Mapping[str, Decimal]
    hard_low: Decimal
    hard_high: Decimal
    soft_low: Decimal | None
    soft_high: Decimal | None
    decimals: int


# Exact spellings, never folded: G/L is giga per litre and g/L is grams per litre.
_CELLS = {
    "10*9/L": "1",
    "10^9/L": "1",
    "10E9/L": "1",
    "G/L": "1",
    "GI/L": "1",
    "10*3/uL": "1",
    "10^3/uL": "1",
    "THOU/uL": "1",
    "K/uL": "1",
    "/uL": "0.001",
    "/\N{MICRO SIGN}L": "0.001",
    "cells/uL": "0.001",
    "/mm3": "0.001",
}
_PLATELETS = {**_CELLS, "10*4/uL": "10"}
_LYMPHOCYTE_SUBSET = {"/uL": "1", "/\N{MICRO SIGN}L": "1", "cells/uL": "1", "10*9/L": "1000"}
_HAEMOGLOBIN = {"g/L": "1", "g/dL": "10", "mmol/L": "16.114"}
_VOLUME = {"fL": "1", "um3": "1"}
_PERCENT = {"%": "1"}
_MASS = {"g/L": "1", "mg/dL": "0.01"}
_ANTIBODY = {"[IU]/mL": "1", "IU/mL": "1"}
_ENZYME = {"U/L": "1", "ukat/L": "60"}
_CREATININE = {"umol/L": "1", "mg/dL": "88.4"}
_UPCR = {"mg/g": "1", "g/g": "1000", "mg/mmol": "8.84"}
_FERRITIN = {"ug/L": "1", "ng/mL": "1"}
_CRP = {"mg/L": "1", "mg/dL": "10"}
_COPIES = {"{copies}/ug": "1", "copies/ug": "1"}


def _analyte(
    key: str,
    name: str,
    loinc: str,
    units: Mapping[str, str],
    *,
    hard: tuple[str, str],
    soft: tuple[str, str] | None,
    decimals: int,
) -> Analyte:
    return Analyte(
        key=key,
        name=name,
        loinc=loinc,
        canonical_unit=next(iter(units)),
        units=MappingProxyType({spelling: Decimal(factor) for spelling, factor in units.items()}),
        hard_low=Decimal(hard[0]),
        hard_high=Decimal(hard[1]),
        soft_low=Decimal(soft[0]) if soft else None,
        soft_high=Decimal(soft[1]) if soft else None,
        decimals=decimals,
    )


# fmt: off
_ALL = (
    _analyte("ANC", "Neutrophils", "751-8", _CELLS, hard=("0", "100"), soft=("0", "15"), decimals=3),
    _analyte("WBC", "White blood cells", "6690-2", _CELLS, hard=("0", "500"), soft=("0.1", "30"), decimals=3),
    _analyte("ALC", "Lymphocytes", "731-0", _CELLS, hard=("0", "300"), soft=("0", "8"), decimals=3),
    _analyte("EOS", "Eosinophils", "711-2", _CELLS, hard=("0", "200"), soft=("0", "5"), decimals=3),
    _analyte("MONO", "Monocytes", "742-7", _CELLS, hard=("0", "200"), soft=("0", "3"), decimals=3),
    _analyte("PLT", "Platelets", "777-3", _PLATELETS, hard=("0", "3000"), soft=("5", "1000"), decimals=1),
    _analyte("HGB", "Haemoglobin", "718-7", _HAEMOGLOBIN, hard=("20", "250"), soft=("50", "190"), decimals=1),
    _analyte("MCV", "Mean cell volume", "787-2", _VOLUME, hard=("50", "150"), soft=("70", "115"), decimals=1),
    _analyte("BLASTS", "Blasts in blood", "26446-5", _PERCENT,
             hard=("0", "100"), soft=("0", "0"), decimals=1),
    _analyte("CD19", "B cells (CD19)", "8116-2", _LYMPHOCYTE_SUBSET,
             hard=("0", "50000"), soft=("0", "1000"), decimals=1),
    _analyte("CD4", "CD4 T cells", "24467-3", _LYMPHOCYTE_SUBSET,
             hard=("0", "10000"), soft=("0", "2500"), decimals=1),
    _analyte("IGG", "Immunoglobulin G", "2465-3", _MASS, hard=("0", "100"), soft=("1", "30"), decimals=2),
    _analyte("IGA", "Immunoglobulin A", "2458-8", _MASS, hard=("0", "100"), soft=("0", "10"), decimals=2),
    _analyte("IGM", "Immunoglobulin M", "2472-9", _MASS, hard=("0", "100"), soft=("0", "10"), decimals=2),
    _analyte("C3", "Complement C3", "4485-9", _MASS, hard=("0", "4"), soft=("0.2", "2.2"), decimals=2),
    _analyte("C4", "Complement C4", "4498-2", _MASS, hard=("0", "2"), soft=("0.01", "0.6"), decimals=3),
    _analyte("FIBRINOGEN", "Fibrinogen", "3255-7", _MASS, hard=("0", "20"), soft=("0.5", "10"), decimals=2),
    _analyte("ANTI_DSDNA", "Anti-dsDNA antibodies", "5130-0", _ANTIBODY,
             hard=("0", "100000"), soft=("0", "5000"), decimals=1),
    _analyte("CK", "Creatine kinase", "2157-6", _ENZYME,
             hard=("0", "300000"), soft=("10", "20000"), decimals=1),
    _analyte("AST", "Aspartate aminotransferase", "1920-8", _ENZYME,
             hard=("0", "50000"), soft=("3", "2000"), decimals=1),
    _analyte("ALT", "Alanine aminotransferase", "1742-6", _ENZYME,
             hard=("0", "50000"), soft=("3", "2000"), decimals=1),
    _analyte("LDH", "Lactate dehydrogenase", "2532-0", _ENZYME,
             hard=("0", "50000"), soft=("3", "2000"), decimals=1),
    _analyte("CREATININE", "Creatinine", "2160-0", _CREATININE,
             hard=("10", "2000"), soft=("25", "800"), decimals=1),
    _analyte("UPCR", "Urine protein/creatinine ratio", "2890-2", _UPCR,
             hard=("0", "30000"), soft=("0", "10000"), decimals=1),
    _analyte("FERRITIN", "Ferritin", "2276-4", _FERRITIN,
             hard=("0", "200000"), soft=("1", "20000"), decimals=1),
    _analyte("CRP", "C-reactive protein", "1988-5", _CRP, hard=("0", "700"), soft=("0", "300"), decimals=1),
    _analyte("CAR_DNA", "CAR transgene", "LOCAL:CAR-DNA", _COPIES,
             hard=("0", "10000000"), soft=None, decimals=1),
)
# fmt: on

ANALYTES: Mapping[str, Analyte] = MappingProxyType({analyte.key: analyte for analyte in _ALL})
