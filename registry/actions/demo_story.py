"""What people of the demonstration have done before anybody looks: signed, locked, asked, typed and not sent.

By the very acts that the pages call, so that nothing stands there that a person could not have done. The
patients are those that the invented cohort makes by hand; of a cohort too small to have one, nothing is told.
"""

from datetime import date, datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from registry.access.scope import acting, rows_of
from registry.actions import (
    adverse_events,
    alerts,
    annual_contact,
    consent,
    drafts,
    locks,
    questions,
    signatures,
)
from registry.actions.annual_contact import AttemptEntry
from registry.actions.consent import WithdrawalEntry
from registry.actions.drafts import Payload, Typing
from registry.actions.event_entries import EventEntry, FollowUpEntry
from registry.actions.questions import Asking
from registry.clinical.event_facts import CrsFacts, InfectionFacts
from registry.clinical.facts import Fact
from registry.clinical.partial_dates import PartialDate
from registry.models import AdverseEvent, Alert, Consent, Course, Patient, User, Visit
from registry.queries.locks import Target
from registry.queries.signatures import canonical


class _Past:
    """When things were done: days before `at`, on a site's calendar `today`."""

    def __init__(self, at: datetime, today: date):
        self.at, self.today = at, today

    def ago(self, days: int) -> datetime:
        return self.at - timedelta(days=days)

    def on(self, days: int) -> date:
        return self.today - timedelta(days=days)


def tell(*, at: datetime, today: date) -> None:
    """Do it all, each as the person whose work it is."""
    past = _Past(at, today)
    people = {user.username.partition("@")[0]: user for user in User.objects.filter(is_demo=True)}
    coordinator, investigator, manager = (people[k] for k in ("coordinator", "investigator", "manager"))
    _review_cytopenias(by=people["officer"], past=past)
    _withdraw_research("VIE-0009", by=coordinator, past=past)
    _sign_and_lock("VIE-0010", signed_by=investigator, locked_by=manager, past=past)
    _report_events("VIE-0010", by=coordinator, past=past)
    _ask("VIE-0005", "VIE-0006", asked_by=manager, answered_by=coordinator, past=past)
    _call_in_vain("VIE-0011", by=coordinator, past=past)
    _type("VIE-0010", "VIE-0006", by=coordinator, past=past)


def _review_cytopenias(*, by: User, past: _Past) -> None:
    """Of the sites that nobody here enters for: one alert is decided, another one was seen."""
    with acting(rows=rows_of(by), by=by, origin="form"):
        waiting = Alert.objects.filter(rule="prolonged_cytopenia", certainty="certain", state="open")
        elsewhere = waiting.exclude(patient__code__startswith="VIE-").select_related("patient")
        for place, alert in enumerate(elsewhere.order_by("patient__code", "subject")[:2]):
            if place == 0:
                alerts.decide(
                    alert=alert,
                    decision="confirmed",
                    reason="Read in the counts; no transfusion near them, and the marrow was looked at.",
                    by=by,
                    at=past.at,
                )
            else:
                alerts.acknowledge(alert=alert, by=by, at=past.at)


def _withdraw_research(code: str, *, by: User, past: _Past) -> None:
    with acting(rows=rows_of(by), by=by, origin="form"):
        if (patient := _patient(code)) is None:
            return
        given = {scope for each in Consent.objects.filter(patient=patient) for scope in each.scopes}
        taken_back = tuple(scope for scope in ("share_research", "genetics") if scope in given)
        if not taken_back:
            return
        consent.withdraw_consent(
            patient=patient,
            entry=WithdrawalEntry(past.on(60), taken_back, "Wants no samples to leave the hospital."),
            submission=_number("withdrawal"),
            by=by,
            at=past.ago(58),
            today=past.today,
        )


def _sign_and_lock(code: str, *, signed_by: User, locked_by: User, past: _Past) -> None:
    """The first course is complete: one visit is signed, one is locked, and somebody asks to open it."""
    with acting(rows=rows_of(signed_by), by=signed_by, origin="form"):
        patient = _patient(code)
        signed = _visit(patient, "D28") if patient is not None else None
        if patient is None or signed is None:
            return
        signatures.sign(
            patient=patient,
            visit=signed,
            sha256=canonical(patient=patient, visit=signed).sha256,
            by=signed_by,
            at=past.ago(6),
        )
    with acting(rows=rows_of(locked_by), by=locked_by, origin="form"):
        if (visit := _visit(patient, "M3")) is None:
            return
        lock = locks.lock(
            target=Target(study=patient.study, patient=patient, visit=visit),
            reason="Cleaned for the yearly report",
            by=locked_by,
            at=past.ago(5),
        )
        locks.ask_to_unlock(
            lock=lock,
            reason="The site found the report of a second platelet count",
            hours=48,
            by=locked_by,
            at=past.ago(1),
        )


def _report_events(code: str, *, by: User, past: _Past) -> None:
    """Of the second course: a CRS graded by its components, an infection that goes on with a follow-up."""
    with acting(rows=rows_of(by), by=by, origin="form"):
        if (patient := _patient(code)) is None:
            return
        day_zero = Course.objects.filter(patient=patient).latest("day_zero").day_zero
        crs = EventEntry(
            term="Cytokine release syndrome",
            category="crs",
            started_on=_day(day_zero, 3),
            ended_on=_day(day_zero, 6),
            aware_on=day_zero + timedelta(days=3),
            serious=False,
            relatedness="certain",
            outcome="recovered",
            facts=CrsFacts(
                has_fever=True,
                is_fever_explained=False,
                antipyretics_given=True,
                tocilizumab_given=True,
                steroids_given=False,
                hypotension="no_vasopressor",
                hypoxia="low_flow",
            ),
        )
        infection = EventEntry(
            term="Pneumonia",
            category="infection",
            grade=3,
            grade_scale="CTCAE-5",
            started_on=_day(day_zero, 31),
            aware_on=day_zero + timedelta(days=32),
            serious=True,
            seriousness=("hospitalisation",),
            relatedness="possible",
            facts=InfectionFacts(
                site="lung",
                organism="Streptococcus pneumoniae",
                documented="microbiological",
                is_opportunistic=False,
                treatment="intravenous",
                was_in_hospital=True,
            ),
        )
        for entry, told in ((crs, 46), (infection, 17)):
            event = adverse_events.record_event(
                patient=patient,
                entry=entry,
                submission=_number(entry.term),
                by=by,
                at=past.ago(told),
                today=past.today,
            )
        adverse_events.record_follow_up(
            event=event,
            entry=FollowUpEntry(
                reported_on=past.on(9), grade=2, outcome="recovering", narrative="At home on oral treatment."
            ),
            number=1,
            by=by,
            at=past.ago(9),
            today=past.today,
        )


def _ask(open_of: str, answered_of: str, *, asked_by: User, answered_by: User, past: _Past) -> None:
    with acting(rows=rows_of(asked_by), by=asked_by, origin="form"):
        if (patient := _patient(open_of)) is not None:
            event = AdverseEvent.objects.filter(patient=patient).latest("pk")
            words = "Graded 3 and serious: what was the outcome, and is it still going on?"
            fact = Fact("event", name=event.event_id, field="outcome")
            asking = Asking(fact, words, past.on(-5))
            questions.ask(patient=patient, asking=asking, by=asked_by, at=past.ago(9), today=past.today)
        if (patient := _patient(answered_of)) is None:
            return
        words = "No year of onset: is it known from the referral?"
        asking = Asking(Fact("patient", field="disease_onset_year"), words, past.on(-2))
        asked = questions.ask(patient=patient, asking=asking, by=asked_by, at=past.ago(12), today=past.today)
    with acting(rows=rows_of(answered_by), by=answered_by, origin="form"):
        words = "The referral says “since adolescence”. We have asked the family doctor for the year."
        questions.answer(question=asked, text=words, by=answered_by, at=past.ago(3))


def _call_in_vain(code: str, *, by: User, past: _Past) -> None:
    with acting(rows=rows_of(by), by=by, origin="form"):
        if (patient := _patient(code)) is None:
            return
        annual_contact.record_attempt(
            patient=patient,
            course=Course.objects.get(patient=patient),
            code="Y6",
            entry=AttemptEntry(past.on(10), "phone", "no_answer", "Tried in the morning."),
            by=by,
            at=past.ago(10),
            today=past.today,
        )


def _type(newer_of: str, older_of: str, *, by: User, past: _Past) -> None:
    """Two drafts: one of this morning, one that nobody has touched for a month."""
    with acting(rows=rows_of(by), by=by, origin="form"):
        if (patient := _patient(newer_of)) is not None:
            typed = {
                "term": ["Herpes labialis"],
                "category": ["infection"],
                "grade": ["1"],
                "narrative": ["Second time this year."],
            }
            _keep(patient, "event:new", "events/", typed, by=by, at=past.at - timedelta(hours=3))
        if (patient := _patient(older_of)) is not None:
            day_zero = Course.objects.get(patient=patient).day_zero
            typed = {"status": ["missed"], "missed_reason": ["Moved away; the new address is asked for."]}
            page = f"visits/Y3/?day_zero={day_zero}"
            _keep(patient, f"visit:Y3@{day_zero}", page, typed, by=by, at=past.ago(34))


def _keep(patient: Patient, key: str, page: str, typed: Payload, *, by: User, at: datetime) -> None:
    typing = Typing(
        key=key,
        page=f"/patients/{patient.public_id}/{page}",
        form=_number(key),
        seen=None,
        version=None,
        payload=typed,
    )
    drafts.keep_draft(patient=patient, typing=typing, by=by, at=at)


def _patient(code: str) -> Patient | None:
    return Patient.objects.filter(code=code).select_related("site", "study").first()


def _visit(patient: Patient, code: str) -> Visit | None:
    """The visit of the first course, if it took place."""
    found = Visit.objects.filter(patient=patient, code=code, status="completed")
    return found.select_related("course", "patient", "patient__study").order_by("course__day_zero").first()


def _day(day_zero: date, day: int) -> PartialDate:
    return PartialDate.parse((day_zero + timedelta(days=day)).isoformat())


def _number(what: str) -> UUID:
    """The same for the same cohort, and no other's."""
    return uuid5(NAMESPACE_URL, f"demonstration {what}")
