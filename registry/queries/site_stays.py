"""Where patients were followed, and where they may be transferred to."""

from django.db.models import QuerySet

from registry.models import Patient, Site, SiteStay


def stays_of(*, patient: Patient) -> tuple[SiteStay, ...]:
    """Return the patient's stays, the latest first; none for a patient who was never transferred."""
    return tuple(SiteStay.objects.filter(patient=patient).select_related("site", "moved_by").order_by("-pk"))


def sites_of_study(*, patient: Patient) -> QuerySet[Site]:
    """Return the sites of the patient's study, by code."""
    return Site.objects.filter(study=patient.study_id).order_by("code")


def other_sites_of(*, patient: Patient) -> QuerySet[Site]:
    """Return those of them that the patient is not at."""
    return sites_of_study(patient=patient).exclude(pk=patient.site_id)
