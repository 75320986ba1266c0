"""Since when the nightly scan has not run, when nights were missed."""

from datetime import datetime, timedelta

from registry.models import DueRun

_NIGHT = timedelta(days=1)


def missed_since(*, at: datetime) -> datetime | None:
    """Return the hour of the first of several nights that are outstanding; one alone is not missed yet."""
    done = DueRun.objects.filter(job="nightly_scan", state="done", due_at__lte=at).order_by("-due_at").first()
    if done is None or at < done.due_at + 2 * _NIGHT:
        return None
    return done.due_at + _NIGHT
