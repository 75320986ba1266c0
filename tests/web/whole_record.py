"""One record with life in it, for the tests that open every page: what years at a site leave behind.

It is made once for many tests, which only read it; whatever changes it brings its own patient.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import uuid4

from django.core.cache import cache
from django.db import transaction
from django.test import Client

from registry.access.scope import EVERYTHING, acting, because
from registry.actions import questions
from registry.models import (
    Alert,
    LabResult,
    Notification,
    Patient,
    ScheduledVisit,
    Treatment,
    Unlocking,
    User,
    Visit,
)
from registry.queries.signatures import canonical
from tests import factories
from tests.factories import NIGHT, PASSWORD
from tests.web.late import INFUSED_ON, attempt_data, contact_data
from tests.web.officer_record import LOW_FOR_A_MONTH, judge, write
from tests.web.scene import TODAY, make_scene

MORNING = datetime(2024, 9, 1, 6, 0, tzinfo=UTC)
BLASTS = """
    day | BLASTS | PLT
    ----+--------+----
      4 |        | 120
     20 |        | 41
    100 | 6      | 150
"""
ROLES = {
    "officer": "safety_officer",
    "second_officer": "safety_officer",
    "lead": "safety_lead",
    "manager": "data_manager",
}


@dataclass
class WholeRecord:
    """Who works with it, and what stands for the changing parts of an address, by the names in the matrix.

    `others`: rows beside the usual ones, each by a name of its own.
    """

    people: dict[str, User]
    places: dict[str, str]
    others: dict[str, str]


def make_whole_record() -> WholeRecord:
    cache.clear()
    study = factories.make_study()
    factories.make_schedule(study=study)
    site = factories.make_site(study=study)
    people = _people(study=study, site=site)
    scene = make_scene(study=study, site=site)
    patients = {"low": scene.low, "dead": scene.dead, **_further_patients(site=site)}
    _consents(patient=scene.patient)
    _treatments(patient=scene.patient)
    places = {"<patient>": scene.patient.public_id, "<code>": "D28", "<study>": study.key}
    places |= _rows(patient=scene.patient, people=people)
    _signed(patient=scene.patient, people=people)
    judge(on=TODAY, at=MORNING)
    others = {f"patient {name}": each.public_id for name, each in patients.items()}
    others |= _asked(patient=scene.patient, people=people)
    others |= {
        f"alert {rule}": Alert.objects.filter(rule=rule).exclude(patient=scene.low).latest("pk").public_id
        for rule in Alert.objects.values_list("rule", flat=True).distinct()
    }
    others["event licats"] = factories.make_event(
        patient=scene.patient, category="licats", term="Rash of both arms", started_on="2024-05-20", grade=2
    ).pk
    places |= {"<alert>": others["alert prolonged_cytopenia"], "<question>": others["question open"]}
    _work(scene=scene, patients=patients, people=people)
    places |= _locks(patients=patients, manager=people["manager"])
    places["<mail>"] = _mails(study=study, people=people)
    places["<read>"] = canonical(patient=scene.patient, visit=None).sha256
    return WholeRecord(
        people,
        {name: str(value) for name, value in places.items()},
        {name: str(value) for name, value in others.items()},
    )


def _people(*, study, site) -> dict[str, User]:
    people = {
        role: factories.make_user(username=role, role=role, site=site)
        for role in ("coordinator", "investigator")
    }
    for name, role in ROLES.items():
        people[name] = factories.make_user(username=name, role=role, study=study)
    people["sponsor"] = factories.make_user(
        username="sponsor", role="sponsor", study=study, sponsor=study.sponsor
    )
    people["administrator"] = factories.make_user(username="administrator", role="administrator")
    people["newcomer"] = User.objects.create_user(username="newcomer", password=PASSWORD)
    return people


def _further_patients(*, site) -> dict[str, Patient]:
    """Two in the seventh year, whom the site may call; three with findings; one who came from elsewhere."""
    schedule = site.study.schedules.get()
    for number, code in ((6, "Y6"), (7, "Y7")):
        ScheduledVisit.objects.create(
            schedule=schedule,
            code=code,
            offset=12 * number,
            offset_unit="month",
            days_before=90,
            days_after=90,
            mode="either",
        )
    made = {
        name: factories.make_patient(site=site, code=code, infused_on=INFUSED_ON)
        for name, code in (("late", "VIE-0006"), ("called", "VIE-0007"))
    }
    for patient in made.values():
        factories.make_visit(patient=patient, code="M12", visited_on=date(2019, 7, 15))
    for name, code, table in (("cytopenia", "VIE-0004", LOW_FOR_A_MONTH), ("blasts", "VIE-0005", BLASTS)):
        made[name] = factories.make_patient(site=site, code=code)
        write(patient=made[name], table=table)
    factories.make_event(
        patient=made["cytopenia"],
        term="Rash of both arms",
        grade=2,
        started_on="2024-05",
        narrative="Biopsy: CTCL cannot be excluded. Mother had breast cancer. Seen again on Friday.",
    )
    elsewhere = factories.make_site(study=site.study, code="GRZ")
    made["moved"] = factories.make_patient(site=elsewhere, code="GRZ-0001")
    with transaction.atomic():
        factories.make_transfer(patient=made["moved"], to_site=site)
    made["locked meanwhile"] = factories.make_patient(site=site, code="VIE-0009")
    return made


def _consents(*, patient) -> None:
    version = factories.make_consent_version(study=patient.study)
    factories.make_consent(patient=patient, version=version)
    factories.make_consent_version(study=patient.study, version="2.0", effective_from=date(2024, 8, 1))


def _treatments(*, patient) -> None:
    for month, value in ((3, "12"), (6, "4")):
        factories.make_score(patient=patient, assessed_on=date(2024, month, 2), value=value)
    for agent, facts in (
        ("methylprednisolone", {"mg_per_day": 4, "started_on": "2024-03-01"}),
        ("hydroxychloroquine", {"dose": "400 mg a day", "started_on": "2020"}),
        ("mycophenolate", {"started_on": "2022", "stopped_on": "2024-02"}),
        ("cotrimoxazole", {"started_on": "2024-03"}),
    ):
        Treatment.objects.create(patient=patient, agent=agent, entered_at=NIGHT, origin="form", **facts)


def _rows(*, patient, people) -> dict[str, object]:
    """A result that was misread, an event that goes on, a withdrawal."""
    for visit in Visit.objects.filter(patient=patient):
        facts = {"patient": patient, "visit": visit, "collected_on": visit.visited_on}
        for analyte, value, unit in (
            ("HGB", "9.9", "g/dL"),
            ("PLT", "102", "10*9/L"),
            ("ANC", "4.0", "10*9/L"),
        ):
            factories.make_result(analyte=analyte, value=value, unit=unit, **facts)
    misread = LabResult.objects.get(patient=patient, visit__code="D28", analyte="ANC")
    facts = {"patient": patient, "visit": misread.visit, "collected_on": misread.collected_on}
    with acting(rows=EVERYTHING, by=people["coordinator"], origin="form"), because("misread on the report"):
        result = factories.make_result(value="0.4", **facts)
        LabResult.objects.filter(pk=misread.pk).update(
            superseded_at=NIGHT, superseded_by=result, superseded_reason="misread on the report"
        )
    factories.make_event(patient=patient, term="Herpes zoster", started_on="2024-07-10", grade=2)
    crs = patient.adverse_events.get(category="crs")
    withdrawal = factories.make_withdrawal(patient=patient, scopes=("share_sponsor",))
    return {"<result>": result.pk, "<event>": crs.pk, "<withdrawal>": withdrawal.pk}


def _asked(*, patient, people) -> dict[str, object]:
    """One question open and late, one answered, one of the registry, one settled."""
    visit = "visit:M3@2024-03-01"
    platelets = LabResult.objects.filter(patient=patient, analyte="PLT", visit=None).latest("collected_on")
    asked = {
        "open": factories.make_question(
            patient=patient,
            fact=f"{visit}:visited_on",
            by=people["manager"],
            text="The letter of the ward says 1 June. Which day is right?",
            due_on=date(2024, 8, 20),
            asked_at=NIGHT.replace(month=8, day=5),
        ),
        "answered": factories.make_question(
            patient=patient,
            fact=f"result:{platelets.pk}",
            by=people["manager"],
            text="Per microlitre?",
        ),
        "system": factories.make_question(
            patient=patient,
            fact=f"{visit}:new_malignancy",
            text="The visit of 2 Jun 2024 says neither yes nor no to a new malignancy.",
            check_key="new_malignancy_unanswered",
            check_version=1,
        ),
        "closed": factories.make_question(patient=patient, by=people["manager"]),
    }
    with acting(rows=EVERYTHING):
        questions.answer(
            question=asked["answered"], text="No, per litre.", by=people["coordinator"], at=NIGHT
        )
        questions.close(question=asked["closed"], closing="confirmed", by=people["manager"], at=NIGHT)
    return {f"question {name}": question.public_id for name, question in asked.items()}


def _signed(*, patient, people) -> None:
    """Two visits signed, of which a change voided one; a password mistyped on the way."""
    investigator = Client()
    investigator.force_login(people["investigator"])
    for code, password in (("M3", "wrong"), ("M3", PASSWORD), ("D28", PASSWORD)):
        page = f"/patients/{patient.public_id}/visits/{code}/sign/"
        shown = investigator.get(page).content.decode()
        digest = shown.split('name="sha256" value="')[1].split('"')[0]
        _sent(
            investigator,
            page,
            {"sha256": digest, "user_name": "investigator", "password": password},
            answer=422 if password == "wrong" else 302,
        )
    with acting(rows=EVERYTHING, by=people["coordinator"], origin="form"), because("forgotten"):
        Visit.objects.filter(patient=patient, code="D28").update(comments="Came by train.")


def _work(*, scene, patients, people) -> None:
    """What the coordinator did by the pages: a draft, a contact, attempts that reached nobody."""
    coordinator = Client()
    coordinator.force_login(people["coordinator"])
    at_low = f"/patients/{scene.low.public_id}/"
    _sent(
        coordinator,
        f"{at_low}drafts/",
        {
            "draft-key": "visit:D28@2024-03-01",
            "draft-page": f"{at_low}visits/D28/",
            "draft-form": str(uuid4()),
            "draft-seen": "",
            "draft-version": "",
            "lab-ANC-value": "0,9",
        },
    )
    contact = f"/patients/{patients['called'].public_id}/visits/Y6/contact/"
    _sent(coordinator, f"{contact}attempt/", attempt_data(20))
    _sent(coordinator, contact, contact_data(serious_infection="yes", serious_infection_text="Sepsis"))
    for day in (20, 21, 22):
        attempt = f"/patients/{patients['late'].public_id}/visits/Y6/contact/attempt/"
        _sent(coordinator, attempt, attempt_data(day))


def _sent(client, path, data, *, answer=None) -> None:
    found = client.post(path, data)
    assert found.status_code in ((answer,) if answer else (200, 302)), found.content.decode()[:3000]


def _locks(*, patients, manager) -> dict[str, object]:
    """One lock that somebody asks to open, one that stands."""
    asked = factories.make_lock(patient=patients["dead"], by=manager)
    visit = Visit.objects.get(patient=patients["called"], code="M12")
    lock = factories.make_lock(visit=visit, by=manager)
    unlocking = Unlocking.objects.create(
        lock=asked, asked_by=manager, asked_at=NIGHT, reason="A date was misread."
    )
    return {"<lock>": lock.pk, "<unlocking>": unlocking.pk}


def _mails(*, study, people) -> object:
    dead = factories.make_dead_letter(
        study=study,
        recipient=people["officer"],
        error="550 5.1.1 <officer@hospital.example>: Recipient address rejected: User unknown in local table",
    )
    for state in ("waiting", "given_up"):
        mail = factories.make_dead_letter(study=study, recipient=people["lead"], error="")
        is_over = state == "given_up"
        Notification.objects.filter(pk=mail.pk).update(
            state=state,
            error="" if is_over else "No mail server: [Errno 111] Connection refused",
            given_up_at=NIGHT if is_over else None,
            given_up_by=people["manager"] if is_over else None,
            given_up_reason="Told by telephone" if is_over else "",
        )
    return dead.public_id
