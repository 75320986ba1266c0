"""Whose mails a person may look after: no mail tells of a patient, but it tells who works where."""

from django.db.models import Q

from registry.access.roles import VERBS_OF, memberships_of
from registry.models import Membership, User


def notifications_of(user: User) -> Q:
    """The notifications this person looks after: an administrator all, the others those of their studies."""
    held = [m for m in memberships_of(user) if "manage_notifications" in VERBS_OF[m.role]]
    if any(m.study_id is None for m in held):
        return Q()
    studies = {m.study_id for m in held}
    colleagues = Membership.objects.filter(Q(study__in=studies) | Q(site__study__in=studies))
    return Q(recipient__in=colleagues.values("user"))
