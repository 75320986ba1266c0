"""Short forms of analytes as people write them."""

import pytest

from registry.clinical.analytes import ANALYTES
from registry.clinical.short_names import name_in_short, short_name

NAMES = """
    key        | beside its name | alone
    -----------+-----------------+----------------------
    ANC        | ANC             | ANC
    HGB        | HGB             | HGB
    IGG        | IgG             | IgG
    CK         | CK              | CK
    CREATININE |                 | Creatinine
    FERRITIN   |                 | Ferritin
    CD19       |                 | CD19
    C3         |                 | C3
    ANTI_DSDNA |                 | Anti-dsDNA antibodies
    CAR_DNA    |                 | CAR transgene
    BLASTS     |                 | Blasts in blood
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in NAMES.strip().splitlines()[2:]]


@pytest.mark.parametrize(("key", "beside", "alone"), ROWS)
def test_an_analyte_is_shortened_as_people_do(key, beside, alone):
    assert (short_name(key), name_in_short(key)) == (beside, alone)


@pytest.mark.parametrize("key", ANALYTES)
def test_no_short_form_is_technical(key):
    assert "_" not in short_name(key) + name_in_short(key)
