"""The history of a record says who signed, locked and opened it, and what was recorded."""

from datetime import date

import pytest
from django.db import connection

from registry.access.scope import EVERYTHING, acting, because
from registry.actions.locks import ask_to_unlock, decide_unlocking, lock
from registry.actions.signatures import sign
from registry.models import Visit
from registry.models.event_details import IcansDetails
from registry.queries.locks import Target
from registry.queries.record_history import HistoryLine, history_lines, history_page
from registry.queries.signatures import canonical
from tests import factories
from tests.factories import NIGHT
from tests.web.scene import make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(study, site):
    return make_scene(study=study, site=site)


@pytest.fixture
def visit(scene):
    visit = Visit.objects.get(patient=scene.patient, code="D28")
    factories.make_result(patient=scene.patient, visit=visit, collected_on=visit.visited_on)
    return visit


def read(patient, about="", page=1) -> list[HistoryLine]:
    with acting(rows=EVERYTHING):
        return list(history_page(patient=patient, about=about, page_number=page).lines)


def told(patient, about) -> list[tuple]:
    """The lines about one kind of row, oldest first, without their time."""
    lines = reversed(read(patient, about=about))
    return [(line.who, f"{line.what} {line.kind}", dict(line.facts), line.reason) for line in lines]


def test_a_lock_says_what_it_closes_and_its_opening_says_both_people(visit, manager, lead):
    with acting(rows=EVERYTHING, by=manager, origin="form"):
        standing = lock(
            target=Target(study=visit.patient.study, patient=visit.patient, visit=visit),
            reason="Cleaned for the analysis",
            by=manager,
            at=NIGHT,
        )
        asked = ask_to_unlock(lock=standing, reason="A count was misread", hours=48, by=manager, at=NIGHT)
    with acting(rows=EVERYTHING, by=lead, origin="form"):
        decide_unlocking(unlocking=asked, approved=True, reason="Seen on the report", by=lead, at=NIGHT)

    locks = told(visit.patient, "registry_recordlock")
    unlockings = told(visit.patient, "registry_unlocking")

    assert locks == [("manager", "Lock set", {"of": "Visit D28"}, "Cleaned for the analysis")]
    assert unlockings == [
        (
            "manager",
            "Unlocking asked for",
            {"of": "Visit D28", "open": "for 48 hours"},
            "A count was misread",
        ),
        (
            "lead",
            "Unlocking approved",
            {"of": "Visit D28", "asked for by": "manager", "open": "for 48 hours"},
            "Seen on the report",
        ),
    ]


@pytest.mark.parametrize(("level", "words"), [("study", "the whole study"), ("site", "the whole site VIE")])
def test_a_lock_above_the_patient_is_told_in_the_patients_history(scene, manager, level, words):
    standing = factories.make_lock(**{level: getattr(scene.patient, level)})

    [line] = read(scene.patient, about="registry_recordlock")

    assert (line.who, line.facts, line.reason) == (
        str(standing.locked_by),
        (("of", words),),
        standing.reason,
    )
    with acting(rows=EVERYTHING):
        assert ("registry_recordlock", "Lock") in history_page(patient=scene.patient).kinds
        assert line in history_lines(patient=scene.patient)


def test_a_signature_says_what_was_signed_with_which_words_and_who_made_it_void(
    visit, investigator, coordinator
):
    with acting(rows=EVERYTHING, by=investigator, origin="form"):
        given = sign(
            patient=visit.patient,
            visit=visit,
            sha256=canonical(patient=visit.patient, visit=visit).sha256,
            by=investigator,
            at=NIGHT,
        )
    with acting(rows=EVERYTHING, by=coordinator, origin="form"), because("misread on the report"):
        Visit.objects.filter(pk=visit.pk).update(comments="Seen by telephone.")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    signed, voided = told(visit.patient, "registry_signature")

    said = {
        "of": "Visit D28",
        "printed name": "investigator",
        "meaning": given.meaning,
        "SHA-256": given.sha256,
    }
    assert signed == ("investigator", "Signature given", said, "")
    assert voided == ("coordinator", "Signature made void", said, "misread on the report")


def test_the_facts_of_a_category_name_their_event_and_report(scene):
    event = factories.make_event(patient=scene.patient, term="Confusion", category="icans")
    IcansDetails.objects.create(
        event=event,
        patient=scene.patient,
        number=0,
        ice_points=["year", "month"],
        ice_total=2,
        entered_at=NIGHT,
    )

    [(_, what, facts, _)] = told(scene.patient, "registry_icansdetails")

    assert what == "ICANS in detail recorded"
    assert facts == {
        "event": "Confusion",
        "told with": "first report",
        "ICE items that gave a point": "Oriented to the year, Oriented to the month",
        "ICE score": "2",
    }


def test_a_consent_says_its_version_and_what_was_agreed_to(study, scene):
    version = factories.make_consent_version(study=study, version="2.0")
    factories.make_consent(patient=scene.patient, version=version, scopes=("follow_up", "laboratory"))

    [(_, _, facts, _)] = told(scene.patient, "registry_consent")

    assert facts == {
        "version": "2.0",
        "given on": "2024-02-20",
        "scopes": "Follow-up data from visits and records, Laboratory results and samples",
    }


def test_a_transfer_names_both_sites(study, scene):
    vienna = scene.patient.site
    graz = factories.make_site(study=study, code="GRZ")
    factories.make_transfer(patient=scene.patient, to_site=graz)

    changes = [
        (change.old, change.new)
        for line in read(scene.patient, about="registry_patient")
        for change in line.changes
        if change.field == "site"
    ]

    assert changes == [(str(vienna), str(graz))]


def test_a_lock_stands_on_one_page_of_a_long_history(scene):
    for day in range(1, 29):
        for value in ("0.6", "0.7", "0.8", "0.9"):
            factories.make_result(patient=scene.patient, collected_on=date(2024, 7, day), value=value)
    factories.make_lock(site=scene.patient.site)

    pages = [read(scene.patient, page=number) for number in (1, 2, 3)]

    assert [len(page) >= 50 for page in pages] == [True, True, False]
    assert [[line.what for line in page].count("Lock") for page in pages].count(1) == 1
    assert sum([line.what for line in page].count("Lock") for page in pages) == 1
