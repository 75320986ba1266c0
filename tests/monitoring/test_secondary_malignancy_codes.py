"""Diagnosis codes that name a malignancy (rules.md MAL-2, MAL-8)."""

import pytest

from registry.monitoring.malignancy_codes import find_code, list_version
from tests.tables import rows_of


def said_of(code: str, *, code_system: str) -> str:
    hit = find_code(code_system=code_system, code=code)
    return "" if hit is None else f"{hit.certainty} {hit.malignancy_class}"


ICD10 = """
    code    | says
    --------+--------------------------
    B99     |
    C00     | certain solid
    C00.0   | certain solid
    C18.9   | certain solid
    C43.9   | certain solid
    C44     | certain skin_non_melanoma
    C44.311 | certain skin_non_melanoma
    C45.0   | certain solid
    C46.9   | certain solid
    C4A     | certain solid
    C4A.31  | certain solid
    C50.911 | certain solid
    C50911  | certain solid
    c50.9   | certain solid
    C50.9†  | certain solid
    C76.8   | certain solid
    C77.3   | certain solid
    C79.51  | certain solid
    C7A.00  | certain solid
    C7B.8   | certain solid
    c7a.1   | certain solid
    C7A1    | certain solid
    c4a10   | certain solid
    C80     | certain solid
    c809    | certain solid
    C80.1   | certain solid
    C81     | certain lymphoid
    C81.90  | certain lymphoid
    C83.3   | certain lymphoid
    C83.5   | certain t_cell
    C83.51  | certain t_cell
    C83.7   | certain lymphoid
    C84     | certain t_cell
    C84.0   | certain t_cell
    C84.A0  | certain t_cell
    C84.Z9  | certain t_cell
    C85.9   | certain lymphoid
    C86.6   | certain t_cell
    C88.0   | certain lymphoid
    C90.0   | certain lymphoid
    C91.0   | certain lymphoid
    C91.4   | certain lymphoid
    C91.5   | certain t_cell
    C91.50  | certain t_cell
    C91.6   | certain t_cell
    C91.Z0  | certain lymphoid
    C92.0   | certain myeloid
    C93.1   | certain myeloid
    C94.6   | certain myeloid
    C95.9   | certain lymphoid
    C96.9   | certain lymphoid
    C96.Z   | certain lymphoid
    C97     | certain solid
    C98     |
    C99     |
    D00     | certain in_situ
    D03.5   | certain in_situ
    D06.9   | certain in_situ
    D09     | certain in_situ
    D09.9   | certain in_situ
    D10     |
    D22     |
    D36     |
    D36.9   |
    D37     | possible uncertain
    D37.9   | possible uncertain
    D3A.00  |
    D44     | possible uncertain
    D44.9   | possible uncertain
    D45     | certain myeloid
    d45.    | certain myeloid
    D46     | certain myeloid
    D46c    | certain myeloid
    D46.9   | certain myeloid
    D46.C   | certain myeloid
    D47     | possible uncertain
    D47.0   | possible uncertain
    D47.01  | possible uncertain
    D47.1   | certain myeloid
    D47.2   | possible uncertain
    D47.3   | certain myeloid
    D47.4   | certain myeloid
    D47.5   | certain myeloid
    D47.7   | possible uncertain
    D47.9   | possible uncertain
    d471    | certain myeloid
    D472    | possible uncertain
    D47.Z   | possible uncertain
    D47.Z1  | certain lymphoid
    d47z1   | certain lymphoid
    D47Z1   | certain lymphoid
    D47.Z2  | possible uncertain
    D47.Z9  | possible uncertain
    D48     | possible uncertain
    D48.9   | possible uncertain
    D49     | possible uncertain
    D49.2   | possible uncertain
    D49.89  | possible uncertain
    D50     |
    D61.81  |
    D69.6   |
    Z08     |
    Z12.11  |
    Z80.3   |
    Z85     |
    Z85.3   |
    Z86.0   |
    Z87.4   |
    C5      |
    50.9    |
    none    |
"""


@pytest.mark.parametrize("code_system", ["ICD-10", "ICD-10-CM"])
@pytest.mark.parametrize("row", rows_of(ICD10), ids=lambda row: row["code"])
def test_an_icd_10_code_says(row, code_system):  # MAL-2, MAL-8
    assert said_of(row["code"], code_system=code_system) == row["says"]


ICD_O_3 = """
    code          | says
    --------------+--------------------------
    8000/0        |
    8000/1        | possible uncertain
    8000/6        | certain solid
    8000/9        | certain solid
    8070/2        | certain in_situ
    8500/0        |
    8500/1        | possible uncertain
    8500/2        | certain in_situ
    8500/3        | certain solid
    8500/6        | certain solid
    8500/9        | certain solid
    8500/5        |
    85003         | certain solid
    8500 / 3      | certain solid
    m-8140/3      | certain solid
    C42.1 9861/3  | certain myeloid
    8500/4        |
    9700          |
    8500/31       | certain solid
    M-8500/3      | certain solid
    M8500/3       | certain solid
    C50.9 8500/3  | certain solid
    C50.9 8500/0  |
    C44.3 8070/3  | certain skin_non_melanoma
    8070/3        | certain solid
    8089/3        | certain solid
    8090/3        | certain skin_non_melanoma
    8720/3        | certain solid
    9589/3        | certain solid
    9590/3        | certain lymphoid
    9680/3        | certain lymphoid
    9699/3        | certain lymphoid
    9700/3        | certain t_cell
    9702/36       | certain t_cell
    9719/3        | certain t_cell
    9720/3        | certain lymphoid
    9732/3        | certain lymphoid
    9827/3        | certain t_cell
    9831/3        | certain t_cell
    9835/3        | certain lymphoid
    9837/3        | certain t_cell
    9840/3        | certain myeloid
    9861/3        | certain myeloid
    9950/3        | certain myeloid
    9970/1        | possible uncertain
    9971/3        | certain lymphoid
    9989/3        | certain myeloid
    9993/3        | certain myeloid
    C50.9         | possible unspecified
    T1            |
"""


@pytest.mark.parametrize("row", rows_of(ICD_O_3), ids=lambda row: row["code"])
def test_an_icd_o_3_code_says_by_its_behaviour(row):  # MAL-2, MAL-8
    assert said_of(row["code"], code_system="ICD-O-3") == row["says"]


@pytest.mark.parametrize(
    ("code_system", "code"),
    [("MedDRA", "10028533"), ("MedDRA", "C50.9"), ("CTCAE", "10028533"), ("", "C50.9"), ("ICD-10", "")],
)
def test_a_code_of_a_system_without_a_loaded_list_says_nothing(code_system, code):  # MAL-2
    assert said_of(code, code_system=code_system) == ""


def test_a_code_is_shown_as_it_was_entered():  # MAL-11
    hit = find_code(code_system="ICD-10-CM", code=" c50.911 ")

    assert hit is not None
    assert hit.code == "c50.911"


def test_the_list_names_its_version():  # MAL-11
    assert list_version() == "icd10_malignancy 2"
