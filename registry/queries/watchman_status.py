"""Whether the watchman himself is well: canaries found, recounts clean, clocks together, the outside told."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Max

from registry.models import DueRun, OutsidePing, RecountRun, ScanRun
from registry.monitoring.rule import Rule
from registry.queries.checks import Check, age_in_words, counted, is_recent

RECOUNT_AGE = timedelta(hours=26)  # a night and two hours of grace
DUE_RUN_AGE = timedelta(hours=2)
CLOCK_SKEW = timedelta(minutes=1)
PING_AGE = timedelta(minutes=15)
OUTSIDE_HEARTBEAT = "outside heartbeat"


def canary_check(*, rule: Rule, run: ScanRun) -> Check:
    """Say whether the rule's latest whole run found every canary, and name those that it did not."""
    name, limit = f"canaries:{rule.key}", "every canary found, and nothing else"
    if run.canaries_expected is None or run.canaries_found is None:
        return Check(name, False, "not looked for in the latest run", limit)
    ok = run.canaries_found == run.canaries_expected and not run.canary_problems
    value = f"found {run.canaries_found} of {run.canaries_expected}"
    if not run.canaries_expected and ok:
        value = "none on the date judged"
    return Check(name, ok, value, limit, "; ".join(run.canary_problems))


def recount_check(*, at: datetime) -> Check:
    """Say when the latest recount was and which differences nobody has settled or explained."""
    limit = f"one in the last {age_in_words(RECOUNT_AGE)}, 0 differences"
    latest = RecountRun.objects.filter(finished_at__isnull=False).order_by("-pk").first()
    if latest is None:
        first = ScanRun.objects.filter(is_whole=True, finished_at__isnull=False).order_by("pk").first()
        # Of an installation that began today the first night is still to come.
        is_young = first is None or at - first.started_at <= RECOUNT_AGE
        return Check("recount", is_young, "none yet", limit)
    open_ones = open_differences(latest=latest)
    is_fresh = settings.REGISTRY_TODAY is not None or is_recent(latest.at, RECOUNT_AGE, at)
    differing = [
        f"{count} differences in the recount of {run.at:%d %b %Y}, number {run.pk}"
        for run, count in open_ones
    ]
    looked_at = (
        f"{counted(latest.patients_counted, 'patient')} and "
        f"{counted(latest.overdue_visits_counted, 'overdue visit')} counted"
        f" ({counted(latest.patients_waiting, 'patient')} waiting to be judged left out)"
    )
    return Check(
        "recount",
        is_fresh and not open_ones,
        f"{age_in_words(at - latest.at)} ago, {sum(count for _, count in open_ones)} differences",
        limit,
        "; ".join([*differing, looked_at]),
    )


def open_differences(*, latest: RecountRun) -> list[tuple[RecountRun, int]]:
    """Return the recounts whose differences stand, with how many: not explained, and no later one clean.

    A share is counted again after thirty nights; overdue visits, those of everybody, every night.
    """
    of_shares = (
        RecountRun.objects.filter(finished_at__isnull=False).order_by("share", "-pk").distinct("share")
    )
    found = []
    for run in sorted({*of_shares, latest}, key=lambda run: run.pk):
        count = run.difference_count + (run.overdue_difference_count if run.pk == latest.pk else 0)
        if count and run.explained_at is None:
            found.append((run, count))
    return found


def clock_check(*, at: datetime) -> Check:
    """Say whether the application's and the database's clocks agree; on a pinned date they cannot."""
    limit = f"less than {age_in_words(CLOCK_SKEW)} apart"
    if settings.REGISTRY_TODAY is not None:
        return Check(
            "clocks", True, "not compared", limit, f"the date is pinned to {settings.REGISTRY_TODAY}"
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp() - %s)::double precision", [at])
        seconds = cursor.fetchone()[0]
    ok = abs(seconds) < CLOCK_SKEW.total_seconds()
    return Check("clocks", ok, f"{abs(seconds):.1f} s apart", limit, "application and database")


def due_run_check(*, at: datetime) -> Check:
    """Say whether a periodic job waits too long, whichever it is."""
    limit = f"none waits for more than {age_in_words(DUE_RUN_AGE)}"
    oldest = DueRun.objects.filter(state="waiting", due_at__lte=at).order_by("due_at").first()
    if oldest is None:
        return Check("due runs", True, "none waits", limit)
    # The jobs of a night follow its scan: after days of rest their time comes when that is done.
    scanned = ScanRun.objects.filter(is_whole=True, finished_at__lte=at).aggregate(Max("finished_at"))
    late = at - max(oldest.due_at, scanned["finished_at__max"] or oldest.due_at)
    detail = f"{oldest.job}, tried {oldest.attempts} times"
    return Check("due runs", late <= DUE_RUN_AGE, f"oldest waits for {age_in_words(late)}", limit, detail)


def outside_check(*, at: datetime) -> Check:
    """Say whether somebody outside still hears that all is well. Without an address nobody is asked."""
    limit = f"heard in the last {age_in_words(PING_AGE)}, when all else is well"
    if not settings.HEARTBEAT_URL:
        return Check(OUTSIDE_HEARTBEAT, True, "not set up", "optional: HEARTBEAT_URL")
    ping = OutsidePing.objects.first()
    if ping is None:
        return Check(OUTSIDE_HEARTBEAT, False, "never sent", limit)
    heard = f"heard {age_in_words(at - ping.answered_at)} ago" if ping.answered_at else "never heard"
    ok = ping.answered_at is not None and ping.is_heard and is_recent(ping.answered_at, PING_AGE, at)
    return Check(OUTSIDE_HEARTBEAT, ok, heard, limit, f"latest answer: {ping.answer}")
