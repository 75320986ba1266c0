"""Correcting the first report of an event on its page: what it said stays one click away."""

import re
from datetime import date

import pytest

from registry.models import AdverseEvent, CrsDetails, Draft, InfectionDetails
from tests import factories
from tests.web.test_events import address, event_data, new_events

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


@pytest.fixture
def event(person, scene):
    person.post(address(scene.patient), event_data())
    return new_events(scene.patient).get()


def place(event):
    return f"{address(event.patient)}{event.pk}/correct/"


def shown(page):
    """The form as a browser would send it once more: every field with what it shows."""
    form = page.split('data-draft="')[1].split("</form>")[0]
    data = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name is None or (("radio" in tag or "checkbox" in tag) and "checked" not in tag):
            continue
        data.setdefault(name[1], []).append(value[1] if value else "")
    for name, options in re.findall(r'<select name="([^"]*)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        data[name] = chosen[1] if chosen else ""
    for name, words in re.findall(r'<textarea name="([^"]*)"[^>]*>\s*(.*?)</textarea>', form, re.DOTALL):
        data[name] = words
    return data


def send(person, event, **typed):
    page = person.get(place(event)).content.decode()
    return person.post(place(event), {**shown(page), "step": "save", **typed})


def test_the_form_shows_the_report_as_it_is_recorded(person, event):
    before = AdverseEvent.objects.values().get(pk=event.pk)

    answer = send(person, event, reason="nothing")

    assert answer.status_code == 422
    assert "Nothing is corrected." in answer.content.decode()
    assert AdverseEvent.objects.values().get(pk=event.pk) == before


def test_a_corrected_onset_shows_and_what_it_said_stays_on_the_page(person, event):
    onset = {"started_on_day": "12", "started_on_month": "4"}
    answer = send(person, event, **onset, reason="misread in the letter")

    assert answer.status_code == 302
    event.refresh_from_db()
    assert event.started_on == "2024-04-12"
    page = person.get(answer["Location"]).content.decode()
    correction = page.split("Corrections of the first report")[1].split("</ul>")[0]
    for words in ("began on: May 2024 → day 42, 12 Apr 2024", "misread in the letter", "coordinator"):
        assert words in correction
    assert "12 Apr 2024" in page.split("Began</dt>")[1][:80]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"reason": ""}, "Say why the report was wrong."),
        ({"term": "", "reason": "x"}, "Write what happened"),
        ({"started_on_month": "13", "reason": "x"}, "13 is not a month"),
        ({"aware_on_day": "", "aware_on_month": "", "aware_on_year": "", "reason": "x"}, "became aware"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_comes_back(person, event, typed, words):
    answer = send(person, event, **{"outcome_words": "seen again", **typed})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error: Correct the first report" in page
    assert words in page or "term" in typed
    assert 'value="seen again"' in page


def test_checking_stores_nothing_and_says_what_would_change(person, event):
    answer = send(person, event, term="Lymphoma of the skin", reason="x", step="check")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Nothing is stored yet" in page
    table = page.split("What your correction changes</h2>")[1].split("</table>")[0]
    assert "Cutaneous T-cell lymphoma" in table
    assert "Lymphoma of the skin" in table
    event.refresh_from_db()
    assert event.term == "Cutaneous T-cell lymphoma"


def test_of_two_people_the_second_sees_both_and_may_go_on(person, event):
    opened = shown(person.get(place(event)).content.decode())
    send(person, event, term="Mycosis fungoides", reason="pathology")

    answer = person.post(place(event), {**opened, "term": "Rash", "reason": "second opinion", "step": "save"})

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody corrected this report while you were typing" in page
    table = page.split("What your correction changes</h2>")[1].split("</table>")[0]
    assert "Mycosis fungoides" in table
    assert "Rash" in table
    assert person.post(place(event), {**shown(page), "step": "save"}).status_code == 302
    event.refresh_from_db()
    assert event.term == "Rash"


def test_an_imported_event_needs_no_day_of_awareness(person, scene):
    event = factories.make_event(patient=scene.patient, term="Headache", started_on="2024-05")

    assert send(person, event, term="Migraine", reason="pathology").status_code == 302


def test_under_a_lock_nothing_is_offered_to_type(person, event):
    factories.make_lock(patient=event.patient)

    page = person.get(place(event)).content.decode()

    assert "is locked" in page
    assert "Save the correction" not in page


def test_who_does_not_enter_is_not_led_there(as_user, officer, event):
    page = as_user(officer).get(f"{address(event.patient)}{event.pk}/").content.decode()

    assert "Correct this report" not in page
    assert as_user(officer).get(place(event)).status_code == 403


def test_a_draft_of_a_correction_comes_back_and_ends_with_it(person, event):
    data = shown(person.get(place(event)).content.decode())
    person.post(f"/patients/{event.patient.public_id}/drafts/", {**data, "term": "Typed so far"})

    page = person.get(place(event)).content.decode()
    assert 'value="Typed so far"' in page
    assert person.post(place(event), {**shown(page), "reason": "x", "step": "save"}).status_code == 302

    assert not Draft.objects.filter(payload__isnull=False).exists()


def test_an_event_of_another_patient_is_not_found(person, event, scene):
    elsewhere = f"{address(scene.low)}{event.pk}/correct/"

    assert person.get(elsewhere).status_code == 404


def test_a_draft_is_not_saved_over_a_correction_that_it_has_not_seen(person, event):
    data = shown(person.get(place(event)).content.decode())
    person.post(f"/patients/{event.patient.public_id}/drafts/", {**data, "outcome_words": "typed so far"})
    AdverseEvent.objects.filter(pk=event.pk).update(term="Mycosis fungoides")
    page = person.get(place(event)).content.decode()
    assert "Somebody corrected this report while you were typing" in page

    answer = person.post(place(event), {**shown(page), "reason": "x", "step": "save"})

    assert answer.status_code == 409
    assert "Mycosis fungoides" in answer.content.decode().split("What your correction changes</h2>")[1]
    event.refresh_from_db()
    assert event.term == "Mycosis fungoides"


def test_a_form_sent_back_is_not_saved_over_a_correction_that_it_has_not_seen(person, event):
    opened = shown(person.get(place(event)).content.decode())
    AdverseEvent.objects.filter(pk=event.pk).update(term="Mycosis fungoides")
    sent_back = person.post(place(event), {**opened, "outcome_words": "seen", "step": "save"})
    assert sent_back.status_code == 422

    answer = person.post(place(event), {**shown(sent_back.content.decode()), "reason": "x", "step": "save"})

    assert answer.status_code == 409
    event.refresh_from_db()
    assert event.term == "Mycosis fungoides"


def test_answers_to_questions_of_a_category_that_was_corrected_do_not_go_in_silence(person, scene):
    event = factories.make_event(patient=scene.patient, term="Fever", category="crs", started_on="2024-05")
    follow_up = f"{address(scene.patient)}{event.pk}/follow-up/"
    dated = {"reported_on_day": "1", "reported_on_month": "8", "reported_on_year": "2024"}
    data = {**shown(person.get(follow_up).content.decode()), **dated, "narrative": "at home"}
    data["crs-has_fever"] = "yes"
    person.post(f"/patients/{scene.patient.public_id}/drafts/", data)
    AdverseEvent.objects.filter(pk=event.pk).update(category="infection")
    words = "The category was corrected to “Infection” while you were typing."

    draft = person.get(follow_up).content.decode()
    answer = person.post(follow_up, {**data, "step": "save"})

    page = answer.content.decode()
    assert words in draft
    assert answer.status_code == 422
    assert words in page
    assert "at home" in page
    assert not event.follow_ups.exists()
    assert person.post(follow_up, {**shown(page), "step": "save"}).status_code == 302


# --- the facts of the category --------------------------------------------------------------------

CRS = {
    "crs-has_fever": "yes",
    "crs-is_fever_explained": "no",
    "crs-hypotension": "no_vasopressor",
    "crs-hypoxia": "low_flow",
}


@pytest.fixture
def crs(person, scene):
    """Grade 2, as computed from its answers."""
    data = event_data(term="Fever", category="crs", grade="", grade_scale="", code="", code_system="", **CRS)
    assert person.post(address(scene.patient), data).status_code == 302
    return AdverseEvent.objects.get(patient=scene.patient, term="Fever")


def test_the_answers_of_the_category_are_shown_as_recorded_and_saved_unchanged_say_nothing(person, crs):
    before = CrsDetails.objects.values().get(event=crs)

    page = person.get(place(crs)).content.decode()
    answer = send(person, crs, reason="nothing")

    assert 'name="crs-hypoxia" value="low_flow" checked' in re.sub(r' (id|class)="[^"]*"', "", page)
    assert "Computed by ASTCT:</strong> Grade 2" in page
    assert answer.status_code == 422
    assert "Nothing is corrected." in answer.content.decode()
    assert CrsDetails.objects.values().get(event=crs) == before


def test_corrected_answers_show_before_they_are_saved_and_what_they_said_after(person, crs):
    typed = {"crs-hypoxia": "high_flow", "grade": "3", "reason": "misread"}

    checked = send(person, crs, **typed, step="check").content.decode()
    table = checked.split("What your correction changes</h2>")[1].split("</table>")[0]
    assert re.search(r"Hypoxia.*low-flow.*high-flow", table, re.DOTALL | re.IGNORECASE)
    assert CrsDetails.objects.get(event=crs).hypoxia == "low_flow"

    answer = send(person, crs, **typed)
    page = person.get(answer["Location"]).content.decode()
    corrections = page.split("Corrections of the first report")[1].split("</ul>")[0]
    assert re.search(r"grade: .*2.* → .*3.*hypoxia: .* → .*Reason: misread", corrections, re.DOTALL)
    assert corrections.count("Corrected</strong>") == 1
    assert CrsDetails.objects.get(event=crs).computed_grade == 3
    history = person.get(f"/patients/{crs.patient.public_id}/history/").content.decode()
    assert "CRS in detail" in history
    assert "misread" in history


def test_a_grade_other_than_the_computed_one_is_asked_for_a_reason_and_shown_with_it(person, crs):
    asked = send(person, crs, grade="3", reason="misread")
    page = asked.content.decode()
    assert asked.status_code == 422
    assert "The answers compute grade 2, and grade 3 is given." in page
    assert 'href="#id_crs-grade_reason"' in page

    why = {"crs-grade_reason": "The intensivist saw him at night."}
    saved = send(person, crs, grade="3", reason="misread", **why)

    assert saved.status_code == 302
    shown_page = person.get(saved["Location"]).content.decode()
    grade = shown_page.split("<dt>Grade</dt>")[1].split("</div>")[0]
    assert "computed: grade 2. Another is given: The intensivist saw him at night." in grade
    follow_up = person.get(f"{address(crs.patient)}{crs.pk}/follow-up/").content.decode()
    assert "computed: grade 2; another is given: The intensivist saw him at night." in follow_up


def test_of_two_people_the_second_sees_the_other_answers(person, crs):
    opened = shown(person.get(place(crs)).content.decode())
    send(person, crs, reason="charts", **{"crs-steroids_given": "yes"})

    answer = person.post(
        place(crs), {**opened, "crs-tocilizumab_given": "yes", "reason": "letter", "step": "save"}
    )

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody corrected this report while you were typing" in page
    table = page.split("What your correction changes</h2>")[1].split("</table>")[0]
    assert "Steroids given" in table
    assert "Tocilizumab or another anti-cytokine given" in table
    assert CrsDetails.objects.get(event=crs).tocilizumab_given is None


def test_a_page_without_the_questions_empties_no_answers(person, crs):
    data = {
        name: value
        for name, value in shown(person.get(place(crs)).content.decode()).items()
        if not name.startswith("crs-")
    }

    answer = person.post(place(crs), {**data, "term": "Fever again", "reason": "x", "step": "save"})

    assert answer.status_code == 302
    assert CrsDetails.objects.get(event=crs).hypoxia == "low_flow"


def test_another_category_is_answered_in_the_same_correction(person, crs):
    typed = {"category": "infection", "infection-site": "lung", "infection-treatment": "oral"}

    answer = send(person, crs, **typed, grade="2", grade_scale="CTCAE-5", reason="a culture came back")

    assert answer.status_code == 302
    assert InfectionDetails.objects.get(event=crs, number=0).site == "lung"
    page = person.get(answer["Location"]).content.decode()
    assert "site of the infection: (empty) → Lung" in page.split("Corrections of the first report")[1]


def test_what_a_follow_up_answered_anew_is_said(person, crs):
    follow_up = f"{address(crs.patient)}{crs.pk}/follow-up/"
    dated = {"reported_on_day": "1", "reported_on_month": "8", "reported_on_year": "2024"}
    data = {**shown(person.get(follow_up).content.decode()), **dated, "crs-steroids_given": "yes"}
    assert person.post(follow_up, {**data, "step": "save"}).status_code == 302

    assert "Follow-up 1 answered these questions anew" in person.get(place(crs)).content.decode()


def test_a_first_report_told_at_a_locked_visit_is_not_offered_for_correction(person, crs):
    visit = factories.make_visit(patient=crs.patient, code="M6", visited_on=date(2024, 8, 30))
    AdverseEvent.objects.filter(pk=crs.pk).update(visit=visit)
    factories.make_lock(visit=visit)

    page = person.get(f"{address(crs.patient)}{crs.pk}/").content.decode()
    form = person.get(place(crs)).content.decode()

    assert "Correct this report" not in page
    assert "which is locked: it is not corrected" in page
    assert "Follow up</a>" in page
    assert "Save the correction" not in form
    assert "Nothing can be saved here while it is locked." in form


def test_an_event_named_at_a_visit_that_was_locked_since_is_recorded_by_itself(person, scene):
    visit = factories.make_visit(patient=scene.patient, code="M6", visited_on=date(2024, 8, 30))
    factories.make_lock(visit=visit)
    after = f"{address(scene.patient)}?after=M6&day_zero={visit.course.day_zero.isoformat()}"

    assert person.post(after, event_data(term="Told too late")).status_code == 302

    assert AdverseEvent.objects.get(term="Told too late").visit is None


def test_neither_a_correction_nor_the_history_tells_an_officer_the_label_before_their_own(
    as_user, person, officer, scene
):
    words = {"licats-organ": "skin", "licats-care": "none", "licats-investigator_label": "licats"}
    data = event_data(term="Rash", category="licats", grade="", grade_scale="", code="", code_system="")
    assert person.post(address(scene.patient), {**data, **words}).status_code == 302
    rash = AdverseEvent.objects.get(patient=scene.patient, term="Rash")
    typed = {"licats-investigator_label": "flare", "licats-finding": "Both arms", "reason": "read again"}
    assert send(person, rash, **typed).status_code == 302
    record, page = f"/patients/{scene.patient.public_id}/", f"{address(scene.patient)}{rash.pk}/"

    def told(reader):
        reports = reader.get(page).content.decode().split("Corrections of the first report")[1]
        history, file = (reader.get(f"{record}history{end}").content.decode() for end in ("/", ".csv"))
        return "your label" in reports, "nvestigator label" in history, "nvestigator label" in file

    assert told(person) == (True, True, True)
    assert told(as_user(officer)) == (False, False, False)
    as_user(officer).post(page, {"version": "1", "label": "flare", "reason": "Histology."})
    assert told(as_user(officer)) == (True, True, True)
