"""The audit trail held against the tables, and its chain of seals against itself."""

from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True)
class Deviation:
    """One place where trail and tables, or the trail and its seals, disagree."""

    table: str
    row: str
    event_id: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and every deviation."""

    tables: int
    events: int
    sealed_events: int
    seals: int
    deviations: tuple[Deviation, ...]


def verify() -> Verification:
    """Replay every watched table's events and check every seal. Within a scope that sees everything."""
    deviations: list[Deviation] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl FROM audit.watched ORDER BY tbl")
        tables = [row[0] for row in cursor.fetchall()]
        for table in tables:
            cursor.execute("SELECT pk, event_id, problem FROM audit.replay(%s) ORDER BY event_id", [table])
            deviations.extend(Deviation(table, *row) for row in cursor.fetchall())
        cursor.execute("SELECT no, up_to_id, ok FROM audit.verify_seals()")
        seals = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM audit.event")
        events = cursor.fetchone()[0]
        cursor.execute(
            "SELECT count(*) FROM audit.event WHERE id <= (SELECT coalesce(max(up_to_id), 0) FROM audit.seal)"
        )
        sealed = cursor.fetchone()[0]
    deviations.extend(
        Deviation("audit.event", f"seal {no}", up_to_id, "a stretch of the trail that its seal does not fit")
        for no, up_to_id, ok in seals
        if not ok
    )
    return Verification(len(tables), events, sealed, len(seals), tuple(deviations))
