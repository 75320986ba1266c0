"""When nights count as missed: one that is outstanding is not, two are."""

from datetime import UTC, datetime

import pytest

from registry.models import DueRun
from registry.queries.missed_nights import missed_since

pytestmark = pytest.mark.django_db


def at(day, hour=2, minute=0):
    return datetime(2024, 9, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "since"),
    [
        (at(10, hour=3), None),
        (at(11), None),
        (at(12, hour=1, minute=59), None),
        (at(12), at(11)),
        (at(20, hour=7), at(11)),
    ],
)
def test_nights_are_missed_from_the_first_when_two_are_outstanding(now, since):
    DueRun.objects.create(job="nightly_scan", due_at=at(9), state="done")
    DueRun.objects.create(job="nightly_scan", due_at=at(10), state="done")
    DueRun.objects.create(job="nightly_scan", due_at=at(11))
    DueRun.objects.create(job="digest", due_at=at(12, hour=1), state="done")

    assert missed_since(at=now) == since


def test_no_night_was_missed_before_the_first():
    DueRun.objects.create(job="nightly_scan", due_at=at(11))

    assert missed_since(at=at(20)) is None
