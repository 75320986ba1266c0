"""What patients consented to: of one patient for the page and the checks, of a site for the list to renew."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from registry.access.scope import Rows
from registry.clinical.annual_contact import REMOTE_WAYS
from registry.clinical.consent_scopes import (
    COMPULSORY,
    SCOPES,
    Act,
    ConsentGiven,
    ScopesWithdrawn,
    check_may_collect,
    latest_act,
    stands,
)
from registry.clinical.refusals import Problem
from registry.models import Consent, ConsentVersion, ConsentWithdrawal, Patient, Study

PAGE_SIZE = 50
TodayAt = Callable[[str], date]


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """One scope as it stands today: given, withdrawn, not_given or not_asked, and since when."""

    scope: str
    words: str
    state: str
    since: date | None


@dataclass(frozen=True, slots=True)
class ConsentFile:
    """What the consent page and the badge show of a patient. Newest first.

    `state`: no_version (the study has none), not_recorded, current, to_renew (a later version is in
    force), limited (follow-up goes on, something else does not) or withdrawn (follow-up itself).
    """

    state: str
    in_force: ConsentVersion | None
    scopes: tuple[ScopeLine, ...]
    consents: tuple[Consent, ...]
    withdrawals: tuple[ConsentWithdrawal, ...]
    withdrawn_on: date | None

    @property
    def latest(self) -> Consent | None:
        """The consent that counts; None when none is recorded."""
        return next((consent for consent in self.consents if consent.replaced_at is None), None)

    @property
    def not_given(self) -> tuple[ScopeLine, ...]:
        return tuple(line for line in self.scopes if line.state in ("withdrawn", "not_given"))

    @property
    def may_be_withdrawn(self) -> tuple[ScopeLine, ...]:
        """What can still be taken back, also where nothing is on record."""
        return tuple(line for line in self.scopes if line.state in ("given", "not_asked"))


@dataclass(frozen=True, slots=True)
class PersonStanding:
    """The patient page's badge, and the site the patient was transferred from with the day, if ever."""

    consent: ConsentFile
    transferred_from: str
    transferred_on: date | None


@dataclass(frozen=True, slots=True)
class ConsentQuestion:
    """One line of the list: a patient without a consent, or with one to a version no longer in force."""

    patient: Patient
    state: str
    version: str
    given_on: date | None


def acts_by_patient(*, patient_ids: Iterable[int]) -> dict[int, tuple[Act, ...]]:
    """Return what each of the patients gave and took back; two questions for any number."""
    ids = list(patient_ids)
    found: dict[int, list[Act]] = defaultdict(list)
    for consent in Consent.objects.filter(patient__in=ids, replaced_at__isnull=True).select_related(
        "version"
    ):
        found[consent.patient_id].append(_given(consent))
    for withdrawal in ConsentWithdrawal.objects.filter(patient__in=ids, annulled_at__isnull=True):
        found[withdrawal.patient_id].append(_withdrawn(withdrawal))
    return {pk: tuple(acts) for pk, acts in found.items()}


def acts_of(*, patient: Patient) -> tuple[Act, ...]:
    """Return what the patient gave and took back; asked once for each patient object.

    A form of thirty results asks thirty times. What was recorded since, the database refuses itself.
    """
    known = patient.__dict__.get("_consent_acts")
    if known is None:
        known = acts_by_patient(patient_ids=[patient.pk]).get(patient.pk, ()) if patient.pk else ()
        patient.__dict__["_consent_acts"] = known
    return known


def ended_follow_up(*, withdrawal: ConsentWithdrawal) -> bool:
    """Whether the patient's follow-up ended by this withdrawal, and goes on without it."""
    patient = withdrawal.patient
    return (
        COMPULSORY in withdrawal.scopes
        and patient.follow_up_end_reason == "withdrawal"
        and patient.follow_up_ended_on == withdrawal.withdrawn_on
    )


def forget_acts(*, patient: Patient) -> None:
    """Ask anew the next time: the patient's consent was just changed."""
    patient.__dict__.pop("_consent_acts", None)


def collection_problems(
    *, patient: Patient, field: str, what: str, on: date | None, scope: str = COMPULSORY
) -> list[Problem]:
    """Refuse what is dated on a day on which the patient's consent does not cover it."""
    return check_may_collect(field=field, what=what, scope=scope, on=on, acts=acts_of(patient=patient))


def remote_problems(*, patient: Patient, way: str, on: date | None, field: str) -> list[Problem]:
    """Refuse to have called or written to somebody who does not want it."""
    if way not in REMOTE_WAYS:
        return []
    return collection_problems(
        patient=patient, field=field, what="A contact from afar", on=on, scope="remote_contact"
    )


def is_covered(*, patient: Patient, scope: str, today: date) -> bool | None:
    """Return whether the scope stands today; None when nobody spoke of it."""
    return stands(scope, acts=acts_of(patient=patient), on=today)


def versions_of(*, study: Study) -> list[ConsentVersion]:
    """Return the study's versions, the latest in force first."""
    return list(
        ConsentVersion.objects.filter(study=study).select_related("entered_by").order_by("-effective_from")
    )


def version_in_force(*, versions: Iterable[ConsentVersion], today: date) -> ConsentVersion | None:
    """Return the version that counts today, or None."""
    begun = [version for version in versions if version.effective_from <= today]
    return max(begun, key=lambda version: version.effective_from, default=None)


def consent_file(*, patient: Patient, today: date) -> ConsentFile:
    """Read everything about one patient's consent, in three questions."""
    versions = versions_of(study=patient.study)
    consents = tuple(
        Consent.objects.filter(patient=patient)
        .select_related("version", "entered_by")
        .order_by("-given_on", "-pk")
    )
    withdrawals = tuple(
        ConsentWithdrawal.objects.filter(patient=patient)
        .select_related("entered_by", "annulled_by")
        .order_by("-withdrawn_on", "-pk")
    )
    in_force = version_in_force(versions=versions, today=today)
    return _file(in_force, consents, withdrawals)


def person_standing(*, patient: Patient, today: date) -> PersonStanding:
    """Read in one question what the patient page shows: the badge, and from where the patient came."""
    versions: dict[int, ConsentVersion] = {}
    consents: list[Consent] = []
    withdrawals: list[ConsentWithdrawal] = []
    stays: list[tuple[str, date | None]] = []
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"study": patient.study_id, "patient": patient.pk})
        for kind, pk, belongs, name, on, scopes in cursor.fetchall():
            if kind == "version":
                versions[pk] = ConsentVersion(pk=pk, version=name, effective_from=on, scopes=scopes)
            elif kind == "consent":
                consents.append(Consent(pk=pk, version=versions[belongs], given_on=on, scopes=scopes))
            elif kind == "withdrawal":
                withdrawals.append(ConsentWithdrawal(pk=pk, withdrawn_on=on, scopes=scopes))
            else:
                stays.append((name, on))
    in_force = version_in_force(versions=versions.values(), today=today)
    return PersonStanding(
        consent=_file(in_force, tuple(consents), tuple(withdrawals)),
        transferred_from=stays[1][0] if len(stays) > 1 else "",
        transferred_on=stays[0][1] if len(stays) > 1 else None,
    )


# What counts only: nothing replaced, nothing annulled. Newest first within its kind, versions before all.
_STANDING = """
    SELECT kind, id, belongs, name, at_day, scopes FROM (
        SELECT 1 AS place, 'version' AS kind, v.id, NULL::bigint AS belongs, v.version AS name,
               v.effective_from AS at_day, v.scopes::text[] AS scopes
        FROM registry_consentversion v WHERE v.study_id = %(study)s
        UNION ALL
        SELECT 2, 'consent', c.id, c.version_id, '', c.given_on, c.scopes::text[]
        FROM registry_consent c WHERE c.patient_id = %(patient)s AND c.replaced_at IS NULL
        UNION ALL
        SELECT 3, 'withdrawal', w.id, NULL, '', w.withdrawn_on, w.scopes::text[]
        FROM registry_consentwithdrawal w WHERE w.patient_id = %(patient)s AND w.annulled_at IS NULL
        UNION ALL
        SELECT 4, 'stay', s.id, NULL, t.code, lower(s.stay), NULL
        FROM registry_sitestay s JOIN registry_site t ON t.id = s.site_id WHERE s.patient_id = %(patient)s
    ) AS told ORDER BY place, CASE WHEN place = 4 THEN NULL ELSE at_day END DESC, id DESC
"""


def _file(
    in_force: ConsentVersion | None,
    consents: tuple[Consent, ...],
    withdrawals: tuple[ConsentWithdrawal, ...],
) -> ConsentFile:
    acts: list[Act] = [_given(consent) for consent in consents if consent.replaced_at is None]
    acts += [_withdrawn(withdrawal) for withdrawal in withdrawals if withdrawal.annulled_at is None]
    scopes = tuple(_line(scope, acts) for scope in SCOPES)
    return ConsentFile(
        state=_state(consents, withdrawals, scopes, in_force),
        in_force=in_force,
        scopes=scopes,
        consents=consents,
        withdrawals=withdrawals,
        withdrawn_on=next(
            (line.since for line in scopes if line.scope == COMPULSORY and line.state == "withdrawn"), None
        ),
    )


def withdrawal_of(*, patient: Patient, withdrawal_id: int) -> ConsentWithdrawal | None:
    """Return the patient's withdrawal of this number that still counts, or None."""
    return (
        ConsentWithdrawal.objects.filter(patient=patient, pk=withdrawal_id, annulled_at__isnull=True)
        .select_related("patient", "patient__site")
        .first()
    )


def consents_to_ask_for(
    *, rows: Rows, today_at: TodayAt, page_number: str | int
) -> tuple[Page, tuple[ConsentQuestion, ...]]:
    """Return one page of the patients under follow-up who have to be asked, by code.

    Asked is whoever has no consent to the version in force at their site's date; who took back
    follow-up is not asked again. Patients of studies without a version are not listed.
    """
    in_force = _in_force_by_study(today_at("UTC"))
    found = (
        Patient.objects.filter(
            rows.q(), enrolled_on__isnull=False, follow_up_ended_on__isnull=True, study__in=in_force
        )
        .exclude(
            pk__in=Consent.objects.filter(
                version__in=[version.pk for version in in_force.values()], replaced_at__isnull=True
            ).values("patient")
        )
        .exclude(
            pk__in=ConsentWithdrawal.objects.filter(
                annulled_at__isnull=True, scopes__contains=[COMPULSORY]
            ).values("patient")
        )
        .select_related("site", "study")
        .order_by("code", "pk")
    )
    page = Paginator(found, PAGE_SIZE).get_page(page_number)
    latest: dict[int, Consent] = {}
    shown = list(page.object_list)
    for consent in (
        Consent.objects.filter(patient__in=shown, replaced_at__isnull=True)
        .select_related("version")
        .order_by("given_on")
    ):
        latest[consent.patient_id] = consent
    return page, tuple(_question(patient, latest.get(patient.pk)) for patient in shown)


def studies_with_consent(*, rows: Rows) -> tuple[Study, ...]:
    """Return the studies of which these rows hold the whole: those whose consent versions one may add to."""
    return tuple(Study.objects.filter(pk__in=rows.studies).order_by("key")) if rows.studies else ()


def consents_to_ask_for_count(*, rows: Rows, today_at: TodayAt) -> int:
    """Return how many patients have to be asked for consent, for the home page."""
    page, _ = consents_to_ask_for(rows=rows, today_at=today_at, page_number=1)
    return page.paginator.count


def shared_with_sponsor(rows: QuerySet[Any], *, patient: str = "patient_id") -> QuerySet[Any]:
    """Keep the rows of patients whose data a sponsor may take. `patient`: the path to the patient's key.

    Left out is who did not agree to sharing, or took it back, from the moment that is recorded; who was
    never asked stays.
    """
    unshared = RawSQL("SELECT registry_patients_not_shared()", [])
    return rows.exclude(**{f"{patient}__in": unshared})


def _in_force_by_study(today: date) -> dict[int, ConsentVersion]:
    found: dict[int, ConsentVersion] = {}
    for version in ConsentVersion.objects.filter(effective_from__lte=today).order_by("effective_from"):
        found[version.study_id] = version
    return found


def _question(patient: Patient, latest: Consent | None) -> ConsentQuestion:
    if latest is None:
        return ConsentQuestion(patient, "not_recorded", "", None)
    return ConsentQuestion(patient, "to_renew", latest.version.version, latest.given_on)


def _given(consent: Consent) -> ConsentGiven:
    return ConsentGiven(
        on=consent.given_on, asked=frozenset(consent.version.scopes), given=frozenset(consent.scopes)
    )


def _withdrawn(withdrawal: ConsentWithdrawal) -> ScopesWithdrawn:
    return ScopesWithdrawn(on=withdrawal.withdrawn_on, scopes=frozenset(withdrawal.scopes))


def _line(scope: str, acts: Sequence[Act]) -> ScopeLine:
    act = latest_act(scope, acts=acts, on=date.max)
    if act is None:
        return ScopeLine(scope, SCOPES[scope], "not_asked", None)
    if isinstance(act, ScopesWithdrawn):
        return ScopeLine(scope, SCOPES[scope], "withdrawn", act.on)
    return ScopeLine(scope, SCOPES[scope], "given" if scope in act.given else "not_given", act.on)


def _state(
    consents: Sequence[Consent],
    withdrawals: Sequence[ConsentWithdrawal],
    scopes: Sequence[ScopeLine],
    in_force: ConsentVersion | None,
) -> str:
    by_scope = {line.scope: line.state for line in scopes}
    if by_scope[COMPULSORY] == "withdrawn":
        return "withdrawn"
    current = [consent for consent in consents if consent.replaced_at is None]
    if not current and not any(withdrawal.annulled_at is None for withdrawal in withdrawals):
        return "no_version" if in_force is None else "not_recorded"
    if current and in_force is not None and in_force.pk not in {each.version_id for each in current}:
        later = all(consent.version.effective_from < in_force.effective_from for consent in current)
        if later:
            return "to_renew"
    return "limited" if {"withdrawn", "not_given"} & set(by_scope.values()) else "current"
