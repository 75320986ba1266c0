"""Sealing the audit trail: a digest over every event since the last seal, chained to it."""

from django.db import connection

from registry.access.scope import EVERYTHING, acting


def seal() -> int:
    """Seal what no running transaction can still undercut; return how many events that were."""
    with acting(rows=EVERYTHING), connection.cursor() as cursor:
        cursor.execute("SELECT audit.make_seal()")
        return cursor.fetchone()[0]
