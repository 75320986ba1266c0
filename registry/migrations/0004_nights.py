"""Nights in parts, and the days on which the calendar alone changes what a rule says."""

import django.db.models.deletion
from django.db import migrations, models

# Of the rows of patients; like those of migration 0002.
SCOPED = """
ALTER TABLE registry_judgement ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON registry_judgement USING (
    (SELECT registry_sees_everything()) OR patient_id IN (SELECT id FROM registry_patient));
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_preselection")]

    operations = [
        migrations.AddField("alert", "as_of", models.DateField(null=True)),
        migrations.AddField("alert", "late_since", models.DateTimeField(null=True)),
        migrations.AddField("scanrun", "is_from_raw", models.BooleanField(default=True)),
        migrations.AddField("scanrun", "lists", models.CharField(blank=True, max_length=300)),
        migrations.AddField("scanrun", "missed_since", models.DateTimeField(null=True)),
        migrations.AddField("scanrun", "patients_unchanged", models.PositiveIntegerField(default=0)),
        migrations.AddField(
            "scanrun",
            "slot",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="scan_runs",
                to="registry.duerun",
            ),
        ),
        migrations.CreateModel(
            name="Judgement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rule", models.CharField(max_length=40)),
                ("rule_version", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("as_of", models.DateField()),
                ("wake_on", models.DateField(null=True)),
                ("seen", models.BigIntegerField(null=True)),
                (
                    "patient",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.patient",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["rule", "wake_on"], name="judgement_wakes")],
                "constraints": [
                    models.UniqueConstraint(fields=("patient", "rule"), name="judgement_is_kept_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ScanPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_patient_id", models.BigIntegerField()),
                ("last_patient_id", models.BigIntegerField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("counts", models.JSONField(default=dict)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="registry.scanrun",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "first_patient_id"), name="scan_part_is_planned_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(SCOPED),
    ]
