"""The queue: who sees what, in which order, and that nothing hides behind a filter."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.models import Alert
from tests.factories import NIGHT, make_alert, make_patient, make_study, make_user
from tests.tables import rows_of
from tests.web.officer_record import judge

QUEUE = "/alerts/"


@pytest.fixture
def drawn(site):
    """Alerts from a table; each gets a patient of its own, named by its row."""

    def draw(table):
        for row in rows_of(table):
            patient = make_patient(site=site, code=row["patient"])
            make_alert(
                patient=patient,
                severity=row.get("severity", "medium"),
                state=row.get("state", "open"),
                certainty=row.get("certainty", "certain"),
                raised_at=NIGHT + timedelta(days=int(row.get("raised", 0))),
                **_decided(row.get("state", "open")),
            )

    return draw


def _decided(state):
    decision = {"confirmed": "confirmed", "dismissed": "not_confirmed"}.get(state)
    if decision is None:
        return {}
    by = make_user(
        username=f"decider-{state}-{Alert.objects.count()}", role="safety_officer", study=make_study()
    )
    return {"decision": decision, "decided_at": NIGHT, "decided_by": by}


def patients_on(answer, *, name="main"):
    """The patients of a table in the order in which they are read."""
    page = answer.content.decode()
    table = re.search(rf'aria-labelledby="{name}-caption".*?</table>', page, re.DOTALL)
    return re.findall(r'<th scope="row" class="nowrap">(\S+?)<small>', table[0]) if table else []


def words_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_the_gravest_is_read_first_and_among_equals_the_oldest(as_user, officer, drawn):
    drawn("""
        patient | severity | raised
        --------+----------+-------
        E       | low      | 0
        C       | medium   | 1
        B       | high     | 2
        A       | critical | 3
        D       | medium   | 2
    """)

    assert patients_on(as_user(officer).get(QUEUE)) == ["A", "B", "C", "D", "E"]


def test_possible_findings_stand_in_a_box_of_their_own(as_user, officer, drawn):  # G-6
    drawn("""
        patient | certainty | severity
        --------+-----------+---------
        SURE    | certain   | medium
        MAYBE   | possible  | medium
        LITTLE  | possible  | low
    """)

    answer = as_user(officer).get(QUEUE)

    assert patients_on(answer) == ["SURE"]
    assert patients_on(answer, name="possible") == ["MAYBE", "LITTLE"]
    assert "1 open shown, 2 cannot be excluded." in words_of(answer)
    assert "1 alert shown" in words_of(as_user(officer).get(QUEUE + "?state=open&patient=SURE"))
    assert "0 alerts shown" in words_of(as_user(officer).get(QUEUE + "?state=decided"))


def test_what_is_grave_and_not_excluded_stands_above_the_queue(as_user, officer, drawn):
    drawn("""
        patient | certainty | severity
        --------+-----------+---------
        SURE    | certain   | high
        LYMPH   | possible  | critical
        MAYBE   | possible  | low
    """)

    answer = as_user(officer).get(QUEUE)

    assert patients_on(answer, name="grave") == ["LYMPH"]
    assert patients_on(answer, name="possible") == ["MAYBE"]
    page = answer.content.decode()
    assert page.index("LYMPH") < page.index("SURE") < page.index("MAYBE")


@pytest.mark.parametrize("severity", ["critical", "low"])
def test_more_than_ten_that_cannot_be_excluded_are_reached_by_a_link(as_user, officer, site, severity):
    for _ in range(11):
        make_alert(patient=make_patient(site=site), certainty="possible", severity=severity)

    assert "All 11 that cannot be excluded" in words_of(as_user(officer).get(QUEUE))


STATES = """
    patient | state        | certainty
    --------+--------------+----------
    OPEN    | open         | certain
    SEEN    | acknowledged | certain
    TAKEN   | in_review    | certain
    YES     | confirmed    | certain
    NO      | dismissed    | possible
    DONE    | resolved     | certain
    GONE    | withdrawn    | certain
    ASKED   | in_review    | possible
"""


@pytest.mark.parametrize(
    ("state", "patients"),
    [
        ("", {"OPEN", "SEEN", "TAKEN"}),
        ("queue", {"OPEN", "SEEN", "TAKEN"}),
        ("open", {"OPEN", "SEEN"}),
        ("in_review", {"TAKEN"}),
        ("decided", {"YES", "NO"}),
        ("settled", {"DONE", "GONE"}),
        ("possible", {"ASKED"}),
        ("acknowledged", {"SEEN"}),
        ("confirmed", {"YES"}),
        ("dismissed", {"NO"}),
        ("resolved", {"DONE"}),
        ("withdrawn", {"GONE"}),
    ],
)
def test_each_state_is_found_under_its_tab(as_user, officer, drawn, state, patients):
    drawn(STATES)

    assert set(patients_on(as_user(officer).get(QUEUE, {"state": state}))) == patients


def test_every_alert_is_on_exactly_one_tab(as_user, officer, drawn):
    drawn(STATES)
    person = as_user(officer)

    found = [
        patient
        for tab in ("queue", "decided", "settled", "possible")
        for patient in patients_on(person.get(QUEUE, {"state": tab}))
    ]

    assert sorted(found) == sorted(row["patient"] for row in rows_of(STATES))


def test_the_tabs_count_what_they_hold(as_user, officer, drawn):
    drawn(STATES)

    words = words_of(as_user(officer).get(QUEUE))

    for tab in (
        "To review 3",
        "Open 2",
        "In review 1",
        "Decided 2",
        "Resolved or withdrawn 2",
        "Cannot be excluded 1",
    ):
        assert tab in words


@pytest.mark.parametrize(
    ("query", "patients"),
    [
        ({"severity": "high"}, ["HIGH"]),
        ({"rule": "prolonged_cytopenia"}, ["HIGH", "LOW"]),
        ({"rule": "overdue_visit"}, []),
        ({"site": "VIE"}, ["HIGH", "LOW"]),
        ({"patient": "lo"}, ["LOW"]),
        ({"severity": "low", "patient": "high"}, []),
    ],
)
def test_a_filter_narrows_the_queue(as_user, officer, drawn, query, patients):
    drawn("""
        patient | severity
        --------+---------
        HIGH    | high
        LOW     | low
    """)

    answer = as_user(officer).get(QUEUE, query)

    assert patients_on(answer) == patients
    if not patients:
        assert "No alerts match these filters." in words_of(answer)


def test_an_unknown_filter_is_named_and_hides_nothing(as_user, officer, drawn):
    drawn("""
        patient | severity
        --------+---------
        ONE     | high
    """)

    answer = as_user(officer).get(QUEUE, {"severity": "grave"})

    assert patients_on(answer) == ["ONE"]
    assert "Not known and left out: severity=grave." in words_of(answer)


def test_fifty_stand_on_a_page_and_the_footer_tells_of_the_rest(as_user, officer, site):
    for index in range(51):
        make_alert(patient=make_patient(site=site, code=f"P{index:02}"))

    first = as_user(officer).get(QUEUE)
    second = as_user(officer).get(QUEUE, {"page": 2})

    assert len(patients_on(first)) == 50
    assert "50 of 51 open shown, 0 cannot be excluded." in words_of(first)
    assert patients_on(second) == ["P50"]


def test_the_queue_asks_the_same_number_of_questions_however_long_it_is(as_user, officer, site):
    person = as_user(officer)
    person.get(QUEUE)  # the first page of a session also keeps when it began

    def questions():
        with CaptureQueriesContext(connection) as asked:
            person.get(QUEUE)
        return len(asked)

    make_alert(patient=make_patient(site=site))
    make_alert(patient=make_patient(site=site), certainty="possible")
    few = questions()
    for _ in range(30):
        make_alert(patient=make_patient(site=site))
        make_alert(patient=make_patient(site=site), certainty="possible")

    assert questions() == few
    assert few <= 25


def test_an_empty_queue_says_when_somebody_looked(as_user, officer, patient):
    assert "The alert checks have not all run yet" in words_of(as_user(officer).get(QUEUE))

    judge(on=patient.enrolled_on)

    assert "No open alerts. Last checked 29 Jun 2024, 06:00 UTC, 0 of 0 patients." in words_of(
        as_user(officer).get(QUEUE)
    )


def test_the_site_reads_its_own_alerts_and_no_other_does(
    as_user, investigator, coordinator, other_site, stranger, manager, drawn
):
    drawn("""
        patient | state
        --------+------
        OURS    | open
    """)

    for person in (investigator, coordinator, manager):
        assert patients_on(as_user(person).get(QUEUE)) == ["OURS"]
    for person in (other_site, stranger):
        answer = as_user(person).get(QUEUE)
        assert patients_on(answer) == []
        assert "To review 0" in words_of(answer)


def test_a_decided_alert_without_ground_is_pointed_at(as_user, officer, drawn):  # G-8
    drawn(STATES)
    Alert.objects.filter(patient__code="YES").update(ground_gone=True)

    answer = as_user(officer).get(QUEUE)

    assert "1 decided alert lost its ground since the decision." in words_of(answer)
    marked = as_user(officer).get(QUEUE, {"state": "decided", "mark": "ground_gone"})
    assert patients_on(marked) == ["YES"]


def test_new_evidence_on_a_decided_alert_is_marked(as_user, officer, drawn):  # G-8
    drawn("""
        patient | state
        --------+------
        AGAIN   | open
        FRESH   | open
    """)
    Alert.objects.filter(patient__code="AGAIN").update(is_new_since_decision=True)

    assert words_of(as_user(officer).get(QUEUE)).count("New since decision") == 2  # the filter and one row
    assert patients_on(as_user(officer).get(QUEUE, {"mark": "new_since_decision"})) == ["AGAIN"]


def test_previous_and_next_follow_the_queue_the_person_came_from(as_user, officer, drawn):
    drawn("""
        patient | severity | state
        --------+----------+----------
        A       | critical | open
        B       | high     | confirmed
        C       | medium   | open
        D       | low      | open
    """)
    page = as_user(officer).get(f"/alerts/{Alert.objects.get(patient__code='C').public_id}/").content.decode()

    links = dict(re.findall(r'rel="(prev|next)" href="/alerts/([0-9a-f-]+)/', page))

    by_code = {str(alert.public_id): alert.patient.code for alert in Alert.objects.select_related("patient")}
    assert {side: by_code[ref] for side, ref in links.items()} == {"prev": "A", "next": "D"}
