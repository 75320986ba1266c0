"""Home, the list of patients and the patient page: what they show, to whom, in how many queries."""

import re
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from registry.actions import locks
from registry.actions.laboratory import ResultEntry, correct_lab_result
from registry.models import LabResult, TreatmentAnswer
from registry.queries.locks import Target
from tests import factories
from tests.factories import NIGHT


def page_of(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def queries_of(person, address):
    person.get(address)
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert person.get(address).status_code == 200
    return len(seen)


def test_home_names_the_date_at_the_site(as_user, coordinator, scene):
    page = page_of(as_user(coordinator).get("/"))

    assert "Today, 1 Sep 2024" in page
    assert "Vienna time" in page


def test_home_sorts_what_is_overdue_before_what_is_due(as_user, coordinator, scene):
    page = page_of(as_user(coordinator).get("/"))

    # VIE-0002 owes D28 (closed 1 Apr) and M3 (closed 15 Jun); VIE-0003 did until death on 1 Aug.
    assert '4</span> <span class="tile__words">overdue visits' in page
    assert '2</span> <span class="tile__words">due in 14 days' in page
    assert page.index("153 days overdue") < page.index("78 days overdue") < page.index("closes in 30 days")


def test_a_patient_after_death_owes_no_later_visit(as_user, coordinator, scene):
    page = page_of(as_user(coordinator).get("/"))

    assert f"/patients/{scene.dead.public_id}/visits/M6/" not in page


def test_home_shows_alerts_of_the_site_and_no_link_to_decide(as_user, coordinator, scene):
    page = page_of(as_user(coordinator).get("/"))

    assert "Alerts about my patients" in page
    assert "VIE-0002" in page
    assert "/alerts/" not in page


def test_home_counts_alerts_about_overdue_visits_and_does_not_repeat_the_visits(as_user, coordinator, scene):
    factories.make_alert(patient=scene.low, rule="overdue_visit", subject="2024-03-01/D28", severity="high")

    page = page_of(as_user(coordinator).get("/"))

    assert '2</span> <span class="tile__words">alerts about my patients' in page
    alerts = page.split('id="alerts"', 1)[1]
    assert "Follow-up visit overdue" not in alerts
    assert "1 more is about overdue visits" in alerts


def test_the_gravest_alert_stands_first_on_the_patient_page(as_user, coordinator, scene):
    factories.make_alert(patient=scene.low, rule="unresolved_at_day_28", severity="medium")
    factories.make_alert(patient=scene.low, rule="unresolved_at_day_28", subject="PLT", severity="critical")

    page = page_of(as_user(coordinator).get(f"/patients/{scene.low.public_id}/"))

    assert re.findall(r'class="severity severity--(\w+)', page) == ["critical", "high", "medium"]


def test_home_of_a_site_without_duties_says_until_when(as_user, other_site, other_site_place, scene):
    patient = factories.make_patient(site=other_site_place, infused_on=date(2024, 8, 31))

    page = page_of(as_user(other_site).get("/"))

    assert f"Nothing due until 25 Sep 2024: then visit D28 of {patient.code} opens." in page


@pytest.mark.parametrize(
    ("actor", "address"),
    [("officer", "/alerts/"), ("lead", "/alerts/"), ("manager", "/patients/"), ("administrator", "/status/")],
)
def test_other_roles_are_led_to_their_work(request, as_user, scene, actor, address):
    answer = as_user(request.getfixturevalue(actor)).get("/")

    assert (answer.status_code, answer["Location"]) == (302, address)


def test_the_sponsors_page_tells_of_the_api_and_of_no_patient(as_user, sponsor, scene):
    page = page_of(as_user(sponsor).get("/"))

    assert "VIE-0" not in page
    told = set(re.findall(r"/api/v1/[a-z-]+/", page))
    assert {"/api/v1/lab-results/", "/api/v1/alerts/", "/api/v1/docs/"} <= told
    assert {resolve(address).url_name for address in told}.isdisjoint({"api-elsewhere"})


def test_queries_of_home_do_not_grow_with_patients(as_user, coordinator, scene, site):
    person = as_user(coordinator)
    few = queries_of(person, "/")
    for _ in range(20):
        factories.make_alert(patient=factories.make_patient(site=site))

    assert queries_of(person, "/") == few
    assert few <= 30


def test_home_offers_no_start_where_the_record_is_locked(as_user, coordinator, manager, scene):
    locks.lock(
        target=Target(study=scene.low.study, patient=scene.low),
        reason="before the analysis",
        by=manager,
        at=NIGHT,
    )

    page = page_of(as_user(coordinator).get("/"))

    locked = [line for line in page.split("<li>") if "VIE-0002</strong></a> <span" in line]
    others = [line for line in page.split("<li>") if "VIE-0003</strong></a> <span" in line]
    assert locked
    assert all("Locked" in line and "Start" not in line for line in locked)
    assert all("Start" in line for line in others)


def test_the_list_finds_by_a_part_of_the_subject_id(as_user, coordinator, scene):
    page = page_of(as_user(coordinator).get("/patients/?search=0002"))

    assert "VIE-0002" in page
    assert "VIE-0001" not in page


def test_the_list_survives_a_search_that_ends_texts(as_user, coordinator, scene):
    assert "VIE-0001" in page_of(as_user(coordinator).get("/patients/?search=VIE-0001%00&page=x"))


def test_the_list_has_fifty_to_a_page_and_as_many_queries_for_each(as_user, coordinator, scene, site):
    person = as_user(coordinator)
    few = queries_of(person, "/patients/")
    for number in range(50):
        factories.make_patient(site=site, code=f"VIE-1{number:03}")

    assert queries_of(person, "/patients/") == few
    assert "Page 2 of 2, 53 in all" in page_of(person.get("/patients/?page=2"))


def test_the_patient_page_gives_every_date_its_study_day_and_every_value_its_unit(
    as_user, coordinator, scene
):
    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/"))

    assert "day 28, 29 Mar 2024" in page
    assert "0.4 ×10⁹/L" in page
    assert "9.8 g/dL" in page
    assert "= 98 g/L" in page
    assert "Grade 4 (CTCAE v5), grade 3 (v6)" in page
    assert "Day 184 (6 m)" in page
    assert "Cytokine release syndrome" in page


def test_the_queries_of_the_patient_page_are_few_and_constant(as_user, coordinator, scene):
    person = as_user(coordinator)
    address = f"/patients/{scene.patient.public_id}/"
    before = queries_of(person, address)
    for day in range(1, 20):
        factories.make_result(patient=scene.patient, collected_on=date(2024, 7, day))
        factories.make_event(patient=scene.patient)

    assert queries_of(person, address) == before
    assert before <= 30


@pytest.mark.parametrize("page", ["checks/", "history/", "casebook/", "events/"])
def test_the_other_pages_of_a_patient_ask_at_most_thirty(as_user, coordinator, scene, page):
    assert queries_of(as_user(coordinator), f"/patients/{scene.patient.public_id}/{page}") <= 30


def test_the_history_can_be_read_by_kind_and_taken_as_a_file(as_user, coordinator, scene):
    person = as_user(coordinator)
    address = f"/patients/{scene.patient.public_id}/history"

    page = page_of(person.get(f"{address}/?about=registry_supportivetreatment"))
    lines = person.get(f"{address}.csv").content.decode().splitlines()

    assert "G-CSF, short-acting, day 15, 16 Mar 2024" in page
    assert "D28, completed" not in page
    assert lines[0] == "at,who,what,kind,about,field,old,new,reason,origin"
    assert any("Supportive treatment,recorded" in line and "kind=g_csf" in line for line in lines)
    assert len(lines) > 12


def test_the_course_shows_counts_against_their_limit_and_what_happened(as_user, coordinator, scene):
    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/?days=all"))
    course = page[page.index('id="course"') :].partition("</section>")[0]

    assert "Neutrophils 0.4 ×10⁹/L, day 14, 15 Mar 2024, Grade 4 (CTCAE v5), grade 3 (v6)" in course
    assert "Neutrophils: 3 values, lowest 0.4 ×10⁹/L, day 14, 15 Mar 2024, Grade 4 (CTCAE v5)" in course
    assert "limit 1.0 ×10⁹/L" in course or "limit 1 ×10⁹/L" in course
    assert "Visit D28 took place day 28, 29 Mar 2024" in course
    assert "G-CSF, short-acting, day 15, 16 Mar 2024" in course
    assert "Cytokine release syndrome, grade 2, day 3, 4 Mar 2024" in course


def test_a_low_count_under_growth_factor_is_drawn_full(as_user, coordinator, scene):  # CYT-3
    factories.make_support(patient=scene.patient, given_on=date(2024, 3, 15), kind="g_csf")
    for on, value in ((date(2024, 3, 16), "1.9"), (date(2024, 3, 18), "0.9")):
        factories.make_result(patient=scene.patient, collected_on=on, value=value)

    page = as_user(coordinator).get(f"/patients/{scene.patient.public_id}/?days=all").content.decode()

    assert page.count("plot__point--lifted") == 1


@pytest.mark.parametrize(
    ("today", "chosen"),
    [
        (date(2024, 5, 30), "Day −30 to 90"),  # day 90
        (date(2024, 5, 31), "First year"),
        (date(2025, 3, 1), "First year"),  # day 365
        (date(2025, 3, 2), "All"),
    ],
)
def test_the_course_opens_on_the_shortest_range_that_holds_today(
    as_user, coordinator, scene, settings, today, chosen
):
    settings.REGISTRY_TODAY = today

    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/"))

    assert f'<strong aria-current="true">{chosen}</strong>' in page


def test_a_mark_opens_its_field_only_for_those_who_may_enter(as_user, coordinator, officer, scene):
    result = scene.patient.lab_results.filter(analyte="ANC").earliest("collected_on")
    link = f'<a class="plot__link" href="/patients/{scene.patient.public_id}/results/{result.pk}/">'

    address = f"/patients/{scene.patient.public_id}/?days=all"
    assert link in page_of(as_user(coordinator).get(address))
    assert link not in page_of(as_user(officer).get(address))


def test_a_corrected_value_stays_visible_with_its_reason(as_user, coordinator, scene):
    result = LabResult.objects.get(patient=scene.patient, analyte="ANC", collected_on=date(2024, 3, 15))
    correct_lab_result(
        result=result,
        entry=ResultEntry("ANC", "1.4", "10*9/L", date(2024, 3, 15)),
        reason="misread on the report",
        by=coordinator,
        at=NIGHT,
        today=date(2024, 9, 1),
    )

    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/"))

    assert "<del>0.4 ×10⁹/L</del> corrected" in page
    assert "misread on the report" in page
    assert "1.4 ×10⁹/L" in page


def test_the_history_says_who_changed_what_and_why(as_user, coordinator, scene):
    result = LabResult.objects.get(patient=scene.patient, analyte="ANC", collected_on=date(2024, 3, 15))
    person = as_user(coordinator)
    person.post(
        f"/patients/{scene.patient.public_id}/results/{result.pk}/",
        {
            "act": "correct",
            "value": "0,3",
            "unit": "10*9/L",
            "collected_on_day": "15",
            "collected_on_month": "3",
            "collected_on_year": "2024",
            "reason": "typed from the wrong line",
        },
    )

    page = page_of(person.get(f"/patients/{scene.patient.public_id}/history/"))
    history = page[page.index('id="history"') :]

    assert "coordinator" in history
    assert "typed from the wrong line" in history
    assert "0.3" in history


def test_the_history_tells_a_change_by_its_reason_and_an_addition_by_its_words(as_user, coordinator, scene):
    scene.patient.sex = "M"
    scene.patient.save(update_fields=["sex"])
    visit = scene.patient.visits.get(code="D28")
    visit.contact_mode = "phone"
    visit.save(update_fields=["contact_mode"])
    TreatmentAnswer.objects.create(
        patient=scene.patient, visit=visit, section="treatments", answer="complete", entered_at=NIGHT
    )

    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/history/"))
    history = page[page.index('id="history"') :]

    assert "Female → Male" in history
    assert "contact mode:</span> (empty) → By telephone" in history
    assert "of:</span> Visit D28" in history
    assert "answer:</span> The list is complete" in history
    assert "Neutrophils 0.4 ×10⁹/L, collected day 14, 15 Mar 2024" in history
    assert "G-CSF, short-acting, day 15, 16 Mar 2024" in history
    assert "D28, completed, day 28, 29 Mar 2024" in history


def test_the_history_stands_words_that_look_like_a_date_and_are_none(as_user, coordinator, scene):
    visit = scene.patient.visits.get(code="D28")
    visit.comments = "2024-02-31"
    visit.save(update_fields=["comments"])

    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/history/"))

    assert "(empty) → 2024-02-31" in page


def test_what_lay_before_the_second_infusion_counts_from_the_first(as_user, coordinator, scene):
    factories.make_infusion(patient=scene.patient, infused_on=date(2024, 8, 1))

    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/"))

    assert "enrolled day −7, 23 Feb 2024" in page


def test_years_without_a_duty_are_folded_and_the_rest_is_open(as_user, coordinator, scene):
    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/"))

    assert '<h4 class="year__title">Year 1</h4>' in page
    assert "Later: 1 visit, nothing due yet" in page


def test_a_patient_of_another_site_does_not_exist(as_user, other_site, scene):
    person = as_user(other_site)

    for page in ("", "events/", "visits/M6/"):
        assert person.get(f"/patients/{scene.patient.public_id}/{page}").status_code == 404
    assert "VIE-" not in page_of(person.get("/patients/"))


@pytest.mark.parametrize("actor", ["sponsor", "stranger", "administrator"])
def test_those_without_the_patient_get_404(request, as_user, scene, actor):
    person = as_user(request.getfixturevalue(actor))

    assert person.get(f"/patients/{scene.patient.public_id}/").status_code == 404


def test_an_officer_reads_the_patient_and_may_not_enter(as_user, officer, scene):
    person = as_user(officer)
    page = page_of(person.get(f"/patients/{scene.patient.public_id}/"))

    assert "Start visit" not in page
    assert person.get(f"/patients/{scene.patient.public_id}/visits/M6/").status_code == 403


def test_a_stored_text_is_shown_as_text_and_never_run(as_user, coordinator, scene):
    factories.make_event(patient=scene.patient, term="<script>alert(1)</script>", narrative="<img src=x>")

    page = page_of(as_user(coordinator).get(f"/patients/{scene.patient.public_id}/"))

    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "&lt;script&gt;alert(1)" in page
