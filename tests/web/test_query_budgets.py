"""How many statements each page of the registry asks for, savepoints counted: never more than thirty.

Each page of a small site whose record has something of everything. What a list asks for however long it is
stands in the tests of its page.
"""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.actions.questions import Asking, ask
from registry.clinical.facts import parse_fact
from registry.models import Alert, Score, ScoreDetail, Treatment, TreatmentAnswer, Visit
from tests import factories
from tests.factories import DAY_0, NIGHT
from tests.tables import rows_of
from tests.web.scene import TODAY

MOST = 30
ENTERED = {"entered_at": NIGHT, "origin": "form"}
BUDGETS = """
    actor         | budget | address
    --------------+--------+--------
    coordinator   | 30     | /
    investigator  | 30     | /
    sponsor       | 11     | /
    officer       | 21     | /alerts/
    lead          | 21     | /alerts/
    officer       | 30     | /alerts/<alert>/
    investigator  | 30     | /alerts/<alert>/
    officer       | 17     | /alerts/<alert>/ask/
    officer       | 27     | /alerts/<malignancy>/
    coordinator   | 17     | /patients/
    coordinator   | 12     | /patients/drafts/
    coordinator   | 18     | /patients/enrol/
    coordinator   | 15     | /patients/consents/
    manager       | 13     | /patients/consents/CART-AID/versions/
    coordinator   | 29     | /patients/<patient>/
    officer       | 29     | /patients/<patient>/
    manager       | 29     | /patients/<patient>/
    coordinator   | 28     | /patients/<patient>/visits/M6/
    coordinator   | 25     | /patients/<patient>/visits/UNS/
    coordinator   | 30     | /patients/<patient>/visits/M3/
    coordinator   | 30     | /patients/<patient>/visits/M3/saved/
    officer       | 28     | /patients/<patient>/visits/M3/record/
    investigator  | 26     | /patients/<patient>/visits/M3/history/
    investigator  | 30     | /patients/<patient>/visits/M3/sign/
    investigator  | 14     | /patients/<patient>/sign/
    investigator  | 14     | /patients/<patient>/signatures/
    coordinator   | 17     | /patients/<patient>/results/<result>/
    coordinator   | 17     | /patients/<patient>/activity/
    coordinator   | 26     | /patients/<patient>/checks/
    coordinator   | 16     | /patients/<patient>/history/
    coordinator   | 17     | /patients/<patient>/casebook/
    coordinator   | 21     | /patients/<patient>/events/
    officer       | 20     | /patients/<patient>/events/<event>/
    coordinator   | 17     | /patients/<patient>/events/<event>/follow-up/
    coordinator   | 14     | /patients/<patient>/infusions/
    coordinator   | 14     | /patients/<patient>/end/
    coordinator   | 18     | /patients/<patient>/consent/
    manager       | 16     | /patients/<patient>/transfer/
    officer       | 14     | /patients/<patient>/ask/
    coordinator   | 23     | /questions/
    officer       | 26     | /questions/
    coordinator   | 16     | /questions/<question>/
    officer       | 16     | /questions/<question>/
    manager       | 16     | /locks/
    administrator | 11     | /security/
    coordinator   | 29     | /status/
    administrator | 27     | /status/
    manager       | 16     | /notifications/
    coordinator   | 13     | /account/notifications/
    coordinator   | 11     | /account/password/
"""


@pytest.fixture
def places(scene, coordinator, officer, study, site):
    """A recorded visit with results, treatments, scores, an event going on, questions, consent and a lock."""
    patient = scene.patient
    visit = Visit.objects.get(patient=patient, code="M3")
    factories.make_consent(patient=patient, version=factories.make_consent_version(study=study))
    result = factories.make_result(
        patient=patient, visit=visit, collected_on=date(2024, 6, 2), analyte="WBC", value="3.1"
    )
    event = factories.make_event(patient=patient, term="Cough", started_on="2024-05-02")
    score: Score = factories.make_score(patient=patient, assessed_on=date(2024, 6, 2))
    ScoreDetail.objects.create(
        patient=patient, score=score, variant="10", items={"rash": "4"}, total=4, **ENTERED
    )
    treatment = Treatment.objects.create(
        patient=patient, agent="azathioprine", started_on="2024", visit=visit, **ENTERED
    )
    TreatmentAnswer.objects.create(
        patient=patient, visit=visit, section="treatments", treatment=treatment, answer="same", **ENTERED
    )
    alert = factories.make_alert(patient=patient, evidence={"results": [result.pk]})
    malignancy = factories.make_alert(
        patient=patient, rule="secondary_malignancy", subject=f"adverse_event:{event.event_id}", evidence={}
    )
    asked = [
        ask(patient=patient, asking=Asking(parse_fact(fact), "Right?", None), by=officer, at=NIGHT,
            today=TODAY, alert=Alert.objects.get(pk=about.pk) if about else None)
        for fact, about in (
            (f"visit:M3@{DAY_0}:visited_on", alert),
            (f"result:{result.pk}", alert),
            (f"event:{event.event_id}", malignancy),
            ("patient:birth_year", None),
        )
    ]  # fmt: skip
    factories.make_lock(patient=scene.low)
    return {
        "<patient>": patient.public_id,
        "<result>": result.pk,
        "<event>": event.pk,
        "<alert>": alert.public_id,
        "<malignancy>": malignancy.public_id,
        "<question>": asked[0].public_id,
    }


@pytest.mark.parametrize("row", rows_of(BUDGETS), ids=lambda row: f"{row['actor']} {row['address']}")
def test_a_page_asks_no_more_than_its_budget(request, as_user, places, row):
    address = row["address"]
    for name, value in places.items():
        address = address.replace(name, str(value))
    person = as_user(request.getfixturevalue(row["actor"]))
    person.get("/account/notifications/")  # the first page of a session also keeps when it began

    with CaptureQueriesContext(connection) as asked:
        answer = person.get(address)

    assert answer.status_code == 200
    assert len(asked) <= int(row["budget"]) <= MOST, "\n".join(query["sql"][:200] for query in asked)
