"""Giving patients the names under which a sponsor sees them."""

from collections.abc import Iterable
from uuid import UUID

from registry.models import Pseudonym, Sponsor


def pseudonyms_of(*, patient_ids: Iterable[int], sponsor: Sponsor) -> dict[int, UUID]:
    """Return each patient's pseudonym for this sponsor, making the missing ones; within `acting`.

    Random (uuid4) and kept: nothing about the person, the row or another sponsor's files leads to it. Two
    requests at once make one pseudonym, and both see that one.
    """
    wanted = set(patient_ids)
    found = _existing(wanted, sponsor)
    if missing := wanted - found.keys():
        Pseudonym.objects.bulk_create(
            [Pseudonym(sponsor=sponsor, patient_id=patient_id) for patient_id in sorted(missing)],
            ignore_conflicts=True,
        )
        found |= _existing(missing, sponsor)
    return found


def _existing(patient_ids: set[int], sponsor: Sponsor) -> dict[int, UUID]:
    return dict(
        Pseudonym.objects.filter(sponsor=sponsor, patient_id__in=patient_ids).values_list(
            "patient_id", "code"
        )
    )
