"""The first line of every view: the object, or 404 for who may not know of it, or 403 for who may not act."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from registry.access.notifications import notifications_of
from registry.access.roles import VERBS_OF, Verb, may, memberships_of
from registry.access.scope import rows_of
from registry.models import Alert, Membership, Notification, Patient, Question, Study, User


def get_user(request: HttpRequest) -> User:
    """The person behind the request; the login middleware let nobody else through."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return user


def enter(request: HttpRequest, verb: Verb) -> User:
    """The person, if a role of theirs holds the verb anywhere; 403 otherwise."""
    user = get_user(request)
    if not may(user, verb):
        raise PermissionDenied
    return user


def enter_any(request: HttpRequest, *verbs: Verb) -> User:
    """The person, if a role of theirs holds one of the verbs anywhere; 403 otherwise."""
    user = get_user(request)
    if not any(may(user, verb) for verb in verbs):
        raise PermissionDenied
    return user


def get_patient(request: HttpRequest, public_id: UUID, *, verb: Verb = "see_patients") -> Patient:
    """The patient, if the person may know of them (else 404) and holds `verb` for them (else 403)."""
    user = get_user(request)
    patient = (
        Patient.objects.filter(rows_of(user).q(), public_id=public_id)
        .select_related("site", "study", "study__sponsor")
        .first()
    )
    if patient is None:
        raise Http404
    if not may(user, verb, patient=patient):
        raise PermissionDenied
    return patient


def get_study(request: HttpRequest, key: str, *, verb: Verb) -> Study:
    """The study, if the person sees patients of it (else 404) and holds `verb` there (else 403)."""
    user = get_user(request)
    study = Study.objects.filter(key=key, is_canary=False).first()
    held = [] if study is None else [m for m in memberships_of(user) if _lies_in(m, study)]
    if study is None or not any("see_patients" in VERBS_OF[m.role] for m in held):
        raise Http404
    if not any(verb in VERBS_OF[m.role] for m in held):
        raise PermissionDenied
    return study


def _lies_in(membership: Membership, study: Study) -> bool:
    if membership.site is not None:
        return membership.site.study_id == study.pk
    return membership.study_id == study.pk


def get_alert(request: HttpRequest, public_id: UUID, *, verb: Verb = "see_alerts") -> Alert:
    """The alert, by the same two questions."""
    user = get_user(request)
    alert = (
        Alert.objects.filter(rows_of(user, verb="see_alerts").q("patient"), public_id=public_id)
        .select_related("patient", "patient__site", "patient__study", "decided_by")
        .first()
    )
    if alert is None:
        raise Http404
    if not may(user, verb, patient=alert.patient):
        raise PermissionDenied
    return alert


def get_question(request: HttpRequest, public_id: UUID, *, verb: Verb = "see_patients") -> Question:
    """The question to a site, by the same two questions."""
    user = get_user(request)
    question = (
        Question.objects.filter(rows_of(user).q("patient"), public_id=public_id)
        .select_related("patient", "patient__site", "patient__study", "asked_by")
        .first()
    )
    if question is None:
        raise Http404
    if not may(user, verb, patient=question.patient):
        raise PermissionDenied
    return question


def get_notification(request: HttpRequest, public_id: UUID) -> Notification:
    """The mail, if the person looks after mails (else 403) and after this one (else 404)."""
    user = enter(request, "manage_notifications")
    found = Notification.objects.filter(notifications_of(user), public_id=public_id).first()
    if found is None:
        raise Http404
    return found
