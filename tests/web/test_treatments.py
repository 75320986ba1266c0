"""Treatments and prevention in the visit form: asked one by one, never carried over, corrected by reason."""

from datetime import date

import pytest
from django.utils.html import escape

from registry.models import AuditEvent, Treatment, TreatmentAnswer, Visit
from tests.factories import NIGHT, make_lock
from tests.web.scene import visit_data


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


def address(patient, code="M6"):
    return f"/patients/{patient.public_id}/visits/{code}/"


def typed(section="treatments", **fields):
    names = {f"{section}-{key.replace('__', '-').lstrip('_')}": value for key, value in fields.items()}
    return visit_data(**{f"{section}-shown": "1"}, **names)


def new(agent, start, stop="", dose="", name="", number=0):
    row = {"agent": agent, "start": start, "stop": stop, "dose": dose, "name": name}
    return {f"new__{number}__{key}": value for key, value in row.items()}


def make_treatment(patient, agent="mycophenolate", started_on="2024-01", stopped_on="", **facts):
    if agent == "prednisolone":
        facts.setdefault("mg_per_day", 5)
    return Treatment.objects.create(
        patient=patient,
        agent=agent,
        started_on=started_on,
        stopped_on=stopped_on,
        entered_at=NIGHT,
        origin="form",
        **facts,
    )


def rows_of(patient):
    return [
        (row.agent, row.started_on, row.stopped_on, row.dose or row.mg_per_day)
        for row in Treatment.objects.filter(patient=patient).order_by("started_on", "agent")
    ]


def change(person, patient, section="treatments", **fields):
    visit = Visit.objects.get(patient=patient, code="M6")
    data = {**typed(section, **fields), "version": str(visit.version), "reason": "read again"}
    return person.post(address(patient), data)


def test_treatments_are_kept_with_dates_as_precisely_as_known(person, scene):
    answer = person.post(
        address(scene.patient),
        typed(
            **new("prednisolone", "1 Mar 2024", "jun 2024", "7,5 mg/day"),
            **new("mycophenolate", "2023", "", "500 mg twice a day", number=1),
            **new("other_biologic", "2024-05-02", "2024-05-02", "1 g", "Secukinumab", number=2),
        ),
    )

    assert answer.status_code == 302
    assert [row[:3] for row in rows_of(scene.patient)] == [
        ("mycophenolate", "2023", ""),
        ("prednisolone", "2024-03-01", "2024-06"),
        ("other_biologic", "2024-05-02", "2024-05-02"),
    ]
    assert Treatment.objects.get(agent="prednisolone").mg_per_day == 7.5
    assert Treatment.objects.get(agent="mycophenolate").dose == "500 mg twice a day"
    assert Treatment.objects.get(agent="other_biologic").name == "Secukinumab"


REFUSED = [
    (new("prednisolone", "1 Mar 2024"), "The daily dose is missing."),
    (new("prednisolone", "1 Mar 2024", dose="500 mg twice"), "500 mg twice is no daily dose."),
    (new("prednisolone", "1 Mar 2024", dose="2001"), "2001 is no daily dose."),
    (new("prednisolone", "1 Mar 2024", dose="0"), "0 is no daily dose."),
    (new("azathioprine", ""), "Say when Azathioprine was started"),
    (new("azathioprine", "soon"), "soon is not a date."),
    (new("azathioprine", "31 Feb 2024"), "is not a day of the calendar"),
    (new("azathioprine", "1 Mar 2024", "1 Feb 2024"), "is before the start"),
    (new("azathioprine", "1 Oct 2024"), "lies in the future"),
    (new("azathioprine", "1984"), "is before birth in 1985"),
    (new("other_immunosuppressant", "2024"), "has no name"),
    (new("aspirin", "2024"), "is not on the list"),
    (new("influenza", "2024"), "is not on the list"),
    ({**new("azathioprine", "2024-01"), **new("azathioprine", "2024-02", number=1)}, "overlap"),
    ({**new("azathioprine", "2024"), **new("azathioprine", "2024", number=1)}, "begin alike"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_the_impossible_is_refused_in_words_and_everything_typed_stays(person, scene, fields, words):
    answer = person.post(address(scene.patient), typed(**fields))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert escape(words) in page
    assert rows_of(scene.patient) == []
    assert all(f'value="{escape(value)}"' in page for value in fields.values() if value != "aspirin")


def test_an_ongoing_treatment_left_open_is_not_asked_and_not_carried_over(person, scene):
    make_treatment(scene.patient)

    person.post(address(scene.patient), typed())

    assert TreatmentAnswer.objects.count() == 0
    page = person.get(address(scene.patient)).content.decode()
    assert "not asked yet" in page


def test_each_ongoing_treatment_is_asked_and_the_answer_belongs_to_the_visit(person, scene):
    row = make_treatment(scene.patient)

    person.post(address(scene.patient), typed(**{f"_{row.pk}": "same"}, complete="on"))

    visit = Visit.objects.get(code="M6", patient=scene.patient)
    answers = TreatmentAnswer.objects.order_by("pk").values_list("visit", "treatment", "answer")
    assert list(answers) == [(visit.pk, row.pk, "same"), (visit.pk, None, "complete")]
    assert rows_of(scene.patient) == [("mycophenolate", "2024-01", "", None)]


def test_a_list_is_complete_only_when_each_is_answered(person, scene):
    make_treatment(scene.patient)

    answer = person.post(address(scene.patient), typed(complete="on"))

    assert answer.status_code == 422
    assert "of Mycophenolate nothing is answered" in answer.content.decode()


def test_a_stopped_treatment_has_its_stop(person, scene):
    row = make_treatment(scene.patient)

    without = person.post(address(scene.patient), typed(**{f"_{row.pk}": "stopped"}))
    person.post(address(scene.patient), typed(**{f"_{row.pk}": "stopped", f"_{row.pk}__on": "Aug 2024"}))

    assert without.status_code == 422
    assert "The date is missing on which it was stopped." in without.content.decode()
    assert rows_of(scene.patient) == [("mycophenolate", "2024-01", "2024-08", None)]


def test_another_dose_ends_the_old_period_and_begins_a_new_one(person, scene):
    row = make_treatment(scene.patient, "prednisolone", "2024-03-01")
    answer = {f"_{row.pk}": "dose", f"_{row.pk}__on": "1 Jul 2024"}

    without = person.post(address(scene.patient), typed(**answer))
    person.post(address(scene.patient), typed(**answer, **{f"_{row.pk}__dose": "2.5"}))

    assert "The dose now is missing." in without.content.decode()
    assert rows_of(scene.patient) == [
        ("prednisolone", "2024-03-01", "2024-07-01", 5),
        ("prednisolone", "2024-07-01", "", 2.5),
    ]


def latest_change_of(row, *, op):
    """The trail keeps the rows of other tests, whose numbers come again."""
    told = AuditEvent.objects.filter(tbl="registry_treatment", op=op, pk_text=str(row.pk))
    return told.latest("id")


def test_a_wrong_treatment_is_corrected_with_the_reason_of_the_change(person, scene):
    row = make_treatment(scene.patient, dose="1 g")
    person.post(address(scene.patient), typed(**{f"_{row.pk}": "same"}))

    change(
        person,
        scene.patient,
        **{f"_{row.pk}": "same"},
        **{f"fix__{row.pk}__start": "3 Feb 2024", f"fix__{row.pk}__stop": "", f"fix__{row.pk}__dose": "2 g"},
    )

    assert rows_of(scene.patient) == [("mycophenolate", "2024-02-03", "", "2 g")]
    told = latest_change_of(row, op="U")
    assert (told.old["started_on"], told.new["started_on"], told.reason) == (
        "2024-01",
        "2024-02-03",
        "read again",
    )
    assert TreatmentAnswer.objects.filter(answer="same").count() == 1


def test_a_treatment_entered_by_mistake_goes_with_its_answers_and_stays_in_the_trail(person, scene):
    row = make_treatment(scene.patient)
    person.post(address(scene.patient), typed(**{f"_{row.pk}": "same"}))

    change(
        person,
        scene.patient,
        **{f"_{row.pk}": "same"},
        **{f"fix__{row.pk}__start": "Jan 2024", f"fix__{row.pk}__remove": "on"},
    )

    assert rows_of(scene.patient) == []
    assert latest_change_of(row, op="D").reason == "read again"
    assert not TreatmentAnswer.objects.exists()


def test_a_stop_taken_back_makes_it_ongoing_and_takes_the_answer_back(person, scene):
    row = make_treatment(scene.patient)
    person.post(address(scene.patient), typed(**{f"_{row.pk}": "stopped", f"_{row.pk}__on": "Aug 2024"}))

    change(person, scene.patient, **{f"fix__{row.pk}__start": "Jan 2024", f"fix__{row.pk}__stop": ""})

    assert rows_of(scene.patient) == [("mycophenolate", "2024-01", "", None)]
    assert not TreatmentAnswer.objects.exists()


def test_an_unchanged_form_leaves_no_trace_in_the_trail(person, scene):
    row = make_treatment(scene.patient, "prednisolone", "2024-03-01")
    fields = {f"_{row.pk}": "same", "complete": "on"}
    person.post(address(scene.patient), typed(**fields))
    before = AuditEvent.objects.filter(tbl__startswith="registry_treatment").count()

    change(
        person,
        scene.patient,
        **fields,
        **{f"fix__{row.pk}__start": "1 Mar 2024", f"fix__{row.pk}__stop": "", f"fix__{row.pk}__dose": "5"},
    )

    assert AuditEvent.objects.filter(tbl__startswith="registry_treatment").count() == before


def test_the_change_form_shows_what_was_answered(person, scene):
    row = make_treatment(scene.patient)
    person.post(address(scene.patient), typed(**{f"_{row.pk}": "same"}, complete="on"))

    page = person.get(address(scene.patient)).content.decode()

    assert f'name="treatments-{row.pk}" value="same" checked' in page
    assert 'name="treatments-complete" value="on" checked' in page
    assert f'name="treatments-fix-{row.pk}-start" value="Jan 2024"' in page


def test_drug_free_is_said_from_the_day_of_a_complete_list(person, scene):
    row = make_treatment(scene.patient)
    before = person.get(address(scene.patient)).content.decode()
    person.post(
        address(scene.patient),
        typed(**{f"_{row.pk}": "stopped", f"_{row.pk}__on": "1 Mar 2024"}, complete="on"),
    )
    after = person.get(address(scene.patient)).content.decode()

    assert "not drug-free, since mycophenolate was taken on" in before
    assert "drug-free since 1 Mar 2024" in after


def test_vaccines_and_prophylaxis_are_kept(person, scene):
    before = person.get(address(scene.patient)).content.decode()
    answer = person.post(
        address(scene.patient),
        typed(
            "prevention",
            vaccine__0__agent="pneumococcal_conjugate",
            vaccine__0__start="Oct 2023",
            vaccine__0__name="PCV20",
            **new("cotrimoxazole", "1 Mar 2024", "", "480 mg"),
        ),
    )
    after = person.get(address(scene.patient)).content.decode()

    assert answer.status_code == 302
    assert rows_of(scene.patient) == [
        ("pneumococcal_conjugate", "2023-10", "2023-10", None),
        ("cotrimoxazole", "2024-03-01", "", "480 mg"),
    ]
    assert "Pneumococcal vaccination:</strong> none recorded." in before
    assert "Pneumococcal vaccination:</strong> recorded." in after
    assert "Co-trimoxazole 480 mg" in after


def test_two_doses_of_one_month_need_their_days(person, scene):
    rows = {f"vaccine__{n}__agent": "hepatitis_b" for n in (0, 1)}

    together = person.post(
        address(scene.patient),
        typed("prevention", **rows, **{f"vaccine__{n}__start": "Mar 2024" for n in (0, 1)}),
    )
    apart = person.post(
        address(scene.patient),
        typed("prevention", **rows, vaccine__0__start="1 Mar 2024", vaccine__1__start="29 Mar 2024"),
    )

    assert (together.status_code, apart.status_code) == (422, 302)


def test_a_treatment_of_another_patient_is_none_of_this_form(person, scene):
    theirs = make_treatment(scene.low)

    person.post(
        address(scene.patient), typed(**{f"_{theirs.pk}": "stopped", f"_{theirs.pk}__on": "Aug 2024"})
    )

    assert rows_of(scene.low) == [("mycophenolate", "2024-01", "", None)]


def test_two_people_see_each_others_answers(person, scene):
    row = make_treatment(scene.patient)
    person.post(address(scene.patient), typed(**{f"_{row.pk}": "same"}))

    late = person.post(address(scene.patient), typed(**new("azathioprine", "1 Mar 2024")))

    assert late.status_code == 409
    assert "Azathioprine" in late.content.decode()
    assert Treatment.objects.count() == 1


def test_the_review_names_every_answer_before_it_is_saved(person, scene):
    row = make_treatment(scene.patient)
    fields = {
        **new("prednisolone", "1 Mar 2024", "", "5"),
        f"_{row.pk}": "stopped",
        f"_{row.pk}__on": "Aug 2024",
    }

    page = person.post(
        address(scene.patient), {**typed(**fields, complete="on"), "step": "review"}
    ).content.decode()

    assert "No, stopped, Aug 2024" in page
    assert "Prednisolone 5, 1 Mar 2024, ongoing" in page
    assert not Visit.objects.filter(patient=scene.patient, code="M6").exists()


@pytest.mark.parametrize(("answer", "is_open"), [("", True), ("same", False)])
def test_a_treatment_nobody_asked_about_stays_open_before_and_after_saving(person, scene, answer, is_open):
    row = make_treatment(scene.patient)
    sent = typed(**{f"_{row.pk}": answer})
    words = "Not asked about: Mycophenolate"

    review = person.post(address(scene.patient), {**sent, "step": "review"}).content.decode()
    saved = person.post(address(scene.patient), sent, follow=True).content.decode()

    assert (words in review, words in saved) == (is_open, is_open)


def test_a_treatment_begun_after_the_visit_is_not_asked_in_its_change(person, scene):
    person.post(address(scene.patient), typed())
    later = make_treatment(scene.patient, started_on="2024-08-31")
    earlier = make_treatment(scene.patient, "azathioprine", started_on="2024-08-29")

    page = person.get(address(scene.patient)).content.decode()

    assert date(2024, 8, 30) == Visit.objects.get(code="M6", patient=scene.patient).visited_on
    assert f'name="treatments-{earlier.pk}"' in page
    assert f'name="treatments-{later.pk}"' not in page


def told_in_spring(patient, **facts):
    """A treatment that an earlier visit told of, and whose lock closes it."""
    spring = Visit.objects.get(patient=patient, code="M3")
    row = make_treatment(patient, dose="1 g", visit=spring, **facts)
    make_lock(visit=spring)
    return row


def test_what_a_locked_visit_told_is_shown_and_offered_to_nobody_for_correction(person, scene):
    person.post(address(scene.patient), typed())
    row = told_in_spring(scene.patient)

    page = person.get(address(scene.patient)).content.decode()

    assert "Told at visits that are locked" in page
    assert "Visit M3" in page.split("Told at visits that are locked")[1].split("is locked</span>")[0]
    assert f"treatments-fix-{row.pk}" not in page
    assert f'name="treatments-{row.pk}"' in page, "whether it is still taken is asked as before"
    changed = change(person, scene.patient, **{f"_{row.pk}": "stopped", f"_{row.pk}__on": "4 Aug 2024"})
    assert changed.status_code == 302
    assert rows_of(scene.patient) == [("mycophenolate", "2024-01", "2024-08-04", "1 g")]


def test_a_correction_typed_before_the_lock_comes_back_with_the_reason_why_not(person, scene):
    person.post(address(scene.patient), typed())
    row = told_in_spring(scene.patient)

    answer = change(
        person,
        scene.patient,
        **{f"fix__{row.pk}__start": "Jan 2024", f"fix__{row.pk}__stop": "", f"fix__{row.pk}__dose": "2 g"},
    )

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "it was told at a visit that is locked" in page
    assert "Visit M3 of patient" in page
    assert 'value="2 g"' in page
    assert rows_of(scene.patient) == [("mycophenolate", "2024-01", "", "1 g")]
