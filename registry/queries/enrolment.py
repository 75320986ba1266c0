"""What enrolling needs to know: where a person may enrol, and who may be the same person already."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Lower

from registry.access.roles import VERBS_OF, memberships_of
from registry.access.scope import Rows, acting
from registry.models import ConsentVersion, Course, Patient, Product, Site, User, Visit

# Two hospitals date one infusion by its day, its order or its release: a month apart may be the same.
CLOSE = timedelta(days=31)
# Of an id all but letters and digits: `vie 0001` is likely VIE-0001.
_SIGNS = "[^0-9a-z]"


@dataclass(frozen=True, slots=True)
class Twins:
    """Patients who may be the same person: those of the own site, and how many of other sites.

    Of the others nothing but the number: who asks may not know them. `alike`: those of the own site whose
    id is the same but for case, spaces and signs.
    """

    own: tuple[Patient, ...]
    elsewhere_count: int
    alike: tuple[Patient, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.own or self.elsewhere_count or self.alike)


@dataclass(frozen=True, slots=True)
class InfusionConsequences:
    """What a further infusion does: visits that move to its course, and the latest course before it."""

    moved: tuple[Visit, ...]
    course: Course | None


def sites_to_enrol_at(*, user: User) -> QuerySet[Site]:
    """Return the sites at which the person may enrol, by code."""
    held = [
        membership.site_id
        for membership in memberships_of(user)
        if membership.site_id is not None and "enrol_patients" in VERBS_OF[membership.role]
    ]
    return Site.objects.filter(pk__in=held).order_by("code")


def products_of(*, studies: Sequence[int]) -> QuerySet[Product]:
    """Return the products of the studies, by name."""
    return Product.objects.filter(study__in=studies).order_by("name", "pk")


def consent_versions_for(*, studies: Sequence[int], today: date) -> QuerySet[ConsentVersion]:
    """Return the versions in force or earlier, the latest first: an older form may have been signed."""
    found = ConsentVersion.objects.filter(study__in=studies, effective_from__lte=today)
    return found.order_by("-effective_from", "-pk")


def likely_twins(
    *,
    site: Site,
    patient_id: str,
    sex: str,
    birth_year: int | None,
    diagnosis: str,
    day_zero: date | None,
    disease_onset_year: int | None,
) -> Twins:
    """Return who of the study has the same sex, birth year and diagnosis, and day 0 or onset close by.

    Without a day 0 and an onset nobody is named: sex, year and diagnosis fit too many. An id that is
    written nearly as another of the site is asked about whatever the facts are.
    """
    alike = _alike(site=site, patient_id=patient_id)
    if birth_year is None:
        return Twins(own=(), elsewhere_count=0, alike=alike)
    close = Q(pk__in=())
    if day_zero is not None:
        close |= Q(courses__day_zero__range=(day_zero - CLOSE, day_zero + CLOSE))
    if disease_onset_year is not None:
        close |= Q(disease_onset_year__range=(disease_onset_year - 1, disease_onset_year + 1))
    # Other sites' patients are looked for and not shown: only their number leaves this function.
    with acting(rows=Rows(studies=frozenset({site.study_id}))):
        found = list(
            Patient.objects.filter(
                close, study=site.study_id, birth_year=birth_year, diagnosis=diagnosis, sex__in={sex, "U"}
            )
            .select_related("site")
            .distinct()
            .order_by("code")
        )
    own = tuple(patient for patient in found if patient.site_id == site.pk)
    return Twins(own=own, elsewhere_count=len(found) - len(own), alike=alike)


def _alike(*, site: Site, patient_id: str) -> tuple[Patient, ...]:
    folded = re.sub(_SIGNS, "", patient_id.lower())
    code = Func(
        Lower("code"), Value(_SIGNS), Value(""), Value("g"),
        function="regexp_replace", output_field=TextField(),
    )  # fmt: skip
    found = Patient.objects.filter(site=site).alias(folded=code).filter(folded=folded)
    return tuple(found.exclude(code=patient_id).order_by("code")) if folded else ()


def infusion_consequences(*, patient: Patient, infused_on: date) -> InfusionConsequences:
    """Return what a further infusion on this day would move."""
    moved = (
        Visit.objects.filter(patient=patient, visited_on__gte=infused_on)
        .select_related("course")
        .order_by("visited_on")
    )
    before = Course.objects.filter(patient=patient, day_zero__lt=infused_on).order_by("-day_zero")
    return InfusionConsequences(moved=tuple(moved), course=before.first())
