"""Windows onto the audit trail, which only database triggers write (migration 0002)."""

from django.db import models


class AuditEvent(models.Model):
    """One change of one row: who, when, old, new, why, by which way. Append-only, sealed in a chain.

    `op`: I, U or D. `old`, `new`: the whole row for I and D, the changed columns for U.
    """

    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    reason = models.TextField(null=True)
    origin = models.TextField(null=True)
    op = models.CharField(max_length=1)
    tbl = models.TextField()
    pk_text = models.TextField(db_column="pk")
    patient_id = models.BigIntegerField(null=True)
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = 'audit"."event'

    def __str__(self) -> str:
        return f"{self.op} {self.tbl} {self.pk_text}"
