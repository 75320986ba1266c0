"""What one record raises is kept and survived; what is to stop everything is not."""

import re
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from registry.actions.broken_records import Survived


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
