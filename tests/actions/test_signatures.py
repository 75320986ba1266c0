"""A signature is of what stands, is the person's own, and is voided by any later change of the content."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from registry.access.roles import NotAllowed
from registry.access.scope import EVERYTHING, acting, because, rows_of
from registry.actions.evaluations import judge_waiting
from registry.actions.signatures import ChangedSinceRead, SigningRefused, sign
from registry.models import AuditEvent, LabNotDone, LabResult, Question, Signature, Visit
from registry.queries.signatures import canonical, obstacles, signature_lines, to_sign
from tests import factories
from tests.factories import NIGHT

ON = date(2024, 3, 29)


def sql(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def at_the_commit():
    """What is checked when a transaction commits, asked for now."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET CONSTRAINTS ALL DEFERRED")


@pytest.fixture
def visit(patient):
    visit = factories.make_visit(patient=patient, code="D28", visited_on=ON, new_malignancy=False)
    for analyte, value in (("ANC", "0.4"), ("PLT", "120"), ("HGB", "105")):
        unit = "g/L" if analyte == "HGB" else "10*9/L"
        factories.make_result(
            patient=patient, visit=visit, collected_on=ON, analyte=analyte, value=value, unit=unit
        )
    return visit


def signed(visit, investigator):
    return sign(
        patient=visit.patient,
        visit=visit,
        sha256=canonical(patient=visit.patient, visit=visit).sha256,
        by=investigator,
        at=NIGHT,
    )


def standing(visit):
    now = canonical(patient=visit.patient, visit=visit)
    return [line.is_valid for line in signature_lines(patient=visit.patient, visit=visit, now=now)]


def test_a_signature_says_who_when_what_for_and_keeps_what_was_signed(visit, investigator):
    signature = signed(visit, investigator)

    assert (signature.printed_name, signature.signed_at) == (str(investigator), NIGHT)
    assert "complete and correct" in signature.meaning
    assert '"registry_labresult"' in signature.content
    assert sql("SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex') FROM registry_signature") == [
        (signature.sha256,)
    ]
    assert standing(visit) == [True]


def test_only_who_may_sign_signs(visit, coordinator, other_site, manager):
    for person in (coordinator, other_site, manager):
        with pytest.raises(NotAllowed):
            signed(visit, person)


def test_a_person_whose_password_was_set_by_somebody_else_cannot_sign(visit, investigator):
    investigator.has_own_secret = False
    investigator.save()

    with pytest.raises(SigningRefused, match="Choose your own first"):
        signed(visit, investigator)


def test_a_demo_account_signs_in_the_demo_only(visit, investigator, settings):
    investigator.has_own_secret, investigator.is_demo = False, True
    with pytest.raises(SigningRefused):
        signed(visit, investigator)

    settings.DEMO = True

    assert signed(visit, investigator).pk


def test_a_visit_without_any_blood_count_cannot_be_signed(patient, investigator):
    visit = factories.make_visit(patient=patient, code="D28", visited_on=ON)
    factories.make_result(patient=patient, visit=visit, collected_on=ON, analyte="IGG", value="7", unit="g/L")

    with pytest.raises(SigningRefused, match="neither a result nor the reason"):
        signed(visit, investigator)


def test_a_blood_count_not_done_with_its_reason_completes_a_visit(patient):
    visit = factories.make_visit(patient=patient, code="D28", visited_on=ON)
    LabNotDone.objects.create(
        patient=patient, visit=visit, analyte="ANC", reason="clotted", entered_at=NIGHT, origin="form"
    )

    assert obstacles(visit=visit) == ()


def test_a_visit_with_an_open_question_cannot_be_signed(visit, investigator):
    Question.objects.create(
        patient=visit.patient,
        fact="visit:D28@2024-03-01:visited_on",
        asked_at=NIGHT,
        check_key="x",
        check_version=1,
    )

    with pytest.raises(SigningRefused, match="question about it is still open"):
        signed(visit, investigator)


def test_a_visit_by_telephone_needs_no_counts(patient):
    visit = factories.make_visit(patient=patient, code="D28", visited_on=ON, contact_mode="phone")

    assert obstacles(visit=visit) == ()


def test_what_changed_since_it_was_read_is_not_signed(visit, investigator):
    read = canonical(patient=visit.patient, visit=visit).sha256
    Visit.objects.filter(pk=visit.pk).update(new_malignancy=None)

    with pytest.raises(ChangedSinceRead):
        sign(patient=visit.patient, visit=visit, sha256=read, by=investigator, at=NIGHT)


def test_the_database_refuses_a_signature_of_something_else(visit, investigator):
    signature = signed(visit, investigator)
    with pytest.raises(DatabaseError, match="as it stands"), transaction.atomic():
        Signature.objects.create(
            patient=visit.patient, visit=visit, signed_by=investigator, signed_at=NIGHT, printed_name="x",
            meaning="x", content="{}", sha256=signature.sha256,
        )  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry_signature SET content = '{}'",
        "UPDATE registry_signature SET voided_at = NULL",
        "DELETE FROM registry_signature",
        "DELETE FROM guard.signature_check",
        "UPDATE guard.part SET signed_with = NULL",
        "SELECT guard.void_if_changed()",
    ],
)
def test_the_application_can_neither_change_nor_lift_a_signature(visit, investigator, statement):
    signed(visit, investigator)
    with pytest.raises(DatabaseError), acting(rows=EVERYTHING):
        sql(statement)


# Every way by which a change comes: the ORM, plain SQL, a deletion, a new row, a superseded one.
CHANGES = {
    "a field": lambda visit: Visit.objects.filter(pk=visit.pk).update(visited_on=date(2024, 3, 30)),
    "plain SQL": lambda visit: sql("UPDATE registry_visit SET comments = 'seen' WHERE id = %s", visit.pk),
    "a result more": lambda visit: factories.make_result(
        patient=visit.patient, visit=visit, collected_on=ON, analyte="WBC", value="4"
    ),
    "a result of the day that names no visit": lambda visit: factories.make_result(
        patient=visit.patient, collected_on=ON, analyte="WBC", value="4"
    ),
    "a result taken back": lambda visit: LabResult.objects.filter(analyte="PLT").update(
        superseded_at=NIGHT, superseded_reason="another patient's"
    ),
    "a treatment 45 days before": lambda visit: factories.make_support(
        patient=visit.patient, given_on=date(2024, 2, 13)
    ),
    "the course's day 0": lambda visit: sql("UPDATE registry_course SET day_zero = day_zero - 1"),
}


@pytest.mark.parametrize("how", CHANGES)
def test_any_change_voids_the_signature_at_once_and_for_good(visit, investigator, coordinator, how):
    signature = signed(visit, investigator)
    with acting(rows=EVERYTHING, by=coordinator, origin="form"), because("read again"):
        sql("SELECT set_config('role', 'none', true)")  # some of these the application may not do at all
        CHANGES[how](visit)

    assert standing(visit) == [False]  # computed, before anything noted it

    at_the_commit()
    signature.refresh_from_db()
    assert (signature.voided_by, signature.voided_reason) == (coordinator, "read again")
    voiding = AuditEvent.objects.filter(tbl="registry_signature", op="U").get()
    assert voiding.actor_id == coordinator.pk


def test_a_change_that_is_undone_later_leaves_the_signature_void(visit, investigator):
    signed(visit, investigator)
    for malignancy in (None, False):
        Visit.objects.filter(pk=visit.pk).update(new_malignancy=malignancy)
        at_the_commit()

    assert standing(visit) == [False]


@pytest.mark.parametrize(
    "write",
    [
        lambda visit: Visit.objects.filter(pk=visit.pk).update(version=9),
        lambda visit: factories.make_support(patient=visit.patient, given_on=date(2024, 2, 12)),
        lambda visit: factories.make_result(
            patient=visit.patient, collected_on=date(2024, 3, 30), value="4"
        ),
        lambda visit: factories.make_event(patient=visit.patient),
        lambda visit: factories.make_visit(patient=visit.patient, code="M3", visited_on=date(2024, 6, 1)),
        lambda visit: factories.make_patient(site=visit.patient.site),
    ],
    ids=["the version", "a treatment 46 days before", "a result of the next day", "an event",
         "another visit", "another patient"],
)  # fmt: skip
def test_what_is_not_of_the_visit_leaves_its_signature(visit, investigator, write):
    signed(visit, investigator)

    write(visit)
    at_the_commit()

    assert standing(visit) == [True]


def test_a_row_taken_away_and_put_back_in_one_saving_voids_nothing(visit, investigator):
    row = LabNotDone.objects.create(
        patient=visit.patient, visit=visit, analyte="WBC", reason="clotted", entered_at=NIGHT, origin="form"
    )
    signed(visit, investigator)
    row.delete()
    row.pk = None
    row.save(force_insert=True)
    at_the_commit()

    assert standing(visit) == [True]


def test_a_path_without_triggers_is_found_on_reading(visit, investigator):
    signature = signed(visit, investigator)
    at_the_commit()
    sql("ALTER TABLE registry_visit DISABLE TRIGGER USER")
    sql("UPDATE registry_visit SET new_malignancy = true, new_malignancy_text = 'x'")

    assert standing(visit) == [False]
    signature.refresh_from_db()
    assert signature.voided_at is None


def test_the_same_content_has_the_same_digest_in_whatever_order_it_was_entered(site, study):
    digests = set()
    for order in (("ANC", "PLT", "WBC"), ("WBC", "ANC", "PLT")):
        with transaction.atomic():
            patient = factories.make_patient(site=site, code="VIE-SAME")
            visit = factories.make_visit(patient=patient, code="D28", visited_on=ON)
            for analyte in order:
                factories.make_result(patient=patient, visit=visit, collected_on=ON, analyte=analyte)
            digests.add(canonical(patient=patient, visit=visit).sha256)
            transaction.set_rollback(True)

    assert len(digests) == 1


def test_the_digest_does_not_depend_on_the_zone_of_whoever_asks(visit):
    there = canonical(patient=visit.patient, visit=visit).text
    sql("SELECT set_config('timezone', 'Asia/Kolkata', true)")

    assert canonical(patient=visit.patient, visit=visit).text == there


# Columns that are not content: how the registry numbers a row, and who entered it when.
MACHINERY = {
    *("id", "patient_id", "visit_id", "course_id", "study_id", "site_id", "entered_by_id", "entered_at"),
    *("origin", "submission", "version", "public_id", "superseded_by_id", "superseded_at"),
    "superseded_reason",
}
_OTHER = {
    "boolean": "NOT coalesce({0}, false)",
    "date": "coalesce({0}, date '2024-01-01') + 1",
    "numeric": "coalesce({0}, 0) + 1",
    "smallint": "coalesce({0}, 0) + 1",
    "integer": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 1",
    "jsonb": "'{{\"rash\": 9}}'",
    "ARRAY": "'{{other}}'",
}


@pytest.mark.django_db
def test_any_other_value_of_any_field_is_another_content():
    """Property of the canonical row, over every column of every table that is signed with a visit."""
    tables = [t for (t,) in sql("SELECT tbl FROM guard.part p WHERE guard.signed(p) IS NOT NULL ORDER BY 1")]
    checked = 0
    for table in tables:
        kept = sql("SELECT kept FROM guard.part WHERE tbl = %s", table)[0][0]
        columns = sql(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s",
            table,
        )
        for column, kind in columns:
            if column in MACHINERY or (kept is not None and column not in kept):
                continue
            other = _OTHER.get(kind, "coalesce({0}::text, '') || 'x'").format(f"r.{column}")
            # A row of nothing, in which one column is filled: two values of it, two contents.
            found = sql(
                f"""
                SELECT guard.row_content(to_jsonb(r), NULL),
                       guard.row_content(to_jsonb(r) || jsonb_build_object('{column}', {other}), NULL)
                FROM (SELECT (jsonb_populate_record(NULL::{table}, '{{}}')).*) r
                """
            )
            assert found[0][0] != found[0][1], f"{table}.{column} is not in the content"
            checked += 1

    assert checked > 60


@pytest.mark.django_db
def test_every_table_with_a_visit_is_signed_with_it():
    with_visit = {
        table
        for (table,) in sql(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'visit_id'"
        )
    }
    content = {table for (table,) in sql("SELECT tbl FROM guard.part p WHERE guard.signed(p) IS NOT NULL")}

    assert with_visit - content == {"registry_recordlock", "registry_signature"} | {
        table for table in with_visit if table in {"registry_draft"}
    }


def test_what_waits_to_be_signed_is_the_site_s_own_and_voided_first(visit, investigator, other_site_place):
    factories.make_visit(patient=factories.make_patient(site=other_site_place), code="D28", visited_on=ON)
    factories.make_visit(patient=visit.patient, code="M3", visited_on=date(2024, 6, 1))
    signed(visit, investigator)
    with acting(rows=EVERYTHING, by=None):
        rows = rows_of(investigator, verb="sign_record")
        assert [(w.visit.code, w.voided) for w in to_sign(rows=rows)[1]] == [("M3", None)]

    Visit.objects.filter(pk=visit.pk).update(comments="seen")
    at_the_commit()

    count, waiting = to_sign(rows=rows_of(investigator, verb="sign_record"))
    assert (count, [w.visit.code for w in waiting]) == (2, ["D28", "M3"])
    assert waiting[0].voided is not None


def test_judging_a_record_voids_no_signature_of_it(visit, investigator):
    patient = visit.patient
    whole = canonical(patient=patient, visit=None)
    signature = sign(patient=patient, visit=None, sha256=whole.sha256, by=investigator, at=NIGHT)

    assert judge_waiting(at=NIGHT).judged_count == 1
    at_the_commit()

    signature.refresh_from_db()
    assert signature.voided_at is None


def test_the_same_signature_sent_twice_is_one(visit, investigator):
    assert signed(visit, investigator) == signed(visit, investigator)
    assert Signature.objects.count() == 1


def test_a_whole_record_is_signed_and_voided_by_any_change_of_it(visit, investigator):
    patient = visit.patient
    whole = canonical(patient=patient, visit=None)
    signature = sign(patient=patient, visit=None, sha256=whole.sha256, by=investigator, at=NIGHT)
    factories.make_event(patient=patient)
    at_the_commit()

    signature.refresh_from_db()
    assert signature.voided_at is not None
