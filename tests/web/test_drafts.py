"""Drafts: typing is kept for the person who types, and is nobody else's and no data."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from registry.access.scope import EVERYTHING, acting
from registry.actions.drafts import let_old_drafts_go
from registry.clock import now
from registry.models import AuditEvent, Draft, Visit, WaitingEvaluation
from registry.queries.drafts import drafts_of, words_of_key
from tests.web.scene import visit_data

KEY = "visit:M6@2024-03-01"


def page_of(patient, code="M6"):
    return f"/patients/{patient.public_id}/visits/{code}/"


def typed(patient, *, form=None, **fields):
    return {
        "draft-key": KEY,
        "draft-page": page_of(patient),
        "draft-form": str(form or uuid4()),
        "draft-seen": "",
        "draft-version": "",
        **fields,
    }


def keep(person, patient, **fields):
    return person.post(f"/patients/{patient.public_id}/drafts/", typed(patient, **fields))


def payload_of(user):
    with acting(rows=EVERYTHING, by=user):
        return list(Draft.objects.filter(user=user).values_list("payload", flat=True))


@pytest.fixture
def person(as_user, coordinator, scene):
    return as_user(coordinator)


def test_what_is_typed_is_kept_with_the_time_of_the_site(person, coordinator, scene):
    answer = keep(person, scene.patient, visited_on_day="31", **{"lab-ANC-value": "2,4x"})

    assert answer.status_code == 200
    assert answer.json()["words"].startswith("Saved as draft ")
    assert payload_of(coordinator) == [{"visited_on_day": ["31"], "lab-ANC-value": ["2,4x"]}]


def test_the_latest_typing_of_a_page_takes_the_place_of_the_one_before(person, coordinator, scene):
    form = uuid4()
    keep(person, scene.patient, form=form, missed_reason="a")

    keep(person, scene.patient, form=form, comments="b")

    assert payload_of(coordinator) == [{"comments": ["b"]}]


def test_a_second_window_does_not_write_over_typing_it_has_not_seen(person, coordinator, scene):
    keep(person, scene.patient, comments="first window")

    second = keep(person, scene.patient, comments="second window")

    assert second.status_code == 409
    assert "another window" in second.json()["words"]
    assert payload_of(coordinator) == [{"comments": ["first window"]}]


def test_a_window_that_showed_the_draft_goes_on_with_it(person, coordinator, scene):
    seen = keep(person, scene.patient, comments="first window").json()["seen"]

    second = keep(person, scene.patient, comments="first window, second", **{"draft-seen": seen})

    assert second.status_code == 200
    assert payload_of(coordinator) == [{"comments": ["first window, second"]}]


def test_two_people_have_two_drafts_of_one_form(as_user, client, coordinator, investigator, scene):
    keep(as_user(coordinator), scene.patient, comments="hers")
    keep(as_user(investigator), scene.patient, comments="his")

    assert payload_of(coordinator) == [{"comments": ["hers"]}]
    assert payload_of(investigator) == [{"comments": ["his"]}]


def test_the_database_shows_a_draft_to_nobody_else(person, investigator, scene):
    keep(person, scene.patient, comments="hers")

    with acting(rows=EVERYTHING, by=investigator):
        assert Draft.objects.count() == 0
    with acting(rows=EVERYTHING):
        assert Draft.objects.count() == 0


def test_a_draft_of_another_sites_patient_cannot_be_kept(as_user, other_site, scene):
    assert keep(as_user(other_site), scene.patient, comments="x").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"draft-key": "no colon"},
        {"draft-key": ""},
        {"draft-form": "not an id"},
        {"draft-page": "https://elsewhere.example/"},
        {"draft-page": "//elsewhere.example/"},
    ],
    ids=lambda wrong: "=".join(*wrong.items()),
)
def test_a_message_that_does_not_say_what_of_is_refused(person, coordinator, scene, wrong):
    answer = person.post(f"/patients/{scene.patient.public_id}/drafts/", typed(scene.patient) | wrong)

    assert answer.status_code == 400
    assert payload_of(coordinator) == []


def test_more_than_a_form_can_hold_is_refused_and_what_was_kept_stays(person, coordinator, scene):
    form = uuid4()
    keep(person, scene.patient, form=form, comments="before")

    answer = keep(person, scene.patient, form=form, comments="x" * 400_001)

    assert answer.status_code == 413
    assert payload_of(coordinator) == [{"comments": ["before"]}]


def test_the_database_bounds_a_draft_whatever_path_writes(person, coordinator, scene):
    keep(person, scene.patient, comments="x")

    with pytest.raises(DatabaseError, match="bounded_size"), connection.cursor() as cursor:
        cursor.execute("UPDATE registry_draft SET payload = jsonb_build_object('a', repeat('x', 2000001))")


def test_a_draft_is_no_data(person, scene):
    events = AuditEvent.objects.count()
    WaitingEvaluation.objects.all().delete()

    keep(person, scene.patient, **visit_data())

    assert AuditEvent.objects.count() == events
    assert not WaitingEvaluation.objects.exists()
    assert not Visit.objects.filter(code="M6").exists()


def test_discarding_asks_first_and_leads_back(person, coordinator, scene):
    keep(person, scene.patient, comments="never mind")
    address = f"/patients/{scene.patient.public_id}/drafts/discard/?key={KEY}"

    asked = person.get(address)
    assert "Visit M6" in asked.content.decode()
    assert payload_of(coordinator) == [{"comments": ["never mind"]}]
    answer = person.post(address)

    assert answer["Location"] == page_of(scene.patient)
    assert payload_of(coordinator) == [None]
    assert person.get(address).status_code == 404


def test_a_discarded_draft_is_not_brought_back_by_a_late_message(person, coordinator, scene):
    form = uuid4()
    keep(person, scene.patient, form=form, comments="never mind")
    person.post(f"/patients/{scene.patient.public_id}/drafts/discard/?key={KEY}")

    late = keep(person, scene.patient, form=form, comments="never mind")

    assert late.status_code == 410
    assert payload_of(coordinator) == [None]


def test_drafts_are_listed_for_their_person_the_latest_first(person, coordinator, investigator, scene):
    keep(person, scene.patient, comments="older")
    keep(person, scene.low, comments="newer", **{"draft-key": "event:new", "draft-page": page_of(scene.low)})

    with acting(rows=EVERYTHING, by=coordinator):
        own = drafts_of(user=coordinator, at=now())
        lines = [(line.form, line.patient.code, line.address) for line in own.lines]

    assert lines == [
        ("New adverse event", "VIE-0002", page_of(scene.low)),
        ("Visit M6", "VIE-0001", page_of(scene.patient)),
    ]
    page = person.get("/patients/drafts/").content.decode()
    assert page.index("New adverse event") < page.index("Visit M6")


def test_an_old_draft_is_asked_about_and_one_that_was_let_go_is_told_until_it_is_read(
    person, coordinator, scene
):
    keep(person, scene.patient, comments="old")
    keep(person, scene.low, comments="gone", **{"draft-key": "event:new", "draft-page": page_of(scene.low)})
    with acting(rows=EVERYTHING, by=coordinator):
        Draft.objects.filter(patient=scene.patient).update(saved_at=now() - timedelta(days=34))
        Draft.objects.filter(patient=scene.low).update(saved_at=now() - timedelta(days=61))
    let_old_drafts_go(at=now())

    for address in ("/", "/patients/drafts/"):
        page = person.get(address).content.decode()
        assert "Untouched for 34 days" in page
        assert "A draft of yours was deleted" in page
        assert "New adverse event of" in page

    assert person.post("/patients/drafts/").status_code == 302
    assert "was deleted" not in person.get("/").content.decode()
    assert "Untouched for 34 days" in person.get("/").content.decode()


def test_the_list_of_drafts_asks_no_query_per_row(person, scene):
    asked = []
    for patient in (scene.patient, scene.low, scene.dead):
        keep(person, patient, comments="x", **{"draft-page": page_of(patient)})
        with CaptureQueriesContext(connection) as queries:
            person.get("/patients/drafts/")
        asked.append(len(queries))

    assert len(set(asked)) == 1


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("visit:M6@2024-03-01", "Visit M6"),
        ("visit:UNS@2024-03-01", "Unscheduled visit"),
        ("event:new", "New adverse event"),
        ("event:17", "Adverse event 17"),
        ("result:5", "Correction of a result"),
        ("annual:Y7@2024-03-01", "Annual contact Y7"),
        ("serology_panel:new", "Serology panel new"),
        ("visit:{0.__class__}", "Visit {0.__class__}"),
    ],
)
def test_a_key_is_put_in_words(key, words):
    assert words_of_key(key) == words
