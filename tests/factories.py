"""Rows for tests: they fill what a test does not care about; what it cares about is written out.

Factories write as the database's owner, outside any scope, as a set-up script would.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

from registry.clinical.consent_scopes import SCOPES
from registry.clinical.units import to_canonical
from registry.models import (
    AdverseEvent,
    Alert,
    AlertMove,
    Consent,
    ConsentVersion,
    ConsentWithdrawal,
    Course,
    Infusion,
    LabResult,
    Membership,
    Notification,
    Patient,
    Product,
    Question,
    QuestionMessage,
    RecordLock,
    ScheduledVisit,
    Score,
    Site,
    SiteStay,
    Sponsor,
    Study,
    SupportiveTreatment,
    User,
    Visit,
    VisitSchedule,
)

DAY_0 = date(2024, 3, 1)
NIGHT = datetime(2024, 9, 1, 2, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
_numbers = count(1001)


def make_sponsor(*, key="ACME") -> Sponsor:
    return Sponsor.objects.get_or_create(key=key, defaults={"name": f"{key} Cell Therapies"})[0]


def make_study(*, key="CART-AID", sponsor=None) -> Study:
    found = Study.objects.filter(key=key).first()
    return found or Study.objects.create(
        key=key, name=f"{key} registry", sponsor=sponsor or make_sponsor(key=f"SP-{key}")
    )


def make_schedule(*, study, version=1, effective_from=date(2000, 1, 1), visits=(("D28", 28, "day", 3, 3),)):
    schedule = VisitSchedule.objects.create(study=study, version=version, effective_from=effective_from)
    for code, offset, unit, before, after in visits:
        ScheduledVisit.objects.create(
            schedule=schedule,
            code=code,
            offset=offset,
            offset_unit=unit,
            days_before=before,
            days_after=after,
        )
    return schedule


def make_site(*, study=None, code="VIE", time_zone="Europe/Vienna") -> Site:
    study = study or make_study()
    return Site.objects.get_or_create(
        study=study, code=code, defaults={"name": f"Hospital {code}", "country": "AT", "time_zone": time_zone}
    )[0]


def make_product(*, study=None, code="CAR19") -> Product:
    return Product.objects.get_or_create(
        study=study or make_study(),
        code=code,
        defaults={"name": code, "target": "CD19", "source": "autologous", "vector": "lentiviral"},
    )[0]


def make_patient(*, site=None, code=None, infused_on: date | None = DAY_0, **facts) -> Patient:
    """A CAR-T patient enrolled a week before the infusion, unless said otherwise."""
    site = site or make_site()
    facts.setdefault("enrolled_on", date.fromordinal(infused_on.toordinal() - 7) if infused_on else None)
    patient = Patient.objects.create(
        **{
            "study": site.study,
            "site": site,
            "code": code or f"{site.code}-{next(_numbers)}",
            "sex": "F",
            "birth_year": 1985,
            "diagnosis": "SLE",
            "cohort": "CAR_T",
            **facts,
        }
    )
    if infused_on and patient.cohort == "CAR_T":
        make_infusion(patient=patient, infused_on=infused_on)
    elif patient.index_date:
        Course.objects.create(patient=patient, day_zero=patient.index_date)
    return patient


def make_infusion(*, patient, infused_on=DAY_0) -> Infusion:
    course = Course.objects.create(patient=patient, day_zero=infused_on)
    return Infusion.objects.create(
        patient=patient, course=course, infused_on=infused_on, product=make_product(study=patient.study)
    )


def make_result(
    *, patient, collected_on, analyte="ANC", value="2.5", unit="10*9/L", entered_at=NIGHT, **facts
) -> LabResult:
    comparator = value[0] if value[0] in "<>" else ""
    canonical = to_canonical(Decimal(value.lstrip("<>")), analyte=analyte, unit=unit)
    return LabResult.objects.create(
        **{
            "patient": patient,
            "collected_on": collected_on,
            "analyte": analyte,
            "entered_value": value,
            "entered_unit": unit,
            "comparator": comparator,
            "value": canonical,
            "entered_at": entered_at,
            "origin": "form",
            **facts,
        }
    )


def make_visit(*, patient, code="D28", visited_on=None, status="completed", **facts) -> Visit:
    course = patient.courses.order_by("day_zero").last()
    return Visit.objects.create(
        **{
            "patient": patient,
            "course": course,
            "code": code,
            "visited_on": visited_on,
            "status": status,
            "missed_reason": "moved away" if status == "missed" else "",
            "entered_at": NIGHT,
            "origin": "form",
            **facts,
        }
    )


def make_support(*, patient, given_on, kind="g_csf") -> SupportiveTreatment:
    return SupportiveTreatment.objects.create(
        patient=patient, given_on=given_on, kind=kind, entered_at=NIGHT, origin="form"
    )


def make_event(*, patient, event_id=None, term="Headache", **facts) -> AdverseEvent:
    return AdverseEvent.objects.create(
        **{
            "patient": patient,
            "study": patient.study,
            "event_id": event_id or f"AE-{next(_numbers)}",
            "term": term,
            "entered_at": NIGHT,
            "origin": "form",
            **facts,
        }
    )


def make_consent_version(*, study, version="1.0", effective_from=date(2023, 1, 1), scopes=tuple(SCOPES)):
    return ConsentVersion.objects.create(
        study=study,
        version=version,
        title=f"Information sheet {version}",
        effective_from=effective_from,
        scopes=list(scopes),
        entered_at=NIGHT,
    )


def make_consent(*, patient, version, given_on=date(2024, 2, 20), scopes=tuple(SCOPES)) -> Consent:
    return Consent.objects.create(
        patient=patient,
        study=patient.study,
        version=version,
        given_on=given_on,
        scopes=list(scopes),
        entered_at=NIGHT,
        origin="form",
    )


def make_withdrawal(*, patient, withdrawn_on=date(2024, 8, 1), scopes=("genetics",)) -> ConsentWithdrawal:
    return ConsentWithdrawal.objects.create(
        patient=patient, withdrawn_on=withdrawn_on, scopes=list(scopes), entered_at=NIGHT, origin="form"
    )


def make_transfer(*, patient, to_site, moved_on=date(2024, 8, 1)) -> SiteStay:
    """The patient at another site since a day, as a transfer leaves it."""
    facts = {"patient": patient, "study": patient.study, "moved_at": NIGHT}
    SiteStay.objects.create(site=patient.site, stay=(None, moved_on), **facts)
    begun = SiteStay.objects.create(site=to_site, stay=(moved_on, None), reason="moved house", **facts)
    patient.site = to_site
    patient.save(update_fields=["site"])
    return begun


def make_alert(*, patient, rule="prolonged_cytopenia", subject="ANC", **facts) -> Alert:
    """An alert as a scan would have left it; the rule's own evidence only where a test writes it out."""
    return Alert.objects.create(
        **{
            "patient": patient,
            "rule": rule,
            "rule_version": 1,
            "limits": {},
            "subject": subject,
            "one_per_subject": rule != "prolonged_cytopenia",
            "certainty": "certain",
            "severity": "medium",
            "day_zero": DAY_0,
            "first_on": date(2024, 3, 6),
            "last_on": date(2024, 4, 4),
            "evidence": {
                "lineage": "ANC",
                "first_low_on": "2024-03-06",
                "last_low_on": "2024-04-04",
                "certain_days": 29,
                "possible_days": 33,
                "earliest_start_on": "2024-03-05",
                "latest_end_on": "2024-04-07",
                "outcome": "recovered",
                "recovered_on": "2024-04-08",
                "deepest_value": "0.4",
                "deepest_on": "2024-03-10",
                "labels": [],
                "results": [],
            },
            "raised_at": NIGHT,
            "last_seen_at": NIGHT,
            **facts,
        }
    )


def make_score(*, patient, assessed_on=date(2024, 6, 1), score="SLEDAI-2K", value="4") -> Score:
    return Score.objects.create(
        patient=patient, assessed_on=assessed_on, score=score, value=value, entered_at=NIGHT, origin="form"
    )


def make_decision(*, alert, by=None, decision="need_information", reason="asked the site") -> AlertMove:
    """A person's decision as it stands in the alert's life; the alert itself is left as it is."""
    return AlertMove.objects.create(
        alert=alert,
        patient=alert.patient,
        at=NIGHT,
        by=by
        or make_user(username=f"officer-{next(_numbers)}", role="safety_officer", study=alert.patient.study),
        kind="decided",
        from_state="open",
        to_state="in_review",
        decision=decision,
        reason=reason,
        rule_version=alert.rule_version,
        evidence=alert.evidence,
    )


def make_user(*, username, role, site=None, study=None, sponsor=None) -> User:
    user = User.objects.create_user(
        username=username,
        password=PASSWORD,
        email=f"{username.partition('@')[0]}@hospital.example",
        has_own_secret=True,
    )
    Membership.objects.create(user=user, role=role, site=site, study=study, sponsor=sponsor, granted_at=NIGHT)
    return user


def make_lock(*, study=None, site=None, patient=None, visit=None, by=None) -> RecordLock:
    """A lock of the narrowest of these."""
    patient = patient or (visit.patient if visit else None)
    place = patient.study if patient else site.study if site else study
    return RecordLock.objects.create(
        level="visit" if visit else "patient" if patient else "site" if site else "study",
        study=place,
        site=site,
        patient=patient,
        visit=visit,
        locked_by=by or make_user(username=f"manager-{next(_numbers)}", role="data_manager", study=place),
        locked_at=NIGHT,
        reason="Cleaned for the yearly report.",
    )


def make_dead_letter(*, study, recipient=None, error="550 no such mailbox") -> Notification:
    """A mail of one critical alert that could not be sent."""
    return Notification.objects.create(
        recipient=recipient
        or make_user(username=f"officer-{next(_numbers)}", role="safety_officer", study=study),
        kind="critical_alert",
        payload={
            "studies": [study.key],
            "alerts": [
                {
                    "id": "8a9c8d6e-0000-4000-8000-000000000001",
                    "rule": "secondary_malignancy",
                    "severity": "critical",
                    "certainty": "certain",
                    "kind": "raised",
                }
            ],
        },
        state="dead",
        attempts=1,
        error=error,
    )


def make_question(*, patient, fact="patient:birth_year", by=None, text="Is this right?", **facts) -> Question:
    """An open question with its first message; of the registry itself where a check is named."""
    if by is None and "check_key" not in facts:
        by = make_user(username=f"asker-{next(_numbers)}", role="safety_officer", study=patient.study)
    asked = {"asked_by": by, "asked_at": NIGHT, **facts}
    question = Question.objects.create(patient=patient, fact=fact, **asked)
    QuestionMessage.objects.create(
        question=question,
        patient=patient,
        at=question.asked_at,
        by=question.asked_by,
        kind="asked",
        to_state="open",
        text=text,
        check_key=question.check_key,
    )
    return question
