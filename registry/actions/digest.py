"""The daily digest: one mail for each person and day, of what is new since the digest before.

What is new is the news that database triggers noted and no digest has consumed, not what is younger
than an instant: an alert whose transaction ends after the digest is in the next one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count

from registry.access.roles import VERBS_OF
from registry.access.scope import EVERYTHING, acting
from registry.actions.letters import spoken_instant
from registry.actions.notifications import alert_reference
from registry.models import Alert, AlertNews, Membership, Notification, NotificationPreference
from registry.monitoring.lifecycle import WAITING
from registry.queries import monitoring_status
from registry.queries.drafts import OldDrafts, old_drafts
from registry.queries.questions import counts_by_site

Questions = Mapping[tuple[int, int], Counter[str]]  # what waits, by study and site

_LOCK = 76
_READ = (
    "kind",
    "since",
    *(f"alert__{name}" for name in ("public_id", "rule", "severity", "certainty", "state", "decision")),
    "alert__late_since",
    "alert__patient__study_id",
    "alert__patient__site_id",
)
_MONDAY = 0
_NO_DRAFTS = OldDrafts(count=0, has_new=False)
# Digests are due at six (due_runs.py): what is made up for before is yesterday's, and today keeps its own.
_DUE = timedelta(hours=6)


@dataclass(slots=True)
class _Person:
    """Where a person reviews alerts and where they enter the record, by the keys of studies and sites."""

    user_id: int
    study_ids: set[int] = field(default_factory=set)
    site_ids: set[int] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Standing:
    """How many alerts of one sort wait at one site."""

    study_id: int
    site_id: int
    rule: str
    severity: str
    certainty: str
    is_asked: bool
    count: int

    @property
    def asks_the_site(self) -> bool:
        """It wants data of the site: it cannot be excluded, or the officer asked."""
        return self.is_asked or (self.certainty == "possible" and self.rule != "overdue_visit")


def queue_digests(*, at: datetime, as_of: date | None = None) -> int:
    """Write the digest of the day for everybody who is to have one, and return how many.

    A second time on the same day writes none. Officers and leads get one every day, also when nothing is
    new, so that silence is never taken for safety; site staff when something is new, and on Mondays while
    something is overdue, asked or not finished for long.
    """
    day = as_of or (at - _DUE).date()
    with acting(rows=EVERYTHING):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_LOCK])
        if Notification.objects.filter(kind="digest", day=day).exists():
            return 0
        news = list(
            AlertNews.objects.filter(purpose="digest")
            .select_related("alert__patient")
            .only(*_READ)  # not the evidence: after the first scan of a large study this is every alert
            .order_by("pk")
        )
        standing = _standing()
        # What came in the day before is new; one that a missed digest would have told is in the count.
        questions = counts_by_site(since=at - timedelta(days=1))
        checks = _checks(at)
        drafts = old_drafts(at=at)
        digests = []
        for person in _people():
            payload = _payload(
                person,
                news,
                standing,
                questions,
                drafts=drafts.get(person.user_id, _NO_DRAFTS),
                is_monday=day.weekday() == _MONDAY,
            )
            if payload is not None:
                digests.append(
                    Notification(
                        recipient_id=person.user_id,
                        kind="digest",
                        day=day,
                        payload={**payload, "checks": checks, "studies": sorted(person.studies)},
                    )
                )
        Notification.objects.bulk_create(digests)
        AlertNews.objects.filter(pk__in=[each.pk for each in news]).delete()
    return len(digests)


def _people() -> list[_Person]:
    """Everybody with an open account who reviews alerts or enters records, but who wants no digest."""
    held = (
        Membership.objects.filter(ended_at__isnull=True, user__is_active=True)
        .exclude(user__in=NotificationPreference.objects.filter(wants_digest=False).values("user"))
        .select_related("study", "site__study")
        .order_by("user_id", "pk")
    )
    people: dict[int, _Person] = {}
    for membership in held:
        verbs = VERBS_OF[membership.role]
        person = people.setdefault(membership.user_id, _Person(membership.user_id))
        if "review_alerts" in verbs and membership.study is not None:
            person.study_ids.add(membership.study.pk)
            person.studies.add(membership.study.key)
        elif "enter_record" in verbs and membership.site is not None:
            person.site_ids.add(membership.site.pk)
            person.studies.add(membership.site.study.key)
            person.places.add(membership.site.code)
    return [person for person in people.values() if person.study_ids or person.site_ids]


def _standing() -> list[_Standing]:
    rows = (
        # The keys of canary patients are negative.
        Alert.objects.filter(state__in=WAITING, patient__gt=0)
        .values_list(
            "patient__study_id", "patient__site_id", "rule", "severity", "certainty", "state", "decision"
        )
        .annotate(count=Count("pk"))
    )
    return [
        _Standing(
            study_id, site_id, rule, severity, certainty, _is_asked(state=state, decision=decision), count
        )
        for study_id, site_id, rule, severity, certainty, state, decision, count in rows
    ]


def _is_asked(*, state: str, decision: str) -> bool:
    return state == "in_review" and decision == "need_information"


def _payload(
    person: _Person,
    news: Sequence[AlertNews],
    standing: Sequence[_Standing],
    questions: Questions,
    *,
    drafts: OldDrafts,
    is_monday: bool,
) -> dict[str, Any] | None:
    """What this person's digest says; None when there is nothing to say."""
    payload: dict[str, Any] = {}
    if person.study_ids:
        payload["officer"] = _for_officer(
            [each for each in news if each.alert.patient.study_id in person.study_ids],
            [each for each in standing if each.study_id in person.study_ids],
        )
        answered = sum(
            count["answered"] for (study, _), count in questions.items() if study in person.study_ids
        )
        if answered:
            payload["officer"]["answered"] = answered
    if person.site_ids:
        site = _for_site(
            [each for each in news if each.alert.patient.site_id in person.site_ids],
            [each for each in standing if each.site_id in person.site_ids],
        )
        own = [count for (_, place), count in questions.items() if place in person.site_ids]
        to_answer = sum(count["open"] for count in own)
        is_new = site["new_overdue"] or site["new_asked"] or any(count["new"] for count in own)
        is_waiting = site["overdue"] or site["asked"] or to_answer or drafts.count
        if is_new or drafts.has_new or (is_monday and is_waiting):
            payload["site"] = {**site, "places": sorted(person.places)}
            if to_answer:
                payload["site"]["questions"] = to_answer
            if drafts.count:
                payload["site"]["drafts"] = drafts.count
    return payload or None


def _for_officer(news: Iterable[AlertNews], standing: Sequence[_Standing]) -> dict[str, Any]:
    told = {each.alert_id: each for each in news if each.kind != "asked"}
    waiting = [each for each in told.values() if each.alert.state in WAITING]
    late: dict[datetime, list[AlertNews]] = defaultdict(list)
    in_time = []
    for each in waiting:
        if each.alert.late_since is not None:
            late[each.alert.late_since].append(each)
        else:
            in_time.append(each)
    return {
        "new": _counts(in_time),
        "new_count": len(in_time),
        "late": [
            {
                "since": since.isoformat(),
                "until": max(each.since for each in found).isoformat(),
                "count": len(found),
                "counts": _counts(found),
            }
            for since, found in sorted(late.items())
        ],
        "late_count": len(waiting) - len(in_time),
        "settled_count": len(told) - len(waiting),
        "critical": [
            alert_reference(each.alert, each.kind) for each in waiting if each.alert.severity == "critical"
        ],
        "waiting": sum(each.count for each in standing if each.certainty == "certain"),
        "critical_waiting": sum(
            each.count for each in standing if each.certainty == "certain" and each.severity == "critical"
        ),
        "possible": sum(each.count for each in standing if each.certainty == "possible"),
    }


def _counts(news: Iterable[AlertNews]) -> list[dict[str, object]]:
    counted = Counter((each.alert.rule, each.alert.severity, each.alert.certainty) for each in news)
    return [
        {"rule": rule, "severity": severity, "certainty": certainty, "count": count}
        for (rule, severity, certainty), count in sorted(counted.items())
    ]


def _for_site(news: Iterable[AlertNews], standing: Sequence[_Standing]) -> dict[str, int]:
    alerts = {each.alert_id: each.alert for each in news if each.alert.state in WAITING}
    new_overdue = sum(1 for alert in alerts.values() if alert.rule == "overdue_visit")
    new_asked = sum(
        1
        for alert in alerts.values()
        if _is_asked(state=alert.state, decision=alert.decision)
        or (alert.certainty == "possible" and alert.rule != "overdue_visit")
    )
    return {
        "overdue": sum(each.count for each in standing if each.rule == "overdue_visit"),
        "new_overdue": new_overdue,
        "asked": sum(each.count for each in standing if each.asks_the_site),
        "new_asked": new_asked,
    }


def _checks(at: datetime) -> dict[str, object]:
    """Whether the checks ran, on how many patients, and until when; in the words of every page if not."""
    chip = monitoring_status.chip(at=at)
    runs = monitoring_status.latest_whole_runs()
    if not chip.ok or not runs:
        return {"ok": False, "text": chip.text}
    ended = max(run.finished_at for run in runs if run.finished_at).isoformat()
    in_scope = max(run.patients_in_scope for run in runs)
    judged = min(run.patients_in_scope - run.failure_count for run in runs)
    return {
        "ok": True,
        "text": f"The checks ran for {judged} of {in_scope} patients, until {spoken_instant(ended)}.",
    }
