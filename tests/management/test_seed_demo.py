"""The demonstration shows every page with life, and the same life each time."""

from collections import Counter
from datetime import date

import pytest
from django.core.management import call_command
from django.utils import timezone

from registry.access.scope import EVERYTHING, acting
from registry.exchange.demo_cohort import make_cohort
from registry.models import (
    Alert,
    Consent,
    ConsentVersion,
    ConsentWithdrawal,
    ContactAttempt,
    Course,
    LabResult,
    Patient,
    Question,
    RecordLock,
    ScoreDetail,
    Serology,
    TreatmentAnswer,
    Unlocking,
    User,
)
from registry.queries.activity import activity_file
from registry.queries.drafts import drafts_of
from registry.queries.event_chain import chain_of
from registry.queries.signatures import canonical, signatures_of

TODAY = date(2026, 3, 1)


@pytest.fixture
def seeded(db, settings, tmp_path):
    settings.DEMO, settings.DATA_DIR, settings.REGISTRY_TODAY = True, tmp_path, TODAY
    call_command("seed_demo", "--patients", "40")


def drug_free(patient):
    day_zeros = tuple(Course.objects.filter(patient=patient).values_list("day_zero", flat=True))
    return activity_file(patient=patient, day_zeros=day_zeros, today=TODAY).drug_free.state


def test_the_same_seed_makes_the_same_cohort_and_another_one_another():
    one, same, other = (make_cohort(patients=40, seed=seed, today=TODAY).rows for seed in (3, 3, 4))

    assert one == same != other


def test_every_page_has_something_to_show(seeded):
    # Consent: by version and scope, most gave all; one took research back, others all that is collected.
    assert [v.version for v in ConsentVersion.objects.order_by("effective_from")] == ["1.0", "2.0"]
    enrolled = Patient.objects.filter(pk__gt=0, enrolled_on__isnull=False)
    assert Consent.objects.values("patient").distinct().count() == enrolled.count()
    withdrawal = ConsentWithdrawal.objects.get(patient__code="VIE-0009")
    assert "share_research" in withdrawal.scopes
    assert set(withdrawal.scopes) <= {
        s for c in Consent.objects.filter(patient__code="VIE-0009") for s in c.scopes
    }

    # Activity by items, antibodies, immunoglobulin and B cells over time.
    assert set(ScoreDetail.objects.values_list("score__score", flat=True)) >= {"SLEDAI-2K", "MRSS", "EUSTAR"}
    for detail in ScoreDetail.objects.filter(items__isnull=False).select_related("score"):
        assert detail.total == detail.score.value
    assert Serology.objects.filter(test="ana").count() > 40
    for analyte in ("IGG", "CD19", "C3", "ANTI_DSDNA", "CK"):
        assert LabResult.objects.filter(analyte=analyte).count() > 5

    # Treatments: asked at visits, some free of drugs, some not, and of some nobody can say.
    assert TreatmentAnswer.objects.filter(answer="complete").exists()
    assert TreatmentAnswer.objects.filter(answer="same").exists()
    states = Counter(drug_free(patient) for patient in enrolled)
    assert min(states["yes"], states["no"]) > 2

    # What people did.
    (signed,) = signatures_of(patient=Patient.objects.get(code="VIE-0010"))
    assert signed.is_valid
    assert (
        signed.signature.sha256
        == canonical(patient=signed.signature.patient, visit=signed.signature.visit).sha256
    )
    assert RecordLock.objects.get().level == "visit"
    assert Unlocking.objects.get().decision == ""
    asked = Question.objects.exclude(asked_by=None).values_list("patient__code", "state").order_by("pk")
    assert list(asked) == [("VIE-0005", "open"), ("VIE-0006", "answered")]
    assert ContactAttempt.objects.get().patient.code == "VIE-0011"


def test_of_a_large_cohort_an_alert_is_decided_and_none_that_the_readme_names(db, settings, tmp_path):
    settings.DEMO, settings.DATA_DIR, settings.REGISTRY_TODAY = True, tmp_path, TODAY
    call_command("seed_demo", "--patients", "150")

    reviewed = Alert.objects.exclude(state="open")
    assert {alert.rule for alert in reviewed} == {"prolonged_cytopenia"}
    assert [alert.decision for alert in reviewed.filter(state="confirmed")] == ["confirmed"]
    assert not reviewed.filter(patient__code__startswith="VIE-")


def test_a_crs_is_graded_by_its_components_and_an_infection_followed_up(seeded):
    patient = Patient.objects.get(code="VIE-0010")
    crs, infection = (
        chain_of(event=e).now
        for e in patient.adverse_events.filter(category__in=("crs", "infection"), origin="form").order_by(
            "pk"
        )
    )

    assert (crs.grade, crs.grade_scale) == (2, "ASTCT")
    assert (infection.grade, infection.outcome) == (2, "recovering")


def test_the_coordinator_has_a_draft_of_today_and_one_that_is_asked_about(seeded):
    coordinator = User.objects.get(username="coordinator@demo")
    at = timezone.now().replace(year=TODAY.year, month=TODAY.month, day=TODAY.day)
    with acting(rows=EVERYTHING, by=coordinator):
        newer, older = drafts_of(user=coordinator, at=at).lines

    assert (newer.form, newer.patient.code, newer.is_old) == ("New adverse event", "VIE-0010", False)
    assert (older.form, older.patient.code, older.is_old) == ("Visit Y3", "VIE-0006", True)


def test_sponsors_see_everybody_whose_data_the_demonstration_collects(seeded):
    shared = Consent.objects.filter(replaced_at__isnull=True, scopes__contains=["share_sponsor"])

    assert (
        shared.values("patient").distinct().count()
        == Patient.objects.filter(pk__gt=0, enrolled_on__isnull=False).count()
    )
    assert not ConsentWithdrawal.objects.filter(scopes__contains=["share_sponsor"])


def test_a_cohort_too_small_for_the_story_is_seeded_without_it(db, settings, tmp_path):
    settings.DEMO, settings.DATA_DIR = True, tmp_path

    call_command("seed_demo", "--patients", "3")

    assert Patient.objects.filter(pk__gt=0).count() == 3
    assert User.objects.filter(is_demo=True).count() == 7
