"""`load_dictionary meddra DIR`: a licensed dictionary comes in whole or not at all (MAL-2)."""

import json

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from registry.access.scope import EVERYTHING, acting
from registry.models import (
    AdverseEventFollowUp,
    AuditEvent,
    DictionaryTerm,
    DictionaryVersion,
    WaitingEvaluation,
)
from registry.queries.dictionaries import version_in_force
from tests.exchange.invented_meddra import CONTENT, SMQS, TERMS, replace_line, write_dictionary
from tests.factories import NIGHT, make_event, make_patient

FILES = {
    "soc.asc": 1,
    "hlgt.asc": 1,
    "hlt.asc": 1,
    "pt.asc": 9,
    "llt.asc": 12,
    "mdhier.asc": 9,
    "smq_list.asc": 8,
    "smq_content.asc": 18,
}


@pytest.fixture
def load(db, capsys):
    """`load(directory)`: what the command answers with, and whether it was content."""

    def run(directory, fails=False):
        if fails:
            with pytest.raises(SystemExit) as left:
                call_command("load_dictionary", "meddra", str(directory), "--json")
            assert left.value.code == 1
        else:
            call_command("load_dictionary", "meddra", str(directory), "--json")
        return json.loads(capsys.readouterr().out)

    return run


def groups_of(code):
    term = DictionaryTerm.objects.get(version__is_in_force=True, code=code)
    return {(name.removesuffix(" (SMQ)"), scope) for _, name, scope in term.groups}


def test_a_dictionary_is_loaded_with_its_counts(load, tmp_path):
    said = load(write_dictionary(tmp_path))

    assert said == {
        "dictionary": "meddra",
        "version": "27.0",
        "name": "MedDRA 27.0",
        "in_force": "MedDRA 27.0",
        "created": FILES,
        "unchanged": dict.fromkeys(FILES, 0),
        "smqs": 8,
        "malignancy_codes": {"certain": 7, "possible": 3},
        "patients_to_judge": 0,
        "error_count": 0,
        "errors": [],
    }
    # A PT is its own LLT: one row.
    assert DictionaryTerm.objects.count() == 3 + 9 + 3
    assert version_in_force(dictionary="meddra") == "MedDRA 27.0"


def test_nothing_is_in_force_before_anything_is_loaded(db):
    assert version_in_force(dictionary="meddra") == ""


def test_a_term_keeps_the_path_to_its_system_organ_class(load, tmp_path):
    load(write_dictionary(tmp_path))

    term = DictionaryTerm.objects.get(code="90000012")

    assert (term.level, term.name, term.pt_code, term.is_current) == (
        "LLT",
        "Marrow wanderers, old name",
        "90000001",
        False,
    )
    assert (term.hlt_code, term.hlgt_code, term.soc_code) == ("80000003", "80000002", "80000001")


def test_sub_smqs_are_opened_up_and_the_scope_is_kept(load, tmp_path):
    load(write_dictionary(tmp_path))

    assert groups_of("90000011") == {
        ("Malignancies", "narrow"),
        ("Malignant tumours", "narrow"),
        ("Haematological malignant tumours", "narrow"),
    }
    assert groups_of("90000008") == {
        ("Malignancies", "broad"),
        ("Malignant tumours", "broad"),
        ("Haematological malignant tumours", "broad"),
        ("Myelodysplastic syndrome", "broad"),
    }
    # Its entry in the haematological tumours is no longer active.
    assert groups_of("90000006") == {("Hiccups of all kinds", "narrow")}


def test_the_llts_of_a_pt_go_with_it_where_the_smq_does_not_list_them(load, tmp_path):
    load(write_dictionary(tmp_path))

    assert groups_of("90000016") == {("Hiccups of all kinds", "narrow")}


def test_a_sub_smq_held_as_broad_is_broad_with_all_it_holds(load, tmp_path):
    content = CONTENT.replace("20000194 20000227 0 0 A", "20000194 20000227 0 1 A")
    load(write_dictionary(tmp_path, content=content))

    assert groups_of("90000001") == {
        ("Malignancies", "broad"),
        ("Malignant tumours", "broad"),
        ("Haematological malignant tumours", "narrow"),
    }


def test_an_inactive_smq_holds_nothing(load, tmp_path):
    write_dictionary(tmp_path)
    replace_line(tmp_path, "smq_list.asc", number=3, old="$A$N$", new="$I$N$")

    load(tmp_path)

    assert DictionaryTerm.objects.get(code="90000001").groups == []


def test_loading_the_same_files_again_changes_nothing(load, tmp_path):
    load(write_dictionary(tmp_path))
    events, loaded_at = AuditEvent.objects.count(), DictionaryVersion.objects.get().loaded_at

    said = load(tmp_path)

    assert (said["created"], said["unchanged"]) == (dict.fromkeys(FILES, 0), FILES)
    assert DictionaryVersion.objects.get().loaded_at == loaded_at
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    ("first", "second", "in_force"),
    [
        ("26.1", "27.0", "MedDRA 27.0"),
        ("9.1", "10.0", "MedDRA 10.0"),
        ("27.0", "26.1", "MedDRA 27.0"),
    ],
)
def test_the_highest_version_is_the_one_in_force_and_the_others_stay(load, tmp_path, first, second, in_force):
    load(write_dictionary(tmp_path / "a", version=first))

    said = load(write_dictionary(tmp_path / "b", version=second))

    assert (said["version"], said["in_force"], version_in_force(dictionary="meddra")) == (
        second,
        in_force,
        in_force,
    )
    assert set(DictionaryVersion.objects.values_list("version", flat=True)) == {first, second}
    assert DictionaryTerm.objects.filter(code="90000001").count() == 2


def test_other_files_under_the_same_number_are_a_correction_and_come_into_force(load, tmp_path):
    load(write_dictionary(tmp_path / "a"))

    said = load(write_dictionary(tmp_path / "b", terms=TERMS.replace("hiccup", "hiccough")))

    assert said["in_force"] == "MedDRA 27.0 (2)"


def test_older_distributions_are_in_latin_1_and_newer_ones_in_utf_8(load, tmp_path):
    terms = TERMS.replace("Invented hiccup", "Ménière of the knee")
    load(write_dictionary(tmp_path / "a", terms=terms, encoding="latin-1", line_end="\r\n"))
    load(write_dictionary(tmp_path / "b", terms=terms, version="27.1", encoding="utf-8-sig"))

    names = set(DictionaryTerm.objects.filter(code="90000006").values_list("name", flat=True))

    assert names == {"Ménière of the knee"}


def test_the_files_may_lie_in_the_folder_in_which_they_are_distributed(load, tmp_path):
    write_dictionary(tmp_path / "MedAscii")
    for path in (tmp_path / "MedAscii").iterdir():
        path.rename(path.with_name(path.name.upper()))

    assert load(tmp_path)["version"] == "27.0"


MALFORMED = [
    ("pt.asc", 2, "90000002$", "9000000x$", "pt_code", "9000000x cannot be read.", "digits"),
    ("pt.asc", 2, "Lumps of the left ear", "", "pt_name", "pt_name is empty.", "name"),
    ("pt.asc", 2, "90000002", "90000001", "pt_code", "90000001 is there twice.", "once"),
    ("pt.asc", 1, "80000001", "80000009", "pt_soc_code", "80000009 is not in soc.asc.", "soc.asc"),
    ("llt.asc", 10, "90000001", "90000077", "pt_code", "90000077 is not in pt.asc.", "pt.asc"),
    ("llt.asc", 10, "$Y$", "$maybe$", "llt_currency", "maybe cannot be read.", "Y or N"),
    ("mdhier.asc", 1, "80000003$80000002", "80000003$80000003", "hlgt_code", "not in hlgt.asc", "hlgt.asc"),
    ("smq_list.asc", 1, "$27.0$", "$twenty$", "meddra_version", "twenty cannot be read.", "27.1"),
    ("smq_content.asc", 6, "20000227$", "20000228$", "smq_code", "20000228 is not an SMQ", "smq_list.asc"),
    ("smq_content.asc", 6, "90000001$", "90000099$", "term_code", "90000099 is not a term", "pt.asc"),
    ("smq_content.asc", 6, "$4$2$", "$3$2$", "term_level", "3 cannot be read.", "5 (lowest"),
    ("smq_content.asc", 6, "$4$2$", "$4$narrow$", "term_scope", "narrow cannot be read.", "2 (narrow)"),
    ("smq_content.asc", 6, "$0$A$", "$0$Z$", "term_status", "Z cannot be read.", "I (inactive)"),
    ("smq_content.asc", 6, "$4$2$A$0$A$20.0$27.0$", "", "", "The line has 2 fields.", "9 fields"),
    ("smq_content.asc", 4, "20000227$0", "20000090$0", "smq_code", "holds itself", "hierarchy"),
]


@pytest.mark.parametrize(("file", "line", "old", "new", "column", "problem", "accepted"), MALFORMED)
def test_what_is_malformed_is_refused_with_its_place_and_nothing_is_stored(
    load, tmp_path, file, line, old, new, column, problem, accepted
):
    write_dictionary(tmp_path)
    replace_line(tmp_path, file, number=line, old=old, new=new)

    said = load(tmp_path, fails=True)

    first = next(error for error in said["errors"] if error["file"] == file)
    assert first["column"] == column
    assert problem in first["problem"]
    assert accepted in first["accepted"]
    if "holds itself" not in problem:
        assert first["line"] == line
    assert said["error_count"] == len(said["errors"]) > 0
    assert not DictionaryVersion.objects.exists()
    assert not DictionaryTerm.objects.exists()


@pytest.mark.parametrize("file", FILES)
def test_a_missing_or_an_empty_file_is_refused_by_name(load, tmp_path, file):
    write_dictionary(tmp_path / "a")
    (tmp_path / "a" / file).unlink()
    write_dictionary(tmp_path / "b")
    (tmp_path / "b" / file).write_text("")

    missing, empty = load(tmp_path / "a", fails=True), load(tmp_path / "b", fails=True)

    assert [(e["file"], e["problem"]) for e in missing["errors"]] == [(file, "The file is missing.")]
    assert (file, "The file is empty.") in [(e["file"], e["problem"]) for e in empty["errors"]]


def test_a_directory_that_is_not_there_is_refused(load, tmp_path):
    assert load(tmp_path / "nowhere", fails=True)["error_count"] == len(FILES)


def test_in_words_an_error_says_where_what_and_what_would_be_taken(db, tmp_path, capsys):
    write_dictionary(tmp_path)
    replace_line(tmp_path, "pt.asc", number=2, old="90000002$", new="9000000x$")

    with pytest.raises(SystemExit):
        call_command("load_dictionary", "meddra", str(tmp_path))

    said = capsys.readouterr().err
    assert "pt.asc:2:pt_code 9000000x cannot be read. A code of up to 10 digits." in said
    assert "Nothing was stored." in said


def test_in_words_a_load_says_what_it_did_and_what_it_means(db, tmp_path, capsys):
    call_command("load_dictionary", "meddra", str(write_dictionary(tmp_path)))

    said = capsys.readouterr()
    assert "MedDRA 27.0 loaded; in force: MedDRA 27.0" in said.out
    assert "malignancy codes: 7 certain, 3 possible" in said.out
    assert said.err == ""


def test_a_dictionary_without_a_malignancy_list_is_loaded_with_a_warning(db, tmp_path, capsys):
    smqs = SMQS.replace("20000090 Malignancies", "20000090 Inventions")
    content = "\n".join(line for line in CONTENT.splitlines() if line.strip().startswith("29000005"))
    write_dictionary(tmp_path, smqs=smqs, content=content)

    call_command("load_dictionary", "meddra", str(tmp_path))

    assert "its codes will raise nothing" in capsys.readouterr().err


def waiting():
    return set(WaitingEvaluation.objects.values_list("patient_id", flat=True))


def test_everybody_with_an_event_coded_in_meddra_waits_to_be_judged_again(load, tmp_path, site):
    by_event, by_follow_up, by_other, _nobody = (make_patient(site=site) for _ in range(4))
    make_event(patient=by_event, code_system="MedDRA", code="90000006")
    event = make_event(patient=by_follow_up)
    AdverseEventFollowUp.objects.create(
        event=event,
        patient=by_follow_up,
        number=1,
        reported_on=NIGHT.date(),
        code_system="MedDRA",
        code="90000006",
        entered_at=NIGHT,
        origin="form",
    )
    make_event(patient=by_other, code_system="ICD-10", code="R06.6")
    WaitingEvaluation.objects.all().delete()

    said = load(write_dictionary(tmp_path))

    assert waiting() == {by_event.pk, by_follow_up.pk}
    assert said["patients_to_judge"] == 2

    WaitingEvaluation.objects.all().delete()
    load(tmp_path)
    load(write_dictionary(tmp_path / "older", version="26.0"))
    assert waiting() == set(), "nothing in force changed"


def test_what_was_loaded_cannot_be_changed_by_the_application(load, tmp_path):
    load(write_dictionary(tmp_path))

    for statement in (
        "UPDATE registry_dictionaryterm SET name = 'Hiccup'",
        "DELETE FROM registry_dictionaryterm",
        "DELETE FROM registry_dictionaryversion",
    ):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            acting(rows=EVERYTHING),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
