"""DORIS, LLDAS and drug-free remission: yes, no, or cannot be said, and since what."""

from decimal import Decimal

import pytest

from registry.clinical.remission import Assessment, doris, drug_free_remission, lldas
from registry.clinical.treatments import DrugFree

FREE = DrugFree("yes", "no such drug is recorded")
NOT_FREE = DrugFree("no", "prednisolone was taken on 1 Mar 2024")
UNKNOWN = DrugFree("unknown", "of azathioprine the start or stop is known only in part")


def assessed(**facts):
    found = {
        "sledai": Decimal(0),
        "clinical_sledai": Decimal(0),
        "phga": Decimal(0),
        "prednisolone": Decimal(0),
        "drugs": FREE,
        "items": {},
        "has_new_activity": False,
        "has_haemolysis_or_gi": False,
    }
    numbers = ("sledai", "clinical_sledai", "phga", "prednisolone")
    given = {k: Decimal(v) if k in numbers and v is not None else v for k, v in facts.items()}
    return Assessment(**{**found, **given})


DORIS = [
    ({}, "yes"),
    ({"clinical_sledai": "1"}, "no"),
    ({"phga": "0.4"}, "yes"),
    ({"phga": "0.5"}, "no"),
    ({"prednisolone": "5"}, "yes"),
    ({"prednisolone": "5.1"}, "no"),
    ({"clinical_sledai": None}, "yes"),  # SLEDAI-2K of 0 has no clinical item
    ({"clinical_sledai": None, "sledai": "4"}, "unknown"),  # perhaps serology alone
    ({"clinical_sledai": None, "sledai": "5"}, "no"),
    ({"clinical_sledai": None, "sledai": None}, "unknown"),
    ({"phga": None}, "unknown"),
    ({"prednisolone": None}, "unknown"),
    ({"prednisolone": None, "phga": "2"}, "no"),  # one condition failed is a no, whatever is missing
    ({"sledai": "4", "items": {"low_complement": 2, "dna_binding": 2}}, "yes"),  # serology irrelevant
    ({"drugs": NOT_FREE}, "yes"),  # stable drugs are allowed
]


@pytest.mark.parametrize(("facts", "state"), DORIS)
def test_doris_remission(facts, state):
    assert doris(assessed(**facts)).state == state


LLDAS = [
    ({}, "yes"),
    ({"sledai": "4", "items": {"arthritis": 4}}, "yes"),
    ({"sledai": "5", "items": {"arthritis": 4, "fever": 1}}, "no"),
    ({"sledai": "4", "items": {"proteinuria": 4}}, "no"),  # a major organ
    ({"sledai": "1", "items": {"fever": 1}}, "no"),
    ({"sledai": "2", "items": None}, "unknown"),
    ({"sledai": "0", "items": None}, "yes"),
    ({"sledai": None, "items": None}, "unknown"),
    ({"phga": "1"}, "yes"),
    ({"phga": "1.1"}, "no"),
    ({"phga": None}, "unknown"),
    ({"prednisolone": "7.5"}, "yes"),
    ({"prednisolone": "7.6"}, "no"),
    ({"has_new_activity": True}, "no"),
    ({"has_new_activity": None}, "unknown"),
    ({"has_haemolysis_or_gi": True}, "no"),
    ({"has_haemolysis_or_gi": None}, "unknown"),
]


@pytest.mark.parametrize(("facts", "state"), LLDAS)
def test_low_disease_activity(facts, state):
    assert lldas(assessed(**facts)).state == state


DRUG_FREE = [
    ({}, "yes"),
    ({"drugs": NOT_FREE}, "no"),
    ({"drugs": UNKNOWN}, "unknown"),
    ({"drugs": UNKNOWN, "clinical_sledai": "2"}, "no"),
    ({"phga": None}, "unknown"),
]


@pytest.mark.parametrize(("facts", "state"), DRUG_FREE)
def test_remission_without_drugs(facts, state):
    assert drug_free_remission(assessed(**facts)).state == state


def test_an_answer_says_since_what():
    found = doris(assessed(phga=None, prednisolone=None))

    assert found.words == (
        "cannot be said, since the physician global assessment on the scale 0–3 is not recorded;"
        " the glucocorticoid dose is not known"
    )
    assert doris(assessed(prednisolone="12.5")).words == "no, since prednisolone is 12.5 mg a day"
    assert doris(assessed()).words == "yes"
