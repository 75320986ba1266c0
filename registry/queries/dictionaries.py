"""The licensed dictionary that codes are read with."""

from django.db import connection
from django.db.models import Q

from registry.models import AdverseEvent, AdverseEventFollowUp, DictionaryTerm, DictionaryVersion
from registry.monitoring.malignancy_codes import smq_list_version
from registry.monitoring.rule import Rule
from registry.queries.checks import Check


def version_in_force(*, dictionary: str = "meddra") -> str:
    """Return name and version of the dictionary that rules see (`MedDRA 27.1`); empty when none is loaded.

    Whatever is remembered about coded events is out of date as soon as this text changes. One small
    query; no patient's rows, so any scope will do.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM registry_dictionaryversion WHERE dictionary = %s AND is_in_force", [dictionary]
        )
        return next((name for (name,) in cursor.fetchall()), "")


def terms_of_patient(*, patient_id: int) -> dict[str, str]:
    """Return the names that the MedDRA in force has for the codes of a patient's events, by code."""
    codes = AdverseEvent.objects.filter(patient_id=patient_id, code_system="MedDRA").values("code")
    later = AdverseEventFollowUp.objects.filter(patient_id=patient_id, code_system="MedDRA").values("code")
    terms = DictionaryTerm.objects.filter(version__dictionary="meddra", version__is_in_force=True)
    return dict(terms.filter(Q(code__in=codes) | Q(code__in=later)).values_list("code", "name"))


def dictionary_check() -> Check:
    """Say which MedDRA is loaded. None is no fault: it is licensed, and without it terms are read as text."""
    limit = "the licensed MedDRA, where there is one"
    version = DictionaryVersion.objects.filter(dictionary="meddra", is_in_force=True).first()
    if version is None:
        return Check("dictionary", True, "none loaded", limit, "codes in MedDRA say nothing, their terms do")
    return Check("dictionary", True, version.name, limit, f"loaded {version.loaded_at:%Y-%m-%d}")


def lists_of(*, rule: Rule) -> str:
    """Return the versions of all lists that a rule goes by: its own, and the dictionary where it reads codes.

    Written into every run; a night that finds another text than its run's builds on nothing earlier.
    """
    own = rule.lists()
    name = version_in_force() if own else ""
    return f"{own}, {smq_list_version()}, {name}" if name else own
