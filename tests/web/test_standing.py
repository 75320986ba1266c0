"""ICAHT grades and the negative proof on the pages: in words, calm, for whom may see the patient."""

from datetime import UTC, date, datetime, timedelta

import pytest

from registry.actions import evaluations, scan
from registry.models import WaitingEvaluation
from tests import factories
from tests.factories import DAY_0

NIGHT = datetime(2024, 9, 1, 2, 10, tzinfo=UTC)


def on_day(number):
    return DAY_0 + timedelta(days=number)


def page_of(answer):
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def section(page, name):
    return page.split(f'id="{name}"', 1)[1].split("</section>", 1)[0]


def judged():
    scan.run_rules(as_of=date(2024, 9, 1), at=NIGHT, trigger="night")
    evaluations.judge_waiting(at=NIGHT, as_of=date(2024, 9, 1))


@pytest.fixture
def page(as_user, coordinator, scene):
    """A page of a patient as the coordinator reads it now."""

    def read(patient=scene.patient, at="checks/"):
        return page_of(as_user(coordinator).get(f"/patients/{patient.public_id}/{at}"))

    return read


def test_the_patient_page_grades_the_neutropenia_with_its_reason(page, scene):
    for day, value in (
        (0, "3"),
        (4, "3"),
        (5, "0.3"),
        (11, "0.3"),
        (14, "0.4"),
        (18, "0.3"),
        (19, "3"),
        (26, "3"),
        (30, "3"),
    ):
        factories.make_result(patient=scene.low, collected_on=on_day(day), value=value)

    said = section(page(scene.low), "icaht")

    assert "Infusion of 1 Mar 2024" in said
    assert (
        "<dt>Early</dt><dd>Grade 3: neutrophils at or below 0.5 ×10⁹/L for 14 days, days 5–18;"
        " from counts on 9 days.</dd>"
    ) in said
    assert "<dt>Late</dt><dd>Not graded: no neutrophil count on days 31–100 that can be graded.</dd>" in said


def test_a_comparator_has_no_icaht_grade(page, site, scene):
    patient = factories.make_patient(
        site=site, cohort="COMPARATOR", index_date=DAY_0, enrolled_on=DAY_0, infused_on=None
    )
    factories.make_result(patient=patient, collected_on=on_day(5), value="0.1")

    assert 'id="icaht"' not in page(patient)


def test_the_alert_page_grades_only_neutrophils(as_user, officer, scene):
    factories.make_result(patient=scene.low, collected_on=on_day(5), value="0.3")
    neutrophils = scene.low.alerts.get()
    platelets = factories.make_alert(patient=scene.low, subject="PLT")
    person = as_user(officer)

    assert "Neutropenia grades (ICAHT)" in page_of(person.get(f"/alerts/{neutrophils.public_id}/"))
    assert "Neutropenia grades (ICAHT)" not in page_of(person.get(f"/alerts/{platelets.public_id}/"))


def test_the_patient_page_says_when_each_rule_judged_and_why_it_found_nothing(page):
    judged()
    said = section(page(), "checks")

    assert "Follow-up visit overdue" in said
    assert "1 Sep 2024, 04:10 (Vienna time)" in said
    assert (
        "Window M6 is open until 1 Oct 2024 (day 214); unrecorded, it is overdue from 2 Oct 2024 (day 215)."
        in said
    )
    assert "Nothing found" in said


def test_an_open_alert_is_the_result_and_leads_to_it(page, scene):
    judged()
    alert = scene.low.alerts.filter(rule="overdue_visit").first()
    scene.low.alerts.filter(rule="overdue_visit").exclude(pk=alert.pk).update(state="resolved")
    said = section(page(scene.low), "checks")

    assert f'<a href="/alerts/{alert.public_id}/">1 alert open</a>' in said


def test_after_a_change_the_page_says_since_when_it_waits(page, scene):
    judged()
    factories.make_result(patient=scene.patient, collected_on=date(2024, 8, 30), value="0.2")
    said = section(page(), "checks")

    assert said.count("Waiting to be judged") == 4
    assert "The record changed since; said when it is judged." in said
    assert "longest low run" not in said


def test_a_patient_never_judged_is_told_apart_from_one_without_findings(page):
    WaitingEvaluation.objects.all().delete()
    said = section(page(), "checks")

    assert said.count("Not judged yet: the next check does.") == 4
    assert "Nothing found" not in said


def test_a_patient_screened_only_is_in_no_rules_scope(page, site, scene):
    screened = factories.make_patient(site=site, enrolled_on=None, infused_on=None)

    assert section(page(screened), "checks").count("Not in scope: screened, not enrolled.") == 4


def test_a_broken_record_is_shown_as_not_judged_without_its_values(page, scene):
    factories.make_event(patient=scene.patient, event_id="AE-77", started_on="2024-13")
    judged()
    said = section(page(), "checks")

    assert said.count("Could not be judged. It is tried again on its own.") == 1
    assert "Window M6 is open until 1 Oct 2024" in said  # the other rules do not read events
    assert "2024-13" not in said


def test_the_alert_page_leads_the_officer_to_the_same(as_user, officer, scene):
    judged()
    alert = scene.low.alerts.first()
    person = as_user(officer)
    checks = f"/patients/{scene.low.public_id}/checks/"

    assert f'<a href="{checks}">' in page_of(person.get(f"/alerts/{alert.public_id}/"))
    assert "Read: 0 adverse events, 0 answers about a new malignancy" in page_of(person.get(checks))


def test_visits_of_an_earlier_course_say_which_infusion_dropped_them(page, scene):  # OVD-5
    factories.make_infusion(patient=scene.patient, infused_on=date(2024, 8, 20))
    said = section(page(at=""), "visits")

    assert "1 visit dropped by the infusion of day 172, 20 Aug 2024" in said
    assert "Dropped</span> <small>by the infusion of day 172, 20 Aug 2024</small>" in said
    earlier = said.split("Course from 1 Mar 2024, earlier", 1)[1]
    assert "nothing due yet" not in earlier


def test_an_infusion_that_lies_ahead_drops_nothing_yet(page, scene):  # G-1
    factories.make_infusion(patient=scene.patient, infused_on=date(2024, 9, 20))

    assert "dropped by the infusion" not in page(at="")


def test_later_visits_of_a_patient_whose_follow_up_ended_are_not_owed(page, scene):
    assert "Later: 1 visit, not owed: follow-up ended day 153, 1 Aug 2024" in page(scene.dead, at="")


def test_today_says_that_follow_up_ended_beside_an_overdue_visit(as_user, coordinator, scene):
    page = page_of(as_user(coordinator).get("/"))
    lines = [line for line in page.split("<li>") if "VIE-0003" in line]

    assert lines
    assert all("follow-up ended day 153, 1 Aug 2024 (death)" in line for line in lines)
    assert page.count("follow-up ended") == len(lines)
