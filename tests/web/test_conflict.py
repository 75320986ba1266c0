"""Two people and one visit, settled thing by thing: what was there, what was typed, what is recorded."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.models import LabResult, Visit
from tests import factories
from tests.tables import rows_of
from tests.web.scene import both, visit_data


@pytest.fixture
def record(as_user, coordinator, scene):
    def recorded(anc="2.0"):
        as_user(coordinator).post(address(scene.patient), visit_data(**{"lab-ANC-value": anc}))
        return Visit.objects.get(patient=scene.patient, code="M6")

    return recorded


@pytest.fixture
def recorded(record):
    return record()


def address(patient):
    return f"/patients/{patient.public_id}/visits/M6/"


def change(visit, *, anc, base, version, **typed):
    result = LabResult.objects.get(visit=visit, analyte="ANC", superseded_at__isnull=True)
    said = {"status": "took place", "visited_on": "30 Aug 2024", "new_malignancy": "no"}
    return visit_data(
        **{
            "version": str(version),
            "reason": "read again",
            "base": json.dumps(said | ({"lab-ANC": f"{base} ×10⁹/L"} if base else {})),
            "lab-ANC-value": anc,
            "lab-ANC-result": str(result.pk),
            **typed,
        }
    )


SETTLED = """
    opened with | typed | recorded | asked | stands then
    ------------+-------+----------+-------+------------
    2.0         | 2.0   | 2.4      | no    | 2.4
    2.0         | 2.6   | 2.0      | no    | 2.6
    2.0         | 2.6   | 2.4      | yes   |
    2.0         | 2.4   | 2.4      | no    | 2.4
    2.0         | 2,4   | 2.4      | no    | 2,4
    2.0         |       | 2.4      | yes   |
    2.0         |       | 2.0      | no    |
                | 2.6   | 2.4      | yes   |
                |       | 2.4      | no    | 2.4
"""


@pytest.mark.parametrize("row", rows_of(SETTLED), ids=lambda row: "/".join(row.values()))
def test_what_only_one_changed_is_taken_and_what_both_changed_is_asked(as_user, investigator, record, row):
    recorded = record(anc=row["recorded"])
    Visit.objects.filter(pk=recorded.pk).update(version=2)

    answer = as_user(investigator).post(
        address(recorded.patient),
        change(recorded, anc=row["typed"], base=row["opened with"], version=1),
    )

    assert answer.status_code == 409
    asked = both(answer, "lab-ANC")
    assert (asked is not None) is (row["asked"] == "yes")
    if asked is None:
        assert f'name="lab-ANC-value" value="{row["stands then"]}"' in answer.content.decode()


@pytest.mark.parametrize(("choice", "stands"), [("yours", "2.6"), ("theirs", "2.4")])
def test_the_choice_is_carried_out(as_user, investigator, record, choice, stands):
    recorded = record(anc="2.4")
    Visit.objects.filter(pk=recorded.pk).update(version=2)

    as_user(investigator).post(
        address(recorded.patient),
        change(recorded, anc="2.6", base="2.4", version=2, conflicts="lab-ANC", **{"keep-lab-ANC": choice}),
    )

    current = LabResult.objects.get(visit=recorded, analyte="ANC", superseded_at__isnull=True)
    assert current.entered_value == stands


@pytest.mark.parametrize("choice", ["", "both"])
def test_without_a_choice_nothing_is_stored(as_user, investigator, recorded, choice):
    answer = as_user(investigator).post(
        address(recorded.patient),
        change(recorded, anc="2.6", base="2.0", version=1, conflicts="lab-ANC", **{"keep-lab-ANC": choice}),
    )

    assert answer.status_code == 409
    assert "Choose for every field" in answer.content.decode()
    assert LabResult.objects.filter(visit=recorded).count() == 1


@pytest.mark.parametrize("base", ["", "no json", "[]", '{"lab-ANC": 3}'])
def test_a_form_that_does_not_say_how_it_was_opened_takes_nothing_for_granted(
    as_user, investigator, recorded, base
):
    Visit.objects.filter(pk=recorded.pk).update(version=2)
    data = change(recorded, anc="2.6", base="2.0", version=1) | {"base": base}

    answer = as_user(investigator).post(address(recorded.patient), data)

    assert both(answer, "lab-ANC") == ("2.6 ×10⁹/L", "2.0 ×10⁹/L")


def test_a_change_sent_twice_is_one_change(as_user, coordinator, recorded):
    person = as_user(coordinator)
    data = change(recorded, anc="2.6", base="2.0", version=1) | {
        "draft-key": "visit:M6@2024-03-01",
        "draft-page": address(recorded.patient),
        "draft-form": "0d7c6b0e-56a5-4bd5-9d7c-6a1d6df7a3f4",
    }

    first, second = person.post(address(recorded.patient), data), person.post(address(recorded.patient), data)

    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    assert Visit.objects.get(pk=recorded.pk).version == 2


# --- the review ---------------------------------------------------------------------------------


def test_the_review_says_what_will_be_raised_and_stores_nothing(as_user, coordinator, scene):
    person = as_user(coordinator)
    factories.make_result(patient=scene.patient, collected_on="2024-07-30", analyte="ANC", value="0.3")
    results = LabResult.objects.count()

    page = person.post(
        address(scene.patient), visit_data(**{"lab-ANC-value": "0.4", "step": "review"})
    ).content.decode()

    will = page[page.index("What saving will do") :]
    assert "Cytopenia lasting more than 28 days" in will
    assert "ANC &lt; 1.0 ×10⁹/L for 31 days, 30 Jul–30 Aug 2024" in will
    # What the record raises without this visit is not its doing.
    assert "15 Mar" not in will, will[:900]
    assert "No value and no reason: White blood cells" in page
    assert 'name="lab-ANC-value" value="0.4"' in page
    assert LabResult.objects.count() == results
    assert not Visit.objects.filter(code="M6").exists()
    assert not scene.patient.alerts.exists()


@pytest.mark.parametrize(
    ("typed", "shown"), [("1,9", "1.9 ×10⁹/L"), ("<0,1", "&lt;0.1 ×10⁹/L"), ("1.90", "1.90 ×10⁹/L")]
)
def test_the_review_says_a_value_back_as_it_will_be_kept(as_user, coordinator, scene, typed, shown):
    data = visit_data(**{"lab-ANC-value": typed, "step": "review"})

    page = as_user(coordinator).post(address(scene.patient), data).content.decode()

    assert f"<dt>Neutrophils</dt><dd>{shown}" in page


def test_the_review_leads_back_to_the_form_with_everything_typed(as_user, coordinator, scene):
    data = visit_data(**{"lab-ANC-value": "0.4", "step": "edit"})

    page = as_user(coordinator).post(address(scene.patient), data)

    assert page.status_code == 200
    assert 'name="lab-ANC-value" value="0.4"' in page.content.decode()


def test_what_cannot_be_stored_is_not_reviewed(as_user, coordinator, scene):
    data = visit_data(**{"lab-ANC-value": "forty", "step": "review"})

    assert as_user(coordinator).post(address(scene.patient), data).status_code == 422


# --- the line under the date, and the visit that was not done -------------------------------------

DAYS = """
    typed       | line
    ------------+---------------------------------------------------------------
    1 8 2024    | 1 Aug 2024 is day 153, 1 day before the window 2 Aug–1 Oct 2024
    2 aug 2024  | 2 Aug 2024 is day 154, inside the window 2 Aug–1 Oct 2024
    31 aug 2024 | 31 Aug 2024 is day 183, inside the window 2 Aug–1 Oct 2024
    2 sep 2024  | 2 Sep 2024 is day 185, which is in the future
    31 feb 2024 | 31 feb 2024 is not a day of the calendar. Check day, month and year.
    1 brumaire 2024 | brumaire is not a month. Write 4, Apr or April.
    3 aug       |
"""


@pytest.mark.parametrize("row", rows_of(DAYS), ids=lambda row: row["typed"])
def test_the_line_under_the_date_echoes_it_in_words(as_user, coordinator, scene, row):
    parts = [*row["typed"].split(" "), "", ""][:3]
    asked = dict(zip(("visited_on_day", "visited_on_month", "visited_on_year"), parts, strict=True))

    answer = as_user(coordinator).get(f"{address(scene.patient)}day/", asked)

    assert answer.json()["words"] == row["line"]


NOT_DONE = """
    chosen               | words        | stored
    ---------------------+--------------+----------------------------
    Did not come         |              | Did not come
    Did not come         | had the flu  | Did not come: had the flu
    Another reason       | lift was out | lift was out
                         | lift was out | lift was out
    Another reason       |              | refused
                         |              | refused
"""


@pytest.mark.parametrize("row", rows_of(NOT_DONE), ids=lambda row: f"{row['chosen']}-{row['words']}")
def test_a_visit_not_done_needs_a_reason_chosen_or_written(as_user, coordinator, scene, row):
    data = {
        "submission": visit_data()["submission"],
        "status": "completed",
        "step": "missed",
        "missed_why": row["chosen"],
        "missed_reason": row["words"],
    }

    answer = as_user(coordinator).post(address(scene.patient), data)

    found = Visit.objects.filter(patient=scene.patient, code="M6").first()
    assert (found.missed_reason if found else "refused") == row["stored"]
    assert answer.status_code == (302 if found else 422)


def test_the_form_of_a_visit_asks_at_most_thirty_queries(as_user, coordinator, scene):
    person = as_user(coordinator)
    person.get("/patients/")

    with CaptureQueriesContext(connection) as asked:
        person.get(address(scene.patient))

    # Savepoints are the tests' own: a page's transaction begins without being counted.
    assert sum("SAVEPOINT" not in query["sql"] for query in asked) <= 30


def test_who_is_told_of_what_a_visit_raised(as_user, coordinator, officer, lead, recorded):
    later = recorded.entered_at + timedelta(seconds=2)
    factories.make_alert(patient=recorded.patient, severity="critical", raised_at=later)

    page = as_user(coordinator).get(f"{address(recorded.patient)}saved/").content.decode()

    assert "Told at once by mail:</strong> officer, lead" in page
    assert "within a minute" in page
