"""Consent given, replaced, taken back; what a withdrawal stops and what it leaves."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.access.roles import NotAllowed
from registry.access.scope import EVERYTHING, acting
from registry.actions.adverse_events import record_event, record_follow_up
from registry.actions.consent import (
    ConsentEntry,
    ConsentRecordedAlready,
    VersionEntry,
    WithdrawalEntry,
    add_version,
    annul_withdrawal,
    record_consent,
    withdraw_consent,
)
from registry.actions.enrolment import InfusionEntry, record_infusion
from registry.actions.event_entries import EventEntry, FollowUpEntry
from registry.actions.laboratory import ResultEntry, record_results
from registry.actions.refused import RecordRefused
from registry.actions.treatments import AnswerEntry, CorrectionEntry, TreatmentEntry, TreatmentsPart
from registry.actions.visits import SupportEntry, VisitEntry, record_visit
from registry.clinical.consent_scopes import SCOPES, stands
from registry.clinical.partial_dates import PartialDate
from registry.models import (
    AuditEvent,
    Consent,
    ConsentVersion,
    ConsentWithdrawal,
    Patient,
    RecordLock,
    Treatment,
    Visit,
)
from registry.queries.consent import acts_by_patient, consent_file, forget_acts, version_in_force
from tests import factories
from tests.factories import DAY_0, NIGHT

pytestmark = pytest.mark.django_db
TODAY = date(2024, 9, 1)
GIVEN_ON = date(2024, 2, 20)
WITHDRAWN_ON = date(2024, 6, 1)


def make_version(study, version="1.0", effective_from=date(2023, 1, 1), scopes=tuple(SCOPES)):
    return factories.make_consent_version(
        study=study, version=version, effective_from=effective_from, scopes=scopes
    )


def consent(patient, version, by, *, given_on=GIVEN_ON, scopes=tuple(SCOPES), because="", submission=None):
    entry = ConsentEntry(version=version, given_on=given_on, scopes=scopes, replaces_because=because)
    return record_consent(
        patient=patient, entry=entry, submission=submission or uuid4(), by=by, at=NIGHT, today=TODAY
    )


def withdraw(patient, by, *, on=WITHDRAWN_ON, scopes=tuple(SCOPES), submission=None):
    entry = WithdrawalEntry(withdrawn_on=on, scopes=scopes, reason="moved on")
    return withdraw_consent(
        patient=patient, entry=entry, submission=submission or uuid4(), by=by, at=NIGHT, today=TODAY
    )


def refused_fields(refusal):
    return [problem.field for problem in refusal.value.problems]


@pytest.fixture
def version(study):
    return make_version(study)


# --- versions ---------------------------------------------------------------------------------


def test_a_data_manager_adds_a_version_and_it_is_never_changed(study, manager):
    entry = VersionEntry("2.0", "Sheet", date(2024, 8, 1), ("follow_up", "laboratory"), "ab" * 32)

    added = add_version(study=study, entry=entry, by=manager, at=NIGHT)

    assert (added.version, added.scopes) == ("2.0", ["follow_up", "laboratory"])
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        ConsentVersion.objects.update(title="Another")


@pytest.mark.parametrize("actor", ["coordinator", "officer", "stranger", "sponsor"])
def test_nobody_else_adds_a_version(request, study, actor):
    entry = VersionEntry("2.0", "Sheet", date(2024, 8, 1), ("follow_up",))

    with pytest.raises(NotAllowed):
        add_version(study=study, entry=entry, by=request.getfixturevalue(actor), at=NIGHT)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"version": "1.0"}, "version"),
        ({"version": ""}, "version"),
        ({"title": " "}, "title"),
        ({"effective_from": date(2023, 1, 1)}, "effective_from"),
        ({"effective_from": None}, "effective_from"),
        ({"scopes": ("laboratory",)}, "scopes"),
        ({"scopes": ("follow_up", "everything")}, "scopes"),
        ({"text_digest": "short"}, "text_digest"),
    ],
)
def test_an_impossible_version_is_refused(study, version, manager, changed, field):
    facts = {"version": "2.0", "title": "Sheet", "effective_from": date(2024, 8, 1), "scopes": ("follow_up",)}

    with pytest.raises(RecordRefused) as refusal:
        add_version(study=study, entry=VersionEntry(**{**facts, **changed}), by=manager, at=NIGHT)

    assert refused_fields(refusal) == [field]


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2022, 12, 31), None),
        (date(2023, 1, 1), "1.0"),
        (date(2024, 7, 31), "1.0"),
        (date(2024, 8, 1), "2.0"),
    ],
)
def test_the_latest_version_that_has_begun_is_in_force(study, version, today, expected):
    later = make_version(study, "2.0", date(2024, 8, 1))

    found = version_in_force(versions=[later, version], today=today)

    assert (found.version if found else None) == expected


# --- given ------------------------------------------------------------------------------------


def test_a_consent_is_kept_with_who_recorded_it(patient, version, coordinator):
    consent(patient, version, coordinator, scopes=("follow_up", "share_sponsor"))

    kept = Consent.objects.get()
    assert (kept.given_on, kept.scopes, kept.entered_by) == (
        GIVEN_ON,
        ["follow_up", "share_sponsor"],
        coordinator,
    )


@pytest.mark.parametrize("actor", ["other_site", "officer", "manager", "sponsor"])
def test_only_the_site_records_consent_and_withdrawal(request, patient, version, actor):
    by = request.getfixturevalue(actor)

    with pytest.raises(NotAllowed):
        consent(patient, version, by)
    with pytest.raises(NotAllowed):
        withdraw(patient, by)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"given_on": date(2024, 9, 2)}, "given_on"),
        ({"given_on": None}, "given_on"),
        ({"scopes": ("laboratory",)}, "scopes"),
        ({"scopes": ("follow_up", "genetics")}, "scopes"),
    ],
)
def test_an_impossible_consent_is_refused(patient, study, coordinator, changed, field):
    narrow = make_version(study, "0.9", date(2020, 1, 1), scopes=("follow_up", "laboratory"))

    with pytest.raises(RecordRefused) as refusal:
        consent(patient, narrow, coordinator, **{"scopes": ("follow_up",), **changed})

    assert refused_fields(refusal) == [field]


def test_the_same_consent_twice_is_one(patient, version, coordinator):
    one = uuid4()

    for submission in (one, one, uuid4()):
        consent(patient, version, coordinator, submission=submission)

    assert Consent.objects.count() == 1


def test_another_consent_to_the_same_version_replaces_it_only_with_a_reason(patient, version, coordinator):
    consent(patient, version, coordinator)

    with pytest.raises(ConsentRecordedAlready):
        consent(patient, version, coordinator, scopes=("follow_up",))
    consent(patient, version, coordinator, scopes=("follow_up",), because="misread the ticks")

    old, new = Consent.objects.order_by("pk")
    assert (old.replaced_reason, new.replaced_at, new.scopes) == ("misread the ticks", None, ["follow_up"])


def test_the_database_keeps_one_current_consent_to_a_version(patient, version, coordinator):
    consent(patient, version, coordinator)

    with pytest.raises(DatabaseError, match="current_once"), transaction.atomic():
        Consent.objects.create(
            patient=patient,
            study=patient.study,
            version=version,
            given_on=GIVEN_ON,
            scopes=["follow_up"],
            entered_at=NIGHT,
            origin="form",
        )


def test_the_database_refuses_what_the_version_does_not_ask_and_any_change(patient, study, coordinator):
    narrow = make_version(study, "0.9", date(2020, 1, 1), scopes=("follow_up",))
    made = consent(patient, narrow, coordinator, scopes=("follow_up",))

    with pytest.raises(DatabaseError, match="only closed"), transaction.atomic():
        Consent.objects.filter(pk=made.pk).update(given_on=date(2024, 1, 1))
    with pytest.raises(DatabaseError, match="only what its version asks"), transaction.atomic():
        Consent.objects.create(
            patient=factories.make_patient(site=patient.site),
            study=patient.study,
            version=narrow,
            given_on=GIVEN_ON,
            scopes=["follow_up", "genetics"],
            entered_at=NIGHT,
            origin="form",
        )


@pytest.mark.parametrize(("versions", "expected"), [((), "no_version"), (("1.0",), "not_recorded")])
def test_a_patient_without_a_consent_is_not_recorded(patient, study, versions, expected):
    for each in versions:
        make_version(study, each)

    assert consent_file(patient=patient, today=TODAY).state == expected


def test_a_new_version_has_to_be_asked_for(patient, study, version, coordinator):
    consent(patient, version, coordinator)
    assert consent_file(patient=patient, today=TODAY).state == "current"

    make_version(study, "2.0", date(2024, 8, 1))

    assert consent_file(patient=patient, today=date(2024, 7, 31)).state == "current"
    assert consent_file(patient=patient, today=date(2024, 8, 1)).state == "to_renew"


# --- taken back -------------------------------------------------------------------------------


def test_withdrawing_follow_up_ends_follow_up_on_that_day(patient, version, coordinator):
    consent(patient, version, coordinator)

    withdraw(patient, coordinator)

    patient.refresh_from_db()
    assert (patient.follow_up_ended_on, patient.follow_up_end_reason) == (WITHDRAWN_ON, "withdrawal")
    assert consent_file(patient=patient, today=TODAY).state == "withdrawn"


def test_withdrawing_another_scope_leaves_follow_up(patient, version, coordinator):
    consent(patient, version, coordinator)

    withdraw(patient, coordinator, scopes=("share_sponsor",))

    patient.refresh_from_db()
    assert patient.follow_up_ended_on is None
    assert consent_file(patient=patient, today=TODAY).state == "limited"


def test_an_earlier_end_of_follow_up_stands(site, coordinator):
    died = factories.make_patient(site=site, follow_up_ended_on=date(2024, 5, 1), follow_up_end_reason="lost")

    withdraw(died, coordinator)

    died.refresh_from_db()
    assert (died.follow_up_ended_on, died.follow_up_end_reason) == (date(2024, 5, 1), "lost")


def test_no_lock_holds_up_a_withdrawal(patient, coordinator, manager):
    RecordLock.objects.create(
        level="patient",
        study=patient.study,
        patient=patient,
        locked_by=manager,
        locked_at=NIGHT,
        reason="cut",
    )

    withdraw(patient, coordinator)

    patient.refresh_from_db()
    assert ConsentWithdrawal.objects.count() == 1
    assert patient.follow_up_ended_on is None


def write_visit(patient, on, by):
    course = patient.courses.get()
    entry = VisitEntry("completed", on, new_malignancy=False)
    return record_visit(
        patient=patient,
        course=course,
        code="UNS",
        entry=entry,
        submission=uuid4(),
        by=by,
        at=NIGHT,
        today=TODAY,
    )


def write_support(patient, on, by):
    entry = VisitEntry("completed", WITHDRAWN_ON, new_malignancy=False)
    return record_visit(
        patient=patient,
        course=patient.courses.get(),
        code="UNS",
        entry=entry,
        supports=[SupportEntry(on, "g_csf")],
        submission=uuid4(),
        by=by,
        at=NIGHT,
        today=TODAY,
    )


def write_result(patient, on, by):
    entry = ResultEntry("ANC", "1.5", "10*9/L", on)
    return record_results(patient=patient, visit=None, entries=[entry], by=by, at=NIGHT, today=TODAY)


def write_event(patient, on, by):
    entry = EventEntry(term="Headache", started_on=PartialDate.parse(on.isoformat()))
    return record_event(patient=patient, entry=entry, submission=uuid4(), by=by, at=NIGHT, today=TODAY)


def write_infusion(patient, on, by):
    entry = InfusionEntry(infused_on=on, product=factories.make_product(study=patient.study))
    return record_infusion(patient=patient, entry=entry, by=by, today=TODAY)


WRITES = [write_visit, write_support, write_result, write_event, write_infusion]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(("days", "is_refused"), [(-1, False), (0, False), (1, True), (60, True)])
def test_what_is_dated_after_the_withdrawal_is_refused_in_words(
    patient, version, coordinator, write, days, is_refused
):
    consent(patient, version, coordinator)
    withdraw(patient, coordinator)
    on = WITHDRAWN_ON + timedelta(days=days)

    if is_refused:
        with pytest.raises(RecordRefused, match=r"_on") as refusal:
            write(patient, on, coordinator)
        assert "withdrawn on 1 Jun 2024" in refusal.value.problems[0].problem
    else:
        write(patient, on, coordinator)


def make_treatment(patient, started_on, stopped_on=""):
    return Treatment.objects.create(
        patient=patient,
        agent="rituximab",
        started_on=started_on,
        stopped_on=stopped_on,
        entered_at=NIGHT,
        origin="form",
    )


DATED = {
    "visit": lambda patient, on: factories.make_visit(patient=patient, code="UNS", visited_on=on),
    "result": lambda patient, on: factories.make_result(patient=patient, collected_on=on),
    "support": lambda patient, on: factories.make_support(patient=patient, given_on=on),
    "score": lambda patient, on: factories.make_score(patient=patient, assessed_on=on),
    "event": lambda patient, on: factories.make_event(patient=patient, started_on=on.isoformat()),
    "treatment": lambda patient, on: make_treatment(patient, on.isoformat(), stopped_on=on.isoformat()),
    "infusion": lambda patient, on: factories.make_infusion(patient=patient, infused_on=on),
}


@pytest.mark.parametrize("kind", DATED)
def test_the_database_refuses_it_whatever_path_writes(patient, version, coordinator, kind):
    consent(patient, version, coordinator)
    withdraw(patient, coordinator)

    DATED[kind](patient, WITHDRAWN_ON)
    with pytest.raises(DatabaseError, match="not consented"), transaction.atomic():
        DATED[kind](patient, WITHDRAWN_ON + timedelta(days=1))


@pytest.mark.parametrize("kind", DATED)
def test_without_a_recorded_consent_everything_is_as_before(patient, kind):
    DATED[kind](patient, date(2024, 8, 1))


def test_a_stored_visit_is_not_moved_past_the_withdrawal(patient, version, coordinator):
    visit = factories.make_visit(patient=patient, visited_on=date(2024, 4, 1))
    consent(patient, version, coordinator)
    withdraw(patient, coordinator)

    Visit.objects.filter(pk=visit.pk).update(visited_on=date(2024, 4, 2))
    with pytest.raises(DatabaseError, match="not consented"), transaction.atomic():
        Visit.objects.filter(pk=visit.pk).update(visited_on=date(2024, 7, 2))


def test_results_without_consent_to_them_are_refused_and_visits_go_on(patient, version, coordinator):
    consent(patient, version, coordinator, scopes=("follow_up",))

    with pytest.raises(RecordRefused):
        write_result(patient, date(2024, 4, 1), coordinator)
    write_visit(patient, date(2024, 4, 1), coordinator)


@pytest.mark.parametrize("way", ["phone", "video", "letter"])
def test_whoever_does_not_want_calls_is_not_recorded_as_called(patient, version, coordinator, way):
    consent(patient, version, coordinator, scopes=("follow_up",))
    entry = VisitEntry("completed", date(2024, 4, 1), new_malignancy=False, contact_mode=way)

    with pytest.raises(RecordRefused) as refusal:
        record_visit(
            patient=patient,
            course=patient.courses.get(),
            code="UNS",
            entry=entry,
            submission=uuid4(),
            by=coordinator,
            at=NIGHT,
            today=TODAY,
        )
    with pytest.raises(DatabaseError, match="remote_contact"), transaction.atomic():
        factories.make_visit(patient=patient, code="UNS", visited_on=date(2024, 4, 1), contact_mode=way)

    assert refused_fields(refusal) == ["contact_mode"]


@pytest.mark.parametrize(
    ("began", "is_refused"),
    [("2024-06-01", False), ("2024-06", False), ("2024", False), ("2024-06-02", True), ("2024-07", True)],
)
@pytest.mark.parametrize("how", ["new", "dose", "correction"])
def test_a_treatment_that_began_after_the_withdrawal_is_refused_in_words(
    patient, version, coordinator, how, began, is_refused
):
    row = make_treatment(patient, "2024-01-05")
    consent(patient, version, coordinator)
    withdraw(patient, coordinator)
    on = PartialDate.parse(began)
    parts = {
        "new": TreatmentsPart("treatments", new=(TreatmentEntry("mycophenolate", on),)),
        "dose": TreatmentsPart("treatments", answers=(AnswerEntry(row.pk, "dose", on, "500 mg"),)),
        "correction": TreatmentsPart("treatments", corrections=(CorrectionEntry(row.pk, on, None, ""),)),
    }

    found = parts[how].problems(patient=patient, visited_on=WITHDRAWN_ON, today=TODAY)

    assert ["withdrawn on 1 Jun 2024" in problem.problem for problem in found] == [True] * is_refused


def test_a_treatment_from_before_the_withdrawal_is_stopped_afterwards(patient, version, coordinator):
    row = make_treatment(patient, "2024-01-05")
    consent(patient, version, coordinator)
    withdraw(patient, coordinator)
    stop = AnswerEntry(row.pk, "stopped", PartialDate.parse("2024-07-01"))

    part = TreatmentsPart("treatments", answers=(stop,))

    assert part.problems(patient=patient, visited_on=WITHDRAWN_ON, today=TODAY) == []


@pytest.mark.parametrize("began", ["2024-05", "2024-06", "2024", "2024-05-31", ""])
def test_an_event_that_may_have_begun_before_the_withdrawal_is_still_taken(
    patient, version, coordinator, began
):
    consent(patient, version, coordinator)
    withdraw(patient, coordinator)
    started_on = PartialDate.parse(began) if began else None

    event = record_event(
        patient=patient,
        entry=EventEntry(term="Lymphoma", category="malignancy", started_on=started_on),
        submission=uuid4(),
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )

    assert event.started_on == began


def test_an_event_that_began_before_can_be_completed_afterwards(patient, version, coordinator):
    event = factories.make_event(patient=patient, started_on="2024-05-01")
    consent(patient, version, coordinator)
    withdraw(patient, coordinator)

    report = record_follow_up(
        event=event,
        entry=FollowUpEntry(reported_on=date(2024, 8, 1), outcome="recovered"),
        number=1,
        by=coordinator,
        at=NIGHT,
        today=TODAY,
    )

    assert report.outcome == "recovered"


def test_the_same_withdrawal_twice_is_one(patient, coordinator):
    submission = uuid4()

    for _ in range(2):
        withdraw(patient, coordinator, submission=submission)

    assert ConsentWithdrawal.objects.count() == 1


@pytest.mark.parametrize(
    ("on", "scopes", "field"),
    [
        (date(2024, 9, 2), ("follow_up",), "withdrawn_on"),
        (None, ("follow_up",), "withdrawn_on"),
        (WITHDRAWN_ON, (), "scopes"),
        (WITHDRAWN_ON, ("all",), "scopes"),
    ],
)
def test_an_impossible_withdrawal_is_refused(patient, coordinator, on, scopes, field):
    with pytest.raises(RecordRefused) as refusal:
        withdraw(patient, coordinator, on=on, scopes=scopes)

    assert refused_fields(refusal) == [field]


def test_a_withdrawal_by_mistake_is_annulled_with_its_reason_and_follow_up_goes_on(
    patient, version, coordinator
):
    consent(patient, version, coordinator)
    withdrawal = withdraw(patient, coordinator)

    with acting(rows=EVERYTHING, by=coordinator, origin="form"):
        annul_withdrawal(withdrawal=withdrawal, reason="wrong patient", by=coordinator, at=NIGHT)

    patient.refresh_from_db()
    assert patient.follow_up_ended_on is None
    write_visit(patient, date(2024, 8, 1), coordinator)
    event = AuditEvent.objects.filter(tbl="registry_consentwithdrawal", op="U").get()
    assert (event.reason, event.actor_id) == ("wrong patient", coordinator.pk)


def test_an_annulled_withdrawal_stays_and_is_annulled_once(patient, coordinator):
    withdrawal = withdraw(patient, coordinator)

    for reason in ("wrong patient", "again"):
        annul_withdrawal(withdrawal=withdrawal, reason=reason, by=coordinator, at=NIGHT)

    assert ConsentWithdrawal.objects.get().annulled_reason == "wrong patient"
    with pytest.raises(DatabaseError, match="only closed"), transaction.atomic():
        ConsentWithdrawal.objects.update(annulled_reason="other")


def test_whoever_consents_anew_is_followed_again_from_then_on(patient, version, coordinator):
    consent(patient, version, coordinator)
    withdraw(patient, coordinator)

    consent(patient, version, coordinator, given_on=date(2024, 7, 1), because="consented anew")

    patient.refresh_from_db()
    assert patient.follow_up_ended_on is None
    write_visit(patient, date(2024, 7, 1), coordinator)
    with pytest.raises(RecordRefused):
        write_visit(patient, date(2024, 6, 15), coordinator)


# --- properties -------------------------------------------------------------------------------

DAYS = st.integers(0, 12).map(lambda n: DAY_0 + timedelta(days=n))
SOME = st.sets(st.sampled_from(sorted(SCOPES)), min_size=1)
ACTS = st.lists(st.tuples(st.booleans(), DAYS, SOME, SOME), max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS, on=DAYS)
def test_the_database_and_the_definition_agree(patient, acts, on):
    with transaction.atomic():
        for number, (is_consent, at_day, scopes, asked) in enumerate(acts):
            if is_consent:
                asked = asked | {"follow_up"}
                version = make_version(
                    patient.study, f"p{number}", date(2000, 1, 1) + timedelta(days=number), sorted(asked)
                )
                Consent.objects.create(
                    patient=patient,
                    study=patient.study,
                    version=version,
                    given_on=at_day,
                    scopes=sorted((scopes & asked) | {"follow_up"}),
                    entered_at=NIGHT,
                    origin="form",
                )
            else:
                ConsentWithdrawal.objects.create(
                    patient=patient,
                    withdrawn_on=at_day,
                    scopes=sorted(scopes),
                    entered_at=NIGHT,
                    origin="form",
                )
        known = acts_by_patient(patient_ids=[patient.pk]).get(patient.pk, ())
        with connection.cursor() as cursor:
            for scope in SCOPES:
                cursor.execute("SELECT registry_scope_stands(%s, %s, %s)", [patient.pk, scope, on])
                assert cursor.fetchone()[0] is stands(scope, acts=known, on=on)
        transaction.set_rollback(True)


def rows_of_patient(patient):
    return {
        model._meta.db_table: set(model._default_manager.filter(patient=patient).values_list("pk", flat=True))
        for model in apps.get_app_config("registry").get_models()
        if any(field.name == "patient" for field in model._meta.fields)
    }


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(on=st.integers(0, 100).map(lambda n: DAY_0 + timedelta(days=n)), scopes=SOME)
def test_a_withdrawal_never_removes_a_row(patient, coordinator, on, scopes):
    with transaction.atomic():
        for kind, add in DATED.items():
            if kind != "infusion":
                add(patient, DAY_0 + timedelta(days=40))
        factories.make_alert(patient=patient)
        before = rows_of_patient(patient)

        forget_acts(patient=patient)
        withdraw(patient, coordinator, on=on, scopes=tuple(sorted(scopes)))

        after = rows_of_patient(patient)
        assert all(before[table] <= after[table] for table in before)
        assert Patient.objects.filter(pk=patient.pk).exists()
        transaction.set_rollback(True)
    forget_acts(patient=patient)


def test_a_result_is_kept_as_it_was_after_a_withdrawal(patient, version, coordinator):
    result = factories.make_result(patient=patient, collected_on=date(2024, 8, 1), value="0.4")
    consent(patient, version, coordinator)

    withdraw(patient, coordinator)

    result.refresh_from_db()
    assert (result.value, result.superseded_at) == (Decimal("0.4"), None)
