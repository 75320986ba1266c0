"""A site's people saving visits, in a process of their own: every save the real action in its own scope.

    python -m tests.faults.saving USER THREADS   with lines of "<patient code> <study day>" to read

Each save is one low neutrophil count at a visit. It is printed when it is acknowledged: not before the
transaction is committed, as the page's answer is not. A thread whose database goes away says so and ends.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import django

django.setup()

from django.db import DatabaseError, InterfaceError, connection  # noqa: E402

from registry.access.scope import acting, rows_of  # noqa: E402
from registry.actions.laboratory import ResultEntry  # noqa: E402
from registry.actions.visits import VisitEntry, record_visit  # noqa: E402
from registry.models import Patient, User  # noqa: E402

TODAY = datetime(2025, 9, 1, tzinfo=UTC)


def save(user: User, code: str, study_day: int) -> None:
    with acting(rows=rows_of(user), by=user, origin="form"):
        patient = Patient.objects.get(code=code)
        course = patient.courses.get()
        on = course.day_zero + timedelta(days=study_day)
        record_visit(
            patient=patient,
            course=course,
            code="UNS",
            entry=VisitEntry("completed", on),
            results=[ResultEntry("ANC", "400", "/uL", on)],
            submission=uuid4(),
            by=user,
            at=datetime.now(UTC),
            today=TODAY.date(),
        )


def save_all(user: User, lines: list[str]) -> None:
    try:
        for line in lines:
            code, study_day = line.split()
            save(user, code, int(study_day))
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except (DatabaseError, InterfaceError) as gone:
        sys.stderr.write(f"the database went away: {gone}\n")
    finally:
        connection.close()


def main() -> None:
    username, threads = sys.argv[1], int(sys.argv[2])
    user = User.objects.get(username=username)
    connection.close()
    lines = sys.stdin.read().splitlines()
    with ThreadPoolExecutor(threads) as pool:
        for work in [pool.submit(save_all, user, lines[start::threads]) for start in range(threads)]:
            work.result()


if __name__ == "__main__":
    main()
