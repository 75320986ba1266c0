"""What membership in the SMQs of a loaded MedDRA says (MAL-2, MAL-8). Terms and codes are invented."""

import pytest

from registry.clinical.meddra import DictionaryEntry, DictionaryGroup
from registry.monitoring import malignancy_codes
from registry.monitoring.evidence import EventReport
from registry.monitoring.malignancy_codes import find_code
from tests.monitoring.test_secondary_malignancy import event, findings, history, only
from tests.tables import rows_of

MALIGNANCIES = "20000090 Malignancies (SMQ)"
MALIGNANT = "20000194 Malignant tumours (SMQ)"
OF_THE_BLOOD = "20000227 Haematological malignant tumours (SMQ)"


def group(written: str, scope: str) -> DictionaryGroup:
    code, _, name = written.partition(" ")
    return DictionaryGroup(code, name, scope)


def entry(*groups: str, scope: str = "narrow", term: str = "Ear thing") -> DictionaryEntry:
    return DictionaryEntry("MedDRA 27.0", term, tuple(group(written, scope) for written in groups))


def coded(term: str, of: DictionaryEntry | None, **facts):
    return event(term, code_system="MedDRA", code="90000001", entry=of, **facts)


SMQS = """
    smq                                                  | narrow               | broad
    -----------------------------------------------------+----------------------+---------------------
    Malignancies                                         | certain unspecified  | possible unspecified
    MALIGNANCIES (SMQ)                                   | certain unspecified  | possible unspecified
    Malignant or unspecified tumours                     | certain unspecified  | possible unspecified
    Malignant tumours                                    | certain unspecified  | possible unspecified
    Haematological malignant tumours                     | certain lymphoid     | possible lymphoid
    Non-haematological malignant tumours                 | certain solid        | possible solid
    Malignant lymphomas                                  | certain lymphoid     |
    Myelodysplastic syndrome                             | certain myeloid      |
    Blood premalignant disorders                         | possible uncertain   |
    Tumours of unspecified malignancy                    | possible uncertain   | possible uncertain
    Haematological tumours of unspecified malignancy     | possible uncertain   | possible uncertain
    Malignancy related conditions                        | possible unspecified | possible unspecified
    Malignancy related therapeutic and diagnostic procedures | possible unspecified | possible unspecified
    Tumour markers                                       | possible unspecified | possible unspecified
    Haematopoietic cytopenias                            |                      |
    Hepatic disorders                                    |                      |
"""


@pytest.mark.parametrize("scope", ["narrow", "broad"])
@pytest.mark.parametrize("row", rows_of(SMQS), ids=lambda row: row["smq"])
def test_a_member_of_an_smq_says(row, scope):  # MAL-2
    hit = find_code(code_system="MedDRA", code="90000001", groups=[group(f"29999999 {row['smq']}", scope)])

    assert ("" if hit is None else f"{hit.certainty} {hit.malignancy_class}") == row[scope]


def test_in_another_language_the_top_lists_are_known_by_their_code():  # MAL-2
    hit = find_code(
        code_system="MedDRA", code="1", groups=[group("20000090 Tumeurs malignes (SMQ)", "narrow")]
    )

    assert hit is not None
    assert (hit.certainty, hit.malignancy_class) == ("certain", "unspecified")


def test_the_more_particular_smq_decides():  # MAL-8
    procedures = "29000002 Malignancy related therapeutic and diagnostic procedures (SMQ)"

    found = [
        only(history(coded("ear thing", entry(*groups)))).certainty
        for groups in ([MALIGNANCIES, procedures], [MALIGNANCIES, MALIGNANT, OF_THE_BLOOD])
    ]

    assert found == ["possible", "certain"]


def test_low_blood_counts_in_the_broad_scope_of_myelodysplasia_raise_nothing():  # MAL-2
    broad = entry("29000004 Myelodysplastic syndrome (SMQ)", scope="broad")

    assert findings(history(coded("low blood", broad))) == ()


def test_without_a_loaded_dictionary_a_code_says_nothing_and_its_term_is_read():  # MAL-2
    assert findings(history(coded("ear thing", None))) == ()
    assert only(history(coded("lymphoma of the ear", None))).certainty == "possible"


def test_a_code_of_another_system_is_not_looked_up():
    assert find_code(code_system="CTCAE", code="1", groups=[group(MALIGNANCIES, "narrow")]) is None


CLASSES = """
    words                         | dictionary term            | smq            | class
    ------------------------------+----------------------------+----------------+--------------------
    ear thing                     | Ear thing                  | blood          | lymphoid
    acute myeloid leukaemia       | Ear thing                  | blood          | myeloid
    ear thing                     | Acute myeloid leukaemia    | blood          | myeloid
    ear thing                     | Peripheral T-cell lymphoma | blood          | t_cell
    breast cancer                 | Ear thing                  | blood          | lymphoid
    ear thing                     | Ear thing                  | solid          | solid
    basal cell carcinoma          | Ear thing                  | solid          | skin_non_melanoma
    ear thing                     | Ear thing                  | malignant      | unspecified
    breast cancer                 | Ear thing                  | malignant      | solid
"""
OF_CLASSES = {
    "blood": OF_THE_BLOOD,
    "solid": "29000001 Non-haematological malignant tumours (SMQ)",
    "malignant": MALIGNANT,
}


@pytest.mark.parametrize("row", rows_of(CLASSES), ids=lambda row: f"{row['words']}, {row['dictionary term']}")
def test_words_say_the_class_more_exactly_than_the_smq(row):  # MAL-8
    of = entry(MALIGNANCIES, OF_CLASSES[row["smq"]], term=row["dictionary term"])

    found = only(history(coded(row["words"], of)))

    assert (found.certainty, found.evidence["class"]) == ("certain", row["class"])


def test_the_dictionary_that_spoke_is_named_in_the_evidence():  # MAL-11
    versions = only(history(coded("ear thing", entry(MALIGNANCIES)))).evidence["list_version"]

    assert versions.endswith(f"{malignancy_codes.smq_list_version()}, MedDRA 27.0")


def test_a_dictionary_that_said_nothing_is_not_named():  # MAL-11
    found = only(history(coded("lymphoma of the ear", entry("29000005 Hiccups (SMQ)"))))

    assert "MedDRA" not in found.evidence["list_version"]


def test_a_follow_up_may_bring_the_code():  # MAL-1
    later = EventReport(code_system="MedDRA", code="90000001", entry=entry(MALIGNANCIES))

    found = only(history(event("ear thing", follow_ups=(later,))))

    assert (found.certainty, found.evidence["matched"]) == ("certain", ["90000001"])


def test_uncertain_words_make_a_narrow_member_possible():  # MAL-5
    assert only(history(coded("possible lymphoma", entry(MALIGNANCIES)))).certainty == "possible"
