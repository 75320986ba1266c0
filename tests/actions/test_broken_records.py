"""What one record raises is kept and survived; what is to stop everything is not."""

import gc
import re
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from registry.actions.broken_records import Survived
from registry.actions.judging import judge_batch
from registry.monitoring.catalogue import RULES
from registry.queries.evidence import Candidate
from registry.queries.fingerprints import InForce
from tests.factories import DAY_0, NIGHT


def test_what_is_raised_is_kept_and_the_work_goes_on():
    broken = ZeroDivisionError("a count without a unit")

    with Survived() as judging:
        raise broken

    assert judging.error is broken


def test_where_nothing_is_raised_nothing_is_kept():
    with Survived() as judging:
        pass

    assert judging.error is None


@pytest.mark.parametrize("stop", [SoftTimeLimitExceeded, KeyboardInterrupt, SystemExit])
def test_what_is_to_stop_the_work_stops_it(stop):
    with pytest.raises(stop), Survived():
        raise stop


def test_nothing_else_in_the_house_survives_whatever_is_raised():
    swallowing = re.compile(r"^\s*except(\s+(Base)?Exception\b.*)?:", re.MULTILINE)
    found = [
        str(path)
        for path in Path(settings.BASE_DIR, "registry").rglob("*.py")
        if swallowing.search(path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_garbage_is_sought_again_when_the_time_ends_at_the_very_beginning(monkeypatch):
    spare = gc.disable

    def and_the_time_is_over():
        spare()
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(gc, "disable", and_the_time_is_over)
    try:
        with pytest.raises(SoftTimeLimitExceeded):
            judge_batch(
                rules=RULES,
                by=InForce("", {}),
                batch=[Candidate(1, DAY_0, is_in_scope=True)],
                at=NIGHT,
                is_whole=False,
                notes={},
            )

        assert gc.isenabled()
    finally:
        gc.enable()
