"""Whether the alert checks run: for the status page, the command, /readyz and the chip on every page.

The watchdog stands outside Celery: it reads what the machinery left in the database, and fails when
that is too old, so that silence is never taken for "nothing found".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Subquery
from redis import Redis, RedisError

from registry.clinical.spoken_dates import spoken
from registry.models import DueRun, Heartbeat, ScanRun, User, WaitingEvaluation
from registry.monitoring.catalogue import RULES
from registry.monitoring.rule import Rule
from registry.queries.checks import Check, age_in_words, counted, is_recent
from registry.queries.dictionaries import dictionary_check
from registry.queries.notifications import mail_state
from registry.queries.watchman_status import (
    canary_check,
    clock_check,
    due_run_check,
    outside_check,
    recount_check,
)

SCAN_AGE = timedelta(hours=26)  # a night and two hours of grace
WAITING_AGE = timedelta(minutes=10)
MAIL_AGE = timedelta(minutes=30)
HEARTBEAT_AGE = timedelta(minutes=5)
NIGHTLY_SCAN = "nightly_scan"


@dataclass(frozen=True, slots=True)
class Chip:
    """The line on every page."""

    ok: bool
    text: str


def checks(*, at: datetime) -> tuple[Check, ...]:
    """Return every check. Needs no scope: what it reads is about the machinery, not about patients."""
    within = inner_checks(at=at)
    return (*within, outside_check(at=at)) if within[0].ok else within


def inner_checks(*, at: datetime) -> tuple[Check, ...]:
    """Return every check but whether the outside hears us: that is told only when all of these hold."""
    database = _database()
    if not database.ok:
        return (database, _broker())
    latest = _latest_whole_runs()
    return (
        database,
        clock_check(at=at),
        _broker(),
        *(_scan(rule, latest.get(rule.key), at) for rule in RULES),
        *_canaries(latest),
        recount_check(at=at),
        _waiting(),
        _failures(),
        *(_heartbeat(name, at) for name in ("worker", "beat")),
        _next_run(at),
        due_run_check(at=at),
        _notifications(),
        dictionary_check(),
        _demo_accounts(),
    )


def readiness(*, at: datetime) -> tuple[Check, ...]:
    """Return the checks of /readyz: database, broker, a whole recent scan of each rule that found its
    canaries, nobody forgotten."""
    database = _database()
    if not database.ok:
        return (database, _broker())
    latest = _latest_whole_runs()
    return (
        database,
        _broker(),
        *(_scan(rule, latest.get(rule.key), at) for rule in RULES),
        *_canaries(latest),
        _waiting(),
    )


def chip(*, at: datetime) -> Chip:
    """Say in one line when the checks ran last, or that they have not. One query."""
    beat = Heartbeat.objects.filter(name="worker").values("at")
    latest = _latest_whole_runs(worker_seen_at=Subquery(beat))
    runs = [latest[rule.key] for rule in RULES if rule.key in latest]
    if len(runs) < len(RULES):
        return Chip(False, "Alert checks have not run yet. New alerts may be missing.")
    oldest = min(run.finished_at for run in runs if run.finished_at)
    seen = min(_looked_at(run) for run in runs)
    in_scope = max(run.patients_in_scope for run in runs)
    failed = sum(run.failure_count for run in runs)
    blind = [rule.title for rule in RULES if not canary_check(rule=rule, run=latest[rule.key]).ok]
    worker_seen_at: datetime | None = getattr(runs[0], "worker_seen_at", None)
    sign = max(worker_seen_at, oldest) if worker_seen_at else oldest
    if not all(_is_of_today(run, at) for run in runs) or not is_recent(sign, HEARTBEAT_AGE, at):
        since = oldest if at - oldest > SCAN_AGE else sign
        return Chip(
            False,
            f"Alert checks have not run since {since:%d %b %H:%M} UTC ({age_in_words(at - since)})."
            " New alerts may be missing."
            if _is_at_todays_date(runs)
            else "Alert checks ran last for another date than today. New alerts may be missing.",
        )
    if failed:
        return Chip(
            False, f"Alert checks are incomplete: {failed} of {in_scope} patients could not be judged."
        )
    if blind:
        return Chip(False, f"Alert checks may miss alerts: {', '.join(blind)} did not pass its own test.")
    return Chip(True, f"Alert checks: {age_in_words(at - sign)} ago · {seen} of {in_scope} patients")


def changes_are_judged(*, at: datetime) -> bool:
    """Say whether a changed record is judged within minutes: the broker answers, a worker was seen."""
    return _broker().ok and _heartbeat("worker", at).ok


def latest_whole_runs() -> list[ScanRun]:
    """Return the latest finished run over everybody of each rule in force, in the rules' order."""
    latest = _latest_whole_runs()
    return [latest[rule.key] for rule in RULES if rule.key in latest]


def _latest_whole_runs(**with_: Subquery) -> dict[str, ScanRun]:
    # By the order in which they began: a run leaves the alerts of its date, whatever a clock said.
    runs = (
        ScanRun.objects.filter(
            is_whole=True, finished_at__isnull=False, rule__in=[rule.key for rule in RULES]
        )
        .annotate(**with_)
        .order_by("rule", "-pk")
        .distinct("rule")
    )
    return {run.rule: run for run in runs}


def _looked_at(run: ScanRun) -> int:
    """Count whom the run judged, had no reason to judge, or knew to be as an earlier run found them."""
    return run.patients_judged + run.patients_skipped_as_clear + run.patients_unchanged


def _canaries(latest: dict[str, ScanRun]) -> list[Check]:
    # Of a rule that never ran the check of its scan says so already.
    return [canary_check(rule=rule, run=latest[rule.key]) for rule in RULES if rule.key in latest]


def _is_at_todays_date(runs: Iterable[ScanRun]) -> bool:
    """Whether the alerts stand as of today: at each site, or on the pinned date of a demonstration."""
    return all(run.as_of == settings.REGISTRY_TODAY for run in runs)


def _is_of_today(run: ScanRun, at: datetime) -> bool:
    if not _is_at_todays_date([run]) or run.finished_at is None:
        return False
    # On a pinned date the clock starts anew every midnight, and a run of that date grows no older.
    return settings.REGISTRY_TODAY is not None or is_recent(run.finished_at, SCAN_AGE, at)


def _database() -> Check:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('synchronous_commit'), current_setting('fsync')")
            commit, fsync = cursor.fetchone()
    except DatabaseError as error:
        return Check("database", False, "no answer", "answers", type(error).__name__)
    return Check("database", True, "answers", "answers", f"synchronous_commit {commit}, fsync {fsync}")


def _broker() -> Check:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as broker:
            broker.ping()
    except RedisError as error:
        return Check("broker", False, "no answer", "answers", type(error).__name__)
    return Check("broker", True, "answers", "answers")


def _scan(rule: Rule, run: ScanRun | None, at: datetime) -> Check:
    name = f"scan:{rule.key}"
    limit = f"a whole run in the last {age_in_words(SCAN_AGE)}"
    if run is None or run.finished_at is None:
        return Check(name, False, "never", limit)
    age = at - run.finished_at
    judged = _looked_at(run)
    detail = (
        f"version {run.rule_version}, {judged} of {run.patients_in_scope} patients"
        f" ({run.patients_skipped_as_clear} skipped as clear, {run.patients_unchanged} unchanged),"
        f" {run.failure_count} failures"
    )
    if not _is_at_todays_date([run]):
        detail += f", as of {run.as_of or 'another day'} and not of today"
    ok = (
        _is_of_today(run, at)
        and run.failure_count == 0
        and judged == run.patients_in_scope
        and run.rule_version == rule.version
    )
    return Check(name, ok, f"{age_in_words(age)} ago", limit, detail)


def _waiting() -> Check:
    with connection.cursor() as cursor:
        # By the database's clock, which dated the rows.
        cursor.execute(
            "SELECT clock_timestamp() - min(since), count(DISTINCT patient_id)"
            " FROM registry_waitingevaluation"
        )
        age, count = cursor.fetchone()
    limit = f"none older than {age_in_words(WAITING_AGE)}"
    if age is None:
        return Check("waiting evaluations", True, "none", limit)
    return Check(
        "waiting evaluations",
        age <= WAITING_AGE,
        f"oldest {age_in_words(age)}",
        limit,
        counted(count, "patient"),
    )


def _failures() -> Check:
    # Counted where every role may count: the failures themselves are rows of patients.
    count = WaitingEvaluation.objects.filter(attempts__gt=0).values("patient_id").distinct().count()
    return Check("failed evaluations", count == 0, counted(count, "patient"), "0 patients")


def _heartbeat(name: str, at: datetime) -> Check:
    limit = f"a sign of life in the last {age_in_words(HEARTBEAT_AGE)}"
    beat = Heartbeat.objects.filter(name=name).first()
    if beat is None:
        return Check(name, False, "never", limit)
    age = at - beat.at
    return Check(name, is_recent(beat.at, HEARTBEAT_AGE, at), f"{age_in_words(age)} ago", limit)


def _next_run(at: datetime) -> Check:
    due = DueRun.objects.filter(job=NIGHTLY_SCAN, due_at__lte=at)
    waiting = due.filter(state="waiting").order_by("due_at").first()
    latest = due.order_by("-due_at").first()
    if waiting is not None:
        late = at - waiting.due_at
        return Check(
            "next nightly scan",
            late <= timedelta(hours=2),
            f"due {age_in_words(late)} ago",
            "within 2 h of its hour",
        )
    if latest is None:
        return Check("next nightly scan", False, "not planned", "planned")
    following = latest.due_at + timedelta(days=1)
    return Check(
        "next nightly scan", following > at, f"{spoken(following.date())}, {following:%H:%M} UTC", "planned"
    )


def _notifications() -> Check:
    """Mails leave, and those that cannot are looked after: a dead letter is a person who was not told."""
    mails = mail_state()
    has_server = bool(settings.EMAIL_HOST)
    value = f"{mails.waiting} waiting" if mails.waiting or mails.untold else "none waiting"
    if mails.oldest is not None:
        value += f", oldest {age_in_words(mails.oldest)}"
    if mails.dead:
        value += f", {mails.dead} could not be sent: see /notifications/"
    detail = "" if has_server else f"no mail server is set: mails are written to {settings.EMAIL_FILE_PATH}"
    if mails.untold:
        detail = (
            f"critical alerts in no mail yet: {mails.untold}; has their study an officer? {detail}".strip()
        )
    ok = (
        not mails.dead
        and (mails.oldest is None or mails.oldest <= MAIL_AGE)
        and (has_server or not settings.PRODUCTION)
    )
    return Check(
        "notifications",
        ok,
        value,
        f"none older than {age_in_words(MAIL_AGE)}, none that could not be sent",
        detail,
    )


def _demo_accounts() -> Check:
    """Invented people must not be able to come in where real patients are."""
    there = User.objects.filter(is_demo=True, is_active=True).exists()
    return Check(
        "demo accounts",
        settings.DEMO or not there,
        "present" if there else "none",
        "none outside a demonstration",
    )
