"""Disease activity and serology in the visit form: computed totals, refused nonsense, kept and changed."""

import csv
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from registry.models import AuditEvent, Score, ScoreDetail, Serology, Visit
from registry.queries.visit_sheet import visit_sheet
from registry.web.investigator.activity_section import ActivitySection
from registry.web.investigator.row_forms import About
from tests.factories import DAY_0, make_score
from tests.web.scene import visit_data

DAY = date(2024, 8, 30)


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


def address(patient, code="M6"):
    return f"/patients/{patient.public_id}/visits/{code}/"


def typed(**fields):
    return visit_data(
        **{"activity-shown": "1"},
        **{f"activity-{key.replace('__', '-')}": value for key, value in fields.items()},
    )


def recorded(patient, on=DAY):
    return {row.score: row.value for row in Score.objects.filter(patient=patient, assessed_on=on)}


def change(person, patient, **fields):
    visit = Visit.objects.get(patient=patient, code="M6")
    data = {**typed(**fields), "version": str(visit.version), "reason": "read again"}
    return person.post(address(patient), data)


def test_the_sledai_is_the_sum_of_its_items_and_the_clinical_one_leaves_serology_out(person, scene):
    answer = person.post(
        address(scene.patient),
        typed(sledai__item=["arthritis", "rash", "low_complement"], sledai__variant="10"),
    )

    assert answer.status_code == 302
    assert recorded(scene.patient) == {"SLEDAI-2K": 8, "CSLEDAI": 6}
    detail = ScoreDetail.objects.get(score__score="SLEDAI-2K")
    assert detail.items == {"arthritis": "4", "rash": "2", "low_complement": "2"}
    assert (detail.variant, detail.total) == ("10", 8)


def test_a_low_count_after_car_t_cells_is_kept_and_not_counted_as_lupus(person, scene):
    person.post(
        address(scene.patient),
        typed(sledai__thrombocytopenia="other", sledai__leukopenia="lupus", sledai__variant="10"),
    )

    assert recorded(scene.patient) == {"SLEDAI-2K": 1, "CSLEDAI": 1}
    assert ScoreDetail.objects.get().items == {"thrombocytopenia": "0", "leukopenia": "1"}


def test_nothing_present_is_a_score_of_zero_and_nothing_ticked_is_no_score(person, scene):
    person.post(address(scene.patient), typed(sledai__none="on", sledai__variant="10"))
    zero = recorded(scene.patient)
    change(person, scene.patient, sledai__variant="10")

    assert zero == {"SLEDAI-2K": 0, "CSLEDAI": 0}
    assert recorded(scene.patient) == {}


def test_the_scores_of_every_disease_are_kept(person, scene):
    sites = {f"mrss__{key}": "1" for key in MRSS}
    levels = dict.fromkeys(
        ("physician_global", "patient_global", "mmt", "haq", "enzyme", "extramuscular"), "0"
    )
    person.post(
        address(scene.patient),
        typed(
            **{**sites, **{f"tis__{key}": points for key, points in levels.items()}, "tis__mmt": "32.5"},
            eustar__item=["digital_ulcers", "tendon_friction_rubs"],
            phga__total="0,4",
            phga__variant="3",
            mmt8__total="140",
            mmt8__variant="150",
            haq__total="1.125",
        ),
    )

    assert recorded(scene.patient) == {
        "MRSS": 17,
        "TIS": Decimal("32.5"),
        "EUSTAR": Decimal("3.75"),
        "PHGA": Decimal("0.4"),
        "MMT8": 140,
        "HAQ-DI": Decimal("1.125"),
    }


MRSS = [
    *(f"{name}_{side}" for name in ("fingers", "hand", "forearm", "upper_arm", "thigh", "lower_leg", "foot")
      for side in ("right", "left")),
    "face",
    "chest",
    "abdomen",
]  # fmt: skip

REFUSED = [
    ({"sledai__item": ["rash"], "sledai__total": "4"}, "The items add up to 2, and the total says 4."),
    ({"sledai__item": ["rash"], "sledai__none": "on"}, "Items are chosen as well."),
    ({"sledai__item": ["headache"]}, None),  # no item of ours: nothing is ticked
    ({"sledai__total": "106"}, "SLEDAI-2K 106 is not possible."),
    ({"sledai__total": "4.5"}, "A whole number from 0 to 105."),
    ({"sledai__total": "6", "csledai__total": "5"}, "Clinical SLEDAI 5 does not go with SLEDAI-2K 6."),
    ({"sledai__new_activity": "no"}, "A question is answered and the score is empty."),
    ({"phga__total": "2"}, "Say which one it is; the number alone does not tell."),
    ({"phga__total": "4", "phga__variant": "3"}, "Or is it on the scale 0–10?"),
    ({"mmt8__total": "90", "mmt8__variant": "80"}, "Or is it on the scale 0–150?"),
    ({"mrss__face": "2"}, "16 of 17 sites are empty."),
    ({"mrss__face": "4"}, "4 is not possible. 0, 1, 2 or 3."),
    ({"mrss__total": "52"}, "Modified Rodnan skin score 52 is not possible."),
    ({"eustar__total": "2"}, "The nearest possible totals are 1.5 and 2.25."),
    ({"tis__mmt": "10"}, "5 of 6 core measures are empty."),
    ({"haq__total": "1.1"}, "It goes in steps of 0.125: 1 or 1.125?"),
    ({"haq__total": "low"}, "low is not a number."),
    ({"dsdna-value": "40", "dsdna-unit": "U/mL"}, "Name the assay"),
    ({"dsdna-assay": "elisa", "dsdna-value": "40"}, "Choose the unit of the report."),
    ({"dsdna-assay": "clift", "dsdna-value": "40", "dsdna-unit": "U/mL"}, "reports a titre, not a value"),
    ({"dsdna-assay": "farr", "dsdna-titre": "1:20"}, "reports a value, not a titre"),
    ({"dsdna-assay": "elisa", "dsdna-uln": "20"}, "A limit without a value."),
    ({"ana-titre": "strong"}, "strong is no titre. Write 1:320 or 320."),
    ({"ana": "negative", "ana-titre": "1:640"}, "Negative with a titre of 1:640?"),
    ({"memory_b": "101"}, "101 % is not possible."),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_the_impossible_is_refused_in_words_and_everything_typed_stays(person, scene, fields, words):
    answer = person.post(address(scene.patient), typed(**fields, sledai__variant="10"))

    if words is None:
        assert answer.status_code == 302
        return
    page = answer.content.decode()
    assert answer.status_code == 422
    assert escape(words) in page
    assert "Nothing was stored" in page
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()
    for value in fields.values():
        for each in value if isinstance(value, list) else [value]:
            assert f'value="{escape(each)}"' in page


def test_a_changed_score_keeps_its_old_value_in_the_trail_with_the_reason(person, scene):
    person.post(address(scene.patient), typed(sledai__item=["rash"], sledai__variant="10"))

    change(person, scene.patient, sledai__item=["rash", "fever"], sledai__variant="10")

    assert recorded(scene.patient) == {"SLEDAI-2K": 3, "CSLEDAI": 3}
    changed = AuditEvent.objects.filter(tbl="registry_score", op="U").order_by("id").first()
    assert (changed.old["value"], changed.new["value"], changed.reason) == (2.0, 3.0, "read again")
    assert AuditEvent.objects.filter(tbl="registry_scoredetail", op="U", reason="read again").exists()


def test_what_did_not_change_leaves_no_trace_in_the_trail(person, scene):
    fields = {"sledai__item": ["rash"], "sledai__variant": "10", "ana": "positive", "ana-titre": "1:320"}
    person.post(address(scene.patient), typed(**fields))
    before = AuditEvent.objects.filter(tbl__in=OURS).count()

    change(person, scene.patient, **fields)

    assert AuditEvent.objects.filter(tbl__in=OURS).count() == before


OURS = ("registry_score", "registry_scoredetail", "registry_serology")


def test_another_day_of_the_visit_takes_its_scores_along(person, scene):
    person.post(address(scene.patient), typed(phga__total="1", phga__variant="3", ana="positive"))
    visit = Visit.objects.get(patient=scene.patient, code="M6")
    moved = {**typed(phga__total="1", phga__variant="3", ana="positive"), "visited_on_day": "29"}

    person.post(address(scene.patient), {**moved, "version": str(visit.version), "reason": "misread"})

    assert recorded(scene.patient) == {}
    assert recorded(scene.patient, on=date(2024, 8, 29)) == {"PHGA": 1}
    assert [row.collected_on for row in Serology.objects.all()] == [date(2024, 8, 29)]


def test_a_form_that_never_showed_the_section_removes_nothing(person, scene):
    person.post(address(scene.patient), typed(phga__total="1", phga__variant="3"))
    visit = Visit.objects.get(patient=scene.patient, code="M6")

    person.post(address(scene.patient), {**visit_data(), "version": str(visit.version), "reason": "x"})

    assert recorded(scene.patient) == {"PHGA": 1}


def test_scores_without_a_visit_are_refused(person, scene):
    missed = {"status": "missed", "missed_reason": "ill", "visited_on_day": "", "visited_on_month": ""}
    data = {**typed(phga__total="1", phga__variant="3"), **missed, "visited_on_year": ""}

    answer = person.post(address(scene.patient), data)

    assert answer.status_code == 422
    assert "give the day of the visit above" in answer.content.decode()


def test_a_score_that_stands_by_another_way_is_not_written_over(person, scene):
    make_score(patient=scene.patient, assessed_on=DAY, score="PHGA", value="2")

    other = person.post(address(scene.patient), typed(phga__total="1", phga__variant="3"))
    same = person.post(address(scene.patient), typed(phga__total="2", phga__variant="3"))

    assert (other.status_code, same.status_code) == (422, 302)
    assert "is recorded already as 2" in other.content.decode()


def test_the_previous_value_stands_beside_and_is_not_carried_forward(person, scene):
    make_score(patient=scene.patient, assessed_on=date(2024, 6, 2), value="6")

    page = person.get(address(scene.patient)).content.decode()

    assert "day 93, 2 Jun 2024" in page
    assert 'name="activity-sledai-total" value=""' in page


def test_a_lupus_patient_sees_the_sledai_and_a_scleroderma_patient_the_skin_score_first(person, scene):
    lupus = person.get(address(scene.patient)).content.decode()
    skin = person.get(address(scene.low)).content.decode()

    assert (
        lupus.index("activity-sledai-total")
        < lupus.index("Further scores")
        < lupus.index("activity-mrss-total")
    )
    assert (
        skin.index("activity-mrss-total") < skin.index("Further scores") < skin.index("activity-sledai-total")
    )


def test_a_recorded_assessment_comes_back_item_by_item(person, scene):
    person.post(
        address(scene.patient),
        typed(sledai__item=["rash"], sledai__thrombocytopenia="other", sledai__variant="30"),
    )

    page = person.get(address(scene.patient)).content.decode()

    assert 'value="rash" data-points="2" checked' in page.replace("\n", "")
    assert '<option value="other" selected>' in page
    assert "<output data-sum>2, clinical SLEDAI 2</output>" in page


def test_two_people_see_each_others_scores(person, scene):
    person.post(address(scene.patient), typed(phga__total="1", phga__variant="3"))

    late = person.post(address(scene.patient), typed(phga__total="2", phga__variant="3"))

    page = late.content.decode()
    assert late.status_code == 409
    assert "Physician global assessment: 2" in page
    assert "Physician global assessment: 1" in page


def test_a_draft_comes_back_as_typed_and_is_not_judged(person, scene):
    visit = scene.patient.visits.get(code="M3")
    sheet = visit_sheet(
        patient=scene.patient,
        course=visit.course,
        day_zeros=(DAY_0,),
        code="M6",
        visit=None,
        today=date(2024, 9, 1),
    )
    about = About(patient=scene.patient, day_zeros=(DAY_0,), code="M6", today=date(2024, 9, 1))
    data = QueryDict(mutable=True)
    data.update({"activity-shown": "1", "activity-haq-total": "soon", "activity-sledai-leukopenia": "other"})
    data.setlist("activity-sledai-item", ["rash", "fever"])

    section = ActivitySection(about=about, sheet=sheet, data=data)

    page = render_to_string(section.template, {"section": section, "course": visit.course})
    assert section.problems == []
    assert 'name="activity-haq-total" value="soon"' in page
    assert "<output data-sum>3, clinical SLEDAI 3</output>" in page


def test_the_review_names_every_score_before_it_is_saved(person, scene):
    page = person.post(
        address(scene.patient),
        {**typed(sledai__item=["rash"], sledai__variant="10", ana="positive"), "step": "review"},
    )

    words = page.content.decode()
    assert "2 (Rash: 2)" in words
    assert "Positive" in words


def test_serology_is_kept_by_assay(person, scene):
    person.post(
        address(scene.patient),
        typed(
            **{
                "dsdna-assay": "farr",
                "dsdna-value": "<7",
                "dsdna-unit": "IU/mL",
                "dsdna-uln": "7",
                "ana": "positive",
                "ana-titre": "1:1280",
                "naive_b": "82,5",
            }
        ),
    )

    rows = {row.test: row for row in Serology.objects.filter(patient=scene.patient)}
    dsdna = rows["anti_dsdna"]
    assert (dsdna.assay, dsdna.comparator, dsdna.value, dsdna.upper_limit) == ("farr", "<", 7, 7)
    assert (rows["ana"].finding, rows["ana"].titre) == ("positive", 1280)
    assert (rows["naive_b"].value, rows["naive_b"].unit) == (Decimal("82.5"), "%")


def test_scores_of_the_form_are_in_the_dataset(person, scene, tmp_path):
    person.post(address(scene.patient), typed(sledai__item=["rash"], sledai__variant="10"))
    out = tmp_path / "scores.csv"

    call_command("export", "scores", "--out", str(out))

    rows = [(row["assessed_on"], row["score"], row["value"]) for row in csv.DictReader(out.open())]
    assert rows == [("2024-08-30", "CSLEDAI", "2"), ("2024-08-30", "SLEDAI-2K", "2")]


def test_opening_the_form_asks_four_questions_for_the_three_sections(person, scene):
    with CaptureQueriesContext(connection) as asked:
        person.get(address(scene.patient))

    ours = [each["sql"] for each in asked.captured_queries if any(table in each["sql"] for table in TABLES)]
    assert len(ours) == 4


TABLES = ("registry_score", "registry_serology", "registry_treatment")
