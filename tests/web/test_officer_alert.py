"""The review page of one alert: why, values, plot, context, log, and the decision."""

import html
import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.actions import alerts
from registry.models import Alert, AlertMove, LabResult, Treatment
from registry.templatetags.words import moment
from tests.exchange.invented_meddra import write_dictionary
from tests.factories import DAY_0, NIGHT, make_alert, make_event, make_patient, make_result, make_visit
from tests.web.officer_record import LOW_FOR_A_MONTH, MORNING, alert_of, judge, page_of, write

REASON = "Counts recovered without support, bone marrow normal."
EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script> lymphoma'


@pytest.fixture
def alert(patient):
    write(patient=patient, table=LOW_FOR_A_MONTH)
    judge()
    return alert_of(patient=patient)


def read(answer):
    """The page as a person reads it, in one line."""
    page = re.sub(r"<svg.*?</svg>", " ", answer.content.decode(), flags=re.DOTALL)
    # A cell or a line ends a word; a link or a mark inside a sentence does not.
    apart = re.sub(r"</?(?:t[hd]|li|d[td]|p|h\d|small)\b[^>]*>", " ", page)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", apart)))


def decide(person, alert, *, decision="not_confirmed", reason=REASON, follow=True):
    return person.post(
        f"{page_of(alert=alert)}decide/", {"decision": decision, "reason": reason}, follow=follow
    )


# --- what is read -------------------------------------------------------------------------------


def test_why_flagged_carries_the_numbers_of_the_evidence(as_user, officer, alert):
    page = read(as_user(officer).get(page_of(alert=alert)))

    assert (
        "Neutrophils were below 1.0 ×10⁹/L from 4 Mar 2024 (day 3) to 5 Apr 2024 (day 35): 32 days, more "
        "than the limit of 28. Deepest: <0.1 ×10⁹/L on 29 Mar 2024 (day 28). Recovered on "
        "12 Apr 2024 (day 42)."
    ) in page
    assert "Rule prolonged_cytopenia version 1" in page
    assert "What would change this" in page


def test_every_day_the_sentence_links_to_is_a_row_of_the_values(as_user, officer, alert):
    page = as_user(officer).get(page_of(alert=alert)).content.decode()

    anchors = set(re.findall(r'href="#(values-[\d-]+)"', page))
    assert len(anchors) == 3
    assert all(f'<tr id="{anchor}"' in page for anchor in anchors)


def values_on(answer):
    """The values table: day, as entered, canonical, both grades, what it counts as."""
    body = re.search(r'<table class="values">.*?<tbody>(.*?)</tbody>', answer.content.decode(), re.DOTALL)[1]
    rows = []
    for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL):
        cells = re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)
        rows.append([html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", c))).strip() for c in cells])
    return rows


def test_the_values_stand_as_entered_canonical_graded_twice_and_counted(as_user, officer, patient):
    make_result(
        patient=patient, collected_on=DAY_0 + timedelta(days=5), value="400", unit="/uL", lower_limit="1500"
    )
    write(
        patient=patient,
        table="""
            day | ANC  | given
            ----+------+------
             14 |      | g_csf
             15 | 1.9  |
             34 | <0.5 |
             40 | <1.5 |
             41 | 1.5  |
             42 | 1.6  |
             43 | 1.7  |
        """,
    )
    judge()

    rows = values_on(as_user(officer).get(page_of(alert=alert_of(patient=patient))))

    assert rows == [
        ["day 5, 6 Mar 2024", "400 /µL", "0.4", "grade 4", "grade 3", "● used as evidence low"],
        ["day 15, 16 Mar 2024", "1.9 ×10⁹/L", "1.9", "grade 0 or 1", "grade 0", "lifted by a support"],
        ["day 34, 4 Apr 2024", "<0.5 ×10⁹/L", "<0.5", "grade 4", "grade 3 or 4", "● used as evidence low"],
        ["day 40, 10 Apr 2024", "<1.5 ×10⁹/L", "<1.5", "grade 2 to 4", "grade 1 to 4", "not evaluable"],
        ["day 41, 11 Apr 2024", "1.5 ×10⁹/L", "1.5", "grade 0 or 1", "grade 0", "recovery"],
        ["day 42, 12 Apr 2024", "1.6 ×10⁹/L", "1.6", "grade 0 or 1", "grade 0", "confirms the recovery"],
        ["day 43, 13 Apr 2024", "1.7 ×10⁹/L", "1.7", "grade 0 or 1", "grade 0", "confirms the recovery"],
    ]


def test_a_value_used_and_corrected_since_stays_with_its_correction(as_user, officer, alert):
    used = LabResult.objects.get(patient=alert.patient, value="0.8")
    newer = make_result(patient=alert.patient, collected_on=used.collected_on, value="0.9")
    LabResult.objects.filter(pk=used.pk).update(
        superseded_by=newer, superseded_at=MORNING, superseded_reason="typing error"
    )

    rows = values_on(as_user(officer).get(page_of(alert=alert)))

    assert [row[-1] for row in rows if row[0].startswith("day 35")] == [
        "● used as evidence corrected since: now 0.9 ×10⁹/L",
        "low",
    ]


def test_a_corrected_value_says_what_it_was(as_user, officer, alert):
    recovered = LabResult.objects.get(patient=alert.patient, value="1.5")
    newer = make_result(patient=alert.patient, collected_on=recovered.collected_on, value="1.2")
    LabResult.objects.filter(pk=recovered.pk).update(
        superseded_by=newer, superseded_at=MORNING, superseded_reason="typing error"
    )

    rows = values_on(as_user(officer).get(page_of(alert=alert)))

    assert [row[-1] for row in rows if row[0].startswith("day 42")] == ["recovery, corrected, was 1.5 ×10⁹/L"]


def test_the_low_day_of_the_landmark_is_marked_as_its_evidence(as_user, officer, alert):  # LMK-1
    landmark = alert_of(patient=alert.patient, rule="unresolved_at_day_28")

    rows = values_on(as_user(officer).get(page_of(alert=landmark)))

    assert [row[0] for row in rows if "used as evidence" in row[-1]] == ["day 28, 29 Mar 2024"]


def test_whom_it_is_about_stands_at_the_head(as_user, officer, alert):
    alert.patient.follow_up_ended_on = DAY_0 + timedelta(days=60)
    alert.patient.follow_up_end_reason = "death"
    alert.patient.save()

    page = read(as_user(officer).get(page_of(alert=alert)))

    assert f"{alert.patient.get_sex_display()}, born {alert.patient.birth_year}." in page
    assert alert.patient.get_diagnosis_display() in page
    assert "Follow-up ended day 60, 30 Apr 2024: " in page


def test_the_plot_shows_limit_run_day_0_and_hollow_values(as_user, officer, alert):
    page = as_user(officer).get(page_of(alert=alert)).content.decode()

    svg = re.search(r"<svg.*?</svg>", page, re.DOTALL)[0]
    for words in ("limit 1.0 ×10⁹/L", ">32 d<", ">day 0<", "plot__point--lifted", "plot__point--below"):
        assert words in svg
    assert "style=" not in page


def test_haemoglobin_is_plotted_on_a_linear_axis(as_user, officer, patient):
    write(
        patient=patient,
        table="""
        day | HGB
        ----+----
          5 | 70
         20 | 75
         34 | 79
    """,
    )
    judge()

    page = as_user(officer).get(page_of(alert=alert_of(patient=patient))).content.decode()

    assert "g/L (linear)" in page


def test_a_malignancy_shows_the_words_in_their_text_and_what_was_dropped(as_user, officer, patient):  # MAL-11
    make_event(
        patient=patient,
        event_id="AE-9",
        term="Rash",
        started_on="2024-05-02",
        narrative="Biopsy reads T-cell lymphoma. Mother had breast cancer.",
    )
    judge()

    answer = as_user(officer).get(page_of(alert=alert_of(patient=patient, rule="secondary_malignancy")))

    assert "<mark>T-cell lymphoma</mark>" in answer.content.decode()
    assert "“breast cancer”: it is about somebody else (“Mother”)" in read(answer)


def test_a_code_in_meddra_is_shown_with_the_term_of_the_loaded_dictionary(
    as_user, officer, patient, tmp_path
):  # MAL-11; the dictionary is invented
    call_command("load_dictionary", "meddra", str(write_dictionary(tmp_path)))
    make_event(
        patient=patient,
        event_id="AE-9",
        term="Ear thing",
        started_on="2024-05-02",
        code_system="MedDRA",
        code="90000002",
    )
    judge()

    answer = as_user(officer).get(page_of(alert=alert_of(patient=patient, rule="secondary_malignancy")))

    said = read(answer)
    assert "MedDRA 90000002, in the dictionary: Lumps of the left ear" in said
    assert "MedDRA 27.0" in said


def test_an_overdue_visit_shows_the_latest_contact_and_the_visits_made(as_user, officer, patient):
    make_visit(patient=patient, code="D14", visited_on=DAY_0 + timedelta(days=14))
    judge()

    page = read(as_user(officer).get(page_of(alert=alert_of(patient=patient, rule="overdue_visit"))))

    assert "Latest contact: day 14, 15 Mar 2024." in page
    assert "D14 Completed day 14, 15 Mar 2024" in page


def test_a_resolved_visit_says_when_it_was_made_and_entered(as_user, officer, patient):  # OVD-9
    visit = make_visit(patient=patient, code="D28", visited_on=DAY_0 + timedelta(days=40))
    late = make_alert(patient=patient, rule="overdue_visit", subject=f"D28@{DAY_0}", state="resolved")
    AlertMove.objects.create(
        alert=late,
        patient=patient,
        kind="resolved",
        from_state="open",
        to_state="resolved",
        at=MORNING,
        rule_version=1,
        evidence={},
    )

    page = read(as_user(officer).get(page_of(alert=late)))

    assert "Resolved by a change of the record on 29 Jun 2024, 08:00 (Vienna time)." in page
    assert f"Visit D28: day 40, 10 Apr 2024, entered {moment(visit.entered_at, 'Europe/Vienna')}." in page
    assert "What would change this" not in page


def test_context_is_what_lies_within_a_month_of_the_alert(as_user, officer, alert):
    # First low day 3, last low day 35.
    for term, on in (
        ("Too early", "2024-02-02"),
        ("Just before", "2024-02-03"),
        ("Some time in May", "2024-05"),
        ("Just after", "2024-05-05"),
        ("Too late", "2024-05-06"),
    ):
        make_event(patient=alert.patient, term=term, started_on=on)

    page = read(as_user(officer).get(page_of(alert=alert)))

    assert [
        t for t in ("Too early", "Just before", "Some time in May", "Just after", "Too late") if t in page
    ] == [
        "Just before",
        "Some time in May",
        "Just after",
    ]


def test_drugs_taken_within_a_month_of_the_alert_stand_beside_it(as_user, officer, alert):
    # First low day 3, last low day 35: what was taken from day −27 to day 65.
    for agent, started_on, stopped_on, dose in (
        ("cyclophosphamide", "2024-01", "2024-02-02", ""),  # stopped on day −28
        ("azathioprine", "2023", "2024-02-03", ""),  # on day −27
        ("mycophenolate", "2022-05", "", "1 g twice a day"),  # goes on
        ("cotrimoxazole", "2024-05-05", "", ""),  # from day 65
        ("methotrexate", "2024-05-06", "", ""),  # from day 66
    ):
        Treatment.objects.create(
            patient=alert.patient, agent=agent, started_on=started_on, stopped_on=stopped_on, dose=dose,
            entered_at=NIGHT, origin="form",
        )  # fmt: skip

    page = read(as_user(officer).get(page_of(alert=alert)))

    assert "May 2022, no stop recorded: Mycophenolate" in page
    assert "1 g twice a day" in page
    assert "2023 to day −27, 3 Feb 2024: Azathioprine" in page
    assert "day 65, 5 May 2024, no stop recorded: Co-trimoxazole" in page
    assert not [name for name in ("Cyclophosphamide", "Methotrexate") if name in page]


def test_other_alerts_and_decisions_of_the_patient_stand_beside_it(as_user, officer, alert):
    overdue = alert_of(patient=alert.patient, rule="overdue_visit")
    decide(as_user(officer), overdue, decision="confirmed", reason="Patient moved abroad.")

    page = read(as_user(officer).get(page_of(alert=alert)))

    assert "Follow-up visit overdue: Visit D28" in page
    assert "Follow-up visit overdue, confirmed. “Patient moved abroad.”" in page


def test_evidence_that_cannot_be_told_is_still_shown(as_user, officer, patient):
    alert = make_alert(patient=patient, evidence={"lineage": "ANC"})

    page = read(as_user(officer).get(page_of(alert=alert)))

    assert "cannot be put into a sentence" in page
    assert "lineage ANC" in page


def test_an_alert_found_late_says_when_and_since_when_nobody_looked(as_user, officer, alert):
    page = read(as_user(officer).get(page_of(alert=alert)))
    assert "Found late" not in page

    Alert.objects.filter(pk=alert.pk).update(late_since=MORNING - timedelta(days=3))
    page = read(as_user(officer).get(page_of(alert=alert)))

    assert (
        "Found late, on 29 Jun 2024, 08:00 (Vienna time). The checks had not looked at this patient since "
        "26 Jun 2024, 08:00 (Vienna time)."
    ) in page


# --- what changed since -----------------------------------------------------------------------


def test_new_evidence_on_a_decided_alert_says_what_is_new(as_user, officer, alert):  # G-8
    decide(as_user(officer), alert)
    make_result(patient=alert.patient, collected_on=DAY_0 + timedelta(days=43), value="0.3")
    judge(at=MORNING + timedelta(days=1))

    page = read(as_user(officer).get(page_of(alert=alert)))

    assert "New since your decision." in page
    assert "certain days 32 days 40 days" in page
    assert "last low on 5 Apr 2024 (day 35) 13 Apr 2024 (day 43)" in page
    assert "low values 6 7" in page
    assert "Open again. Earlier decision: Not confirmed by officer" in page
    assert f"“{REASON}”" in page


def test_the_second_officer_reads_whose_decision_it_was(as_user, officer, other_officer, alert):
    decide(as_user(officer), alert)
    make_result(patient=alert.patient, collected_on=DAY_0 + timedelta(days=43), value="0.3")
    judge(at=MORNING + timedelta(days=1))

    assert "New since the decision. officer decided" in read(as_user(other_officer).get(page_of(alert=alert)))


def test_a_decided_alert_without_ground_says_so_and_keeps_what_was_seen(as_user, officer, alert):  # G-8
    decide(as_user(officer), alert)
    LabResult.objects.filter(patient=alert.patient, analyte="ANC", value__lt=1).update(
        superseded_at=MORNING, superseded_reason="wrong patient"
    )
    judge(at=MORNING + timedelta(days=1))

    page = read(as_user(officer).get(page_of(alert=alert)))

    assert "Ground gone." in page
    assert "32 days, more than the limit of 28" in page
    assert "taken back since" in page


def test_two_alerts_joined_by_a_late_result_lead_to_each_other(as_user, officer, alert):
    younger = make_alert(
        patient=alert.patient,
        first_on=DAY_0 + timedelta(days=100),
        last_on=DAY_0 + timedelta(days=140),
        state="withdrawn",
        merged_into=alert,
    )
    person = as_user(officer)

    assert (
        f'href="{page_of(alert=alert)}">an older alert' in person.get(page_of(alert=younger)).content.decode()
    )
    assert (
        f'href="{page_of(alert=younger)}">a younger alert'
        in person.get(page_of(alert=alert)).content.decode()
    )


def test_the_log_says_who_when_from_which_state_to_which_and_why(as_user, officer, alert):
    person = as_user(officer)
    person.post(f"{page_of(alert=alert)}acknowledge/")
    decide(person, alert)

    page = read(person.get(page_of(alert=alert)))

    log = page[page.index("Log") :]
    assert "Decided Acknowledged → Dismissed" in log
    assert "Acknowledged Open → Acknowledged" in log
    assert "rule prolonged_cytopenia version 1" in log
    assert log.index("Decided") < log.index("Raised")


# --- text stays text --------------------------------------------------------------------------


def test_an_event_term_is_never_markup_on_any_page_of_the_officer(as_user, officer, patient):
    write(patient=patient, table=LOW_FOR_A_MONTH)
    make_event(patient=patient, event_id=EVIL[:40], term=EVIL, started_on="2024-04-02", narrative=EVIL)
    judge()
    person = as_user(officer)

    found = [
        page_of(alert=alert_of(patient=patient, rule="secondary_malignancy")),
        page_of(alert=alert_of(patient=patient)),
        "/alerts/?state=possible",
        "/alerts/",
    ]
    for address in found:
        page = person.get(address).content.decode()
        assert "onerror" in page
        assert "<img" not in page
        assert "<script>alert" not in page


# --- what is decided --------------------------------------------------------------------------


def test_a_decision_is_recorded_with_its_reason(as_user, officer, alert):
    answer = decide(as_user(officer), alert)

    alert.refresh_from_db()
    assert (alert.state, alert.decision, alert.decided_by) == ("dismissed", "not_confirmed", officer)
    assert "Your decision is recorded: not confirmed." in read(answer)
    assert AlertMove.objects.get(alert=alert, kind="decided").reason == REASON


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"decision": "confirmed", "reason": ""}, "Give the reason for your decision"),
        ({"decision": "confirmed", "reason": "   "}, "Give the reason for your decision"),
        ({"decision": "", "reason": REASON}, "Choose one of the three decisions."),
        ({"decision": "perhaps", "reason": REASON}, "Select a valid choice"),
        ({"decision": "confirmed", "reason": "x" * 4001}, "Keep the reason within 4,000 characters."),
    ],
)
def test_a_decision_without_its_parts_is_asked_for_them_and_keeps_what_was_typed(
    as_user, officer, alert, sent, told
):
    answer = as_user(officer).post(f"{page_of(alert=alert)}decide/", sent)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert told in page
    assert "<title>Error: " in page
    assert sent["reason"].strip() in page
    alert.refresh_from_db()
    assert (alert.state, alert.decision) == ("open", "")


def test_need_information_leaves_the_alert_in_review(as_user, officer, alert):
    decide(as_user(officer), alert, decision="need_information", reason="Please send the marrow report.")

    alert.refresh_from_db()
    assert (alert.state, alert.decision) == ("in_review", "need_information")
    assert "Record the decision" in read(as_user(officer).get(page_of(alert=alert)))


@pytest.mark.parametrize(("step", "state"), [("acknowledge", "acknowledged"), ("take-up", "in_review")])
def test_an_officer_says_that_it_was_seen_or_is_worked_on(as_user, officer, alert, step, state):
    as_user(officer).post(f"{page_of(alert=alert)}{step}/")

    alert.refresh_from_db()
    assert alert.state == state


def test_a_decision_on_evidence_that_changed_meanwhile_is_asked_for_again(as_user, officer, alert):
    person = as_user(officer)
    page = person.get(page_of(alert=alert)).content.decode()
    read_at = re.search(r'name="seen_at" value="([^"]+)"', page)[1]
    type(alert).objects.filter(pk=alert.pk).update(last_seen_at=alert.last_seen_at + timedelta(days=1))

    sent = {"decision": "confirmed", "reason": REASON}

    answer = person.post(f"{page_of(alert=alert)}decide/", sent | {"seen_at": read_at})

    alert.refresh_from_db()
    told = answer.content.decode()
    assert (answer.status_code, alert.state) == (409, "open")
    assert "The evidence changed while you were reading" in told
    assert REASON in told
    again = re.search(r'name="seen_at" value="([^"]+)"', told)[1]
    person.post(
        f"{page_of(alert=alert)}decide/", {"decision": "confirmed", "reason": REASON, "seen_at": again}
    )
    alert.refresh_from_db()
    assert alert.state == "confirmed"


def test_the_second_of_two_officers_is_told_and_reads_the_decision(as_user, officer, other_officer, alert):
    decide(as_user(officer), alert)

    answer = decide(as_user(other_officer), alert, decision="confirmed", reason="I disagree.")

    page = read(answer)
    assert re.search(
        r"This alert was decided by officer at \d\d:\d\d on \d+ \w+ \d{4}, the site's time", page
    )
    assert answer.status_code == 409
    assert f"“{REASON}”" in page
    assert "Not recorded: what you wrote I disagree." in page
    assert "Record the decision" not in page
    assert not AlertMove.objects.filter(reason="I disagree.").exists()
    alert.refresh_from_db()
    assert alert.decided_by == officer


def test_what_is_sent_twice_is_told_as_done(as_user, officer, alert):
    person = as_user(officer)
    person.post(f"{page_of(alert=alert)}acknowledge/")

    assert "That was done already; nothing changed." in read(
        person.post(f"{page_of(alert=alert)}acknowledge/", follow=True)
    )
    assert AlertMove.objects.filter(alert=alert, kind="acknowledged").count() == 1


def test_who_takes_up_an_alert_as_the_second_is_told_whose_it_is(as_user, officer, other_officer, alert):
    as_user(officer).post(f"{page_of(alert=alert)}take-up/")

    told = read(as_user(other_officer).post(f"{page_of(alert=alert)}take-up/", follow=True))

    assert "officer took this alert up before you; nothing changed." in told


def test_who_works_on_an_alert_is_named_to_the_others(as_user, officer, other_officer, alert):
    as_user(officer).post(f"{page_of(alert=alert)}take-up/")

    person = as_user(other_officer)
    assert "In review with officer." in read(person.get(page_of(alert=alert)))
    assert "with officer" in read(person.get("/alerts/"))


@pytest.mark.parametrize("step", ["acknowledge", "take-up", "decide"])
def test_a_reload_of_a_sent_form_leads_to_the_alert_and_changes_nothing(as_user, officer, alert, step):
    answer = as_user(officer).get(f"{page_of(alert=alert)}{step}/?state=open")

    assert (answer.status_code, answer["Location"]) == (302, f"{page_of(alert=alert)}?state=open")
    alert.refresh_from_db()
    assert alert.state == "open"


@pytest.mark.parametrize("state", ["resolved", "withdrawn"])
def test_an_alert_that_is_settled_takes_no_decision(as_user, officer, alert, state):
    Alert.objects.filter(pk=alert.pk).update(state=state)

    answer = decide(as_user(officer), alert)

    assert f"This alert is already {state}; only new evidence opens it again." in read(answer)
    alert.refresh_from_db()
    assert alert.state == state


@pytest.mark.parametrize("step", ["acknowledge", "take-up", "decide"])
@pytest.mark.parametrize(
    ("actor", "status"),
    [("investigator", 403), ("manager", 403), ("other_site", 404), ("stranger", 404), ("sponsor", 404)],
)
def test_only_a_reviewer_acts_on_an_alert(request, as_user, alert, actor, status, step):
    person = as_user(request.getfixturevalue(actor))

    answer = person.post(f"{page_of(alert=alert)}{step}/", {"decision": "confirmed", "reason": REASON})

    assert answer.status_code == status
    alert.refresh_from_db()
    assert alert.state == "open"


def test_site_staff_read_the_page_without_the_form(as_user, investigator, alert):
    page = read(as_user(investigator).get(page_of(alert=alert)))

    assert "Why flagged" in page
    assert "Record the decision" not in page
    assert "A safety officer of the study decides." in page


def test_a_decision_returns_to_the_queue_the_officer_came_from(as_user, officer, alert):
    answer = as_user(officer).post(
        f"{page_of(alert=alert)}decide/?state=open&severity=high",
        {"decision": "confirmed", "reason": REASON},
    )

    assert answer["Location"] == f"{page_of(alert=alert)}?state=open&severity=high"


# --- how much is asked ------------------------------------------------------------------------


def questions(person, address):
    person.get(address)  # the first page of a session also keeps when it began
    with CaptureQueriesContext(connection) as asked:
        assert person.get(address).status_code == 200
    return len(asked)


def test_the_page_asks_the_same_number_of_questions_however_long_the_record_is(as_user, officer, alert):
    make_event(patient=alert.patient, started_on="2024-04-02")
    person = as_user(officer)
    few = questions(person, page_of(alert=alert))
    for index in range(20):
        make_event(patient=alert.patient, started_on="2024-04-02", term=f"Event {index}")
        make_result(patient=alert.patient, collected_on=DAY_0 + timedelta(days=57 + index), value="2.2")
        make_alert(
            patient=alert.patient,
            rule="secondary_malignancy",
            subject=f"adverse_event:X{index}",
            raised_at=NIGHT + timedelta(days=index),
        )
        make_alert(patient=make_patient(site=alert.patient.site))
    alerts.acknowledge(alert=alert, by=officer, at=MORNING)

    assert questions(person, page_of(alert=alert)) == few
    assert few <= 28


def test_a_silence_is_drawn_to_the_day_it_was_looked_at(as_user, officer, patient):  # CYT-8
    write(
        patient=patient,
        table="""
        day | ANC
        ----+----
          5 | 0.5
         20 | 0.6
        """,
    )
    judge()

    page = as_user(officer).get(page_of(alert=alert_of(patient=patient))).content.decode()

    # Nothing before day 5: possible from day 0 to the day of the check, day 120.
    for words in (">15 d<", ">possibly 120 d<", ">as of day 120, 29 Jun 2024<"):
        assert words in page


def test_a_laboratory_trigger_marks_the_results_it_names(as_user, officer, patient):  # MAL-7, L3
    write(
        patient=patient,
        table="""
        day | BLASTS
        ----+-------
         60 | 0
        100 | 6
        """,
    )
    judge()

    answer = as_user(officer).get(page_of(alert=alert_of(patient=patient, rule="secondary_malignancy")))

    assert values_on(answer) == [
        ["day 60, 30 Apr 2024", "0 %", "0", ""],
        ["day 100, 9 Jun 2024", "6 %", "6", "● used as evidence"],
    ]
    assert "limit 5 %" in answer.content.decode()
