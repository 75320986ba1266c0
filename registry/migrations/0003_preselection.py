"""What lets the database tell which patients could have a finding: results packed, reports screened."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_guarantees")]

    operations = [
        migrations.CreateModel(
            name="PackedLabs",
            fields=[
                (
                    "patient",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="registry.patient",
                    ),
                ),
                ("packed_as", models.CharField(max_length=16)),
                ("readings", models.BinaryField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="LabsToRepack",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
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
        ),
        migrations.CreateModel(
            name="ReportScreening",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("lists", models.CharField(max_length=16)),
                ("names_malignancy", models.BooleanField()),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.adverseevent",
                    ),
                ),
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
                "indexes": [
                    models.Index(
                        condition=models.Q(("names_malignancy", True)),
                        fields=["patient"],
                        name="screening_names_malignancy",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "number"), include=("lists",), name="report_is_screened_once"
                    )
                ],
            },
        ),
        # The same rule as before, with the visit's date beside it in the index.
        migrations.RemoveConstraint(model_name="visit", name="visit_is_recorded_once"),
        migrations.AddConstraint(
            model_name="visit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("code", "UNS"), _negated=True),
                fields=("course", "code"),
                include=("visited_on",),
                name="visit_is_recorded_once",
            ),
        ),
        migrations.RunSQL((SQL / "preselection.sql").read_text()),
    ]
