"""The index that keeps a result from being recorded twice holds all that a rule reads of it.

A patient's results lie on some forty pages of the table: judging reads the index alone.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0018_old_drafts")]

    operations = [
        migrations.RemoveConstraint("labresult", "lab_result_is_recorded_once"),
        migrations.AddConstraint(
            "labresult",
            models.UniqueConstraint(
                fields=["patient", "analyte", "collected_on", "value", "comparator"],
                include=["id"],
                condition=models.Q(superseded_at__isnull=True),
                name="lab_result_is_recorded_once",
            ),
        ),
    ]
